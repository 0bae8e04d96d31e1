// Retention whose process dies at each call of a site in turn, before or after it was carried out; that meets itself; and whose calls arrive late: no point
// that is there ever lacks a pack or its parent, what is needed restores whole, and the next runs come to the same end.
import { beforeAll, describe, expect, it } from 'vitest';
import { CrashPoint, FaultySite, type SiteFault } from '../../src/drivers/faulty/faulty-site.ts';
import { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import { retain } from '../../src/operations/retention.ts';
import type { VaultSite } from '../../src/ports/vault-site.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { Vault } from '../../src/vault/vault.ts';
import { below, randomFrom } from '../vault/small-vault.ts';
import { day, hour, live, rules, start, World } from './retention-world.ts';

const ignore = () => undefined;
let world: World;
/** What is there at the end. */
let end: { points: readonly string[]; packs: readonly string[] };

beforeAll(async () => {
  world = await new World('crash', true).begin();
  await live(world, 2, async () => undefined);
  world.nowMs = start + 20 * day;
  await world.backUp('full');
  await world.backUp('incremental');
  world.nowMs = start + 40 * day;
  const sites = await copies(world.sites);
  for (let run = 0; run < 2; run += 1) await retain(vaultOf(sites), rules, world.nowMs, ignore);
  end = await named(sites);
  // The yearly full with the two that make it whole, and the newest two; the second day's three are due.
  expect(end.points.length).toBe(5);
});

const vaultOf = (sites: readonly VaultSite[]) => new Vault(world.vault.id, new SiteSet(sites));

/** The same objects with the same dates and locks, in sites of their own. */
async function copies(from: readonly VaultSite[]): Promise<MemorySite[]> {
  const made: MemorySite[] = [];
  for (const site of from) {
    let nowMs = 0;
    const copy = new MemorySite(site.name, () => nowMs);
    for await (const { name } of site.list('')) {
      const state = await site.head(name);
      const bytes = await site.get(name);
      if (state === null || bytes === null) continue;
      nowMs = state.storedAtMs ?? 0;
      await copy.put(name, bytes, { sha256: state.sha256 ?? '', lock: state.lock });
    }
    nowMs = world.nowMs;
    made.push(copy);
  }
  return made;
}

async function named(sites: readonly VaultSite[]): Promise<{ points: readonly string[]; packs: readonly string[] }> {
  const { points, packs } = await world.present(sites);
  return { points: [...points].sort(), packs: [...packs].sort() };
}

/** Whatever is there in any site has its packs and its parents there; what is needed restores. */
async function requireWhole(sites: readonly VaultSite[], what: string): Promise<void> {
  const { points, packs } = await world.present(sites);
  for (const { point, parent } of world.made) {
    if (!points.has(point)) continue;
    expect(parent === null || points.has(parent), `${what}: the parent of ${point}`).toBe(true);
    for (const pack of (await world.packsOf(point)) ?? []) expect(packs.has(pack), `${what}: pack ${pack} of ${point}`).toBe(true);
  }
  expect(await world.broken(end.points, vaultOf(sites)), what).toEqual([]);
}

async function requireTheEnd(sites: readonly VaultSite[], what: string): Promise<void> {
  // One for the manifests that are left, one for the packs.
  for (let run = 0; run < 2; run += 1) await retain(vaultOf(sites), rules, world.nowMs, ignore);
  expect(await named(sites), what).toEqual(end);
}

async function callsOf(sites: readonly VaultSite[]): Promise<number> {
  const counter = new CrashPoint(Infinity, 'before');
  await retain(vaultOf(sites.map((site) => new FaultySite(site, counter.faultOf))), rules, world.nowMs, ignore);
  return counter.calls;
}

describe('retention that dies', () => {
  it.each([0, 1])(
    'at any call of its run %d, before or after it was carried out',
    async (runsBefore) => {
      const begun = await copies(world.sites);
      for (let run = 0; run < runsBefore; run += 1) await retain(vaultOf(begun), rules, world.nowMs, ignore);
      const calls = await callsOf(await copies(begun));
      expect(calls).toBeGreaterThan(40);
      for (const when of ['before', 'after'] as const) {
        for (let call = 1; call <= calls; call += 1) {
          const what = `call ${call} of ${calls}, ${when}`;
          const crash = new CrashPoint(call, when);
          const sites = await copies(begun);
          await retain(vaultOf(sites.map((site) => new FaultySite(site, crash.faultOf))), rules, world.nowMs, ignore).catch(ignore);
          expect(crash.hasCrashed, what).toBe(true);
          await requireWhole(sites, what);
          await requireTheEnd(sites, what);
        }
      }
    },
    60_000,
  );

  it('at one call only, and goes on', async () => {
    const begun = await copies(world.sites);
    const calls = await callsOf(await copies(begun));
    for (let at = 1; at <= calls; at += 1) {
      for (const kind of ['lose-request', 'lose-answer'] as const) {
        let call = 0;
        const sites = await copies(begun);
        const faulty = sites.map((site) => new FaultySite(site, (): SiteFault | undefined => ((call += 1) === at ? { kind } : undefined)));
        await retain(vaultOf(faulty), rules, world.nowMs, ignore).catch(ignore);
        await requireWhole(sites, `call ${at}, ${kind}`);
        await requireTheEnd(sites, `call ${at}, ${kind}`);
      }
    }
  }, 60_000);
});

describe('retention that meets itself', () => {
  it.each(Array.from({ length: 20 }, (_, i) => i))('harms nothing, and both come to the same end (order %d)', async (seed) => {
    const sites = await copies(world.sites);
    const random = randomFrom(`two at once ${seed}`);
    // Each call waits for a few turns of the loop, so that the two run through each other.
    const turns = async (left: number): Promise<void> => (left === 0 ? undefined : new Promise((resolve) => setImmediate(() => resolve(turns(left - 1)))));
    const slow = () => sites.map((site) => new FaultySite(site, () => ({ kind: below(random, 2) === 0 ? 'hold-request' : 'hold-answer', until: turns(below(random, 4)) })));
    const both = await Promise.all([0, 1].map(async () => retain(vaultOf(slow()), rules, world.nowMs, ignore)));
    for (const { silent, staying } of both) expect([silent, staying]).toEqual([[], 0]);
    await requireWhole(sites, 'both');
    await requireTheEnd(sites, 'both');
  });
});

describe('a backup beside retention', () => {
  it('is whole, whichever calls of the one come between those of the other', async () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const random = randomFrom(`beside ${seed}`);
      const other = await new World(`beside ${seed}`, false).begin();
      await live(other, 2, async () => undefined);
      other.nowMs = start + 30 * day;
      await other.backUp('full');
      other.nowMs += 20 * day + hour;
      const turns = async (left: number): Promise<void> => (left === 0 ? undefined : new Promise((resolve) => setImmediate(() => resolve(turns(left - 1)))));
      const slow = other.sites.map((site) => new FaultySite(site, () => ({ kind: 'hold-request', until: turns(below(random, 5)) })));
      const vault = new Vault(other.vault.id, new SiteSet(slow));
      await Promise.all([other.backUp('incremental', slow), other.retain({}, vault).then(async () => other.retain({}, vault))]);
      other.nowMs += day;
      await other.retain();
      expect(await other.broken(other.neededAt(other.nowMs)), `seed ${seed}`).toEqual([]);
    }
  });
});

// A backup whose process dies at each call of a site in turn, before or after it was carried out, and one in which each call fails once while the rest goes
// on: afterwards there is no new point or a whole one, earlier points are as they were, and the next run succeeds.
import { beforeAll, describe, expect, it } from 'vitest';
import { CrashPoint, FaultySite, type SiteFault } from '../../src/drivers/faulty/faulty-site.ts';
import type { PointName } from '../../src/core/vault/recovery-point.ts';
import { newPoint, vaultFileName } from '../../src/core/vault/object-names.ts';
import type { VaultSite } from '../../src/ports/vault-site.ts';
import { PartWriter } from '../../src/vault/part-writer.ts';
import { openPoint } from '../../src/vault/point-reader.ts';
import { commitPoint } from '../../src/vault/point-writer.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { createVault, openVault } from '../../src/vault/vault.ts';
import { verifyKeys } from '../../src/vault/verify-keys.ts';
import { verifyPoint } from '../../src/vault/verify.ts';
import { atMs, backUp, cheapWrap, memorySites, objectsOf, pieces, randomFrom, readBack, shown, siteOf, type Contents, type Objects } from './small-vault.ts';

const names = ['a', 'b', 'c'];
const chunkBytes = 16 * 1024;
const before = { objects: new Map<string, Uint8Array>(), keyId: '', full: { chain: '', point: '', sha256: '' } };
const noise = randomFrom('crash contents');
const first: Contents = { large: noise(150_000), small: noise(50) };
const second: Contents = { ...first, large: Buffer.concat([first['large'] ?? noise(1), noise(100_000)]), more: noise(10) };
const point = newPoint(atMs + 1, 'incremental', '0123456789abcdef');

beforeAll(async () => {
  const random = randomFrom('crash vault');
  const sites = memorySites(names);
  const set = new SiteSet(sites);
  const vault = await createVault(set, random);
  const key = await vault.newKey(cheapWrap, 0, random, null);
  before.keyId = key.keyId;
  before.full = await backUp({ sites: set, vault, key, random, contents: first, chunkBytes });
  before.objects = await objectsOf(sites[0]!);
});

/** The canonical backup: opens the vault, takes over what the last point has, writes packs and commits. */
async function run(sites: readonly VaultSite[], chance: string, name = point): Promise<PointName> {
  const set = new SiteSet(sites);
  const random = randomFrom(chance);
  const vault = await openVault(set);
  const key = await vault.openKey(before.keyId, cheapWrap);
  const [last] = await vault.listPoints({ source: 'test' });
  if (last === undefined) throw new Error('the earlier point is gone');
  const opened = await openPoint(vault, last, key);
  const parent = { point: last.point, sha256: opened.sha256 };
  return backUp({ sites: set, vault, key, random, contents: second, chain: last.chain, point: name, type: 'incremental', parent, known: await opened.dedupIndex(), chunkBytes });
}

/** What must hold whatever happened. @returns in how many sites the new point is */
async function requireSound(sites: readonly VaultSite[], what: string): Promise<number> {
  const vault = await openVault(new SiteSet(sites));
  const key = await vault.openKey(before.keyId, cheapWrap);
  expect(await verifyKeys(vault, cheapWrap), `${what}: keys`).toEqual([]);
  expect((await verifyPoint(vault, before.full, { key })).violations, `${what}: the earlier point verifies`).toEqual([]);
  expect(shown(await readBack(vault, before.full, key)), `${what}: the earlier point reads`).toEqual(shown(first));
  const found = (await vault.listPoints()).filter((each) => each.point === point);
  // Even in a minority of the sites it is whole: its packs came first.
  for (const each of found) expect(shown(await readBack(vault, each, key)), `${what}: the new point is whole`).toEqual(shown(second));
  const stored = found[0]?.sites ?? [];
  if (found[0]?.isCommitted === true) {
    const packs = new SiteSet(sites);
    for (const { sha256 } of (await vault.readManifest({ chain: before.full.chain, point })).packs) {
      const copies = (await packs.copies(`packs/${sha256.slice(0, 2)}/${sha256}`)).filter(({ bytes }) => bytes !== null);
      expect(copies.length, `${what}: pack ${sha256} is in a majority`).toBeGreaterThanOrEqual(packs.majority);
    }
  }
  return stored.length;
}

async function freshSites(): Promise<VaultSite[]> {
  return Promise.all(names.map(async (name) => siteOf(name, before.objects as Objects)));
}

describe('a backup that dies', () => {
  it('at any call, before or after it was carried out, leaves no point or a whole one, and the next run succeeds', async () => {
    const counting = new CrashPoint(Infinity, 'before');
    await run(
      (await freshSites()).map((site) => new FaultySite(site, counting.faultOf)),
      'run',
    );
    expect(counting.calls).toBeGreaterThan(20);
    const outcomes = { none: 0, minority: 0, committed: 0 };
    for (let n = 1; n <= counting.calls; n += 1) {
      for (const when of ['before', 'after'] as const) {
        const what = `dies ${when} call ${n} of ${counting.calls}`;
        const sites = await freshSites();
        const crash = new CrashPoint(n, when);
        const ended = await run(
          sites.map((site) => new FaultySite(site, crash.faultOf)),
          'run',
        ).then(
          () => 'committed',
          () => 'died',
        );
        const stored = await requireSound(sites, what);
        if (ended === 'committed') expect(stored, what).toBeGreaterThanOrEqual(2);
        outcomes[stored === 0 ? 'none' : stored === 1 ? 'minority' : 'committed'] += 1;
        // The same step again makes the point, or leaves alone the one that is there. And another run knows nothing of it.
        if (stored === 0) await run(sites, 'run');
        else await run(sites, 'run again').catch((error: Error) => expect(error.message, what).toMatch(/another manifest named/));
        expect(await requireSound(sites, `${what}, and again`), what).toBe(stored === 0 ? 3 : stored);
        const next = await run(sites, 'another run', newPoint(atMs + 2, 'incremental', 'fedcba9876543210'));
        const vault = await openVault(new SiteSet(sites));
        expect((await verifyPoint(vault, next, { key: await vault.openKey(before.keyId, cheapWrap) })).violations, `${what}: the next run`).toEqual([]);
      }
    }
    // All three must have happened, or the test has not been where it matters.
    expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(0);
  });

  it('while it commits is completed by the same commit, which writes the same bytes', async () => {
    const seen = new Set<number>();
    for (let n = 1; n < 100; n += 1) {
      for (const when of ['before', 'after'] as const) {
        const sites = await freshSites();
        const set = new SiteSet(sites);
        const vault = await openVault(set);
        const key = await vault.openKey(before.keyId, cheapWrap);
        const writer = new PartWriter({ sites: set, key, lock: null, packBytes: 64 * 1024, zstdLevel: 1, chunkBytes: 4096, random: randomFrom('part') });
        await writer.add({ meta: { n: 'one' }, content: pieces(noise(9000), 1000) });
        const parts = [await writer.finish(null)];
        const header = {
          chain: before.full.chain,
          point,
          source: 'test',
          type: 'incremental' as const,
          parent: { point: before.full.point, sha256: before.full.sha256 },
          createdAtMs: 1,
          class: 'hourly' as const,
          lockedUntilMs: null,
        };
        const commit = async (of: readonly VaultSite[]) =>
          commitPoint({ sites: new SiteSet(of), vault: vault.id, key, header, body: { source: { kind: 'test' }, fromMs: 1, throughMs: 1 }, parts, random: randomFrom('commit'), lock: null });
        const crash = new CrashPoint(n, when);
        await commit(sites.map((site) => new FaultySite(site, crash.faultOf))).catch(() => undefined);
        seen.add((await Promise.all(sites.map(async (site) => site.head(`points/${before.full.chain}/${point}`)))).filter((state) => state !== null).length);
        const { name } = await commit(sites);
        expect((await verifyPoint(vault, name, { key })).violations, `${when} ${n}`).toEqual([]);
        if (!crash.hasCrashed) {
          expect(seen).toEqual(new Set([0, 1, 2, 3]));
          return;
        }
      }
    }
  });

  it('is not needed for one call that fails: the others are a majority', async () => {
    const counting = new CrashPoint(Infinity, 'before');
    await run(
      (await freshSites()).map((site) => new FaultySite(site, counting.faultOf)),
      'run',
    );
    for (let n = 1; n <= counting.calls; n += 1) {
      for (const kind of ['lose-request', 'lose-answer'] as const) {
        const what = `${kind} of call ${n}`;
        const sites = await freshSites();
        let calls = 0;
        const fault = (): SiteFault | undefined => ((calls += 1) === n ? { kind } : undefined);
        await run(
          sites.map((site) => new FaultySite(site, fault)),
          'run',
        );
        expect(await requireSound(sites, what), what).toBeGreaterThanOrEqual(2);
      }
    }
  });

  it('leaves nothing behind where a majority of the sites is down', async () => {
    for (const down of [
      ['a', 'b'],
      ['b', 'c'],
      ['a', 'b', 'c'],
    ]) {
      const sites = await freshSites();
      const faulty = sites.map((site) => new FaultySite(site, ({ method }) => (down.includes(site.name) && method === 'put' ? { kind: 'lose-request' } : undefined)));
      await expect(run(faulty, 'run')).rejects.toThrow(/stored in [01] of 3 sites, and 2 are needed/);
      expect(await requireSound(sites, `without ${down.join(', ')}`)).toBe(0);
    }
  });

  it('under a name that another point has is refused, and that point stays', async () => {
    const sites = await freshSites();
    await run(sites, 'run');
    await expect(run(sites, 'another chance')).rejects.toThrow(/There is another manifest named/);
    expect(await requireSound(sites, 'a name twice')).toBe(3);
  });
});

describe('making a vault and wrapping a key', () => {
  it('at any call, before or after, is completed by doing it again', async () => {
    const make = async (sites: readonly VaultSite[]) => {
      const vault = await createVault(new SiteSet(sites), randomFrom('make'));
      const key = await vault.newKey(cheapWrap, 0, randomFrom('key'), null);
      await vault.rewrapKey(key.keyId, cheapWrap, cheapWrap, 1, null);
    };
    const counting = new CrashPoint(Infinity, 'before');
    await make(memorySites(names).map((site) => new FaultySite(site, counting.faultOf)));
    for (let n = 1; n <= counting.calls; n += 1) {
      for (const when of ['before', 'after'] as const) {
        const sites = memorySites(names);
        const crash = new CrashPoint(n, when);
        await make(sites.map((site) => new FaultySite(site, crash.faultOf))).catch(() => undefined);
        const set = new SiteSet(sites);
        const vault = await createVault(set, randomFrom('another')).catch(async () => openVault(set));
        expect((await set.copies(vaultFileName)).filter(({ bytes }) => bytes !== null).length, `${when} ${n}`).toBeGreaterThanOrEqual(set.majority);
        const key = await vault.newKey(cheapWrap, 0, randomFrom('yet another'), null);
        expect(await vault.rewrapKey(key.keyId, cheapWrap, cheapWrap, 1, null), `${when} ${n}`).toBe(2);
        expect(Buffer.from((await vault.openKey(key.keyId, cheapWrap)).bytes).equals(Buffer.from(key.bytes)), `${when} ${n}`).toBe(true);
      }
    }
  });
});

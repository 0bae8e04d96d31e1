// The scrub on its schedule: who acts, how a round goes through days and regions, what stands, and who is told.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { compared } from '../../src/core/integrity/integrity-rows.ts';
import { advance, firstState, parseScrubRow, scrubKey, standingMax } from '../../src/core/integrity/scrub-state.ts';
import { shares } from '../../src/core/integrity/shares.ts';
import { scrubIntervalMinutes } from '../../src/config/settings.ts';
import { FaultySite } from '../../src/drivers/faulty/faulty-site.ts';
import { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import { scrubRound, type ScrubRun } from '../../src/operations/scrub-round.ts';
import { sha256Hex } from '../../src/vault/chunk-crypto.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { createVault } from '../../src/vault/vault.ts';
import { IntegrityGroup, type RegionName } from './integrity-fixture.ts';
import { backUp, memorySites, objectsOf, randomFrom } from '../vault/small-vault.ts';
import { openWrap } from './backup-fixture.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;
const times = { workMs: 10 * minuteMs, endMs: 15 * minuteMs };
const stepMs = scrubIntervalMinutes(30) * minuteMs;

let group: IntegrityGroup;
let sites: MemorySite[];
let names: { packs: string[]; points: string[]; keys: string[] };
let chain: string;

beforeEach(async () => {
  const random = randomFrom('scrub round');
  sites = memorySites();
  group = new IntegrityGroup(Date.UTC(2026, 10, 28), sites);
  await group.open('east', 1);
  const vault = await createVault(group.sites, random);
  const key = await vault.newKey(openWrap, 0, random, null);
  const base = { sites: group.sites, vault, key, random };
  const full = await backUp({ ...base, contents: { a: random(5000), b: random(300) } });
  await backUp({ ...base, contents: { a: random(4000) }, chain: full.chain, type: 'incremental', parent: { point: full.point, sha256: full.sha256 } });
  chain = full.chain;
  const all = [...(await objectsOf(sites[0]!)).keys()];
  names = { packs: all.filter((n) => n.startsWith('packs/')), points: all.filter((n) => n.startsWith('points/')), keys: all.filter((n) => n.startsWith('keys/')) };
});

const step = async (region: RegionName = 'east') => scrubRound(group.ports(region), times);

function acting(run: ScrubRun) {
  if (!run.acts) throw new Error(run.because);
  return run;
}

async function damage(name: string, at: readonly MemorySite[]): Promise<void> {
  const bytes = Buffer.from('rubbish');
  for (const site of at) await site.replace(name, bytes, { sha256: sha256Hex(bytes), lock: null });
}

/** To the end of a round, at the pace of the schedule. */
async function round(region: RegionName = 'east') {
  for (let steps = 1; ; steps += 1) {
    const run = acting(await step(region));
    group.clock.advance(stepMs);
    if (run.state.share === 0) return { ...run, steps };
  }
}

describe('a round of the scrub', () => {
  it('is made by the open region only, a share a step, within half of its period', async () => {
    expect(await step('west')).toMatchObject({ acts: false, because: expect.stringContaining('west is not open') });
    const begunAtMs = group.clock.nowMs();
    const { state, steps } = await round();
    expect(steps).toBe(shares.length);
    expect(group.clock.nowMs() - begunAtMs).toBeLessThanOrEqual(15 * dayMs);
    const objects = (await objectsOf(sites[0]!)).size;
    expect(state.lastRound).toMatchObject({ startedAtMs: begunAtMs, objects, repaired: 0, silent: [] });
    expect(group.told).toEqual([]);
  });

  it('that is behind takes more shares at a step, until it is not', async () => {
    acting(await step());
    group.clock.advance(15 * dayMs);
    const { shares: done, state } = acting(await step());
    expect(state.share).toBe(1 + done);
    expect(state.share / shares.length).toBeGreaterThanOrEqual(0.5);
    expect((state.share - 1) / shares.length).toBeLessThan(0.5);
  });

  it('goes on at the object where its time was over, and does no object twice', async () => {
    const read: string[] = [];
    const slow = sites.map(
      (site) =>
        new FaultySite(site, ({ name, method }) => {
          if (method === 'get' && name.startsWith('points/')) {
            read.push(`${site.name} ${name}`);
            group.clock.advance(times.workMs);
          }
          return undefined;
        }),
    );
    for (let share = 0; share < 2; share += 1) acting(await step());
    group.sites = new SiteSet(slow);
    const first = acting(await step());
    expect(first.state).toMatchObject({ share: 2, after: names.points[0] });
    group.clock.advance(stepMs);
    const second = acting(await step());
    expect(second.state).toMatchObject({ share: 3, after: '' });
    expect(new Set(read).size).toBe(read.length);
  });

  it('goes on in the region that opens, from where the other one was, with what stands', async () => {
    await damage(names.packs[0]!, sites);
    await round();
    for (let i = 0; i < 7; i += 1) acting(await step());
    await group.open('west', 2);
    const { state } = acting(await step('west'));
    expect(state).toMatchObject({ share: 8, region: 'west', standingCount: 3 });
    expect(await step('east')).toMatchObject({ acts: false });
    // With the other region gone as well: from its own row.
    group.silent.add('east');
    expect(acting(await step('west')).state.share).toBe(9);
  });

  it('is stepped by one at a time; a step that died holds the next up no longer than its time', async () => {
    await group.rows.east.change({ key: scrubKey, set: { claimedUntilMs: group.clock.nowMs() + 1 }, when: [], mayCreate: true });
    expect(await step()).toMatchObject({ acts: false, because: 'a step is under way' });
    group.clock.advance(1);
    expect(await step()).toMatchObject({ acts: true });
  });

  it('that fails may be taken again at once', async () => {
    const { sites: reached } = group;
    group.sites = new SiteSet(sites.map((site) => new FaultySite(site, () => ({ kind: 'lose-request' }))));
    await expect(step()).rejects.toMatchObject({ name: 'RefusedError' });
    group.sites = reached;
    expect(acting(await step()).state.share).toBe(1);
  });

  it('repairs, verifies, and tells it once, with time and place', async () => {
    await damage(names.packs[0]!, sites.slice(0, 1));
    const { state } = await round();
    expect(state).toMatchObject({ standing: [], standingCount: 0, lastRound: { repaired: 1 } });
    expect(group.told).toMatchObject([{ severity: 'warning', subject: 'orders: vault healthy: 0 lost, 0 not repaired, 1 repaired' }]);
    expect(group.told[0]?.text).toMatch(new RegExp(`^2026-1.*Z ${names.packs[0]} in a: damaged, repaired from b and read back`));
    await round();
    expect(group.told).toHaveLength(1);
  });

  it('says which chain a lost pack, key or manifest breaks, once, and forgets it when it is back', async () => {
    const good = await objectsOf(sites[0]!);
    for (const name of [names.packs.at(-1)!, names.keys[0]!, names.points[1]!]) {
      await damage(name, sites);
      const { state } = await round();
      expect(
        state.standing.map((v) => [v.name, v.site, v.outcome, v.chains]),
        name,
      ).toEqual(['a', 'b', 'c'].map((site) => [name, site, 'lost', [chain]]));
      expect(group.told).toMatchObject([{ severity: 'critical', subject: expect.stringContaining('3 lost'), text: expect.stringContaining(`Not gone on with: chain ${chain}`) }]);
      await round();
      expect(group.told).toHaveLength(1);
      group.told.length = 0;
      await sites[2]!.replace(name, good.get(name)!, { sha256: sha256Hex(good.get(name)!), lock: null });
      expect((await round()).state).toMatchObject({ standing: [], standingCount: 0, lastRound: { repaired: 2 } });
      group.told.length = 0;
    }
  });

  it('calls nothing lost while a site is silent that may have it', async () => {
    await damage(names.packs[0]!, sites.slice(0, 2));
    const whole = group.sites;
    group.sites = new SiteSet([sites[0]!, sites[1]!, new FaultySite(sites[2]!, () => ({ kind: 'lose-request' }))]);
    const { state, health } = await round();
    expect(state.standing.map(({ outcome, chains }) => [outcome, chains])).toEqual([
      ['failed', []],
      ['failed', []],
    ]);
    expect(state.lastRound?.silent).toEqual(['c']);
    expect(health).toBe('degraded');
    group.sites = whole;
    expect((await round()).state).toMatchObject({ standingCount: 0, lastRound: { repaired: 2, silent: [] } });
  });

  it('tells later what could not be told', async () => {
    await damage(names.packs[0]!, sites);
    group.isMute = true;
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    await round();
    group.isMute = false;
    expect(warned).toHaveBeenCalledWith(expect.stringContaining('the topic does not answer'));
    warned.mockRestore();
    acting(await step());
    expect(group.told).toMatchObject([{ subject: expect.stringContaining('3 lost') }]);
    acting(await step());
    expect(group.told).toHaveLength(1);
  });

  it('does not leave what the comparison found until its turn', async () => {
    const name = names.packs[0]!;
    await damage(name, sites.slice(0, 1));
    await group.rows.east.change(
      compared({ atMs: group.clock.nowMs(), objects: 1, silent: [], differences: [{ name, because: 'it differs', sites: ['a'] }], count: 1, region: 'east', isUntold: false }),
    );
    const { state } = acting(await step());
    expect(state).toMatchObject({ share: 1, standingCount: 0, repaired: 1 });
    expect(sha256Hex((await sites[0]!.get(name))!)).toBe(name.slice(-64));
  });

  it('keeps the most of what stands by name, and counts the rest', async () => {
    for (let i = 0; i < standingMax; i += 1) {
      const sha256 = sha256Hex(Buffer.from(`${i}`));
      const bytes = Buffer.from('rubbish');
      await sites[0]!.put(`packs/${sha256.slice(0, 2)}/${sha256}`, bytes, { sha256: sha256Hex(bytes), lock: null });
    }
    const { state, health } = await round();
    expect(state.standing).toHaveLength(standingMax);
    expect([state.standingCount, health]).toEqual([3 * standingMax, 'critical']);
    expect(JSON.stringify(state).length).toBeLessThan(300_000);
  });

  it('changes only what stands of what a step looked at', () => {
    const share = shares.indexOf('packs/00/');
    const at = (name: string) => ({ site: 'a', name, what: 'damaged', outcome: 'failed', foundAtMs: 1, because: 'x', chains: [] }) as const;
    const before = { ...firstState('east', 1), share, after: 'packs/00/3', standing: ['packs/00/3', 'packs/00/4', 'packs/00/6', 'packs/00/7', 'packs/01/5'].map(at), standingCount: 5 };
    const step = { share, resumeAfter: 'packs/00/6', objects: 3, bytes: 3, repaired: 1, silent: [], violations: [at('packs/00/5')] };
    const after = advance(before, step, 'east', 2);
    expect(after.standing.map(({ name }) => name)).toEqual(['packs/00/3', 'packs/00/7', 'packs/01/5', 'packs/00/5']);
    expect(after).toMatchObject({ share, after: 'packs/00/6', standingCount: 4, isUntold: true });
    expect(advance(after, { ...step, resumeAfter: null, violations: [] }, 'east', 3)).toMatchObject({ share: share + 1, after: '', standingCount: 3 });
  });

  it('refuses an altered row', async () => {
    acting(await step());
    const row = await group.rows.east.get(scrubKey);
    for (const text of ['{', '{}', String(row?.['state']).replace('"share":1', `"share":${shares.length}`), String(row?.['state']).replace('"standing":[]', '"standing":[{}]')])
      expect(() => parseScrubRow({ state: text }), text).toThrow(/SCRUB/);
  });
});

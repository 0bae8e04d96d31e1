// `holdfast points` over a vault that backups of a world in memory filled: what is said to be covered can be restored, what is not is refused.
import { describe, expect, it } from 'vitest';
import type { PointsPicture } from '../../src/client/backup-client.ts';
import { archiveKey, cutKey } from '../../src/core/backup/backup-rows.ts';
import { commitBackup } from '../../src/operations/backup-commit.ts';
import { writeBackupPart } from '../../src/operations/backup-part.ts';
import { planBackup } from '../../src/operations/backup-plan.ts';
import { chainsOpenedMax } from '../../src/operations/list-points.ts';
import type { VaultSite } from '../../src/ports/vault-site.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { createWorld, east, type World } from '../operations/backup-fixture.ts';
import { holdfast } from './command-line.ts';
import { memoryGroup, type Group } from './group-fixture.ts';

const minuteMs = 60_000;

async function pass(world: World, key: string, value: number): Promise<void> {
  await world.region(east).put(key, value, 1);
  await world.region(east).flush();
  world.clock.advance(minuteMs);
}

/** A full backup, two points of the log, an incremental, a point of the log; then a minute of quiet. */
async function backedUp(): Promise<{ readonly world: World; readonly group: Group }> {
  const world = await createWorld();
  await world.region(east).open(1, 'us-west-2');
  const group = memoryGroup(async () => world.portsIn(east));
  await pass(world, 'a', 1);
  await world.backup(east, 'full');
  world.clock.advance(minuteMs);
  for (const step of [1, 2]) {
    await pass(world, 'a', step);
    await world.archive(east);
  }
  await pass(world, 'b', 3);
  await world.backup(east, 'incremental');
  await pass(world, 'b', 4);
  await world.archive(east);
  return { world, group };
}

const picture = async (group: Group, ...args: readonly string[]): Promise<PointsPicture> => JSON.parse((await holdfast(group, ['points', '--json', ...args])).out);
const iso = (atMs: number) => new Date(atMs).toISOString();

describe('holdfast points', () => {
  it('says from when to when each chain can be restored, exactly', async () => {
    const { world, group } = await backedUp();
    const { chains, points, silent, sites, plan } = await picture(group);
    expect({ silent, plan, sites: sites.length, points: points.length }).toEqual({ silent: [], plan: null, sites: 3, points: 5 });
    expect(chains).toMatchObject([{ count: { full: 1, incremental: 1, log: 3 }, base: { type: 'full', isCommitted: true }, because: null }]);
    const covered = chains[0]?.covered ?? { fromMs: 0, throughMs: 0 };
    expect(covered.throughMs).toBeGreaterThan(covered.fromMs);
    for (const [atMs, isCovered] of [
      [covered.fromMs - 1, false],
      [covered.fromMs, true],
      [covered.throughMs, true],
      [covered.throughMs + 1, false],
    ] as const) {
      const said = await holdfast(group, ['points', '--at', iso(atMs)]);
      expect(said.exit, iso(atMs)).toBe(isCovered ? 0 : 1);
      if (isCovered) expect(said.out).toContain(`${iso(atMs)} is covered: a restore takes ${chains[0]?.chain}/`);
      else expect(said.err).toMatch(new RegExp(`cannot be restored.*covered is ${iso(covered.fromMs)} to ${iso(covered.throughMs)}`));
      // The word holds: a restore to it succeeds, or is refused.
      const restored = world.restore(east, world.request(atMs, `orders-restored-${atMs}`));
      if (isCovered) expect((await restored).report.isIdentical).toBe(true);
      else await expect(restored).rejects.toMatchObject({ name: 'NotCoveredError' });
    }
  });

  it('lists the newest points, and counts a quiet log as covered as the region says', async () => {
    const { world, group } = await backedUp();
    const before = (await picture(group)).chains[0]?.covered?.throughMs ?? 0;
    world.clock.advance(10 * minuteMs);
    await world.archive(east);
    const row = await world.region(east).rows.get(archiveKey('orders'));
    await group.put(east, archiveKey('orders'), row ?? {});
    expect((await picture(group)).chains[0]?.covered?.throughMs).toBe(row?.['throughMs']);
    expect(Number(row?.['throughMs'])).toBeGreaterThan(before);
    expect((await holdfast(group, ['points', '--at', iso(Number(row?.['throughMs']))])).exit).toBe(0);
    expect((await holdfast(group, ['points', '--at', iso(Number(row?.['throughMs']) + 1)])).exit).toBe(1);
    const { out } = await holdfast(group, ['points']);
    expect(out).toMatch(/^orders: 5 recovery points in 1 chains; vault [0-9a-f]{32} in us-east-1, us-west-2, eu-west-1\n/);
    expect(out).toContain(`${iso(Number(row?.['throughMs']))}  1 full, 1 incremental, 3 log`);
    expect(out.match(/^orders\.\S+\/\S+-log-/gm)).toHaveLength(3);
  });

  it('follows the parents where a point of the log was made while an incremental was', async () => {
    const { world, group } = await backedUp();
    const [ports, points] = [world.portsIn(east), world.coldIn(east)];
    await pass(world, 'c', 5);
    const plan = await planBackup(ports, points, { group: 'orders', type: 'incremental', by: 'anna' });
    if (!plan.acts) throw new Error(plan.because);
    await pass(world, 'c', 6);
    await world.archive(east);
    const parts = [];
    for (const piece of plan.pieces) parts.push(await writeBackupPart(ports, points, plan, piece));
    await commitBackup(ports, points, plan, parts);
    const { chains, points: listed } = await picture(group);
    const newest = await points.facts({ chain: plan.chain, point: String(listed.at(-1)?.point) });
    expect({ type: newest.type, hangsOnTheIncremental: newest.parent?.point === plan.point }).toEqual({ type: 'log', hangsOnTheIncremental: false });
    expect(chains[0]?.covered?.throughMs).toBe(newest.throughMs);
  });

  it('says which region was not asked how far its log is quiet', async () => {
    const { group } = await backedUp();
    group.of('us-west-2').rows.isAnswering = false;
    expect((await picture(group)).silent).toMatchObject([{ region: 'us-west-2' }]);
    expect((await holdfast(group, ['points'])).out).toMatch(/us-west-2 was not asked how far its log is quiet \(TimeoutError/);
    await group.put(east, cutKey(2), { epoch: 2, region: east, openedAtMs: 1, positions: 'torn' });
    group.of(east).lists.set('CUT', [{ epoch: 2, region: east, openedAtMs: 1, positions: 'torn' }]);
    expect((await picture(group)).silent.map((s) => s.region)).toEqual(['us-west-2', east]);
  });

  it('goes on without a key: the names are shown, and why nothing more is', async () => {
    const { world } = await backedUp();
    const wrap = { ...world.portsIn(east).wrap, unwrap: async () => null };
    const group = memoryGroup(async () => world.portsIn(east, { wrap }));
    const said = await holdfast(group, ['points']);
    expect(said.exit).toBe(0);
    expect(said.out).toMatch(/1 full, 1 incremental, 3 log {2}Key [0-9a-f]{16} does not open/);
  });

  it('shows a chain whose full backup is gone, and a point that a minority has', async () => {
    const { world, group } = await backedUp();
    const [full] = (await picture(group)).points;
    const [first, ...others] = world.sites.map((site) => ({ whole: site, without: hiding(site, String(full?.point)) }));
    if (first === undefined) throw new Error('no site');
    const hidden = others.map((site) => site.without);
    const gone = memoryGroup(async () => world.portsIn(east, { sites: new SiteSet([first.without, ...hidden]) }));
    expect((await holdfast(gone, ['points'])).out).toContain('ITS FULL BACKUP IS MISSING');
    const minority = memoryGroup(async () => world.portsIn(east, { sites: new SiteSet([first.whole, ...hidden]) }));
    const { out } = await holdfast(minority, ['points']);
    expect(out).toMatch(/-full-\S+ +\S+ +full +NOT COMMITTED: in us-east-1 only/);
    expect(out).toContain('1 points are not committed');
  });

  it('says how the first backup is made where there is none', async () => {
    const world = await createWorld();
    const said = await holdfast(
      memoryGroup(async () => world.portsIn(east)),
      ['points'],
    );
    expect(said).toMatchObject({ exit: 1, err: "holdfast: There is no backup of orders yet: 'holdfast backup --type full' makes the first one, and the vault with it.\n" });
  });

  it(`opens only the newest ${chainsOpenedMax} chains`, async () => {
    const { world, group } = await backedUp();
    for (let i = 0; i < chainsOpenedMax; i += 1) {
      world.clock.advance(minuteMs);
      await world.backup(east, 'full');
    }
    const { chains } = await picture(group);
    expect(chains).toHaveLength(chainsOpenedMax + 1);
    expect(chains.map((c) => c.count)).toEqual([...Array.from({ length: chainsOpenedMax }, () => ({ full: 1 })), { full: 1, incremental: 1, log: 3 }]);
    expect(new Set(chains.map((c) => c.newestAtMs)).size).toBe(chainsOpenedMax + 1);
    expect(chains.map((c) => c.because?.startsWith('not opened') === true)).toEqual([...Array.from({ length: chainsOpenedMax }, () => false), true]);
  });
});

/** The site as it would be if one object had never reached it. */
function hiding(site: VaultSite, point: string): VaultSite {
  return {
    name: site.name,
    put: async (...args) => site.put(...args),
    replace: async (...args) => site.replace(...args),
    get: async (...args) => site.get(...args),
    head: async (...args) => site.head(...args),
    async *list(prefix) {
      for await (const object of site.list(prefix)) if (!object.name.endsWith(point)) yield object;
    },
    versions: async (...args) => site.versions(...args),
    extendLock: async (...args) => site.extendLock(...args),
    retire: async () => undefined,
    setHold: async (...args) => site.setHold(...args),
  };
}

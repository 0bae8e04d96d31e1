// Why: what is lost in every site must cost as little as the log allows: the moments of its chain come back by one differential, and where the log cannot, a new full begins.
import { beforeEach, describe, expect, it } from 'vitest';
import { logSettleMs } from '../../src/core/backup/settle.ts';
import { firstState, scrubKey, type Violation } from '../../src/core/integrity/scrub-state.ts';
import { packName } from '../../src/core/vault/object-names.ts';
import type { PointName } from '../../src/core/vault/recovery-point.ts';
import { east, planIn, started, type World, writeEast } from './backup-fixture.ts';

let world: World;
/** Moments and what stood at each. */
let journal: { readonly atMs: number; readonly items: Readonly<Record<string, string>> }[];
let items: Record<string, string>;
let full: PointName;
let first: PointName;
let second: PointName;

async function write(key: string, value: number): Promise<void> {
  await writeEast(world, key, value);
  items = { ...items, [key]: String(value) };
  journal.push({ atMs: world.clock.nowMs() + 10, items });
}

beforeEach(async () => {
  world = await started();
  items = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`k${i}`, String(i)]));
  journal = [];
  full = await world.backup(east, 'full');
  world.clock.advance(60_000);
  await write('k1', 100);
  first = await world.backup(east, 'incremental');
  await write('k2', 200);
  world.clock.advance(logSettleMs * 2);
  await world.archive(east);
  await write('k3', 300);
  second = await world.backup(east, 'incremental');
  await write('k4', 400);
});

/** In all sites, and as the scrub has it in its row. */
async function lose(point: PointName, what: 'pack' | 'manifest' = 'pack', unnamed = 0): Promise<void> {
  const { packs } = await (await world.coldIn(east).vault()).readManifest(point);
  const name = what === 'pack' ? packName(packs[0]?.sha256 ?? '') : `points/${point.chain}/${point.point}`;
  for (const site of world.sites) {
    const get = site.get.bind(site);
    site.get = async (wanted, part, version) => (wanted === name ? null : get(wanted, part, version));
  }
  const standing = world.sites.map((site): Violation => ({ site: site.name, name, what: 'missing', outcome: 'lost', foundAtMs: 1, because: 'x', chains: [point.chain] }));
  const state = { ...firstState(east, 1), standing, standingCount: standing.length + unnamed };
  await world.portsIn(east).own.change({ key: scrubKey, set: { state: JSON.stringify(state) }, when: [], mayCreate: true });
}

let tables = 0;
const restored = async (atMs: number) => {
  const { contents } = await world.restore(east, world.request(atMs, `orders-restored-${(tables += 1)}`));
  return Object.fromEntries(Object.entries(contents).map(([key, item]) => [key, /"n":\{"N":"(\d+)"\}/.exec(item)?.[1]]));
};
const settled = () => world.clock.advance(logSettleMs * 2);

async function requireJournal(): Promise<void> {
  for (const { atMs, items: then } of journal) expect(await restored(atMs), `at ${atMs}`).toEqual(then);
}

describe('a pack of an incremental that is lost in every site', () => {
  it('is made good by a differential from the log: every moment of its chain is there again', async () => {
    settled();
    await world.archive(east);
    await requireJournal();
    await lose(first);
    await expect(restored(journal.at(-1)?.atMs ?? 0)).rejects.toMatchObject({ name: 'DamagedError' });
    expect(await world.archive(east)).toMatchObject({ acts: false, because: expect.stringMatching(/is lost in every site: the next backup rebuilds it from the log/) });
    expect(await planIn(world, 'incremental')).toMatchObject({ type: 'differential', chain: full.chain, parent: { point: full.point }, because: expect.stringContaining('is backed up once more') });
    world.clock.advance(1000);
    const rebuilt = await world.backup(east, 'incremental');
    expect(rebuilt.chain).toBe(full.chain);
    settled();
    await world.archive(east);
    await requireJournal();
    // From then on as ever, the loss still standing in the row.
    await write('k5', 500);
    const next = await planIn(world, 'incremental');
    expect(next).toMatchObject({ type: 'incremental', chain: full.chain, parent: { point: rebuilt.point } });
    await world.backup(east, 'incremental');
    await write('k6', 600);
    settled();
    expect(await world.archive(east)).toMatchObject({ acts: true });
    await requireJournal();
  });

  it('that nothing newer hangs on needs no differential where the line does not need it', async () => {
    const rebuilt = await world.backup(east, 'differential');
    await lose(second);
    expect(await planIn(world, 'incremental')).toMatchObject({ type: 'incremental', parent: { point: rebuilt.point } });
    expect(await planIn(world, 'differential')).toMatchObject({ type: 'differential', parent: { point: full.point } });
  });
});

describe('a new chain begins', () => {
  it('where the full backup itself lost a pack', async () => {
    await lose(full);
    expect(await world.archive(east)).toMatchObject({ acts: false });
    const next = await world.backup(east, 'incremental');
    expect(next.chain).not.toBe(full.chain);
    settled();
    expect(await world.archive(east)).toMatchObject({ acts: true });
    expect((await world.backup(east, 'incremental')).chain).toBe(next.chain);
  });

  it('where more is lost than the row can name', async () => {
    await lose(first, 'pack', 1);
    expect(await planIn(world, 'incremental')).toMatchObject({ type: 'full' });
  });

  it('where what is lost is no pack', async () => {
    await lose(first, 'manifest');
    expect(await planIn(world, 'incremental')).toMatchObject({ type: 'full', because: expect.stringContaining('is lost in every site') });
  });

  it('where the log no longer reaches back to the full backup', async () => {
    await lose(first);
    const ports = world.portsIn(east);
    const read = ports.log.read.bind(ports.log);
    // Its first records have expired.
    ports.log.read = async (origin, after, most) => read(origin, Math.max(after, 11), most);
    expect(await planIn(world, 'incremental')).toMatchObject({ type: 'full', because: expect.stringMatching(/the log does not reach back to it/) });
  });
});

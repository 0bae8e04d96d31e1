// The archive of each minute: a point where something was logged, a row where nothing was, and no moment that is nobody's.
import { describe, expect, test } from 'vitest';
import { logSettleMs } from '../../src/core/backup/settle.ts';
import { planIn as plan, started, writeEast as write, east, west } from './backup-fixture.ts';

describe('ArchiveLog', () => {
  test('makes a point where something was logged, and only a row where nothing was', async () => {
    const world = await started();
    const full = await world.backup(east, 'full');
    await write(world, 'k1', 100);
    world.clock.advance(60_000);
    const first = await world.archive(east);
    expect(first).toMatchObject({ acts: true, points: [{ chain: full.chain, items: 1 }], throughMs: world.clock.nowMs() - logSettleMs });
    world.clock.advance(60_000);
    expect(await world.archive(east)).toMatchObject({ acts: true, points: [], because: 'nothing was logged since', throughMs: world.clock.nowMs() - logSettleMs });
    expect(await world.portsIn(west).quiet()).toEqual([expect.objectContaining({ region: east, positions: { [east]: 11, [west]: 0 }, throughMs: world.clock.nowMs() - logSettleMs })]);
    expect(await world.pointsIn(east).list()).toHaveLength(2);
  });

  test('acts in the open region; forced, anywhere, but says no more than what it received', async () => {
    const world = await started();
    await world.backup(east, 'full');
    await write(world, 'k1', 100);
    await world.ship(east, west);
    world.clock.advance(600_000);
    expect(await world.archive(west)).toMatchObject({ acts: false, because: expect.stringContaining('not open') });
    const forced = await world.archive(west, true);
    const [point] = forced.points;
    expect(point?.items).toBe(1);
    const lastAtMs = Math.floor((world.clock.nowMs() - 600_000) / 1000) * 1000;
    expect(point?.throughMs).toBe(lastAtMs - 1);
  });

  test('without a full backup has nothing to go on from', async () => {
    const world = await started();
    await plan(world, 'full');
    expect(await world.archive(east)).toMatchObject({ acts: false, because: expect.stringContaining('no full backup yet') });
  });

  test('says when records have expired in between, and makes nothing', async () => {
    const world = await started();
    const full = await world.backup(east, 'full');
    for (const key of ['k1', 'k2', 'k3']) await write(world, key, 100);
    const { log } = world.region(east);
    const read = log.read.bind(log);
    log.read = async (origin, after, limit) => (await read(origin, after, 100)).filter((s) => s.sequence !== 11).slice(0, limit);
    await expect(world.archive(east)).rejects.toMatchObject({ name: 'MalformedError', message: expect.stringContaining('records 11 to 11 have expired') });
    expect(await world.pointsIn(east).list()).toHaveLength(1);
    expect(await plan(world, 'incremental')).toMatchObject({ type: 'full', because: expect.stringContaining('records 11 to 11 have expired') });
    expect(full.items).toBe(10);
  });

  test('ends the former chain beyond where the next one begins: no moment in between is nobody’s', async () => {
    const world = await started();
    const former = await world.backup(east, 'full');
    await write(world, 'k4', 400);
    world.clock.advance(60_000);
    await world.archive(east);
    world.region(east).tables.onPage = async () => write(world, 'k5', 500);
    const next = await world.backup(east, 'full');
    world.region(east).tables.onPage = async () => undefined;
    world.clock.advance(60_000);
    const { points } = await world.archive(east);
    expect(points.map((p) => p.chain).toSorted()).toEqual([former.chain, next.chain].toSorted());
    for (const point of points) expect(point.throughMs).toBeGreaterThanOrEqual(next.throughMs);
    // Once: what is ended is left alone.
    await write(world, 'k6', 500);
    world.clock.advance(60_000);
    expect((await world.archive(east)).points.map((p) => p.chain)).toEqual([next.chain]);
  });

  test('makes a snapshot whole, and then leaves it alone', async () => {
    const world = await started();
    const full = await world.backup(east, 'full');
    world.region(east).tables.onPage = async () => write(world, 'k5', 500);
    const snapshot = await world.backup(east, 'snapshot');
    world.region(east).tables.onPage = async () => undefined;
    world.clock.advance(60_000);
    expect((await world.archive(east)).points.map((p) => p.chain).toSorted()).toEqual([full.chain, snapshot.chain].toSorted());
    await write(world, 'k6', 500);
    world.clock.advance(60_000);
    expect((await world.archive(east)).points.map((p) => p.chain)).toEqual([full.chain]);
  });
});

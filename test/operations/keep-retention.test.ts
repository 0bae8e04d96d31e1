// Retention of a group's table, as the function keeps it each day: in the open region only, and so that a full that is kept restores to the very moment at
// which its scan ended, long after the log's other points are gone.
import { describe, expect, test } from 'vitest';
import { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import { keepRetention } from '../../src/operations/keep-retention.ts';
import { east, named, started, west, writeEast, type World } from './backup-fixture.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;

async function begun(): Promise<World> {
  let nowMs = () => 0;
  const sites = [east, west, 'eu-west-1'].map((name) => new MemorySite(name, () => nowMs()));
  const world = await started({ sites });
  nowMs = () => world.clock.nowMs();
  return world;
}

function keep(world: World, name: string) {
  const ports = world.portsIn(name);
  const lines: object[] = [];
  const settings = { ...ports.settings, retentionDays: { hourly: 1, daily: 3, weekly: 7, monthly: 14, yearly: 40 }, lockDaysMax: 40 };
  return keepRetention({ ...ports, settings, log: (line) => lines.push(line) }).then((done) => ({ done, lines }));
}

describe('KeepRetention', () => {
  test('acts in the open region only', async () => {
    const world = await begun();
    await world.backup(east, 'full');
    expect((await keep(world, west)).done).toEqual({ acts: false, because: `${west} is not open: the open region keeps retention` });
    const { done, lines } = await keep(world, east);
    expect(done).toMatchObject({ acts: true, points: 1, pointsGivenUp: 0, silent: [] });
    expect(lines.at(-1)).toMatchObject({ points: 1 });
  });

  test('keeps with a full what makes it whole, and locks it for as long; the rest of its log goes', async () => {
    const world = await begun();
    // Written while the scan is under way: only the log tells which side of it they are on.
    world.region(east).tables.onPage = async () => writeEast(world, 'k1', world.clock.nowMs());
    const full = await world.backup(east, 'full');
    world.region(east).tables.onPage = async () => undefined;
    for (let minute = 0; minute < 90; minute += 1) {
      world.clock.advance(minuteMs);
      await writeEast(world, `k${minute % 10}`, minute);
      if (minute === 60) await world.backup(east, 'incremental');
      else await world.archive(east);
    }
    const before = await world.restore(east, world.request(null, 'orders-restored-before', { point: named(full) }));
    expect(before.plan.isExact).toBe(true);
    const made = (await world.coldIn(east).list()).length;
    for (let day = 0; day < 12; day += 1) {
      world.clock.advance(dayMs);
      // A full each day, but nothing more: the first one's chain is left behind.
      await world.backup(east, 'full');
      expect((await keep(world, east)).done).toMatchObject({ acts: true, silent: [], unread: 0, staying: 0 });
    }
    const left = (await world.coldIn(east).list()).filter(({ chain }) => chain === full.chain);
    expect([made, left.map(({ type }) => type)]).toEqual([91, ['full', 'incremental']]);
    const after = await world.restore(east, world.request(null, 'orders-restored-after', { point: named(full) }));
    expect([after.plan.isExact, after.contents]).toEqual([true, before.contents]);
    const [site] = world.sites;
    for (const { chain, point } of left) expect((await site?.head(`points/${chain}/${point}`))?.lock?.untilMs).toBeGreaterThan(world.clock.nowMs() + 20 * dayMs);
  });
});

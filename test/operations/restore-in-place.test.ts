// A restore over the live table while the service goes on: every interleaving of its writes, a lease that is lost in the middle, a step that is
// repeated, the other region's log, and the undo.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logSettleMs } from '../../src/core/backup/settle.ts';
import { everything } from '../../src/core/backup/selection.ts';
import type { Snapshot } from '../../src/core/backup/in-place.ts';
import type { RestorePlan, RestoreRequest } from '../../src/core/backup/restore-plan.ts';
import type { LiveTable } from '../../src/ports/live-table.ts';
import { batchesOf, planAnyRestore, reportInPlace, restoreInPlace } from '../../src/operations/restore-in-place.ts';
import { alwaysAsync } from '../core/property.ts';
import { createWorld, east, live, selecting, west, type World } from './backup-fixture.ts';

const numbers = (world: World, region = east) =>
  Object.fromEntries([...world.region(region).tables.contents(live)].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, image]) => [key, Number(Object(image['n'])['N'])]));

type Hooks = { readonly beforeChange?: (call: number) => Promise<void>; readonly beforeGet?: (call: number, key: string) => Promise<void>; readonly onScan?: () => Promise<void> };

/** The live table as the worker has it, with a test's turns in between. */
function hooked(table: LiveTable, { beforeChange, beforeGet }: Hooks, batchMax: number): LiveTable {
  let [changes, gets] = [0, 0];
  return {
    batchMax,
    get: async (key) => {
      await beforeGet?.((gets += 1), key);
      return table.get(key);
    },
    change: async (epoch, list, timeoutMs) => {
      await beforeChange?.((changes += 1));
      return table.change(epoch, list, timeoutMs);
    },
  };
}

const inPlace = (atMs: number | null, change: Partial<RestoreRequest> = {}): RestoreRequest => ({
  group: 'orders',
  atMs,
  point: null,
  into: { table: live, inPlace: true },
  select: everything,
  by: 'anna',
  ...change,
});

async function begin(world: World, request: RestoreRequest, shards: number, hooks: Hooks = {}): Promise<{ plan: RestorePlan; snapshot: Snapshot }> {
  const planned = await planAnyRestore(world.portsIn(east), world.pointsIn(east), request);
  const plan = { ...planned, shards: Array.from({ length: shards }, (_, id) => ({ id })) };
  const { tables } = world.region(east);
  tables.onPage = hooks.onScan ?? (async () => undefined);
  const { chain, point, sha256 } = await world.backup(east, 'snapshot');
  tables.onPage = async () => undefined;
  return { plan, snapshot: { chain, point, sha256, key: (await world.pointsIn(east).facts({ chain, point })).key } };
}

async function work(world: World, { plan, snapshot }: { plan: RestorePlan; snapshot: Snapshot }, hooks: Hooks = {}, batchMax = 2) {
  const ports = { ...world.portsIn(east), live: hooked(world.region(east).liveTable(), hooks, batchMax) };
  const parts = [];
  for (const { id } of plan.shards) parts.push(await restoreInPlace(ports, world.pointsIn(east), { plan, epoch: plan.epoch ?? 0, shard: id, snapshot }));
  return reportInPlace(ports, plan, parts, snapshot);
}

async function write(world: World, key: string, value: number | null, epoch: number): Promise<void> {
  world.clock.advance(1000);
  await world.region(east).put(key, value, epoch);
}

const second = (world: World) => Math.floor(world.clock.nowMs() / 1000) * 1000;

/** East in epoch 2, with items of epoch 1, changes after the moment `atMs`, all of it archived. */
async function played(before: readonly (readonly [number, number | null])[], after: readonly (readonly [number, number | null])[]) {
  const world = await createWorld();
  await world.region(east).open(1, west);
  for (let i = 0; i < 6; i += 1) await write(world, `k${i}`, i, 1);
  await world.region(east).flush();
  await world.backup(east, 'full');
  for (const [key, value] of before) await write(world, `k${key}`, value, 1);
  const atMs = second(world);
  const then = numbers(world);
  // The first of them in the old epoch: what they leave carries it until it is written again.
  const half = Math.ceil(after.length / 2);
  for (const [key, value] of after.slice(0, half)) await write(world, `k${key}`, value, 1);
  world.clock.advance(1000);
  await world.region(east).open(2, west);
  for (const [key, value] of after.slice(half)) await write(world, `k${key}`, value, 2);
  await world.region(east).flush();
  world.clock.advance(logSettleMs * 2);
  await world.archive(east);
  return { world, atMs, wanted: then };
}

const keyMax = 9;
const change = fc.tuple(fc.nat(keyMax), fc.option(fc.integer({ min: 100, max: 199 }), { freq: 3 }));
/** When a service writes what: before so many calls. */
const turn = fc.record({ at: fc.constantFrom('scan' as const, 'change' as const, 'get' as const), call: fc.integer({ min: 1, max: 4 }), key: fc.nat(keyMax), isRemoval: fc.boolean() });

describe('a restore in place', () => {
  test('whatever the service writes meanwhile: its writes stand, everything else is as at the moment, and the other region has the same', async () => {
    const seen = { conflicts: 0, set: 0, removed: 0, undone: 0 };
    await alwaysAsync(
      fc.asyncProperty(
        fc.array(change, { maxLength: 6 }),
        fc.array(change, { maxLength: 10 }),
        fc.array(turn, { maxLength: 8 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 4 }),
        async (before, after, turns, shards, batchMax) => {
          const { world, atMs, wanted: then } = await played(before, after);
          const was = numbers(world);
          const service = new Map<string, { readonly value: number | undefined; readonly at: 'scan' | 'change' | 'get' }>();
          const readBack = new Set<string>();
          const byService = new Set<unknown>();
          const inScan = new Set<string>();
          let value = 1000;
          const calls = { scan: 0, change: 0, get: 0 };
          // Reads go side by side; the service writes one after the other.
          let queue = Promise.resolve();
          const hook = (at: 'scan' | 'change' | 'get') => async (_call?: number, reads?: string) => (queue = queue.then(async () => turnsAt(at, reads)));
          const turnsAt = async (at: 'scan' | 'change' | 'get', reads: string | undefined) => {
            calls[at] += 1;
            if (reads !== undefined) readBack.add(reads);
            for (const t of turns.filter((each) => each.at === at && each.call === calls[at])) {
              value += 1;
              const written = world.region(east).pending.length;
              await write(world, `k${t.key}`, t.isRemoval ? null : value, 2);
              for (const entry of world.region(east).pending.slice(written)) byService.add(entry);
              if (world.region(east).pending.length === written) continue;
              if (at === 'scan') inScan.add(`k${t.key}`);
              service.set(`k${t.key}`, { value: t.isRemoval ? undefined : value, at: readBack.has(`k${t.key}`) ? 'get' : at });
            }
          };
          const hooks = { onScan: hook('scan'), beforeChange: hook('change'), beforeGet: hook('get') };
          const begun = await begin(world, inPlace(atMs), shards, hooks);
          const report = await work(world, begun, hooks, batchMax);
          const now = numbers(world);
          const conflicts = report.inPlace.conflictsShown.map((c) => c.key);
          for (let i = 0; i <= keyMax; i += 1) {
            const key = `k${i}`;
            const by = service.get(key);
            if (by === undefined) expect([key, now[key], conflicts.includes(key)]).toEqual([key, then[key], false]);
            // What was written before the snapshot had read the key is in the snapshot, and may have been overwritten.
            // So may a key that the service made absent again as the snapshot has it.
            else if (by.at === 'scan' || (by.value === undefined && (was[key] === undefined || inScan.has(key)))) expect([by.value, then[key]], key).toContain(now[key]);
            else expect([key, now[key]]).toEqual([key, by.value]);
            // A key that was right in the snapshot is not looked at again: what the service writes to it since is its own affair.
            if (by?.at === 'change' && !inScan.has(key) && was[key] !== then[key] && now[key] !== then[key]) expect(conflicts, key).toContain(key);
          }
          expect(report.isIdentical).toBe(report.inPlace.conflicts === 0);
          seen.conflicts += report.inPlace.conflicts;
          seen.set += report.inPlace.set;
          seen.removed += report.removed;

          // Each of its records has the epoch of now, the removals too: only so does the other region take them.
          const { pending } = world.region(east);
          for (const entry of pending.filter((e) => !byService.has(e))) expect(Object(Object(entry.newImage ?? entry.oldImage)['holdfastEpoch'])['N'], entry.key).toBe('2');
          const written = pending.length;
          const again = await work(world, begun, {}, batchMax);
          if ([...service.values()].every((s) => s.at === 'scan')) expect([numbers(world), pending.length, again.inPlace.conflicts]).toEqual([now, written, report.inPlace.conflicts]);
          // What the service made again as the snapshot has it, a repeated step cannot tell from what it had not come to.
          const stays = (contents: Record<string, number>) => Object.fromEntries(Object.entries(contents).filter(([key]) => service.get(key) === undefined || service.get(key)?.value !== undefined));
          expect(stays(numbers(world))).toEqual(stays(now));
          await world.region(east).flush();
          await world.ship(east, west);
          await world.region(west).apply(world.region(east));
          expect(numbers(world, west)).toEqual(numbers(world));

          world.clock.advance(logSettleMs * 2);
          await world.archive(east);
          const { chain, point } = report.inPlace.snapshot;
          const undo = await begin(world, inPlace(null, { point: { chain, point } }), shards);
          await work(world, undo, {}, batchMax);
          for (let i = 0; i <= keyMax; i += 1) if (!service.has(`k${i}`)) expect([i, numbers(world)[`k${i}`]]).toEqual([i, was[`k${i}`]]);
          seen.undone += 1;
        },
      ),
      150,
    );
    // A property in which nothing happens says nothing.
    expect(seen.conflicts).toBeGreaterThan(30);
    expect(seen.set).toBeGreaterThan(100);
    expect(seen.removed).toBeGreaterThan(30);
  }, 120_000);

  test('a lease that is lost in the middle stops it: nothing is written after, and each key is as before or as wanted', async () => {
    let stopped = 0;
    const losses = ['taken-over', 'closed', 'later-epoch', 'row-closed'] as const;
    await alwaysAsync(
      fc.asyncProperty(
        fc.array(change, { maxLength: 6 }),
        fc.array(change, { minLength: 4, maxLength: 10 }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(...losses),
        async (before, after, at, loss) => {
          const { world, atMs, wanted: then } = await played(before, after);
          const was = numbers(world);
          const begun = await begin(world, inPlace(atMs), 2);
          const region = world.region(east);
          let [calls, written] = [0, -1];
          const beforeChange = async () => {
            calls += 1;
            if (calls !== at) return;
            if (loss === 'taken-over') await region.setLease(3, 0);
            else if (loss === 'closed') await region.setLease(2, 0);
            else if (loss === 'later-epoch') await region.open(3, west);
            else await region.rows.change({ key: { table: 'region', pk: 'LEASE', sk: '#' }, set: { closedEpoch: 2 }, when: [], mayCreate: false });
            written = region.pending.length;
          };
          const run = work(world, begun, { beforeChange }, 1);
          if (loss === 'row-closed') {
            // The fence row is still open: this one write is like the service's own that was under way. The next one is not sent.
            await run.catch((error: unknown) => expect(error).toMatchObject({ name: 'SupersededError' }));
            if (written >= 0) expect(region.pending.length - written).toBeLessThanOrEqual(2);
          } else if (
            await run.then(
              () => false,
              (error: unknown) => (expect(error).toMatchObject({ name: 'SupersededError' }), true),
            )
          ) {
            stopped += 1;
            expect(region.pending.length).toBe(written);
          } else expect(written).toBe(-1);
          for (let i = 0; i <= keyMax; i += 1) expect([was[`k${i}`], then[`k${i}`]]).toContain(numbers(world)[`k${i}`]);
          if (written < 0 || loss !== 'later-epoch') return;
          // Planned anew in the epoch of now, it comes to its end.
          await region.flush();
          const anew = await work(world, await begin(world, inPlace(atMs), 2));
          expect([numbers(world), anew.inPlace.epoch, anew.isIdentical]).toEqual([then, 3, true]);
        },
      ),
      120,
    );
    expect(stopped).toBeGreaterThan(40);
  }, 120_000);

  test('waits for a renewal that is late, and then goes on', async () => {
    const {
      world,
      atMs,
      wanted: then,
    } = await played(
      [],
      [
        [1, 100],
        [2, null],
      ],
    );
    const begun = await begin(world, inPlace(atMs), 1);
    const lease = async (untilAtMs: number) => world.region(east).rows.change({ key: { table: 'region', pk: 'LEASE', sk: '#' }, set: { untilAtMs }, when: [], mayCreate: false });
    await lease(world.clock.nowMs());
    await expect(work(world, begun)).rejects.toMatchObject({ name: 'FenceClosedError', retryable: true });
    await lease(world.clock.nowMs() + 1000);
    await work(world, begun);
    expect(numbers(world)).toEqual(then);
  });

  test('changes the selected keys only, and says which', async () => {
    const { world, atMs } = await played(
      [],
      [
        [1, 100],
        [2, 200],
        [8, 800],
        [9, 900],
      ],
    );
    const report = await work(world, await begin(world, inPlace(atMs, { select: selecting({ keys: ['k1', 'k9', 'none'] }) }), 2));
    expect(numbers(world)).toEqual({ k0: 0, k1: 1, k2: 200, k3: 3, k4: 4, k5: 5, k8: 800 });
    expect(report).toMatchObject({ items: 1, removed: 1, selected: '3 keys', isIdentical: true, inPlace: { epoch: 2, set: 1, unchanged: 0, conflicts: 0 } });
    expect(await world.region(east).rows.get({ table: 'region', pk: 'RESTORE', sk: report.id })).toMatchObject({ report: JSON.stringify(report) });
  });

  test.each<[string, (world: World) => Promise<unknown>, Partial<RestoreRequest>, RegExp]>([
    ['a region that is not open', async (world) => world.region(east).setLease(0, 0), {}, /us-east-1 is not open/],
    ['a lease that ended', async (world) => world.region(east).setLease(2, 1), {}, /the lease of us-east-1 ended at/],
    ['another table', async () => undefined, { into: { table: 'orders-restored', inPlace: true } }, /in place is 'orders', not 'orders-restored'/],
    ['a schedule', async () => undefined, { by: 'schedule' }, /no schedule changes a live table/],
    ['another group', async () => undefined, { group: 'other' }, /group other/],
  ])('refuses %s, before anything is changed', async (_, prepare, request, says) => {
    const { world, atMs } = await played([], [[1, 100]]);
    await prepare(world);
    await expect(planAnyRestore(world.portsIn(east), world.pointsIn(east), inPlace(atMs, request))).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringMatching(says) });
  });

  test('refuses a moment that is not covered, and a point that is not the snapshot', async () => {
    const { world, atMs } = await played([], [[1, 100]]);
    await expect(planAnyRestore(world.portsIn(east), world.pointsIn(east), inPlace(1000))).rejects.toMatchObject({ name: 'NotCoveredError' });
    const { plan, snapshot } = await begin(world, inPlace(atMs), 1);
    const was = numbers(world);
    await expect(work(world, { plan, snapshot: { ...snapshot, sha256: '0'.repeat(64) } })).rejects.toMatchObject({ name: 'DamagedError' });
    const facts = await world.pointsIn(east).facts({ chain: plan.chain, point: plan.base.point });
    await expect(work(world, { plan, snapshot: { chain: plan.chain, point: plan.base.point, sha256: facts.sha256, key: facts.key } })).rejects.toMatchObject({ name: 'DamagedError' });
    expect(numbers(world)).toEqual(was);
  });

  test('lists an item of more attributes than a condition compares, and leaves it', async () => {
    const { world, atMs } = await played([], []);
    const wide = (n: number) => ({ id: { S: 'k1' }, ...Object.fromEntries(Array.from({ length: n - 1 }, (_, i) => [`a${i}`, { N: '1' }])) });
    for (const [attributes, conflicts] of [
      [101, 1],
      [100, 0],
    ] as const) {
      await world.region(east).tables.write(live, [wide(attributes)]);
      const report = await work(world, await begin(world, inPlace(atMs), 1));
      expect([report.inPlace.conflicts, report.issues.some((i) => i.what.includes('1 keys are not'))]).toEqual([conflicts, conflicts === 1]);
    }
    expect(numbers(world)['k1']).toBe(1);
  });

  test('batches by count and by size', () => {
    const difference = (characters: number) => ({ key: 'k', seen: 'x'.repeat(characters), wanted: null });
    const sizes = (list: readonly number[], max: number) => batchesOf(list.map(difference), max).map((batch) => batch.length);
    expect(sizes([1, 1, 1, 1, 1], 2)).toEqual([2, 2, 1]);
    expect(sizes([500_000, 500_000, 1, 999_999], 25)).toEqual([2, 2]);
    expect(sizes([500_000, 500_001, 2_000_000, 1], 25)).toEqual([1, 1, 1, 1]);
    expect(sizes([], 25)).toEqual([]);
  });
});

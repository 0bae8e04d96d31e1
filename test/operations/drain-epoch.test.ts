// A tick of a region that waits for its sign-off finds where its log ends for the epoch that it lost, once, and only when nothing can be accepted any more.
import { describe, expect, test } from 'vitest';
import { drainedChange, drainedKey, parseDrainedRow } from '../../src/core/lease/drained-row.ts';
import { closedForGood, type FenceRow, type LeaseRow } from '../../src/core/lease/lease-rows.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { drainEpoch } from '../../src/operations/drain-epoch.ts';
import { sightingOf, valueOf } from '../core/fixtures.ts';
import { createHandOver } from './hand-over-world.ts';
import { east, VirtualClock, west } from './group.ts';

/** West has taken over by its clock; east finds out. */
async function lost(shards: number) {
  const world = await createHandOver({ shards });
  await world.group.changeRegister((v) => ({ kind: 'set', value: { ...v, holder: west, epoch: 2, regions: { ...v.regions, [east]: { reconciled: false } } } }));
  const drained = async () => parseDrainedRow(await world.group.row(east, drainedKey));
  const tick = async () => {
    world.group.clock.advance(5000);
    return (await world.tick()).drain;
  };
  return { ...world, drained, tick };
}

describe('the tick of a region that waits for its sign-off', () => {
  test.each([1, 3])('closes, then drains, then has nothing more to do (%i shards)', async (shards) => {
    const world = await lost(shards);
    expect(await world.tick()).toBe('');
    expect(await world.drained()).toBeUndefined();
    expect(await world.tick()).toMatch(/^drained epoch 1: its log holds all of it up to record \d+$/);
    const drained = await world.drained();
    expect(drained?.epoch).toBe(1);
    // All twenty writes, and a marker of each shard.
    expect(drained?.sequence).toBeGreaterThanOrEqual(20 + 2 * shards);
    expect(world.wasClosed).not.toContain(false);
    expect(world.items.size).toBe(20);
    const marked = world.wasClosed.length;
    expect(await world.tick()).toBe('');
    expect(world.wasClosed.length).toBe(marked);
  });

  test('writes no number while one shard is behind, and the tick after does the whole again', async () => {
    const world = await lost(2);
    await world.tick();
    world.rules.isDelivering = false;
    expect(await world.tick()).toMatch(/^epoch 1 is not drained yet: 2 shards of the stream are not in the log up to their markers yet; the next tick goes on$/);
    expect(await world.drained()).toBeUndefined();
    world.rules.isDelivering = true;
    expect(await world.tick()).toMatch(/^drained epoch 1/);
  });
});

const closed: LeaseRow = { epoch: 1, untilAtMs: 5, openEpoch: 1, closedEpoch: 1 };
const closedFence: FenceRow = { epoch: 1, untilAtMs: 5, closedThroughMs: closedForGood };
const away = valueOf({ holder: west, epoch: 2, regions: { [east]: { reconciled: false }, [west]: { reconciled: true } } });
const never = async (): Promise<never> => Promise.reject(new Error('asked for nothing'));
const unused = { stream: { ends: never, read: never, mark: never }, log: { region: east, head: never, append: never, read: never, readBack: never }, rowsOf: () => ({ get: never }) };

describe('drains nothing, and reads nothing for it', () => {
  test.each([
    ['a region that is reconciled', { sighting: sightingOf({ ...away, regions: { [east]: { reconciled: true } } }) }],
    ['a region that the register does not know', { sighting: sightingOf({ ...away, regions: {} }) }],
    ['the one that holds the lease', { sighting: sightingOf({ ...away, holder: east }) }],
    ['by a value that may never be chosen', { sighting: sightingOf(away, 'newest') }],
    ['an epoch whose lease row is open', { lease: { ...closed, closedEpoch: 0 } }],
    ['an epoch with a fence row that is closed at its deadline only', { fences: [closedFence, { ...closedFence, closedThroughMs: 5 }] }],
    ['an epoch with a fence row that could be raised to it yet', { fences: [closedFence, { ...closedFence, epoch: 0 }] }],
    ['a region that never held an epoch', { lease: { ...closed, epoch: 0 }, fences: [{ ...closedFence, epoch: 0 }] }],
    ['where the deployment names no stream', { handOver: undefined }],
  ] satisfies [string, Partial<{ sighting: ReturnType<typeof sightingOf>; lease: LeaseRow; fences: FenceRow[]; handOver: undefined }>][])('%s', async (_, change) => {
    const { sighting, lease, fences, ...ports } = { sighting: sightingOf(away), lease: closed, fences: [closedFence], ...change };
    const own = { region: east, get: never, change: never, changeTogether: never };
    expect(await drainEpoch({ me: east, own, clock: new VirtualClock(), ...('handOver' in ports ? {} : { handOver: unused }) }, sighting, { lease, fences })).toBe('');
  });
});

test('a tick that froze with an older epoch takes nothing back', async () => {
  const store = new MemoryRowStore(east);
  await store.change(drainedChange({ epoch: 3, sequence: 40 }));
  await store.change(drainedChange({ epoch: 1, sequence: 50 }));
  await store.change(drainedChange({ epoch: 3, sequence: 60 }));
  expect(parseDrainedRow(await store.get(drainedKey))).toEqual({ epoch: 3, sequence: 40 });
  await store.change(drainedChange({ epoch: 5, sequence: 70 }));
  expect(parseDrainedRow(await store.get(drainedKey))).toEqual({ epoch: 5, sequence: 70 });
});

test('a row that was altered is not believed', () => {
  expect(() => parseDrainedRow({ epoch: 1, sequence: '7' })).toThrow('The row DRAINED cannot be read');
});

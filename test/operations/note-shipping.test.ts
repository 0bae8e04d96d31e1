// What a tick writes down of its region's own log: what no other region has, and what was once seen elsewhere though nobody answers now.
import { beforeEach, expect, test } from 'vitest';
import { parseShipping, shippingKey } from '../../src/core/lease/shipping-row.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { noteShipping } from '../../src/operations/note-shipping.ts';
import { createLogs, recordOf, upTo, type FailingLog } from './change-log-fixture.ts';
import { east } from './group.ts';

let logs: ReturnType<typeof createLogs>;
let rows: MemoryRowStore;
let nowMs: number;
const note = async () => noteShipping(rows, logs.own, logs.others, { nowMs: () => nowMs });
const cut = (...to: readonly FailingLog[]) => to.forEach((log) => (log.fails = () => 'request'));
const heal = () => logs.others.forEach((log) => (log.fails = () => undefined));
const shipInVain = async (records: Parameters<typeof logs.ship>[0]) => expect(logs.ship(records)).rejects.toMatchObject({ name: 'NoQuorumError' });

beforeEach(() => {
  logs = createLogs();
  rows = new MemoryRowStore(east);
  nowMs = 100_000;
});

test('an empty log has nothing to ship, also where nobody can be asked', async () => {
  expect(await note()).toEqual({ lookedAtMs: 100_000, unshippedSinceMs: 0, loggedThroughMs: 0, shippedSequence: 0 });
  cut(...logs.others);
  nowMs += 5000;
  expect(await note()).toMatchObject({ lookedAtMs: 105_000, unshippedSinceMs: 0 });
});

test('one other region is enough; the oldest of what none has is the lag', async () => {
  cut(logs.toWest);
  await logs.ship(upTo(3));
  expect(await note()).toMatchObject({ unshippedSinceMs: 0, loggedThroughMs: 3000, shippedSequence: 3 });
  cut(...logs.others);
  // Another shard of the stream was behind: its changes are older, and come later.
  await shipInVain([recordOf(9)]);
  await shipInVain([recordOf(5), recordOf(6)]);
  nowMs += 5000;
  expect(await note()).toMatchObject({ unshippedSinceMs: 5000, loggedThroughMs: 9000, shippedSequence: 3 });
  heal();
  await logs.ship([recordOf(10)]);
  nowMs += 5000;
  expect(await note()).toMatchObject({ unshippedSinceMs: 0, loggedThroughMs: 10_000, shippedSequence: 6 + 1 });
});

test('what a region was seen to have it still has when it does not answer', async () => {
  await logs.ship(upTo(3));
  await note();
  cut(...logs.others);
  nowMs += 5000;
  expect(await note()).toMatchObject({ unshippedSinceMs: 0, shippedSequence: 3 });
});

test('a tick that froze with what it saw says nothing once a later one has written', async () => {
  await logs.ship(upTo(1));
  nowMs = 99_000;
  await note();
  let thaw: () => void = () => {};
  const frozen = noteShipping(
    { region: east, get: async (key) => rows.get(key), changeTogether: async () => 'refused', change: async (change) => new Promise((resolve) => (thaw = () => resolve(rows.change(change)))) },
    logs.own,
    logs.others,
    { nowMs: () => 100_000 },
  );
  await new Promise<void>((resolve) => setImmediate(resolve));
  cut(...logs.others);
  await shipInVain([recordOf(50)]);
  nowMs = 105_000;
  await note();
  thaw();
  await frozen;
  expect(parseShipping(await rows.get(shippingKey))).toMatchObject({ lookedAtMs: 105_000, unshippedSinceMs: 50_000 });
});

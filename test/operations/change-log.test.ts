// The data's way to the standby: shipped in order to wherever it can be, applied once, and what comes too late is listed, never applied.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemoryDataStore } from '../../src/drivers/memory/memory-data-store.ts';
import { MemoryDivergenceStore } from '../../src/drivers/memory/memory-divergence-store.ts';
import { MemoryLogStore } from '../../src/drivers/memory/memory-log-store.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { declareLapse } from '../../src/core/failover/register-changes.ts';
import { padSequenceNumber, type ChangeRecord } from '../../src/core/log/change-record.ts';
import { emptyHead, headAfter, nextSegment, requireChain, segmentBytesMax, type Segment } from '../../src/core/log/segment.ts';
import { firstRows } from '../../src/core/rows/first-rows.ts';
import { applyLog, batchesOf, measureLag, type LogApplier } from '../../src/operations/apply-log.ts';
import { abandonAttemptStep } from '../../src/operations/abandon-attempt.ts';
import { catchUp, shipLog } from '../../src/operations/ship-log.ts';
import { synchroniseStep } from '../../src/operations/synchronise.ts';
import { takeLeaseStep } from '../../src/operations/take-lease.ts';
import type { LogStore } from '../../src/ports/log-store.ts';
import type { RowStore } from '../../src/ports/row-store.ts';
import { maker, policy } from '../core/fixtures.ts';
import { alwaysAsync, around } from '../core/property.ts';
import { createGroup, east, ireland, VirtualClock, west } from './group.ts';

function recordOf(n: number, change: Partial<ChangeRecord> = {}): ChangeRecord {
  const key = change.key ?? `k${n}`;
  return { key, image: { id: { S: key }, n: { N: String(n) } }, epoch: 1, atMs: 1000 * n, sequenceNumber: padSequenceNumber(String(n)), ...change };
}
const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, i) => recordOf(from + i));

/** Passes calls on, unless told to fail. */
class FailingLog implements LogStore {
  readonly region: string;
  readonly inner: MemoryLogStore;
  fails: (method: keyof LogStore) => 'request' | 'answer' | undefined = () => undefined;
  constructor(region: string) {
    this.region = region;
    this.inner = new MemoryLogStore(region);
  }
  head = async (origin: string) => this.#send('head', async () => this.inner.head(origin));
  append = async (...args: Parameters<LogStore['append']>) => this.#send('append', async () => this.inner.append(...args));
  read = async (...args: Parameters<LogStore['read']>) => this.#send('read', async () => this.inner.read(...args));
  readBack = async (...args: Parameters<LogStore['readBack']>) => this.#send('readBack', async () => this.inner.readBack(...args));
  async #send<T>(method: keyof LogStore, act: () => Promise<T>): Promise<T> {
    const fails = this.fails(method);
    if (fails === 'request') throw new Error(`${this.region} is gone`);
    const answer = await act();
    if (fails === 'answer') throw new Error(`${this.region} did not answer`);
    return answer;
  }
}

async function recordsIn(log: LogStore, origin = east): Promise<number[]> {
  const segments = await log.read(origin, 0, 1_000_000);
  requireChain(emptyHead, segments, sha256);
  return segments.flatMap((s) => s.records.map((r) => Number(r.sequenceNumber)));
}

function createLogs() {
  const own = new FailingLog(east);
  const others = [new FailingLog(west), new FailingLog(ireland)];
  const ship = (records: readonly ChangeRecord[]) => shipLog(own, records, others, sha256);
  const [toWest, toIreland] = others;
  if (toWest === undefined || toIreland === undefined) throw new Error('unreachable');
  return { own, others, ship, toWest, toIreland };
}

describe('shipLog', () => {
  test('numbers a batch in the own log and copies it to every other region', async () => {
    const { own, others, ship } = createLogs();
    expect(await ship(upTo(3))).toEqual([west, ireland].map((region) => ({ region, outcome: 'shipped', segments: 1, because: '' })));
    await ship(upTo(2, 4));
    for (const log of [own, ...others]) {
      expect(await recordsIn(log)).toEqual([1, 2, 3, 4, 5]);
      expect(await log.head(east)).toEqual(await own.head(east));
    }
  });

  test('of a batch that comes again, whole or cut differently, adds nothing', async () => {
    const { own, ship } = createLogs();
    await ship(upTo(4));
    await ship(upTo(4));
    await ship(upTo(4, 3));
    expect(await recordsIn(own)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('heals a region that missed earlier batches: all of it, in order', async () => {
    const { ship, toWest } = createLogs();
    toWest.fails = () => 'request';
    expect(await ship(upTo(2))).toMatchObject([{ region: west, outcome: 'failed', because: 'Error: us-west-2 is gone' }, { outcome: 'shipped' }]);
    await ship(upTo(2, 3));
    toWest.fails = () => undefined;
    expect(await ship(upTo(1, 5))).toMatchObject([{ outcome: 'shipped', segments: 3 }, { segments: 1 }]);
    expect(await recordsIn(toWest)).toEqual([1, 2, 3, 4, 5]);
  });

  test('heals also where more segments are missing than one page reads', async () => {
    const { ship, toWest } = createLogs();
    toWest.fails = () => 'request';
    for (let n = 1; n <= 45; n += 1) await ship([recordOf(n)]);
    toWest.fails = () => undefined;
    await ship([recordOf(46)]);
    expect(await recordsIn(toWest)).toEqual(Array.from({ length: 46 }, (_, i) => i + 1));
  });

  test('is thrown back to the stream where no other region has it; the same batch again is not doubled', async () => {
    const { own, others, ship, toWest } = createLogs();
    for (const log of others) log.fails = () => 'request';
    await expect(ship(upTo(2))).rejects.toMatchObject({ name: 'NoQuorumError', retryable: true, message: expect.stringContaining('us-east-1 were shipped to no region') });
    for (const log of others) log.fails = () => undefined;
    await ship(upTo(2));
    expect(await recordsIn(own)).toEqual([1, 2]);
    expect(await recordsIn(toWest)).toEqual([1, 2]);
  });

  test('whose answer is lost is neither lost nor doubled', async () => {
    const { own, ship, toWest } = createLogs();
    let once = true;
    own.fails = (method) => (method === 'append' && once ? ((once = false), 'answer') : undefined);
    await expect(ship(upTo(2))).rejects.toThrow('did not answer');
    toWest.fails = (method) => (method === 'append' ? 'answer' : undefined);
    await ship(upTo(2));
    toWest.fails = () => undefined;
    await ship(upTo(1, 3));
    expect(await recordsIn(own)).toEqual([1, 2, 3]);
    expect(await recordsIn(toWest)).toEqual([1, 2, 3]);
  });

  test('of two shards at once: each record once, one chain, the same everywhere', async () => {
    const { own, others, ship } = createLogs();
    await Promise.all([ship(upTo(3)), ship(upTo(3, 101)), ship(upTo(2, 201))]);
    const records = await recordsIn(own);
    expect(records.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 101, 102, 103, 201, 202]);
    await ship(upTo(1, 301));
    for (const log of others) expect(await recordsIn(log)).toEqual([...records, 301]);
  });

  test('gives up on a head that others move five times in a row, and the stream delivers it again', async () => {
    const { own, ship } = createLogs();
    let n = 1000;
    const head = own.head;
    own.head = async (origin) => {
      const stands = await head(origin);
      n += 1;
      await own.inner.append(stands, nextSegment(east, stands, [recordOf(n)], sha256));
      return stands;
    };
    await expect(ship(upTo(1))).rejects.toMatchObject({ name: 'NoQuorumError', message: expect.stringContaining('5 times in a row') });
  });

  test('splits a batch at the longest segment, and drops nothing', async () => {
    await alwaysAsync(
      fc.asyncProperty(fc.array(around(segmentBytesMax / 2, segmentBytesMax), { minLength: 1, maxLength: 5 }), async (sizes) => {
        const { own, ship } = createLogs();
        const base = JSON.stringify(recordOf(1, { image: { x: { S: '' } } })).length;
        await ship(sizes.map((size, i) => recordOf(i + 1, { key: `k${i + 1}`, image: { x: { S: 'x'.repeat(Math.max(0, size - base)) } } })));
        expect(await recordsIn(own)).toEqual(sizes.map((_, i) => i + 1));
        for (const s of await own.read(east, 0, 1000)) if (s.records.length > 1) expect(s.records.reduce((sum, r) => sum + JSON.stringify(r).length, 0)).toBeLessThanOrEqual(segmentBytesMax);
      }),
      30,
    );
  });

  test('refuses to copy a chain with a hole, or one that was altered', async () => {
    const { own, ship, toWest } = createLogs();
    await ship(upTo(1));
    await ship(upTo(1, 2));
    toWest.fails = () => 'request';
    await ship(upTo(1, 3));
    await ship(upTo(1, 4));
    toWest.fails = () => undefined;
    const holed: LogStore = { region: east, head: own.head, append: own.append, readBack: own.readBack, read: async (o, after, limit) => (await own.read(o, after, limit)).filter((s) => s.sequence !== 3) };
    await expect(catchUp(east, holed, toWest, sha256)).rejects.toMatchObject({ name: 'MalformedError' });
    const altered: LogStore = { ...holed, read: async (o, after, limit) => (await own.read(o, after, limit)).map((s) => ({ ...s, records: s.records.map((r) => ({ ...r, key: 'other' })) })) };
    await expect(catchUp(east, altered, toWest, sha256)).rejects.toMatchObject({ name: 'MalformedError' });
    expect(await recordsIn(toWest)).toEqual([1, 2]);
    expect(await catchUp(east, own, toWest, sha256)).toBe(2);
  });

  test('whatever fails in between, a batch that comes until it succeeds is everywhere once, in one chain', async () => {
    await alwaysAsync(
      fc.asyncProperty(fc.array(fc.constantFrom('none', 'request', 'answer'), { maxLength: 40 }), fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }), async (plan, sizes) => {
        const { own, others, ship, toIreland } = createLogs();
        const script = [...plan];
        const next = () => {
          const fault = script.shift();
          return fault === 'request' || fault === 'answer' ? fault : undefined;
        };
        for (const log of [own, ...others]) log.fails = next;
        let n = 1;
        for (const size of sizes) {
          const batch = upTo(size, n);
          n += size;
          // The stream delivers a batch until it is taken.
          for (let tries = 0; tries < 60; tries += 1) if (await ship(batch).then(() => true, () => false)) break;
        }
        script.length = 0;
        await ship(upTo(1, n));
        for (const log of [own, ...others]) expect(await recordsIn(log)).toEqual(Array.from({ length: n }, (_, i) => i + 1));
        expect(await toIreland.head(east)).toEqual(await own.head(east));
      }),
      150,
    );
  });
});

function createApplier(options: { own?: RowStore; fences?: { epoch: number; untilAtMs: number } } = {}) {
  const rows = new MemoryRowStore(west, firstRows(policy, west, east));
  const own = options.own ?? rows;
  const log = new MemoryLogStore(west);
  const data = new MemoryDataStore(rows, policy.fenceShards);
  const divergence = new MemoryDivergenceStore();
  const clock = new VirtualClock();
  const applier: LogApplier = { own, log, data, divergence, clock, digest: sha256 };
  let head = emptyHead;
  const segments: Segment[] = [];
  return {
    applier, rows, log, data, divergence, clock, segments,
    async receive(...batches: (readonly ChangeRecord[])[]): Promise<void> {
      for (const records of batches) {
        const segment = nextSegment(east, head, records, sha256);
        expect(await log.append(head, segment)).toBe('done');
        head = headAfter(segment);
        segments.push(segment);
      }
    },
    /** This region opens in this epoch. */
    async openIn(epoch: number, untilAtMs = 10_000): Promise<void> {
      for (const k of [0, 1]) await rows.change({ key: { table: 'fence', pk: `FENCE#${k}` }, set: { epoch, untilAtMs, closedThroughMs: 0 }, when: [], mayCreate: false });
    },
    apply: (pagesMax = 10) => applyLog(applier, east, pagesMax, []),
    position: async () => rows.get({ table: 'region', pk: 'LOG', sk: east }),
  };
}

describe('applyLog', () => {
  test('writes records in order, to the end, and notes how far it came and how new that was', async () => {
    const a = createApplier();
    await a.receive([recordOf(1), recordOf(2, { key: 'k1' })], [recordOf(3)]);
    expect(await a.apply()).toEqual({ origin: east, applied: 3, stale: 0, divergent: 0, sequence: 3, isComplete: true, lastAtMs: 3000 });
    expect(await a.data.get('k1')).toMatchObject({ n: { N: '2' } });
    expect(await a.position()).toMatchObject({ sequence: 3, lastAtMs: 3000 });
    expect(await a.apply()).toMatchObject({ applied: 0, isComplete: true, sequence: 3, lastAtMs: 3000 });
  });

  test('of an empty log is complete, and knows of no time', async () => {
    expect(await createApplier().apply()).toEqual({ origin: east, applied: 0, stale: 0, divergent: 0, sequence: 0, isComplete: true, lastAtMs: null });
  });

  test('removes what was removed, also repeatedly, and what was never here', async () => {
    const a = createApplier();
    await a.receive([recordOf(1), recordOf(2, { key: 'k1', image: null })], [recordOf(3, { key: 'never', image: null })]);
    expect(await a.apply()).toMatchObject({ applied: 2, stale: 1 });
    expect(await a.data.get('k1')).toBeNull();
  });

  test('stops at its bound and goes on from there', async () => {
    const a = createApplier();
    await a.receive(...Array.from({ length: 45 }, (_, i) => [recordOf(i + 1)]));
    expect(await a.apply(1)).toMatchObject({ applied: 20, isComplete: false, sequence: 20 });
    expect(await a.apply(1)).toMatchObject({ applied: 20, isComplete: false, sequence: 40 });
    expect(await a.apply(1)).toMatchObject({ applied: 5, isComplete: false, sequence: 45 });
    expect(await a.apply(1)).toMatchObject({ applied: 0, isComplete: true });
  });

  test('repeated after dying before its position was noted changes nothing a second time', async () => {
    const a = createApplier();
    await a.receive([recordOf(1), recordOf(2, { key: 'k1' })]);
    const dying = createApplierOver(a, async () => Promise.reject(new Error('died')));
    await expect(applyLog(dying, east, 10, [])).rejects.toThrow('died');
    expect(await a.data.get('k1')).toMatchObject({ n: { N: '2' } });
    expect(await a.apply()).toMatchObject({ applied: 0, stale: 2, sequence: 2 });
    expect(await a.data.get('k1')).toMatchObject({ n: { N: '2' } });
  });

  test('never moves the position back, whoever is slower', async () => {
    const a = createApplier();
    await a.receive([recordOf(1)], [recordOf(2)]);
    let slow: (() => Promise<unknown>) | undefined;
    const slower = createApplierOver(a, async (change) => {
      slow = async () => a.rows.change(change);
      return { kind: 'done', row: {} };
    });
    await applyLog({ ...slower, log: firstOnly(a.log) }, east, 1, []);
    await a.apply();
    await slow?.();
    expect((await a.position())?.['sequence']).toBe(2);
  });

  test('refuses a log that was altered: nothing of that page is applied', async () => {
    const a = createApplier();
    await a.receive([recordOf(1)], [recordOf(2)], [recordOf(3)]);
    const altered = { ...a.applier, log: mapped(a.log, (s) => (s.sequence === 2 ? { ...s, records: [recordOf(2, { key: 'other' })] } : s)) };
    await expect(applyLog(altered, east, 10, [])).rejects.toMatchObject({ name: 'MalformedError' });
    expect(await a.data.get('k1')).toBeNull();
    expect(await a.position()).toBeUndefined();
  });

  test('refuses a hole within a page', async () => {
    const a = createApplier();
    await a.receive([recordOf(1)], [recordOf(2)], [recordOf(3)]);
    await expect(applyLog({ ...a.applier, log: mapped(a.log, (s) => (s.sequence === 2 ? undefined : s)) }, east, 10, [])).rejects.toMatchObject({ name: 'MalformedError' });
  });

  test('refuses a hole between what was dealt with and what is there now: segments expire', async () => {
    const a = createApplier();
    await a.receive([recordOf(1)]);
    await a.apply();
    await a.receive([recordOf(2)], [recordOf(3)]);
    await expect(applyLog({ ...a.applier, log: mapped(a.log, (s) => (s.sequence === 2 ? undefined : s)) }, east, 10, [])).rejects.toMatchObject({ name: 'MalformedError' });
    expect(await a.data.get('k3')).toBeNull();
  });

  test('goes on inside a segment that is longer than what was dealt with', async () => {
    const a = createApplier();
    await a.rows.change({ key: { table: 'region', pk: 'LOG', sk: east }, set: { sequence: 2, lastAtMs: 2000 }, when: [], mayCreate: true });
    await a.receive(upTo(4));
    expect(await a.apply()).toMatchObject({ applied: 2, sequence: 4 });
    expect(await a.data.get('k2')).toBeNull();
  });
});

describe('what comes after this region has opened in a newer epoch', () => {
  test('is listed with both versions and times, and never applied', async () => {
    const a = createApplier();
    await a.receive([recordOf(1)]);
    await a.apply();
    await a.openIn(2);
    a.data.put('k3', { id: { S: 'k3' }, mine: { BOOL: true } }, 2);
    await a.receive([recordOf(2, { key: 'k1' }), recordOf(3, { key: 'k3' }), recordOf(4, { key: 'k4', image: null })]);
    expect(await a.apply()).toMatchObject({ applied: 0, divergent: 3, sequence: 4, isComplete: true });
    expect(await a.data.get('k1')).toMatchObject({ n: { N: '1' } });
    expect(a.divergence.listed()).toMatchObject([
      { origin: east, record: { key: 'k1', atMs: 2000 }, ours: { n: { N: '1' } }, foundAtMs: a.clock.nowMs() },
      { record: { key: 'k3' }, ours: { mine: { BOOL: true } } },
      { record: { key: 'k4', image: null }, ours: null },
    ]);
  });

  test('is listed once, though its position was not noted the first time', async () => {
    const a = createApplier();
    await a.openIn(2);
    await a.receive(upTo(2));
    await expect(applyLog(createApplierOver(a, async () => Promise.reject(new Error('died'))), east, 10, [])).rejects.toThrow('died');
    await a.apply();
    expect(a.divergence.listed()).toHaveLength(2);
  });

  test('is not noted as dealt with where it could not be listed', async () => {
    const a = createApplier();
    await a.openIn(2);
    await a.receive(upTo(2));
    await expect(applyLog({ ...a.applier, divergence: { add: async () => Promise.reject(new Error('full')) } }, east, 10, [])).rejects.toThrow('full');
    expect(await a.position()).toBeUndefined();
    expect(await a.apply()).toMatchObject({ divergent: 2 });
  });

  test.each([
    ['raised and not opened (Synchronise goes on)', 2, 0, 2, 0],
    ['open in the epoch of the records', 1, 10_000, 2, 0],
    ['open in a newer one', 2, 10_000, 0, 2],
  ])('with fence rows %s: applied %#', async (_, epoch, untilAtMs, applied, divergent) => {
    const a = createApplier();
    await a.openIn(epoch, untilAtMs);
    await a.receive(upTo(2));
    expect(await a.apply()).toMatchObject({ applied, divergent });
  });

  test('does not hold up what comes from a newer epoch: a region that is standby again follows', async () => {
    const a = createApplier();
    await a.openIn(2);
    await a.receive([recordOf(1)], [recordOf(2, { epoch: 3, key: 'k1' }), recordOf(3, { epoch: 3 })]);
    expect(await a.apply()).toMatchObject({ applied: 2, divergent: 1, isComplete: true });
    expect(await a.data.get('k1')).toMatchObject({ n: { N: '2' } });
  });
});

describe('batchesOf', () => {
  test('cuts where the epoch changes, a key repeats or it is full, and loses and reorders nothing', () => {
    return alwaysAsync(
      fc.asyncProperty(fc.array(fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 4 })), { minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 5 }), fc.nat(20), async (shape, batchMax, after) => {
        const records = shape.map(([epoch, key], i) => recordOf(i + 1, { epoch, key: `k${key}` }));
        const one = nextSegment(east, emptyHead, records.slice(0, 7), sha256);
        const segments = records.length > 7 ? [one, nextSegment(east, headAfter(one), records.slice(7), sha256)] : [one];
        const batches = batchesOf(segments, after, batchMax);
        expect(batches.flat()).toEqual(records.slice(after));
        for (const batch of batches) {
          expect(batch.length).toBeGreaterThan(0);
          expect(batch.length).toBeLessThanOrEqual(batchMax);
          expect(new Set(batch.map((r) => r.epoch)).size).toBe(1);
          expect(new Set(batch.map((r) => r.key)).size).toBe(batch.length);
        }
        // Never cut earlier than it must be.
        batches.slice(1).forEach((batch, i) => {
          const before = batches[i] ?? [];
          const [next] = batch;
          expect(before.length === batchMax || before[0]?.epoch !== next?.epoch || before.some((r) => r.key === next?.key)).toBe(true);
        });
      }),
    );
  });

  test('keeps a transaction below its size', () => {
    const big = (n: number) => recordOf(n, { image: { x: { S: 'x'.repeat(290_000) } } });
    const segments: Segment[] = [];
    let head = emptyHead;
    for (let n = 1; n <= 25; n += 1) {
      const segment = nextSegment(east, head, [big(n)], sha256);
      head = headAfter(segment);
      segments.push(segment);
    }
    const batches = batchesOf(segments, 0, 97);
    expect(batches.flat()).toHaveLength(25);
    for (const batch of batches) expect(JSON.stringify(batch).length).toBeLessThan(3_100_000);
    expect(batches.length).toBe(3);
  });
});

describe('measureLag', () => {
  test('counts what was received and not applied, and the age of the oldest of it', async () => {
    const a = createApplier();
    const lag = (nowMs: number) => measureLag(a.rows, a.log, east, nowMs);
    expect(await lag(9000)).toEqual({ origin: east, items: 0, ageMs: 0 });
    await a.receive([recordOf(1), recordOf(2)], [recordOf(3)]);
    expect(await lag(9000)).toEqual({ origin: east, items: 3, ageMs: 8000 });
    await a.rows.change({ key: { table: 'region', pk: 'LOG', sk: east }, set: { sequence: 1, lastAtMs: 1000 }, when: [], mayCreate: true });
    expect(await lag(9000)).toEqual({ origin: east, items: 2, ageMs: 7000 });
    await a.rows.change({ key: { table: 'region', pk: 'LOG', sk: east }, set: { sequence: 2 }, when: [], mayCreate: true });
    expect(await lag(9000)).toEqual({ origin: east, items: 1, ageMs: 6000 });
    expect(await lag(500)).toMatchObject({ ageMs: 0 });
    await a.apply();
    expect(await lag(9000)).toMatchObject({ items: 0, ageMs: 0 });
  });
});

describe('Synchronise', () => {
  async function takenOver() {
    const group = createGroup();
    await group.open();
    await group.tick(west);
    group.clock.advance(22_000);
    await group.changeRegister((v) => declareLapse(v, v, west, maker()));
    await takeLeaseStep(group.governor(west), group.inputOf(2));
    const log = new FailingLog(west);
    const [inEast, inIreland] = [new FailingLog(east), new FailingLog(ireland)];
    const data = new MemoryDataStore(group.store(west), group.policy.fenceShards);
    const divergence = new MemoryDivergenceStore();
    const applier: LogApplier = { own: group.governor(west).own, log, data, divergence, clock: group.clock, digest: sha256 };
    const synchronise = () => synchroniseStep(group.governor(west), group.inputOf(2), applier, [inEast, inIreland]);
    return { group, log, inEast, inIreland, data, divergence, applier, synchronise };
  }

  test('applies to the end of what was shipped anywhere that answers; the lost region is not needed', async () => {
    const s = await takenOver();
    await shipLog(s.inEast, upTo(3), [s.log, s.inIreland], sha256);
    s.log.fails = () => 'request';
    await shipLog(s.inEast, upTo(2, 4), [s.log, s.inIreland], sha256);
    s.log.fails = () => undefined;
    s.inEast.fails = () => 'request';
    s.group.clock.advance(100);
    expect(await s.synchronise()).toEqual({
      isComplete: true,
      applied: 5,
      approvalNeeded: false,
      loss: [{ origin: east, newestAtMs: 5000, newestAgeMs: s.group.clock.nowMs() - 5000, records: 5, unread: [] }],
    });
    expect(await s.data.get('k5')).not.toBeNull();
  });

  test('names the regions that could not be read, and goes on without them', async () => {
    const s = await takenOver();
    await shipLog(s.inEast, upTo(2), [s.log, s.inIreland], sha256);
    s.inIreland.fails = () => 'request';
    expect(await s.synchronise()).toMatchObject({ isComplete: true, applied: 2, loss: [{ unread: ['eu-west-1: eu-west-1 is gone'] }] });
  });

  test('takes in nothing of a copy that was altered, and names it', async () => {
    const s = await takenOver();
    await shipLog(s.inEast, upTo(2), [s.inIreland], sha256);
    const read = s.inIreland.read;
    s.inIreland.read = async (...args) => (await read(...args)).map((segment) => ({ ...segment, records: segment.records.map((r) => ({ ...r, epoch: 9 })) }));
    expect(await s.synchronise()).toMatchObject({ applied: 0, loss: [{ records: 0, newestAtMs: null, newestAgeMs: null, unread: [expect.stringContaining('does not follow')] }] });
  });

  test('repeated applies nothing twice', async () => {
    const s = await takenOver();
    await shipLog(s.inEast, upTo(2), [s.log], sha256);
    await s.synchronise();
    expect(await s.synchronise()).toMatchObject({ isComplete: true, applied: 0, loss: [{ records: 2, newestAtMs: 2000 }] });
  });

  test('that is overtaken mid-way writes nothing more (H8)', async () => {
    const s = await takenOver();
    await shipLog(s.inEast, upTo(2), [s.log], sha256);
    const apply = s.data.apply.bind(s.data);
    s.data.apply = async (...args) => {
      await abandonAttemptStep(s.group.governor(west), s.group.inputOf(2), 'too slow');
      return apply(...args);
    };
    await expect(s.synchronise()).rejects.toMatchObject({ name: 'SupersededError' });
    expect(await s.data.get('k1')).toBeNull();
    await expect(s.synchronise()).rejects.toMatchObject({ name: 'SupersededError' });
  });

  test('in mode approve says that a person is needed', async () => {
    const s = await takenOver();
    const governor = { ...s.group.governor(west), policy: { ...s.group.policy, mode: 'approve' as const } };
    expect(await synchroniseStep(governor, s.group.inputOf(2), s.applier, [])).toMatchObject({ approvalNeeded: true });
  });
});

function createApplierOver(a: ReturnType<typeof createApplier>, change: RowStore['change']): LogApplier {
  return { ...a.applier, own: { region: west, get: async (key) => a.rows.get(key), change, changeTogether: async () => 'refused' } };
}
function mapped(log: LogStore, map: (s: Segment) => Segment | undefined): LogStore {
  const all = (segments: Segment[]) => segments.flatMap((s) => map(s) ?? []);
  return { region: log.region, head: async (o) => log.head(o), append: async (h, s) => log.append(h, s), read: async (o, a, l) => all(await log.read(o, a, l)), readBack: async (o, b, l) => all(await log.readBack(o, b, l)) };
}
function firstOnly(log: LogStore): LogStore {
  return { ...mapped(log, (s) => s), read: async (o, after) => log.read(o, after, 1) };
}

// Applying: in order, once, and what comes too late is listed, never applied.
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { emptyHead, headAfter, nextSegment, type Segment } from '../../src/core/log/segment.ts';
import { applyLog, batchesOf, measureLag } from '../../src/operations/apply-log.ts';
import { padSequenceNumber } from '../../src/core/log/change-record.ts';
import { DivergenceList } from '../../src/operations/divergence-list.ts';
import type { DataStore } from '../../src/ports/data-store.ts';
import type { RowStore } from '../../src/ports/row-store.ts';
import { alwaysAsync } from '../core/property.ts';
import { createApplier, createApplierOver, firstOnly, mapped, recordOf, upTo } from './change-log-fixture.ts';
import { east, west } from './group.ts';

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
    await a.receive([recordOf(1), recordOf(2)]);
    const dying = createApplierOver(a, async () => Promise.reject(new Error('died')));
    await expect(applyLog(dying, east, 10, [])).rejects.toThrow('died');
    expect(await a.data.get('k2')).toMatchObject({ n: { N: '2' } });
    expect(await a.apply()).toMatchObject({ applied: 0, stale: 2, sequence: 2 });
    expect(await a.data.get('k2')).toMatchObject({ n: { N: '2' } });
  });

  test('a write that thaws after its removal was applied brings nothing back, and whoever froze goes on where the others are', async () => {
    const a = createApplier();
    await a.receive([recordOf(1), recordOf(2, { key: 'k1', image: null })]);
    let thaw = (): void => {};
    const frozen = new Promise<void>((resolve) => (thaw = resolve));
    const { batchMax } = a.data;
    const data: DataStore = {
      batchMax,
      get: async (key) => a.data.get(key),
      stands: async (...args) => a.data.stands(...args),
      apply: async (...args) => frozen.then(async () => a.data.apply(...args)),
    };
    const late = applyLog({ ...a.applier, data }, east, 10, []);
    await vi.waitFor(async () => expect(await a.position()).toBeDefined());
    await a.apply();
    thaw();
    expect(await late).toMatchObject({ applied: 0, sequence: 2, isComplete: true });
    expect(await a.data.get('k1')).toBeNull();
  });

  test('a batch that thaws once the region has opened, and was applied long before, is no news: nothing of it is listed as divergent', async () => {
    const a = createApplier();
    await a.receive([recordOf(1)]);
    const { promise: frozen, resolve: thaw } = Promise.withResolvers<void>();
    const { batchMax } = a.data;
    const data: DataStore = {
      batchMax,
      get: async (key) => a.data.get(key),
      stands: async (...args) => a.data.stands(...args),
      apply: async (...args) => frozen.then(async () => a.data.apply(...args)),
    };
    const late = applyLog({ ...a.applier, data }, east, 10, []);
    await vi.waitFor(async () => expect(await a.position()).toBeDefined());
    await a.apply();
    await a.openIn(2);
    thaw();
    expect(await late).toMatchObject({ divergent: 0, sequence: 1 });
    expect(a.divergence.listed()).toEqual([]);
    await a.receive([recordOf(2)]);
    expect(await a.apply()).toMatchObject({ divergent: 1, sequence: 2 });
  });

  test('what the log brings a second time, far behind, is no news once the region has opened', async () => {
    const a = createApplier();
    await a.receive(...upTo(30).map((record) => [record]));
    await a.apply();
    await a.openIn(2);
    await a.receive([recordOf(3), recordOf(31)]);
    expect(await a.apply()).toMatchObject({ divergent: 1, sequence: 32 });
    expect(a.divergence.listed().map(({ record }) => record.key)).toEqual(['k31']);
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
    await expect(
      applyLog(
        createApplierOver(a, async () => Promise.reject(new Error('died'))),
        east,
        10,
        [],
      ),
    ).rejects.toThrow('died');
    await a.apply();
    expect(a.divergence.listed()).toHaveLength(2);
  });

  test('is listed also where a table serves so few calls at once that a hundred of them would outlast their time limit', async () => {
    const a = createApplier();
    await a.openIn(2);
    await a.receive(upTo(95));
    let underWay = 0;
    const slowly = async <T>(call: () => Promise<T>): Promise<T> => {
      underWay += 1;
      if (underWay > 40) throw new Error('TimeoutError');
      await Promise.resolve();
      const answer = await call();
      underWay -= 1;
      return answer;
    };
    const rows: RowStore = { region: west, get: async (key) => slowly(async () => a.rows.get(key)), change: async (c) => slowly(async () => a.rows.change(c)), changeTogether: async () => 'refused' };
    const data: DataStore = {
      batchMax: a.data.batchMax,
      apply: async (...args) => a.data.apply(...args),
      stands: async (...args) => a.data.stands(...args),
      get: async (key) => slowly(async () => a.data.get(key)),
    };
    expect(await applyLog({ ...a.applier, own: rows, data, divergence: new DivergenceList(rows, sha256) }, east, 10, [])).toMatchObject({ divergent: 95, isComplete: true });
    expect(await a.rows.get({ table: 'region', pk: 'DIVERGENCE', sk: `${east}#1#${padSequenceNumber('95')}` })).toMatchObject({ itemKey: 'k95' });
  });

  test('is not noted as dealt with where it could not be listed', async () => {
    const a = createApplier();
    await a.openIn(2);
    await a.receive(upTo(2));
    await expect(applyLog({ ...a.applier, divergence: { add: async () => Promise.reject(new Error('full')) } }, east, 10, [])).rejects.toThrow('full');
    expect(await a.position()).toMatchObject({ sequence: 0 });
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
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 4 })), { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(20),
        async (shape, batchMax, after) => {
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
        },
      ),
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

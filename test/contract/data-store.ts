// The contract of a data store, as one suite for every driver: which records go in, which are stale, which are fenced off.
import { describe, expect, test } from 'vitest';
import { padSequenceNumber, type ChangeRecord, type Image } from '../../src/core/log/change-record.ts';
import { fenceKey, firstLeaseRow, leaseKey } from '../../src/core/lease/lease-rows.ts';
import { shardOf } from '../../src/core/lease/fence-shard.ts';
import type { RowCheck, RowKey } from '../../src/core/rows/row.ts';
import type { DataStore } from '../../src/ports/data-store.ts';
import type { RowStore } from '../../src/ports/row-store.ts';

export type DataStoreUnderTest = {
  readonly data: DataStore;
  readonly rows: RowStore;
  readonly fenceShards: number;
  /** A write of the service itself in this region and epoch, as its own middleware makes it. */
  readonly putOwn: (key: string, image: Image, epoch: number) => Promise<void>;
  /** The name of the partition key. */
  readonly dataKey: string;
};

const east = 'us-east-1';
let names = 0;

export function dataStoreContract(name: string, create: () => Promise<DataStoreUnderTest>): void {
  /** Keys are never used by two tests; the fence rows are, and each test sets them first. */
  const freshKey = () => `order-${(names += 1)}`;
  const freshRow = (): RowKey => ({ table: 'region', pk: `STEP#${(names += 1)}`, sk: '#' });

  async function ready(fence: { epoch: number; untilAtMs: number } = { epoch: 0, untilAtMs: 0 }, openEpoch = 0) {
    const t = await create();
    await t.rows.change({ key: leaseKey, set: { ...firstLeaseRow, epoch: fence.epoch, openEpoch }, when: [], mayCreate: true });
    for (let k = 0; k < t.fenceShards; k += 1) {
      const set = { ...fence, closedThroughMs: 0 };
      await t.rows.change({ key: fenceKey(k), set, when: [], mayCreate: true });
    }
    const record = (key: string, n: number, change: Partial<ChangeRecord> = {}): ChangeRecord => ({
      key,
      image: { [t.dataKey]: { S: key }, n: { N: String(n) } },
      epoch: 1,
      atMs: n,
      sequenceNumber: padSequenceNumber(String(n)),
      ...change,
    });
    const apply = (records: readonly ChangeRecord[], checks: readonly RowCheck[] = [], epoch = records[0]?.epoch ?? 1) => t.data.apply(east, epoch, records, checks);
    const n = async (key: string) => (await t.data.get(key))?.['n'];
    return { ...t, record, apply, n };
  }

  describe(`data store contract: ${name}`, () => {
    test('an item that is not there is null', async () => {
      const t = await ready();
      expect(await t.data.get(freshKey())).toBeNull();
    });

    test('writes several records in one call, with every type of attribute kept', async () => {
      const t = await ready();
      const [a, b] = [freshKey(), freshKey()];
      const image = {
        [t.dataKey]: { S: a },
        s: { S: 'größer 😀' },
        empty: { S: '' },
        n: { N: '123456789012345678901234567890.5' },
        yes: { BOOL: true },
        nothing: { NULL: true },
        bytes: { B: 'AP9/' },
        texts: { SS: ['a', 'b'] },
        numbers: { NS: ['1'] },
        many: { BS: ['AA=='] },
        list: { L: [{ S: 'x' }, { M: { deep: { L: [{ B: 'AQ==' }] } } }] },
      };
      expect(await t.apply([t.record(a, 1, { image }), t.record(b, 2)])).toEqual({ kind: 'done', applied: 2, stale: 0 });
      expect(await t.data.get(a)).toMatchObject(image);
      expect(await t.n(b)).toEqual({ N: '2' });
    });

    test('repeated, changes nothing', async () => {
      const t = await ready();
      const key = freshKey();
      await t.apply([t.record(key, 1)]);
      const before = await t.data.get(key);
      expect(await t.apply([t.record(key, 1)])).toEqual({ kind: 'done', applied: 0, stale: 1 });
      expect(await t.data.get(key)).toEqual(before);
    });

    test.each([
      ['an older record of the same epoch', 1, 4, 'stale'],
      ['the same record', 1, 5, 'stale'],
      ['a newer record of the same epoch', 1, 6, 'applied'],
      ['an old number of a newer epoch', 2, 1, 'applied'],
      ['a high number of an older epoch', 0, 99, 'stale'],
    ])('over an item of epoch 1, number 5: %s is %#', async (_, epoch, number, expected) => {
      const t = await ready();
      const key = freshKey();
      await t.apply([t.record(key, 5)]);
      expect(await t.apply([t.record(key, number, { epoch, image: { [t.dataKey]: { S: key }, n: { N: 'x'.length === 1 ? '777' : '' } } })])).toEqual({
        kind: 'done',
        applied: expected === 'applied' ? 1 : 0,
        stale: expected === 'applied' ? 0 : 1,
      });
      expect(await t.n(key)).toEqual({ N: expected === 'applied' ? '777' : '5' });
    });

    test('compares numbers by their length as well: 9 is below 10', async () => {
      const t = await ready();
      const key = freshKey();
      await t.apply([t.record(key, 9)]);
      expect(await t.apply([t.record(key, 10)])).toMatchObject({ applied: 1 });
      expect(await t.apply([t.record(key, 9)])).toMatchObject({ stale: 1 });
    });

    test('leaves alone what the service itself wrote in the same or a newer epoch, and replaces what it wrote in an older one', async () => {
      const t = await ready();
      for (const [own, applied] of [
        [1, 1],
        [2, 0],
        [3, 0],
      ] as const) {
        const key = freshKey();
        await t.putOwn(key, { [t.dataKey]: { S: key }, n: { N: '0' } }, own);
        expect(await t.apply([t.record(key, 5, { epoch: 2 })])).toMatchObject({ kind: 'done', applied });
        expect(await t.n(key)).toEqual({ N: applied === 1 ? '5' : '0' });
      }
    });

    test('writes the fresh of a batch, also where others of it are stale', async () => {
      const t = await ready();
      const [a, b, c] = [freshKey(), freshKey(), freshKey()];
      await t.apply([t.record(a, 5), t.record(b, 6)]);
      expect(await t.apply([t.record(a, 5), t.record(b, 7), t.record(c, 8)])).toEqual({ kind: 'done', applied: 2, stale: 1 });
      expect([await t.n(a), await t.n(b), await t.n(c)]).toEqual([{ N: '5' }, { N: '7' }, { N: '8' }]);
    });

    test('removes, and repeats and late removals are stale', async () => {
      const t = await ready();
      const key = freshKey();
      await t.apply([t.record(key, 5)]);
      expect(await t.apply([t.record(key, 4, { image: null })])).toMatchObject({ stale: 1 });
      expect(await t.data.get(key)).not.toBeNull();
      expect(await t.apply([t.record(key, 6, { image: null })])).toEqual({ kind: 'done', applied: 1, stale: 0 });
      expect(await t.data.get(key)).toBeNull();
      expect(await t.apply([t.record(key, 6, { image: null })])).toMatchObject({ stale: 1 });
      expect(await t.apply([t.record(freshKey(), 7, { image: null })])).toMatchObject({ kind: 'done', stale: 1 });
    });

    test('writes and removes in one batch', async () => {
      const t = await ready();
      const [a, b] = [freshKey(), freshKey()];
      await t.apply([t.record(a, 1)]);
      expect(await t.apply([t.record(a, 2, { image: null }), t.record(b, 3)])).toEqual({ kind: 'done', applied: 2, stale: 0 });
      expect([await t.data.get(a), await t.n(b)]).toEqual([null, { N: '3' }]);
    });

    test.each([
      ['below the records', { epoch: 0, untilAtMs: 10_000 }, 'done'],
      ['of the records', { epoch: 1, untilAtMs: 10_000 }, 'done'],
      ['raised beyond them and never opened', { epoch: 2, untilAtMs: 0 }, 'done'],
      ['opened beyond them', { epoch: 2, untilAtMs: 10_000 }, 'fenced'],
    ] as const)('with fence rows %s: %#', async (_, fence, kind) => {
      const t = await ready(fence);
      const [a, b] = [freshKey(), freshKey()];
      expect((await t.apply([t.record(a, 1), t.record(b, 2)])).kind).toBe(kind);
      expect((await t.data.get(a)) === null).toBe(kind === 'fenced');
    });

    test.each([
      ['of the records', 1, 'done'],
      ['beyond them', 2, 'fenced'],
    ] as const)('raised for another take-over, its gate once opened in an epoch %s: %#', async (_, openEpoch, kind) => {
      const t = await ready({ epoch: 3, untilAtMs: 0 }, openEpoch);
      const key = freshKey();
      expect((await t.apply([t.record(key, 1)])).kind).toBe(kind);
      expect((await t.data.get(key)) === null).toBe(kind === 'fenced');
    });

    test('one fence row that is open beyond them fences the whole batch', async () => {
      const t = await ready();
      const keys = Array.from({ length: 40 }, freshKey);
      const inShard = (k: number) => keys.find((key) => shardOf(key, t.fenceShards) === k) ?? '';
      const [a, b] = [inShard(0), inShard(1)];
      expect([a, b]).not.toContain('');
      await t.rows.change({ key: fenceKey(1), set: { epoch: 2, untilAtMs: 10_000 }, when: [], mayCreate: false });
      expect(await t.apply([t.record(a, 1), t.record(b, 2)])).toEqual({ kind: 'fenced' });
      expect([await t.data.get(a), await t.data.get(b)]).toEqual([null, null]);
      // The other row's writes go on: each key is judged by its own.
      expect(await t.apply([t.record(a, 1)])).toMatchObject({ applied: 1 });
    });

    test('a removal is fenced as well', async () => {
      const t = await ready();
      const key = freshKey();
      await t.apply([t.record(key, 1)]);
      await t.rows.change({ key: fenceKey(shardOf(key, t.fenceShards)), set: { epoch: 2, untilAtMs: 10_000 }, when: [], mayCreate: false });
      expect(await t.apply([t.record(key, 2, { image: null })])).toEqual({ kind: 'fenced' });
      expect(await t.n(key)).toEqual({ N: '1' });
    });

    test('a check that fails writes nothing: the step is over', async () => {
      const t = await ready();
      const key = freshKey();
      const step = freshRow();
      await t.rows.change({ key: step, set: { progress: 7 }, when: [], mayCreate: true });
      const at = (progress: number): RowCheck => ({ key: step, when: [{ attribute: 'progress', is: '=', value: progress }] });
      expect(await t.apply([t.record(key, 1)], [at(6)])).toEqual({ kind: 'superseded' });
      expect(await t.apply([t.record(key, 1)], [{ ...at(7), key: freshRow() }])).toEqual({ kind: 'superseded' });
      expect(await t.data.get(key)).toBeNull();
      expect(await t.apply([t.record(key, 1)], [at(7)])).toMatchObject({ applied: 1 });
      expect(await t.apply([t.record(key, 2, { image: null })], [at(6)])).toEqual({ kind: 'superseded' });
      expect(await t.data.get(key)).not.toBeNull();
    });

    test('fenced and superseded at once, it is fenced: what is divergent is listed, whoever asks', async () => {
      const t = await ready({ epoch: 2, untilAtMs: 10_000 });
      const missing: RowCheck = { key: freshRow(), when: [{ attribute: 'progress', is: '=', value: 1 }] };
      expect(await t.apply([t.record(freshKey(), 1)], [missing])).toEqual({ kind: 'fenced' });
    });

    test('takes a batch of the size that it names', async () => {
      const t = await ready();
      const keys = Array.from({ length: t.data.batchMax }, freshKey);
      const step = freshRow();
      await t.rows.change({ key: step, set: { progress: 7 }, when: [], mayCreate: true });
      const checks: RowCheck[] = [{ key: step, when: [{ attribute: 'progress', is: '=', value: 7 }] }];
      expect(
        await t.apply(
          keys.map((key, i) => t.record(key, i + 1)),
          checks,
        ),
      ).toEqual({ kind: 'done', applied: keys.length, stale: 0 });
      expect(await t.n(keys.at(-1) ?? '')).toEqual({ N: String(keys.length) });
    });
  });
}

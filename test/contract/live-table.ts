// The contract of a live table under a restore in place, as one suite for every driver: nothing is written that was not seen, nothing past the fence.
import { describe, expect, test } from 'vitest';
import { fenceKey } from '../../src/core/lease/lease-rows.ts';
import { shardOf } from '../../src/core/lease/fence-shard.ts';
import type { Image } from '../../src/core/log/change-record.ts';
import type { LiveTable } from '../../src/ports/live-table.ts';
import type { RowStore } from '../../src/ports/row-store.ts';

export type LiveTableUnderTest = {
  readonly table: LiveTable;
  readonly rows: RowStore;
  readonly fenceShards: number;
  readonly dataKey: string;
  readonly region: string;
  /** Writes past everything, as the item is. */
  readonly put: (image: Image) => Promise<void>;
};

const timeoutMs = 20_000;
let names = 0;

export function liveTableContract(name: string, create: () => Promise<LiveTableUnderTest>): void {
  async function ready(fence: { epoch: number; untilAtMs: number; closedThroughMs: number } = { epoch: 5, untilAtMs: 100, closedThroughMs: 0 }) {
    const t = await create();
    for (let k = 0; k < t.fenceShards; k += 1) await t.rows.change({ key: fenceKey(k), set: fence, when: [], mayCreate: true });
    const stamp = { holdfastEpoch: { N: '5' }, holdfastOrigin: { S: t.region } };
    const item = (more: Image = {}) => ({ [t.dataKey]: { S: `live-${(names += 1)}` }, ...more });
    const keyOf = (image: Image) => String(Object(image[t.dataKey])['S']);
    return { ...t, stamp, item, keyOf };
  }

  describe(`live table contract: ${name}`, () => {
    test('sets, adds and removes what is as it was seen, stamped and without the marks of an applied item', async () => {
      const t = await ready();
      const [changed, gone, fresh] = [
        t.item({ n: { N: '1' }, old: { S: 'x' }, list: { L: [{ S: 'a' }] }, texts: { SS: ['b', 'a'] }, nothing: { NULL: true } }),
        t.item({ n: { N: '1.50' } }),
        t.item({ n: { N: '7' }, bytes: { B: 'AP8=' } }),
      ];
      for (const image of [changed, gone]) await t.put({ ...image, holdfastEpoch: { N: '2' }, holdfastOrigin: { S: 'elsewhere' }, holdfastSequence: { S: '9' } });
      const wanted = { [t.dataKey]: { S: t.keyOf(changed) }, n: { N: '2' }, more: { M: { deep: { BOOL: true } } } };
      const answer = await t.table.change(
        5,
        [
          { key: t.keyOf(changed), seen: changed, wanted },
          { key: t.keyOf(gone), seen: gone, wanted: null },
          { key: t.keyOf(fresh), seen: null, wanted: fresh },
        ],
        timeoutMs,
      );
      expect(answer).toEqual({ kind: 'done', refused: [] });
      expect(await t.table.get(t.keyOf(changed))).toEqual({ ...wanted, ...t.stamp });
      expect(await t.table.get(t.keyOf(gone))).toBeNull();
      expect(await t.table.get(t.keyOf(fresh))).toEqual({ ...fresh, ...t.stamp });
    });

    test('leaves what is otherwise than it was seen, and does the rest', async () => {
      const t = await ready();
      const [a, b, c, d, e] = [t.item({ n: { N: '1' } }), t.item({ n: { N: '1' } }), t.item(), t.item({ n: { N: '1' } }), t.item({ n: { N: '1' } })];
      await t.put({ ...a, n: { N: '2' } });
      await t.put({ ...b, n: { N: '2' } });
      await t.put(c);
      await t.put(e);
      const answer = await t.table.change(
        5,
        [
          { key: t.keyOf(a), seen: a, wanted: { ...a, n: { N: '3' } } },
          { key: t.keyOf(b), seen: b, wanted: null },
          { key: t.keyOf(c), seen: null, wanted: { ...c, n: { N: '3' } } },
          { key: t.keyOf(d), seen: d, wanted: { ...d, n: { N: '3' } } },
          { key: t.keyOf(e), seen: e, wanted: { ...e, n: { N: '3' } } },
        ],
        timeoutMs,
      );
      expect(answer.kind === 'done' ? [...answer.refused].sort() : answer).toEqual([a, b, c, d].map(t.keyOf).sort());
      expect([await t.table.get(t.keyOf(a)), await t.table.get(t.keyOf(b)), await t.table.get(t.keyOf(c)), await t.table.get(t.keyOf(d))]).toEqual([
        { ...a, n: { N: '2' } },
        { ...b, n: { N: '2' } },
        c,
        null,
      ]);
      expect(await t.table.get(t.keyOf(e))).toMatchObject({ n: { N: '3' } });
    });

    test('leaves an attribute that it neither saw nor wants', async () => {
      const t = await ready();
      const seen = t.item({ n: { N: '1' } });
      await t.put({ ...seen, added: { S: 'by the service' } });
      expect(await t.table.change(5, [{ key: t.keyOf(seen), seen, wanted: { ...seen, n: { N: '2' } } }], timeoutMs)).toEqual({ kind: 'done', refused: [] });
      expect(await t.table.get(t.keyOf(seen))).toEqual({ ...seen, n: { N: '2' }, added: { S: 'by the service' }, ...t.stamp });
    });

    test.each([
      ['another epoch, higher', { epoch: 6, untilAtMs: 100, closedThroughMs: 0 }],
      ['another epoch, lower', { epoch: 4, untilAtMs: 100, closedThroughMs: 0 }],
      ['closed at its deadline', { epoch: 5, untilAtMs: 100, closedThroughMs: 100 }],
      ['never opened', { epoch: 5, untilAtMs: 0, closedThroughMs: 0 }],
    ])('writes nothing where one fence row is of %s', async (_, fence) => {
      const t = await ready();
      const [set, gone, fresh] = [t.item({ n: { N: '1' } }), t.item(), t.item()];
      for (const image of [set, gone]) await t.put(image);
      for (const image of [set, gone, fresh]) await t.rows.change({ key: fenceKey(shardOf(t.keyOf(image), t.fenceShards)), set: fence, when: [], mayCreate: true });
      const changes = [
        { key: t.keyOf(set), seen: set, wanted: { ...set, n: { N: '2' } } },
        { key: t.keyOf(gone), seen: gone, wanted: null },
        { key: t.keyOf(fresh), seen: null, wanted: fresh },
      ];
      expect(await t.table.change(5, changes, timeoutMs)).toEqual({ kind: 'fenced' });
      expect(await Promise.all([set, gone, fresh].map(async (image) => t.table.get(t.keyOf(image))))).toEqual([set, gone, null]);
    });

    test('changes nothing where a check fails, and writes where all hold', async () => {
      const t = await ready();
      const [seen, gone] = [t.item({ n: { N: '1' } }), t.item()];
      for (const image of [seen, gone]) await t.put(image);
      const key = { table: 'region', pk: 'CHECKED', sk: t.keyOf(seen) } as const;
      const changes = [
        { key: t.keyOf(seen), seen, wanted: { ...seen, n: { N: '2' } } },
        { key: t.keyOf(gone), seen: gone, wanted: null },
      ];
      const checks = [{ key, when: [{ attribute: 'turn', is: '=', value: 3 } as const] }];
      expect(await t.table.change(5, changes, timeoutMs, checks)).toEqual({ kind: 'superseded' });
      await t.rows.change({ key, set: { turn: 4 }, when: [], mayCreate: true });
      expect(await t.table.change(5, changes, timeoutMs, checks)).toEqual({ kind: 'superseded' });
      expect(await Promise.all([seen, gone].map(async (image) => t.table.get(t.keyOf(image))))).toEqual([seen, gone]);
      await t.rows.change({ key, set: { turn: 3 }, when: [], mayCreate: true });
      expect(await t.table.change(5, changes, timeoutMs, checks)).toEqual({ kind: 'done', refused: [] });
      expect(await t.table.get(t.keyOf(gone))).toBeNull();
    });

    test('a removal that died after its stamp is carried out when repeated', async () => {
      const t = await ready();
      const seen = t.item({ n: { N: '1' } });
      await t.put({ ...seen, ...t.stamp });
      expect(await t.table.change(5, [{ key: t.keyOf(seen), seen, wanted: null }], timeoutMs)).toEqual({ kind: 'done', refused: [] });
      expect(await t.table.get(t.keyOf(seen))).toBeNull();
    });

    test('takes as many changes as it says, in any shard', async () => {
      const t = await ready();
      const images = Array.from({ length: t.table.batchMax }, (_, i) => t.item({ n: { N: String(i) } }));
      expect(
        await t.table.change(
          5,
          images.map((wanted) => ({ key: t.keyOf(wanted), seen: null, wanted })),
          timeoutMs,
        ),
      ).toEqual({ kind: 'done', refused: [] });
      for (const image of images) expect(await t.table.get(t.keyOf(image))).toMatchObject(image);
    });

    test('takes an item of a hundred attributes with long names', async () => {
      const t = await ready();
      const seen = t.item(Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`a${i}-${'x'.repeat(40)}`, { S: String(i) }])));
      const wanted = t.item(Object.fromEntries(Array.from({ length: 99 }, (_, i) => [`b${i}-${'x'.repeat(40)}`, { S: String(i) }])));
      await t.put(seen);
      const key = t.keyOf(seen);
      const change = { key, seen, wanted: { ...wanted, [t.dataKey]: { S: key } } };
      expect(await t.table.change(5, [change], timeoutMs)).toEqual({ kind: 'done', refused: [] });
      expect(await t.table.get(key)).toEqual({ ...change.wanted, ...t.stamp });
    });
  });
}

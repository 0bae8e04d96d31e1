// The contract of a row store, as one suite for every driver.
import { describe, expect, test } from 'vitest';
import type { Condition, Row, RowChange, RowKey, TableName } from '../../src/core/rows/row.ts';
import type { RowStore } from '../../src/ports/row-store.ts';

/** Keys that no other test of the suite uses: each test works on rows of its own. */
let rows = 0;
function freshKey(table: TableName = 'region'): RowKey {
  rows += 1;
  return table === 'region' ? { table, pk: `TEST#${rows}`, sk: '#' } : { table, pk: `TEST#${rows}` };
}

export function rowStoreContract(name: string, createStore: () => RowStore): void {
  const write = (key: RowKey, set: Row, when: readonly Condition[] = [], mayCreate = true): RowChange => ({ key, set, when, mayCreate });

  describe(`row store contract: ${name}`, () => {
    test('reads back what was written, texts as texts and numbers as numbers, in each table', async () => {
      const store = createStore();
      for (const table of ['region', 'register', 'fence'] as const) {
        const key = freshKey(table);
        const row = { text: 'x', empty: '', digits: '0012', zero: 0, negative: -7, fraction: 1.5, large: 9e15, exact: Number.MAX_SAFE_INTEGER, 'reserved word': 1, name: 'n', status: 's' };
        expect(await store.change(write(key, row))).toMatchObject({ kind: 'done', row });
        expect(await store.get(key)).toMatchObject(row);
      }
    });

    test('a missing row is undefined; two sort keys are two rows', async () => {
      const store = createStore();
      const key = freshKey();
      expect(await store.get(key)).toBeUndefined();
      await store.change(write(key, { a: 1 }));
      expect(await store.get({ ...key, sk: 'other' })).toBeUndefined();
    });

    test('a change sets its attributes, keeps the others, and answers with the row afterwards', async () => {
      const store = createStore();
      const key = freshKey();
      await store.change(write(key, { a: 1, b: 'x' }));
      const answer = await store.change(write(key, { a: 2, c: 'new' }, [{ attribute: 'a', is: '=', value: 1 }], false));
      expect(answer).toMatchObject({ kind: 'done', row: { a: 2, b: 'x', c: 'new' } });
      expect(await store.get(key)).toMatchObject({ a: 2, b: 'x', c: 'new' });
    });

    test('a refusal changes nothing, and answers with the row that stands', async () => {
      const store = createStore();
      const key = freshKey();
      await store.change(write(key, { a: 1, b: 'x' }));
      expect(await store.change(write(key, { a: 2 }, [{ attribute: 'a', is: '>', value: 1 }], false))).toMatchObject({ kind: 'refused', row: { a: 1, b: 'x' } });
      expect(await store.get(key)).toMatchObject({ a: 1, b: 'x' });
    });

    test('a missing row refuses, and is not created (H3)', async () => {
      const store = createStore();
      const key = freshKey();
      for (const when of [[], [{ attribute: 'a', is: '<', value: 1 }] as const]) expect(await store.change(write(key, { a: 2 }, when, false))).toEqual({ kind: 'refused', row: undefined });
      expect(await store.get(key)).toBeUndefined();
    });

    test('mayCreate creates a missing row whatever its conditions say; where it stands, they are judged', async () => {
      const store = createStore();
      const key = freshKey();
      const raise = (sequence: number) => store.change(write(key, { sequence }, [{ attribute: 'sequence', is: '<', value: sequence }]));
      expect((await raise(5)).kind).toBe('done');
      expect((await raise(5)).kind).toBe('refused');
      expect((await raise(4)).kind).toBe('refused');
      expect((await raise(6)).kind).toBe('done');
      expect(await store.get(key)).toMatchObject({ sequence: 6 });
    });

    const numbers: [Condition['is'], boolean[]][] = [
      ['=', [false, true, false]],
      ['<', [true, false, false]],
      ['<=', [true, true, false]],
      ['>', [false, false, true]],
    ];
    test.each(numbers)('%s judges numbers as numbers (9, 10, 11 against 10) and texts by their bytes', async (is, expected) => {
      const store = createStore();
      const judge = async (stands: string | number, value: string | number) => {
        const key = freshKey();
        await store.change(write(key, { a: stands }));
        return (await store.change(write(key, { b: 1 }, is === '>' ? [{ attribute: 'a', is, value }] : [{ attribute: 'a', is, value }], false))).kind === 'done';
      };
      expect(await Promise.all([9, 10, 11].map((n) => judge(n, 10)))).toEqual(expected);
      expect(await Promise.all(['A', 'a', 'b'].map((s) => judge(s, 'a')))).toEqual(expected);
      // As texts, '9' is above '10': ballots are padded for that reason.
      expect(await judge('9', '10')).toBe(is === '>');
      // Another type never holds.
      expect(await judge('10', 10)).toBe(false);
      expect(await judge(10, '10')).toBe(false);
    });

    test('a missing attribute fails its condition', async () => {
      const store = createStore();
      const key = freshKey();
      await store.change(write(key, { a: 1 }));
      for (const is of ['=', '<', '<=', '>'] as const) expect((await store.change(write(key, { a: 2 }, [{ attribute: 'none', is, value: 1 }], false))).kind).toBe('refused');
      expect((await store.change(write(key, { a: 2 }, [{ attribute: 'a', is: '>', to: 'none' }], false))).kind).toBe('refused');
    });

    test('two attributes of one row are compared by the store itself', async () => {
      const store = createStore();
      const open = async (untilAtMs: number) => {
        const key = freshKey('fence');
        await store.change(write(key, { untilAtMs, closedThroughMs: 10 }));
        return (await store.change(write(key, { x: 1 }, [{ attribute: 'untilAtMs', is: '>', to: 'closedThroughMs' }], false))).kind;
      };
      expect(await Promise.all([9, 10, 11].map(open))).toEqual(['refused', 'refused', 'done']);
    });

    test('all conditions must hold', async () => {
      const store = createStore();
      const key = freshKey();
      await store.change(write(key, { a: 1, b: 'x' }));
      const both = (a: number, b: string) =>
        store.change(
          write(
            key,
            { c: 1 },
            [
              { attribute: 'a', is: '=', value: a },
              { attribute: 'b', is: '=', value: b },
              { attribute: 'a', is: '<', value: 2 },
            ],
            false,
          ),
        );
      expect([(await both(1, 'y')).kind, (await both(2, 'x')).kind, (await both(1, 'x')).kind]).toEqual(['refused', 'refused', 'done']);
    });

    test('of racing changes on one condition exactly one is done', async () => {
      const store = createStore();
      const key = freshKey();
      await store.change(write(key, { slot: 0 }));
      const answers = await Promise.all(Array.from({ length: 16 }, (_, i) => store.change(write(key, { slot: 1, by: i }, [{ attribute: 'slot', is: '<', value: 1 }], false))));
      const winners = answers.flatMap((a, i) => (a.kind === 'done' ? [i] : []));
      expect(winners).toHaveLength(1);
      expect(await store.get(key)).toMatchObject({ by: winners[0] });
    });

    describe('changeTogether', () => {
      async function twoRows(store: RowStore) {
        const [a, b, c] = [freshKey('fence'), freshKey('fence'), freshKey()];
        for (const key of [a, b, c]) await store.change(write(key, { n: 1 }));
        return { a, b, c };
      }
      const to = (key: RowKey, n: number, from: number): RowChange => write(key, { n }, [{ attribute: 'n', is: '=', value: from }], false);

      test('makes all its changes, in several tables, under its checks', async () => {
        const store = createStore();
        const { a, b, c } = await twoRows(store);
        expect(await store.changeTogether([to(a, 2, 1), to(b, 3, 1)], [{ key: c, when: [{ attribute: 'n', is: '=', value: 1 }] }])).toBe('done');
        expect([await store.get(a), await store.get(b), await store.get(c)]).toMatchObject([{ n: 2 }, { n: 3 }, { n: 1 }]);
      });

      test.each(['a change', 'the first change', 'a check', 'a check of a missing row', 'a missing row'])('makes none where %s fails', async (what) => {
        const store = createStore();
        const { a, b, c } = await twoRows(store);
        const changes = [to(a, 2, what === 'the first change' ? 9 : 1), to(what === 'a missing row' ? freshKey('fence') : b, 3, what === 'a change' ? 9 : 1)];
        const check = { key: what === 'a check of a missing row' ? freshKey() : c, when: [{ attribute: 'n', is: '=', value: what === 'a check' ? 9 : 1 } as const] };
        expect(await store.changeTogether(changes, [check])).toBe('refused');
        expect([await store.get(a), await store.get(b), await store.get(c)]).toMatchObject([{ n: 1 }, { n: 1 }, { n: 1 }]);
      });

      test('without checks is a transaction all the same', async () => {
        const store = createStore();
        const { a, b } = await twoRows(store);
        expect(await store.changeTogether([to(a, 2, 1)], [])).toBe('done');
        expect(await store.changeTogether([to(a, 3, 2), to(b, 2, 9)], [])).toBe('refused');
        expect(await store.get(a)).toMatchObject({ n: 2 });
      });
    });
  });
}

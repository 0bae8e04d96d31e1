// The contract of a table store, as one suite for every driver.
import { describe, expect, test } from 'vitest';
import { setTimeout } from 'node:timers/promises';
import { itemLine } from '../../src/core/backup/table-lines.ts';
import type { Image } from '../../src/core/log/change-record.ts';
import type { TableStore } from '../../src/ports/table-store.ts';

let names = 0;

export function tableStoreContract(name: string, store: () => TableStore): void {
  const item = (key: string, more: Image = {}): Image => ({ key: { S: key }, ...more });
  const many = (count: number) => Array.from({ length: count }, (_, i) => item(`k${String(i).padStart(4, '0')}`, { n: { N: String(i) } }));

  async function ready(t: TableStore): Promise<string> {
    const table = `contract-table-${(names += 1)}`;
    await t.create(table, 'key');
    for (let i = 0; i < 50 && (await t.describe(table))?.isReady !== true; i += 1) await setTimeout(20);
    return table;
  }

  async function contents(t: TableStore, table: string, segments: number): Promise<string[]> {
    const lines: string[] = [];
    for (let segment = 0; segment < segments; segment += 1) for await (const page of t.scan(table, segment, segments)) lines.push(...page.map(itemLine));
    return lines.toSorted();
  }

  describe(`table store contract: ${name}`, () => {
    test('describes what is there, and null where nothing is', async () => {
      const t = store();
      expect(await t.describe(`contract-none-${(names += 1)}`)).toBeNull();
      const table = await ready(t);
      expect(await t.describe(table)).toMatchObject({ isReady: true, keyName: 'key' });
    });

    test('creating it again changes nothing', async () => {
      const t = store();
      const table = await ready(t);
      await t.write(table, [item('a')]);
      await t.create(table, 'key');
      expect(await contents(t, table, 1)).toEqual(['{"key":{"S":"a"}}']);
    });

    test('dropped, it is gone in a while, and nothing else is', async () => {
      const t = store();
      const [table, other] = [await ready(t), await ready(t)];
      await t.write(other, [item('a')]);
      await t.drop(table);
      await t.drop(table);
      for (let i = 0; i < 50 && (await t.describe(table)) !== null; i += 1) await setTimeout(20);
      expect(await t.describe(table)).toBeNull();
      await t.drop(table);
      expect(await contents(t, other, 1)).toEqual(['{"key":{"S":"a"}}']);
      // Its name is free again, and what was in it is gone.
      await t.create(table, 'key');
      for (let i = 0; i < 50 && (await t.describe(table))?.isReady !== true; i += 1) await setTimeout(20);
      expect(await t.isEmpty(table)).toBe(true);
    });

    test('is empty until something is written', async () => {
      const t = store();
      const table = await ready(t);
      expect(await t.isEmpty(table)).toBe(true);
      await t.write(table, [item('a')]);
      expect(await t.isEmpty(table)).toBe(false);
    });

    test.each([0, 1, 24, 25, 26, 99, 100, 101, 260])('gives back each of %d items once, over any number of segments', async (count) => {
      const t = store();
      const table = await ready(t);
      await t.write(table, many(count));
      const expected = many(count).map(itemLine).toSorted();
      for (const segments of [1, 3]) expect(await contents(t, table, segments)).toEqual(expected);
    });

    test('writing again changes nothing, and a newer item replaces an older one', async () => {
      const t = store();
      const table = await ready(t);
      await t.write(table, many(30));
      await t.write(table, many(30));
      await t.write(table, [item('k0003', { n: { N: '777' } })]);
      const lines = await contents(t, table, 2);
      expect([lines.length, lines.filter((line) => line.includes('777')).length]).toEqual([30, 1]);
    });

    test('keeps every type of attribute, and gives one line for one item', async () => {
      const t = store();
      const table = await ready(t);
      const image = item('types', {
        s: { S: 'größer 😀 \u2028' },
        empty: { S: '' },
        n: { N: '123456789012345678901234567890.5' },
        yes: { BOOL: true },
        nothing: { NULL: true },
        bytes: { B: 'AP9/' },
        texts: { SS: ['b', 'a'] },
        numbers: { NS: ['2', '1'] },
        many: { BS: ['AQ==', 'AA=='] },
        SS: { L: [{ S: 'b' }, { S: 'a' }] },
        deep: { M: { SS: { SS: ['y', 'x'] }, L: { L: [{ M: {} }, { L: [] }] } } },
      });
      await t.write(table, [image]);
      expect(await contents(t, table, 1)).toEqual([itemLine(image)]);
    });

    test('an item that stands all the while is seen once while others come and go', async () => {
      const t = store();
      const table = await ready(t);
      await t.write(table, many(260));
      const seen: string[] = [];
      for await (const page of t.scan(table, 0, 1)) {
        seen.push(...page.map((image) => JSON.stringify(image['key'])));
        await t.write(table, [item(`a${seen.length}`), item(`z${seen.length}`)]);
      }
      for (const image of many(260)) expect(seen.filter((key) => key === JSON.stringify(image['key']))).toHaveLength(1);
    });

    test('of a table that is not there nothing is read or written', async () => {
      const t = store();
      await expect(contents(t, 'contract-absent', 1)).rejects.toThrow();
      await expect(t.write('contract-absent', [item('a')])).rejects.toThrow();
    });
  });
}

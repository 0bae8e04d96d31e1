// The contract of a whole table, as one suite for every driver.
import { describe, expect, test } from 'vitest';
import type { Image } from '../../src/core/log/change-record.ts';
import type { WholeTable } from '../../src/ports/whole-table.ts';

let tables = 0;

export function wholeTableContract(name: string, create: () => { readonly table: WholeTable; readonly dataKey: string; readonly put: (image: Image) => Promise<void> }): void {
  describe(`whole table contract: ${name}`, () => {
    test('gives every item once, and those that are there of many keys', async () => {
      const { table, dataKey, put } = create();
      const run = (tables += 1);
      const keys = Array.from({ length: table.keysMax }, (_, i) => `whole-${run}-${i}`);
      const image = (key: string, i: number): Image => ({ [dataKey]: { S: key }, n: { N: String(i) }, bytes: { B: 'AP8=' }, deep: { M: { l: { L: [{ NULL: true }, { BOOL: false }] } } } });
      for (const [i, key] of keys.entries()) if (i % 2 === 0) await put(image(key, i));
      const seen = new Map<string, Image>();
      for await (const page of table.pages()) {
        for (const found of page) {
          expect(seen.has(found.key)).toBe(false);
          seen.set(found.key, found.image);
        }
      }
      const byKey = (all: Iterable<[string, Image]>) => [...all].toSorted(([a], [b]) => (a < b ? -1 : 1));
      const expected = keys.flatMap((key, i): [string, Image][] => (i % 2 === 0 ? [[key, image(key, i)]] : []));
      expect(byKey([...seen].filter(([key]) => keys.includes(key)))).toEqual(byKey(expected));
      expect(byKey(await table.getMany(keys))).toEqual(byKey(expected));
      expect(await table.getMany([])).toEqual(new Map());
    });
  });
}

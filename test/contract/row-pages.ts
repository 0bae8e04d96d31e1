// The contract of pages of rows, as one suite for every driver.
import { describe, expect, test } from 'vitest';
import type { RowPages } from '../../src/ports/row-pages.ts';
import type { RowStore } from '../../src/ports/row-store.ts';

let partitions = 0;

export function rowPagesContract(name: string, create: () => { readonly rows: RowStore; readonly pages: RowPages }): void {
  async function filled(sks: readonly string[]) {
    const { rows, pages } = create();
    const pk = `PAGED-${(partitions += 1)}`;
    for (const sk of sks) await rows.change({ key: { table: 'region', pk, sk }, set: { name: sk }, when: [], mayCreate: true });
    const all = async (prefix: string, limit: number) => {
      const [found, sizes]: [string[], number[]] = [[], []];
      for (let after: string | null = null; ; ) {
        const page: Awaited<ReturnType<RowPages['page']>> = await pages.page(pk, prefix, after, limit);
        found.push(...page.rows.map((row) => String(row['sk'])));
        sizes.push(page.rows.length);
        if (page.next === null) return { found, sizes };
        after = page.next;
      }
    };
    return { rows, pages, pk, all };
  }
  const many = Array.from({ length: 25 }, (_, i) => `a#${String(i).padStart(3, '0')}`);

  describe(`row pages contract: ${name}`, () => {
    test('gives all rows with a prefix once, in order, whatever the page', async () => {
      const { all } = await filled([...many.toReversed(), 'b#000', 'a', 'a#', 'aa#1']);
      for (const limit of [1, 24, 25, 26, 27]) {
        const { found, sizes } = await all('a#', limit);
        expect(found).toEqual(['a#', ...many]);
        expect(Math.max(...sizes)).toBeLessThanOrEqual(limit);
      }
      expect((await all('', 10)).found).toEqual(['a', 'a#', ...many, 'aa#1', 'b#000']);
      expect((await all('c#', 10)).found).toEqual([]);
    });

    test('goes on after what it gave, though rows came and went', async () => {
      const { rows, pages, pk } = await filled(many);
      const first = await pages.page(pk, 'a#', null, 10);
      expect(first.next).not.toBeNull();
      await rows.change({ key: { table: 'region', pk, sk: 'a#0005' }, set: { name: 'before' }, when: [], mayCreate: true });
      await rows.change({ key: { table: 'region', pk, sk: 'a#0105' }, set: { name: 'after' }, when: [], mayCreate: true });
      const second = await pages.page(pk, 'a#', first.next, 3);
      expect(second.rows.map((row) => row['sk'])).toEqual(['a#010', 'a#0105', 'a#011']);
      expect(second.rows[1]).toMatchObject({ name: 'after' });
    });
  });
}

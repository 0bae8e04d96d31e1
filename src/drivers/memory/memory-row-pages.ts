// Pages of the rows that a memory row store holds.
import type { RowPages } from '../../ports/row-pages.ts';
import type { MemoryRowStore } from './memory-row-store.ts';

export class MemoryRowPages implements RowPages {
  readonly #rows: MemoryRowStore;

  constructor(rows: MemoryRowStore) {
    this.#rows = rows;
  }

  async page(pk: string, prefix: string, after: string | null, limit: number) {
    const found = this.#rows.list('region', pk).filter((row) => String(row['sk']).startsWith(prefix) && (after === null || String(row['sk']) > after));
    const rows = found.toReversed().slice(0, limit);
    const last = rows.at(-1)?.['sk'];
    return { rows, next: rows.length < found.length && typeof last === 'string' ? last : null };
  }
}

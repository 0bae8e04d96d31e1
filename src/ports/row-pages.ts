// The port to many rows of one partition of the region table, a page at a time: reports that nobody holds whole.
import type { Row } from '../core/rows/row.ts';

/**
 * Contract (test/contract/row-pages.ts):
 * - rows of `pk` whose sort key begins with `prefix`, in the order of their sort keys (by bytes), after `after` where it is not null; each with its `sk`;
 * - at most `limit`; consistently read;
 * - `next` is null once there is nothing more; a page may be short, or empty, before that.
 */
export interface RowPages {
  page(pk: string, prefix: string, after: string | null, limit: number): Promise<{ readonly rows: readonly Row[]; readonly next: string | null }>;
}

// The port to the rows of one region: register, region and fence rows alike.
import type { Row, RowChange, RowCheck, RowKey } from '../core/rows/row.ts';

export type ChangeAnswer =
  /** Carried out. `row` is the row afterwards. */
  | { readonly kind: 'done'; readonly row: Row }
  /** A condition failed (or the row is missing and may not be created); nothing was changed. `row` is what stands there. */
  | { readonly kind: 'refused'; readonly row: Row | undefined };

/**
 * Contract (test/contract/row-store.ts):
 * - `get` is strongly consistent.
 * - `change` is atomic: its conditions are judged and its attributes set in one step.
 * - `changeTogether` makes all its changes or none, under all its checks.
 * - A call that throws may or may not have been carried out, now or later: the outcome is unknown. After a WriteConflictError
 *   (strongly consistent global tables only) it was not.
 * - Each call ends within the driver's time limit (about 1 s), by an answer or by throwing.
 */
export interface RowStore {
  readonly region: string;
  get(key: RowKey): Promise<Row | undefined>;
  change(change: RowChange): Promise<ChangeAnswer>;
  changeTogether(changes: readonly RowChange[], checks: readonly RowCheck[]): Promise<'done' | 'refused'>;
}

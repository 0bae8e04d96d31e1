// The port to the protected table of this region, for applying another region's log to it.
import type { ChangeRecord, Image } from '../core/log/change-record.ts';
import type { RowCheck } from '../core/rows/row.ts';

export type ApplyAnswer =
  /** `applied` were written, `stale` were older than what stands there. */
  | { readonly kind: 'done'; readonly applied: number; readonly stale: number }
  /** This region has opened in a newer epoch, now or before: none was written. */
  | { readonly kind: 'fenced' }
  /** A check failed: the step that applies is over. */
  | { readonly kind: 'superseded' };

/**
 * Contract (test/contract/data-store.ts):
 * - `apply` writes records of one epoch and of different keys, in one transaction with: for each fence row touched,
 *   `epoch <= the records' epoch OR untilAtMs = 0` (raised for a take-over, not opened yet); of the lease row, `openEpoch <= the records'
 *   epoch` (also while raised: what came too late once stays divergent); and all `checks`;
 * - an item is written only over one of a lower epoch, or of the same epoch and origin's lower sequence number: repeating and old records change nothing;
 * - a removal is marked first, so that this region's own stream shows it as an echo.
 */
export interface DataStore {
  /** At most this many records fit one call. */
  readonly batchMax: number;
  apply(origin: string, epoch: number, records: readonly ChangeRecord[], checks: readonly RowCheck[]): Promise<ApplyAnswer>;
  /** Whether the table shows what this record of `origin` made of its key: that item, or none where the record removed it. */
  stands(origin: string, record: ChangeRecord): Promise<boolean>;
  get(key: string): Promise<Image | null>;
}

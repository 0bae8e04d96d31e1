// The port to the protected table of this region, for a restore in place: writes that stand beside the service's own.
import type { Image } from '../core/log/change-record.ts';
import type { RowCheck } from '../core/rows/row.ts';

/** One key: what it must still be, and what it becomes; null: not there. Both without Holdfast's marks. */
export type LiveChange = { readonly key: string; readonly seen: Image | null; readonly wanted: Image | null };

export type LiveAnswer =
  /** All but `refused` are written; those are no longer what was seen. */
  | { readonly kind: 'done'; readonly refused: readonly string[] }
  /** The fence is not open in that epoch. What a removal had stamped may be; nothing else was written by this call. */
  | { readonly kind: 'fenced' }
  /** A check failed: what these writes belong to is over. The same holds of what may be written. */
  | { readonly kind: 'superseded' };

/**
 * Contract (test/contract/live-table.ts):
 * - each write is one transaction with the condition of the fence rows it touches: the given epoch, and open; and with all `checks` of region rows;
 * - a key is written only where every attribute of `seen` stands as it was, and where `seen` is null only where there is no item; marks are not compared;
 * - attributes that are neither in `seen` nor in `wanted` are left as they are;
 * - what is written carries the epoch and this region as its origin, and no mark of an applied item. What is removed was stamped so before.
 */
export interface LiveTable {
  /** At most this many changes, of different keys, fit one call. */
  readonly batchMax: number;
  get(key: string): Promise<Image | null>;
  /** @param timeoutMs the lease's rest: no request is under way when it has passed. */
  change(epoch: number, changes: readonly LiveChange[], timeoutMs: number, checks?: readonly RowCheck[]): Promise<LiveAnswer>;
}

// The port to the data table's own change stream in this region, as far as a hand-over must know where it ends.

/** An open shard of the stream, and where it ended when this was asked for. */
export type ShardEnd = { readonly shard: string; readonly iterator: string };

export type ShardPage = {
  /** Of the records in the order of the shard: the key of the item, and whether it was removed. */
  readonly records: readonly { readonly key: string; readonly isRemoval: boolean }[];
  /** Where to go on; null once the shard is closed and read to its end (it has children then). */
  readonly next: string | null;
};

/**
 * Contract (test/contract/change-stream.ts):
 * - `ends` lists every shard that is open, each with an iterator behind all records that it had when it was asked for. One that is closed and
 *   has no child in the same answer is listed too: what is to be known of its children is not known yet;
 * - `read` gives what came after, in order; an empty page says nothing of whether more is under way;
 * - each call ends within the driver's time limit, by an answer or by throwing.
 */
export interface ChangeStream {
  ends(): Promise<readonly ShardEnd[]>;
  read(iterator: string): Promise<ShardPage>;
  /** Puts an item of this key, marked as this region's own write of `epoch`, and removes it: two records in one shard. Repeating it is harmless. */
  mark(key: string, epoch: number): Promise<void>;
}

// The port to tables as backups read them and restores fill them: whole, by segments, beside the service that uses them.
import type { Image } from '../core/log/change-record.ts';

export type TableState = {
  readonly isReady: boolean;
  /** Partition key; a text. */
  readonly keyName: string;
  /** As the database tells it, which may be hours old. */
  readonly bytes: number;
};

/**
 * Contract (test/contract/table-store.ts):
 * - `scan` gives each item that is there from before the scan to its end exactly once over all its segments, in pages, consistently read: what was acknowledged before the page was asked for is seen.
 * - `write` puts items over whatever has their keys, all of them, or throws; repeating it changes nothing.
 * - `create` of a table that is there changes nothing. A new one is not ready at once.
 * - `drop` of a table that is not there changes nothing, nor of one that goes already. It is gone once `describe` is null; until then it may be asked for again.
 * - `describe` is null where there is no such table.
 */
export interface TableStore {
  readonly region: string;
  describe(table: string): Promise<TableState | null>;
  create(table: string, keyName: string): Promise<void>;
  drop(table: string): Promise<void>;
  isEmpty(table: string): Promise<boolean>;
  scan(table: string, segment: number, segments: number): AsyncIterable<readonly Image[]>;
  write(table: string, images: readonly Image[]): Promise<void>;
}

// The port to all of a protected table: for comparing it with another region's.
import type { Image } from '../core/log/change-record.ts';

export type KeyedImage = { readonly key: string; readonly image: Image };

/**
 * Contract (test/contract/whole-table.ts):
 * - `pages` gives each item that is there from its beginning to its end exactly once, consistently read;
 * - `getMany` gives the items that are there under these keys, consistently read; at most `keysMax` different keys.
 */
export interface WholeTable {
  readonly keysMax: number;
  pages(): AsyncIterable<readonly KeyedImage[]>;
  getMany(keys: readonly string[]): Promise<ReadonlyMap<string, Image>>;
}

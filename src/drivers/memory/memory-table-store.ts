// Tables in memory, read and filled as in DynamoDB: for tests and the simulation.
import { shardOf } from '../../core/lease/fence-shard.ts';
import type { Image } from '../../core/log/change-record.ts';
import { MalformedError, RefusedError } from '../../core/errors.ts';
import type { TableState, TableStore } from '../../ports/table-store.ts';

type Table = { readonly keyName: string; readonly items: Map<string, Image> /** So many looks until it is ready. */; looksLeft: number; isGoing: boolean };

const textOf = (value: unknown): string | undefined => {
  const found = typeof value === 'object' && value !== null ? Object.entries(value).find(([type]) => type === 'S')?.[1] : undefined;
  return typeof found === 'string' ? found : undefined;
};

export class MemoryTableStore implements TableStore {
  readonly region: string;
  readonly #tables = new Map<string, Table>();
  readonly #pageItems: number;

  constructor(region: string, pageItems = 100) {
    this.region = region;
    this.#pageItems = pageItems;
  }

  async describe(table: string): Promise<TableState | null> {
    const found = this.#tables.get(table);
    if (found === undefined) return null;
    if (found.isGoing) this.#tables.delete(table);
    const isReady = found.looksLeft === 0 && !found.isGoing;
    found.looksLeft = Math.max(0, found.looksLeft - 1);
    return { isReady, keyName: found.keyName, bytes: [...found.items.values()].reduce((sum, image) => sum + JSON.stringify(image).length, 0) };
  }

  async create(table: string, keyName: string): Promise<void> {
    if (!this.#tables.has(table)) this.#tables.set(table, { keyName, items: new Map(), looksLeft: 1, isGoing: false });
  }

  async drop(table: string): Promise<void> {
    const found = this.#tables.get(table);
    if (found !== undefined) found.isGoing = true;
  }

  async isEmpty(table: string): Promise<boolean> {
    return this.#of(table).items.size === 0;
  }

  async *scan(table: string, segment: number, segments: number): AsyncIterable<readonly Image[]> {
    // In the order of the keys: what comes or goes behind the reader is not seen, what is ahead of it is.
    for (let after: string | undefined; ; ) {
      const { items } = this.#of(table);
      const keys = [...items.keys()].filter((key) => shardOf(key, segments) === segment && (after === undefined || key > after)).toSorted();
      const page = keys.slice(0, this.#pageItems);
      if (page.length === 0) return;
      after = page.at(-1);
      yield page.flatMap((key): Image[] => {
        const image = items.get(key);
        return image === undefined ? [] : [image];
      });
    }
  }

  async write(table: string, images: readonly Image[]): Promise<void> {
    const { keyName, items } = this.#of(table);
    for (const image of images) {
      const key = textOf(image[keyName]);
      if (key === undefined) throw new MalformedError(`An item without a text key '${keyName}' cannot be written to ${table}.`);
      items.set(key, image);
    }
  }

  /** A removal by the service itself. */
  remove(table: string, key: string): void {
    this.#of(table).items.delete(key);
  }

  /** What stands in it, by its keys. */
  contents(table: string): ReadonlyMap<string, Image> {
    return this.#of(table).items;
  }

  #of(table: string): Table {
    const found = this.#tables.get(table);
    if (found === undefined) throw new RefusedError(`There is no table ${table} in ${this.region}.`);
    return found;
  }
}

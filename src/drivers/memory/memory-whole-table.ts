// All of a protected table in memory, in pages.
import type { Image } from '../../core/log/change-record.ts';
import type { KeyedImage, WholeTable } from '../../ports/whole-table.ts';

export class MemoryWholeTable implements WholeTable {
  readonly keysMax = 100;
  readonly #items: () => ReadonlyMap<string, Image>;
  readonly #pageItems: number;

  constructor(items: () => ReadonlyMap<string, Image>, pageItems = 100) {
    this.#items = items;
    this.#pageItems = pageItems;
  }

  async *pages(): AsyncIterable<readonly KeyedImage[]> {
    // In the order of the keys: what comes or goes behind the reader is not seen, what is ahead of it is.
    for (let after: string | undefined; ; ) {
      const page = [...this.#items()].filter(([key]) => after === undefined || key > after).toSorted(([a], [b]) => (a < b ? -1 : 1));
      const part = page.slice(0, this.#pageItems).map(([key, image]) => ({ key, image }));
      if (part.length === 0) return;
      after = part.at(-1)?.key;
      yield part;
    }
  }

  async getMany(keys: readonly string[]): Promise<ReadonlyMap<string, Image>> {
    const items = this.#items();
    return new Map(
      keys.flatMap((key): [string, Image][] => {
        const image = items.get(key);
        return image === undefined ? [] : [[key, image]];
      }),
    );
  }
}

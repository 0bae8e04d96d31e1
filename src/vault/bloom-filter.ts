// Says of most ids that a run does not have that it does not have them, without reading it. The bits of an id are in one block of 64 bytes, and blocks follow the
// order of ids: a run that is written in order fills its filter from front to back, and a lookup touches one line of memory.
import type { IdWords } from './index-record.ts';

const blockWords = 16;
export const filterBitsMax = 10;

export class BloomFilter {
  readonly words: Uint32Array;
  readonly #blocks: number;
  readonly #probes: number;

  constructor(words: Uint32Array, bitsOfEntry: number) {
    this.words = words;
    this.#blocks = words.length / blockWords;
    this.#probes = Math.max(1, Math.round(bitsOfEntry * Math.LN2));
  }

  /** @param bitsOfEntry 1 to 10; null below 1: a run without a filter is read for every lookup. */
  static sized(entries: number, bitsOfEntry: number): BloomFilter | null {
    return bitsOfEntry < 1 ? null : new BloomFilter(new Uint32Array(BloomFilter.wordsOf(entries, bitsOfEntry)), bitsOfEntry);
  }

  static wordsOf(entries: number, bitsOfEntry: number): number {
    return bitsOfEntry < 1 ? 0 : Math.ceil((Math.max(1, entries) * bitsOfEntry) / (32 * blockWords)) * blockWords;
  }

  /** Gives the memory back at once: the collector does not hurry for arrays, and a merge makes as large a filter as those it replaces. */
  free(): void {
    if (this.words.buffer instanceof ArrayBuffer) this.words.buffer.transfer(0);
  }

  /** The id's four words are each a hash of their own: the first says which block, the others which bits. */
  add(first: number, second: number, third: number): void {
    const block = this.#blockOf(first);
    for (let probe = 0, bits = second, step = third | 1; probe < this.#probes; probe += 1, bits = (bits + step) | 0) {
      const at = block + ((bits >>> 5) & (blockWords - 1));
      this.words[at] = (this.words[at] ?? 0) | (1 << (bits & 31));
    }
  }

  mayHave(id: IdWords): boolean {
    const block = this.#blockOf(id[0]);
    for (let probe = 0, bits = id[1], step = id[2] | 1; probe < this.#probes; probe += 1, bits = (bits + step) | 0) {
      if (((this.words[block + ((bits >>> 5) & (blockWords - 1))] ?? 0) & (1 << (bits & 31))) === 0) return false;
    }
    return true;
  }

  #blockOf(first: number): number {
    return Math.floor((first / 2 ** 32) * this.#blocks) * blockWords;
  }
}

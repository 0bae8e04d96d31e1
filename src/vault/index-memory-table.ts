// The newest records of the dedup index, in memory until there are enough of them for a run: one flat array, and slots that lead into it.
import { compareIds, putRecord, recordWords, type ChunkPlace, type IdWords } from './index-record.ts';

const radix = 256;

export class IndexMemoryTable {
  readonly #records: Uint32Array<ArrayBuffer>;
  readonly #slots: Uint32Array<ArrayBuffer>;
  readonly #entriesMax: number;
  /** Of sorting, used again each time. */
  readonly #orders: readonly [Uint32Array<ArrayBuffer>, Uint32Array<ArrayBuffer>];
  readonly #starts = new Uint32Array(radix + 1);
  #count = 0;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
    this.#records = new Uint32Array(entriesMax * recordWords);
    this.#orders = [new Uint32Array(entriesMax), new Uint32Array(entriesMax)];
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(entriesMax * 1.5)));
  }

  static bytesOf(entriesMax: number): number {
    return entriesMax * (recordWords * 4 + 8) + 2 ** Math.ceil(Math.log2(entriesMax * 1.5)) * 4;
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count >= this.#entriesMax;
  }

  /** Over an older place of the same id. */
  add(id: IdWords, place: ChunkPlace): void {
    const slot = this.#slotOf(id);
    const known = this.#slots[slot] ?? 0;
    const row = known === 0 ? this.#count++ : known - 1;
    this.#slots[slot] = row + 1;
    putRecord(this.#records, row * recordWords, id, place);
  }

  /** Calls with each record, in ascending order: where in `records` it is. */
  each(act: (records: Uint32Array, at: number) => void): void {
    for (const row of this.#order()) act(this.#records, row * recordWords);
  }

  clear(): void {
    this.#count = 0;
    this.#slots.fill(0);
  }

  #slotOf(id: IdWords): number {
    const mask = this.#slots.length - 1;
    // Not the first word: ids that come in order would otherwise crowd.
    let slot = id[3] & mask;
    for (let row = this.#slots[slot] ?? 0; row !== 0 && compareIds(this.#records, (row - 1) * recordWords, id, 0) !== 0; row = this.#slots[slot] ?? 0) slot = (slot + 1) & mask;
    return slot;
  }

  /** By the first word in four passes of 8 bits; the few that are alike in it are put right by comparing. */
  #order(): Uint32Array {
    const [rows, other] = this.#orders.map((array) => array.subarray(0, this.#count));
    if (rows === undefined || other === undefined) return new Uint32Array(0);
    for (let i = 0; i < rows.length; i += 1) rows[i] = i;
    for (const shift of [0, 16]) {
      this.#sortBy(rows, shift, other);
      this.#sortBy(other, shift + 8, rows);
    }
    for (let i = 1; i < rows.length; i += 1) {
      const row = rows[i] ?? 0;
      let at = i;
      for (; at > 0 && compareIds(this.#records, (rows[at - 1] ?? 0) * recordWords, this.#records, row * recordWords) > 0; at -= 1) rows[at] = rows[at - 1] ?? 0;
      rows[at] = row;
    }
    return rows;
  }

  #sortBy(rows: Uint32Array, shift: number, sorted: Uint32Array): void {
    const starts = this.#starts.fill(0);
    const records = this.#records;
    for (let i = 0; i < rows.length; i += 1) {
      const digit = ((records[(rows[i] ?? 0) * recordWords] ?? 0) >>> shift) & (radix - 1);
      starts[digit + 1] = (starts[digit + 1] ?? 0) + 1;
    }
    for (let i = 1; i <= radix; i += 1) starts[i] = (starts[i] ?? 0) + (starts[i - 1] ?? 0);
    for (let i = 0; i < rows.length; i += 1) {
      const row = rows[i] ?? 0;
      const digit = ((records[row * recordWords] ?? 0) >>> shift) & (radix - 1);
      const at = starts[digit] ?? 0;
      starts[digit] = at + 1;
      sorted[at] = row;
    }
  }
}

// Which chunks are stored already, by id, in memory that all workers share. It is bounded: what the parent point has beyond that is in the spill
// (chunk-spill.ts), what is new beyond it is forgotten. And two workers may store the same chunk at the same moment: both cost some bytes, never a wrong content.
import { idWords, type ChunkPlace } from '../vault/index-record.ts';

/** 40 bytes: half an id (16 bytes of a keyed hash: nobody can make two alike), the pack's first 8 bytes, offset, stored and raw length, codec. */
const rowWords = 10;
/** A chunk of 1 MiB each: 1 TiB. 48 MiB of addresses, of which only what is used becomes memory. */
const usualRowsMax = 1024 * 1024;

export type SharedChunkTable = { readonly slots: SharedArrayBuffer; readonly rows: SharedArrayBuffer; readonly count: SharedArrayBuffer };

export function newChunkTable(rowsMax = usualRowsMax): SharedChunkTable {
  const slots = 2 ** Math.ceil(Math.log2(rowsMax * 2));
  return { slots: new SharedArrayBuffer(slots * 4), rows: new SharedArrayBuffer(rowsMax * rowWords * 4), count: new SharedArrayBuffer(4) };
}

export class ChunkTable {
  readonly #slots: Int32Array<SharedArrayBuffer>;
  readonly #rows: Uint32Array<SharedArrayBuffer>;
  readonly #count: Int32Array<SharedArrayBuffer>;

  constructor(shared: SharedChunkTable) {
    this.#slots = new Int32Array(shared.slots);
    this.#rows = new Uint32Array(shared.rows);
    this.#count = new Int32Array(shared.count);
  }

  find(id: Uint8Array): ChunkPlace | null {
    const wanted = idWords(id);
    const mask = this.#slots.length - 1;
    for (let slot = wanted[0] & mask; ; slot = (slot + 1) & mask) {
      const row = Atomics.load(this.#slots, slot) - 1;
      if (row < 0) return null;
      const at = row * rowWords;
      if (wanted.every((word, i) => this.#rows[at + i] === word)) return this.#place(at);
    }
  }

  /** @returns false: there is no room for it */
  add(id: Uint8Array, place: ChunkPlace): boolean {
    const row = Atomics.add(this.#count, 0, 1);
    if ((row + 1) * rowWords > this.#rows.length) {
      Atomics.sub(this.#count, 0, 1);
      return false;
    }
    const words = idWords(id);
    const mask = this.#slots.length - 1;
    const at = row * rowWords;
    const pack = new DataView(place.pack.buffer, place.pack.byteOffset, 8);
    this.#rows.set([...words, pack.getUint32(0, true), pack.getUint32(4, true), place.offset, place.storedBytes, place.rawBytes, place.codec], at);
    for (let slot = words[0] & mask; ; slot = (slot + 1) & mask) {
      if (Atomics.compareExchange(this.#slots, slot, 0, row + 1) === 0) return true;
    }
  }

  #place(at: number): ChunkPlace {
    const pack = new Uint8Array(8);
    const view = new DataView(pack.buffer);
    view.setUint32(0, this.#word(at + 4), true);
    view.setUint32(4, this.#word(at + 5), true);
    return { pack, offset: this.#word(at + 6), storedBytes: this.#word(at + 7), rawBytes: this.#word(at + 8), codec: this.#word(at + 9) === 0 ? 0 : 1 };
  }

  #word(at: number): number {
    return this.#rows[at] ?? 0;
  }
}

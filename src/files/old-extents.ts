// What a file was in the parent point, beside what it is now. What is found again, by its tag at its old place or where the one before it ended, is neither cut nor hashed.
import { extentBytes } from '../core/vault/entry-codec.ts';
import { contentCut } from '../core/vault/fast-cdc.ts';
import { extentLength, type ExtentList, extentTag, isHole, readExtent } from './extent-list.ts';

/** Longer ones, of another writer, are read as new. */
const chunkBytesMax = contentCut.maxBytes;

/** The next bytes of the file, fewer only at its end. */
type Ahead = { readonly at: number; readonly peek: (bytes: number) => Uint8Array };

/** The extents that a file had in the parent point, and where in them the reading is: after one that was found again, the next is expected, at whatever place. */
export class OldExtents {
  readonly #extents: Uint8Array;
  readonly #starts: Float64Array;
  #expected: number;
  #matched = 0;
  #byId: Map<string, number> | null = null;

  constructor(extents: Uint8Array, from: number) {
    this.#extents = extents;
    const count = extents.length / extentBytes;
    this.#starts = new Float64Array(count);
    for (let i = 0, at = 0; i < count; i++) {
      this.#starts[i] = at;
      at += extentLength(extents, i);
    }
    this.#expected = this.#at(from);
  }

  /** How many of the next bytes are an old extent's, unchanged; 0: none. */
  unchanged(window: Ahead, tagOf: (plain: Uint8Array) => Uint8Array): number {
    const inPlace = this.#at(window.at);
    for (const index of this.#expected === inPlace ? [inPlace] : [this.#expected, inPlace]) {
      if (index < 0 || index >= this.#starts.length || isHole(this.#extents, index)) continue;
      const bytes = extentLength(this.#extents, index);
      if (bytes > chunkBytesMax) continue;
      const plain = window.peek(bytes);
      if (plain.length !== bytes || Buffer.compare(tagOf(plain), extentTag(this.#extents, index)) !== 0) continue;
      this.#matched = index;
      this.#expected = index + 1;
      return bytes;
    }
    return 0;
  }

  copyMatched(extents: ExtentList): void {
    extents.addAll(this.#extents.subarray(this.#matched * extentBytes, (this.#matched + 1) * extentBytes));
  }

  /** A chunk was found by its id: if it is this file's, it was shifted, and what followed it is expected next. */
  seen(id: Uint8Array): void {
    this.#byId ??= this.#index();
    const index = this.#byId.get(keyOf(id));
    if (index !== undefined) this.#expected = index + 1;
  }

  #index(): Map<string, number> {
    const byId = new Map<string, number>();
    for (let i = 0; i < this.#starts.length; i++) {
      const extent = readExtent(this.#extents, i);
      if (extent.pack !== null) byId.set(keyOf(extent.id), i);
    }
    return byId;
  }

  /** The extent that began exactly at this place, or -1. */
  #at(place: number): number {
    let [low, high] = [0, this.#starts.length - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      const start = this.#starts[middle] ?? 0;
      if (start === place) return middle;
      if (start < place) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, 16).toString('latin1');
}

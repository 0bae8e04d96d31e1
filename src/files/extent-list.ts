// Extents as the bytes that an entry holds (docs/vault-format.md, *Entries*): what the workers pass on and the entry stream repeats.
// A list of a million is 80 MB in one piece instead of a million objects, and an unchanged file's extents are copied, never decoded.
import { extentBytes } from '../core/vault/entry-codec.ts';
import { referenceBytes } from '../core/vault/chunk-reference.ts';
import type { ChunkPlace } from '../vault/index-record.ts';

/** Where the fields of an extent are; a hole is all zeros up to `length`. */
const field = { id: 0, tag: 32, pack: 48, offset: 56, storedBytes: 60, rawBytes: 64, codec: 68, from: 72, length: 76 } as const;

const holeBytesMax = 2 ** 30;

export class ExtentList {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;
  #count = 0;

  /** @param room for so many without growing */
  constructor(room = 16) {
    this.#bytes = new Uint8Array(room * extentBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get count(): number {
    return this.#count;
  }

  /** The extents so far; a view, good until the next one is added. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#count * extentBytes);
  }

  add(id: Uint8Array, tag: Uint8Array, place: ChunkPlace, from: number, length: number): void {
    const at = this.#room(1);
    this.#bytes.set(id, at + field.id);
    this.#bytes.set(tag, at + field.tag);
    this.#bytes.set(place.pack, at + field.pack);
    this.#view.setUint32(at + field.offset, place.offset, true);
    this.#view.setUint32(at + field.storedBytes, place.storedBytes, true);
    this.#view.setUint32(at + field.rawBytes, place.rawBytes, true);
    this.#view.setUint32(at + field.codec, place.codec, true);
    this.#view.setUint32(at + field.from, from, true);
    this.#view.setUint32(at + field.length, length, true);
  }

  /** All of a chunk, by its reference. */
  addReference(reference: Uint8Array): void {
    const at = this.#room(1);
    this.#bytes.set(reference.subarray(0, referenceBytes), at);
    this.#view.setUint32(at + field.length, this.#view.getUint32(at + field.rawBytes, true), true);
  }

  /** Zeros that are not stored; joined to a hole in front. */
  addHole(length: number): void {
    let rest = length;
    if (this.#count > 0) {
      const last = (this.#count - 1) * extentBytes;
      const before = isHoleAt(this.#bytes, last) ? this.#view.getUint32(last + field.length, true) : holeBytesMax;
      const joined = Math.min(rest, holeBytesMax - before);
      if (joined > 0) this.#view.setUint32(last + field.length, before + joined, true);
      rest -= Math.max(0, joined);
    }
    while (rest > 0) {
      const at = this.#room(1);
      const bytes = Math.min(rest, holeBytesMax);
      this.#view.setUint32(at + field.length, bytes, true);
      rest -= bytes;
    }
  }

  /** Extents as they are, out of another list. */
  addAll(extents: Uint8Array): void {
    const at = this.#room(extents.length / extentBytes);
    this.#bytes.set(extents, at);
  }

  #room(extents: number): number {
    const at = this.#count * extentBytes;
    const wanted = at + extents * extentBytes;
    if (wanted > this.#bytes.length) {
      const more = new Uint8Array(Math.max(wanted, this.#bytes.length * 2));
      more.set(this.#bytes);
      this.#bytes = more;
      this.#view = new DataView(more.buffer);
    }
    this.#count += extents;
    return at;
  }
}

export type ExtentFields = ChunkPlace & { readonly id: Uint8Array; readonly tag: Uint8Array; readonly from: number; readonly length: number };

/** One extent of a list. */
export function readExtent(extents: Uint8Array, index: number): ExtentFields | { readonly length: number; readonly pack: null } {
  const at = index * extentBytes;
  const view = viewOf(extents);
  const length = view.getUint32(at + field.length, true);
  if (isHoleAt(extents, at)) return { length, pack: null };
  return {
    id: extents.subarray(at + field.id, at + field.id + 32),
    tag: extents.subarray(at + field.tag, at + field.tag + 16),
    pack: extents.subarray(at + field.pack, at + field.pack + 8),
    offset: view.getUint32(at + field.offset, true),
    storedBytes: view.getUint32(at + field.storedBytes, true),
    rawBytes: view.getUint32(at + field.rawBytes, true),
    codec: extents[at + field.codec] === 0 ? 0 : 1,
    from: view.getUint32(at + field.from, true),
    length,
  };
}

/** Not a part of a chunk that several files share. */
export function isWholeChunk(extents: Uint8Array, index: number): boolean {
  const [at, view] = [index * extentBytes, viewOf(extents)];
  return view.getUint32(at + field.from, true) === 0 && view.getUint32(at + field.length, true) === view.getUint32(at + field.rawBytes, true);
}

export function extentLength(extents: Uint8Array, index: number): number {
  return viewOf(extents).getUint32(index * extentBytes + field.length, true);
}

export function extentTag(extents: Uint8Array, index: number): Uint8Array {
  return extents.subarray(index * extentBytes + field.tag, index * extentBytes + field.tag + 16);
}

/** The first 8 bytes of the id of its pack, as one number. */
export function packOf(extents: Uint8Array, index: number): bigint {
  return packAt(extents, index * extentBytes);
}

/** Of the extent that begins there. */
export function packAt(bytes: Uint8Array, at: number): bigint {
  return viewOf(bytes).getBigUint64(at + field.pack, false);
}

/** A reference to no bytes stored: a sealed chunk has 16 at least. */
export function isHole(extents: Uint8Array, index: number): boolean {
  return isHoleAt(extents, index * extentBytes);
}

export function contentLength(extents: Uint8Array): number {
  let length = 0;
  for (let i = 0; i < extents.length / extentBytes; i++) length += extentLength(extents, i);
  return length;
}

export function isHoleAt(extents: Uint8Array, at: number): boolean {
  return viewOf(extents).getUint32(at + field.storedBytes, true) === 0;
}

let lastViewed: Uint8Array = new Uint8Array(0);
let lastView = new DataView(lastViewed.buffer);

/** A view costs more than what is read through it. */
function viewOf(bytes: Uint8Array): DataView {
  if (bytes !== lastViewed) {
    lastViewed = bytes;
    lastView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  return lastView;
}

// Entries of a point, one after the other: length, JSON, extents.
import { MalformedError } from '../errors.ts';
import { concat, viewOf } from './bytes.ts';
import { decodeReference, encodeReference, referenceBytes } from './chunk-reference.ts';
import { entryJsonBytesMax } from './limits.ts';
import type { Entry, EntryMeta, Extent } from './recovery-point.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

export const extentBytes = 80;
/** No file of 2^44 bytes in pieces of 1 MiB has more. */
const extentsMax = 2 ** 24;

/** @throws MalformedError where the JSON is too long for the format. */
export function encodeEntry({ meta, extents }: Entry): Uint8Array {
  const json = encodeUtf8(JSON.stringify(meta));
  if (json.length > entryJsonBytesMax) throw new MalformedError(`What is to be kept about ${JSON.stringify(meta.n ?? meta.nb)} has ${json.length} bytes as JSON; the most is ${entryJsonBytesMax}.`);
  if (extents.length > extentsMax) throw new MalformedError(`${JSON.stringify(meta.n ?? meta.nb)} has ${extents.length} extents; the most is ${extentsMax}.`);
  const bytes = new Uint8Array(8 + json.length + extents.length * extentBytes);
  const view = viewOf(bytes);
  view.setUint32(0, json.length, true);
  bytes.set(json, 4);
  view.setUint32(4 + json.length, extents.length, true);
  let at = 8 + json.length;
  for (const extent of extents) {
    if (extent.kind === 'chunk') {
      encodeReference(extent.reference, bytes, at);
      view.setUint32(at + 72, extent.offset, true);
    }
    view.setUint32(at + 76, extent.bytes, true);
    at += extentBytes;
  }
  return bytes;
}

/** Gives whole entries of a stream that comes in any pieces. */
export class EntryDecoder {
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** So many bytes the next entry has, as far as is known: pieces are joined only when they are there. */
  #wantedBytes = 0;

  /** @throws MalformedError */
  push(piece: Uint8Array): Entry[] {
    this.#held.push(piece);
    this.#heldBytes += piece.length;
    if (this.#heldBytes < this.#wantedBytes) return [];
    const bytes = this.#held.length === 1 ? piece : concat(this.#held);
    const view = viewOf(bytes);
    const entries: Entry[] = [];
    let at = 0;
    for (;;) {
      this.#wantedBytes = 4;
      if (bytes.length - at < this.#wantedBytes) break;
      const jsonBytes = view.getUint32(at, true);
      if (jsonBytes > entryJsonBytesMax) throw new MalformedError(`An entry says that its JSON has ${jsonBytes} bytes; the most is ${entryJsonBytesMax}.`);
      this.#wantedBytes = 8 + jsonBytes;
      if (bytes.length - at < this.#wantedBytes) break;
      const extents = view.getUint32(at + 4 + jsonBytes, true);
      if (extents > extentsMax) throw new MalformedError(`An entry says that it has ${extents} extents; the most is ${extentsMax}.`);
      this.#wantedBytes = 8 + jsonBytes + extents * extentBytes;
      const end = at + this.#wantedBytes;
      if (bytes.length < end) break;
      const meta = parseMeta(bytes.subarray(at + 4, at + 4 + jsonBytes));
      entries.push({ meta, extents: Array.from({ length: extents }, (_, i) => decodeExtent(bytes, view, at + 8 + jsonBytes + i * extentBytes)) });
      at = end;
    }
    // A copy, so that the piece need not be kept.
    this.#held = [new Uint8Array(bytes.subarray(at))];
    this.#heldBytes = bytes.length - at;
    return entries;
  }

  /** @throws MalformedError where the stream ends inside an entry. */
  end(): void {
    if (this.#heldBytes > 0) throw new MalformedError(`The entries of a point end in the middle of one (${this.#heldBytes} bytes of it): something is missing.`);
  }
}

function decodeExtent(bytes: Uint8Array, view: DataView, at: number): Extent {
  const length = view.getUint32(at + 76, true);
  if (bytes.subarray(at, at + referenceBytes).every((byte) => byte === 0)) {
    if (view.getUint32(at + 72, true) !== 0) throw new MalformedError('A hole of an entry has an offset, and a hole has none.');
    return { kind: 'hole', bytes: length };
  }
  const reference = decodeReference(new Uint8Array(bytes.subarray(at, at + referenceBytes)), 0);
  const offset = view.getUint32(at + 72, true);
  if (offset + length > reference.rawBytes) throw new MalformedError(`An extent names ${length} bytes at ${offset} of a chunk of ${reference.rawBytes}.`);
  return { kind: 'chunk', reference, offset, bytes: length };
}

function parseMeta(json: Uint8Array): EntryMeta {
  const meta: unknown = parseJson(json);
  if (!isMeta(meta)) throw new MalformedError("An entry's JSON has no name ('n', or 'nb' in base64).");
  return meta;
}

function isMeta(value: unknown): value is EntryMeta {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && (('n' in value && typeof value.n === 'string') || ('nb' in value && typeof value.nb === 'string'));
}

function parseJson(json: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(json));
  } catch {
    return undefined;
  }
}

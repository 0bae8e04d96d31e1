// The entry stream (docs/vault-format.md, *Entries*) without making objects of it: an entry is its JSON and its extents as they are stored, so that what did
// not change is compared and copied as bytes, 200,000 files in a moment.
import { MalformedError } from '../core/errors.ts';
import { extentBytes } from '../core/vault/entry-codec.ts';

export type RawEntry = { readonly json: Buffer; readonly extents: Uint8Array };

const jsonBytesMax = 1024 * 1024;
const extentsMax = 64 * 1024 * 1024;

/** The entries of each chunk of the stream. */
export async function* rawEntries(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<RawEntry[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length) : Buffer.concat([rest, chunk]);
    const entries: RawEntry[] = [];
    let at = 0;
    for (let next = nextEntry(bytes, at); next !== null; next = nextEntry(bytes, at)) {
      entries.push(next.entry);
      at = next.end;
    }
    rest = bytes.subarray(at);
    if (entries.length > 0) yield entries;
  }
  if (rest.length > 0) throw new MalformedError(`The entry stream ends in the middle of an entry (${rest.length} bytes are left over): nothing of it can be relied on`);
}

function nextEntry(bytes: Buffer, at: number): { readonly entry: RawEntry; readonly end: number } | null {
  if (at + 4 > bytes.length) return null;
  const jsonBytes = bytes.readUInt32LE(at);
  if (jsonBytes > jsonBytesMax) throw new MalformedError(`The entry stream says that an entry's JSON has ${jsonBytes} bytes; at most ${jsonBytesMax} are allowed`);
  const countAt = at + 4 + jsonBytes;
  if (countAt + 4 > bytes.length) return null;
  const extents = bytes.readUInt32LE(countAt);
  if (extents > extentsMax) throw new MalformedError(`The entry stream says that an entry has ${extents} extents; at most ${extentsMax} are allowed`);
  const end = countAt + 4 + extents * extentBytes;
  if (end > bytes.length) return null;
  return { entry: { json: bytes.subarray(at + 4, countAt), extents: bytes.subarray(countAt + 4, end) }, end };
}

/** Chunks of the stream are cut by the entries' names alone, so that a change cuts nothing but its own chunk anew. */
const chunkBytesMin = 128 * 1024;
const chunkBytesMax = 1024 * 1024;
const entriesPerCut = 512;

export class EntryStreamWriter {
  readonly #emit: (plain: Uint8Array) => void;
  #buffer = Buffer.allocUnsafeSlow(chunkBytesMax);
  #filled = 0;
  #count = 0;
  #bytes = 0;

  constructor(emit: (plain: Uint8Array) => void) {
    this.#emit = emit;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What was written and not cut off yet. */
  get open(): Uint8Array {
    return this.#buffer.subarray(0, this.#filled);
  }

  add(json: string | Uint8Array, name: string | Uint8Array, extents: Uint8Array): void {
    this.#count += 1;
    const at = this.#filled;
    // A code unit is 3 bytes of UTF-8 at most.
    if (at + 8 + json.length * 3 + extents.length < chunkBytesMax) {
      const end = at + 4 + this.#put(json, at + 4);
      this.#buffer.writeUInt32LE(end - at - 4, at);
      this.#filled = this.#buffer.writeUInt32LE(extents.length / extentBytes, end);
      this.#buffer.set(extents, this.#filled);
      this.#filled += extents.length;
      this.#bytes += this.#filled - at;
    } else this.#addAcross(typeof json === 'string' ? Buffer.from(json) : json, extents);
    if (this.#filled >= chunkBytesMin && hashOf(name) % entriesPerCut === 0) this.cut();
  }

  cut(): void {
    if (this.#filled === 0) return;
    this.#emit(this.open);
    this.#filled = 0;
  }

  #put(json: string | Uint8Array, at: number): number {
    if (typeof json === 'string') return this.#buffer.write(json, at);
    this.#buffer.set(json, at);
    return json.length;
  }

  /** Where the chunk may end in the middle of it. */
  #addAcross(json: Uint8Array, extents: Uint8Array): void {
    const head = Buffer.allocUnsafe(4);
    head.writeUInt32LE(json.length);
    this.#append(head);
    this.#append(json);
    head.writeUInt32LE(extents.length / extentBytes);
    this.#append(head);
    this.#append(extents);
  }

  #append(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    for (let from = 0; from < bytes.length; ) {
      const piece = bytes.subarray(from, from + chunkBytesMax - this.#filled);
      this.#buffer.set(piece, this.#filled);
      this.#filled += piece.length;
      from += piece.length;
      if (this.#filled === chunkBytesMax) this.cut();
    }
  }
}

/** FNV-1a over the end of a name, where names differ. */
function hashOf(name: string | Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = Math.max(0, name.length - 24); i < name.length; i++) hash = Math.imul(hash ^ (typeof name === 'string' ? name.charCodeAt(i) : (name[i] ?? 0)), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

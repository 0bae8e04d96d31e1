// The entry stream (docs/vault-format.md, *Entries*) without making objects of it: an entry is its JSON and its extents as they are stored, so that what did
// not change is compared and copied as bytes, 200,000 files in a moment.
import { MalformedError } from '../core/errors.ts';
import { extentBytes } from '../core/vault/entry-codec.ts';
import { afterName } from './file-meta.ts';

/** A chunk of the stream; `reference`: of what is stored (docs/vault-format.md), where that is this chunk and no more. */
export type StreamChunk = { readonly bytes: Buffer; readonly reference: Uint8Array | null };

/** An entry where it lies in a chunk of the stream, from its first length on; its parts are views, made when they are asked for. */
export class RawEntry {
  readonly chunk: StreamChunk;
  readonly from: number;
  readonly jsonEnd: number;
  readonly end: number;

  constructor(chunk: StreamChunk, from: number, jsonEnd: number, end: number) {
    this.chunk = chunk;
    this.from = from;
    this.jsonEnd = jsonEnd;
    this.end = end;
  }

  get json(): Buffer {
    return this.chunk.bytes.subarray(this.from + 4, this.jsonEnd);
  }

  get extents(): Uint8Array {
    return this.chunk.bytes.subarray(this.jsonEnd + 4, this.end);
  }

  /** Its JSON is what is there in `bytes`. */
  isJson(bytes: Buffer, from: number, to: number): boolean {
    return to - from === this.jsonEnd - this.from - 4 && bytes.compare(this.chunk.bytes, this.from + 4, this.jsonEnd, from, to) === 0;
  }
}

const jsonBytesMax = 1024 * 1024;
const extentsMax = 64 * 1024 * 1024;

/** The entries of each chunk of the stream. */
export async function* rawEntries(chunks: AsyncIterable<StreamChunk>): AsyncGenerator<RawEntry[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const stored of chunks) {
    const chunk = rest.length === 0 ? stored : { bytes: Buffer.concat([rest, stored.bytes]), reference: null };
    const entries: RawEntry[] = [];
    for (let entry = entryAt(chunk, 0); entry !== null; entry = entryAt(chunk, entry.end)) entries.push(entry);
    rest = chunk.bytes.subarray(entries.at(-1)?.end ?? 0);
    if (entries.length > 0) yield entries;
  }
  if (rest.length > 0) throw new MalformedError(`The entry stream ends in the middle of an entry (${rest.length} bytes are left over): nothing of it can be relied on`);
}

function entryAt(chunk: StreamChunk, at: number): RawEntry | null {
  const { bytes } = chunk;
  if (at + 4 > bytes.length) return null;
  const jsonBytes = bytes.readUInt32LE(at);
  if (jsonBytes > jsonBytesMax) throw new MalformedError(`The entry stream says that an entry's JSON has ${jsonBytes} bytes; at most ${jsonBytesMax} are allowed`);
  const countAt = at + 4 + jsonBytes;
  if (countAt + 4 > bytes.length) return null;
  const extents = bytes.readUInt32LE(countAt);
  if (extents > extentsMax) throw new MalformedError(`The entry stream says that an entry has ${extents} extents; at most ${extentsMax} are allowed`);
  const end = countAt + 4 + extents * extentBytes;
  if (end > bytes.length) return null;
  return new RawEntry(chunk, at, countAt, end);
}

/** Chunks of the stream are cut by the entries' names alone, so that a change cuts nothing but its own chunk anew. */
const chunkBytesMin = 128 * 1024;
const chunkBytesMax = 1024 * 1024;
const entriesPerCut = 512;
const nameBytesHashed = 24;

export type ChunkSink = {
  readonly store: (plain: Uint8Array) => void;
  /** A chunk of another stream, as it is there. */
  readonly repeat: (reference: Uint8Array) => void;
};

export class EntryStreamWriter {
  readonly #sink: ChunkSink;
  #buffer = Buffer.allocUnsafeSlow(chunkBytesMax);
  #filled = 0;
  #count = 0;
  #bytes = 0;
  #run: Run | null = null;

  constructor(sink: ChunkSink) {
    this.#sink = sink;
  }

  /** Up to the last cut. */
  get count(): number {
    return this.#count;
  }

  /** Up to the last cut. */
  get bytes(): number {
    return this.#bytes;
  }

  add(json: string | Uint8Array, extents: Uint8Array): void {
    this.#endRun();
    const at = this.#filled;
    // A code unit is 3 bytes of UTF-8 at most.
    if (at + 8 + json.length * 3 + extents.length >= chunkBytesMax) {
      this.#addAcross(bufferOf(json), extents);
      return;
    }
    const jsonEnd = at + 4 + this.#put(json, at + 4);
    this.#buffer.writeUInt32LE(jsonEnd - at - 4, at);
    const extentsAt = this.#buffer.writeUInt32LE(extents.length / extentBytes, jsonEnd);
    this.#buffer.set(extents, extentsAt);
    this.#added(extentsAt + extents.length, this.#buffer, at + 4, jsonEnd);
  }

  /** An entry of another stream. A whole chunk of them is neither copied nor stored again. */
  repeat(entry: RawEntry): void {
    if (this.#run?.last.chunk === entry.chunk && this.#run.last.end === entry.from) {
      this.#run.last = entry;
      this.#run.count += 1;
      return;
    }
    this.#endRun();
    this.#run = { from: entry.from, last: entry, count: 1 };
  }

  cut(): void {
    this.#endRun();
    if (this.#filled === 0) return;
    this.#sink.store(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }

  #endRun(): void {
    const run = this.#run;
    if (run === null) return;
    this.#run = null;
    const { last, from, count } = run;
    const { bytes, reference } = last.chunk;
    if (this.#filled === 0 && from === 0 && last.end === bytes.length && reference !== null && endsChunk(bytes.length, bytes, last.from + 4, last.jsonEnd)) {
      this.#count += count;
      this.#bytes += bytes.length;
      this.#sink.repeat(reference);
    } else for (let entry = entryAt(last.chunk, from); entry !== null && entry.end <= last.end; entry = entryAt(last.chunk, entry.end)) this.#copy(entry);
  }

  #copy(entry: RawEntry): void {
    const { chunk, from, jsonEnd, end } = entry;
    if (this.#filled + end - from >= chunkBytesMax) this.#addAcross(entry.json, entry.extents);
    else this.#added(this.#filled + chunk.bytes.copy(this.#buffer, this.#filled, from, end), chunk.bytes, from + 4, jsonEnd);
  }

  #put(json: string | Uint8Array, at: number): number {
    if (typeof json === 'string') return this.#buffer.write(json, at);
    this.#buffer.set(json, at);
    return json.length;
  }

  #added(filled: number, jsonIn: Buffer, from: number, to: number): void {
    this.#count += 1;
    this.#bytes += filled - this.#filled;
    this.#filled = filled;
    this.#cutBehind(jsonIn, from, to);
  }

  /** Where the chunk may end in the middle of it. */
  #addAcross(json: Buffer, extents: Uint8Array): void {
    this.#count += 1;
    const head = Buffer.allocUnsafe(4);
    head.writeUInt32LE(json.length);
    this.#append(head);
    this.#append(json);
    head.writeUInt32LE(extents.length / extentBytes);
    this.#append(head);
    this.#append(extents);
    this.#cutBehind(json, 0, json.length);
  }

  #cutBehind(jsonIn: Buffer, from: number, to: number): void {
    if (endsChunk(this.#filled, jsonIn, from, to)) this.cut();
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

/** Entries one behind the other in one chunk. */
type Run = { readonly from: number; last: RawEntry; count: number };

/** A chunk that has so many bytes, with an entry whose JSON is there. */
function endsChunk(filled: number, jsonIn: Buffer, from: number, to: number): boolean {
  return filled >= chunkBytesMin && hashOfName(jsonIn, from, to) % entriesPerCut === 0;
}

function bufferOf(json: string | Uint8Array): Buffer {
  return typeof json === 'string' ? Buffer.from(json) : Buffer.from(json.buffer, json.byteOffset, json.length);
}

/** FNV-1a over the end of the name in an entry's JSON, where names differ. */
function hashOfName(bytes: Buffer, from: number, to: number): number {
  const end = Math.min(bytes.indexOf(afterName, from), to);
  let hash = 0x811c9dc5;
  for (let i = Math.max(from, end - nameBytesHashed); i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

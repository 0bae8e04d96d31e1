// Reads files into chunks, all in one thread and without waiting: read, compare with what the parent point has at that place, cut, id, look up,
// compress, seal. What is unchanged costs a read and a tag (docs/vault-format.md, *Why*); only what is not found by its tag is hashed.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { contentCut, nextCut } from '../core/vault/fast-cdc.ts';
import type { ChunkReference } from '../core/vault/recovery-point.ts';
import type { KnownChunks } from './known-chunks.ts';
import { cutRuleOf, fixedChunkBytes, type CutRule } from './cut-rule.ts';
import { extentBytes } from '../core/vault/entry-codec.ts';
import { extentLength, ExtentList, extentTag, isHole } from './extent-list.ts';
import { isZero } from './is-zero.ts';
import { OldExtents } from './old-extents.ts';
import { expectedNumbers, type BundleRead, type BundleTask, type ContentRead, type DiskPath, type Expected, type ReadCount, type ReadTask, type SegmentTask, type TaskRead } from './read-task.ts';

/** The longest chunk that is compared with the parent's (longer ones are read as new); room for one and as much again to read ahead. */
const chunkBytesMax = contentCut.maxBytes;
const windowBytes = 2 * chunkBytesMax;
const readBytesMin = 1024 * 1024;
/** What small files are put together to. */
export const bundleBytes = 1024 * 1024;

/** What the engine does with a chunk. */
export type ChunkSink = {
  readonly idOf: (plain: Uint8Array) => Uint8Array;
  readonly tagOf: (plain: Uint8Array) => Uint8Array;
  /** Compresses and seals it into the open pack. */
  readonly store: (plain: Uint8Array, id: Uint8Array, tag: Uint8Array) => ChunkReference;
};

export class ContentReader {
  readonly #sink: ChunkSink;
  readonly #known: Pick<KnownChunks, 'find' | 'add'>;
  readonly #window = Buffer.allocUnsafeSlow(windowBytes);
  #count = { readBytes: 0, reusedBytes: 0, zeroBytes: 0, newBytes: 0 };

  constructor(sink: ChunkSink, known: Pick<KnownChunks, 'find' | 'add'>) {
    this.#sink = sink;
    this.#known = known;
  }

  run(task: ReadTask): TaskRead {
    this.#count = { readBytes: 0, reusedBytes: 0, zeroBytes: 0, newBytes: 0 };
    const read = task.kind === 'segment' ? this.#segment(task) : this.#bundle(task);
    const count: ReadCount = { ...this.#count };
    return { read, count };
  }

  #segment(task: SegmentTask): ContentRead {
    return withFile(task.path, task.expected, (file) => {
      const rule = cutRuleOf(file, task.expected.bytes);
      const extents = new ExtentList();
      const old = task.old === null ? null : new OldExtents(new Uint8Array(task.old), task.from);
      const window = new Window(this.#window, file, task.from, task.to);
      while (window.at < task.to) {
        const kept = old?.unchanged(window, this.#sink.tagOf) ?? 0;
        if (kept > 0) old?.copyMatched(extents);
        const bytes = kept > 0 ? kept : this.#next(window, rule, extents, old);
        if (bytes === 0) break;
        if (kept > 0) this.#count.reusedBytes += kept;
        window.skip(bytes);
      }
      this.#count.readBytes += window.at - task.from;
      return { extents: extents.bytes.slice(), isShort: window.at < task.to };
    });
  }

  /** One chunk that is not the parent's at this place: zeros, known by its id, or new. Its length; 0 at the end of a file that became shorter. */
  #next(window: Window, rule: CutRule, extents: ExtentList, old: OldExtents | null): number {
    const plain = cutNext(window, rule);
    if (plain.length === 0) return 0;
    if (isZero(plain)) {
      extents.addHole(plain.length);
      this.#count.zeroBytes += plain.length;
      return plain.length;
    }
    const id = this.#sink.idOf(plain);
    const known = this.#known.find(id);
    if (known !== null && known.rawBytes === plain.length) {
      extents.add(id, this.#sink.tagOf(plain), known, 0, plain.length);
      this.#count.reusedBytes += plain.length;
      old?.seen(id);
      return plain.length;
    }
    const stored = this.#store(plain, id);
    extents.add(stored.id, stored.tag, stored, 0, plain.length);
    return plain.length;
  }

  #store(plain: Uint8Array, id: Uint8Array): ChunkReference {
    const stored = this.#sink.store(plain, id, this.#sink.tagOf(plain));
    this.#known.add(id, stored);
    this.#count.newBytes += plain.length;
    return stored;
  }

  #bundle({ paths, expected, old }: BundleTask): BundleRead {
    const extents = new Uint8Array(paths.length * extentBytes);
    const changed: number[] = [];
    const errors: [number, string][] = [];
    const waiting: { readonly index: number; readonly from: number; readonly bytes: number }[] = [];
    let filled = 0;
    const flush = () => {
      if (filled === 0) return;
      const plain = this.#window.subarray(0, filled);
      const id = this.#sink.idOf(plain);
      const known = this.#known.find(id);
      const place = known !== null && known.rawBytes === filled ? known : this.#store(plain, id);
      const rows = new ExtentList(waiting.length);
      for (const { from, bytes } of waiting) rows.add(id, this.#sink.tagOf(plain.subarray(from, from + bytes)), place, from, bytes);
      for (const [i, { index }] of waiting.entries()) extents.set(rows.bytes.subarray(i * extentBytes, (i + 1) * extentBytes), index * extentBytes);
      waiting.length = 0;
      filled = 0;
    };
    for (const [index, path] of paths.entries()) {
      const was = expectedAt(expected, index);
      if (filled > 0 && filled + was.bytes > bundleBytes) flush();
      let bytes = 0;
      const { isChanged, error } = withFile(path, was, (file) => {
        bytes = readFully(file, this.#window, filled, was.bytes, 0);
        return { extents: noExtents, isShort: bytes < was.bytes };
      });
      if (isChanged) changed.push(index);
      if (error !== null) errors.push([index, error]);
      if (error !== null || bytes === 0) continue;
      this.#count.readBytes += bytes;
      if (!isHole(old, index) && extentLength(old, index) === bytes && Buffer.compare(this.#sink.tagOf(this.#window.subarray(filled, filled + bytes)), extentTag(old, index)) === 0) {
        extents.set(old.subarray(index * extentBytes, (index + 1) * extentBytes), index * extentBytes);
        this.#count.reusedBytes += bytes;
        continue;
      }
      waiting.push({ index, from: filled, bytes });
      filled += bytes;
    }
    flush();
    return { extents, changed, errors };
  }
}

const noExtents = new Uint8Array(0);

function expectedAt(numbers: BigInt64Array, index: number): Expected {
  const number = (which: number) => numbers[index * expectedNumbers + which] ?? 0n;
  return { device: number(0), inode: number(1), bytes: Number(number(2)), mtimeNs: number(3), ctimeNs: number(4) };
}

function cutNext(window: Window, rule: CutRule): Uint8Array {
  const front = window.peek(fixedChunkBytes - (window.at % fixedChunkBytes));
  if (rule === 'content' && front.length > 0 && isZero(front)) return front;
  if (rule === 'fixed') return front;
  const ahead = window.peek(contentCut.maxBytes);
  return ahead.subarray(0, nextCut(ahead, 0, ahead.length));
}

/** The part of a file that is in memory, moving forward. */
class Window {
  readonly #buffer: Buffer;
  readonly #file: number;
  readonly #to: number;
  #from = 0;
  #filled = 0;
  at: number;

  constructor(buffer: Buffer, file: number, from: number, to: number) {
    this.#buffer = buffer;
    this.#file = file;
    this.#to = to;
    this.at = from;
  }

  /** The next bytes, fewer only at the end. */
  peek(bytes: number): Uint8Array {
    const wanted = Math.min(bytes, this.#to - this.at);
    const have = this.#filled - this.#from;
    if (have < wanted) {
      if (this.#from + wanted > this.#buffer.length) {
        this.#buffer.copyWithin(0, this.#from, this.#filled);
        this.#from = 0;
        this.#filled = have;
      }
      const ahead = Math.max(wanted - have, readBytesMin);
      const most = Math.min(ahead, this.#buffer.length - this.#filled, this.#to - this.at - have);
      this.#filled += readFully(this.#file, this.#buffer, this.#filled, most, this.at + have);
    }
    return this.#buffer.subarray(this.#from, Math.min(this.#from + wanted, this.#filled));
  }

  skip(bytes: number): void {
    this.#from += bytes;
    this.at += bytes;
  }
}

/** Opens, reads and closes; notices a file that is not, or not any more, what it was when it was listed. */
function withFile(path: DiskPath, expected: Expected, read: (file: number) => { readonly extents: Uint8Array; readonly isShort: boolean }): ContentRead {
  let file: number;
  try {
    file = openSync(toNode(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return { extents: new Uint8Array(0), isChanged: false, error: codeOf(error) };
  }
  try {
    const { extents, isShort } = read(file);
    // Once, afterwards: what changed before it was read has another time of change as well.
    return { extents, isChanged: isShort || isOther(fstatSync(file, { bigint: true }), expected), error: null };
  } catch (error) {
    return { extents: new Uint8Array(0), isChanged: false, error: codeOf(error) };
  } finally {
    closeSync(file);
  }
}

function isOther(stat: BigIntStats, expected: Expected): boolean {
  return stat.ino !== expected.inode || stat.dev !== expected.device || Number(stat.size) !== expected.bytes || stat.mtimeNs !== expected.mtimeNs || stat.ctimeNs !== expected.ctimeNs;
}

export function readFully(file: number, into: Uint8Array, at: number, bytes: number, position: number): number {
  let done = 0;
  while (done < bytes) {
    const read = readSync(file, into, at + done, bytes - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

export function toNode(path: DiskPath): string | Buffer {
  return typeof path === 'string' ? path : Buffer.from(path.buffer, path.byteOffset, path.length);
}

/** A system error's code; anything else is a defect of ours and goes on. */
function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error) return error.code;
  throw error;
}

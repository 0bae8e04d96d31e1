// How files come to be read: small ones together in bundles, large ones in segments side by side; what changed meanwhile once more; what cannot be read is said.
import { lstatSync } from 'node:fs';
import { bundleBytes } from './content-reader.ts';
import { shown, type EntryName } from './entry-name.ts';
import { extentBytes } from '../core/vault/entry-codec.ts';

import { FileJob } from './file-job.ts';
import { typeOf, type MetaSource } from './file-meta.ts';
import { whyNot, type Warn } from './file-walk.ts';
import type { ReadPool } from './read-pool.ts';
import { isHole } from './extent-list.ts';
import { expectedNumbers, type ContentRead, type Expected, type ReadCount, type TaskRead } from './read-task.ts';

/** Files below this share chunks. */
const smallBytesMax = 256 * 1024;
/** What one worker reads of a large file at a time; of a very large one more, since a chunk ends where a segment ends. */
const [segmentBytes, largeSegmentBytes, largeFileBytesMin] = [8 * 1024 * 1024, 32 * 1024 * 1024, 128 * 1024 * 1024];
/** Of its end less again, so that no worker is left alone with it for long. */
const largeFileEndBytes = 2 * largeSegmentBytes;
/** How far the asking is ahead of the reading. */
const aheadBytesMax = 6 * largeSegmentBytes;

type Bundled = { readonly job: FileJob; readonly path: EntryName; readonly old: Uint8Array | null };

export class FileReading {
  readonly #pool: ReadPool;
  readonly #warn: Warn;
  readonly #on: { readonly read: () => void; readonly waited: () => Promise<void> };
  readonly #running = new Set<Promise<void>>();
  #bundle: Bundled[] = [];
  #bundleBytes = 0;
  #failure: Error | null = null;
  readonly count = { readBytes: 0, reusedBytes: 0, zeroBytes: 0, newBytes: 0 };

  /** `read`: something was read; `waited`: for something to be read, a good moment for a checkpoint. */
  constructor(pool: ReadPool, warn: Warn, on: { readonly read: () => void; readonly waited: () => Promise<void> }) {
    this.#pool = pool;
    this.#warn = warn;
    this.#on = on;
  }

  /** Asks for a file's content; `old` are the extents that it had in the parent point. Waits while too much is asked for already. */
  async read(job: FileJob, path: EntryName, old: Uint8Array | null): Promise<void> {
    const bytes = Number(job.meta.stat.size);
    if (bytes < smallBytesMax) {
      if (this.#bundleBytes + bytes > bundleBytes) this.#sendBundle();
      job.expect(bytes);
      job.close();
      this.#bundle.push({ job, path, old: old?.length === extentBytes ? old : null });
      this.#bundleBytes += bytes;
    } else {
      this.#follow(await this.#segments(job, path, old === null ? null : shared(old)), job, path);
    }
    if (this.#pool.outstandingBytes > aheadBytesMax) await this.#room(aheadBytesMax);
  }

  /** All that was asked for is read. */
  async finish(): Promise<void> {
    this.#sendBundle();
    await this.#room(0);
  }

  /** Until one of those that were asked for is there. */
  async someRead(): Promise<void> {
    this.#sendBundle();
    this.#pool.flush();
    await Promise.race(this.#running);
    await this.#room(Number.MAX_SAFE_INTEGER);
  }

  async #room(bytes: number): Promise<void> {
    const isTooMuch = () => this.#pool.outstandingBytes > bytes || (bytes === 0 && this.#running.size > 0);
    while (this.#running.size > 0 && isTooMuch() && this.#failure === null && this.#pool.failure === null) {
      this.#pool.flush();
      await Promise.race(this.#running);
      await this.#on.waited();
    }
    const failure = this.#failure ?? this.#pool.failure;
    if (failure !== null) throw failure;
  }

  async #segments(job: FileJob, path: EntryName, old: SharedArrayBuffer | null): Promise<Promise<void>[]> {
    const bytes = Number(job.meta.stat.size);
    const expected = expectedOf(job.meta);
    const reads: Promise<void>[] = [];
    for (let from = 0, to = 0; from < bytes; from = to) {
      const step = bytes < largeFileBytesMin || bytes - from <= largeFileEndBytes ? segmentBytes : largeSegmentBytes;
      to = Math.min(bytes, from + step);
      const segment = job.expect(to - from);
      const read = this.#pool.read({ kind: 'segment', path, expected, from, to, old }, to - from).then((task) => job.arrive(segment, this.#contentOf(task)));
      reads.push(read);
      this.#track(read);
      await this.#room(aheadBytesMax);
    }
    job.close();
    return reads;
  }

  #follow(reads: readonly Promise<void>[], job: FileJob, path: EntryName): void {
    this.#track(Promise.all(reads).then(() => this.#settle(job, path)));
  }

  #sendBundle(): void {
    const bundle = this.#bundle;
    if (bundle.length === 0) return;
    const bytes = this.#bundleBytes;
    [this.#bundle, this.#bundleBytes] = [[], 0];
    const old = new Uint8Array(bundle.length * extentBytes);
    const expected = new BigInt64Array(bundle.length * expectedNumbers);
    for (const [i, { job, old: was }] of bundle.entries()) {
      const { stat } = job.meta;
      if (was !== null) old.set(was, i * extentBytes);
      const at = i * expectedNumbers;
      // One by one: setting a list of bigints takes ten times as long.
      [expected[at], expected[at + 1], expected[at + 2], expected[at + 3], expected[at + 4]] = [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs];
    }
    this.#track(this.#pool.read({ kind: 'bundle', paths: bundle.map(({ path }) => path), expected, old }, bytes).then((task) => this.#arriveBundle(bundle, task)));
  }

  async #arriveBundle(bundle: readonly Bundled[], { read, count }: TaskRead): Promise<void> {
    if (!('changed' in read)) throw new Error('a reading worker gave the content of a segment for a bundle');
    this.#add(count);
    const [changed, errors] = [new Set(read.changed), new Map(read.errors)];
    for (const [i, { job }] of bundle.entries()) {
      const row = read.extents.subarray(i * extentBytes, (i + 1) * extentBytes);
      job.arrive(0, { extents: isHole(read.extents, i) ? noExtents : row, isChanged: changed.has(i), error: errors.get(i) ?? null });
    }
    if (changed.size === 0 && errors.size === 0) return;
    for (const { job, path } of bundle) if (!job.isRead) await this.#settle(job, path);
  }

  /** What came is the file, or it is read once more, or it is left out; each with a word where it is not the first. */
  async #settle(job: FileJob, path: EntryName): Promise<void> {
    if (job.error !== null) {
      job.give();
      this.#warn(`${shown(path)} was not backed up: it could not be read (${job.error})`);
      return;
    }
    if (!job.isChanged) return;
    if (!this.#lookAgain(job, path)) return;
    await Promise.all(await this.#segments(job, path, null));
    const error = errorOf(job);
    if (error !== null) {
      job.give();
      this.#warn(`${shown(path)} was not backed up: it changed, and then could not be read (${error})`);
    } else if (job.isChanged) this.#warn(`${shown(path)} changed both times while it was read: what is kept of it may be old in one place and new in another`);
  }

  #lookAgain(job: FileJob, path: EntryName): boolean {
    try {
      const stat = lstatSync(path, { bigint: true });
      if (typeOf(stat) === 'f') {
        job.startAgain({ ...job.meta, stat });
        return true;
      }
      this.#warn(`${shown(path)} was not backed up: it is no file any more`);
    } catch (error) {
      this.#warn(`${shown(path)} was not backed up: it went away while it was read (${whyNot(error)})`);
    }
    job.give();
    return false;
  }

  #contentOf({ read, count }: TaskRead): ContentRead {
    if ('changed' in read) throw new Error('a reading worker gave the contents of a bundle for a segment');
    this.#add(count);
    return read;
  }

  #add(count: ReadCount): void {
    this.count.readBytes += count.readBytes;
    this.count.reusedBytes += count.reusedBytes;
    this.count.zeroBytes += count.zeroBytes;
    this.count.newBytes += count.newBytes;
  }

  #track(promise: Promise<void>): void {
    const tracked = promise
      .catch((error: unknown) => {
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
      })
      .then(() => {
        this.#running.delete(tracked);
        this.#on.read();
      });
    this.#running.add(tracked);
  }
}

/** Asked anew: a second reading may have failed. */
function errorOf(job: FileJob): string | null {
  return job.error;
}

const noExtents = new Uint8Array(0);

function expectedOf({ stat }: MetaSource): Expected {
  return { device: stat.dev, inode: stat.ino, bytes: Number(stat.size), mtimeNs: stat.mtimeNs, ctimeNs: stat.ctimeNs };
}

function shared(bytes: Uint8Array): SharedArrayBuffer {
  const buffer = new SharedArrayBuffer(bytes.length);
  new Uint8Array(buffer).set(bytes);
  return buffer;
}

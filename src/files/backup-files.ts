// Backs up trees of files into a vault: lists them in order beside the parent point, takes over what did not change, lets the workers read the rest,
// and writes the entries in the order of the tree. The main thread lists and collects; it reads no content.
import { setImmediate } from 'node:timers/promises';
import { InterruptedError } from '../core/vault/vault-errors.ts';
import { ChunkSpill } from './chunk-spill.ts';
import { newChunkTable } from './chunk-table.ts';
import type { EntryName } from './entry-name.ts';
import { readAttributes, type Attributes } from './extended-attributes.ts';
import type { RawEntry } from './entry-stream.ts';
import { FileJob, ready, type Queued, type QueuedEntry } from './file-job.ts';
import { fileOf, metaJson, nameIn, readMeta, settledByNs, type MetaSource } from './file-meta.ts';
import { FileReading } from './file-reading.ts';
import type { Found, Warn } from './file-walk.ts';
import { list, type ListedBatch, type ListedFile, type Listing } from './listing.ts';
import { ParentCursor, type OldEntry } from './parent-cursor.ts';
import { PointCommitter, type Committed, type CommitterOptions } from './point-committer.ts';
import { ReadPool } from './read-pool.ts';
import type { ReadCount } from './read-task.ts';

export type BackupFilesOptions = CommitterOptions & {
  /** Reads every file again, whatever the system says of it. */
  readonly isReadingAll: boolean;
  readonly workers: number;
  /** When so many new bytes are stored, a checkpoint is made, from which a run that was killed goes on. */
  readonly checkpointBytes: number;
  /** With so many entries in the parent, threads look at the files; usually 30,000. */
  readonly threadEntriesMin?: number;
  /** So many known chunks are in memory, the rest of the parent's in temporary files; usually a million. */
  readonly chunksInMemoryMax?: number;
  /** Aborted: what is there becomes a checkpoint, and InterruptedError is thrown. */
  readonly stop: AbortSignal;
  readonly warn: Warn;
  readonly progress: (so: BackupProgress) => void;
};

export type BackupProgress = { readonly entries: number /** Read, or known to be unchanged. */; readonly bytes: number; readonly storedBytes: number };

export type BackupFilesResult = Committed & {
  readonly entries: number;
  readonly unchanged: number;
  /** Of all files in the point, hard links once. */
  readonly bytes: number;
  readonly count: ReadCount;
  readonly storedBytes: number;
  readonly checkpoints: number;
  /** false: the program that reads them is not there. */
  readonly areAttributesKept: boolean;
};

/** `bytes`: of its content; `json`: of its entry as it is now. */
type Listed = { readonly found: Found; readonly meta: MetaSource; readonly bytes: number; readonly isFresh: boolean; readonly json: string };

const queuedMax = 4_000;
/** With fewer, threads take longer to start than they save. */
const threadEntriesMin = 30_000;
/** More would wait for the main thread. */
const listThreadsMax = 3;

export async function backupFiles(options: BackupFilesOptions): Promise<BackupFilesResult> {
  const run = new BackupRun(options);
  try {
    return await run.finish();
  } finally {
    await run.close();
  }
}

class BackupRun {
  readonly #options: BackupFilesOptions;
  readonly #listing: Listing;
  readonly #spill: ChunkSpill;
  readonly #pool: ReadPool;
  readonly #committer: PointCommitter;
  readonly #reading: FileReading;
  readonly #attributes: Attributes;
  readonly #queue: Queued[] = [];
  /** The first name of each file that has several. */
  readonly #links = new Map<string, EntryName>();
  #entries = 0;
  #unchanged = 0;
  #bytes = 0;
  #unreadBytes = 0;
  #checkpoints = 0;
  #checkpointAtBytes: number;
  #isMarking = false;

  constructor(options: BackupFilesOptions) {
    this.#options = options;
    const { vault, key, lock, workers, packBytes, zstdLevel, parent, roots, warn, nowMs } = options;
    this.#attributes = readAttributes(roots);
    // What threads make are entries without attributes.
    const hasThreads = this.#attributes.areNone && parent !== null && parent.entryCount >= (options.threadEntriesMin ?? threadEntriesMin);
    this.#listing = list({ roots, threads: hasThreads ? Math.min(Math.max(workers - 1, 1), listThreadsMax) : 0, warn, nowMs });
    const table = newChunkTable(options.chunksInMemoryMax);
    this.#spill = new ChunkSpill(options.warn);
    this.#pool = new ReadPool({ sites: vault.sites, key, lock, workers, packBytes, zstdLevel, table, spilled: () => this.#spill.share() });
    this.#committer = new PointCommitter(options, this.#pool, table, this.#spill);
    this.#reading = new FileReading(this.#pool, options.warn, { read: () => this.#drain(), waited: () => this.#checkpointIfDue() });
    this.#checkpointAtBytes = options.checkpointBytes;
  }

  async finish(): Promise<BackupFilesResult> {
    const { parent } = this.#options;
    const cursor = new ParentCursor(parent === null ? nothing() : parent.entries());
    for (let batch = await this.#listing.next(); batch !== null; batch = await this.#listing.next()) {
      for (let i = 0; i < batch.count; i += 1) {
        // Where it is not needed, an await for each would take longer than the comparing.
        if (cursor.isUsedUp) await cursor.more();
        if (this.#takeOverSame(batch, i, cursor)) continue;
        const listed = this.#list(batch.found(i), batch.askedMs);
        const { name } = listed.meta;
        let old = cursor.findRead(name, listed.json);
        if (old === undefined) old = await cursor.find(name, listed.json);
        if (!this.#takeOver(listed, old)) await this.#read(listed, old);
      }
      await this.#giveTurn();
    }
    await this.#reading.finish();
    this.#drain();
    await this.#pool.sealed();
    const committed = await this.#committer.commit(parent === null ? 'full' : 'incremental', this.#committer.mark([]), this.#bytes);
    return {
      ...committed,
      entries: this.#entries,
      unchanged: this.#unchanged,
      bytes: this.#bytes,
      count: this.#reading.count,
      storedBytes: this.#pool.storedBytes + committed.manifestBytes,
      checkpoints: this.#checkpoints,
      areAttributesKept: this.#attributes.areKept,
    };
  }

  async close(): Promise<void> {
    await this.#listing.close();
    await this.#pool.close();
    this.#spill.close();
  }

  #list(found: ListedFile, askedMs: number): Listed {
    const meta = this.#metaOf(found);
    const bytes = meta.type === 'f' ? Number(found.stat.size) : 0;
    const isFresh = meta.type === 'f' && found.stat.ctimeNs >= settledByNs(askedMs);
    const json = found.json !== null && !isFresh && meta.type !== 'h' ? found.json : metaJson(meta, bytes, isFresh ? 'fresh' : 'settled');
    this.#entries += 1;
    this.#bytes += bytes;
    return { found, meta, bytes, isFresh, json };
  }

  /** What a thread made an entry of, if the parent has the same: by far the most often. */
  #takeOverSame({ made }: ListedBatch, index: number, cursor: ParentCursor): boolean {
    if (made === null || made.isSettled[index] !== 1) return false;
    const bytes = made.bytes[index] ?? 0;
    const file = made.linked.get(index);
    if ((bytes > 0 && this.#options.isReadingAll) || (file !== undefined && this.#links.has(file))) return false;
    const same = cursor.takeSame(made.json, index === 0 ? 0 : (made.ends[index - 1] ?? 0), made.ends[index] ?? 0);
    if (same === null) return false;
    if (file !== undefined) this.#links.set(file, nameIn(same.chunk.bytes, same.from + 4, same.jsonEnd));
    this.#entries += 1;
    this.#bytes += bytes;
    this.#unchanged += 1;
    this.#unreadBytes += bytes;
    if (this.#queue.length === 0) this.#committer.repeat(same);
    else this.#queue.push(ready(same));
    return true;
  }

  /** What needs no reading: it did not change, or has no content. */
  #takeOver({ found, bytes, isFresh, json }: Listed, old: OldEntry | null): boolean {
    const hasOld = old !== null && (!isFresh || bytes === 0) && (old.isSame || isSameByStat(old.entry, found));
    if (hasOld && (bytes === 0 || !this.#options.isReadingAll)) {
      this.#unchanged += 1;
      this.#unreadBytes += bytes;
      this.#put({ json, extents: old.entry.extents });
    } else if (bytes === 0) this.#put({ json, extents: new Uint8Array(0) });
    else return false;
    return true;
  }

  async #read({ found, meta, json }: Listed, old: OldEntry | null): Promise<void> {
    await this.#committer.knowParent();
    const job = new FileJob(meta, json);
    this.#queue.push(job);
    await this.#reading.read(job, found.path, old?.entry.extents ?? null);
  }

  /** Without a detour where nothing waits in front of it. */
  #put(entry: QueuedEntry): void {
    if (this.#queue.length === 0) this.#committer.add(entry);
    else this.#queue.push(ready(entry));
  }

  #metaOf({ name, path, stat, type, target }: Found): MetaSource {
    const attributes = this.#attributes.of(path);
    if (type === 'f' && stat.nlink > 1n) {
      const file = fileOf(stat);
      const first = this.#links.get(file);
      if (first !== undefined) return { name, type: 'h', stat, target: first, attributes: undefined };
      this.#links.set(file, name);
    }
    return { name, type, stat, target, attributes };
  }

  /** Writes the entries that are ready and that nothing in front of them waits for. */
  #drain(): void {
    let done = 0;
    for (let next = this.#queue[done]; next !== undefined && next.isRead; next = this.#queue[++done]) {
      const entry = next.entry();
      if (entry !== null) this.#committer.add(entry);
    }
    this.#queue.splice(0, done);
    this.#options.progress({ entries: this.#entries, bytes: this.#unreadBytes + this.#reading.count.readBytes, storedBytes: this.#pool.storedBytes });
  }

  /** To everything else. */
  async #giveTurn(): Promise<void> {
    this.#drain();
    await setImmediate();
    while (this.#queue.length > queuedMax) await this.#reading.someRead();
    await this.#checkpointIfDue();
  }

  /** Marked first, then sealed: what is marked is in packs that the workers have begun by now, so that afterwards all of it is in the sites. */
  async #checkpointIfDue(): Promise<void> {
    const { stop } = this.#options;
    if (this.#isMarking || (this.#pool.storedBytes < this.#checkpointAtBytes && !stop.aborted)) return;
    this.#isMarking = true;
    this.#checkpointAtBytes = this.#pool.storedBytes + this.#options.checkpointBytes;
    this.#drain();
    const mark = this.#committer.mark(this.#queue.flatMap((queued) => queued.partial() ?? []));
    await this.#pool.sealed();
    await this.#committer.commit('checkpoint', mark, this.#bytes);
    this.#checkpoints += 1;
    this.#isMarking = false;
    if (stop.aborted) throw new InterruptedError('The backup was interrupted. What it had stored is a checkpoint: the same command goes on from there');
  }
}

async function* nothing(): AsyncGenerator<never> {}

/** restic's rule: what has the same length, times and inode has the same content. The device is left out: it changes by itself. */
function isSameByStat({ json }: RawEntry, { stat, type }: Found): boolean {
  // As metaJson writes them. What differs here, of most files that changed, need not be parsed.
  if (!json.includes(`,"ct":"${stat.ctimeNs}","i":"${stat.ino}"`)) return false;
  const was = readMeta(json.toString());
  return was.type === 'f' && !was.isPartial && type === 'f' && was.bytes === Number(stat.size) && was.mtimeNs === stat.mtimeNs && was.ctimeNs === stat.ctimeNs && was.inode === String(stat.ino);
}

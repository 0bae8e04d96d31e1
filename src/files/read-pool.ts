// The reading workers and the way of their packs to the sites. What the backup knows of packs: which row each has, where it was written, how many bytes.
import { packName } from '../core/vault/object-names.ts';
import type { PackRow } from '../core/vault/recovery-point.ts';
import type { ObjectLock } from '../ports/vault-site.ts';
import type { DataKey } from '../vault/data-key.ts';
import type { SharedIndex } from '../vault/index-reader.ts';
import type { SiteSet } from '../vault/site-set.ts';
import type { SharedChunkTable } from './chunk-table.ts';
import { giveBack } from './pack-memory.ts';
import type { ReadTask, SealedPack, TaskRead, WorkersPack } from './read-task.ts';
import type { ReadRequest, ReadWorkerSetup } from './read-worker.ts';
import { WorkerPool } from './worker-pool.ts';

const packsInFlightPerWorker = 2;
/** A message to a worker is worth so many bytes to read, or so many files. With more, what waits to be written is full before both workers have enough. */
const messageBytes = 2 * 1024 * 1024;
const messageTasksMax = 64;

export type ReadPoolOptions = {
  readonly sites: SiteSet;
  readonly key: DataKey;
  readonly lock: ObjectLock | null;
  readonly workers: number;
  readonly packBytes: number;
  readonly zstdLevel: number;
  readonly table: SharedChunkTable;
  /** Asked as a worker starts. */
  readonly spilled: () => SharedIndex | null;
};

type Batched = { readonly task: ReadTask; readonly resolve: (read: TaskRead) => void; readonly reject: (error: Error) => void };

export class ReadPool {
  readonly #options: ReadPoolOptions;
  readonly #pool: WorkerPool<ReadRequest, TaskRead[], WorkersPack>;
  readonly #puts = new Set<Promise<void>>();
  readonly #rows = new Map<string, PackRow>();
  readonly #versions: Record<string, Record<string, string>> = {};
  #batch: Batched[] = [];
  #batchBytes = 0;
  #outstandingBytes = 0;
  #storedBytes = 0;
  #failure: Error | null = null;

  constructor(options: ReadPoolOptions) {
    this.#options = options;
    const { key, packBytes, zstdLevel, table, spilled, workers } = options;
    const setup = (): ReadWorkerSetup => ({ key, packBytes, zstdLevel, table, spilled: spilled(), packsInFlightMax: packsInFlightPerWorker });
    this.#pool = new WorkerPool({ file: new URL('read-worker.ts', import.meta.url), count: workers, setup, onNews: (pack) => this.#keep(pack) });
  }

  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** Asked for and not read yet. */
  get outstandingBytes(): number {
    return this.#outstandingBytes;
  }

  /** Of the packs that were written, by the first 8 bytes of their ids. */
  get rows(): ReadonlyMap<string, PackRow> {
    return this.#rows;
  }

  get versions(): Readonly<Record<string, Readonly<Record<string, string>>>> {
    return this.#versions;
  }

  /** Reads it some time; small tasks travel together, so `flush` when nothing follows. */
  read(task: ReadTask, bytes: number): Promise<TaskRead> {
    this.#outstandingBytes += bytes;
    const read = new Promise<TaskRead>((resolve, reject) => this.#batch.push({ task, resolve, reject })).finally(() => {
      this.#outstandingBytes -= bytes;
    });
    this.#batchBytes += bytes;
    if (this.#batchBytes >= messageBytes || this.#batch.length >= messageTasksMax) this.flush();
    return read;
  }

  flush(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    [this.#batch, this.#batchBytes] = [[], 0];
    this.#pool
      .run({ tasks: batch.map(({ task }) => task), seal: false })
      .then((reads) => {
        for (const [i, { resolve, reject }] of batch.entries()) {
          const read = reads[i];
          if (read === undefined) reject(new Error('a reading worker gave fewer answers than it was asked for'));
          else resolve(read);
        }
      })
      .catch((error: Error) => {
        for (const { reject } of batch) reject(error);
      });
  }

  /** All that was read so far is in a majority of the sites when this returns. */
  async sealed(): Promise<void> {
    await this.#pool.everyOne({ tasks: [], seal: true });
    while (this.#puts.size > 0) await Promise.all(this.#puts);
    if (this.#failure !== null) throw this.#failure;
  }

  /** Stores a pack that was made elsewhere. */
  async put(pack: SealedPack): Promise<void> {
    const { sites, lock } = this.#options;
    const { versions } = await sites.put(packName(pack.sha256), pack.bytes, { sha256: pack.sha256, lock });
    for (const [site, version] of Object.entries(versions)) (this.#versions[site] ??= {})[pack.sha256] = version;
    this.#rows.set(pack.packId.slice(0, 16), { packId: pack.packId, sha256: pack.sha256, bytes: pack.bytes.length });
    this.#storedBytes += pack.bytes.length;
  }

  async close(): Promise<void> {
    await this.#pool.close();
    await Promise.allSettled(this.#puts);
  }

  #keep(pack: WorkersPack): void {
    const put = this.put(pack)
      .catch((error: Error) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#puts.delete(put);
        giveBack(pack.lent);
      });
    this.#puts.add(put);
  }

  /** A pack that could not be stored ends the backup: nothing may be committed that needs it. */
  get failure(): Error | null {
    return this.#failure;
  }
}

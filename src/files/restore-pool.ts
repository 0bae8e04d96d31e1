// Gets the runs of packs from the sites and hands them to the workers; what is damaged there is asked for once more, at the sites that have it whole.
import type { Worker } from 'node:worker_threads';
import { packName } from '../core/vault/object-names.ts';
import type { PackRow } from '../core/vault/recovery-point.ts';
import { DamagedError } from '../core/vault/vault-errors.ts';
import type { DataKey } from '../vault/data-key.ts';
import type { SiteSet } from '../vault/site-set.ts';
import type { RestoreDone, RestoreTask } from './restore-task.ts';
import type { PlannedRun } from './restore-window.ts';
import type { StoredPoint } from './stored-point.ts';
import { startThreads, WorkerPool } from './worker-pool.ts';
import type { RestoreWorkerSetup } from './restore-worker.ts';

/** Runs on their way, for each worker: one that it works at, one that lies ready, one that is fetched. */
const runsPerWorker = 3;
/** Packs differ a little in length. */
const memoryStep = 8 * 1024 * 1024;

const workerFile = new URL('restore-worker.ts', import.meta.url);

/** For a pool that is to come. */
export function startRestoreThreads(count: number): Worker[] {
  return startThreads(workerFile, count);
}

export type RestorePoolOptions = {
  readonly sites: SiteSet;
  readonly key: DataKey | null;
  readonly workers: number;
  readonly isOwnerRestored: boolean;
  readonly threads?: Worker[] | undefined;
};

/** Does one run after the other, several at a time. */
export class RestorePool {
  readonly #options: RestorePoolOptions;
  readonly #pool: WorkerPool<RestoreTask, RestoreDone>;
  readonly #running = new Set<Promise<void>>();
  /** For runs that are fetched; as many as were on their way at once. */
  readonly #memory: Uint8Array[] = [];
  #failure: Error | null = null;

  constructor(options: RestorePoolOptions) {
    this.#options = options;
    const setup: RestoreWorkerSetup = { key: options.key };
    this.#pool = new WorkerPool({ file: workerFile, count: options.workers, setup: () => setup, onNews: () => {}, threads: options.threads });
  }

  /** A worker has nothing to do, or will soon. */
  get isIdle(): boolean {
    return this.#running.size < this.#options.workers;
  }

  async start(act: () => Promise<void>): Promise<void> {
    while (this.#running.size >= runsPerWorker * this.#options.workers) await Promise.race(this.#running);
    if (this.#failure !== null) throw this.#failure;
    const running = act()
      .catch((error: unknown) => {
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async finish(): Promise<void> {
    while (this.#running.size > 0) await Promise.race(this.#running);
    if (this.#failure !== null) throw this.#failure;
  }

  /** Opens the run's chunks and writes their pieces. Damages that come back are in every site. */
  async restore(run: PlannedRun, point: StoredPoint): Promise<RestoreDone> {
    const { sites, isOwnerRestored } = this.#options;
    const { packId, sha256 } = point.row(run.pack);
    const { runOffset, runBytes, chunks, paths, files, pieces, targets } = run;
    const task = { packId, chunks, paths, files, pieces, runOffset, verify: null, isOwnerRestored, isAgain: false };
    // Two that write into one file wait for each other.
    const lane = targets[0] ?? null;
    const file = fileOf(sites, sha256);
    let done = file === null ? null : await this.#run({ ...task, run: { file, bytes: runBytes } }, lane);
    if (done === null || done.storedBytes === null) {
      done = await this.#fetched(sites, sha256, runOffset, runBytes, async (bytes) => this.#run({ ...task, run: bytes }, lane));
    }
    if (done !== null && done.damages.length === 0) return done;
    try {
      const whole = await sites.get(packName(sha256), { sha256 });
      if (whole !== null) return await this.#run({ ...task, run: whole, runOffset: 0, isAgain: true });
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
    }
    return done ?? { bytes: 0, storedBytes: null, failures: [], damages: [{ chunk: null, because: `pack ${sha256} is in none of the sites` }], index: null };
  }

  /** Proves the whole pack as this site has it. null: it is not there. */
  async verify({ packId, sha256, bytes }: PackRow, site: SiteSet): Promise<RestoreDone | null> {
    const file = fileOf(site, sha256);
    const task = {
      packId,
      runOffset: 0,
      chunks: new Uint8Array(0),
      paths: [],
      files: new Float64Array(0),
      pieces: new Float64Array(0),
      verify: { sha256 },
      isOwnerRestored: false,
      isAgain: false,
    };
    const done = file === null ? null : await this.#run({ ...task, run: { file, bytes: null } });
    if (done !== null && done.storedBytes !== null) return done;
    // One byte more than it should have: what is too long is seen.
    return this.#fetched(site, sha256, 0, bytes + 1, async (run) => this.#run({ ...task, run }));
  }

  /** Into memory that is used again: new memory for each run costs more than copying into it. Shared with the worker, not handed over. */
  async #fetched(sites: SiteSet, sha256: string, offset: number, bytes: number, act: (run: Uint8Array) => Promise<RestoreDone>): Promise<RestoreDone | null> {
    const free = this.#memory.findIndex(({ length }) => length >= bytes);
    const [into = new Uint8Array(new SharedArrayBuffer(Math.ceil(bytes / memoryStep) * memoryStep))] = this.#memory.splice(free < 0 ? 0 : free, free < 0 ? 0 : 1);
    try {
      const run = await sites.get(packName(sha256), { offset, bytes, into });
      return run === null ? null : await act(run);
    } finally {
      this.#memory.push(into);
    }
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  #run(task: RestoreTask, lane: unknown = null): Promise<RestoreDone> {
    const { run } = task;
    const isWhole = run instanceof Uint8Array && run.byteOffset === 0 && run.buffer.byteLength === run.length;
    return this.#pool.run(task, { lane, transfer: isWhole && run.buffer instanceof ArrayBuffer ? [run.buffer] : [] });
  }
}

/** Where the nearest site has it, if that is a file. */
function fileOf({ sites: [nearest] }: SiteSet, sha256: string): string | null {
  return nearest?.fileOf?.(packName(sha256)) ?? null;
}

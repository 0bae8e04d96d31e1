// Gets the runs of packs from the sites and hands them to the workers; what is damaged there is asked for once more, at the sites that have it whole.
import { packName } from '../core/vault/object-names.ts';
import type { PackRow } from '../core/vault/recovery-point.ts';
import { DamagedError } from '../core/vault/vault-errors.ts';
import type { DataKey } from '../vault/data-key.ts';
import type { SiteSet } from '../vault/site-set.ts';
import type { RestoreDone, RestoreTask } from './restore-task.ts';
import type { PlannedRun } from './restore-window.ts';
import type { StoredPoint } from './stored-point.ts';
import { WorkerPool } from './worker-pool.ts';
import type { RestoreWorkerSetup } from './restore-worker.ts';

/** Runs on their way, for each worker: one that it works at, one that lies ready, one that is fetched. */
const runsPerWorker = 3;

export type RestorePoolOptions = {
  readonly sites: SiteSet;
  readonly key: DataKey | null;
  readonly workers: number;
  readonly isOwnerRestored: boolean;
};

/** Does one run after the other, several at a time. */
export class RestorePool {
  readonly #options: RestorePoolOptions;
  readonly #pool: WorkerPool<RestoreTask, RestoreDone>;
  readonly #running = new Set<Promise<void>>();
  #failure: Error | null = null;

  constructor(options: RestorePoolOptions) {
    this.#options = options;
    const setup: RestoreWorkerSetup = { key: options.key };
    this.#pool = new WorkerPool({ file: new URL('restore-worker.ts', import.meta.url), count: options.workers, setup: () => setup, onNews: () => {} });
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
      const bytes = await sites.get(packName(sha256), { offset: runOffset, bytes: runBytes });
      done = bytes === null ? null : await this.#run({ ...task, run: bytes }, lane);
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
  async verify({ packId, sha256 }: Pick<PackRow, 'packId' | 'sha256'>, site: SiteSet): Promise<RestoreDone | null> {
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
    const bytes = await site.get(packName(sha256));
    return bytes === null ? null : this.#run({ ...task, run: bytes });
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

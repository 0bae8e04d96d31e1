// How many bytes are in trees, counted in a thread of its own.
import type { CountRequest } from './count-worker.ts';
import type { WalkRoot } from './file-walk.ts';
import { WorkerPool } from './worker-pool.ts';

export class TreeCount {
  readonly #pool = new WorkerPool<CountRequest, number>({ file: new URL('count-worker.ts', import.meta.url), count: 1, setup: () => ({}), onNews: () => {} });
  /** null until it is known. */
  bytes: number | null = null;

  constructor(roots: readonly WalkRoot[]) {
    this.#pool.run({ roots }).then(
      (bytes) => {
        this.bytes = bytes;
      },
      () => {}, // Stopped, or it failed: then there is no estimate.
    );
  }

  async stop(): Promise<void> {
    await this.#pool.close();
  }
}

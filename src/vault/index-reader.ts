// A dedup index as one thread asks it, whichever thread filled it.
import { idWords, type ChunkPlace } from './index-record.ts';
import { IndexRun, RunDamagedError, type SharedRun } from './index-run.ts';

/** Newest first. */
export type SharedIndex = { readonly runs: readonly SharedRun[] };

export class IndexReader {
  #runs: readonly IndexRun[];

  constructor({ runs }: SharedIndex) {
    this.#runs = runs.map((run) => IndexRun.of(run));
  }

  find(id: Uint8Array): ChunkPlace | null {
    const words = idWords(id);
    for (const run of this.#runs) {
      try {
        const place = run.find(words);
        if (place !== null) return place;
      } catch (error) {
        if (!(error instanceof RunDamagedError)) throw error;
        this.#runs = this.#runs.filter((other) => other !== run);
      }
    }
    return null;
  }
}

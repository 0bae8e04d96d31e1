// The divergence report of a region, over its own rows: what came too late is put there by the log's apply and by comparisons.
import { divergenceRow, divergentKeyRow, type FoundWrite } from '../core/divergence/divergence-rows.ts';
import type { DivergenceStore } from '../ports/divergence-store.ts';
import type { Digest } from '../ports/environment.ts';
import type { RowStore } from '../ports/row-store.ts';
import { mapAtOnce } from './at-once.ts';

/** A call of the governor's clients may take a second: a hundred at a time would spend it in a queue, fail as one, and come again just so. */
export const callsAtOnce = 8;

export class DivergenceList implements DivergenceStore {
  readonly #own: Pick<RowStore, 'change'>;
  readonly #digest: Digest;

  constructor(own: Pick<RowStore, 'change'>, digest: Digest) {
    this.#own = own;
    this.#digest = digest;
  }

  /** In this order: a key says what its last write is only once that is listed. */
  async add(found: readonly FoundWrite[]): Promise<void> {
    await mapAtOnce(found, callsAtOnce, async (write) => {
      await this.#own.change(divergenceRow(write));
      await this.#own.change(divergentKeyRow(write, this.#digest));
    });
  }
}

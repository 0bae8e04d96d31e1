// A divergence report in memory.
import type { Divergence, DivergenceStore } from '../../ports/divergence-store.ts';

export class MemoryDivergenceStore implements DivergenceStore {
  readonly #listed = new Map<string, Divergence>();

  async add(divergences: readonly Divergence[]): Promise<void> {
    for (const d of divergences) {
      const name = `${d.origin}#${d.record.epoch}#${d.record.sequenceNumber}`;
      if (!this.#listed.has(name)) this.#listed.set(name, d);
    }
  }

  listed(): Divergence[] {
    return [...this.#listed.values()];
  }
}

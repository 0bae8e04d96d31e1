// Warnings as they come, on stderr; with --json in the answer. Bounded, but always counted.
import type { VaultWorld } from './vault-world.ts';

const keptMax = 1000;

export class Warnings {
  readonly all: string[] = [];
  count = 0;
  readonly #world: VaultWorld;
  readonly #isJson: boolean;

  constructor(world: VaultWorld, isJson: boolean) {
    this.#world = world;
    this.#isJson = isJson;
  }

  add(what: string): void {
    this.count += 1;
    if (this.all.length < keptMax) this.all.push(what);
    if (!this.#isJson) this.#world.err(`holdfast: warning: ${what}\n`);
  }
}

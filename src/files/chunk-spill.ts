// The chunks of the parent point for which the shared table has no room: an index in temporary files, which only points of more than a million chunks need.
import { tmpdir } from 'node:os';
import { DedupIndex } from '../vault/dedup-index.ts';
import type { SharedIndex } from '../vault/index-reader.ts';
import type { ChunkPlace } from '../vault/index-record.ts';
import { whyNot, type Warn } from './file-walk.ts';

/** Of its arrays, whatever is in it (docs/benchmarks.md); what the backup itself needs comes on top. */
const memoryBytesMax = 128 * 1024 * 1024;

/** Filled by the main thread before the first worker starts. */
export class ChunkSpill {
  readonly #warn: Warn;
  #index: DedupIndex | null = null;
  #isGivenUp = false;
  #shared: SharedIndex | null = null;

  constructor(warn: Warn) {
    this.#warn = warn;
  }

  add(id: Uint8Array, place: ChunkPlace): void {
    if (this.#isGivenUp || this.#shared !== null) return;
    this.#attempt(() => {
      this.#index ??= new DedupIndex({ directory: tmpdir(), memoryBytesMax });
      this.#index.add(id, place);
    });
  }

  /** null: the table had room for all. */
  share(): SharedIndex | null {
    this.#attempt(() => {
      this.#shared ??= this.#index?.share() ?? null;
    });
    return this.#shared;
  }

  close(): void {
    this.#index?.close();
    this.#index = null;
  }

  /** A backup without it is right as well. */
  #attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.close();
      this.#isGivenUp = true;
      this.#warn(`the index of known chunks could not be kept in ${tmpdir()} (${whyNot(error)}): what was moved since the last backup is stored again; TMPDIR names another place`);
    }
  }
}

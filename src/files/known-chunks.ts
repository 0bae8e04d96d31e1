// The chunks that a worker knows: those in the shared table, and those of the parent point for which that had no room.
import { IndexReader, type SharedIndex } from '../vault/index-reader.ts';
import type { ChunkPlace } from '../vault/index-record.ts';
import { ChunkTable, type SharedChunkTable } from './chunk-table.ts';

export class KnownChunks {
  readonly #table: ChunkTable;
  readonly #spilled: IndexReader | null;

  constructor(table: SharedChunkTable, spilled: SharedIndex | null) {
    this.#table = new ChunkTable(table);
    this.#spilled = spilled === null ? null : new IndexReader(spilled);
  }

  find(id: Uint8Array): ChunkPlace | null {
    return this.#table.find(id) ?? this.#spilled?.find(id) ?? null;
  }

  add(id: Uint8Array, place: ChunkPlace): void {
    this.#table.add(id, place);
  }
}

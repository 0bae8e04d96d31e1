// A worker thread of a backup: whole files or segments in, sealed packs and extents out.
import { randomBytes } from 'node:crypto';
import { chunkId, chunkTag } from '../vault/chunk-crypto.ts';
import { deriveKeys, type DataKey } from '../vault/data-key.ts';
import { PackBuilder } from '../vault/pack-builder.ts';
import type { SharedIndex } from '../vault/index-reader.ts';
import { KnownChunks } from './known-chunks.ts';
import type { SharedChunkTable } from './chunk-table.ts';
import { ContentReader, type ChunkSink } from './content-reader.ts';
import { PackMemory } from './pack-memory.ts';
import type { ReadTask, TaskRead, WorkersPack } from './read-task.ts';

export type ReadWorkerSetup = {
  readonly key: DataKey;
  readonly packBytes: number;
  readonly zstdLevel: number;
  readonly table: SharedChunkTable;
  readonly spilled: SharedIndex | null;
  /** So many packs of this worker may be handed over and not be in the sites yet. */
  readonly packsInFlightMax: number;
};

/** `seal`: hand over the open pack, however little is in it. */
export type ReadRequest = { readonly tasks: readonly ReadTask[]; readonly seal: boolean };

/** `tell`: of each pack, as it is sealed. */
export function begin(setup: ReadWorkerSetup, tell: (pack: WorkersPack, transfer: readonly ArrayBuffer[]) => void): (request: ReadRequest) => TaskRead[] {
  const memory = new PackMemory(setup.packsInFlightMax + 1);
  const keys = deriveKeys(setup.key);
  const builder = new PackBuilder(setup.key, setup.packBytes, setup.zstdLevel, randomBytes, (bytes) => memory.lend(bytes));
  const seal = () => {
    if (builder.chunks === 0) return;
    const { packId, sha256, bytes } = builder.seal();
    tell({ packId, sha256, bytes, lent: memory.lentOf(bytes) }, []);
  };
  const sink: ChunkSink = {
    idOf: (plain) => chunkId(keys, plain),
    tagOf: (plain) => chunkTag(keys, plain),
    store: (plain, id, tag) => {
      const reference = builder.add(plain, id, tag);
      if (builder.isFull) seal();
      return reference;
    },
  };
  const reader = new ContentReader(sink, new KnownChunks(setup.table, setup.spilled));
  return ({ tasks, seal: isSealing }) => {
    const reads = tasks.map((task) => reader.run(task));
    if (isSealing) seal();
    return reads;
  };
}

// Fills a dedup index anew from what the vault itself holds: a point's entries, or a pack's own index.
import { fromBase64, toHex } from '../core/vault/bytes.ts';
import { decodeReferences } from '../core/vault/chunk-reference.ts';
import type { ChunkReference, PackRow } from '../core/vault/recovery-point.ts';
import { DamagedError } from '../core/vault/vault-errors.ts';
import type { DedupIndex } from './dedup-index.ts';
import type { OpenPack } from './pack-reader.ts';
import type { OpenPoint } from './point-reader.ts';

/** Every chunk that the point needs, its entry stream's too; afterwards the index says that it covers this point. @throws DamagedError */
export async function fillFromPoint(index: DedupIndex, point: OpenPoint): Promise<void> {
  const packs = new Map(point.packs.map((row) => [row.packId.slice(0, 16), row]));
  const add = (reference: ChunkReference) => {
    const row = packs.get(toHex(reference.pack));
    if (row === undefined)
      throw new DamagedError(`${point.header.point} needs pack ${toHex(reference.pack)}…, which its manifest does not name: it cannot be relied on. The index was not marked as covering it`);
    index.add(reference, row);
  };
  for (const reference of decodeReferences(fromBase64(point.body.entries.references))) add(reference);
  for await (const { extents } of point.entries()) for (const extent of extents) if (extent.kind === 'chunk') add(extent.reference);
  index.flush(point.header.point);
}

/** Every chunk that an opened pack says it has. */
export function fillFromPack(index: DedupIndex, { packId, chunks }: OpenPack, { sha256, bytes }: Omit<PackRow, 'packId'>): void {
  const row = { packId: toHex(packId), sha256, bytes };
  for (const chunk of chunks) index.add(chunk, row);
}

// Why: all parts of a backup come together in one state of its machine, which holds 256 KiB. A part names each of its packs, so a large one is handed on by where
// it lies: in a pack of its own, sealed like everything else. No point names that pack; it goes as what an interrupted backup leaves goes, a week later.
import { backupPartOf, type ActingPlan, type BackupPart, type PartAnswer, type PieceId, type StoredPart } from '../core/backup/backup-plan.ts';
import { MalformedError } from '../core/errors.ts';
import { concat, fromBase64, fromHex, toBase64 } from '../core/vault/bytes.ts';
import { decodeReferences, encodeReferences } from '../core/vault/chunk-reference.ts';
import { chunkBytesMax } from '../core/vault/limits.ts';
import { packName } from '../core/vault/object-names.ts';
import { chunkId, openChunk, requireId } from '../vault/chunk-crypto.ts';
import { deriveKeys, type DataKey } from '../vault/data-key.ts';
import { PackBuilder } from '../vault/pack-builder.ts';
import type { TablePoints } from './backup-facts.ts';
import type { BackupPorts } from './backup-ports.ts';

/** What all parts together may take of a state; the plan has the rest. */
export const answersBytesMax = 180 * 1024;
const readsAtOnce = 8;
const zstdLevel = 3;

type PartPorts = Pick<BackupPorts, 'sites' | 'random' | 'settings'>;

/** The part as it is where all pieces of the plan could be as long. @param bytesMax of its JSON; tests make it small. @throws TooFewSitesError */
export async function handOnPart(ports: PartPorts, points: TablePoints, plan: ActingPlan, piece: PieceId, part: BackupPart, bytesMax = answersBytesMax / plan.pieces.length): Promise<PartAnswer> {
  if (Buffer.byteLength(JSON.stringify(part)) <= bytesMax) return part;
  const key = await points.key(plan.key);
  const { sites, random, settings } = ports;
  const bytes = Buffer.from(JSON.stringify({ point: plan.point, piece: piece.id, part }));
  const builder = new PackBuilder(key, settings.packBytes, zstdLevel, random);
  const chunks = [];
  for (let from = 0; from < bytes.length; from += chunkBytesMax) {
    const chunk = bytes.subarray(from, from + chunkBytesMax);
    if (!builder.fits(chunk.length)) throw new MalformedError(`What is to be handed on of piece ${piece.id} has ${bytes.length} bytes, more than a pack: cut the table into more pieces.`);
    chunks.push(builder.add(chunk, chunkId(deriveKeys(key), chunk)));
  }
  const { row, bytes: sealed } = builder.seal();
  // Without a lock of its own: nothing needs it for longer than the run, and the bucket's shortest lock is longer than any run.
  await sites.put(packName(row.sha256), sealed, { sha256: row.sha256, lock: null });
  return { storedIn: row, chunks: toBase64(encodeReferences(chunks)) };
}

/** The parts themselves. @throws MalformedError where a stored one is of another point, or of a piece that is there already; DamagedError, TooFewSitesError */
export async function partsOf(ports: Pick<BackupPorts, 'sites'>, points: TablePoints, plan: ActingPlan, answers: readonly PartAnswer[]): Promise<readonly BackupPart[]> {
  const parts: BackupPart[] = [];
  const seen = new Set<string>();
  for (let from = 0; from < answers.length; from += readsAtOnce) {
    const read = await Promise.all(
      answers.slice(from, from + readsAtOnce).map(async (answer) => ('storedIn' in answer ? readStored(ports, await points.key(plan.key), answer) : { point: plan.point, piece: null, part: answer })),
    );
    for (const { point, piece, part } of read) {
      const isKnown = piece === null || (plan.pieces.some(({ id }) => id === piece) && !seen.has(piece));
      if (point !== plan.point || !isKnown) throw new MalformedError(`A part of piece ${piece} of ${point} was handed to ${plan.point}, which has no place for it. No point was made.`);
      if (piece !== null) seen.add(piece);
      parts.push(part);
    }
  }
  return parts;
}

async function readStored(
  { sites }: Pick<BackupPorts, 'sites'>,
  key: DataKey,
  { storedIn, chunks }: StoredPart,
): Promise<{ readonly point: string; readonly piece: string; readonly part: BackupPart }> {
  const keys = deriveKeys(key);
  const packId = fromHex(storedIn.packId);
  const packKey = keys.packKey(packId);
  const pack = await sites.get(packName(storedIn.sha256), { sha256: storedIn.sha256 });
  if (pack === null) throw new MalformedError(`Pack ${storedIn.sha256}, which holds a part of this backup, is in no site. No point was made.`);
  const plain = decodeReferences(fromBase64(chunks)).map((reference) => {
    const bytes = openChunk(packKey, packId, reference, pack.subarray(reference.offset, reference.offset + reference.storedBytes));
    requireId(keys, reference, bytes);
    return bytes;
  });
  const stored: unknown = JSON.parse(new TextDecoder().decode(concat(plain)));
  if (typeof stored !== 'object' || stored === null || !('point' in stored && 'piece' in stored && 'part' in stored) || typeof stored.point !== 'string' || typeof stored.piece !== 'string')
    throw new MalformedError(`Pack ${storedIn.sha256} does not hold a part of a backup. No point was made.`);
  return { point: stored.point, piece: stored.piece, part: backupPartOf(stored.part) };
}

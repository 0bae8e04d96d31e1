// WriteBackupPart: one piece of the table, or of a log, as packs in a majority of the sites. Repeated it writes other packs, and the
// first ones are named by nothing.
import type { ActingPlan, BackupPart, PieceId } from '../core/backup/backup-plan.ts';
import { subjectOf } from '../core/backup/subject-lines.ts';
import { itemLine } from '../core/backup/table-lines.ts';
import { MalformedError } from '../core/errors.ts';
import { ContentSum } from '../core/vault/content-digest.ts';
import type { SourceEntry } from '../ports/backup-source.ts';
import type { DataKey } from '../vault/data-key.ts';
import { PartWriter } from '../vault/part-writer.ts';
import { TablePoints } from './backup-facts.ts';
import { linesOf } from './backup-lines.ts';
import { lockOf, type BackupPorts } from './backup-ports.ts';
import { addLine, TableSource, type SealImage } from './backup-table-source.ts';

/** Records compress to about a third at this level; more costs more than it saves. */
const zstdLevel = 3;
const chunkBytes = 1024 * 1024;

export async function writeBackupPart(ports: BackupPorts, points: TablePoints, plan: ActingPlan, piece: PieceId): Promise<BackupPart> {
  const { settings, sites, random, clock } = ports;
  const key = await points.key(plan.key);
  const writer = new PartWriter({ sites, key, lock: lockOf(settings, plan.lockedUntilMs), packBytes: settings.packBytes, zstdLevel, chunkBytes, random });
  const source = new TableSource(ports, sealerOf(ports, key));
  const sum = new ContentSum();
  const entries = plan.since === null ? source.read(piece) : source.changes({ since: plan.since, until: plan.until, origin: originOf(piece) });
  for await (const entry of entries) await writer.add(counted(entry, sum, ports));
  const endedAtMs = Math.round(clock.nowMs());
  return { ...(await writer.finish(sum.toJSON())), endedAtMs, ...(settings.subjectAttribute === undefined ? {} : { sealedBy: settings.subjectAttribute }) };
}

/** @throws MalformedError where persons are configured, and there is nowhere to keep their keys */
function sealerOf({ settings, subjects }: Pick<BackupPorts, 'settings' | 'subjects'>, key: DataKey): SealImage | null {
  const { subjectAttribute } = settings;
  if (subjectAttribute === undefined) return null;
  if (subjects === undefined) throw new MalformedError(`Items are to be sealed by '${subjectAttribute}', and nothing keeps the keys. Nothing was backed up.`);
  const seal = subjects.sealer(key);
  return async (image) => {
    const name = subjectOf(image, subjectAttribute);
    return name === null ? null : seal(name, itemLine(image));
  };
}

function originOf(piece: PieceId): string {
  return piece.id.replace(/^changes\//, '');
}

/** The same entry, its lines summed up on their way. */
export function counted(entry: SourceEntry, sum: ContentSum, ports: Pick<BackupPorts, 'sha256'>): SourceEntry {
  const { content } = entry;
  if (content === null) return entry;
  async function* pass(from: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const bytes of from) {
      // The source gives whole lines.
      for await (const line of linesOf(once(bytes))) addLine(sum, line, ports.sha256);
      yield bytes;
    }
  }
  return { meta: entry.meta, content: pass(content) };
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

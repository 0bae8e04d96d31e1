// WriteBackupPart: one piece of the table, or of a log, into the vault.
import { connectBackup } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseWritePart, type PartAnswer } from '../src/core/backup/backup-plan.ts';
import { TablePoints } from '../src/operations/backup-facts.ts';
import { writeBackupPart } from '../src/operations/backup-part.ts';
import { handOnPart } from '../src/operations/stored-part.ts';

export async function handler(event: unknown): Promise<PartAnswer> {
  const { plan, piece } = parseWritePart(event);
  return handOnPart(ports, points, plan, piece, await writeBackupPart(ports, points, plan, piece));
}

const ports = connectBackup(readEnvironment());
const points = new TablePoints(ports);

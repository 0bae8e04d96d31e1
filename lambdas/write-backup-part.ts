// WriteBackupPart: one piece of the table, or of a log, into the vault.
import { connectBackup } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseWritePart, type BackupPart } from '../src/core/backup/backup-plan.ts';
import { TablePoints } from '../src/operations/backup-facts.ts';
import { writeBackupPart } from '../src/operations/backup-part.ts';

export async function handler(event: unknown): Promise<BackupPart> {
  const { plan, piece } = parseWritePart(event);
  return writeBackupPart(ports, points, plan, piece);
}

const ports = connectBackup(readEnvironment());
const points = new TablePoints(ports);

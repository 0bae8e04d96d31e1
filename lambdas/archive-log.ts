// ArchiveLog: what was logged since the newest point, into the vault; each minute, and before a restore.
import { connectBackup } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseArchiveRequest } from '../src/core/backup/backup-plan.ts';
import { archiveLog, type Archived } from '../src/operations/archive-log.ts';
import { TablePoints } from '../src/operations/backup-facts.ts';

export async function handler(event: unknown): Promise<Archived> {
  return archiveLog(ports, points, parseArchiveRequest(event).isForced);
}

const ports = connectBackup(readEnvironment());
const points = new TablePoints(ports);

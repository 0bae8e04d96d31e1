// PlanBackup: whether this region acts, and which recovery point comes next.
import { connectBackup } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseBackupRequest, type BackupPlan } from '../src/core/backup/backup-plan.ts';
import { TablePoints } from '../src/operations/backup-facts.ts';
import { planBackup } from '../src/operations/backup-plan.ts';

export async function handler(event: unknown): Promise<BackupPlan> {
  return planBackup(ports, points, parseBackupRequest(event));
}

const ports = connectBackup(readEnvironment());
const points = new TablePoints(ports);

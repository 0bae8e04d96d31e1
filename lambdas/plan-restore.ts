// PlanRestore: which points, to which moment, into what; or a refusal that says what is covered.
import { connectBackup } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseRestoreRequest, type RestorePlan } from '../src/core/backup/restore-plan.ts';
import { TablePoints } from '../src/operations/backup-facts.ts';
import { planAnyRestore } from '../src/operations/restore-in-place.ts';

export async function handler(event: unknown): Promise<RestorePlan> {
  return planAnyRestore(ports, points, parseRestoreRequest(event));
}

const ports = connectBackup(readEnvironment());
const points = new TablePoints(ports);

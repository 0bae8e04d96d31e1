// PlanRestore: which points, to which moment, into what; or a refusal that says what is covered. A restore test draws its moment here.
import { connectBackup } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseRestoreRequest } from '../src/core/backup/restore-plan.ts';
import { parseTestRequest } from '../src/core/backup/restore-test.ts';
import { TablePoints } from '../src/operations/backup-facts.ts';
import { planAnyRestore } from '../src/operations/restore-in-place.ts';
import { planRestoreTest, type PlannedTest } from '../src/operations/restore-test.ts';

export async function handler(event: unknown): Promise<PlannedTest> {
  const test = parseTestRequest(event);
  return test === null ? { isTurn: true, ...(await planAnyRestore(ports, points, parseRestoreRequest(event))) } : planRestoreTest(ports, points, test);
}

const ports = connectBackup(readEnvironment());
const points = new TablePoints(ports);

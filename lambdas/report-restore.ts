// ReportRestore: writes down what the restore measured.
import { connectTargets } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseReport } from '../src/core/backup/restore-plan.ts';
import type { RestoreReport } from '../src/core/backup/restore-report.ts';
import { reportRestore } from '../src/operations/restore-validate.ts';

export async function handler(event: unknown): Promise<RestoreReport> {
  const { plan, parts, validation } = parseReport(event);
  return reportRestore(ports, plan, parts, validation);
}

const ports = connectTargets(readEnvironment());

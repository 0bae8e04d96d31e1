// ReportRestore: writes down what a restore measured.
import { connectTargets } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseAnyReport } from '../src/core/backup/in-place.ts';
import type { InPlaceReport } from '../src/core/backup/in-place-report.ts';
import type { RestoreReport } from '../src/core/backup/restore-report.ts';
import { reportInPlace } from '../src/operations/restore-in-place.ts';
import { reportRestore } from '../src/operations/restore-validate.ts';

export async function handler(event: unknown): Promise<RestoreReport | InPlaceReport> {
  const input = parseAnyReport(event);
  return input.kind === 'beside' ? reportRestore(ports, input.plan, input.parts, input.validation) : reportInPlace(ports, input.plan, input.parts, input.snapshot);
}

const ports = connectTargets(readEnvironment());

// RecordRestoreTest: what came of a restore test, as evidence under lock in the vault and as a row for status.
import { connectEvidence } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseTestOutcome, type TestSummary } from '../src/core/backup/test-evidence.ts';
import { recordRestoreTest } from '../src/operations/restore-test.ts';

export async function handler(event: unknown): Promise<TestSummary> {
  return recordRestoreTest(ports, parseTestOutcome(event));
}

const ports = connectEvidence(readEnvironment());

// TakeLease: takes epoch + 1 for this region.
import { connectGovernor } from '../src/client/connect.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseRunbookInput } from '../src/core/failover/runbook.ts';
import { takeLeaseStep, type Taken } from '../src/operations/take-lease.ts';

export async function handler(event: unknown): Promise<Taken> {
  return takeLeaseStep(governor, parseRunbookInput(event));
}

const governor = connectGovernor(readEnvironment());

// OpenGate: opens the fence rows, then the gate's row.
import { connectGovernor } from '../src/client/connect.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseRunbookInput } from '../src/core/failover/runbook.ts';
import { openGateStep } from '../src/operations/open-gate.ts';

export async function handler(event: unknown): Promise<{ readonly openedAtMs: number }> {
  return openGateStep(governor, parseRunbookInput(event));
}

const governor = connectGovernor(readEnvironment());

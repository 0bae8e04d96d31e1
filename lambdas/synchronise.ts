// Synchronise: applies what the old region had shipped, to its end.
import { connectApplier, connectGovernor, otherLogsOf } from '../src/client/connect.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { parseRunbookInput } from '../src/core/failover/runbook.ts';
import { synchroniseStep, type Synchronised } from '../src/operations/synchronise.ts';

export async function handler(event: unknown): Promise<Synchronised> {
  return synchroniseStep(governor, parseRunbookInput(event), applier, peers);
}

const environment = readEnvironment();
const governor = connectGovernor(environment);
const applier = connectApplier(environment);
const peers = otherLogsOf(environment);

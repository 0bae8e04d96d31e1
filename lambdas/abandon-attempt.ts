// AbandonAttempt: gives an attempt up before its gate was opened.
import { connectGovernor } from '../src/client/connect.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { describeFailure, fieldOf } from '../src/core/failover/event-field.ts';
import { parseRunbookInput } from '../src/core/failover/runbook.ts';
import { abandonAttemptStep, type Abandoned } from '../src/operations/abandon-attempt.ts';

export async function handler(event: unknown): Promise<Abandoned> {
  return abandonAttemptStep(governor, parseRunbookInput(event), describeFailure(fieldOf(event, 'failure')));
}

const governor = connectGovernor(readEnvironment());

// AwaitApproval: asks a person; the answer comes by `holdfast approve` with the task token.
import { connectGovernor } from '../src/client/connect.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { MalformedError } from '../src/core/errors.ts';
import { fieldOf } from '../src/core/failover/event-field.ts';
import { parseRunbookInput } from '../src/core/failover/runbook.ts';
import { awaitApprovalStep } from '../src/operations/await-approval.ts';

export async function handler(event: unknown): Promise<void> {
  const taskToken = fieldOf(event, 'taskToken');
  if (typeof taskToken !== 'string') throw new MalformedError('AwaitApproval was called without a task token: it is a step of the failover machine, never called by hand.');
  await awaitApprovalStep(governor, parseRunbookInput(event), taskToken, fieldOf(event, 'loss'));
}

const governor = connectGovernor(readEnvironment());

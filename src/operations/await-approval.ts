// AwaitApproval (mode `approve` only): asks a person, showing what is known of the loss, and keeps the task token where
// `holdfast approve` finds it.
import type { RunbookInput } from '../core/failover/runbook.ts';
import type { RowKey } from '../core/rows/row.ts';
import { beginStep, requireHeld } from './current-lease.ts';
import { tell, type Governor } from './governor.ts';

export const approvalKey: RowKey = { table: 'region', pk: 'APPROVAL', sk: '#' };

export async function awaitApprovalStep(governor: Governor, input: RunbookInput, taskToken: string, loss: unknown): Promise<void> {
  await beginStep(governor, input, 'AwaitApproval');
  await requireHeld(governor, input);
  const text = JSON.stringify(loss);
  await governor.own.change({
    key: approvalKey,
    set: { taskToken, epoch: input.epoch, attempt: input.attempt, loss: text, askedAtMs: Math.round(governor.clock.nowMs()) },
    when: [],
    mayCreate: true,
  });
  await tell(governor, {
    severity: 'critical',
    subject: `${input.group}: failover to ${input.target} waits for approval`,
    text: `'holdfast approve' opens ${input.target} in epoch ${input.epoch}. Known of the loss: ${text}`,
  });
}

// AwaitApproval (mode `approve` only): keeps the task token, and what is known of the loss, where `holdfast approve`
// finds it. The machine has told a person before.
import type { RunbookInput } from '../core/failover/runbook.ts';
import type { RowKey } from '../core/rows/row.ts';
import { beginStep, requireHeld } from './current-lease.ts';
import type { Governor } from './governor.ts';

export const approvalKey: RowKey = { table: 'region', pk: 'APPROVAL', sk: '#' };

export async function awaitApprovalStep(governor: Governor, input: RunbookInput, taskToken: string, loss: unknown): Promise<void> {
  await beginStep(governor, input, 'AwaitApproval');
  await requireHeld(governor, input);
  const text = JSON.stringify(loss ?? null);
  await governor.own.change({
    key: approvalKey,
    set: { taskToken, epoch: input.epoch, attempt: input.attempt, loss: text, askedAtMs: Math.round(governor.clock.nowMs()) },
    when: [],
    mayCreate: true,
  });
}

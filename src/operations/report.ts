// Report: writes down what was measured, and says in the register that the group is normal again if the service was validated.
import { NoQuorumError } from '../core/errors.ts';
import { serviceValidated } from '../core/failover/register-changes.ts';
import type { RunbookInput } from '../core/failover/runbook.ts';
import { beginStep, requireHeld } from './current-lease.ts';
import { makerOf, registerOf, type Governor } from './governor.ts';

/** What the steps before put out, as the machine passes it on; null where a step did not succeed, or nothing failed. */
export type StepOutputs = {
  readonly takenAtMs: unknown;
  readonly openedAtMs: unknown;
  readonly applied: unknown;
  readonly loss: unknown;
  readonly approval: unknown;
  readonly dns: unknown;
  readonly dnsFailure: unknown;
  readonly validation: unknown;
  readonly failure: unknown;
};

export function reportKey(epoch: number) {
  return { table: 'region', pk: 'REPORT', sk: String(epoch).padStart(8, '0') } as const;
}

export async function reportStep(governor: Governor, input: RunbookInput, outputs: StepOutputs): Promise<{ readonly isValidated: boolean }> {
  await beginStep(governor, input, 'Report');
  const sighting = await requireHeld(governor, input);
  const isValidated = isGiven(outputs.validation) && !isGiven(outputs.failure);
  const decided = sighting.value.transitions.findLast((t) => t.to === 'failing-over' && t.epoch === input.epoch);
  const report = {
    ...input,
    isValidated,
    decidedBecause: decided?.because ?? sighting.value.because,
    decidedBy: decided?.by ?? 'deployment',
    ...outputs,
    reportedAtMs: Math.round(governor.clock.nowMs()),
  };
  await governor.own.change({ key: reportKey(input.epoch), set: { report: JSON.stringify(report) }, when: [], mayCreate: true });
  if (isValidated && sighting.value.state === 'recovery') {
    const maker = makerOf(governor, `the service was validated in ${governor.me}`, report);
    const outcome = await registerOf(governor).change(sighting, (current) => serviceValidated(current, governor.me, input.epoch, input.attempt, maker));
    if (outcome.kind !== 'chosen') throw new NoQuorumError(`The report is written, but the register does not say normal yet: ${outcome.because}.`);
  }
  return { isValidated };
}

function isGiven(output: unknown): boolean {
  return output !== null && output !== undefined;
}

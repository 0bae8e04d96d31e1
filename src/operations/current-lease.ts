// The checks that every runbook step begins with: this region is the target, the step is the current one, and the register
// says that this epoch and attempt are held here.
import { checkClock } from '../core/clock/clock-check.ts';
import { ClockSkewError, NoQuorumError, SupersededError } from '../core/errors.ts';
import { enterStep, type RunbookInput, type Step } from '../core/failover/runbook.ts';
import type { RegisterValue } from '../core/register/value.ts';
import type { Sighting } from '../core/register/sighting.ts';
import { registerOf, type Governor } from './governor.ts';

export async function beginStep(governor: Governor, input: RunbookInput, step: Step): Promise<void> {
  if (input.target !== governor.me || input.group !== governor.policy.group) {
    throw new SupersededError(`${step} of group ${input.group} for ${input.target} was started in ${governor.me} (group ${governor.policy.group}): nothing was done.`);
  }
  const answer = await governor.own.change(enterStep(input, step, Math.round(governor.clock.nowMs())));
  if (answer.kind === 'done') return;
  const at = answer.row === undefined ? 'missing' : `at epoch ${answer.row['epoch']}, attempt ${answer.row['attempt']}, ${answer.row['step']}`;
  throw new SupersededError(`${step} of epoch ${input.epoch}, attempt ${input.attempt} is over: this region's runbook row is ${at}. Nothing was changed.`);
}

export async function lookForStep(governor: Governor): Promise<Exclude<Sighting, { kind: 'nothing' }>> {
  const sighting = await registerOf(governor).look();
  const verdict = checkClock(governor.clockSamples.recent(), governor.policy.timing.clockSkewMs);
  if (verdict.kind === 'disagree') throw new ClockSkewError(verdict.because);
  if (sighting.kind === 'nothing') throw new NoQuorumError(`The register cannot be read: ${sighting.because}. It is tried again.`);
  return sighting;
}

export function isHeldHere(value: RegisterValue, governor: Governor, input: RunbookInput): boolean {
  return value.holder === governor.me && value.epoch === input.epoch && value.attempt === input.attempt && value.renewable;
}

export type Held = Exclude<Sighting, { kind: 'nothing' }>;

/** @throws NoQuorumError when it cannot be told, SupersededError when it is not. */
export async function requireHeld(governor: Governor, input: RunbookInput): Promise<Held> {
  const sighting = await lookForStep(governor);
  if (isHeldHere(sighting.value, governor, input)) {
    if (sighting.kind === 'chosen') return sighting;
    throw new NoQuorumError(`Epoch ${input.epoch} is not seen at a majority yet (${sighting.because}). It is tried again.`);
  }
  if (sighting.kind !== 'chosen') throw new NoQuorumError(`The register is in between (${sighting.because}). It is tried again.`);
  throw new SupersededError(
    `Epoch ${input.epoch}, attempt ${input.attempt} is over: ${sighting.value.holder} holds epoch ${sighting.value.epoch}, attempt ${sighting.value.attempt} (${sighting.value.because}). Nothing was changed.`,
  );
}

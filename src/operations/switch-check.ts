// CheckSwitch: what stands against a planned switch-over, before anything is changed.
import { NoQuorumError, RefusedError, StepNotReadyError } from '../core/errors.ts';
import { refusalByRegister, objectionsTo, type SwitchInput, type SwitchLag } from '../core/failover/switch-over.ts';
import type { LogStore } from '../ports/log-store.ts';
import { measureLag } from './apply-log.ts';
import { lookForStep } from './current-lease.ts';
import type { Governor } from './governor.ts';
import { readVerdicts } from './watch.ts';

export type Checked = SwitchLag & { readonly holder: string; readonly epoch: number; readonly checkedAtMs: number };

/**
 * @param logs the logs that each region keeps, this one's included
 * @throws RefusedError with all that stands against it; StepNotReadyError where all of it may pass; NoQuorumError where it cannot be told. Nothing was changed.
 */
export async function checkSwitch(governor: Governor, input: SwitchInput, logs: readonly LogStore[]): Promise<Checked> {
  const { policy, me, clock } = governor;
  requireHere(governor, input);
  const sighting = await lookForStep(governor);
  if (sighting.kind !== 'chosen') throw new NoQuorumError(`What stands in the register is not certain (${sighting.because}). It is tried again.`);
  const { value } = sighting;
  const refusal = refusalByRegister(value, input.target, policy);
  if (refusal !== undefined) throw refused(input, [refusal]);
  const [verdicts, lag] = await Promise.all([readVerdicts(governor), lagBehind(governor, value.holder, logs)]);
  const against = objectionsTo(value, me, verdicts, lag);
  const all = against.map(({ because }) => because);
  if (against.some(({ mayPass }) => !mayPass)) throw refused(input, all);
  if (all.length > 0) throw new StepNotReadyError(`The switch-over to ${input.target} cannot be begun now: ${all.join('; ')}. Nothing was changed.`);
  return { holder: value.holder, epoch: value.epoch, checkedAtMs: Math.round(clock.nowMs()), ...lag };
}

/** @throws RefusedError */
export function requireHere(governor: Pick<Governor, 'me' | 'policy'>, { group, target }: Pick<SwitchInput, 'group' | 'target'>): void {
  if (group !== governor.policy.group || target !== governor.me)
    throw new RefusedError(
      `A switch-over of ${group} to ${target} was started in ${governor.me} (group ${governor.policy.group}): 'holdfast switch --to ${target}' starts it in its target. Nothing was changed.`,
    );
}

function refused({ target }: SwitchInput, because: readonly string[]): RefusedError {
  return new RefusedError(`The switch-over to ${target} was refused: ${because.join('; ')}. Nothing was changed.`);
}

/** How far this region is behind what the holder has logged: what the holder's log alone has, and what is here and not applied. */
async function lagBehind({ own, me, clock }: Governor, holder: string, logs: readonly LogStore[]): Promise<SwitchLag> {
  const [here, there] = [me, holder].map((region) => logs.find((log) => log.region === region));
  if (here === undefined || there === undefined) throw new RefusedError(`There is no log of ${holder} and ${me} to compare: deploy this version of Holdfast in both regions. Nothing was changed.`);
  const [applied, received, written] = await Promise.all([measureLag(own, here, holder, clock.nowMs()), here.head(holder), there.head(holder)]);
  const notShipped = Math.max(0, written.sequence - received.sequence);
  const [next] = notShipped === 0 ? [] : await there.read(holder, received.sequence, 1);
  const oldest = next?.records[0];
  const notShippedAgeMs = oldest === undefined ? 0 : Math.max(0, Math.round(clock.nowMs() - oldest.atMs));
  return { notShipped, notShippedAgeMs, notApplied: applied.items, notAppliedAgeMs: Math.round(applied.ageMs) };
}

// Revoke and StartRunbook: one change of the register that names the successor, then the successor's failover machine without waiting for a tick.
import { NoQuorumError, RefusedError } from '../core/errors.ts';
import { operatorSwitch, type Proposed } from '../core/failover/register-changes.ts';
import { executionName } from '../core/failover/runbook.ts';
import { refusalByRegister, revocationOf, switchBecause, type SwitchAttempt, type SwitchInput } from '../core/failover/switch-over.ts';
import { reservedEpoch, type RegisterValue } from '../core/register/value.ts';
import { lookForStep } from './current-lease.ts';
import { makerOf, registerOf, type Governor } from './governor.ts';
import { requireHere } from './switch-check.ts';

/** `revokedAtMs` by this region's clock, before the change was proposed: no write was refused for it earlier. */
export type Revoked = SwitchAttempt & { readonly revokedAtMs: number };

/**
 * Repeating it finds its own revocation and changes nothing.
 * @param seen what CheckSwitch found: another holder or epoch since asks for another check
 * @throws RefusedError, NoQuorumError
 */
export async function revokeForSwitch(governor: Governor, input: SwitchInput, seen: { readonly holder: string; readonly epoch: number }): Promise<Revoked> {
  const { policy, digest } = governor;
  requireHere(governor, input);
  const sighting = await lookForStep(governor);
  const maker = { ...makerOf(governor, switchBecause(input), { ...input, seen }), by: input.by, digest };
  const propose = (current: RegisterValue): Proposed => {
    if (current.holder !== seen.holder || current.epoch !== seen.epoch) return { kind: 'refuse', because: `${current.holder} holds epoch ${current.epoch} by now` };
    const refusal = refusalByRegister(current, input.target, policy);
    return refusal === undefined ? operatorSwitch(current, input.target, policy, maker) : { kind: 'refuse', because: refusal };
  };
  const outcome = await registerOf(governor).change(sighting, propose);
  if (outcome.kind === 'unknown') throw new NoQuorumError(`It is not known whether the lease of ${seen.holder} was revoked: ${outcome.because}. It is looked at again.`);
  const mine = revocationOf(outcome.kind === 'chosen' ? outcome.value : outcome.current, input);
  if (mine !== undefined) return revoked(input, seen.holder, mine);
  throw new RefusedError(`The switch-over to ${input.target} was refused: ${outcome.kind === 'refused' ? outcome.because : 'another change came first'}. Nothing was changed.`);
}

function revoked({ target }: SwitchInput, holder: string, made: { readonly epoch: number; readonly attempt: number; readonly atMs: number }): Revoked {
  return { holder, target, epoch: made.epoch, attempt: made.attempt, revokedAtMs: made.atMs };
}

/** The target's next tick would start it too. */
export async function startRunbook(governor: Governor, of: SwitchAttempt): Promise<{ readonly execution: string; readonly outcome: 'started' | 'exists' | 'over' }> {
  const execution = executionName(of.epoch, of.attempt);
  const sighting = await lookForStep(governor);
  const { value } = sighting;
  // A retry may come late: the epoch is over then, and so is the execution of that name.
  if (reservedEpoch(value) !== of.epoch || value.attempt !== of.attempt) return { execution, outcome: 'over' };
  return { execution, outcome: await governor.runbook.start(execution, { group: governor.policy.group, epoch: of.epoch, attempt: of.attempt, target: of.target }) };
}

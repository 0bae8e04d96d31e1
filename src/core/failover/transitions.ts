// The state machine of a recovery group, as a table: what may follow what, and why. The diagram in the docs is drawn from it.
import type { GroupState } from '../register/value.ts';

export type TransitionEvent =
  | 'lease-lapsed'
  | 'region-sick'
  | 'operator-failover'
  | 'operator-switch'
  | 'handed-back'
  | 'attempt-dead'
  | 'attempts-spent'
  | 'rolled-back'
  | 'gate-opened'
  | 'service-validated'
  | 'health-dropped'
  | 'health-restored';

export type TransitionRule = { readonly from: GroupState; readonly on: TransitionEvent; readonly to: GroupState; readonly why: string };

export const transitionRules: readonly TransitionRule[] = [
  { from: 'normal', on: 'health-dropped', to: 'degraded', why: 'a candidate is not well, but the active region serves' },
  { from: 'degraded', on: 'health-restored', to: 'normal', why: 'every candidate is well again' },

  { from: 'normal', on: 'lease-lapsed', to: 'failing-over', why: 'the holder did not renew for D + ε' },
  { from: 'degraded', on: 'lease-lapsed', to: 'failing-over', why: 'the holder did not renew for D + ε' },
  { from: 'recovery', on: 'lease-lapsed', to: 'failing-over', why: 'the new holder died before it was validated' },
  { from: 'failing-over', on: 'lease-lapsed', to: 'failing-over', why: 'the new holder died before it opened' },
  { from: 'failed', on: 'lease-lapsed', to: 'failing-over', why: 'a failed group forbids no take-over' },

  { from: 'normal', on: 'region-sick', to: 'failing-over', why: 'a majority of vantage points sees the holder fail while it still renews (H4)' },
  { from: 'degraded', on: 'region-sick', to: 'failing-over', why: 'a majority of vantage points sees the holder fail while it still renews (H4)' },

  { from: 'recovery', on: 'region-sick', to: 'failing-over', why: 'the new holder opened, was never validated, and fails' },

  { from: 'normal', on: 'operator-failover', to: 'failing-over', why: 'a person asked for it' },
  { from: 'degraded', on: 'operator-failover', to: 'failing-over', why: 'a person asked for it' },
  { from: 'recovery', on: 'operator-failover', to: 'failing-over', why: 'a person moves on from a region that opened and could not be validated' },
  { from: 'failed', on: 'operator-failover', to: 'failing-over', why: 'a person tries again' },

  { from: 'normal', on: 'operator-switch', to: 'failing-over', why: 'a person asked for it, and both regions are well' },
  { from: 'degraded', on: 'operator-switch', to: 'failing-over', why: 'a person asked for it, and both regions are well' },
  { from: 'failing-over', on: 'handed-back', to: 'failing-over', why: 'the holder could not hand over, and goes on itself in the next epoch' },

  { from: 'failing-over', on: 'attempt-dead', to: 'failing-over', why: 'the same attempt was seen for 2(D + ε): its target is dead or stuck (C5)' },
  { from: 'failed', on: 'attempt-dead', to: 'failed', why: 'an eligible candidate may take even after a person was called' },
  { from: 'failing-over', on: 'attempts-spent', to: 'failed', why: 'too many attempts: a person is called; take-overs stay possible' },
  { from: 'failing-over', on: 'rolled-back', to: 'failing-over', why: 'the target gave its attempt up before it opened' },
  { from: 'failed', on: 'rolled-back', to: 'failed', why: 'the target gave its attempt up before it opened' },

  { from: 'failing-over', on: 'gate-opened', to: 'recovery', why: 'the target serves' },
  { from: 'failed', on: 'gate-opened', to: 'recovery', why: 'the target serves after all' },
  { from: 'recovery', on: 'service-validated', to: 'normal', why: 'the service answers through its new region' },
];

export function nextState(from: GroupState, on: TransitionEvent): GroupState | undefined {
  return transitionRules.find((rule) => rule.from === from && rule.on === on)?.to;
}

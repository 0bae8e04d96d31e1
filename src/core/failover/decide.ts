// What this region's governor should do about the group, from what it sees now. Pure: the same code runs in Lambda and in
// the simulator. Lease keeping (renewing, closing, releasing) is decided in core/lease/keep.ts.
import type { ClockVerdict } from '../clock/clock-check.ts';
import { isBetterOff, type CandidateVerdict } from '../health/verdict.ts';
import { attemptSeenForMs, renewalSeenForMs, type Look } from '../lease/look.ts';
import { attemptLimitMs, takeOverAfterMs, type Policy } from '../policy.ts';
import type { Sighting } from '../register/sighting.ts';
import type { RegisterValue } from '../register/value.ts';
import { rankTargets } from './score.ts';
import { nextState } from './transitions.ts';

export type View = {
  readonly me: string;
  /** A challenger's now: never more than has passed (the smaller elapsed time inside an invocation). */
  readonly nowMs: number;
  readonly sighting: Sighting;
  readonly look: Look;
  readonly verdicts: readonly CandidateVerdict[];
  readonly clock: ClockVerdict;
};

export type Decision =
  | { readonly kind: 'nothing'; readonly because: string }
  /** A challenger's clock falls due in `inMs`; look again then, not at the next tick. */
  | { readonly kind: 'look-again'; readonly inMs: number; readonly because: string }
  | { readonly kind: 'declare-lapse'; readonly target: string; readonly because: string }
  | { readonly kind: 'revoke'; readonly target: string; readonly because: string }
  | { readonly kind: 'next-attempt'; readonly because: string }
  | { readonly kind: 'health-dropped' | 'health-restored'; readonly because: string };

const nothing = (because: string): Decision => ({ kind: 'nothing', because });

export function decide(view: View, policy: Policy): Decision {
  const { sighting, clock } = view;
  if (clock.kind === 'disagree') return nothing(clock.because);
  if (sighting.kind === 'nothing') return nothing(sighting.because);
  const { value } = sighting;
  if (value.paused !== null) return nothing(`paused by ${value.paused.by}: ${value.paused.reason}`);
  return onLapse(view, value, policy) ?? onDeadAttempt(view, value, policy) ?? onSickHolder(view, value, policy) ?? onHealth(view, value, policy);
}

function onLapse(view: View, value: RegisterValue, policy: Policy): Decision | undefined {
  if (!value.renewable || value.holder === view.me) return undefined;
  const dueMs = takeOverAfterMs(policy.timing);
  const seenForMs = renewalSeenForMs(view.look, value, view.nowMs);
  if (seenForMs === undefined) return undefined;
  if (seenForMs < dueMs) {
    const inMs = dueMs - seenForMs;
    return inMs <= policy.timing.tickMs ? { kind: 'look-again', inMs, because: `${value.holder} has not renewed for ${Math.round(seenForMs)} ms` } : undefined;
  }
  const because = `${value.holder} has not renewed epoch ${value.epoch} for ${Math.round(seenForMs)} ms (D + ε = ${dueMs} ms)`;
  const target = bestTarget(view, value);
  return target === undefined ? nothing(`${because}, but no candidate may take over: ${whyNone(view, value)}`) : { kind: 'declare-lapse', target, because };
}

function onDeadAttempt(view: View, value: RegisterValue, policy: Policy): Decision | undefined {
  if (value.state !== 'failing-over' && value.state !== 'failed') return undefined;
  const seenForMs = attemptSeenForMs(view.look, value, view.nowMs);
  const limitMs = attemptLimitMs(policy);
  const isCandidate = policy.voters.some((v) => v.region === view.me && v.role === 'candidate');
  const isEligible = isCandidate && (value.regions[view.me]?.reconciled === true || value.holder === view.me);
  if (seenForMs === undefined || seenForMs < limitMs || !isEligible) return nothing(`failing over to ${value.successor ?? value.holder}, attempt ${value.attempt}`);
  return { kind: 'next-attempt', because: `attempt ${value.attempt} at ${value.successor ?? value.holder} was seen for ${Math.round(seenForMs)} ms (limit ${limitMs} ms): it is dead` };
}

function onSickHolder(view: View, value: RegisterValue, policy: Policy): Decision | undefined {
  if (!value.renewable || nextState(value.state, 'region-sick') === undefined) return undefined;
  const holder = view.verdicts.find((v) => v.region === value.holder);
  const failing = [holder?.liveness, holder?.readiness].find((j) => j?.kind === 'failing');
  if (holder === undefined || failing === undefined) return undefined;
  const coolForMs = attemptSeenForMs(view.look, value, view.nowMs) ?? 0;
  const isFirstHolder = value.epoch === 1 && value.state !== 'recovery';
  if (!isFirstHolder && coolForMs < policy.policy.cooldownMs)
    return nothing(`${failing.because}, but the last failover was ${Math.round(coolForMs)} ms ago (cool-down ${policy.policy.cooldownMs} ms)`);
  // It must be better off, and not only be well again first (H9).
  const whyNot: WhyNot = (verdict) => whyIneligible(verdict, value) ?? (isBetterOff(verdict, holder, policy) ? undefined : 'it was not well while the other one failed');
  const target = bestTarget(view, value, whyNot);
  return target === undefined ? nothing(`${failing.because}, but no candidate may take over: ${whyNone(view, value, whyNot)}`) : { kind: 'revoke', target, because: failing.because };
}

function onHealth(view: View, value: RegisterValue, policy: Policy): Decision {
  const scores = view.verdicts.flatMap((v) => (v.health === null ? [] : [{ region: v.region, health: v.health }]));
  const low = scores.find((s) => s.health < policy.policy.scoreDegradedBelow);
  if (value.state === 'normal' && low !== undefined) return { kind: 'health-dropped', because: `${low.region} has health ${low.health.toFixed(2)}` };
  const isWell = scores.length === view.verdicts.length && scores.every((s) => s.health > policy.policy.scoreHealthyAbove);
  if (value.state === 'degraded' && isWell) return { kind: 'health-restored', because: `every candidate is above ${policy.policy.scoreHealthyAbove}` };
  return nothing('all is well');
}

/** Why a candidate may not become the target, or undefined. */
export function whyIneligible(verdict: CandidateVerdict, value: RegisterValue): string | undefined {
  if (verdict.region === value.holder) return 'it is the one that failed';
  if (value.regions[verdict.region]?.reconciled !== true) return 'it is not reconciled';
  if (verdict.liveness.kind !== 'healthy') return verdict.liveness.because;
  if (verdict.readiness.kind === 'failing') return verdict.readiness.because;
  return undefined;
}

type WhyNot = typeof whyIneligible;

export function bestTarget(view: Pick<View, 'verdicts'>, value: RegisterValue, whyNot: WhyNot = whyIneligible): string | undefined {
  return rankTargets(view.verdicts.filter((v) => whyNot(v, value) === undefined))[0]?.region;
}

function whyNone(view: View, value: RegisterValue, whyNot: WhyNot = whyIneligible): string {
  return view.verdicts.map((v) => `${v.region}: ${whyNot(v, value)}`).join('; ');
}

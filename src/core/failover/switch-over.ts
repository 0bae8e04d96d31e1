// A planned switch-over as its machine sees it (docs/switch-over.md): what it was asked for, what stands against it, and by what the register
// says how it came out. The hand-over itself is the holder's, the take-over the failover machine's.
import { MalformedError } from '../errors.ts';
import type { CandidateVerdict } from '../health/verdict.ts';
import type { Policy } from '../policy.ts';
import { reservedEpoch, type RegisterValue, type Transition } from '../register/value.ts';
import type { RowKey } from '../rows/row.ts';
import { fieldOf } from './event-field.ts';
import { operatorSwitch } from './register-changes.ts';
import { executionName } from './runbook.ts';

export type SwitchInput = { readonly group: string; readonly target: string; readonly by: string; readonly reason: string; readonly execution: string };

/** What the revocation reserved, and from whom. */
export type SwitchAttempt = { readonly holder: string; readonly target: string; readonly epoch: number; readonly attempt: number };

/** The holder's log behind the target's data, as far as it can be told. */
export type SwitchLag = { readonly notShipped: number; readonly notShippedAgeMs: number; readonly notApplied: number; readonly notAppliedAgeMs: number };

/** So old the oldest change may be that the target has not applied: the hand-over waits for it with the writes refused. */
export const logAgeMsMax = 5000;

/** @throws MalformedError naming the field. */
export function parseSwitchInput(raw: unknown): SwitchInput {
  const text = (name: string) => {
    const value = fieldOf(raw, name);
    if (typeof value !== 'string' || value === '') throw new MalformedError(`The switch-over's input has no '${name}' (text): it is started by 'holdfast switch --to REGION --reason …'.`);
    return value;
  };
  return { group: text('group'), target: text('target'), by: text('by'), reason: text('reason'), execution: text('execution') };
}

/** @throws MalformedError naming the field. */
export function parseSwitchAttempt(raw: unknown): SwitchAttempt {
  const [holder, target, epoch, attempt] = ['holder', 'target', 'epoch', 'attempt'].map((name) => fieldOf(raw, name));
  const isNumber = (n: unknown): n is number => typeof n === 'number' && Number.isSafeInteger(n) && n >= 1;
  if (typeof holder !== 'string' || typeof target !== 'string' || !isNumber(epoch) || !isNumber(attempt))
    throw new MalformedError('The step was not given what Revoke put out ({holder, target, epoch, attempt}): it runs in the switch-over machine only.');
  return { holder, target, epoch, attempt };
}

/** What CheckSwitch found: who holds, and in which epoch. @throws MalformedError naming the field. */
export function parseChecked(raw: unknown): { readonly holder: string; readonly epoch: number } {
  const [holder, epoch] = [fieldOf(raw, 'holder'), fieldOf(raw, 'epoch')];
  if (typeof holder !== 'string' || typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || epoch < 1)
    throw new MalformedError('Revoke was not given what CheckSwitch put out ({holder, epoch}): it runs in the switch-over machine only.');
  return { holder, epoch };
}

/** The partition of the reports. */
export const switchReports = 'SWITCH';

/** One a switch-over, by the epoch that it reserved. */
export function switchReportKey(epoch: number): RowKey {
  return { table: 'region', pk: switchReports, sk: String(epoch).padStart(8, '0') };
}

/** The reason in the register, by which a retry knows its own revocation again. */
export function switchBecause({ by, reason, execution }: Pick<SwitchInput, 'by' | 'reason' | 'execution'>): string {
  return `${by} asked for a planned switch-over: ${reason} (${execution})`;
}

export function revocationOf(value: RegisterValue, input: SwitchInput): Transition | undefined {
  return value.transitions.findLast((t) => t.on === 'operator-switch' && t.because === switchBecause(input));
}

/** What stands against it in the register alone. */
export function refusalByRegister(value: RegisterValue, target: string, policy: Pick<Policy, 'voters' | 'isFenced'>): string | undefined {
  const { holder } = value;
  if (!policy.isFenced) return `the writes of this group are not fenced, so the old region could accept some after its log was shipped: set 'isFenced: true' and deploy, or use 'holdfast failover'`;
  if (value.state === 'recovery') return `the service in ${holder} is not validated yet (state 'recovery'): wait until 'holdfast status' says normal`;
  if (value.state === 'failed') return `the last failover needs a person (state 'failed'): see 'holdfast status' and docs/runbooks/failover.md`;
  if (value.state === 'failing-over' && value.paused === null)
    return `a failover to ${value.successor ?? holder} is under way (${executionName(reservedEpoch(value), value.attempt)}): wait for it, 'holdfast status --watch' shows it`;
  const proposed = operatorSwitch(value, target, policy, { by: '', atMs: 0, because: '', evidence: '', digest: (text) => text });
  return proposed.kind === 'refuse' ? proposed.because : undefined;
}

/** `mayPass`: not yet true rather than false; another look in a moment may find it otherwise. */
export type Objection = { readonly because: string; readonly mayPass: boolean };

/** Both regions well by a majority of vantage points, and little log left to ship and apply. */
export function objectionsTo(value: RegisterValue, target: string, verdicts: readonly CandidateVerdict[], lag: SwitchLag): Objection[] {
  const ill = [value.holder, target].flatMap((region): Objection[] => {
    const verdict = verdicts.find((v) => v.region === region);
    if (verdict === undefined) return [{ because: `nothing is known of ${region}'s health`, mayPass: true }];
    const unwell = [verdict.liveness, verdict.readiness].filter((j) => j.kind !== 'healthy');
    return unwell.map((j) => ({ because: `${region} is not seen well by a majority (${j.because})`, mayPass: j.kind === 'unknown' }));
  });
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  const late = (items: number, ageMs: number, what: string): Objection[] => {
    if (items === 0 || ageMs <= logAgeMsMax) return [];
    const because = `${items} changes of ${value.holder} are not ${what}, the oldest ${seconds(ageMs)} s old: wait until 'holdfast status' shows less than ${seconds(logAgeMsMax)} s`;
    return [{ because, mayPass: true }];
  };
  return [...ill, ...late(lag.notShipped, lag.notShippedAgeMs, `in ${target} yet`), ...late(lag.notApplied, lag.notAppliedAgeMs, `applied in ${target} yet`)];
}

export type SwitchProgress = { readonly kind: 'under-way'; readonly because: string } | { readonly kind: 'switched-over' | 'handed-back' | 'failed-over' | 'needs-operator'; readonly because: string };

/** How it came out, by a value that was chosen. */
export function judgeProgress(value: RegisterValue, of: SwitchAttempt): SwitchProgress {
  const isWell = value.state === 'normal' || value.state === 'degraded';
  if (value.state === 'failed') return { kind: 'needs-operator', because: `the group is in state 'failed': ${value.because}` };
  if (value.epoch < of.epoch) return { kind: 'under-way', because: beforeTaking(value, of) };
  const holding = `${value.holder} holds epoch ${value.epoch}`;
  if (!isWell) return { kind: 'under-way', because: `${holding}, state '${value.state}'` };
  if (value.epoch === of.epoch && value.holder === of.holder) return { kind: 'handed-back', because: `${holding}: it could not hand over and goes on itself` };
  if (value.epoch !== of.epoch || value.holder !== of.target || value.attempt !== of.attempt)
    return { kind: 'failed-over', because: `${holding} by attempt ${value.attempt}, not by the attempt of this switch-over (epoch ${of.epoch}, attempt ${of.attempt})` };
  // A take-over by the clock, or writes found left behind since.
  if (value.regions[of.holder]?.reconciled !== true)
    return { kind: 'failed-over', because: `${holding}, and ${of.holder} is not reconciled: it may have accepted writes that ${of.target} lacks; 'holdfast divergence' lists them` };
  return { kind: 'switched-over', because: `${holding}, its service is validated, and ${of.holder} is reconciled` };
}

function beforeTaking(value: RegisterValue, { holder, target, attempt }: SwitchAttempt): string {
  if (value.successor !== target || value.attempt !== attempt) return `attempt ${value.attempt} reaches for epoch ${reservedEpoch(value)}, for ${value.successor ?? value.holder}`;
  return value.released ? `${holder} has released epoch ${value.epoch}` : `${holder} hands over`;
}

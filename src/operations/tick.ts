// The governor's tick: look, decide, act. The same work every time.
import { checkClock } from '../core/clock/clock-check.ts';
import { declareLapse, healthChanged, nextAttempt, revoke, type Proposed } from '../core/failover/register-changes.ts';
import { decide, type Decision, type View } from '../core/failover/decide.ts';
import { freshVantages, judgeCandidates } from '../core/health/verdict.ts';
import { advanceLook, lookChange, lookKey, parseLook, type Look } from '../core/lease/look.ts';
import { reservedEpoch, type RegisterValue } from '../core/register/value.ts';
import type { Sighting } from '../core/register/sighting.ts';
import type { RowChange } from '../core/rows/row.ts';
import type { ChangeOutcome } from '../ports/register.ts';
import { ensureRunbook } from './ensure-runbook.ts';
import { isCandidate, makerOf, registerOf, startStopwatch, tell, type Governor, type Stopwatch } from './governor.ts';
import { drainEpoch } from './drain-epoch.ts';
import { handOver } from './hand-over.ts';
import { keepLease, readOwnRows, sendClientsOn, type OwnRows } from './keep-lease.ts';
import { vantageChange, watch, type Watched } from './watch.ts';

export type TickReport =
  | { readonly kind: 'not-mine' | 'late' | 'early'; readonly slot: number }
  | {
      readonly kind: 'ticked';
      readonly slot: number;
      readonly sighting: string;
      readonly lease: string;
      readonly decision: Decision;
      readonly outcome: string;
      /** Of the epoch that this region lost; empty where there is nothing to drain. */
      readonly drain: string;
      readonly problems: readonly string[];
    };

/** How late a slot may come and still be worth ticking, in ticks; later ones are dropped. */
const lateTicksMax = 1;
/** A slot of a later time than this was not made by this region's clock: claiming it would silence the region until then. */
const earlyTicksMax = 1;

/** One conditional write claims the slot; whoever loses leaves at once (schedulers and queues deliver twice). */
function claim(slot: number, nowMs: number): RowChange {
  return { key: { table: 'region', pk: 'TICK', sk: '#' }, set: { slot, claimedAtMs: nowMs }, when: [{ attribute: 'slot', is: '<', value: slot }], mayCreate: false };
}

/** @param compare looks at this region's data by where the newest epoch began (`compareBegun`); a witness has none. */
export async function tick(governor: Governor, slot: number, dataAgeMs: () => Promise<number | null>, compare: (sighting: Sighting) => Promise<void> = async () => undefined): Promise<TickReport> {
  const { own, clock, policy } = governor;
  const lateMs = clock.nowMs() - (slot + 1) * policy.timing.tickMs;
  if (lateMs > lateTicksMax * policy.timing.tickMs) return { kind: 'late', slot };
  if (slot * policy.timing.tickMs - clock.nowMs() > earlyTicksMax * policy.timing.tickMs) return { kind: 'early', slot };
  if ((await own.change(claim(slot, clock.nowMs()))).kind === 'refused') return { kind: 'not-mine', slot };
  const stopwatch = startStopwatch(clock);
  const watching = dataAgeMs().then((age) => watch(governor, age));
  const [sighting, rows, lookRow] = await Promise.all([registerOf(governor).look(), isCandidate(governor) ? readOwnRows(governor) : undefined, own.get(lookKey)]);
  const lookBefore = parseLook(lookRow);
  const look = await keepLook(governor, lookBefore, sighting);
  await settle(governor, sighting, lookBefore);
  const clockVerdict = checkClock(governor.clockSamples.recent(), policy.timing.clockSkewMs);
  // A hand-over takes its time: the rest of the tick does not wait for it.
  const keeping = rows === undefined ? undefined : keep(governor, sighting, rows, look, clockVerdict.kind !== 'disagree');
  // Beside the rest as well: so is a drain. By rows that were read closed, not by what this tick closes.
  const draining = rows === undefined ? undefined : drainEpoch(governor, sighting, rows).catch((error: unknown) => `not drained, the next tick tries again: ${String(error)}`);
  const [kept, watched] = await Promise.all([keeping?.then(({ lease }) => lease), watching]);
  if (clockVerdict.kind === 'disagree') await tell(governor, { severity: 'critical', subject: `${policy.group}: the clocks of ${governor.me} disagree`, text: clockVerdict.because });
  const problems = [...watched.problems];
  const comparing = compare(sighting).catch((error: unknown) => problems.push(`not compared with where the newest epoch began, the next tick tries again: ${String(error)}`));
  await ensureRunbook(governor, sighting).catch((error: unknown) => problems.push(`the runbook was not started, the next tick tries again: ${String(error)}`));
  const { decision, outcome } = await decideAndAct(governor, stopwatch, sighting, look, watched);
  const sending =
    rows === undefined
      ? undefined
      : sendClientsOn(governor, sighting, rows, watched.mine.peers).catch((error: unknown) => problems.push(`clients are not sent on, the next tick tries again: ${String(error)}`));
  await Promise.all([own.change(vantageChange(policy.group, watched.mine)), comparing, sending]);
  const handedOver = await (await keeping)?.handingOver;
  return { kind: 'ticked', slot, sighting: sighting.because, lease: handedOver ?? kept ?? 'witness', decision, outcome, drain: (await draining) ?? '', problems };
}

async function keep(governor: Governor, sighting: Sighting, rows: OwnRows, look: Look, clockAgrees: boolean): Promise<{ readonly lease: string; readonly handingOver?: Promise<string> }> {
  try {
    const kept = await keepLease(governor, sighting, rows, clockAgrees);
    if (kept.duty.kind !== 'hand-over' || kept.sighting.kind !== 'chosen') return { lease: kept.outcome };
    return { lease: '', handingOver: handOver(governor, kept.sighting, look).catch((error: unknown) => `not handed over, the next tick goes on: ${String(error)}`) };
  } catch (error) {
    return { lease: `not kept: ${String(error)}` };
  }
}

/**
 * A ballot that stands at a minority for two ticks was left behind by somebody who died: looks would waver between it and what was
 * chosen before, and start the clock again each time. Proposing what stands makes one of them chosen; a holder that lives renews
 * in between, so this never starves it (H2).
 */
async function settle(governor: Governor, sighting: Sighting, before: Look): Promise<void> {
  if (sighting.kind !== 'newest' || sighting.ballot !== before.ballot || sighting.value.holder === governor.me) return;
  await registerOf(governor).change(sighting, () => ({ kind: 'refuse', because: 'settling a ballot that was left behind' }));
}

async function keepLook(governor: Governor, look: Look, sighting: Sighting): Promise<Look> {
  const next = advanceLook(look, sighting, Math.ceil(governor.clock.nowMs()));
  if (next === look) return look;
  const answer = await governor.own.change(lookChange(next));
  return answer.kind === 'done' ? next : parseLook(answer.row);
}

async function decideAndAct(governor: Governor, stopwatch: Stopwatch, firstSighting: Sighting, firstLook: Look, watched: Watched) {
  let view = viewOf(governor, stopwatch, firstSighting, firstLook, watched);
  let decision = decide(view, governor.policy);
  if (decision.kind === 'look-again') {
    // D + ε falls due before the next tick: act when it does, on a fresh look.
    await governor.clock.wait(decision.inMs);
    const sighting = await registerOf(governor).look();
    view = viewOf(governor, stopwatch, sighting, await keepLook(governor, view.look, sighting), watched);
    decision = decide(view, governor.policy);
  }
  return { decision, outcome: await act(governor, view, decision) };
}

function viewOf(governor: Governor, stopwatch: Stopwatch, sighting: Sighting, look: Look, watched: Watched): View {
  const { policy, clock } = governor;
  const vantages = freshVantages(watched.mine, watched.others, clock.nowMs(), policy.timing.tickMs);
  return {
    me: governor.me,
    nowMs: stopwatch.challengerNowMs(),
    sighting,
    look,
    verdicts: judgeCandidates(vantages, policy),
    clock: checkClock(governor.clockSamples.recent(), policy.timing.clockSkewMs),
  };
}

async function act(governor: Governor, view: View, decision: Decision): Promise<string> {
  if (decision.kind === 'nothing' || decision.kind === 'look-again' || view.sighting.kind === 'nothing') return '';
  const { value } = view.sighting;
  const isTransition = decision.kind === 'declare-lapse' || decision.kind === 'revoke' || decision.kind === 'next-attempt';
  if (isTransition && (governor.policy.mode === 'observe' || governor.policy.mode === 'advise')) return shadow(governor, value, decision);
  const maker = makerOf(governor, decision.because, { decision, view: { ...view, look: view.look } });
  const outcome = await registerOf(governor).change(view.sighting, (current) => proposalFor(governor, current, value, decision, maker));
  return conclude(governor, decision, outcome);
}

type Actionable = Exclude<Decision, { kind: 'nothing' | 'look-again' }>;

function proposalFor(governor: Governor, current: RegisterValue, seen: RegisterValue, decision: Actionable, maker: ReturnType<typeof makerOf>): Proposed {
  switch (decision.kind) {
    case 'declare-lapse':
      return declareLapse(current, seen, decision.target, maker);
    case 'revoke':
      return revoke(current, seen, 'region-sick', decision.target, maker);
    case 'next-attempt':
      return nextAttempt(current, seen, governor.me, governor.policy.policy.attemptsMax, maker);
    case 'health-dropped':
    case 'health-restored':
      return current.state === seen.state ? healthChanged(current, decision.kind, maker) : { kind: 'refuse', because: `state is '${current.state}' now` };
  }
}

async function conclude(governor: Governor, decision: Actionable, outcome: ChangeOutcome): Promise<string> {
  if (outcome.kind !== 'chosen') return `${decision.kind} ${outcome.kind}: ${outcome.because}`;
  const { value } = outcome;
  await Promise.all([
    ensureRunbook(governor, { kind: 'chosen', value, ballot: '', highestPromise: '', because: '' }),
    tell(governor, {
      severity: value.state === 'failed' ? 'critical' : 'warning',
      subject: `${value.group}: ${decision.kind} by ${governor.me}`,
      text: `${decision.because}. State ${value.state}, epoch ${reservedEpoch(value)}, attempt ${value.attempt}, target ${value.successor ?? value.holder}.`,
    }),
  ]);
  return `${decision.kind}: state ${value.state}, target ${value.successor ?? value.holder}`;
}

async function shadow(governor: Governor, value: RegisterValue, decision: Actionable): Promise<string> {
  const text = `mode '${governor.policy.mode}': would ${decision.kind} (${decision.because})`;
  const change = { state: value.state, epoch: value.epoch, decision: JSON.stringify(decision), atMs: governor.clock.nowMs() };
  await governor.own.change({ key: { table: 'region', pk: 'SHADOW', sk: '#' }, set: change, when: [], mayCreate: true });
  if (governor.policy.mode === 'advise') await tell(governor, { severity: 'critical', subject: `${governor.policy.group}: a person should act`, text });
  return text;
}

// TakeLease: the first change of a failover, everything else follows. One rule for lapse, revocation and next attempt: the
// clock of (epoch, renewal) has run D + ε, or the value says released; and a CAS on exactly the value that was read.
import { LeaseNotDueError, NoQuorumError, StepNotReadyError, SupersededError, TargetUnfitError } from '../core/errors.ts';
import { begunKey, parseBegunRow } from '../core/failover/begun.ts';
import { mayTakeByClock } from '../core/failover/hand-over.ts';
import { takeLease } from '../core/failover/register-changes.ts';
import { lookKey, parseLook, renewalSeenForMs } from '../core/lease/look.ts';
import { takeOverAfterMs } from '../core/policy.ts';
import type { RegisterValue } from '../core/register/value.ts';
import type { RunbookInput } from '../core/failover/runbook.ts';
import { beginStep, isHeldHere, lookForStep, type Held } from './current-lease.ts';
import { registerOf, startStopwatch, type Governor } from './governor.ts';
import { deadlineFrom, renewLease, writeTakenRows } from './keep-lease.ts';
import { readVerdicts } from './watch.ts';

export type Taken = { readonly epoch: number; readonly attempt: number; readonly takenAtMs: number };

/** How long one call waits inside for its clock; the runbook asks again after that. */
const waitInsideMsMax = 3000;
/** How long one call waits for the release of a planned switch-over, and how often it looks. */
const releaseWaitMsMax = 10_000;
const releasePollMs = 500;

export async function takeLeaseStep(governor: Governor, input: RunbookInput): Promise<Taken> {
  await beginStep(governor, input, 'TakeLease');
  const stopwatch = startStopwatch(governor.clock);
  const sighting = await lookForStep(governor);
  const { value } = sighting;
  if (isHeldHere(value, governor, input)) {
    if (sighting.kind === 'chosen') await writeTakenRows(governor, input.epoch, 0);
    const renewed = await renewLease(governor, sighting, input.epoch);
    if (renewed.kind === 'refused') throw over(input, renewed.current);
    if (renewed.kind === 'unknown') throw new NoQuorumError(renewed.because);
    return { epoch: input.epoch, attempt: input.attempt, takenAtMs: Math.round(governor.clock.nowMs()) };
  }
  const isReserved = isReservedHere(value, governor, input);
  if (!isReserved && sighting.kind !== 'chosen') throw new NoQuorumError(`The register is in between (${sighting.because}). It is tried again.`);
  if (!isReserved) throw over(input, value);
  await requireCompared(governor, value);
  const due = value.released ? sighting : await whenDue(governor, input, sighting, stopwatch.challengerNowMs);
  const wallMs = governor.clock.nowMs();
  const monotonicMs = governor.clock.monotonicMs();
  const renewal = governor.chance.id();
  const outcome = await registerOf(governor).change(due, (current) => takeLease(current, due.value, governor.me, renewal));
  if (outcome.kind !== 'chosen') throw new NoQuorumError(`The lease was not taken for certain: ${outcome.because}. It is looked at again.`);
  const elapsedMs = Math.max(governor.clock.nowMs() - wallMs, governor.clock.monotonicMs() - monotonicMs);
  await writeTakenRows(governor, input.epoch, deadlineFrom(governor, governor.clock.nowMs() - elapsedMs));
  return { epoch: input.epoch, attempt: input.attempt, takenAtMs: Math.round(governor.clock.nowMs()) };
}

function isReservedHere(value: RegisterValue, { me }: Governor, input: RunbookInput): boolean {
  return value.epoch === input.epoch - 1 && value.successor === me && value.attempt === input.attempt && !value.renewable;
}

/** A planned switch-over is waited for: its release says that nothing is left behind. Who holds it and fails is taken from by the clock. */
async function whenDue(governor: Governor, input: RunbookInput, sighting: Held, nowMs: () => number): Promise<Held> {
  const { value } = sighting;
  if (value.planned === true && !mayTakeByClock(value, await readVerdicts(governor))) return waitForRelease(governor, input, value);
  await waitForClock(governor, value, nowMs);
  return sighting;
}

async function waitForRelease(governor: Governor, input: RunbookInput, { holder, epoch }: RegisterValue): Promise<Held> {
  const { clock } = governor;
  const beganAtMs = clock.monotonicMs();
  while (clock.monotonicMs() - beganAtMs < releaseWaitMsMax) {
    await clock.wait(releasePollMs);
    const sighting = await lookForStep(governor);
    const { value } = sighting;
    const isReserved = isReservedHere(value, governor, input);
    if (!isReserved && sighting.kind === 'chosen') throw over(input, value);
    if (isReserved && value.released) return sighting;
    if (isReserved && value.planned !== true) break;
  }
  throw new LeaseNotDueError(`${holder} has not released epoch ${epoch} yet, and no majority of the vantage points says that it fails. It is looked at again.`, releasePollMs);
}

/** What the newest epoch began without must not come back with this region; its tick has looked. */
async function requireCompared({ me, own }: Governor, value: RegisterValue): Promise<void> {
  if (value.holder !== me && value.regions[me]?.reconciled !== true) throw new TargetUnfitError(`${me} is not reconciled: it does not take over until a person has looked at its divergence report.`);
  const { begun } = value;
  if (begun === undefined || begun.by === me) return;
  if (parseBegunRow(await own.get(begunKey)).comparedEpoch < begun.epoch)
    throw new StepNotReadyError(`${me} has not looked yet whether it holds writes that epoch ${begun.epoch} began without: its next tick does.`);
}

function over(input: RunbookInput, value: RegisterValue): SupersededError {
  return new SupersededError(
    `Epoch ${input.epoch}, attempt ${input.attempt} is over: ${value.holder} holds epoch ${value.epoch}, next is ${value.successor ?? 'nobody'} in attempt ${value.attempt}. Nothing was taken.`,
  );
}

async function waitForClock(governor: Governor, value: RegisterValue, nowMs: () => number): Promise<void> {
  const dueMs = takeOverAfterMs(governor.policy.timing);
  const look = parseLook(await governor.own.get(lookKey));
  const remaining = () => {
    const seenForMs = renewalSeenForMs(look, value, nowMs());
    return seenForMs === undefined ? undefined : dueMs - seenForMs;
  };
  const first = remaining();
  if (first !== undefined && first > 0 && first <= waitInsideMsMax) await governor.clock.wait(first);
  const left = remaining();
  if (left === undefined) throw new LeaseNotDueError(`${governor.me} has not begun to time renewal ${value.renewal} of epoch ${value.epoch}: its next tick does.`, dueMs);
  if (left > 0) throw new LeaseNotDueError(`${value.holder} may act for up to ${left} ms more (D + ε = ${dueMs} ms). It is tried again.`, left);
}

// The holder's part of a planned switch-over (docs/switch-over.md): closes its epoch for good, ships the log to its end, waits until the
// successor has applied it, and releases; or takes it back. Each tick does the whole again, so that one that dies, freezes or overlaps with the
// next changes nothing.
import { logPositionKey } from '../core/backup/backup-rows.ts';
import { StepNotReadyError } from '../core/errors.ts';
import { whyHandBack, whySuccessorFails } from '../core/failover/hand-over.ts';
import { handBack, releaseTo } from '../core/failover/register-changes.ts';
import type { CandidateVerdict } from '../core/health/verdict.ts';
import { parseVantage } from '../core/health/vantage.ts';
import { closedForGood, moveFenceOfEpoch } from '../core/lease/lease-rows.ts';
import { attemptSeenForMs, type Look } from '../core/lease/look.ts';
import type { RegisterValue } from '../core/register/value.ts';
import { LogDrain, untilComplete, type Until } from './drain-log.ts';
import { ensureRunbook } from './ensure-runbook.ts';
import { makerOf, registerOf, startStopwatch, tell, type Governor, type Stopwatch } from './governor.ts';
import type { Held } from './current-lease.ts';
import { closeEpochForGood, deadlineFrom, readOwnRows, shards, waitForReaders, writeTakenRows } from './keep-lease.ts';
import { readVerdicts, vantageKey } from './watch.ts';

/** How often the vantage points are asked about the successor meanwhile. */
const verdictsEveryMs = 1000;
const releaseTriesMax = 3;
const releaseAgainMs = 200;

type Pass = { readonly governor: Governor; readonly sighting: Held; readonly look: Look; readonly stopwatch: Stopwatch; readonly verdicts: () => Promise<readonly CandidateVerdict[]> };

/** @param sighting chosen: this region holds, is revoked and not released, by plan. @returns what was done, for the tick's own account */
export async function handOver(governor: Governor, sighting: Held, look: Look): Promise<string> {
  const pass = { governor, sighting, look, stopwatch: startStopwatch(governor.clock), verdicts: nowAndThen(governor) };
  const closedAtMs = await closeEpochForGood(governor, sighting.value.epoch);
  const until = await untilHandedOver(pass);
  if (until.kind === 'given-up') return takeBack(pass, until.because);
  if (until.kind !== 'complete') return `epoch ${sighting.value.epoch} is closed, and not handed over yet: ${until.because}; the next tick goes on`;
  await waitForReaders(governor, closedAtMs);
  return releaseOrTakeBack(pass, until.sequence);
}

function untilHandedOver(pass: Pass): Promise<Until> {
  const { governor, sighting, look, stopwatch } = pass;
  const { value } = sighting;
  return untilComplete(governor.clock, shipping(governor, value), async () => whyHandBack(value, attemptSeenForMs(look, value, stopwatch.challengerNowMs()), await pass.verdicts(), governor.policy));
}

/** @returns the log's last number once the successor has applied up to it; before that, what is missing */
function shipping({ handOver: ports, clock, me }: Governor, { epoch, successor }: RegisterValue): () => Promise<number | string> {
  if (ports === undefined || successor === null) return async () => 'this deployment cannot hand its data over';
  const drain = new LogDrain(ports, clock, me, epoch);
  let end: number | string = '';
  return async () => {
    if (typeof end === 'string') end = await drain.advance();
    if (typeof end === 'string') return end;
    const applied = Number((await ports.rowsOf(successor).get(logPositionKey(me)))?.['sequence'] ?? 0);
    return applied >= end ? end : `${successor} has applied ${applied} of ${end} records`;
  };
}

/** What the vantage points say, not asked at every look; those that do not answer say nothing. */
function nowAndThen(governor: Governor): () => Promise<readonly CandidateVerdict[]> {
  let [verdicts, askedAtMs]: [readonly CandidateVerdict[], number] = [[], Number.NEGATIVE_INFINITY];
  return async () => {
    const nowMs = governor.clock.monotonicMs();
    if (nowMs - askedAtMs < verdictsEveryMs) return verdicts;
    askedAtMs = nowMs;
    verdicts = await readVerdicts(governor).catch(() => []);
    return verdicts;
  };
}

/** A release whose call was lost is proposed again after a moment: until the next tick nobody could write. */
async function releaseOrTakeBack(pass: Pass, sequence: number): Promise<string> {
  const { governor, sighting } = pass;
  const { value } = sighting;
  for (let tries = 1; ; tries += 1) {
    const because = whySuccessorFails(value, await pass.verdicts());
    if (because !== undefined) return takeBack(pass, because);
    const outcome = await registerOf(governor).change(sighting, (current) => releaseTo(current, value, governor.me));
    if (outcome.kind === 'chosen') {
      await sendClientsTo(governor, value).catch(() => undefined);
      return `released epoch ${value.epoch} as planned: ${value.successor} has applied all ${sequence} records`;
    }
    if (outcome.kind === 'refused' || tries === releaseTriesMax) return `epoch ${value.epoch} is closed and handed over, but not released: ${outcome.because}`;
    await governor.clock.wait(releaseAgainMs);
  }
}

/** The ticks write the same once the successor has taken; this is sooner. */
async function sendClientsTo(governor: Governor, { epoch, successor }: RegisterValue): Promise<void> {
  const json = (await governor.own.get(vantageKey(governor.policy.group)))?.['vantage'];
  const url = typeof json === 'string' && json !== '' ? parseVantage(governor.me, json).peers[successor ?? '']?.serviceUrl : undefined;
  if (typeof url !== 'string') return;
  await Promise.all(shards(governor).map((k) => governor.own.change(moveFenceOfEpoch(k, epoch, url))));
}

/** Back to where it was: this region goes on in the next epoch, at once, as soon as nothing of the old one can open or write any more. */
async function takeBack({ governor, sighting }: Pass, because: string): Promise<string> {
  const { clock, me } = governor;
  const { value } = sighting;
  await requireClosed(governor, value.epoch);
  const wallMs = clock.nowMs();
  const monotonicMs = clock.monotonicMs();
  const renewal = governor.chance.id();
  const maker = makerOf(governor, `${me} goes on itself: ${because}`, { because, value });
  const outcome = await registerOf(governor).change(sighting, (current) => handBack(current, value, me, renewal, maker));
  if (outcome.kind !== 'chosen') return `epoch ${value.epoch} is closed, not handed over (${because}), and not taken back: ${outcome.because}; the next tick goes on`;
  const epoch = value.epoch + 1;
  const elapsedMs = Math.max(clock.nowMs() - wallMs, clock.monotonicMs() - monotonicMs);
  await writeTakenRows(governor, epoch, deadlineFrom(governor, clock.nowMs() - elapsedMs));
  await Promise.all([
    ensureRunbook(governor, { ...sighting, kind: 'chosen', value: outcome.value }).catch(() => undefined),
    tell(governor, {
      severity: 'warning',
      subject: `${value.group}: the planned switch-over to ${value.successor} was taken back`,
      text: `${because}. Nothing was lost: ${me} opens again, in epoch ${epoch}. Ask for it again once ${value.successor} is well and has applied the log.`,
    }),
  ]);
  return `taken back in epoch ${epoch}: ${because}`;
}

/** Read back, not believed: whatever of the old epoch could still open or write would do so beside the next. */
async function requireClosed(governor: Governor, epoch: number): Promise<void> {
  const { lease, fences } = await readOwnRows(governor);
  const isClosed = lease.closedEpoch >= epoch && fences.every((f) => f.epoch === epoch && f.closedThroughMs === closedForGood);
  if (!isClosed) throw new StepNotReadyError(`The rows of ${governor.me} are not closed for good in epoch ${epoch}: it is not taken back; the next tick looks again.`);
}

// Every figure that the demo shows is defined here, once: a pure function from what the observer wrote down to a number. Nobody
// else may compute one, so that a figure cannot mean two things.
import type { AcknowledgedWrite, Attempt, FaultRecord, GateSample, RegisterReading, StoredWrites } from './journal.ts';

/** How often each gate is asked. */
export const GATE_SAMPLE_INTERVAL_MS = 50;
/** An answer later than this is no verdict: it may have been frozen in a kernel. */
export const GATE_ANSWER_LIMIT_MS = 250;
/** How long a 200 stands when the gate's next sample brings no verdict: two intervals, so that one missed sample opens no hole. */
export const GATE_HOLD_MS = 2 * GATE_SAMPLE_INTERVAL_MS;

/** The definitions as sentences, printed beside the figures and copied into the report. */
export const DEFINITIONS = {
  detectSeconds: 'fault → first register value `failing-over` newer than any read before the fault, read by the observer with one ballot in a majority of the tables',
  detectFirstSightingSeconds: 'the same, read in any one table',
  rtoSeconds: 'last acknowledged write of the epoch that was lost → first acknowledged write of a later epoch',
  writesLost: "acknowledged writes of the lost epoch that were not in the new region's table when it opened",
  rpoSeconds: 'oldest of the lost writes → last acknowledged write of the lost epoch, by the time of the acknowledgements; 0 if none is lost',
  divergentWritesFound: "lost writes that the product's divergence report lists, with the lost region's version, after the return",
  dualActiveMs: 'time in which two gates said 200 at once; each is asked every 50 ms, an answer counts within 250 ms of its question, and stands until the next one that counts (at most 100 ms)',
  staleEpochWritesAccepted: 'writes acknowledged after the observer saw a later epoch chosen (in a majority of the tables, or in an acknowledgement)',
  writesUnaccounted: "acknowledged writes that are neither in the new region's table nor in the divergence report at the end",
  changesUnaccounted: "acknowledged overwrites and removals that neither show in the new region's table, nor were followed by one that does, nor are in the divergence report at the end",
  writesAcknowledged: 'writes answered with 200 and their own id',
} as const;

export function acknowledgedWrites(attempts: readonly Attempt[]): AcknowledgedWrite[] {
  const writes: AcknowledgedWrite[] = [];
  for (const attempt of attempts) {
    if (attempt.kind === 'write' && attempt.outcome === 'acknowledged') writes.push(attempt);
  }
  return writes.sort((a, b) => a.answeredAtMs - b.answeredAtMs);
}

/** A register value that the observer knows to be chosen, and when it knew: the moment a majority had shown the same ballot. */
export function chosenReadings(readings: readonly RegisterReading[], acceptors: number): RegisterReading[] {
  const majority = Math.floor(acceptors / 2) + 1;
  const sightings = new Map<string, Set<string>>();
  const chosen: RegisterReading[] = [];
  for (const reading of [...readings].sort((a, b) => a.atMs - b.atMs)) {
    const regions = sightings.get(reading.ballot) ?? new Set<string>();
    sightings.set(reading.ballot, regions);
    if (regions.has(reading.region)) continue;
    regions.add(reading.region);
    if (regions.size === majority) chosen.push(reading);
  }
  return chosen;
}

/** Seconds from the fault to the decision; null if none was seen. See DEFINITIONS. */
export function detectSeconds(readings: readonly RegisterReading[], acceptors: number, fault: FaultRecord): number | null {
  return secondsToFailingOver(chosenReadings(readings, acceptors), fault);
}

/** As detectSeconds, for the first sighting in any one table: a lower bound, for the value may never have been chosen. */
export function detectFirstSightingSeconds(readings: readonly RegisterReading[], fault: FaultRecord): number | null {
  return secondsToFailingOver(readings, fault);
}

function secondsToFailingOver(readings: readonly RegisterReading[], fault: FaultRecord): number | null {
  const decisions = readings.filter((r) => r.state === 'failing-over' && r.ballot > fault.ballot && r.atMs >= fault.atMs);
  const first = earliest(decisions.map((r) => r.atMs));
  return first === null ? null : (first - fault.atMs) / 1000;
}

/** The outage as writers felt it; null where one side of it was never seen. See DEFINITIONS. */
export function rtoSeconds(attempts: readonly Attempt[], lostEpoch: number): number | null {
  const writes = acknowledgedWrites(attempts);
  const firstAfter = earliest(writes.filter((w) => w.epoch > lostEpoch).map((w) => w.answeredAtMs));
  if (firstAfter === null) return null;
  const lastBefore = latest(writes.filter((w) => w.epoch <= lostEpoch && w.answeredAtMs <= firstAfter).map((w) => w.answeredAtMs));
  return lastBefore === null ? null : (firstAfter - lastBefore) / 1000;
}

/** The writes behind `writesLost`, oldest acknowledgement first. */
export function lostWrites(attempts: readonly Attempt[], lostEpoch: number, atOpening: StoredWrites): AcknowledgedWrite[] {
  return acknowledgedWrites(attempts).filter((w) => w.epoch <= lostEpoch && !atOpening.has(w.id));
}

/** How much time's worth of writes was lost. See DEFINITIONS. */
export function rpoSeconds(attempts: readonly Attempt[], lostEpoch: number, atOpening: StoredWrites): number {
  const oldestLost = earliest(lostWrites(attempts, lostEpoch, atOpening).map((w) => w.answeredAtMs));
  const last = latest(
    acknowledgedWrites(attempts)
      .filter((w) => w.epoch <= lostEpoch)
      .map((w) => w.answeredAtMs),
  );
  return oldestLost === null || last === null ? 0 : (last - oldestLost) / 1000;
}

/** The lost writes that the divergence report lists: the row must show what was written, not only that something was. */
export function divergentWritesFound(lost: readonly AcknowledgedWrite[], divergence: StoredWrites): AcknowledgedWrite[] {
  return lost.filter((w) => holds(divergence, w));
}

/** Acknowledged writes of any epoch that are in neither place at the end, or only with another content. */
export function unaccountedWrites(attempts: readonly Attempt[], atEnd: StoredWrites, divergence: StoredWrites): AcknowledgedWrite[] {
  return acknowledgedWrites(attempts).filter((w) => !holds(atEnd, w) && !holds(divergence, w));
}

/** Lost writes that came into the new region after it had opened: an old epoch's writes must never be merged by themselves. */
export function writesMergedLater(lost: readonly AcknowledgedWrite[], atEnd: StoredWrites): AcknowledgedWrite[] {
  return lost.filter((w) => atEnd.has(w.id));
}

function holds(stored: StoredWrites, write: AcknowledgedWrite): boolean {
  return stored.get(write.id)?.includes(write.text) ?? false;
}

export interface DualActiveSpan {
  readonly fromMs: number;
  readonly toMs: number;
  readonly regions: readonly string[];
}

/** The stretches of time in which two or more gates said 200. See DEFINITIONS. */
export function dualActiveSpans(samples: readonly GateSample[]): DualActiveSpan[] {
  const spans = [...new Set(samples.map((s) => s.region))].flatMap((region) => openSpans(region, samples));
  const edges = [...new Set(spans.flatMap((s) => [s.fromMs, s.toMs]))].sort((a, b) => a - b);
  const dual: DualActiveSpan[] = [];
  for (const [index, fromMs] of edges.entries()) {
    const toMs = edges[index + 1];
    if (toMs === undefined) continue;
    const regions = [...new Set(spans.filter((s) => s.fromMs <= fromMs && s.toMs >= toMs).map((s) => s.region))].sort();
    if (regions.length < 2) continue;
    const last = dual.at(-1);
    if (last !== undefined && last.toMs === fromMs && last.regions.join() === regions.join()) {
      dual[dual.length - 1] = { ...last, toMs };
    } else {
      dual.push({ fromMs, toMs, regions });
    }
  }
  return dual;
}

/** Milliseconds in which two gates said 200 at once. See DEFINITIONS. */
export function dualActiveMs(samples: readonly GateSample[]): number {
  return dualActiveSpans(samples).reduce((sum, span) => sum + (span.toMs - span.fromMs), 0);
}

/** A sample counts as a verdict if its answer (or refusal) came within the limit. */
export function countsAsVerdict(sample: GateSample): boolean {
  return sample.verdict !== 'none' && sample.answeredAtMs !== null && sample.answeredAtMs - sample.sentAtMs <= GATE_ANSWER_LIMIT_MS;
}

function openSpans(region: string, samples: readonly GateSample[]): { region: string; fromMs: number; toMs: number }[] {
  const verdicts = samples.filter((s) => s.region === region && countsAsVerdict(s)).sort((a, b) => a.sentAtMs - b.sentAtMs);
  return verdicts.flatMap((sample, index) => {
    if (sample.verdict !== 'open') return [];
    const next = verdicts[index + 1]?.sentAtMs ?? Number.POSITIVE_INFINITY;
    return [{ region, fromMs: sample.sentAtMs, toMs: Math.min(next, sample.sentAtMs + GATE_HOLD_MS) }];
  });
}

/** When the observer first knew that `epoch` was over: a later one was chosen, or a write was acknowledged in a later one. */
export function epochOverAtMs(readings: readonly RegisterReading[], acceptors: number, attempts: readonly Attempt[], epoch: number): number | null {
  const chosen = chosenReadings(readings, acceptors).filter((r) => r.epoch > epoch);
  const acknowledged = acknowledgedWrites(attempts).filter((w) => w.epoch > epoch);
  return earliest([...chosen.map((r) => r.atMs), ...acknowledged.map((w) => w.answeredAtMs)]);
}

export interface StaleWrites {
  /** Sent before the epoch was over, acknowledged after: in flight at that moment, and must be in the divergence report. */
  readonly inFlight: readonly AcknowledgedWrite[];
  /** Sent when the epoch was over already: there may be none. */
  readonly sentAfter: readonly AcknowledgedWrite[];
}

/** The writes behind `staleEpochWritesAccepted` (both lists together). See DEFINITIONS. */
export function staleEpochWrites(readings: readonly RegisterReading[], acceptors: number, attempts: readonly Attempt[]): StaleWrites {
  const overAtMs = new Map<number, number | null>();
  const inFlight: AcknowledgedWrite[] = [];
  const sentAfter: AcknowledgedWrite[] = [];
  for (const write of acknowledgedWrites(attempts)) {
    if (!overAtMs.has(write.epoch)) overAtMs.set(write.epoch, epochOverAtMs(readings, acceptors, attempts, write.epoch));
    const over = overAtMs.get(write.epoch) ?? null;
    if (over === null || write.answeredAtMs <= over) continue;
    (write.sentAtMs >= over ? sentAfter : inFlight).push(write);
  }
  return { inFlight, sentAfter };
}

/** Times at which the lost region's gate said 200 (in an answer that counts) after its epoch was known to be over. */
export function gateOpenAfterEpochOver(samples: readonly GateSample[], region: string, overAtMs: number): GateSample[] {
  return samples.filter((s) => s.region === region && s.verdict === 'open' && countsAsVerdict(s) && s.answeredAtMs !== null && s.answeredAtMs > overAtMs);
}

/** Writes acknowledged by a region that, by every chosen value of that epoch, did not hold the epoch which it named. */
export function writesByNonHolder(readings: readonly RegisterReading[], acceptors: number, attempts: readonly Attempt[]): AcknowledgedWrite[] {
  const holders = new Map<number, Set<string>>();
  for (const reading of chosenReadings(readings, acceptors)) {
    if (reading.holder === null) continue;
    const known = holders.get(reading.epoch) ?? new Set<string>();
    holders.set(reading.epoch, known.add(reading.holder));
  }
  return acknowledgedWrites(attempts).filter((w) => holders.get(w.epoch)?.has(w.region) === false);
}

function earliest(times: readonly number[]): number | null {
  return times.reduce<number | null>((least, time) => (least === null || time < least ? time : least), null);
}

function latest(times: readonly number[]): number | null {
  return times.reduce<number | null>((most, time) => (most === null || time > most ? time : most), null);
}

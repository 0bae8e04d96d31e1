// A planned switch-over before its release: when the holder takes it back, when its successor may do without the release, and which
// keys the markers have that show where the holder's log ends. Pure.
import type { CandidateVerdict } from '../health/verdict.ts';
import { handOverMs, type Policy } from '../policy.ts';
import type { RegisterValue } from '../register/value.ts';

function whyFailing(region: string | null, verdicts: readonly CandidateVerdict[]): string | undefined {
  const found = verdicts.find((v) => v.region === region);
  return [found?.liveness, found?.readiness].find((j) => j?.kind === 'failing')?.because;
}

/** Whether a majority of the vantage points says that the region which is to take over fails: then the holder goes on itself, also where all is handed over. */
export function whySuccessorFails({ successor }: Pick<RegisterValue, 'successor'>, verdicts: readonly CandidateVerdict[]): string | undefined {
  const because = whyFailing(successor, verdicts);
  return because === undefined ? undefined : `${successor} fails (${because})`;
}

/** Asked while the hand-over is not complete, and never after the release. @param seenForMs how long this region has seen the attempt; undefined where it has not */
export function whyHandBack(
  value: Pick<RegisterValue, 'successor' | 'attempt'>,
  seenForMs: number | undefined,
  verdicts: readonly CandidateVerdict[],
  policy: Pick<Policy, 'timing'>,
): string | undefined {
  const limitMs = handOverMs(policy.timing);
  if (seenForMs !== undefined && seenForMs >= limitMs) return `attempt ${value.attempt} at ${value.successor} was seen for ${Math.round(seenForMs)} ms (limit ${limitMs} ms)`;
  return whySuccessorFails(value, verdicts);
}

/**
 * The successor of a planned switch-over waits for the release: only where a majority of the vantage points says that the holder fails does it
 * take by its clock, as from any holder that fails.
 */
export function mayTakeByClock(value: Pick<RegisterValue, 'holder' | 'planned'>, verdicts: readonly CandidateVerdict[]): boolean {
  return value.planned !== true || whyFailing(value.holder, verdicts) !== undefined;
}

/** Of marker n that a hand-over puts into the data table and removes at once. The prefix is Holdfast's own. */
export function markerKey(epoch: number, n: number): string {
  return `holdfast-drain#${epoch}#${n}`;
}

/** A marker that was written late (its host froze) is nobody's data: it is divergent from nothing. */
export function isMarkerKey(key: string): boolean {
  return /^holdfast-drain#\d+#\d+$/.test(key);
}

/** So many markers at once reach each of so many shards, but for one time in seven (P ln P + 2P). */
export function markersFor(shards: number): number {
  return Math.min(markersMax, Math.ceil(shards * (Math.log(Math.max(1, shards)) + 2)));
}

/** A table of more shards gets them in several rounds. */
const markersMax = 400;

// How good a target a candidate is. It ranks targets only; triggers are verdicts, not scores.
import type { CandidateVerdict } from '../health/verdict.ts';

const weights = { health: 0.4, latency: 0.2, freshness: 0.1 };
const latencyMsMax = 200;
const ageMsMax = 60_000;

/**
 * health × 0.4 + latency × 0.2 + freshness × 0.1 over what is known, scaled to [0, 1]. Capacity (0.3) joins when it is
 * measured; what is unknown takes no part instead of counting as good or bad.
 */
export function scoreTarget(verdict: Pick<CandidateVerdict, 'health' | 'latencyMs' | 'dataAgeMs'>): number {
  const parts = [
    { weight: weights.health, value: verdict.health },
    { weight: weights.latency, value: verdict.latencyMs === null ? null : Math.max(0, 1 - verdict.latencyMs / latencyMsMax) },
    { weight: weights.freshness, value: verdict.dataAgeMs === null ? null : Math.max(0, 1 - verdict.dataAgeMs / ageMsMax) },
  ].flatMap((p) => (p.value === null ? [] : [{ weight: p.weight, value: p.value }]));
  const total = parts.reduce((sum, p) => sum + p.weight, 0);
  return total === 0 ? 0 : parts.reduce((sum, p) => sum + p.weight * p.value, 0) / total;
}

/** The best first: the owner's priority, then the score; ties by name. */
export function rankTargets(verdicts: readonly CandidateVerdict[]): CandidateVerdict[] {
  const rank = ({ priority }: CandidateVerdict) => priority ?? Number.MAX_SAFE_INTEGER;
  return verdicts.toSorted((a, b) => rank(a) - rank(b) || scoreTarget(b) - scoreTarget(a) || (a.region < b.region ? -1 : 1));
}

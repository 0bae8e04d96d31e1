// From what the regions saw to a verdict on each candidate: k of n at each vantage point, then a majority of the voters'
// vantage points. A vantage point that does not tick, or cannot be read, is unknown: it counts for neither side.
import type { Policy, Trigger } from '../policy.ts';
import { candidatesOf, majorityOf } from '../policy.ts';
import type { CandidateWindow, Outcome, Vantage } from './vantage.ts';

export type Judgement = { readonly kind: 'healthy' | 'failing' | 'unknown'; readonly because: string };

export type CandidateVerdict = {
  readonly region: string;
  readonly liveness: Judgement;
  readonly readiness: Judgement;
  /** The vantage points, by region, in whose window it is failing, and those in whose window it is steadily well. */
  readonly failingAt: readonly string[];
  readonly steadyAt: readonly string[];
  /** Median of the vantage points' scores; null when none is known. */
  readonly health: number | null;
  readonly latencyMs: number | null;
  readonly dataAgeMs: number | null;
  /** The owner's; null where none is named. */
  readonly priority: number | null;
};

/** How many good probes in a row make a candidate healthy again (FEATURES, Health). */
export const healthyAfter = 2;
/** A vantage row whose count stood still this many ticks is stale. */
export const staleAfterTicks = 3;

export function judgeWindow(outcomes: readonly Outcome[], trigger: Trigger): Judgement['kind'] {
  const failed = outcomes.slice(-trigger.of).filter((o) => o === 'failed').length;
  if (failed >= trigger.failures) return 'failing';
  const last = outcomes.slice(-healthyAfter);
  return last.length === healthyAfter && last.every((o) => o === 'ok') ? 'healthy' : 'unknown';
}

/** In so many ticks, at least, a vantage point has seen the one well and the other not; in one alone it may be the order of its probes. */
const ticksApart = 2;

/**
 * Whether so many of the last n probes were good that beside a window that condemns another candidate there are `ticksApart` ticks
 * that tell them apart. What all need comes back to one of them first: it is no better than the others for that (H9).
 */
export function isSteady(outcomes: readonly Outcome[], trigger: Trigger): boolean {
  const good = outcomes.slice(-trigger.of).filter((o) => o === 'ok').length;
  return good >= Math.min(trigger.of, trigger.of - trigger.failures + ticksApart);
}

/** The vantage rows that are fresh by the reader's own clock. `mine` is what the reader saw itself, this tick included. */
export function freshVantages(mine: Vantage, others: readonly Vantage[], nowMs: number, tickMs: number): Vantage[] {
  const fresh = others.filter((v) => {
    const seen = mine.peers[v.region];
    return v.region !== mine.region && seen !== undefined && seen.sinceMs <= nowMs && nowMs - seen.sinceMs <= staleAfterTicks * tickMs;
  });
  return [mine, ...fresh];
}

function byMajority(kinds: readonly Judgement['kind'][], policy: Policy, what: string): Judgement {
  const need = majorityOf(policy);
  const tally = (kind: Judgement['kind']) => kinds.filter((k) => k === kind).length;
  const because = `${what}: ${tally('healthy')} of ${policy.voters.length} vantage points say healthy, ${tally('failing')} failing`;
  if (tally('failing') >= need) return { kind: 'failing', because };
  if (tally('healthy') >= need) return { kind: 'healthy', because };
  return { kind: 'unknown', because };
}

function median(numbers: readonly number[]): number | null {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}

/** Whether a majority of the voters, each in its own window, saw the one failing while the other was well. */
export function isBetterOff(candidate: CandidateVerdict, failing: CandidateVerdict, policy: Policy): boolean {
  return candidate.steadyAt.filter((at) => failing.failingAt.includes(at)).length >= majorityOf(policy);
}

export function judgeCandidates(vantages: readonly Vantage[], policy: Policy): CandidateVerdict[] {
  const { liveness, readiness } = policy.policy;
  return candidatesOf(policy).map((region) => {
    const seen = vantages.flatMap((v) => {
      const window = v.candidates[region];
      return window === undefined ? [] : [{ at: v.region, window }];
    });
    const windows = seen.map((s) => s.window);
    const where = (holds: (window: CandidateWindow) => boolean) => seen.filter((s) => holds(s.window)).map((s) => s.at);
    return {
      region,
      liveness: byMajority(
        windows.map((w) => judgeWindow(w.liveness, liveness)),
        policy,
        `liveness of ${region}`,
      ),
      readiness: byMajority(
        windows.map((w) => judgeWindow(w.readiness, readiness)),
        policy,
        `readiness of ${region}`,
      ),
      failingAt: where((w) => judgeWindow(w.liveness, liveness) === 'failing' || judgeWindow(w.readiness, readiness) === 'failing'),
      steadyAt: where((w) => isSteady(w.liveness, liveness) && isSteady(w.readiness, readiness)),
      health: median(windows.map((w) => w.score)),
      latencyMs: median(windows.flatMap((w) => w.latencyMs ?? [])),
      dataAgeMs: vantages.find((v) => v.region === region)?.dataAgeMs ?? null,
      priority: policy.voters.find((v) => v.region === region)?.priority ?? null,
    };
  });
}

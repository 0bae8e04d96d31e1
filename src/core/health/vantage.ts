// What one region saw of the candidates: windows of probe outcomes, a decaying score, and what each region says of itself.
// A region's vantage row is written by that region alone; every governor reads all of them.
import { MalformedError } from '../errors.ts';

export type Outcome = 'ok' | 'failed';
export type Level = 'liveness' | 'readiness';

export type CandidateWindow = {
  /** Newest last, at most `windowLength`. */
  readonly liveness: readonly Outcome[];
  readonly readiness: readonly Outcome[];
  /** 0–1: s·0.9 on failure, s·0.9 + 0.1 on success (liveness and readiness together). */
  readonly score: number;
  /** Of the last good readiness probe; null before the first. */
  readonly latencyMs: number | null;
  /** Why the last failed probe failed; empty after a good one. */
  readonly because: string;
};

export type Vantage = {
  readonly region: string;
  /** Raised by one each tick: a count that stands still says that this governor does not tick. */
  readonly count: number;
  readonly candidates: Readonly<Record<string, CandidateWindow>>;
  /** This region's own service endpoint, for the others to probe; null in a witness. */
  readonly serviceUrl: string | null;
  /** Age of the oldest change that was received and not applied here; null where there is no log. */
  readonly dataAgeMs: number | null;
  /** What this region last read of the others, by its own clock. */
  readonly peers: Readonly<Record<string, { readonly count: number; readonly sinceMs: number; readonly serviceUrl: string | null }>>;
};

export const windowLength = 20;

export type ProbeResult = { readonly outcome: Outcome; readonly latencyMs: number; readonly because: string };

export function emptyVantage(region: string): Vantage {
  return { region, count: 0, candidates: {}, serviceUrl: null, dataAgeMs: null, peers: {} };
}

export function emptyWindow(): CandidateWindow {
  return { liveness: [], readiness: [], score: 1, latencyMs: null, because: '' };
}

export function addProbes(window: CandidateWindow, liveness: ProbeResult, readiness: ProbeResult): CandidateWindow {
  const isGood = liveness.outcome === 'ok' && readiness.outcome === 'ok';
  return {
    liveness: [...window.liveness, liveness.outcome].slice(-windowLength),
    readiness: [...window.readiness, readiness.outcome].slice(-windowLength),
    score: isGood ? window.score * 0.9 + 0.1 : window.score * 0.9,
    latencyMs: readiness.outcome === 'ok' ? readiness.latencyMs : window.latencyMs,
    because: isGood ? '' : liveness.outcome === 'failed' ? liveness.because : readiness.because,
  };
}

/** @throws MalformedError when it is not a vantage; the caller then treats that region's view as unknown. */
export function parseVantage(region: string, json: string): Vantage {
  let raw: unknown;
  try {
    raw = JSON.parse(json);
  } catch {
    raw = undefined;
  }
  if (!isVantage(raw) || raw.region !== region)
    throw new MalformedError(`The vantage row of ${region} is not an observation: its view counts as unknown until that region's next tick writes it anew.`);
  return raw;
}

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);
const isNumberOrNull = (v: unknown): boolean => v === null || (typeof v === 'number' && Number.isFinite(v));
const isOutcomes = (v: unknown): boolean => Array.isArray(v) && v.every((o) => o === 'ok' || o === 'failed');
const isWindow = (w: unknown): boolean =>
  isObject(w) && isOutcomes(w['liveness']) && isOutcomes(w['readiness']) && typeof w['score'] === 'number' && isNumberOrNull(w['latencyMs']) && typeof w['because'] === 'string';

function isVantage(raw: unknown): raw is Vantage {
  return (
    isObject(raw) &&
    typeof raw['region'] === 'string' &&
    Number.isSafeInteger(raw['count']) &&
    isObject(raw['candidates']) &&
    Object.values(raw['candidates']).every(isWindow) &&
    (raw['serviceUrl'] === null || typeof raw['serviceUrl'] === 'string') &&
    isNumberOrNull(raw['dataAgeMs']) &&
    isObject(raw['peers']) &&
    Object.values(raw['peers']).every((p) => isObject(p) && Number.isSafeInteger(p['count']) && typeof p['sinceMs'] === 'number' && (p['serviceUrl'] === null || typeof p['serviceUrl'] === 'string'))
  );
}

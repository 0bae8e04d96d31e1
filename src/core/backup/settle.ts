// Through which moment a span of a log is whole. Everything that is said to be covered rests on this file.
import type { LogPositions } from '../vault/recovery-point.ts';

/**
 * A write stands in its own region's log within this time: stream (under a second as a rule), ship-log (each second), retries.
 * An assumption, not a bound that anyone enforces: where the stream's function lags more (its alarm rings at less), a moment
 * may be called covered whose last writes come later. The next span has them.
 */
export const logSettleMs = 30_000;

export type LogEnd = { readonly position: number /** When its last record was made; null for an empty log. */; readonly lastAtMs: number | null };

/**
 * @param ends the ends of the logs as they were read
 * @param isOpenHere only the open region's own log is known to be whole by time; another region's copy may wait for its shipping.
 * @returns the last moment of which all records are before these ends; 0 where nothing can be said. The last record's own moment is not whole: another write may share it.
 */
export function coveredThrough(ends: Readonly<Record<string, LogEnd>>, askedAtMs: number, isOpenHere: boolean): number {
  const last = Math.max(0, ...Object.values(ends).map((end) => (end.lastAtMs === null ? 0 : end.lastAtMs - 1)));
  return Math.max(isOpenHere ? askedAtMs - logSettleMs : 0, Math.min(last, askedAtMs));
}

export function positionsOf(ends: Readonly<Record<string, LogEnd>>): LogPositions {
  return Object.fromEntries(Object.entries(ends).map(([origin, end]) => [origin, end.position]));
}

/** Of each log the further one. A copy that lags behind what was archived already takes nothing back. */
export function furthest(a: LogPositions, b: LogPositions): LogPositions {
  const origins = [...new Set([...Object.keys(a), ...Object.keys(b)])].toSorted();
  return Object.fromEntries(origins.map((origin) => [origin, Math.max(a[origin] ?? 0, b[origin] ?? 0)]));
}

export function samePositions(a: LogPositions, b: LogPositions): boolean {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((origin) => (a[origin] ?? 0) === (b[origin] ?? 0));
}

/** Origins that have records beyond `since`, with the numbers of the first and last of them. */
export function spansOf(since: LogPositions, until: LogPositions): { readonly origin: string; readonly first: number; readonly last: number }[] {
  return Object.keys(until)
    .toSorted()
    .flatMap((origin) => {
      const [after, last] = [since[origin] ?? 0, until[origin] ?? 0];
      return last > after ? [{ origin, first: after + 1, last }] : [];
    });
}

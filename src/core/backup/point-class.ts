// The retention class that a new point is born into: what stands alone counts by the longest period of which it is the first; what hangs
// on another point is for the recent past only.
import { retentionClasses, type PointType, type RetentionClass } from '../vault/recovery-point.ts';
import { standsAlone, type NamedPoint } from './chains.ts';
import { civilOf, dayMs } from './moment.ts';

/** What two moments of one period share. Weeks begin on Monday; all is UTC. */
function periodOf(retention: RetentionClass, atMs: number): string {
  const days = Math.floor(atMs / dayMs);
  const { year, month } = civilOf(days);
  if (retention === 'yearly') return `${year}`;
  if (retention === 'monthly') return `${year}-${month}`;
  // 1970-01-01 was a Thursday.
  if (retention === 'weekly') return `${Math.floor((days + 3) / 7)}`;
  return retention === 'daily' ? `${days}` : `${Math.floor(atMs / 3_600_000)}`;
}

/** @param points those of the source so far */
export function classOfNew(points: readonly NamedPoint[], type: PointType, atMs: number): RetentionClass {
  if (!standsAlone(type)) return 'hourly';
  const others = points.filter((p) => p.isCommitted && standsAlone(p.type));
  return retentionClasses.toReversed().find((c) => c === 'hourly' || others.every((p) => periodOf(c, p.atMs) !== periodOf(c, atMs))) ?? 'hourly';
}

export function lockedUntil(startedAtMs: number, days: number | null): number | null {
  return days === null ? null : startedAtMs + days * dayMs;
}

// How long points and packs live: each point as long as its class says, and as long as what hangs on it; each pack as long as the points that need it.
// Pure arithmetic over what manifests say in the clear: no key is needed to know what may go.
import type { EvidenceKind } from '../vault/object-names.ts';
import type { RetentionClass } from '../vault/recovery-point.ts';

export type RetentionDays = Readonly<Record<RetentionClass, number>>;

/** Where nobody says otherwise, as for the tables of a group. */
export const usualRetentionDays: RetentionDays = { hourly: 7, daily: 30, weekly: 90, monthly: 365, yearly: 2555 };

/** What retention must know of a point; all of it stands in the readable part of its manifest. */
export type KeptPoint = {
  readonly point: string;
  readonly parent: string | null;
  readonly createdAtMs: number;
  readonly class: RetentionClass;
  /** Legal hold: it lives until the hold is taken away. */
  readonly isHeld: boolean;
  /** SHA-256 of every pack that it needs. */
  readonly packs: readonly string[];
};

const dayMs = 86_400_000;

/** How long evidence is locked and kept: of a test as long as a point of class monthly. @param atMs when it began, as its name says */
export function evidenceUntilMs(kind: EvidenceKind, atMs: number, days: RetentionDays): number {
  // A certificate says why something cannot be read: as long as any point may hold it.
  return atMs + (kind === 'erasure' ? Math.max(...Object.values(days)) : days.monthly) * dayMs;
}

export const forever = Number.POSITIVE_INFINITY;

/**
 * Point → until when it is needed: its own class's days, or as long as a point that hangs on it, whichever is longer.
 * @param floors point → no shorter than until then, for other reasons
 */
export function livesOf(points: readonly KeptPoint[], days: RetentionDays, floors: ReadonlyMap<string, number> = new Map()): ReadonlyMap<string, number> {
  const byName = new Map(points.map((each) => [each.point, each]));
  const lives = new Map(points.map((each) => [each.point, each.isHeld ? forever : Math.max(each.createdAtMs + days[each.class] * dayMs, floors.get(each.point) ?? 0)]));
  for (const each of points) {
    const until = lives.get(each.point) ?? 0;
    // Up the line, as long as that lengthens a life: each link is lengthened at most once for each longer life below it.
    for (let parent = each.parent; parent !== null && (lives.get(parent) ?? forever) < until; parent = byName.get(parent)?.parent ?? null) lives.set(parent, until);
  }
  return lives;
}

/** Pack → until when some point needs it. */
export function packLivesOf(points: readonly KeptPoint[], lives: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const packs = new Map<string, number>();
  for (const each of points) {
    const until = lives.get(each.point) ?? 0;
    for (const pack of each.packs) if ((packs.get(pack) ?? 0) < until) packs.set(pack, until);
  }
  return packs;
}

export type LockFinding = { readonly name: string; readonly what: 'unlocked' | 'too short' | 'too long'; readonly lockedUntilMs: number | null; readonly neededUntilMs: number };

/** A lock is made longer when it is shorter than it should be by more than this: dates are rounded. */
const toleranceMs = dayMs;
/** What is needed for longer than may be locked is locked for the most that may be, and longer each time a twelfth of that has passed: not each day. */
const stepsOfMost = 12;

/**
 * Until when an object should be locked now, and by how much less may stand.
 * @param lockDaysMax beyond it nothing is locked, whatever a class says: a longer need is met by extending later
 */
function wantedLock(neededUntilMs: number, nowMs: number, lockDaysMax: number): { readonly untilMs: number; readonly slackMs: number } {
  const mostMs = nowMs + lockDaysMax * dayMs;
  return neededUntilMs <= mostMs ? { untilMs: neededUntilMs, slackMs: toleranceMs } : { untilMs: mostMs, slackMs: Math.max(toleranceMs, Math.floor(lockDaysMax / stepsOfMost) * dayMs) };
}

/** The lock that an object needs instead of the one it has; null: it is long enough. Each change of what is needed costs an object one call. */
export function extensionOf(lockedUntilMs: number | null, neededUntilMs: number, nowMs: number, lockDaysMax: number): number | null {
  const { untilMs, slackMs } = wantedLock(neededUntilMs, nowMs, lockDaysMax);
  if (untilMs <= nowMs) return null;
  return lockedUntilMs === null || lockedUntilMs <= nowMs || lockedUntilMs < untilMs - slackMs ? untilMs : null;
}

/** Whether an object is locked for as long as it is needed, and not much longer: a day of tolerance, since dates are rounded. */
export function judgeLock(name: string, lockedUntilMs: number | null, neededUntilMs: number, nowMs: number, lockDaysMax: number): LockFinding | null {
  const { untilMs, slackMs } = wantedLock(neededUntilMs, nowMs, lockDaysMax);
  const finding = (what: LockFinding['what']): LockFinding => ({ name, what, lockedUntilMs, neededUntilMs });
  const isTooLong = lockedUntilMs !== null && lockedUntilMs > nowMs + lockDaysMax * dayMs + toleranceMs;
  if (untilMs <= nowMs) return isTooLong ? finding('too long') : null;
  if (lockedUntilMs === null || lockedUntilMs <= nowMs) return finding('unlocked');
  if (lockedUntilMs < untilMs - slackMs) return finding('too short');
  return isTooLong ? finding('too long') : null;
}

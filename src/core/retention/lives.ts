// How long points and packs live: each point as long as its class says, and as long as what hangs on it; each pack as long as the points that need it.
// Pure arithmetic over what manifests say in the clear: no key is needed to know what may go.
import type { RetentionClass } from '../vault/recovery-point.ts';

export type RetentionDays = Readonly<Record<RetentionClass, number>>;

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

/** Evidence of a test is locked and kept as long as a point of class monthly. @param atMs when its test began, as its name says */
export function evidenceUntilMs(atMs: number, days: RetentionDays): number {
  return atMs + days.monthly * dayMs;
}

export const forever = Number.POSITIVE_INFINITY;

/** Point → until when it is needed: its own class's days, or as long as a point that hangs on it, whichever is longer. */
export function livesOf(points: readonly KeptPoint[], days: RetentionDays): ReadonlyMap<string, number> {
  const byName = new Map(points.map((each) => [each.point, each]));
  const lives = new Map(points.map((each) => [each.point, each.isHeld ? forever : each.createdAtMs + days[each.class] * dayMs]));
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

export type Expired = { readonly points: readonly string[]; readonly packs: readonly string[] };

/**
 * What nobody needs any more at `nowMs`. An object may go only when its lock is over as well; that is the store's affair and is asked of the store.
 * @param allPacks those that are there, orphans of interrupted backups included: they go too, once nothing can name them any more
 */
export function expiredAt(points: readonly KeptPoint[], allPacks: readonly { readonly sha256: string; readonly storedAtMs: number }[], days: RetentionDays, nowMs: number): Expired {
  const lives = livesOf(points, days);
  const packs = packLivesOf(points, lives);
  const isOrphanOld = (storedAtMs: number) => storedAtMs + orphanDays * dayMs <= nowMs;
  return {
    points: points.filter((each) => (lives.get(each.point) ?? forever) <= nowMs).map((each) => each.point),
    packs: allPacks.filter(({ sha256, storedAtMs }) => (packs.has(sha256) ? (packs.get(sha256) ?? forever) <= nowMs : isOrphanOld(storedAtMs))).map(({ sha256 }) => sha256),
  };
}

/** A backup that still runs has packs that no manifest names yet; none runs for so long. */
export const orphanDays = 7;

export type Extension = { readonly pack: string; readonly untilMs: number };

/**
 * Locks that a new point makes too short: of older packs that it needs for longer than they are locked. Only a point that begins a period longer than
 * an hour is worth the calls: what is hourly hangs on something that lives longer anyway, or is gone in a week.
 * @param lockedUntilMs of a pack now; @param lockDaysMax beyond it nothing is locked, whatever a class says
 */
export function extensionsFor(point: KeptPoint, lockedUntilMs: (pack: string) => number | null, days: RetentionDays, lockDaysMax: number, nowMs: number): readonly Extension[] {
  if (point.class === 'hourly') return [];
  const untilMs = Math.min(point.createdAtMs + days[point.class] * dayMs, nowMs + lockDaysMax * dayMs);
  return point.packs.flatMap((pack) => {
    const locked = lockedUntilMs(pack);
    return locked !== null && locked < untilMs ? [{ pack, untilMs }] : [];
  });
}

export type LockFinding = { readonly name: string; readonly what: 'unlocked' | 'too short' | 'too long'; readonly lockedUntilMs: number | null; readonly neededUntilMs: number };

/** Whether an object is locked for as long as it is needed, and not much longer: a day of tolerance, since dates are rounded. */
export function judgeLock(name: string, lockedUntilMs: number | null, neededUntilMs: number, nowMs: number, lockDaysMax: number): LockFinding | null {
  // Beyond the most that may be locked, a longer need is met by extending later.
  const wantedMs = Math.min(neededUntilMs, nowMs + lockDaysMax * dayMs);
  const finding = (what: LockFinding['what']): LockFinding => ({ name, what, lockedUntilMs, neededUntilMs });
  if (wantedMs <= nowMs) return lockedUntilMs !== null && lockedUntilMs > nowMs + lockDaysMax * dayMs + dayMs ? finding('too long') : null;
  if (lockedUntilMs === null || lockedUntilMs <= nowMs) return finding('unlocked');
  if (lockedUntilMs < wantedMs - dayMs) return finding('too short');
  return lockedUntilMs > nowMs + lockDaysMax * dayMs + dayMs ? finding('too long') : null;
}

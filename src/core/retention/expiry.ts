// What may leave a vault, safe against backups that run meanwhile: what the next backup goes on from never leaves, and the rest only a week after nobody
// needs it any more, manifests first; a pack only when no manifest that is still there names it.
import { forever, livesOf, type KeptPoint, type RetentionDays } from './lives.ts';
import { standsAlone } from '../backup/chains.ts';
import type { PointType } from '../vault/recovery-point.ts';

const dayMs = 86_400_000;
const minuteMs = 60_000;

/** No backup runs for so long: what was stored by then is named by a manifest or never will be, and what it began from has not left. */
export const orphanDays = 7;

/** `point` and `parent` are unique in the vault: `<chain>/<point>`. */
export type RetainedPoint = KeptPoint & {
  readonly chain: string;
  readonly source: string;
  readonly type: PointType;
  /** A majority has it: only then may a backup go on from it. */
  readonly isCommitted: boolean;
  /** When the last of its copies was written; null: not known. */
  readonly storedAtMs: number | null;
  /** What it was promised when it was made. */
  readonly lockedUntilMs: number | null;
};

/** Point → until when it is needed, and so locked: its class's days or its lock, as long as what hangs on it, as long as the full that it makes whole. */
export function neededLives(points: readonly RetainedPoint[], days: RetentionDays): ReadonlyMap<string, number> {
  return livesWith(points, days, new Map());
}

/** Point → until when it is kept: as long as it is needed, and as long as a backup may go on from it, which needs no lock. */
export function keptLives(points: readonly RetainedPoint[], days: RetentionDays): ReadonlyMap<string, number> {
  return livesWith(points, days, supersededAt(points));
}

function livesWith(points: readonly RetainedPoint[], days: RetentionDays, least: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const floors = new Map(points.map((each) => [each.point, each.lockedUntilMs ?? 0]));
  raise(floors, least);
  raise(floors, closings(points, livesOf(points, days, floors)));
  return livesOf(points, days, floors);
}

function raise(floors: Map<string, number>, by: ReadonlyMap<string, number>): void {
  for (const [point, untilMs] of by) floors.set(point, Math.max(floors.get(point) ?? 0, untilMs));
}

/**
 * Until when a backup could begin that goes on from a point: until a newer one of its source was there, for ever where it is the newest. What was
 * interrupted and what stands beside the schedule supersedes only its own kind.
 */
function supersededAt(points: readonly RetainedPoint[]): ReadonlyMap<string, number> {
  const until = new Map<string, number>();
  const kind = ({ type }: RetainedPoint) => (type === 'checkpoint' || type === 'snapshot' ? type : 'scheduled');
  const lines = Map.groupBy(
    points.filter((each) => each.isCommitted),
    (each) => `${each.source} ${kind(each)}`,
  );
  for (const line of lines.values()) {
    let newerSinceMs = forever;
    for (const { point, storedAtMs } of line.toSorted(byAge).toReversed()) {
      until.set(point, newerSinceMs);
      newerSinceMs = Math.min(newerSinceMs, storedAtMs ?? forever);
    }
  }
  return until;
}

function byAge(a: RetainedPoint, b: RetainedPoint): number {
  return a.createdAtMs - b.createdAtMs || (a.point < b.point ? -1 : 1);
}

/** A point of the log may end so much before it was asked for: the first one after a scan need not reach the scan's end. */
const settledAfterMs = 15 * minuteMs;

/**
 * What makes a full backup of a table whole: a scan is not one instant, and the log from its begin to its end is in the points after it. So the first
 * one that surely reaches beyond the end of the scan lives as long as the full; of those of the longer kind, since it has the shorter line.
 */
function closings(points: readonly RetainedPoint[], lives: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const until = new Map<string, number>();
  for (const chain of Map.groupBy(points, (each) => each.chain).values()) {
    const base = chain.find((each) => standsAlone(each.type));
    const deltas = chain.filter((each) => each.parent !== null && each.isCommitted).toSorted(byAge);
    const [first] = deltas;
    if (base === undefined || first === undefined) continue;
    // The first was asked for when the scan had ended.
    const reaching = deltas.filter((each) => each.createdAtMs >= first.createdAtMs + settledAfterMs);
    const closing = reaching.find((each) => each.type !== 'log') ?? reaching[0] ?? deltas.at(-1) ?? first;
    until.set(closing.point, lives.get(base.point) ?? forever);
  }
  return until;
}

export type StoredPack = {
  readonly sha256: string;
  /** When the last of its copies was written; null: not known. */
  readonly storedAtMs: number | null;
};

export type ExpiredPoint = { readonly point: string; readonly neededUntilMs: number };

export type Expired = {
  /** In groups: children before what they hang on, and in one group none that hangs on another. */
  readonly points: readonly (readonly ExpiredPoint[])[];
  readonly packs: readonly string[];
};

/**
 * What is due at `nowMs`. An object goes only when its lock is over as well; that is the store's affair and is asked of the store.
 * @param points all that are there, also those that were given up and are not gone yet: what they name stays
 * @param isComplete false: there are points whose needs are not known, so no pack is due
 */
export function expiredAt(points: readonly RetainedPoint[], packs: readonly StoredPack[], isComplete: boolean, days: RetentionDays, nowMs: number): Expired {
  const lives = keptLives(points, days);
  const until = (point: string) => lives.get(point) ?? forever;
  const due = points.filter((each) => until(each.point) + orphanDays * dayMs <= nowMs);
  const named = new Set(points.flatMap((each) => each.packs));
  // A vault in which there is no point at all is not one whose points have expired: the newest never does.
  const arePacksKnown = isComplete && points.length > 0;
  return {
    points: childrenFirst(due).map((group) => group.map(({ point }) => ({ point, neededUntilMs: until(point) }))),
    packs: arePacksKnown ? packs.filter((each) => !named.has(each.sha256) && each.storedAtMs !== null && each.storedAtMs + orphanDays * dayMs <= nowMs).map(({ sha256 }) => sha256) : [],
  };
}

function childrenFirst(points: readonly RetainedPoint[]): readonly (readonly RetainedPoint[])[] {
  const byName = new Map(points.map((each) => [each.point, each]));
  const depths = new Map<string, number>();
  const depthOf = (point: RetainedPoint): number => {
    const line: string[] = [];
    let at: RetainedPoint | undefined = point;
    while (at !== undefined && !depths.has(at.point) && !line.includes(at.point)) {
      line.push(at.point);
      at = at.parent === null ? undefined : byName.get(at.parent);
    }
    let depth = at === undefined ? -1 : (depths.get(at.point) ?? -1);
    for (const name of line.toReversed()) depths.set(name, (depth += 1));
    return depth;
  };
  const groups = Map.groupBy(points.toSorted(byAge), depthOf);
  return [...groups].toSorted(([a], [b]) => b - a).map(([, group]) => group);
}

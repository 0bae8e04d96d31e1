// Which recovery point comes next: what was asked for, or a full one where there is nothing whole for it to hang on. Says why.
import { isActingAt, type LeaseRow } from '../lease/lease-rows.ts';
import type { PointType } from '../vault/recovery-point.ts';
import { bySchedule, type BackupRequest, type BackupType } from './backup-plan.ts';
import { pathTo } from './coverage.ts';
import { time } from './moment.ts';
import type { PointFacts } from './point-facts.ts';

/** A chain that is older than this is not continued: the log is kept for seven days, and a restore reads the whole line. */
export const chainAgeMsMax = 8 * 24 * 3600 * 1000;

export type MayAct = { readonly acts: boolean; readonly because: string };

/** The schedule runs in every region and acts in the open one; a person's run acts where it was started. */
export function mayAct(request: BackupRequest, lease: LeaseRow, region: string, nowMs: number): MayAct {
  if (request.by !== bySchedule) return { acts: true, because: `${request.by} asked for it in ${region}` };
  if (isActingAt(lease, nowMs)) return { acts: true, because: `the schedule; ${region} is open in epoch ${lease.epoch}` };
  return {
    acts: false,
    because: `${region} is not open (its lease row: epoch ${lease.epoch}, opened ${lease.openEpoch}, until ${time(lease.untilAtMs)}): the open region makes the scheduled backups`,
  };
}

/** What is known of the chain that could be continued. */
export type LastChain =
  /** `points` are opened: the line from the parent to the base, and the parent itself. */
  | { readonly kind: 'chain'; readonly parent: PointFacts; readonly points: readonly PointFacts[] }
  /** None, or one that cannot be opened. */
  | { readonly kind: 'none'; readonly because: string };

export type NextPoint =
  | { readonly kind: 'alone'; readonly type: 'full' | 'snapshot'; readonly because: string }
  | { readonly kind: 'after'; readonly type: Exclude<PointType, 'full' | 'snapshot' | 'checkpoint'>; readonly parent: PointFacts; readonly because: string };

export type Seen = {
  readonly last: LastChain;
  readonly epoch: number;
  /** What of the log between the parent and now is gone; null: it is all there. */
  readonly gap: string | null;
  readonly nowMs: number;
};

/** @param asked as the person or the schedule said, or `log` for the archive of each minute. */
export function nextPoint(asked: BackupType | 'log', seen: Seen): NextPoint {
  if (asked === 'full' || asked === 'snapshot') return { kind: 'alone', type: asked, because: `${asked} was asked for` };
  const { last } = seen;
  const full = (because: string): NextPoint => ({ kind: 'alone', type: 'full', because: `${asked} was asked for, but ${because}: a new chain begins` });
  if (last.kind === 'none') return full(last.because);
  const way = pathTo(last.points, last.parent);
  if (way.kind === 'broken') return full(`the chain ${last.parent.chain} is broken (${way.because})`);
  const [base] = way.points;
  if (base === undefined || (base.type === 'snapshot' && asked !== 'log')) return full(`the chain ${last.parent.chain} has no full backup`);
  if (seen.gap !== null) return full(`the log does not reach back to it (${seen.gap})`);
  if (asked !== 'log') {
    if (seen.epoch > base.table.epoch) return full(`the region opened in epoch ${seen.epoch} after its full backup of epoch ${base.table.epoch}, which may hold what did not survive`);
    if (seen.nowMs - base.createdAtMs > chainAgeMsMax) return full(`its full backup is of ${time(base.createdAtMs)}, older than ${chainAgeMsMax / 86_400_000} days`);
  }
  return { kind: 'after', type: asked, parent: last.parent, because: `it goes on from ${last.parent.point}` };
}

/** @param first number of the first record that is still there beyond the chain's last; null: there is none beyond. @returns what is missing, or null */
export function gapOf(origin: string, position: number, head: number, first: number | null): string | null {
  if (head <= position) return null;
  if (first === null) return `of ${origin}'s log, records ${position + 1} to ${head} have expired`;
  return first > position + 1 ? `of ${origin}'s log, records ${position + 1} to ${first - 1} have expired` : null;
}

/** Pieces of a table: about this much each, so that one ends well within a function's time; at most so many, by how the machine's Map runs them. */
export const pieceBytes = 256 * 1024 * 1024;
export const piecesMax = { INLINE: 64, DISTRIBUTED: 500 } as const;
export type PartsMode = keyof typeof piecesMax;
/** A table's size is told up to six hours late. */
export const piecesMin = 2;

export function piecesFor(tableBytes: number, mode: PartsMode): number {
  return Math.min(piecesMax[mode], Math.max(piecesMin, Math.ceil(tableBytes / pieceBytes)));
}

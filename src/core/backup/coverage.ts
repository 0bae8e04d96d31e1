// Which points a restore to a moment takes, and what can be restored to at all. A moment that is not covered is refused with
// what is.
import { NotCoveredError } from '../vault/vault-errors.ts';
import type { Cut } from '../vault/recovery-point.ts';
import { standsAlone } from './chains.ts';
import type { PointFacts, Quiet } from './point-facts.ts';
import { time } from './moment.ts';
import { samePositions } from './settle.ts';
import { mergeCuts } from './state-at.ts';

export type Path = {
  readonly kind: 'path';
  readonly base: PointFacts;
  /** From the one that hangs on the base to the last. */
  readonly deltas: readonly PointFacts[];
  readonly cuts: readonly Cut[];
  readonly throughMs: number;
};

export type NoPath = { readonly kind: 'none'; readonly because: string };

/** Every moment from `fromMs` through `throughMs` can be restored. */
export type Covered = { readonly chain: string; readonly fromMs: number; readonly throughMs: number };

/** The points from the base to `tip`, or why there is no whole line of them. */
export function pathTo(points: readonly PointFacts[], tip: PointFacts): { readonly kind: 'whole'; readonly points: readonly PointFacts[] } | { readonly kind: 'broken'; readonly because: string } {
  const byName = new Map(points.map((p) => [p.point, p]));
  const path: PointFacts[] = [];
  for (let at: PointFacts = tip; ; ) {
    path.unshift(at);
    if (at.parent === null) return standsAlone(at.type) ? { kind: 'whole', points: path } : { kind: 'broken', because: `${at.point} names no parent` };
    const parent = byName.get(at.parent.point);
    if (parent === undefined) return { kind: 'broken', because: `${at.parent.point}, on which ${at.point} hangs, is missing` };
    if (parent.sha256 !== at.parent.sha256) return { kind: 'broken', because: `${parent.point} is not the one on which ${at.point} hangs: its hash is another` };
    if (path.includes(parent)) return { kind: 'broken', because: `${parent.point} hangs on itself` };
    at = parent;
  }
}

/** Through when a point reaches: its own end, or that of the quiet after it. */
export function throughOf(point: PointFacts, quiet: readonly Quiet[]): number {
  const after = quiet.filter((q) => samePositions(q.positions, point.positions));
  return Math.max(point.throughMs, ...after.map((q) => q.throughMs));
}

/**
 * The shortest whole line of points to `atMs`. The base alone is one only where the log was quiet from before its scan began: otherwise the
 * log makes it whole.
 * @param points all opened points of one chain
 * @param known cuts that stand in rows beside the vault
 */
export function selectPath(points: readonly PointFacts[], atMs: number, quiet: readonly Quiet[], known: readonly Cut[]): Path | NoPath {
  const base = points.find((p) => standsAlone(p.type));
  if (base === undefined) return { kind: 'none', because: 'its full backup is missing' };
  if (base.throughMs > atMs) return { kind: 'none', because: `its full backup ended only at ${time(base.throughMs)}` };
  const tips = points.filter((p) => (p === base ? isQuietSince(base, quiet) : true) && throughOf(p, quiet) >= atMs);
  const found = tips.map((tip) => ({ tip, way: pathTo(points, tip) }));
  const paths = found.flatMap(({ tip, way }) => (way.kind === 'whole' ? [{ tip, points: way.points }] : []));
  const [best] = paths.toSorted((a, b) => a.points.length - b.points.length || throughOf(a.tip, quiet) - throughOf(b.tip, quiet));
  if (best === undefined) {
    const broken = found.find(({ way }) => way.kind === 'broken')?.way;
    return { kind: 'none', because: broken?.kind === 'broken' ? broken.because : 'nothing of its log reaches that far' };
  }
  const cuts = mergeCuts(...best.points.map((p) => p.cuts), known);
  const lost = mayHoldLost(base, points, quiet, cuts, atMs);
  if (lost !== null) return { kind: 'none', because: lost };
  return { kind: 'path', base, deltas: best.points.slice(1), cuts, throughMs: throughOf(best.tip, quiet) };
}

function isQuietSince(base: PointFacts, quiet: readonly Quiet[]): boolean {
  return quiet.some((q) => samePositions(q.positions, base.positions));
}

/**
 * Items that did not survive a failover cannot be taken out of a full backup: what stood there before them is not in it. So for a moment
 * after the opening, a full backup of the lost region counts only if that region itself had archived its log beyond the end of the scan, and
 * all of that survived. @returns why not, or null
 */
function mayHoldLost(base: PointFacts, points: readonly PointFacts[], quiet: readonly Quiet[], cuts: readonly Cut[], atMs: number): string | null {
  const { region, epoch } = base.table;
  const seen = [...points.filter((p) => p !== base && p.table.region === region), ...quiet.filter((q) => q.region === region)].filter((p) => p.throughMs >= base.throughMs);
  const isSurvivor = (cut: Cut) => seen.some((p) => (p.positions[region] ?? 0) <= (cut.positions[region] ?? 0));
  const cut = cuts.find((c) => c.openedAtMs <= atMs && c.epoch > epoch && c.region !== region && !isSurvivor(c));
  if (cut === undefined) return null;
  return `its full backup may hold writes of ${region} that did not survive the failover to ${cut.region} at ${time(cut.openedAtMs)}; before that moment it serves, after it the next full backup does`;
}

/**
 * What a point covers that hangs on `parent`. The end of a scan says nothing of the log: a point right behind a full backup may end before it,
 * and then covers nothing yet.
 */
export function spanAfter(parent: PointFacts, coveredMs: number): { readonly fromMs: number; readonly throughMs: number } {
  if (standsAlone(parent.type)) return { fromMs: Math.min(parent.fromMs, coveredMs), throughMs: coveredMs };
  return { fromMs: parent.throughMs, throughMs: Math.max(parent.throughMs, coveredMs) };
}

/** What one chain covers, from all its opened points; null where it covers nothing. */
export function coverageOf(points: readonly PointFacts[], quiet: readonly Quiet[]): Covered | null {
  const base = points.find((p) => standsAlone(p.type));
  if (base === undefined) return null;
  const whole = points.filter((p) => (p === base ? isQuietSince(base, quiet) : pathTo(points, p).kind === 'whole'));
  const throughMs = Math.max(...whole.map((p) => throughOf(p, quiet)));
  return throughMs < base.throughMs ? null : { chain: base.chain, fromMs: base.throughMs, throughMs };
}

/** For a moment, or a point, that nothing reaches. */
export function notCovered(atMs: number, covered: readonly Covered[], because: readonly string[]): NotCoveredError {
  const spans = covered.toSorted((a, b) => a.fromMs - b.fromMs).map((c) => `${time(c.fromMs)} to ${time(c.throughMs)} (${c.chain})`);
  const what = spans.length === 0 ? 'nothing is covered yet: make a full backup first' : `covered is ${spans.join(', ')}`;
  const why = because.length === 0 ? '' : ` (${because.join('; ')})`;
  return new NotCoveredError(`The state at ${time(atMs)} cannot be restored${why}; ${what}. Nothing was changed.`);
}

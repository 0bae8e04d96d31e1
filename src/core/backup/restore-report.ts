// What a restore measured, and what a person must know of it. RTO: from the plan to the validated target. RPO: the moment asked for
// less that of the newest record restored: nothing that was logged by then is missing, so it is an upper bound of what the log never had.
import { time } from './moment.ts';
import type { RestoredPart, RestorePlan, Validation } from './restore-plan.ts';
import { describeSelection } from './selection.ts';
import { logSettleMs } from './settle.ts';

/** So long before a take-over, the lost region may have stopped shipping already. */
const beforeFailoverMs = 120_000;

export type Issue = { readonly severity: 'info' | 'warning' | 'critical'; readonly what: string; readonly impact: string; readonly remedy: string };

export type RestoreReport = {
  readonly id: string;
  readonly by: string;
  readonly source: string;
  readonly table: string;
  readonly atMs: number;
  readonly chain: string;
  readonly points: readonly string[];
  readonly selected: string;
  readonly isIdentical: boolean;
  readonly rtoMs: number;
  /** null where no record of the log was part of it. */
  readonly rpoMs: number | null;
  readonly newestAtMs: number | null;
  readonly coveredFromMs: number;
  readonly coveredThroughMs: number;
  readonly items: number;
  readonly removed: number;
  readonly bytes: number;
  readonly sum: string;
  readonly startedAtMs: number;
  readonly validatedAtMs: number;
  readonly reportedAtMs: number;
  readonly issues: readonly Issue[];
};

export function restoreReport(plan: RestorePlan, parts: readonly RestoredPart[], { isIdentical, digest, validatedAtMs }: Validation, nowMs: number): RestoreReport {
  const items = totalOf(parts, (p) => p.items);
  return {
    ...reportedOfAny(plan, parts, validatedAtMs, nowMs),
    isIdentical,
    items,
    bytes: totalOf(parts, (p) => p.bytes),
    sum: digest.sum,
    issues: issuesOf(
      plan,
      items,
      totalOf(parts, (p) => p.erased ?? 0),
    ),
  };
}

export function totalOf<Part>(parts: readonly Part[], of: (part: Part) => number): number {
  return parts.reduce((sum, part) => sum + of(part), 0);
}

/** What the report of every restore says, into another table or in place. */
export function reportedOfAny(plan: RestorePlan, parts: readonly Pick<RestoredPart, 'newestAtMs' | 'removed'>[], validatedAtMs: number, nowMs: number) {
  const newest = parts.flatMap((p) => (p.newestAtMs === null ? [] : [p.newestAtMs]));
  const newestAtMs = newest.length === 0 ? null : Math.max(...newest);
  return {
    id: plan.id,
    by: plan.by,
    source: plan.source,
    table: plan.into.table,
    atMs: plan.atMs,
    chain: plan.chain,
    points: [plan.base.point, ...plan.deltas.map((d) => d.point)],
    selected: describeSelection(plan.select),
    rtoMs: validatedAtMs - plan.startedAtMs,
    rpoMs: newestAtMs === null ? null : plan.atMs - newestAtMs,
    newestAtMs,
    coveredFromMs: plan.coveredFromMs,
    coveredThroughMs: plan.coveredThroughMs,
    removed: totalOf(parts, (p) => p.removed),
    startedAtMs: plan.startedAtMs,
    validatedAtMs,
    reportedAtMs: nowMs,
  };
}

/** @param items null where it is not what says whether anything is there */
export function issuesOf(plan: RestorePlan, items: number | null, erased: number): Issue[] {
  const issues: Issue[] = [];
  if (erased > 0)
    issues.push({
      severity: 'info',
      what: `${erased} items are about persons who were erased.`,
      impact: 'They are in the vault, and nobody can read them: they are left out, and are in no digest. A restore in place leaves such keys in the table as they are.',
      remedy: 'None: this is what an erasure is for. Its certificate is in the vault, under evidence/.',
    });
  if (!plan.isExact)
    issues.push({
      severity: 'warning',
      what: `No log covers the full backup or snapshot ${plan.base.point}: its scan took from ${time(plan.coveredFromMs)} to ${time(plan.coveredThroughMs)}, and was restored as it is.`,
      impact: 'Items that were written during the scan may be of different moments; those that belong together may not fit together.',
      remedy: 'Restore to a moment after the scan once the log is archived beyond it, or check the items written during the scan.',
    });
  const cut = plan.cuts.find((c) => c.openedAtMs <= plan.atMs && c.openedAtMs > plan.coveredFromMs);
  if (cut !== undefined)
    issues.push({
      severity: 'info',
      what: `${cut.region} took over in epoch ${cut.epoch} at ${time(cut.openedAtMs)}, between the full backup and the moment restored.`,
      impact: 'Writes of the lost region that had not reached it are left out, as in the live table.',
      remedy: `To see them, restore to a moment before ${time(cut.openedAtMs)} into another table, and see the divergence report.`,
    });
  const next = plan.cuts.find((c) => c.openedAtMs > plan.atMs && c.openedAtMs <= plan.atMs + beforeFailoverMs);
  if (next !== undefined)
    issues.push({
      severity: 'warning',
      what: `${next.region} took over in epoch ${next.epoch} at ${time(next.openedAtMs)}, soon after the moment restored.`,
      impact: 'Writes that the lost region acknowledged just before, and that had reached no other region, are in no log and are missing.',
      remedy: "The failover's report says how old the newest change was that had arrived. Once the lost region ships its log again, restore to the same moment again.",
    });
  if (plan.startedAtMs - plan.atMs < logSettleMs && plan.isExact)
    issues.push({
      severity: 'info',
      what: `The moment is less than ${logSettleMs / 1000} s before the restore was planned.`,
      impact: 'Writes that had not reached the log by then are missing.',
      remedy: 'Restore to the same moment again later, and compare the digests.',
    });
  if (items === 0)
    issues.push({
      severity: 'warning',
      what: 'Nothing was restored.',
      impact: `The table ${plan.into.table} is empty.`,
      remedy: `Nothing matched ${describeSelection(plan.select)} at ${time(plan.atMs)}: look at the moment and the keys.`,
    });
  return issues;
}

// What a restore in place did to the live table, and how to take it back.
import type { InPlaceConflict, InPlacePart, Snapshot } from './in-place.ts';
import { isFields, isText } from './payload.ts';
import type { RestorePlan } from './restore-plan.ts';
import { issuesOf, reportedOfAny, totalOf, type Issue, type RestoreReport } from './restore-report.ts';
import { selectionOf, type Selection } from './selection.ts';
import type { Row } from '../rows/row.ts';

/**
 * `isIdentical`: every key in which the snapshot differed was read back as wanted. Keys that were right in it are not looked at again, for the service goes
 * on writing; hence no sum either.
 */
export type InPlaceReport = Omit<RestoreReport, 'bytes' | 'sum'> & {
  readonly inPlace: {
    readonly epoch: number;
    /** What `--undo` goes back to, with the same selection. */
    readonly snapshot: { readonly chain: string; readonly point: string };
    readonly select: Selection;
    readonly set: number;
    readonly unchanged: number;
    readonly conflicts: number;
    readonly conflictsShown: readonly InPlaceConflict[];
  };
};

export function inPlaceReport(plan: RestorePlan, parts: readonly InPlacePart[], snapshot: Snapshot, nowMs: number): InPlaceReport {
  const [set, unchanged, conflicts] = [totalOf(parts, (p) => p.set), totalOf(parts, (p) => p.unchanged), totalOf(parts, (p) => p.conflicts)];
  const validatedAtMs = Math.max(plan.startedAtMs, ...parts.map((p) => p.endedAtMs));
  return {
    ...reportedOfAny(plan, parts, validatedAtMs, nowMs),
    isIdentical: conflicts === 0,
    items: set + unchanged,
    issues: [
      ...issuesOf(
        plan,
        null,
        totalOf(parts, (p) => p.erased ?? 0),
      ),
      ...conflictIssues(conflicts),
    ],
    inPlace: {
      epoch: plan.epoch ?? 0,
      snapshot: { chain: snapshot.chain, point: snapshot.point },
      select: plan.select,
      set,
      unchanged,
      conflicts,
      conflictsShown: parts.flatMap((p) => p.conflictsShown),
    },
  };
}

/** What a row RESTORE says of how to take it back; null where it is of another kind, or has no report. */
export function undoOf(row: Row): { readonly snapshot: { readonly chain: string; readonly point: string }; readonly select: Selection } | null {
  const report = parsed(row['report']);
  const inPlace = isFields(report) ? report['inPlace'] : undefined;
  if (!isFields(inPlace) || !isFields(inPlace['snapshot']) || !isFields(inPlace['select'])) return null;
  const { chain, point } = inPlace['snapshot'];
  const select = selectionOf(inPlace['select']);
  return isText(chain) && isText(point) && !('wrong' in select) ? { snapshot: { chain, point }, select } : null;
}

function parsed(text: unknown): unknown {
  try {
    return typeof text === 'string' ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

function conflictIssues(conflicts: number): Issue[] {
  if (conflicts === 0) return [];
  return [
    {
      severity: 'warning',
      what: `${conflicts} keys are not as they were at the moment: the service wrote them meanwhile, or a condition cannot compare them.`,
      impact: 'They hold what the service wrote.',
      remedy: 'Look at them. The same restore again takes a new snapshot and sets them too; an item with more than 100 attributes is written by the service only.',
    },
  ];
}

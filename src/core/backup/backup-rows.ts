// Rows of the region table about backups: for status, for the moments in which nothing was written, and where each region opened.
import { MalformedError } from '../errors.ts';
import type { Row, RowChange, RowCheck, RowKey } from '../rows/row.ts';
import type { Cut, LogPositions, PointName } from '../vault/recovery-point.ts';
import type { CommittedPoint } from './backup-plan.ts';
import { isPositions } from './payload.ts';
import type { Quiet } from './point-facts.ts';
import type { RestoreReport } from './restore-report.ts';

export function backupKey(source: string): RowKey {
  return { table: 'region', pk: 'BACKUP', sk: source };
}

/** The last point that this region committed. An older one that is repeated takes nothing back. */
export function backupCommitted(source: string, type: string, because: string, committed: CommittedPoint, startedAtMs: number, nowMs: number): RowChange {
  const { chain, point, sha256, items, bytes, storedBytes, throughMs } = committed;
  return {
    key: backupKey(source),
    set: { chain, point, type, because, sha256, items, bytes, storedBytes, throughMs, startedAtMs, committedAtMs: nowMs },
    when: [{ attribute: 'startedAtMs', is: '<=', value: startedAtMs }],
    mayCreate: true,
  };
}

export function backupVerified(source: string, point: string, site: string, nowMs: number): RowChange {
  return { key: backupKey(source), set: { verifiedPoint: point, verifiedAtMs: nowMs, verifiedIn: site }, when: [], mayCreate: true };
}

export function archiveKey(source: string): RowKey {
  return { table: 'region', pk: 'ARCHIVE', sk: source };
}

/** Where the archived log ends, and through when nothing was logged beyond it. */
export function archived(source: string, quiet: Quiet, last: PointName, nowMs: number): RowChange {
  return {
    key: archiveKey(source),
    set: { region: quiet.region, chain: last.chain, point: last.point, positions: JSON.stringify(quiet.positions), throughMs: quiet.throughMs, atMs: nowMs },
    when: [{ attribute: 'atMs', is: '<=', value: nowMs }],
    mayCreate: true,
  };
}

/** null where there is none. @throws MalformedError */
export function parseArchiveRow(row: Row | undefined): (Quiet & { readonly atMs: number }) | null {
  if (row === undefined) return null;
  const { region, throughMs, atMs } = row;
  if (typeof region !== 'string' || typeof throughMs !== 'number' || typeof atMs !== 'number')
    throw new MalformedError('The row ARCHIVE cannot be read: it was altered. Delete it: the next archive writes it anew.');
  return { region, throughMs, atMs, positions: positionsIn(row['positions'], 'ARCHIVE') };
}

/** Only the operations that write the change log name it so. */
export function logPositionKey(origin: string): RowKey {
  return { table: 'region', pk: 'LOG', sk: origin };
}

export function cutKey(epoch: number): RowKey {
  return { table: 'region', pk: 'CUT', sk: String(epoch).padStart(8, '0') };
}

/** In the transaction that opens the fence rows: what this region had applied of the others' logs. Never changed afterwards. */
export function recordCut(cut: Cut): RowChange {
  const { epoch, region, openedAtMs } = cut;
  return {
    key: cutKey(epoch),
    set: { epoch, region, openedAtMs, positions: JSON.stringify(cut.positions) },
    when: [{ attribute: 'epoch', is: '<', value: epoch }],
    mayCreate: true,
  };
}

/** Goes with it: nothing was dealt with since the positions were read. A log of which nothing ever was has no row to check. */
export function stillApplied(positions: LogPositions): RowCheck[] {
  return Object.entries(positions).flatMap(([origin, sequence]) => (sequence === 0 ? [] : [{ key: logPositionKey(origin), when: [{ attribute: 'sequence', is: '=', value: sequence }] } as const]));
}

/** @throws MalformedError */
export function parseCutRow(row: Row): Cut {
  const { epoch, region, openedAtMs } = row;
  if (typeof epoch !== 'number' || typeof region !== 'string' || typeof openedAtMs !== 'number')
    throw new MalformedError('A row CUT cannot be read: it was altered. No backup is made from it; compare it with the cuts in the vault.');
  return { epoch, region, openedAtMs, positions: positionsIn(row['positions'], 'CUT') };
}

function positionsIn(value: unknown, row: string): LogPositions {
  let parsed: unknown;
  try {
    parsed = typeof value === 'string' ? JSON.parse(value) : undefined;
  } catch {
    parsed = undefined;
  }
  if (!isPositions(parsed)) throw new MalformedError(`The positions in the row ${row} cannot be read: it was altered.`);
  return parsed;
}

/** One restore: begun, then reported. */
export function restoreKey(id: string): RowKey {
  return { table: 'region', pk: 'RESTORE', sk: id };
}

/** Says that this restore made the table, so that a repeated step may go on filling it. */
export function restoreBegun(id: string, table: string, nowMs: number): RowChange {
  return { key: restoreKey(id), set: { table, begunAtMs: nowMs }, when: [{ attribute: 'table', is: '=', value: table }], mayCreate: true };
}

export function restoreReported(report: Pick<RestoreReport, 'id' | 'reportedAtMs'>): RowChange {
  return { key: restoreKey(report.id), set: { report: JSON.stringify(report), reportedAtMs: report.reportedAtMs }, when: [], mayCreate: true };
}

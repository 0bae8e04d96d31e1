// What one region says of its backups and restores: the last ones, with what was measured then. What is not known is null.
import { archiveKey, backupKey, parseArchiveRow } from '../core/backup/backup-rows.ts';
import { parseTestRow, type TestSummary } from '../core/backup/test-evidence.ts';
import { fieldOf } from '../core/failover/event-field.ts';
import type { Row } from '../core/rows/row.ts';
import { sourceNameOf } from '../operations/backup-ports.ts';
import type { RegionConnection } from './connection.ts';

export type BackupsStatus = {
  /** Made in this region. */
  readonly lastBackup: LastBackup | null;
  /** Of the log, each minute in the open region: how far it reached, and when that was. */
  readonly archive: { readonly throughMs: number; readonly secondsAgo: number } | null;
  /** The newest that was reported. */
  readonly lastRestore: LastRestore | null;
  /** A newer one than that, begun and not reported: it runs, or it failed. */
  readonly begunRestore: { readonly id: string; readonly table: string; readonly secondsAgo: number } | null;
  /** The newest that were made in this region, newest first; null where they could not be read. */
  readonly restoreTests: readonly TestSummary[] | null;
};

export type LastBackup = {
  readonly chain: string;
  readonly point: string;
  readonly type: string;
  /** Who or what asked for it, and why it is of this type. */
  readonly because: string;
  readonly items: number;
  readonly bytes: number;
  readonly storedBytes: number;
  readonly throughMs: number;
  readonly tookSeconds: number;
  readonly committedSecondsAgo: number;
  /** From another region's site, whole. */
  readonly isReadBack: boolean;
};

export type LastRestore = {
  readonly id: string;
  readonly table: string;
  readonly atMs: number;
  readonly items: number;
  readonly isIdentical: boolean;
  readonly rtoSeconds: number;
  /** At most; null where no record of the log was part of it. */
  readonly rpoSeconds: number | null;
  readonly reportedSecondsAgo: number;
};

/** Of restore tests, in each region: as many as the medians are made of. */
export const testsLooked = 10;

/** Restores of which the newest reported one is looked for. */
const restoresLooked = 10;

export type ReadBackups = { readonly backup: Row | null; readonly archive: Row | null; readonly restores: readonly Row[] | null; readonly tests: readonly Row[] | null };

/** Each by itself, through `read`, which notes what fails. */
export async function readBackups(from: RegionConnection, dataTable: string, read: <T>(what: string, call: () => Promise<T>) => Promise<T | null>): Promise<ReadBackups> {
  const source = sourceNameOf(dataTable);
  const [backup, archive, restores, tests] = await Promise.all([
    read('backup row', async () => (await from.rows.get(backupKey(source))) ?? null),
    read('archive row', async () => (await from.rows.get(archiveKey(source))) ?? null),
    read('restores', async () => from.list.list('RESTORE', restoresLooked, 'newest-first')),
    read('restore tests', async () => from.list.list('RESTORE_TEST', testsLooked, 'newest-first')),
  ]);
  return { backup, archive, restores, tests };
}

/** @throws MalformedError for a row that was altered */
export function backupsStatus({ backup, archive, restores, tests }: ReadBackups, nowMs: number): BackupsStatus {
  const found = parseArchiveRow(archive ?? undefined);
  const [newest] = restores ?? [];
  return {
    lastBackup: lastBackup(backup, nowMs),
    archive: found === null ? null : { throughMs: found.throughMs, secondsAgo: seconds(nowMs - found.atMs) },
    lastRestore: (restores ?? []).map((row) => lastRestore(row, nowMs)).find((restore) => restore !== null) ?? null,
    restoreTests: tests === null ? null : tests.flatMap((row) => parseTestRow(row) ?? []),
    begunRestore:
      newest === undefined || newest['report'] !== undefined ? null : { id: String(newest['sk']), table: String(newest['table']), secondsAgo: seconds(nowMs - number(newest['begunAtMs'])) },
  };
}

function lastBackup(row: Row | null, nowMs: number): LastBackup | null {
  // A point that was read back before this region committed one of its own leaves a row without one.
  if (row === null || typeof row['point'] !== 'string') return null;
  const { chain, point, type, because } = row;
  return {
    chain: String(chain),
    point,
    type: String(type),
    because: String(because),
    items: number(row['items']),
    bytes: number(row['bytes']),
    storedBytes: number(row['storedBytes']),
    throughMs: number(row['throughMs']),
    tookSeconds: seconds(number(row['committedAtMs']) - number(row['startedAtMs'])),
    committedSecondsAgo: seconds(nowMs - number(row['committedAtMs'])),
    isReadBack: row['verifiedPoint'] === point,
  };
}

function lastRestore(row: Row, nowMs: number): LastRestore | null {
  const report = reportOf(row['report']);
  if (report === null) return null;
  const rpoMs = fieldOf(report, 'rpoMs');
  return {
    id: String(row['sk']),
    table: String(fieldOf(report, 'table')),
    atMs: number(fieldOf(report, 'atMs')),
    items: number(fieldOf(report, 'items')),
    isIdentical: fieldOf(report, 'isIdentical') === true,
    rtoSeconds: seconds(number(fieldOf(report, 'rtoMs'))),
    rpoSeconds: typeof rpoMs === 'number' ? seconds(rpoMs) : null,
    reportedSecondsAgo: seconds(nowMs - number(fieldOf(report, 'reportedAtMs'))),
  };
}

function reportOf(text: unknown): unknown {
  try {
    return typeof text === 'string' ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : Number.NaN;
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}

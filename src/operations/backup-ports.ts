// What backups and restores of a table reach the world through.
import type { Cut, LogPositions, RetentionClass } from '../core/vault/recovery-point.ts';
import type { Quiet } from '../core/backup/point-facts.ts';
import { isActingAt, leaseKey, parseLeaseRow, type LeaseRow } from '../core/lease/lease-rows.ts';
import { logPositionKey } from '../core/backup/backup-rows.ts';
import type { PartsMode } from '../core/backup/next-point.ts';
import type { LogEnd } from '../core/backup/settle.ts';
import type { Clock, Digest } from '../ports/environment.ts';
import type { KeyWrap } from '../ports/key-wrap.ts';
import type { LogStore } from '../ports/log-store.ts';
import type { RowStore } from '../ports/row-store.ts';
import type { TableStore } from '../ports/table-store.ts';
import type { ObjectLock } from '../ports/vault-site.ts';
import type { SiteSet } from '../vault/site-set.ts';
import type { SubjectKeys } from './subject-keys.ts';

export type BackupSettings = {
  readonly group: string;
  /** Of the table, as points name it. */
  readonly source: string;
  readonly table: string;
  readonly keyName: string;
  /** Regions that may write the table: the origins of logs. */
  readonly origins: readonly string[];
  readonly lockMode: ObjectLock['mode'] | null;
  readonly retentionDays: Readonly<Record<RetentionClass, number>>;
  readonly lockDaysMax: number;
  readonly packBytes: number;
  /** How the machine runs the pieces of a backup. */
  readonly partsMode: PartsMode;
  /** The attribute that names the person whom an item is about; absent: no item is sealed by itself. */
  readonly subjectAttribute?: string;
};

export type BackupPorts = {
  readonly me: string;
  readonly settings: BackupSettings;
  readonly own: RowStore;
  readonly log: LogStore;
  readonly tables: TableStore;
  /** All sites, nearest first. */
  readonly sites: SiteSet;
  /** All but this region's. */
  readonly otherSites: SiteSet;
  readonly wrap: KeyWrap;
  /** The keys of persons; absent: none are sealed, and what is cannot be opened. */
  readonly subjects?: SubjectKeys;
  /** The rows CUT of every region that answers; the own ones must be readable. */
  readonly cuts: () => Promise<readonly Cut[]>;
  /** The rows ARCHIVE of every region that answers. */
  readonly quiet: () => Promise<readonly Quiet[]>;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly digest: Digest;
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
};

/** The source's name in the vault: the table's, in the letters that a name may have. */
export function sourceNameOf(table: string): string {
  return table
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '-')
    .slice(0, 64);
}

export async function readLease(ports: Pick<BackupPorts, 'own'>): Promise<LeaseRow> {
  return parseLeaseRow(await ports.own.get(leaseKey));
}

export function isOpenAt(lease: LeaseRow, nowMs: number): boolean {
  return isActingAt(lease, nowMs);
}

/** Where the logs end that this region keeps. */
export async function readLogEnds(ports: Pick<BackupPorts, 'log' | 'settings'>): Promise<Readonly<Record<string, LogEnd>>> {
  const ends = await Promise.all(
    ports.settings.origins.map(async (origin) => {
      const head = await ports.log.head(origin);
      // The last segment up to the head: what is appended meanwhile is not part of it.
      const [last] = head.sequence === 0 ? [] : await ports.log.readBack(origin, head.sequence + 1, 1);
      return [origin, { position: head.sequence, lastAtMs: last?.records.at(-1)?.atMs ?? null }] as const;
    }),
  );
  return Object.fromEntries(ends);
}

/**
 * From which records on the log makes a scan of this region's table whole: of the own log what stands in it before the scan, of the others'
 * what was dealt with in this table. What was received and not applied is not in the scan.
 */
export async function readScanPositions(ports: Pick<BackupPorts, 'log' | 'own' | 'me' | 'settings'>): Promise<LogPositions> {
  const positions = await Promise.all(
    ports.settings.origins.map(async (origin) => {
      if (origin === ports.me) return [origin, (await ports.log.head(origin)).sequence] as const;
      return [origin, Number((await ports.own.get(logPositionKey(origin)))?.['sequence'] ?? 0)] as const;
    }),
  );
  return Object.fromEntries(positions);
}

/** Nothing is locked where no mode is configured. */
export function lockOf(settings: BackupSettings, untilMs: number | null): ObjectLock | null {
  return settings.lockMode === null || untilMs === null ? null : { mode: settings.lockMode, untilMs };
}

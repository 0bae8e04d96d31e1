// Rows of the region table about the vault's sites against each other, and about what was overdue and told.
import { isCount, isFields, isText, listOf } from '../backup/payload.ts';
import { MalformedError } from '../errors.ts';
import type { Row, RowChange, RowKey } from '../rows/row.ts';
import type { Overdue, Told } from './overdue.ts';

export const overdueKey: RowKey = { table: 'region', pk: 'OVERDUE', sk: 'vault' };

export type OverdueRow = {
  /** From when on this region expects anything: its first look. */
  readonly sinceMs: number;
  readonly found: readonly Overdue[];
  readonly told: Told;
  readonly atMs: number;
};

export function overdueChecked({ sinceMs, found, told, atMs }: OverdueRow): RowChange {
  return { key: overdueKey, set: { sinceMs, found: JSON.stringify(found), told: JSON.stringify(told), atMs }, when: [{ attribute: 'atMs', is: '<=', value: atMs }], mayCreate: true };
}

/** null where there is none. @throws MalformedError */
export function parseOverdueRow(row: Row | undefined): OverdueRow | null {
  if (row === undefined) return null;
  const { sinceMs, atMs } = row;
  const [found, told] = [parsed(row['found']), parsed(row['told'])];
  if (!isCount(sinceMs) || !isCount(atMs) || !isFound(found) || !isTold(told)) throw new MalformedError('The row OVERDUE cannot be read: it was altered. Delete it: the next check writes it anew.');
  return { sinceMs, atMs, found, told };
}

const isMoment = (v: unknown): v is number | null => v === null || (typeof v === 'number' && Number.isFinite(v));
const isOverdue = (v: unknown): v is Overdue =>
  isFields(v) && isText(v['what']) && isText(v['because']) && isMoment(v['newestAtMs']) && typeof v['dueAtMs'] === 'number' && typeof v['lateMs'] === 'number';
const isFound = listOf(isOverdue);
const isTold = (v: unknown): v is Told => isFields(v) && Object.values(v).every(isCount);

export const compareKey: RowKey = { table: 'region', pk: 'COMPARE', sk: 'vault' };

export type Difference = { readonly name: string; readonly because: string; readonly sites: readonly string[] };

export type CompareRow = {
  readonly atMs: number;
  readonly objects: number;
  readonly silent: readonly string[];
  /** The first of them by name; `count` is of all. */
  readonly differences: readonly Difference[];
  readonly count: number;
  readonly region: string;
  /** People could not be told yet. */
  readonly isUntold: boolean;
};

export function compared({ differences, silent, isUntold, ...row }: CompareRow): RowChange {
  const set = { ...row, isUntold: isUntold ? 1 : 0, silent: JSON.stringify(silent), differences: JSON.stringify(differences) };
  return { key: compareKey, set, when: [{ attribute: 'atMs', is: '<=', value: row.atMs }], mayCreate: true };
}

/** null where there is none. @throws MalformedError */
export function parseCompareRow(row: Row | undefined): CompareRow | null {
  if (row === undefined) return null;
  const { atMs, objects, count, region, isUntold } = row;
  const [silent, differences] = [parsed(row['silent']), parsed(row['differences'])];
  if (!isCount(atMs) || !isCount(objects) || !isCount(count) || !isText(region) || !isNames(silent) || !isDifferences(differences))
    throw new MalformedError('The row COMPARE cannot be read: it was altered. Delete it: the next comparison writes it anew.');
  return { atMs, objects, count, region, silent, differences, isUntold: isUntold !== 0 };
}

const isNames = listOf(isText);
const isDifference = (v: unknown): v is Difference => isFields(v) && isText(v['name']) && isText(v['because']) && Array.isArray(v['sites']) && v['sites'].every(isText);
const isDifferences = listOf(isDifference);

function parsed(text: unknown): unknown {
  try {
    return typeof text === 'string' ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

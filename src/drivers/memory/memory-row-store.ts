// Rows of one region in memory, with the same conditions as DynamoDB: for tests and the simulation.
import { holds, type Row, type RowChange, type RowCheck, type RowKey } from '../../core/rows/row.ts';
import type { ChangeAnswer, RowStore } from '../../ports/row-store.ts';

function nameOf(key: RowKey): string {
  return key.sk === undefined ? `${key.table}|${key.pk}|` : `${key.table}|${key.pk}|${key.sk}`;
}

export class MemoryRowStore implements RowStore {
  readonly region: string;
  readonly #rows = new Map<string, Row>();

  constructor(region: string, first: readonly { readonly key: RowKey; readonly row: Row }[] = []) {
    this.region = region;
    for (const { key, row } of first) this.#rows.set(nameOf(key), row);
  }

  async get(key: RowKey): Promise<Row | undefined> {
    return this.rowOf(key);
  }

  /** The same, now: the simulation makes millions of these calls, and has its own way to wait. */
  rowOf(key: RowKey): Row | undefined {
    return this.#rows.get(nameOf(key));
  }

  /** All rows of a partition with their sort keys, newest first, as a query gives them. */
  list(table: RowKey['table'], pk: string): Row[] {
    const prefix = nameOf({ table, pk });
    return [...this.#rows]
      .filter(([name]) => name.startsWith(prefix))
      .toSorted(([a], [b]) => (a < b ? 1 : -1))
      .map(([name, row]) => ({ ...row, pk, sk: name.slice(prefix.length) }));
  }

  /** All rows as they are now, for `restore`. */
  snapshot(): ReadonlyMap<string, Row> {
    return new Map(this.#rows);
  }

  /** As a table restored to a snapshot, or, with an empty one, a table that was emptied. */
  restore(table: RowKey['table'], snapshot: ReadonlyMap<string, Row>): void {
    const isOfTable = (name: string) => name.startsWith(`${table}|`);
    for (const name of this.#rows.keys()) if (isOfTable(name)) this.#rows.delete(name);
    for (const [name, row] of snapshot) if (isOfTable(name)) this.#rows.set(name, row);
  }

  async change(change: RowChange): Promise<ChangeAnswer> {
    return this.changeRow(change);
  }

  /** As `rowOf`. */
  changeRow(change: RowChange): ChangeAnswer {
    const name = nameOf(change.key);
    const before = this.#rows.get(name);
    if (!isAllowed(change, before)) return { kind: 'refused', row: before };
    const row = { ...before, ...change.set };
    this.#rows.set(name, row);
    return { kind: 'done', row };
  }

  async changeTogether(changes: readonly RowChange[], checks: readonly RowCheck[]): Promise<'done' | 'refused'> {
    const isEach = changes.every((c) => isAllowed(c, this.#rows.get(nameOf(c.key))));
    const isChecked = checks.every((c) => {
      const row = this.#rows.get(nameOf(c.key));
      return row !== undefined && c.when.every((condition) => holds(condition, row));
    });
    if (!isEach || !isChecked) return 'refused';
    for (const change of changes) this.#rows.set(nameOf(change.key), { ...this.#rows.get(nameOf(change.key)), ...change.set });
    return 'done';
  }
}

function isAllowed(change: RowChange, row: Row | undefined): boolean {
  if (row === undefined) return change.mayCreate;
  return change.when.every((condition) => holds(condition, row));
}

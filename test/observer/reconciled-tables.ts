// The observer's own reading of a protected table for a comparison: one canonical form of an item, made here, that knows nothing of how the product
// writes or compares.
import { createHash } from 'node:crypto';
import type { TableReading } from './journal.ts';
import type { Item, RegionTables } from './tables.ts';

/** Whatever the product adds to an item begins so. */
const MARK = 'holdfast';
const HALF_WAY = 'holdfastResolving';

export async function readTable(tables: RegionTables, tableName: string): Promise<TableReading> {
  const { keyName, items } = await tables.scan(tableName);
  return tableReading(tables.region, keyName, items);
}

export function tableReading(region: string, keyName: string, items: readonly Item[]): TableReading {
  const keyed = items.map((item) => ({ key: item[keyName]?.S ?? JSON.stringify(item[keyName]), item }));
  return {
    region,
    lines: new Map(keyed.map(({ key, item }) => [key, canonicalLine(item)])),
    halfWay: keyed.filter(({ item }) => HALF_WAY in item).map(({ key }) => key),
  };
}

/** Attributes by name, members of sets in order, without the product's marks. */
export function canonicalLine(item: Item): string {
  return JSON.stringify(canonical(Object.fromEntries(Object.entries(item).filter(([name]) => !name.startsWith(MARK)))));
}

function canonical(value: unknown, within = ''): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) {
    const all = value.map((one: unknown) => canonical(one));
    return ['SS', 'NS', 'BS'].includes(within) ? all.toSorted((a, b) => (String(a) < String(b) ? -1 : 1)) : all;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, one]) => [name, canonical(one, name)]),
  );
}

export function digestOf({ lines }: TableReading): string {
  const hash = createHash('sha256');
  for (const [key, line] of [...lines].toSorted(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${JSON.stringify(key)} ${line}\n`);
  return hash.digest('hex');
}

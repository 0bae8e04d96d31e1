// Items as DynamoDB's JSON has them, and paths into them, for the table in memory of a unit test.
import { RefusedError } from '../../core/errors.ts';

export type Value = Readonly<Record<string, unknown>>;
export type Item = Readonly<Record<string, Value>>;
/** `a.b[2]` is ['a', 'b', 2]. */
export type Path = readonly (string | number)[];

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function itemOf(value: unknown): Item {
  if (!isRecord(value)) throw new RefusedError('An item must be a map of attributes.');
  return Object.fromEntries(Object.entries(value).map(([name, attribute]) => [name, isRecord(attribute) ? attribute : {}]));
}

export function isSame(a: Value | undefined, b: Value | undefined): boolean {
  return a !== undefined && b !== undefined && canonical(a) === canonical(b);
}

/** Numbers by their value, sets without order, maps without order. */
function canonical(value: Value): string {
  const [type = '', content] = Object.entries(value)[0] ?? [];
  if (type === 'N') return `N${Number(content)}`;
  if (Array.isArray(content)) {
    const parts = content.map((part) => (isRecord(part) ? canonical(part) : type === 'NS' ? String(Number(part)) : String(part)));
    return `${type}${JSON.stringify(type === 'L' ? parts : parts.toSorted())}`;
  }
  if (!isRecord(content)) return `${type}${JSON.stringify(content)}`;
  const entries = Object.entries(content).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `M${JSON.stringify(entries.map(([name, part]) => [name, isRecord(part) ? canonical(part) : '']))}`;
}

/** Negative, zero or positive; undefined where DynamoDB does not compare the two. */
export function compared(a: Value | undefined, b: Value | undefined): number | undefined {
  const [typeA, contentA] = Object.entries(a ?? {})[0] ?? [];
  const [typeB, contentB] = Object.entries(b ?? {})[0] ?? [];
  if (typeA === undefined || typeA !== typeB) return undefined;
  if (typeA === 'N') return Number(contentA) - Number(contentB);
  if (typeA !== 'S' && typeA !== 'B') return undefined;
  const bytes = (content: unknown) => Buffer.from(String(content), typeA === 'B' ? 'base64' : 'utf8');
  return Buffer.compare(bytes(contentA), bytes(contentB));
}

export function valueAt(item: Item, path: Path): Value | undefined {
  let found: Value | undefined = { M: item };
  for (const step of path) {
    const inside: unknown = typeof step === 'number' ? found?.['L'] : found?.['M'];
    const next: unknown = Array.isArray(inside) && typeof step === 'number' ? inside[step] : isRecord(inside) && typeof step === 'string' ? inside[step] : undefined;
    found = isRecord(next) ? next : undefined;
  }
  return found;
}

/** @param value undefined takes it away. */
export function withValueAt(item: Item, path: Path, value: Value | undefined): Item {
  const changed = inside({ M: item }, path, value)['M'];
  return itemOf(changed);
}

function inside(container: Value, [step, ...rest]: Path, value: Value | undefined): Value {
  if (step === undefined) return value ?? container;
  const list = container['L'];
  if (typeof step === 'number' && Array.isArray(list)) {
    const parts: readonly unknown[] = list;
    const old = parts[step];
    if (rest.length === 0 && value === undefined) return { L: parts.filter((_, index) => index !== step) };
    const next = rest.length === 0 ? value : inside(isRecord(old) ? old : refuse(), rest, value);
    return { L: step < parts.length ? parts.map((part, index) => (index === step ? next : part)) : [...parts, next] };
  }
  const map = container['M'];
  if (typeof step !== 'string' || !isRecord(map)) return refuse();
  if (rest.length === 0) return { M: value === undefined ? Object.fromEntries(Object.entries(map).filter(([name]) => name !== step)) : { ...map, [step]: value } };
  const old = map[step];
  return { M: { ...map, [step]: inside(isRecord(old) ? old : refuse(), rest, value) } };
}

function refuse(): never {
  throw new RefusedError('The document path provided in the update expression is invalid for update');
}

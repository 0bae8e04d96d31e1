// A later version of Holdfast beside this one: the same governor, but each value that it writes carries fields that this version does
// not know. Whoever renews, takes over or releases must keep them, or the two versions undo each other's work.
import type { RegisterValue } from '../../src/core/register/value.ts';
import type { Region } from './region.ts';

const field = 'ofALaterVersion';

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What is written where `region` writes `text`, a register's value or a vantage. */
export function asWrittenBy(region: Region, nowMs: number, text: string): string {
  if (region.newerUntilMs <= nowMs || text.includes(`"${field}":"first`)) return text;
  const value: unknown = JSON.parse(text);
  if (!isObject(value)) return text;
  const { regions } = value;
  const marked = isObject(regions) ? { regions: Object.fromEntries(Object.entries(regions).map(([name, r]) => [name, isObject(r) ? { ...r, [field]: `of ${name}` } : r])) } : {};
  return JSON.stringify({ ...value, ...marked, [field]: `first written in ${region.name}` });
}

/** The fields of a later version that `after` has lost, in words; undefined when it has all that `before` had. */
export function lostFields(before: RegisterValue, after: RegisterValue): string | undefined {
  const first: unknown = Reflect.get(before, field);
  if (first === undefined) return undefined;
  if (Reflect.get(after, field) !== first) return `'${field}'`;
  const name = Object.keys(before.regions).find((region) => {
    const [a, b] = [before.regions[region], after.regions[region]];
    return a !== undefined && Reflect.get(a, field) !== undefined && (b === undefined || Reflect.get(b, field) !== Reflect.get(a, field));
  });
  return name === undefined ? undefined : `'regions.${name}.${field}'`;
}

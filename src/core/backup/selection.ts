// Which keys a restore is to bring back. Nothing given means everything.
import { listOf, type Fields } from './payload.ts';

export type Selection = {
  readonly keys: readonly string[] | null;
  readonly prefix: string | null;
  /** First key of a range, itself included; keys are compared by their UTF-16 code units. */
  readonly from: string | null;
  /** Where the range ends, itself not included. */
  readonly to: string | null;
};

export const everything: Selection = { keys: null, prefix: null, from: null, to: null };

const textOrNull = (v: unknown): v is string | null => v === null || typeof v === 'string';
const isKeyList = listOf((v: unknown): v is string => typeof v === 'string' && v !== '');

/** What `fields` select, or what is wrong with them. */
export function selectionOf(fields: Fields): Selection | { readonly wrong: string } {
  const unknown = Object.keys(fields).find((name) => !['keys', 'prefix', 'from', 'to'].includes(name));
  if (unknown !== undefined) return { wrong: `without '${unknown}': it may have keys, prefix, from, to` };
  const { keys = null, prefix = null, from = null, to = null } = fields;
  if (keys !== null && (!isKeyList(keys) || keys.length === 0)) return { wrong: 'with keys a list of at least one text, or null' };
  if (!textOrNull(prefix) || !textOrNull(from) || !textOrNull(to)) return { wrong: 'with prefix, from and to each text or null' };
  if (from !== null && to !== null && from >= to) return { wrong: 'with from before to' };
  return { keys, prefix, from, to };
}

export function isEverything({ keys, prefix, from, to }: Selection): boolean {
  return keys === null && prefix === null && from === null && to === null;
}

/** One judge a restore: a list of keys becomes a set once. All that is given must hold. */
export function selector(selection: Selection): (key: string) => boolean {
  const { prefix, from, to } = selection;
  const keys = selection.keys === null ? null : new Set(selection.keys);
  return (key) => (keys === null || keys.has(key)) && (prefix === null || key.startsWith(prefix)) && (from === null || key >= from) && (to === null || key < to);
}

export function describeSelection(selection: Selection): string {
  const { keys, prefix, from, to } = selection;
  const parts = [
    ...(keys === null ? [] : [`${keys.length} keys`]),
    ...(prefix === null ? [] : [`keys beginning with '${prefix}'`]),
    ...(from === null ? [] : [`keys from '${from}'`]),
    ...(to === null ? [] : [`keys before '${to}'`]),
  ];
  return parts.length === 0 ? 'everything' : parts.join(', ');
}

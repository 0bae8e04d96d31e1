// Which keys `holdfast restore` is told to bring back. One way of saying it at a time: two that must both hold are more often a slip than meant.
import { everything, type Selection } from '../core/backup/selection.ts';
import { UsageError, type Values } from './world.ts';

/** The selection travels in the machine's input, which may have 256 KB. */
const keysMax = 1000;
const keyCharactersMax = 100_000;

/** @throws UsageError for what selects nothing, or says it in two ways. */
export function readSelection(values: Pick<Values, 'key' | 'keys' | 'prefix' | 'from' | 'to'>): Selection {
  const { prefix, from, to } = values;
  const isNamed = values.key !== undefined || values.keys !== undefined;
  const ways = [...(isNamed ? ['--key'] : []), ...(prefix === undefined ? [] : ['--prefix']), ...(from === undefined && to === undefined ? [] : ['--from/--to'])];
  if (ways.length > 1) throw new UsageError(`restore takes one of --key, --prefix and --from/--to, not ${ways.join(' and ')} at once: which keys are meant?`);
  if (isNamed) return { ...everything, keys: readKeys(values) };
  if (prefix === '') throw new UsageError('--prefix is empty: leave it out to restore every key');
  if (from === '' || to === '') throw new UsageError(`${from === '' ? '--from' : '--to'} is empty: leave it out for a range that is open there`);
  if (from !== undefined && to !== undefined && from >= to) throw new UsageError(`--from ${from} --to ${to} selects nothing: the range begins with --from and ends before --to`);
  return { ...everything, prefix: prefix ?? null, from: from ?? null, to: to ?? null };
}

function readKeys({ key = [], keys = [] }: Pick<Values, 'key' | 'keys'>): readonly string[] {
  if (key.includes('')) throw new UsageError('--key is empty: no item has an empty key');
  const listed = keys.flatMap((list) => list.split(',')).filter((name) => name !== '');
  if (keys.length > 0 && listed.length === 0) throw new UsageError('--keys names no key: give them like --keys a,b');
  const wanted = [...new Set([...key, ...listed])];
  if (wanted.length > keysMax || wanted.reduce((sum, name) => sum + name.length, 0) > keyCharactersMax)
    throw new UsageError(`${wanted.length} keys are more than one restore takes (${keysMax}, ${keyCharactersMax} characters): use --prefix or --from/--to, or several restores`);
  return wanted;
}

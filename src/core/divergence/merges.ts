// Merge functions for divergent items: what an owner registers in holdfast.config.ts, and three that need no metadata in the items. They are
// state-based merges over plain attributes, not CRDTs: what was removed on one side comes back where there is no base to tell it by.
import type { Image } from '../log/change-record.ts';
import { itemLine } from '../backup/table-lines.ts';

/**
 * Of one key. `base` is what both sides began from, null where that is not known or there was none. All three without Holdfast's marks, in
 * DynamoDB's JSON. Must be idempotent: `merge(a, a)` is `a`. Pure, and the same for the same items: it may be called again.
 */
export type MergeFunction = {
  readonly name: string;
  /** True says that `merge(a, b)` is `merge(b, a)`; then nothing depends on which region was lost. */
  readonly isCommutative: boolean;
  readonly merge: (theirs: Image, ours: Image, base: Image | null) => Image;
};

const isObject = (v: unknown): v is Readonly<Record<string, unknown>> => typeof v === 'object' && v !== null && !Array.isArray(v);
const typed = (v: unknown): readonly [string, unknown] => (isObject(v) ? (Object.entries(v)[0] ?? ['', undefined]) : ['', undefined]);
const same = (a: unknown, b: unknown): boolean => itemLine({ a }) === itemLine({ a: b });
const setTypes = ['SS', 'NS', 'BS'];

/** The later text: some order that both sides agree on. */
function larger(a: unknown, b: unknown): unknown {
  return itemLine({ a }) >= itemLine({ a: b }) ? a : b;
}

function eachAttribute(theirs: Image, ours: Image, base: Image | null, choose: (theirs: unknown, ours: unknown, base: unknown) => unknown, alone = oneSided): Image {
  const merged: Record<string, unknown> = {};
  for (const name of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
    const [t, o, b] = [theirs[name], ours[name], base?.[name]];
    const chosen = t === undefined || o === undefined ? alone(t ?? o, b) : same(t, o) ? o : choose(t, o, b);
    if (chosen !== undefined && chosen !== null) merged[name] = chosen;
  }
  return merged;
}

/** An attribute that one side has: added there, or, where the base has it as it is, removed by the other. */
function oneSided(value: unknown, base: unknown): unknown {
  return base !== undefined && same(value, base) ? undefined : value;
}

/** Only one side changed it since the base: that side's. */
function changedSide(t: unknown, o: unknown, b: unknown): unknown {
  if (b === undefined) return undefined;
  if (same(t, b)) return o;
  return same(o, b) ? t : undefined;
}

/** Of sets of one type. With a base, what one side removed of it stays removed. An empty set is no attribute: null. */
function unionOf(t: unknown, o: unknown, b: unknown): unknown {
  const [[type, mine], [otherType, others], [baseType, before]] = [typed(t), typed(o), typed(b)];
  if (type !== otherType || !setTypes.includes(type) || !Array.isArray(mine) || !Array.isArray(others)) return undefined;
  const [left, right] = [new Set(mine.map(String)), new Set(others.map(String))];
  const base = new Set(baseType === type && Array.isArray(before) ? before.map(String) : []);
  const united = [...new Set([...left, ...right])].filter((member) => (left.has(member) && right.has(member)) || !base.has(member));
  return united.length === 0 ? null : { [type]: united.toSorted() };
}

/** No attribute is an empty set: its members that the base had were removed on that side. */
function aloneOf(value: unknown, b: unknown): unknown {
  const united = unionOf(value, { [typed(value)[0]]: [] }, b);
  return united === undefined ? oneSided(value, b) : united;
}

/** Sets are united, without what one side removed since the base; of anything else, what one side changed since the base, or the larger by its text. */
export const unionOfSets: MergeFunction = {
  name: 'union-of-sets',
  isCommutative: true,
  merge: (theirs, ours, base) => {
    const choose = (t: unknown, o: unknown, b: unknown) => {
      const united = unionOf(t, o, b);
      return united === undefined ? (changedSide(t, o, b) ?? larger(t, o)) : united;
    };
    return eachAttribute(theirs, ours, base, choose, aloneOf);
  },
};

/** Numbers that only rise (a version, a high-water mark): the larger. Of anything else, what one side changed since the base, or the larger by its text. */
export const maximumOfNumbers: MergeFunction = {
  name: 'maximum-of-numbers',
  isCommutative: true,
  merge: (theirs, ours, base) =>
    eachAttribute(theirs, ours, base, (t, o, b) => {
      const [[type, mine], [otherType, others]] = [typed(t), typed(o)];
      if (type === 'N' && otherType === 'N' && Number(mine) !== Number(others)) return Number(mine) > Number(others) ? t : o;
      return changedSide(t, o, b) ?? larger(t, o);
    }),
};

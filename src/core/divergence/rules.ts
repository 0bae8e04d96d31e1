// What a rule makes of one divergent key. Pure: it says what is to stand, or why a person must say it.
import { hasTooManyAttributes, withoutMarks, contentLine, attributesMax } from '../backup/in-place.ts';
import { epochOf, isLaterWrite, type Image } from '../log/change-record.ts';
import type { MergeFunction } from './merges.ts';

export const divergenceRules = ['ask', 'ours', 'theirs', 'last-writer', 'merge'] as const;
export type DivergenceRule = (typeof divergenceRules)[number];

/** A divergent key as it is decided upon. */
export type ShownKey = {
  readonly key: string;
  /** The last late write: what stands in the region that returned, until this region's log overwrites it. */
  readonly theirs: Image | null;
  readonly theirsEpoch: number;
  /** What stands here now, with its marks. */
  readonly ours: Image | null;
  /** What stood here when that write was found; undefined: not kept. */
  readonly oursWhenFound: Image | null | undefined;
  /** A decision about it was undone: its marks tell of the undoing then, not of the service. */
  readonly isUndone: boolean;
};

export type Choice = { readonly kind: 'write'; readonly wanted: Image | null; readonly because: string } | { readonly kind: 'ask'; readonly because: string };

/**
 * Whether what stands here was written later, by another epoch or the same log, than the late write: then something depends on it. Null: there is no
 * item here, and so nothing that says when it was removed.
 */
export function isWrittenSince({ ours, theirs, theirsEpoch, oursWhenFound }: Pick<ShownKey, 'ours' | 'theirs' | 'theirsEpoch' | 'oursWhenFound'>): boolean | null {
  if (ours !== null) return epochOf(ours) > theirsEpoch || isLaterWrite(ours, theirs);
  return oursWhenFound === null || oursWhenFound === undefined ? null : true;
}

export function choose(rule: DivergenceRule, shown: ShownKey, merge: MergeFunction | undefined): Choice {
  const theirs = shown.theirs === null ? null : withoutMarks(shown.theirs);
  const ours = shown.ours === null ? null : withoutMarks(shown.ours);
  if (hasTooManyAttributes(shown.ours) || hasTooManyAttributes(shown.theirs))
    return { kind: 'ask', because: `it has more attributes than one condition compares (${attributesMax}): write it by the service itself, then decide 'ours'` };
  if (rule === 'ask') return { kind: 'ask', because: "the rule is 'ask': a person decides" };
  if (rule === 'ours') return { kind: 'write', wanted: ours, because: 'ours' };
  if (rule === 'theirs') return { kind: 'write', wanted: theirs, because: 'theirs' };
  if (contentLine(theirs) === contentLine(ours)) return { kind: 'write', wanted: ours, because: 'both are alike' };
  if (shown.isUndone) return { kind: 'ask', because: `a decision about it was undone, and '${rule}' would take the undoing for a write of the service: decide 'ours' or 'theirs'` };
  if (rule === 'last-writer') return lastWriter(shown, theirs, ours);
  return merged(shown, theirs, ours, merge);
}

/**
 * By epochs, not by clocks: whatever a fence let through in an older epoch was written before the newer one opened. Where there is no item here,
 * nothing says whether it was removed after that or never was.
 */
function lastWriter(shown: ShownKey, theirs: Image | null, ours: Image | null): Choice {
  const since = isWrittenSince(shown);
  if (since === null) return { kind: 'ask', because: 'there is no item here, and nothing says whether it was removed here after their write or never was: a person decides' };
  return since ? { kind: 'write', wanted: ours, because: 'written here in a later epoch' } : { kind: 'write', wanted: theirs, because: 'not written here since: theirs is the later write' };
}

function merged(shown: ShownKey, theirs: Image | null, ours: Image | null, merge: MergeFunction | undefined): Choice {
  if (merge === undefined) return { kind: 'ask', because: "the configuration names no merge function ('divergence.merge')" };
  if (theirs === null || ours === null) return { kind: 'ask', because: 'one side removed it, and only two items can be merged' };
  // Nobody wrote it here: theirs was made from what is here.
  if (isWrittenSince(shown) === false) return { kind: 'write', wanted: theirs, because: 'not written here since: theirs was made from ours' };
  const { oursWhenFound, theirsEpoch } = shown;
  const base = oursWhenFound !== null && oursWhenFound !== undefined && epochOf(oursWhenFound) <= theirsEpoch ? withoutMarks(oursWhenFound) : null;
  return mergedBy(merge, theirs, ours, base);
}

/** An owner's function is believed as far as it keeps to what it says of itself: what it makes of these two is written only then. */
function mergedBy({ name, isCommutative, merge }: MergeFunction, theirs: Image, ours: Image, base: Image | null): Choice {
  const make = (a: Image, b: Image) => withoutMarks(merge(a, b, base));
  try {
    for (const item of [theirs, ours]) if (contentLine(make(item, item)) !== contentLine(item)) return { kind: 'ask', because: `${name} is not idempotent: of an item with itself it makes another` };
    const wanted = make(theirs, ours);
    if (isCommutative && contentLine(make(ours, theirs)) !== contentLine(wanted)) return { kind: 'ask', because: `${name} says that it is commutative, and makes something else of ours and theirs` };
    return { kind: 'write', wanted, because: `merged by ${name}` };
  } catch (error) {
    return { kind: 'ask', because: `${name} failed: ${error instanceof Error ? error.message : String(error)}` };
  }
}

// Compares the table of a region that returned with the open one's, key by key, while the service writes on: what differs, and is not on its way,
// is divergent, whatever the logs told. Memory is one page, and so many keys to look at again.
import { contentLine } from '../core/backup/in-place.ts';
import { isMarkerKey } from '../core/failover/hand-over.ts';
import { epochOf, originOf, type Image } from '../core/log/change-record.ts';
import type { WholeTable } from '../ports/whole-table.ts';

export type ComparedTables = {
  readonly home: WholeTable;
  readonly returned: WholeTable;
  /** The region that is open, and the epoch that was lost: what it wrote in a later one reaches the other by its log. */
  readonly holder: string;
  readonly lostEpoch: number;
  readonly wait: (ms: number) => Promise<void>;
  /** Ends once the returned region has applied what the open one's log holds by now. */
  readonly untilApplied: () => Promise<void>;
};

export type Difference = { readonly key: string; readonly ours: Image | null; readonly theirs: Image | null };

export type Compared = {
  readonly items: number;
  readonly differing: number;
  /** Written here and, for all the looks, not there: its log is not applied. The first of them. */
  readonly behind: readonly string[];
};

/** Looks at a key that differs before it counts, and between two. */
const looksMax = 5;
const lookAgainMs = 2000;
/** Keys that are held to be looked at again. */
const heldMax = 1000;
const behindShown = 20;

/** @param onDifferent is given what differs for good, some at a time */
export async function compareTables(tables: ComparedTables, onDifferent: (differences: readonly Difference[]) => Promise<void>): Promise<Compared> {
  let [items, differing] = [0, 0];
  const behind: string[] = [];
  let held: string[] = [];
  const lookAgain = async (): Promise<void> => {
    const settled = await settle(tables, held);
    held = [];
    differing += settled.different.length;
    behind.push(...settled.behind.slice(0, behindShown - behind.length));
    if (settled.different.length > 0) await onDifferent(settled.different);
  };
  // A marker whose writer died before it removed it is nobody's data.
  const hold = async (keys: readonly string[]): Promise<void> => {
    held.push(...keys);
    if (held.length >= heldMax) await lookAgain();
  };
  for await (const page of tables.returned.pages()) {
    items += page.length;
    for (const part of partsOf(page, tables.home.keysMax)) {
      const ours = await tables.home.getMany(part.map((p) => p.key));
      await hold(part.filter((p) => !isMarkerKey(p.key) && !isSame(ours.get(p.key) ?? null, p.image)).map((p) => p.key));
    }
  }
  for await (const page of tables.home.pages()) {
    for (const part of partsOf(page, tables.returned.keysMax)) {
      const theirs = await tables.returned.getMany(part.map((p) => p.key));
      await hold(part.filter((p) => !isMarkerKey(p.key) && !theirs.has(p.key)).map((p) => p.key));
    }
  }
  await lookAgain();
  return { items, differing, behind };
}

/** Looks again until each key is equal, was seen to change here, or has differed at every look. */
async function settle(tables: ComparedTables, keys: readonly string[]): Promise<{ readonly different: Difference[]; readonly behind: string[] }> {
  let left = new Map((await look(tables, keys)).map((d) => [d.key, d]));
  for (let n = 1; n < looksMax && left.size > 0; n += 1) {
    await tables.wait(lookAgainMs);
    if (n === looksMax - 1) await tables.untilApplied();
    const next = await look(tables, [...left.keys()]);
    // What the service writes on in between differs at every look, and is on its way each time.
    left = new Map(next.filter((d) => !isOnItsWay(tables, d) || isSame(d.ours, left.get(d.key)?.ours ?? null)).map((d) => [d.key, d]));
  }
  const all = [...left.values()];
  return { different: all.filter((d) => !isOnItsWay(tables, d)), behind: all.filter((d) => isOnItsWay(tables, d)).map((d) => d.key) };
}

async function look({ home, returned }: ComparedTables, keys: readonly string[]): Promise<Difference[]> {
  const found: Difference[] = [];
  for (const part of partsOf(keys, Math.min(home.keysMax, returned.keysMax))) {
    const [ours, theirs] = await Promise.all([home.getMany(part), returned.getMany(part)]);
    for (const key of part) {
      const difference = { key, ours: ours.get(key) ?? null, theirs: theirs.get(key) ?? null };
      if (!isSame(difference.ours, difference.theirs)) found.push(difference);
    }
  }
  return found;
}

/** Written here after the epoch that was lost, or removed here of what had come from here after it. */
function isOnItsWay({ holder, lostEpoch }: ComparedTables, { ours, theirs }: Difference): boolean {
  const newest = ours ?? theirs;
  return epochOf(newest) > lostEpoch && originOf(newest) === holder;
}

function isSame(a: Image | null, b: Image | null): boolean {
  return contentLine(a) === contentLine(b);
}

function* partsOf<T>(all: readonly T[], size: number): Iterable<readonly T[]> {
  for (let i = 0; i < all.length; i += size) yield all.slice(i, i + size);
}

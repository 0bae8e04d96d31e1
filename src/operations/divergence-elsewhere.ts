// Among three or more candidates late writes are listed in the region that found them, and decided in the one that is open: all reachable lists as one,
// each key once, and what only another list has taken over into the open region's.
import {
  divergencePk,
  divergentKeyKey,
  divergentKeyPk,
  isDecided,
  originPrefix,
  parseDivergenceRow,
  parseDivergentKey,
  type DivergentKey,
  type DivergentWrite,
} from '../core/divergence/divergence-rows.ts';
import { MalformedError } from '../core/errors.ts';
import type { RowPages } from '../ports/row-pages.ts';
import type { RowStore } from '../ports/row-store.ts';
import { mapAtOnce } from './at-once.ts';
import { callsAtOnce, DivergenceList } from './divergence-list.ts';
import type { DivergenceHome } from './resolve-divergence.ts';

export type ListOfRegion = { readonly region: string; readonly own: Pick<RowStore, 'get'>; readonly pages: RowPages };

/** A list that did not answer: what it alone has is not known. */
export type Unread = { readonly region: string; readonly because: string };

export type MergedKey = {
  readonly key: DivergentKey;
  /** Sort key of its row, the same in every list: from where a later page goes on. */
  readonly sk: string;
  /** Whose list has its last late write. */
  readonly list: ListOfRegion;
  /** Not decided: neither here nor where it is listed. */
  readonly isOpen: boolean;
};

const pageRows = 200;

type Cursor = { readonly list: ListOfRegion; rows: readonly { readonly sk: string; readonly key: DivergentKey }[]; next: string | null; isOver: boolean };

/**
 * Every key of `origin` once, by its last late write, in the order of the rows; a page of each list is held. The first list is the open region's: it
 * must answer. @param onUnread is told of each other list that does not; it is left out from there on
 */
export async function* mergedKeys(home: ListOfRegion, others: readonly ListOfRegion[], origin: string, after: string | null, onUnread: (unread: Unread) => void): AsyncIterable<MergedKey> {
  const cursors = [home, ...others].map((list): Cursor => ({ list, rows: [], next: after, isOver: false }));
  for (;;) {
    await Promise.all(cursors.map(async (cursor) => fill(cursor, origin).catch((error: unknown) => giveUp(cursor, home, error, onUnread))));
    const heads = cursors.flatMap(({ list, rows: [first] }) => (first === undefined ? [] : [{ list, ...first }]));
    const sk = heads.reduce<string | null>((least, head) => (least === null || head.sk < least ? head.sk : least), null);
    if (sk === null) return;
    const listed = heads.filter((head) => head.sk === sk);
    for (const cursor of cursors) if (cursor.rows[0]?.sk === sk) cursor.rows = cursor.rows.slice(1);
    yield newestOf(home, listed);
  }
}

async function fill(cursor: Cursor, origin: string): Promise<void> {
  while (cursor.rows.length === 0 && !cursor.isOver) {
    const page = await cursor.list.pages.page(divergentKeyPk, originPrefix(origin), cursor.next, pageRows);
    cursor.rows = page.rows.map((row) => ({ sk: String(row['sk']), key: parseDivergentKey(row) }));
    cursor.next = page.next;
    cursor.isOver = page.next === null;
  }
}

function giveUp(cursor: Cursor, home: ListOfRegion, error: unknown, onUnread: (unread: Unread) => void): void {
  if (cursor.list === home || error instanceof MalformedError) throw error;
  cursor.isOver = true;
  onUnread(unreadOf(cursor.list, error));
}

function unreadOf({ region }: ListOfRegion, error: unknown): Unread {
  return { region, because: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
}

/** What another list has decided was decided while that region was open: its decision is a write of that epoch, and in the history. */
function newestOf(home: ListOfRegion, listed: readonly { readonly list: ListOfRegion; readonly sk: string; readonly key: DivergentKey }[]): MergedKey {
  const here = listed.find(({ list }) => list === home);
  const open = listed.filter(({ list, key }) => list !== home && isOpenElsewhere(key, here?.key));
  const [best = here ?? listed[0]] = open.toSorted((a, b) => (a.key.newest < b.key.newest ? 1 : -1));
  if (best === undefined) throw new RangeError('A key that is in no list was merged.');
  return { key: best.key, sk: best.sk, list: best.list, isOpen: !isDecided(best.key) };
}

function isOpenElsewhere(key: DivergentKey, here: DivergentKey | undefined): boolean {
  return !isDecided(key) && (here === undefined || here.newest < key.newest);
}

/** Takes over what only other lists have: from then on it is decided here like the rest. Idempotent; a page of each list is held. */
export async function collectElsewhere(home: DivergenceHome, others: readonly ListOfRegion[], origin: string): Promise<Unread[]> {
  const unread: Unread[] = [];
  const collect = async (many: readonly MergedKey[]): Promise<void> => {
    await mapAtOnce(many, callsAtOnce, async ({ key, list }) => {
      const write = await writeOf(list, key).catch((error: unknown) => {
        if (error instanceof MalformedError) throw error;
        if (!unread.some(({ region }) => region === list.region)) unread.push(unreadOf(list, error));
      });
      if (write !== undefined) await takeOver(home, write);
    });
  };
  let held: MergedKey[] = [];
  if (others.length === 0) return unread;
  for await (const merged of mergedKeys(home, others, origin, null, (one) => unread.push(one))) {
    if (merged.list !== home && merged.isOpen) held.push(merged);
    if (held.length < pageRows) continue;
    await collect(held);
    held = [];
  }
  await collect(held);
  return unread;
}

/** The same for one key. */
export async function collectKey(home: DivergenceHome, others: readonly ListOfRegion[], origin: string, key: string): Promise<Unread[]> {
  const unread: Unread[] = [];
  const name = divergentKeyKey(origin, key, home.digest);
  const parse = (row: Awaited<ReturnType<RowStore['get']>>) => (row === undefined ? undefined : parseDivergentKey({ ...row, sk: name.sk ?? '' }));
  for (const list of others) {
    try {
      const [there, here] = [parse(await list.own.get(name)), parse(await home.own.get(name))];
      if (there !== undefined && isOpenElsewhere(there, here)) await takeOver(home, await writeOf(list, there));
    } catch (error) {
      if (error instanceof MalformedError) throw error;
      unread.push(unreadOf(list, error));
    }
  }
  return unread;
}

async function writeOf(list: ListOfRegion, key: DivergentKey): Promise<DivergentWrite> {
  const row = await list.own.get({ table: 'region', pk: divergencePk, sk: key.row });
  if (row === undefined)
    throw new MalformedError(`Row ${key.row} of the divergence report of ${list.region} is missing: the region table was emptied or restored. Nothing was changed; never create it by hand.`);
  return parseDivergenceRow({ ...row, sk: key.row });
}

async function takeOver(home: DivergenceHome, { origin, key, theirs, epoch, theirsAtMs, sequenceNumber }: DivergentWrite): Promise<void> {
  const record = { key, image: theirs, epoch, atMs: theirsAtMs ?? 0, sequenceNumber };
  await new DivergenceList(home.own, home.digest).add([{ origin, record, ours: await home.live.get(key), foundAtMs: Math.round(home.nowMs()) }]);
}

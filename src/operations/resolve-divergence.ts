// Decides divergent keys: each decision is noted first, written as new history of the region that is open (docs/decisions/0022), read back, and
// can be undone until the region that returned is signed off. Whatever dies in between is gone on with when it is repeated.
import { contentLine, withoutMarks } from '../core/backup/in-place.ts';
import {
  beginDecision,
  decisionIsCurrent,
  decisionKeys,
  divergencePk,
  divergentKeyKey,
  divergentKeyPk,
  endDecision,
  isDecided,
  originPrefix,
  parseDecision,
  parseDivergenceRow,
  parseDivergentKey,
  type Decision,
  type DivergentKey,
  type DivergentWrite,
} from '../core/divergence/divergence-rows.ts';
import type { MergeFunction } from '../core/divergence/merges.ts';
import { choose, isWrittenSince, type DivergenceRule, type ShownKey } from '../core/divergence/rules.ts';
import { FenceClosedError, HoldfastError, MalformedError, RefusedError } from '../core/errors.ts';
import { isActingAt, leaseKey, parseLeaseRow } from '../core/lease/lease-rows.ts';
import type { Image } from '../core/log/change-record.ts';
import type { Digest } from '../ports/environment.ts';
import type { LiveTable } from '../ports/live-table.ts';
import type { RowPages } from '../ports/row-pages.ts';
import type { RowStore } from '../ports/row-store.ts';

/** The region that is open, and whose list it is. */
export type DivergenceHome = {
  readonly region: string;
  readonly own: RowStore;
  readonly pages: RowPages;
  readonly live: LiveTable;
  /** Partition key of the protected table. */
  readonly keyName: string;
  /** By that region's own clock: its deadline is in its own time. */
  readonly nowMs: () => number;
  readonly digest: Digest;
};

export type DecidedBy = { readonly by: string; readonly reason: string };
export type Ruling = DecidedBy & {
  readonly rule: DivergenceRule;
  readonly merge: MergeFunction | undefined;
  /** What a person saw: another item, or a later write of theirs, is shown again instead. */
  readonly seen?: string;
};

export type Resolved =
  | { readonly kind: 'decided'; readonly key: string; readonly because: string; readonly isRemoval: boolean }
  | { readonly kind: 'was-decided'; readonly key: string }
  | { readonly kind: 'ask'; readonly key: string; readonly because: string }
  /** Nothing of it counts as decided; it is shown again. */
  | { readonly kind: 'overtaken'; readonly key: string; readonly because: string };

export type DivergentKeyView = DivergentKey & {
  readonly write: DivergentWrite;
  /** What stands here now. */
  readonly ours: Image | null;
  readonly isWrittenSince: boolean | null;
  readonly isDecided: boolean;
  /** Names what is shown: a decision may ask that it still is that. */
  readonly seen: string;
};

/** Stands for the moment of a removal where nothing was to be removed: the other region learns of it by the log. */
const tombstone = 'holdfastResolving';

/** @throws RefusedError where the key is not divergent */
export async function findDivergentKey(home: DivergenceHome, origin: string, key: string): Promise<DivergentKey> {
  const name = divergentKeyKey(origin, key, home.digest);
  const row = await home.own.get(name);
  if (row === undefined) throw new RefusedError(`'${key}' is not in the divergence report of ${home.region} about ${origin}: 'holdfast divergence list' shows what is. Nothing was changed.`);
  return parseDivergentKey({ ...row, sk: name.sk ?? '' });
}

/** @param listed where its last late write is listed, if not here */
export async function viewDivergentKey(home: DivergenceHome, key: DivergentKey, listed: Pick<RowStore, 'get'> = home.own): Promise<DivergentKeyView> {
  const [row, standing] = await Promise.all([listed.get({ table: 'region', pk: divergencePk, sk: key.row }), home.live.get(key.key)]);
  if (row === undefined) throw new MalformedError(`Row ${key.row} of the divergence report is missing: the region table was emptied or restored. Nothing was changed; never create it by hand.`);
  const write = parseDivergenceRow({ ...row, sk: key.row });
  const ours = isTombstone(standing) ? null : standing;
  const shown = { ours, theirs: write.theirs, theirsEpoch: write.epoch, oursWhenFound: row['oursLeftOut'] === undefined ? write.ours : undefined };
  return { ...key, write, ours, isWrittenSince: isWrittenSince(shown), isDecided: isDecided(key), seen: home.digest(JSON.stringify([key.newest, contentLine(ours)])).slice(0, seenLength) };
}

const seenLength = 12;

function shownOf(view: DivergentKeyView): ShownKey {
  const { key, write, ours, state } = view;
  return { key, theirs: write.theirs, theirsEpoch: write.epoch, ours, oursWhenFound: write.ours, isUndone: state === 'undone' };
}

/** @throws FenceClosedError where the region is not open now: what was begun is gone on with when it is repeated */
export async function resolveKey(home: DivergenceHome, listed: DivergentKey, ruling: Ruling): Promise<Resolved> {
  const key = listed.state === 'writing' ? await goOn(home, listed) : listed;
  if (isDecided(key)) return { kind: 'was-decided', key: key.key };
  const view = await viewDivergentKey(home, key);
  if (ruling.seen !== undefined && ruling.seen !== view.seen) return { kind: 'overtaken', key: key.key, because: 'it is no longer what was shown' };
  const choice = choose(ruling.rule, shownOf(view), ruling.merge);
  if (choice.kind === 'ask') return { kind: 'ask', key: key.key, because: choice.because };
  if (choice.wanted !== null && !isOfKey(home, key.key, choice.wanted)) return { kind: 'ask', key: key.key, because: `the merge function changed its key '${home.keyName}'` };
  const rule = ruling.rule === 'merge' && ruling.merge !== undefined ? `merge ${ruling.merge.name}` : ruling.rule;
  const outcome = await decide(home, key, { rule, by: ruling.by, reason: ruling.reason, before: view.ours, wrote: choice.wanted });
  return outcome === 'done' ? { kind: 'decided', key: key.key, because: choice.because, isRemoval: choice.wanted === null } : { kind: 'overtaken', key: key.key, because: outcome };
}

function isOfKey({ keyName }: DivergenceHome, key: string, image: Image): boolean {
  return contentLine({ [keyName]: image[keyName] }) === contentLine({ [keyName]: { S: key } });
}

type Wanted = DecidedBy & { readonly rule: string; readonly before: Image | null; readonly wrote: Image | null };

/** @returns `done`, or why not */
async function decide(home: DivergenceHome, key: DivergentKey, wanted: Wanted): Promise<string> {
  const { epoch } = await openLease(home);
  const decision = { origin: key.origin, key: key.key, turn: key.turn + 1, ...wanted, atMs: Math.round(home.nowMs()), epoch, of: key.newest };
  const begun = await home.own.changeTogether(beginDecision(key, decision, home.digest), []);
  if (begun === 'refused') return 'another decision about it, or a later write of theirs, came first';
  return finish(home, { ...decision, state: 'begun' }, false);
}

/** A decision that died between its note and its end: it is carried out, or left where something else was written since. */
async function goOn(home: DivergenceHome, key: DivergentKey): Promise<DivergentKey> {
  const decision = await readDecision(home, key);
  if (decision.state === 'begun') await finish(home, decision, true);
  return findDivergentKey(home, key.origin, key.key);
}

export async function readDecision(home: DivergenceHome, { origin, key, turn }: DivergentKey): Promise<Decision> {
  const of = { origin, key, turn };
  const keys = decisionKeys(of, home.digest);
  const [row, wrote] = await Promise.all([home.own.get(keys.decision), home.own.get(keys.wrote)]);
  return parseDecision(of, row, wrote);
}

async function finish(home: DivergenceHome, decision: Decision, isRepeated: boolean): Promise<string> {
  const isWritten = await writeDecided(home, decision, isRepeated);
  const isUndo = decision.rule === undoRule;
  const ended = isWritten ? ({ decision: 'done', key: isUndo ? 'undone' : 'decided' } as const) : ({ decision: 'overtaken', key: isUndo ? 'decided' : 'undecided' } as const);
  // Refused: somebody else went on with it and has ended it.
  await home.own.changeTogether(endDecision(decision, ended, home.digest), []);
  return isWritten ? 'done' : 'the item was written by others meanwhile';
}

/** @returns false where something else stands there, before or after */
async function writeDecided(home: DivergenceHome, decision: Decision, isRepeated: boolean): Promise<boolean> {
  const { key, before, wrote } = decision;
  const standing = await home.live.get(key);
  const isHalf = isTombstone(standing);
  const line = isHalf ? null : contentLine(standing);
  const expected = [contentLine(before), ...(isRepeated ? [contentLine(wrote)] : [])];
  if (!expected.includes(line)) return false;
  const isRemovalOfNothing = wrote === null && line === null;
  if (isRemovalOfNothing && !isHalf && !(await change(home, decision, null, tombstoneOf(home, key)))) return false;
  const seen = isRemovalOfNothing || isHalf ? tombstoneOf(home, key) : standing === null ? null : withoutMarks(standing);
  if (!(await change(home, decision, seen, wrote === null ? null : withoutMarks(wrote)))) return false;
  // An attribute that the service added meanwhile is in no condition.
  return contentLine(await home.live.get(key)) === contentLine(wrote);
}

function tombstoneOf(home: DivergenceHome, key: string): Image {
  return { [home.keyName]: { S: key }, [tombstone]: { S: home.region } };
}

function isTombstone(image: Image | null): boolean {
  return image !== null && tombstone in image;
}

async function change(home: DivergenceHome, decision: Decision, seen: Image | null, wanted: Image | null): Promise<boolean> {
  const { epoch, restMs } = await openLease(home);
  const { key } = decision;
  const answer = await home.live.change(epoch, [{ key, seen, wanted }], restMs, [decisionIsCurrent(decision, home.digest)]);
  if (answer.kind === 'fenced')
    throw new FenceClosedError(`The fence of ${home.region} is not open in epoch ${epoch}. What was noted of '${key}' is carried out when the command is repeated where the group is open.`);
  // Superseded: somebody else went on with the decision, and has ended it.
  return answer.kind === 'done' && answer.refused.length === 0;
}

/** @throws FenceClosedError */
async function openLease(home: DivergenceHome): Promise<{ readonly epoch: number; readonly restMs: number }> {
  const lease = parseLeaseRow(await home.own.get(leaseKey));
  const nowMs = home.nowMs();
  if (!isActingAt(lease, nowMs))
    throw new FenceClosedError(
      `${home.region} is not open (its epoch is ${lease.epoch}), and a decision is a write of the open region: repeat it when 'holdfast status' shows an open gate; it goes on with what is left.`,
    );
  return { epoch: lease.epoch, restMs: Math.max(1, Math.floor(lease.untilAtMs - nowMs)) };
}

const undoRule = 'undo';

/**
 * Writes what stood before the last decision, as new history again, where that is still what stands.
 * @throws RefusedError where there is nothing to undo, FenceClosedError
 */
export async function undoDecision(home: DivergenceHome, listed: DivergentKey, asked: DecidedBy): Promise<Resolved> {
  const key = listed.state === 'writing' ? await goOn(home, listed) : listed;
  if (key.state !== 'decided') throw new RefusedError(`No decision about '${key.key}' stands (it is ${key.state}): there is nothing to undo. Nothing was changed.`);
  const last = await lastDone(home, key);
  const outcome = await decide(home, key, { ...asked, rule: undoRule, before: last.wrote, wrote: last.before });
  if (outcome !== 'done') return { kind: 'overtaken', key: key.key, because: `${outcome}: what stands now is newer than the decision, and stays` };
  return { kind: 'decided', key: key.key, because: `undone: '${last.rule}' of ${last.by}`, isRemoval: last.before === null };
}

/** An undo that was overtaken leaves the decision before it standing. */
async function lastDone(home: DivergenceHome, key: DivergentKey): Promise<Decision> {
  for (let turn = key.turn; turn > 0; turn -= 1) {
    const decision = await readDecision(home, { ...key, turn });
    if (decision.state === 'done') return decision;
  }
  throw new MalformedError(`'${key.key}' is decided and has no decision: rows of the region table are gone. Nothing was changed.`);
}

export type ResolvedAll = {
  readonly decided: number;
  readonly wereDecided: number;
  readonly asked: number;
  readonly overtaken: number;
  /** The first of those that are left. */
  readonly left: readonly { readonly key: string; readonly because: string }[];
};

const pageRows = 200;
/** A write's time limit must not be spent in a queue. */
const keysAtOnce = 8;
const leftShown = 20;

/** Every key of `origin` that is not decided, a page at a time. Killed, it goes on where it is repeated: what is decided is passed over. */
export async function resolveAll(home: DivergenceHome, origin: string, ruling: Ruling, onPage: (soFar: ResolvedAll) => void = () => undefined): Promise<ResolvedAll> {
  const counts = { decided: 0, wereDecided: 0, asked: 0, overtaken: 0 };
  const left: { key: string; because: string }[] = [];
  const resolve = async (keys: readonly DivergentKey[]): Promise<void> => {
    const isFirst = counts.decided + counts.asked + counts.overtaken === 0;
    for (const one of await resolveSome(home, keys, ruling, isFirst)) {
      if (one.kind === 'decided') counts.decided += 1;
      else if (one.kind === 'was-decided') counts.wereDecided += 1;
      else {
        counts[one.kind === 'ask' ? 'asked' : 'overtaken'] += 1;
        if (left.length < leftShown) left.push({ key: one.key, because: one.because });
      }
    }
  };
  // Over the pages: where most are decided, a page alone would not fill a round.
  let open: DivergentKey[] = [];
  for await (const keys of divergentKeys(home.pages, origin)) {
    const undecided = keys.filter((key) => !isDecided(key));
    counts.wereDecided += keys.length - undecided.length;
    open.push(...undecided);
    for (; open.length >= keysAtOnce; open = open.slice(keysAtOnce)) await resolve(open.slice(0, keysAtOnce));
    onPage({ ...counts, left });
  }
  await resolve(open);
  onPage({ ...counts, left });
  return { ...counts, left };
}

/** One call that was not answered must not end a long command: its key is left, and gone on with next time. Where none of a whole round is, or of the first, it ends. */
async function resolveSome(home: DivergenceHome, keys: readonly DivergentKey[], ruling: Ruling, isFirst: boolean): Promise<Resolved[]> {
  const failed: unknown[] = [];
  const resolved = await Promise.all(
    keys.map(
      async (key): Promise<Resolved> =>
        resolveKey(home, key, ruling).catch((error: unknown) => {
          if (error instanceof HoldfastError) throw error;
          failed.push(error);
          return { kind: 'overtaken', key: key.key, because: `no answer (${error instanceof Error ? error.message : String(error)}): repeat the command, it goes on with it` };
        }),
    ),
  );
  if (failed.length > 0 && failed.length === keys.length && (isFirst || keys.length === keysAtOnce)) throw failed[0];
  return resolved;
}

/** The keys that `origin` has late writes of, in pages. */
export async function* divergentKeys(pages: RowPages, origin: string): AsyncIterable<readonly DivergentKey[]> {
  for (let after: string | null = null; ; ) {
    const page: Awaited<ReturnType<RowPages['page']>> = await pages.page(divergentKeyPk, originPrefix(origin), after, pageRows);
    yield page.rows.map(parseDivergentKey);
    if (page.next === null) return;
    after = page.next;
  }
}

// What one run of the restore machine does, decided once by PlanRestore: which points, to which moment, into what.
import type { ContentDigest, Cut } from '../vault/recovery-point.ts';
import { isCount, isCut, isDigest, isFields, isPointLink, isText, listOf, orNull, PayloadReader } from './payload.ts';
import { isRestoreTest, type RestoreTest } from './restore-test.ts';
import { selectionOf, type Selection } from './selection.ts';

/** `inPlace`: the table is the live one, and is changed through the fence. */
export type RestoreTarget = { readonly table: string; readonly inPlace?: true };

export type RestoreRequest = {
  readonly group: string;
  /** The moment whose state is wanted. Exactly one of this and `point`. */
  readonly atMs: number | null;
  readonly point: { readonly chain: string; readonly point: string } | null;
  readonly into: RestoreTarget;
  readonly select: Selection;
  readonly by: string;
};

export type PointLink = { readonly point: string; readonly sha256: string };

export type RestorePlan = {
  /** Names this restore and its report; the same for every step and every repetition. */
  readonly id: string;
  readonly group: string;
  readonly by: string;
  readonly source: string;
  /** The table that was backed up, and its partition key. */
  readonly table: string;
  readonly keyName: string;
  readonly atMs: number;
  /** Whether the state is that of one instant. A full backup restored without its log is as long as its scan was. */
  readonly isExact: boolean;
  readonly chain: string;
  readonly base: PointLink;
  readonly deltas: readonly PointLink[];
  readonly key: string;
  readonly cuts: readonly Cut[];
  readonly shards: readonly { readonly id: number }[];
  readonly into: RestoreTarget;
  /** Of a restore in place: the epoch in which it may write. null for one beside the live table. */
  readonly epoch: number | null;
  readonly select: Selection;
  readonly startedAtMs: number;
  readonly coveredFromMs: number;
  readonly coveredThroughMs: number;
  /** null: a person wants the target, and it stays. */
  readonly test: RestoreTest | null;
};

export type RestoredPart = {
  readonly items: number;
  /** Items of the full backup that the log had removed by then. */
  readonly removed: number;
  /** Items of persons whose key was destroyed; absent: none. */
  readonly erased?: number;
  readonly bytes: number;
  /** Of what the target must hold of this shard, computed from the vault. */
  readonly digest: ContentDigest;
  /** When the newest record that counted was made; null where none did. */
  readonly newestAtMs: number | null;
};

export type Validation = { readonly isIdentical: boolean; readonly digest: ContentDigest; readonly validatedAtMs: number };

const isPointName = (v: unknown): v is { readonly chain: string; readonly point: string } => isFields(v) && isText(v['chain']) && isText(v['point']);
const tableName = /^[A-Za-z0-9_.-]{3,255}$/;
const isTarget = (v: unknown): v is RestoreTarget => isFields(v) && isText(v['table']) && tableName.test(v['table']) && (v['inPlace'] === undefined || v['inPlace'] === true);
const isShard = (v: unknown): v is { readonly id: number } => isFields(v) && isCount(v['id']);
const isBoolean = (v: unknown): v is boolean => typeof v === 'boolean';

/** @throws MalformedError */
export function parseRestoreRequest(raw: unknown): RestoreRequest {
  const from = new PayloadReader('a restore', raw);
  const atMs = from.takeOrNull('at', isCount, 'null, or a time in milliseconds since 1970');
  const point = from.takeOrNull('point', isPointName, 'null, or {chain, point}');
  if ((atMs === null) === (point === null)) throw from.wrong('at', "given where 'point' is not, and only there: a moment, or a point");
  return { group: from.text('group'), atMs, point, into: from.take('into', isTarget, "{table: 'a table name'}"), select: takeSelection(from), by: from.text('by') };
}

function takeSelection(from: PayloadReader): Selection {
  const selected = selectionOf(from.takeOrNull('select', isFields, 'null, or {keys, prefix, from, to}') ?? {});
  if ('wrong' in selected) throw from.wrong('select', `an object ${selected.wrong}`);
  return selected;
}

/** @throws MalformedError */
export function parseRestorePlan(step: string, raw: unknown): RestorePlan {
  const outer = new PayloadReader(step, raw);
  const from = new PayloadReader(`${step} ('plan')`, outer.take('plan', isFields, "PlanRestore's answer"));
  return {
    id: from.text('id'),
    group: from.text('group'),
    by: from.text('by'),
    source: from.text('source'),
    table: from.text('table'),
    keyName: from.text('keyName'),
    atMs: from.count('atMs'),
    isExact: from.take('isExact', isBoolean, 'true or false'),
    chain: from.text('chain'),
    base: from.take('base', isPointLink, '{point, sha256}'),
    deltas: from.take('deltas', listOf(isPointLink), 'a list of {point, sha256}'),
    key: from.text('key'),
    cuts: from.take('cuts', listOf(isCut), 'a list of cuts'),
    shards: from.take('shards', listOf(isShard), 'a list of {id}'),
    into: from.take('into', isTarget, '{table}'),
    epoch: from.takeOrNull('epoch', isCount, 'null, or the epoch of a restore in place'),
    select: takeSelection(from),
    startedAtMs: from.count('startedAtMs'),
    coveredFromMs: from.count('coveredFromMs'),
    coveredThroughMs: from.count('coveredThroughMs'),
    test: from.takeOrNull('test', isRestoreTest, 'null, or what a restore test drew'),
  };
}

/** @throws MalformedError */
export function parseRestorePart(raw: unknown): { readonly plan: RestorePlan; readonly shard: number } {
  const plan = parseRestorePlan('RestorePart', raw);
  const from = new PayloadReader('RestorePart', raw);
  const shard = from.take('shard', isShard, '{id}');
  if (!plan.shards.some((s) => s.id === shard.id)) throw from.wrong('shard', `one of the plan's ${plan.shards.length}`);
  return { plan, shard: shard.id };
}

/** @throws MalformedError */
export function parseRestoredParts(step: string, raw: unknown): { readonly plan: RestorePlan; readonly parts: readonly RestoredPart[] } {
  const plan = parseRestorePlan(step, raw);
  const from = new PayloadReader(step, raw);
  const parts = from.take('parts', listOf(isFields), "a list of RestorePart's answers").map((part): RestoredPart => {
    const of = new PayloadReader(`${step} (a part)`, part);
    return {
      items: of.count('items'),
      removed: of.count('removed'),
      ...(part['erased'] === undefined ? {} : { erased: of.count('erased') }),
      bytes: of.count('bytes'),
      digest: of.take('digest', isDigest, 'a digest'),
      newestAtMs: of.take('newestAtMs', orNull(isCount), 'null, or a time'),
    };
  });
  if (parts.length !== plan.shards.length) throw from.wrong('parts', `one part for each of the plan's ${plan.shards.length} shards, not ${parts.length}`);
  return { plan, parts };
}

/** @throws MalformedError */
export function parseReport(raw: unknown): { readonly plan: RestorePlan; readonly parts: readonly RestoredPart[]; readonly validation: Validation } {
  const { plan, parts } = parseRestoredParts('ReportRestore', raw);
  const from = new PayloadReader('ReportRestore', raw);
  const of = new PayloadReader('ReportRestore (validation)', from.take('validation', isFields, "ValidateRestore's answer"));
  return { plan, parts, validation: { isIdentical: of.take('isIdentical', isBoolean, 'true or false'), digest: of.take('digest', isDigest, 'a digest'), validatedAtMs: of.count('validatedAtMs') } };
}

/** A worker keeps the newest record of each of its keys in memory: about this much of lines, several times that as objects. */
const shardLogBytes = 64 * 1024 * 1024;
/** And writes about this much, so that it ends well within a function's time. */
const shardItemBytes = 256 * 1024 * 1024;
/** Each worker reads all that is restored; beyond this, more of them read more than they gain. */
export const shardsMax = 64;

export function shardsFor(itemBytes: number, logBytes: number): number {
  return Math.min(shardsMax, Math.max(1, Math.ceil(itemBytes / shardItemBytes), Math.ceil(logBytes / shardLogBytes)));
}

/** What a restore fills is named so: the functions' rights end there. */
export function targetPrefix(live: string): string {
  return `${live}-restored`;
}

/** Why a restore into this table, beside the live one, is refused; null: it is not. */
export function whyNotInto(table: string, live: string): string | null {
  const prefix = targetPrefix(live);
  if (table === live) return `'${table}' is the live table: name a new table, like ${prefix}-1, or restore with --in-place`;
  return table.startsWith(prefix) ? null : `its name must begin with '${prefix}', like ${prefix}-1: Holdfast's functions may write no other table`;
}

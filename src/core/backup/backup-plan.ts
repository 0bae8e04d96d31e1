// What one run of the backup machine does, decided once by PlanBackup and handed from step to step: whoever repeats a step has
// the same names, the same span of the log and so the same point.
import { isRow, partOf } from './part-payload.ts';
import type { Cut, LogPositions, PackRow, Part, PointType, RetentionClass } from '../vault/recovery-point.ts';
import { isClass, isCut, isFields, isPointLink, isPositions, isText, listOf, orNull, PayloadReader } from './payload.ts';

export const backupTypes = ['full', 'incremental', 'differential', 'snapshot'] as const;
export type BackupType = (typeof backupTypes)[number];

export type BackupRequest = { readonly group: string; readonly type: BackupType /** `schedule`, or who asked. */; readonly by: string };

export const bySchedule = 'schedule';

export type PieceId = { readonly id: string };

export type ActingPlan = {
  readonly acts: true;
  readonly because: string;
  readonly group: string;
  readonly source: string;
  /** Where it runs, and the epoch of its lease. */
  readonly region: string;
  readonly epoch: number;
  readonly chain: string;
  readonly point: string;
  readonly type: PointType;
  readonly parent: { readonly point: string; readonly sha256: string } | null;
  readonly key: string;
  readonly class: RetentionClass;
  readonly lockedUntilMs: number | null;
  readonly startedAtMs: number;
  readonly fromMs: number;
  /** null: the end of the scan, which the parts know. */
  readonly throughMs: number | null;
  readonly pieces: readonly PieceId[];
  /** Where the records of a point with a parent begin; null for one that stands alone. */
  readonly since: LogPositions | null;
  /** Where they end; for a point that stands alone, where the logs were before the scan began. */
  readonly until: LogPositions;
  readonly cuts: readonly Cut[];
};

export type BackupPlan = ActingPlan | { readonly acts: false; readonly because: string; readonly group: string; readonly source: string; readonly pieces: readonly PieceId[] };

/** What a piece became: the engine's part, and when it had been read to its end. */
/** `sealedBy`: the attribute by whose persons the items are sealed; absent: none is */
export type BackupPart = Part & { readonly endedAtMs: number; readonly sealedBy?: string };

/** Where a part lies that is too large to be handed on: in a pack of its own, which no point names. `chunks`: references, base64. */
export type StoredPart = { readonly storedIn: PackRow; readonly chunks: string };
export type PartAnswer = BackupPart | StoredPart;

export type CommittedPoint = {
  readonly chain: string;
  readonly point: string;
  readonly sha256: string;
  readonly items: number;
  readonly bytes: number;
  readonly storedBytes: number;
  readonly throughMs: number;
};

const isBackupType = (v: unknown): v is BackupType => backupTypes.some((t) => t === v);
const pointTypesOfPlan = [...backupTypes, 'log'] as const;
const isPlanType = (v: unknown): v is (typeof pointTypesOfPlan)[number] => pointTypesOfPlan.some((t) => t === v);
const isPiece = (v: unknown): v is PieceId => isFields(v) && isText(v['id']);
const isTrue = (v: unknown): v is true => v === true;

/** @throws MalformedError */
export function parseBackupRequest(raw: unknown): BackupRequest {
  const from = new PayloadReader('a backup', raw).only('group', 'type', 'by');
  return { group: from.text('group'), type: from.take('type', isBackupType, `one of ${backupTypes.join(', ')}`), by: from.text('by') };
}

/** @throws MalformedError, also for a plan that does not act: its steps must not run. */
export function parseActingPlan(step: string, raw: unknown): ActingPlan {
  const from = new PayloadReader(`${step} ('plan')`, raw);
  return {
    acts: from.take('acts', isTrue, 'true: a plan that does not act has no further steps'),
    because: from.text('because'),
    group: from.text('group'),
    source: from.text('source'),
    region: from.text('region'),
    epoch: from.count('epoch'),
    chain: from.text('chain'),
    point: from.text('point'),
    type: from.take('type', isPlanType, `one of ${pointTypesOfPlan.join(', ')}`),
    parent: from.take('parent', orNull(isPointLink), 'null, or {point, sha256}'),
    key: from.text('key'),
    class: from.take('class', isClass, 'a retention class'),
    lockedUntilMs: from.takeOrNull('lockedUntilMs', (v): v is number => typeof v === 'number', 'null, or a time'),
    startedAtMs: from.count('startedAtMs'),
    fromMs: from.count('fromMs'),
    throughMs: from.takeOrNull('throughMs', (v): v is number => typeof v === 'number', 'null, or a time'),
    pieces: from.take('pieces', listOf(isPiece), 'a list of {id}'),
    since: from.take('since', orNull(isPositions), 'null, or positions of logs'),
    until: from.take('until', isPositions, 'positions of logs'),
    cuts: from.take('cuts', listOf(isCut), 'a list of cuts'),
  };
}

/** @throws MalformedError */
export function parseWritePart(raw: unknown): { readonly plan: ActingPlan; readonly piece: PieceId } {
  const from = new PayloadReader('WriteBackupPart', raw);
  const plan = parseActingPlan('WriteBackupPart', from.take('plan', isFields, "PlanBackup's answer"));
  const piece = from.take('piece', isPiece, '{id}');
  if (!plan.pieces.some((p) => p.id === piece.id)) throw from.wrong('piece', `one of the plan's pieces (${plan.pieces.map((p) => p.id).join(', ')})`);
  return { plan, piece };
}

/** @throws MalformedError */
export function parseCommit(raw: unknown): { readonly plan: ActingPlan; readonly parts: readonly PartAnswer[] } {
  const from = new PayloadReader('CommitPoint', raw);
  const plan = parseActingPlan('CommitPoint', from.take('plan', isFields, "PlanBackup's answer"));
  const parts = from.take('parts', listOf(isFields), "a list of WriteBackupPart's answers").map((part) => (part['storedIn'] === undefined ? backupPartOf(part) : storedPartOf(part)));
  if (parts.length !== plan.pieces.length) throw from.wrong('parts', `one part for each of the plan's ${plan.pieces.length} pieces, not ${parts.length}`);
  return { plan, parts };
}

/** @throws MalformedError */
export function backupPartOf(raw: unknown): BackupPart {
  const from = new PayloadReader('CommitPoint (a part)', raw);
  const sealedBy = from.takeOrNull('sealedBy', isText, 'absent, or the name of an attribute');
  return { ...partOf(raw), endedAtMs: from.count('endedAtMs'), ...(sealedBy === null ? {} : { sealedBy }) };
}

function storedPartOf(raw: unknown): StoredPart {
  const from = new PayloadReader('CommitPoint (a stored part)', raw);
  return { storedIn: from.take('storedIn', isRow, '{packId, sha256, bytes}'), chunks: from.text('chunks') };
}

/** @throws MalformedError */
export function parsePointInput(step: string, raw: unknown): { readonly chain: string; readonly point: string } {
  const from = new PayloadReader(step, raw);
  return { chain: from.text('chain'), point: from.text('point') };
}

/** The scheduler sends its own event; only `{"force":true}` says that somebody waits for it. */
export function parseArchiveRequest(raw: unknown): { readonly isForced: boolean } {
  return { isForced: isFields(raw) && raw['force'] === true };
}

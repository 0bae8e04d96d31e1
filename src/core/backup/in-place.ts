// A restore in place: which keys of the live table differ from what is wanted, judged by the snapshot that was taken first
// (docs/decisions/0013-restore-in-place-is-new-history.md).
import { isActingAt, isLeaseOpen, type LeaseRow } from '../lease/lease-rows.ts';
import { marks, type Image } from '../log/change-record.ts';
import { bySchedule } from './backup-plan.ts';
import { time } from './moment.ts';
import { isCount, isFields, isText, listOf, orNull, PayloadReader } from './payload.ts';
import { parseReport, parseRestorePart, parseRestorePlan, shardsMax, type RestorePlan, type RestoreRequest } from './restore-plan.ts';
import { itemLine, parseItemLine } from './table-lines.ts';

export type Snapshot = { readonly chain: string; readonly point: string; readonly sha256: string; readonly key: string };

export type InPlaceConflict = { readonly key: string; readonly because: string };

export type InPlacePart = {
  /** Written, or found as wanted already. */
  readonly set: number;
  readonly removed: number;
  readonly unchanged: number;
  /** Keys whose item nobody can open any more, left as they are; absent: none. */
  readonly erased?: number;
  readonly conflicts: number;
  /** The first of them. */
  readonly conflictsShown: readonly InPlaceConflict[];
  readonly newestAtMs: number | null;
  /** When the last of it had been read back. */
  readonly endedAtMs: number;
};

export type KeyDifference = { readonly key: string; readonly seen: string | null; readonly wanted: string | null };

/** A condition compares attributes one by one, and DynamoDB bounds its length. */
export const attributesMax = 100;
/** Lines that one worker holds: all that is selected of its shard, as it is and as it is wanted. */
export const shardCharactersMax = 256 * 1024 * 1024;
const shardItemBytes = 64 * 1024 * 1024;
export const itemBytesMax = shardsMax * shardCharactersMax * 0.5;
/** Of one part, so that all of them fit what a state machine hands on (256 KB). */
const shownMax = 20;
const shownCharactersMax = 1500;

export function withoutMarks(image: Image): Image {
  const names: readonly string[] = Object.values(marks);
  return Object.fromEntries(Object.entries(image).filter(([name]) => !names.includes(name)));
}

/** What an item holds but for Holdfast's marks, as one text: equal for equal items. */
export function contentLine(image: Image | null): string | null {
  return image === null ? null : itemLine(withoutMarks(image));
}

/** Both sides as content lines by key. Consumes `seen`. */
export class Differences {
  readonly #seen: Map<string, string>;
  readonly #found: KeyDifference[] = [];
  #unchanged = 0;
  constructor(seen: Map<string, string>) {
    this.#seen = seen;
  }

  want(key: string, wanted: string): void {
    const seen = this.#seen.get(key) ?? null;
    this.#seen.delete(key);
    if (seen === wanted) this.#unchanged += 1;
    else this.#found.push({ key, seen, wanted });
  }

  /** Nobody can say what was wanted: it is left as it is. */
  leave(key: string): void {
    this.#seen.delete(key);
  }

  /** Once everything wanted was told: what is left was not there at the moment. */
  end(): { readonly differences: readonly KeyDifference[]; readonly unchanged: number } {
    for (const [key, seen] of this.#seen) this.#found.push({ key, seen, wanted: null });
    this.#seen.clear();
    return { differences: this.#found, unchanged: this.#unchanged };
  }
}

export function imageOf(line: string | null, keyName: string): Image | null {
  return line === null ? null : parseItemLine(line, keyName).image;
}

export function hasTooManyAttributes(image: Image | null): boolean {
  return image !== null && Object.keys(image).length > attributesMax;
}

export function inPlaceShardsFor(itemBytes: number, logShards: number): number {
  return Math.min(shardsMax, Math.max(logShards, Math.ceil(itemBytes / shardItemBytes)));
}

/** Keeps as many conflicts as may be handed on. */
export function shownOf(conflicts: readonly InPlaceConflict[]): InPlaceConflict[] {
  const shown: InPlaceConflict[] = [];
  let characters = 0;
  for (const conflict of conflicts) {
    characters += JSON.stringify(conflict).length;
    if (shown.length === shownMax || characters > shownCharactersMax) break;
    shown.push(conflict);
  }
  return shown;
}

/** Why a restore over the live table is refused here and now; null: it is not. */
export function whyNotInPlace(request: RestoreRequest, live: string, region: string, lease: LeaseRow, nowMs: number): string | null {
  if (request.into.table !== live) return `in place is '${live}', not '${request.into.table}'`;
  if (request.by === bySchedule) return 'no schedule changes a live table: a person starts it, and says by --by who';
  if (!isLeaseOpen(lease)) return `${region} is not open (its epoch is ${lease.epoch}): the writes go through its fence. Start it in the open region; 'holdfast status' shows which`;
  if (!isActingAt(lease, nowMs)) return `the lease of ${region} ended at ${time(lease.untilAtMs)} and was not renewed`;
  return null;
}

const isShown = (v: unknown): v is InPlaceConflict => isFields(v) && isText(v['key']) && isText(v['because']);

function takeSnapshot(from: PayloadReader): Snapshot {
  const isSnapshot = (v: unknown): v is Snapshot => isFields(v) && [v['chain'], v['point'], v['sha256'], v['key']].every(isText);
  return from.take('snapshot', isSnapshot, '{chain, point, sha256, key} of the snapshot that was taken first');
}

/** @throws MalformedError */
export function parseInPlacePart(raw: unknown): { readonly plan: RestorePlan; readonly epoch: number; readonly shard: number; readonly snapshot: Snapshot } {
  const from = new PayloadReader('RestoreInPlace', raw);
  const { plan, shard } = parseRestorePart(raw);
  if (plan.epoch === null) throw from.wrong('plan', 'a plan of a restore in place, with its epoch');
  return { plan, epoch: plan.epoch, shard, snapshot: takeSnapshot(from) };
}

/** ReportRestore's input, of either kind. @throws MalformedError */
export function parseAnyReport(raw: unknown) {
  const plan = parseRestorePlan('ReportRestore', raw);
  return plan.epoch === null ? ({ kind: 'beside', ...parseReport(raw) } as const) : ({ kind: 'in-place', ...parseInPlaceReport(plan, raw) } as const);
}

function parseInPlaceReport(plan: RestorePlan, raw: unknown): { readonly plan: RestorePlan; readonly parts: readonly InPlacePart[]; readonly snapshot: Snapshot } {
  const from = new PayloadReader('ReportRestore', raw);
  const parts = from.take('parts', listOf(isFields), "a list of RestoreInPlace's answers").map((part): InPlacePart => {
    const of = new PayloadReader('ReportRestore (a part)', part);
    return {
      set: of.count('set'),
      removed: of.count('removed'),
      unchanged: of.count('unchanged'),
      ...(part['erased'] === undefined ? {} : { erased: of.count('erased') }),
      conflicts: of.count('conflicts'),
      conflictsShown: of.take('conflictsShown', listOf(isShown), 'a list of {key, because}'),
      newestAtMs: of.take('newestAtMs', orNull(isCount), 'null, or a time'),
      endedAtMs: of.count('endedAtMs'),
    };
  });
  if (parts.length !== plan.shards.length) throw from.wrong('parts', `one part for each of the plan's ${plan.shards.length} shards, not ${parts.length}`);
  return { plan, parts, snapshot: takeSnapshot(from) };
}

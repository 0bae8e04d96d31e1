// Applies another region's log to this region's table, in order, while this region is not open in a newer epoch. What
// arrives after that is divergent: it is listed, never applied (invariants 2 and 5).
import { MalformedError, SupersededError } from '../core/errors.ts';
import { begunKey, createBegun, isLeftBehind, parseBegunRow, reachingTo, stillGoesBy, type BegunRow } from '../core/failover/begun.ts';
import { isMarkerKey } from '../core/failover/hand-over.ts';
import { requireChain, sequencesOf, unseenRecords, type Segment } from '../core/log/segment.ts';
import type { RowCheck, RowKey } from '../core/rows/row.ts';
import type { ChangeRecord } from '../core/log/change-record.ts';
import type { DataStore } from '../ports/data-store.ts';
import type { DivergenceStore } from '../ports/divergence-store.ts';
import type { Clock, Digest } from '../ports/environment.ts';
import type { LogStore } from '../ports/log-store.ts';
import type { RowStore } from '../ports/row-store.ts';
import { mapAtOnce } from './at-once.ts';
import { callsAtOnce } from './divergence-list.ts';

export type LogApplier = {
  readonly own: RowStore;
  readonly log: LogStore;
  readonly data: DataStore;
  readonly divergence: DivergenceStore;
  readonly clock: Clock;
  readonly digest: Digest;
};

export type Applied = {
  readonly origin: string;
  readonly applied: number;
  readonly stale: number;
  readonly divergent: number;
  /** Number of the last record of the chain that was dealt with. */
  readonly sequence: number;
  readonly isComplete: boolean;
  /** When the last record that was dealt with was made, by the origin's stream; null before the first. */
  readonly lastAtMs: number | null;
};

const segmentsPerPage = 20;
/** So many pages are looked through for what comes again. */
const pagesBack = 5;
/** A DynamoDB transaction takes 4 MB; the images are counted by their JSON, which is longer. */
const batchCharactersMax = 3_000_000;

function positionKey(origin: string): RowKey {
  return { table: 'region', pk: 'LOG', sk: origin };
}

type Position = { readonly sequence: number; readonly lastAtMs: number | null };

export async function readPosition(own: RowStore, origin: string): Promise<Position> {
  const row = await own.get(positionKey(origin));
  const lastAtMs = row?.['lastAtMs'];
  return { sequence: Number(row?.['sequence'] ?? 0), lastAtMs: typeof lastAtMs === 'number' ? lastAtMs : null };
}

/**
 * @param pagesMax bounds one call; `isComplete` false says that more is there.
 * @param checks what must hold with every change (a runbook's step); empty for the continuous apply.
 */
export async function applyLog(applier: LogApplier, origin: string, pagesMax: number, checks: readonly RowCheck[]): Promise<Applied> {
  let position = await readPosition(applier.own, origin);
  let begun = await readBegun(applier.own);
  const total = { applied: 0, stale: 0, divergent: 0 };
  for (let page = 0; page < pagesMax; page += 1) {
    const segments = await applier.log.read(origin, position.sequence, segmentsPerPage);
    if (segments.length === 0) return { origin, ...total, ...position, isComplete: true };
    requireChain(undefined, segments, applier.digest);
    requireNext(origin, position.sequence, segments);
    const sequences = sequencesOf(segments);
    await applier.own.change(reachingTo(origin, segments.at(-1)?.sequence ?? position.sequence));
    if (position.sequence === 0) await createPosition(applier, origin);
    for (const batch of batchesOf(segments, position.sequence, applier.data.batchMax)) {
      let done = await applyBatch(applier, origin, position, sorted(batch, sequences, begun, origin), begun, checks);
      while (done === undefined && (await readPosition(applier.own, origin)).sequence === position.sequence) {
        begun = await readBegun(applier.own);
        done = await applyBatch(applier, origin, position, sorted(batch, sequences, begun, origin), begun, checks);
      }
      if (done === undefined) break;
      total.applied += done.applied;
      total.stale += done.stale;
      total.divergent += done.divergent;
      const last = batch.at(-1);
      position = { sequence: (last && sequences.get(last)) ?? position.sequence, lastAtMs: last?.atMs ?? position.lastAtMs };
      await advance(applier, origin, position);
    }
    // Somebody else may have gone on with it meanwhile, further than this one.
    position = await readPosition(applier.own, origin);
  }
  return { origin, ...total, ...position, isComplete: false };
}

/** Segments expire: where those in between are gone, going on would lose their changes in silence. */
function requireNext(origin: string, sequence: number, segments: readonly Segment[]): void {
  const [first] = segments;
  if (first !== undefined && first.sequence - first.records.length > sequence) {
    throw new MalformedError(
      `${origin}'s change log goes on at record ${first.sequence - first.records.length + 1}, and only ${sequence} records were dealt with here: what lies between has expired. Nothing of it was applied; the region must be compared in full.`,
    );
  }
}

/** Consecutive records of one epoch, no key twice: what one transaction takes. */
export function batchesOf(segments: readonly Segment[], after: number, batchMax: number): ChangeRecord[][] {
  const batches: ChangeRecord[][] = [];
  let current: ChangeRecord[] = [];
  let characters = 0;
  for (const segment of segments) {
    segment.records.forEach((record, index) => {
      const sequence = segment.sequence - segment.records.length + 1 + index;
      if (sequence <= after) return;
      characters += JSON.stringify(record).length;
      const fits = current.length < batchMax && characters <= batchCharactersMax && (current[0]?.epoch ?? record.epoch) === record.epoch && !current.some((r) => r.key === record.key);
      if (!fits) {
        if (current.length > 0) batches.push(current);
        current = [];
        characters = JSON.stringify(record).length;
      }
      current.push(record);
    });
  }
  return current.length === 0 ? batches : [...batches, current];
}

/** The row is made where there is none, so that each batch can be held to what it says. */
async function readBegun(own: RowStore): Promise<BegunRow> {
  const row = await own.get(begunKey);
  if (row === undefined) await own.change(createBegun);
  return parseBegunRow(row ?? (await own.get(begunKey)));
}

type Sorted = { readonly inTime: readonly ChangeRecord[]; readonly late: readonly ChangeRecord[] };

/** What the newest epoch began without is never applied, also where this region has opened nothing. */
function sorted(batch: readonly ChangeRecord[], sequences: ReadonlyMap<ChangeRecord, number>, { limits }: BegunRow, origin: string): Sorted {
  const isLate = (record: ChangeRecord) => isLeftBehind(limits, origin, sequences.get(record) ?? 0, record);
  return { inTime: batch.filter((r) => !isLate(r)), late: batch.filter(isLate) };
}

/** @returns undefined where somebody else went on with this log, or another epoch's beginning is gone by since: it is sorted and tried again */
async function applyBatch(applier: LogApplier, origin: string, position: Position, { inTime, late }: Sorted, begun: BegunRow, checks: readonly RowCheck[]) {
  const [first] = inTime;
  const answer =
    first === undefined ? ({ kind: 'done', applied: 0, stale: 0 } as const) : await applier.data.apply(origin, first.epoch, inTime, [...checks, stillGoesBy(begun), stillAtPosition(origin, position)]);
  if (answer.kind === 'superseded') {
    const [now, { sequence }] = await Promise.all([readBegun(applier.own), readPosition(applier.own, origin)]);
    if (now.epoch !== begun.epoch || sequence !== position.sequence) return undefined;
    throw new SupersededError(`Applying ${origin}'s log at record ${first?.sequenceNumber} is over: the runbook's step is no longer current. Nothing of it was written.`);
  }
  // Whoever thaws with an old batch finds the fence first: what it holds was dealt with long ago.
  if (answer.kind === 'fenced' && (await readPosition(applier.own, origin)).sequence !== position.sequence) return undefined;
  const tooLate = (answer.kind === 'fenced' ? [...inTime, ...late] : late).filter((r) => !isMarkerKey(r.key));
  const divergent = await notDealtWith(applier, origin, position.sequence, tooLate);
  if (divergent.length > 0) {
    await listDivergent(
      applier,
      divergent.map((record) => ({ origin, record })),
    );
  }
  return answer.kind === 'fenced' ? { applied: 0, stale: 0, divergent: divergent.length } : { applied: answer.applied, stale: answer.stale, divergent: divergent.length };
}

/**
 * A stream delivers a batch again, and behind so many others that the origin does not know it any more: what stands in the log further up was
 * dealt with then, in time or as late, and is no news.
 */
export async function notDealtWith({ log }: LogApplier, origin: string, sequence: number, records: readonly ChangeRecord[]): Promise<ChangeRecord[]> {
  let rest = [...records];
  let before = sequence + 1;
  for (let page = 0; page < pagesBack && rest.length > 0; page += 1) {
    const segments = await log.readBack(origin, before, segmentsPerPage);
    const last = segments.at(-1);
    if (last === undefined) return rest;
    rest = unseenRecords(segments, rest);
    before = last.sequence;
  }
  return rest;
}

/** With what stands here in their place. */
export async function listDivergent({ data, divergence, clock }: LogApplier, writes: readonly { readonly origin: string; readonly record: ChangeRecord }[]): Promise<void> {
  const foundAtMs = Math.round(clock.nowMs());
  await divergence.add(await mapAtOnce(writes, callsAtOnce, async ({ origin, record }) => ({ origin, record, ours: await data.get(record.key), foundAtMs })));
}

/**
 * Goes with each batch: the log was dealt with up to where it begins, and no further. A removal leaves nothing that could tell a write of before it
 * from a new one, so whoever thaws with an old batch must be refused.
 */
function stillAtPosition(origin: string, { sequence }: Position): RowCheck {
  return { key: positionKey(origin), when: [{ attribute: 'sequence', is: '=', value: sequence }] };
}

/** So that a check has a row to look at; changes nothing where there is one. */
async function createPosition(applier: LogApplier, origin: string): Promise<void> {
  if ((await applier.own.get(positionKey(origin))) !== undefined) return;
  await applier.own.change({ key: positionKey(origin), set: { sequence: 0, atMs: Math.round(applier.clock.nowMs()) }, when: [{ attribute: 'sequence', is: '<', value: 0 }], mayCreate: true });
}

async function advance(applier: LogApplier, origin: string, position: Position): Promise<void> {
  const { sequence, lastAtMs } = position;
  await applier.own.change({
    key: positionKey(origin),
    set: { sequence, ...(lastAtMs === null ? {} : { lastAtMs }), atMs: Math.round(applier.clock.nowMs()) },
    when: [{ attribute: 'sequence', is: '<', value: sequence }],
    mayCreate: true,
  });
}

export type Lag = { readonly origin: string; readonly items: number; readonly ageMs: number };

/** What was received and not applied yet: how many records, and how old the oldest of them is. */
export async function measureLag(own: RowStore, log: LogStore, origin: string, nowMs: number): Promise<Lag> {
  const [position, head] = await Promise.all([readPosition(own, origin), log.head(origin)]);
  const items = Math.max(0, head.sequence - position.sequence);
  if (items === 0) return { origin, items, ageMs: 0 };
  const [next] = await log.read(origin, position.sequence, 1);
  const oldest = next?.records[Math.max(0, position.sequence - (next.sequence - next.records.length))];
  return { origin, items, ageMs: oldest === undefined ? 0 : Math.max(0, nowMs - oldest.atMs) };
}

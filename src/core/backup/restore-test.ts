// Restore tests: whose turn it is, which moment is drawn, and what the target is called. Nothing here is chance:
// what is drawn follows from the run's name, which is written down, so that a test can be done again as it was.
import { MalformedError } from '../errors.ts';
import type { Row, RowChange, RowKey } from '../rows/row.ts';
import { evidenceName } from '../vault/object-names.ts';
import { bySchedule } from './backup-plan.ts';
import type { Covered } from './coverage.ts';
import { dayMs } from './moment.ts';
import { isCount, isFields, isText, listOf, PayloadReader } from './payload.ts';

export type Digest = (text: string) => string;

/** One run of the restore machine as a test: what makes it another one than all others. */
export type TestRun = { readonly group: string; readonly execution: string; readonly startedAtMs: number };

export type TestRequest = TestRun & { readonly by: string };

export type Uncovered = { readonly atMs: number; readonly because: string };

export type TestDraw = {
  readonly id: string;
  readonly execution: string;
  readonly startedAtMs: number;
  /** From which the moments follow, one after the other. */
  readonly seed: string;
  /** How many seconds there were to draw from. */
  readonly seconds: number;
  /** Drawn before, and not restorable: right after a failover that can be so. */
  readonly skipped: readonly Uncovered[];
  /** Chains of which nothing can be restored, and why. */
  readonly uncovered: readonly { readonly chain: string; readonly because: string }[];
  /** The newest moment that could have been restored when the test began, and how far behind that was. */
  readonly newestMs: number;
  readonly rpoMs: number;
};

/** With what the manifests let expect: no more items than the full backup's and the log's records, no fewer than one without the other. */
export type RestoreTest = TestDraw & { readonly itemsLeast: number; readonly itemsMost: number };

export function testIdOf({ group, execution, startedAtMs }: TestRun, region: string, digest: Digest): string {
  return digest(`${group}/${region}/${execution}/${startedAtMs}`).slice(0, 16);
}

/** What a test fills begins so, and nothing else may: it is dropped afterwards. */
export function testTargetPrefix(live: string): string {
  return `${live}-restored-test-`;
}

export function testTargetOf(live: string, id: string): string {
  return `${testTargetPrefix(live)}${id}`;
}

/** Why a person may not have this target, or a test another; null: it is well. */
export function whyNotTestTarget(table: string, live: string, test: Pick<RestoreTest, 'id'> | null): string | null {
  const prefix = testTargetPrefix(live);
  if (test === null) return table.startsWith(prefix) ? `names that begin with '${prefix}' are those of restore tests, which are dropped after the test` : null;
  return table === testTargetOf(live, test.id) ? null : `test ${test.id} fills ${testTargetOf(live, test.id)}, and nothing else`;
}

/** So many values a draw has. */
const draws = 2 ** 48;

function drawn(text: string, digest: Digest): number {
  return Number.parseInt(digest(text).slice(0, 12), 16);
}

/**
 * The one candidate that tests on this day (UTC). Each of them finds the same without asking: the schedules of all fire on one day. Open or not does
 * not matter: a restore is for when the source is gone.
 */
export function regionOnDay(candidates: readonly string[], group: string, atMs: number, digest: Digest): string {
  const sorted = candidates.toSorted();
  const region = sorted[drawn(`restore-test/${group}/${Math.floor(atMs / dayMs)}`, digest) % sorted.length];
  if (region === undefined) throw new MalformedError(`Group ${group} has no candidates: none can test a restore.`);
  return region;
}

/** Whole seconds that are covered, in order, each once. */
export function coveredSeconds(spans: readonly Pick<Covered, 'fromMs' | 'throughMs'>[]): { readonly from: number; readonly through: number }[] {
  const whole = spans.map(({ fromMs, throughMs }) => ({ from: Math.ceil(fromMs / 1000), through: Math.floor(throughMs / 1000) })).filter(({ from, through }) => from <= through);
  const merged: { from: number; through: number }[] = [];
  for (const span of whole.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last === undefined || span.from > last.through + 1) merged.push({ ...span });
    else last.through = Math.max(last.through, span.through);
  }
  return merged;
}

export function secondsIn(spans: readonly { readonly from: number; readonly through: number }[]): number {
  return spans.reduce((sum, { from, through }) => sum + through - from + 1, 0);
}

/** A moment of those that are covered, each second as likely as every other; null where none is. */
export function drawMoment(spans: readonly { readonly from: number; readonly through: number }[], seed: string, draw: number, digest: Digest): number | null {
  let left = Math.floor((drawn(`${seed}/${draw}`, digest) / draws) * secondsIn(spans));
  for (const { from, through } of spans) {
    if (left <= through - from) return (from + left) * 1000;
    left -= through - from + 1;
  }
  return null;
}

/** What PlanRestore is given for a test; null where a person asked for a restore. @throws MalformedError */
export function parseTestRequest(raw: unknown): TestRequest | null {
  const from = new PayloadReader('a restore', raw);
  if (from.takeOrNull('test', isFields, 'null, or an object: then it is a restore test') === null) return null;
  for (const field of ['at', 'point', 'into', 'select']) if (isFields(raw) && (raw[field] ?? null) !== null) throw from.wrong(field, 'null: a restore test draws what it restores');
  return { ...runIn(from), by: from.text('by') };
}

/** @throws MalformedError */
export function parseTestRun(step: string, raw: unknown): TestRun {
  return runIn(new PayloadReader(step, raw));
}

export function runIn(from: PayloadReader): TestRun {
  return { group: from.text('group'), execution: from.text('execution'), startedAtMs: from.count('startedAtMs') };
}

/** `holdfast` may ask at any time; the schedule asks everywhere, and means one. */
export function whyNotItsTurn(request: TestRequest, candidates: readonly string[], me: string, digest: Digest): string | null {
  if (request.by !== bySchedule) return null;
  const region = regionOnDay(candidates, request.group, request.startedAtMs, digest);
  return region === me ? null : `${region} tests on this day`;
}

const isUncovered = (v: unknown): v is Uncovered => isFields(v) && isCount(v['atMs']) && isText(v['because']);
const isChainSaid = (v: unknown): v is { readonly chain: string; readonly because: string } => isFields(v) && isText(v['chain']) && isText(v['because']);
const countsOfTest = ['startedAtMs', 'seconds', 'newestMs', 'rpoMs', 'itemsLeast', 'itemsMost'] as const;

export const isRestoreTest = (v: unknown): v is RestoreTest =>
  isFields(v) &&
  countsOfTest.every((name) => isCount(v[name])) &&
  typeof v['id'] === 'string' &&
  /^[0-9a-f]{16}$/.test(v['id']) &&
  isText(v['execution']) &&
  isText(v['seed']) &&
  listOf(isUncovered)(v['skipped']) &&
  listOf(isChainSaid)(v['uncovered']);

/** Named after its evidence, so that the newest are found first. */
export function restoreTestKey(startedAtMs: number, id: string): RowKey {
  return { table: 'region', pk: 'RESTORE_TEST', sk: evidenceName('restore-test', startedAtMs, id) };
}

/** Before the target is made: a test that is killed leaves its name, and the next one drops it. */
export function testBegun(test: RestoreTest, table: string, nowMs: number): RowChange {
  return { key: restoreTestKey(test.startedAtMs, test.id), set: { table, begunAtMs: nowMs }, when: [], mayCreate: true };
}

export function testTargetDropped(key: RowKey, nowMs: number): RowChange {
  return { key, set: { droppedAtMs: nowMs }, when: [], mayCreate: false };
}

/** Beyond the longest that the machine may run. */
const leftoverAfterMs = dayMs;

/** Targets of tests that were killed before they dropped them. */
export function leftoversIn(rows: readonly Row[], live: string, nowMs: number): { readonly key: RowKey; readonly table: string }[] {
  return rows.flatMap(({ sk, table, begunAtMs, droppedAtMs }) =>
    typeof sk === 'string' &&
    typeof table === 'string' &&
    table.startsWith(testTargetPrefix(live)) &&
    typeof begunAtMs === 'number' &&
    begunAtMs + leftoverAfterMs <= nowMs &&
    droppedAtMs === undefined
      ? [{ key: { table: 'region', pk: 'RESTORE_TEST', sk } as const, table }]
      : [],
  );
}

export type Dropped = { readonly table: string; readonly leftovers: readonly string[]; readonly endedAtMs: number };

// What came of a restore test: as evidence in the vault, as the row that status shows, and as figures of several. The figures are those of tests only.
import { MalformedError } from '../errors.ts';
import type { Row, RowChange } from '../rows/row.ts';
import { canonicalJson } from '../vault/canonical-json.ts';
import { evidenceName } from '../vault/object-names.ts';
import type { Certificate } from './erasure.ts';
import { isCount, isFields, isText, listOf, PayloadReader } from './payload.ts';
import type { RestoreReport } from './restore-report.ts';
import { isRestoreTest, restoreTestKey, runIn, type Digest, type Dropped, type RestoreTest, type TestRequest } from './restore-test.ts';

export type TestFailure = { readonly step: string; readonly error: string; readonly cause: string };

export type TestOutcome = TestRequest & {
  readonly test: RestoreTest | null;
  readonly report: RestoreReport | null;
  /** null where the target could not be dropped. */
  readonly dropped: Dropped | null;
  readonly failure: TestFailure | null;
};

export type Evidence = {
  readonly format: 1;
  readonly kind: 'restore-test';
  readonly vault: string;
  readonly source: string;
  readonly region: string;
  readonly id: string;
  readonly isPassed: boolean;
  readonly outcome: TestOutcome;
};

/** Passed: the target held what the vault says, within what the manifests let expect, and is gone. */
export function isPassed({ failure, report, dropped }: TestOutcome): boolean {
  return failure === null && report?.isIdentical === true && dropped !== null;
}

/** Whose messages have names, times and counts in them, and nothing of an item. */
const ourErrors = ['NotCoveredError', 'RefusedError', 'MalformedError', 'InvalidConfigError', 'DamagedError', 'KeyUnavailableError', 'TooFewSitesError', 'NotIdenticalError', 'StepNotReadyError'];

/** The failure as evidence has it, which anybody reads and nobody can remove: of other errors, which may quote an item, only the name. */
export function tellable(failure: TestFailure | null): TestFailure | null {
  if (failure === null) return null;
  let said: unknown;
  try {
    said = JSON.parse(failure.cause);
  } catch {
    said = null;
  }
  const message = isFields(said) ? said['errorMessage'] : undefined;
  return { ...failure, cause: ourErrors.includes(failure.error) && typeof message === 'string' ? message : '' };
}

/** The evidence says by its last field what it must be: anyone can check it without a key. Equal outcomes give equal bytes, however often they are recorded. */
export function evidenceText(evidence: Evidence | Certificate, digest: Digest): string {
  return canonicalJson({ ...evidence, sha256: digest(canonicalJson(evidence)) });
}

/** null where nothing is wrong with it. `parsed` is its JSON. */
export function whatIsWrongWithEvidence(text: string, parsed: unknown, vault: string, name: string, digest: Digest): string | null {
  if (!isFields(parsed)) return 'it is no object of JSON';
  const { sha256, ...rest } = parsed;
  if (sha256 !== digest(canonicalJson(rest)) || canonicalJson(parsed) !== text) return 'it is not what its own SHA-256 says';
  if (rest['vault'] !== vault) return 'it is evidence of another vault';
  return nameOf(rest) === name ? null : 'it is the evidence of another test or erasure';
}

/** The name that evidence belongs under; null: it says too little to have one. */
function nameOf({ kind, id, outcome, erasedAtMs }: Readonly<Record<string, unknown>>): string | null {
  if (typeof id !== 'string' || !/^[0-9a-f]{16}$/.test(id)) return null;
  if (kind === 'erasure') return isCount(erasedAtMs) ? evidenceName(kind, erasedAtMs, id) : null;
  return isFields(outcome) && isCount(outcome['startedAtMs']) ? evidenceName('restore-test', outcome['startedAtMs'], id) : null;
}

const isFailure = (v: unknown): v is TestFailure => isFields(v) && isText(v['step']) && isText(v['error']) && typeof v['cause'] === 'string';

/** @throws MalformedError */
export function parseTestOutcome(raw: unknown): TestOutcome {
  const from = new PayloadReader('RecordRestoreTest', raw);
  const isDropped = (v: unknown): v is Dropped => isFields(v) && isText(v['table']) && listOf(isText)(v['leftovers']) && isCount(v['endedAtMs']);
  const isReport = (v: unknown): v is RestoreReport =>
    isFields(v) && isText(v['id']) && typeof v['isIdentical'] === 'boolean' && isCount(v['rtoMs']) && isCount(v['items']) && isCount(v['bytes']) && isCount(v['atMs']);
  const outcome = {
    ...runIn(from),
    by: from.text('by'),
    test: from.takeOrNull('test', isRestoreTest, 'null, or what PlanRestore drew'),
    report: from.takeOrNull('report', isReport, "null, or ReportRestore's answer"),
    dropped: from.takeOrNull('dropped', isDropped, "null, or DropTarget's answer"),
    failure: from.takeOrNull('failure', isFailure, 'null, or {step, error, cause}'),
  };
  if (outcome.failure === null && (outcome.report === null || outcome.test === null)) throw from.wrong('failure', 'given where there is no report');
  return outcome;
}

/** What status shows of a test, and the machine's output. Null: not measured. */
export type TestSummary = {
  readonly id: string;
  readonly region: string;
  readonly by: string;
  readonly startedAtMs: number;
  readonly isPassed: boolean;
  readonly failure: TestFailure | null;
  /** Which moment was restored. */
  readonly atMs: number | null;
  readonly items: number | null;
  readonly bytes: number | null;
  readonly rtoMs: number | null;
  readonly rpoMs: number | null;
  readonly skipped: number;
  readonly uncovered: number;
  /** Name of the object in the vault, and the sites that have it; null where there is no vault yet. */
  readonly evidence: string | null;
  readonly sites: readonly string[];
};

export function summaryOf(outcome: TestOutcome, id: string, region: string, evidence: string | null, sites: readonly string[]): TestSummary {
  const { by, startedAtMs, failure, report, test } = outcome;
  return {
    id,
    region,
    by,
    startedAtMs,
    isPassed: isPassed(outcome),
    failure,
    atMs: report?.atMs ?? null,
    items: report?.items ?? null,
    bytes: report?.bytes ?? null,
    rtoMs: report?.rtoMs ?? null,
    rpoMs: test?.rpoMs ?? null,
    skipped: test?.skipped.length ?? 0,
    uncovered: test?.uncovered.length ?? 0,
    evidence,
    sites,
  };
}

export function testRecorded(summary: TestSummary, nowMs: number): RowChange {
  return { key: restoreTestKey(summary.startedAtMs, summary.id), set: { summary: JSON.stringify(summary), recordedAtMs: nowMs }, when: [], mayCreate: true };
}

/** null: its test runs, or was killed. @throws MalformedError for a row that was altered */
export function parseTestRow(row: Row): TestSummary | null {
  if (row['summary'] === undefined) return null;
  let summary: unknown;
  try {
    summary = JSON.parse(String(row['summary']));
  } catch {
    summary = null;
  }
  if (!isSummary(summary)) throw new MalformedError(`A row RESTORE_TEST cannot be read: it was altered. The vault has its evidence under ${String(row['sk'])}.`);
  return summary;
}

const isCountOrNull = (v: unknown): v is number | null => v === null || isCount(v);
const isSummary = (v: unknown): v is TestSummary =>
  isFields(v) &&
  [v['id'], v['region'], v['by']].every(isText) &&
  [v['startedAtMs'], v['skipped'], v['uncovered']].every(isCount) &&
  [v['atMs'], v['items'], v['bytes'], v['rtoMs'], v['rpoMs']].every(isCountOrNull) &&
  typeof v['isPassed'] === 'boolean' &&
  (v['failure'] === null || isFailure(v['failure'])) &&
  (v['evidence'] === null || isText(v['evidence'])) &&
  listOf(isText)(v['sites']);

/** What is known from tests: the newest one, and what those measured that passed. Never a figure without a test. */
export type TestedFigures = {
  readonly last: TestSummary;
  /** Of the newest tests that passed, at most `of`; null where none did. */
  readonly median: { readonly of: number; readonly rtoMs: number; readonly rpoMs: number } | null;
};

/** @param tests of all regions, in any order @returns null where there was none */
export function figuresOf(tests: readonly TestSummary[], newest: number): TestedFigures | null {
  const sorted = tests.toSorted((a, b) => b.startedAtMs - a.startedAtMs);
  const [last] = sorted;
  if (last === undefined) return null;
  const measured = sorted.flatMap(({ isPassed: hasPassed, rtoMs, rpoMs }) => (hasPassed && rtoMs !== null && rpoMs !== null ? [{ rtoMs, rpoMs }] : [])).slice(0, newest);
  return {
    last,
    median: measured.length === 0 ? null : { of: measured.length, rtoMs: median(measured.map((m) => m.rtoMs)), rpoMs: median(measured.map((m) => m.rpoMs)) },
  };
}

/** Of an even number, the larger of the two in the middle: a promise errs on the safe side. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

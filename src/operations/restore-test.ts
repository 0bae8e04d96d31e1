// A restore test around the restore machine's own steps: what is drawn before them; what is dropped and kept as evidence after them.
import {
  coveredSeconds,
  drawMoment,
  leftoversIn,
  restoreTestKey,
  secondsIn,
  testIdOf,
  testTargetDropped,
  testTargetOf,
  whyNotItsTurn,
  type Dropped,
  type TestDraw,
  type TestRequest,
  type TestRun,
  type Uncovered,
} from '../core/backup/restore-test.ts';
import { evidenceText, isPassed, summaryOf, testRecorded, type TestOutcome, type TestSummary, tellable } from '../core/backup/test-evidence.ts';
import type { RestorePlan } from '../core/backup/restore-plan.ts';
import { everything } from '../core/backup/selection.ts';
import { RefusedError, StepNotReadyError } from '../core/errors.ts';
import { evidenceUntilMs } from '../core/retention/lives.ts';
import type { Row } from '../core/rows/row.ts';
import { evidenceName, vaultFileName } from '../core/vault/object-names.ts';
import { NotCoveredError } from '../core/vault/vault-errors.ts';
import { openVault } from '../vault/vault.ts';
import type { TablePoints } from './backup-facts.ts';
import { lockOf, type BackupPorts } from './backup-ports.ts';
import { chainPictures } from './list-points.ts';
import { planRestore, type PlanningPorts } from './restore-plan.ts';

/** Moments that are drawn before a test fails for want of one that can be restored. */
const drawsMax = 20;
const becauseCharactersMax = 400;

export type PlannedTest = ({ readonly isTurn: true } & RestorePlan) | { readonly isTurn: false; readonly group: string; readonly because: string };

/** @throws NotCoveredError where nothing that was drawn can be restored: then the test has failed. */
export async function planRestoreTest(ports: PlanningPorts & Pick<BackupPorts, 'me'>, points: TablePoints, request: TestRequest): Promise<PlannedTest> {
  const { settings, me, digest } = ports;
  requireGroup(settings.group, request);
  const because = whyNotItsTurn(request, settings.origins, me, digest);
  if (because !== null) return { isTurn: false, group: settings.group, because };
  const begunAtMs = Math.round(ports.clock.nowMs());
  const quiet = await ports.quiet();
  const pictures = await chainPictures(points, await (await points.vault()).listPoints({ source: settings.source }), quiet);
  const covered = pictures.flatMap((chain) => chain.covered ?? []);
  const uncovered = pictures.flatMap(({ chain, covered: span, because: why }) => (span === null ? [{ chain, because: short(why ?? 'unknown') }] : []));
  const spans = coveredSeconds(covered);
  const newestMs = Math.max(0, ...covered.map((span) => span.throughMs));
  const id = testIdOf(request, me, digest);
  const seed = digest(`moments of ${id}`);
  const skipped: Uncovered[] = [];
  for (let draw = 0; draw < drawsMax; draw += 1) {
    const atMs = drawMoment(spans, seed, draw, digest);
    if (atMs === null) break;
    const { execution, startedAtMs } = request;
    const test: TestDraw = { id, execution, startedAtMs, seed, seconds: secondsIn(spans), skipped: [...skipped], uncovered, newestMs, rpoMs: Math.max(0, begunAtMs - newestMs) };
    try {
      const plan = await planRestore(
        ports,
        points,
        { group: settings.group, atMs, point: null, into: { table: testTargetOf(settings.table, id) }, select: everything, by: request.by },
        { draw: test },
      );
      // From before the draw, which has opened the points already: a restore that a person asks for opens them too.
      return { isTurn: true, ...plan, startedAtMs: begunAtMs };
    } catch (error) {
      if (!(error instanceof NotCoveredError)) throw error;
      skipped.push({ atMs, because: short(error.message) });
    }
  }
  const why = [...uncovered.map((chain) => `${chain.chain}: ${chain.because}`), ...skipped.map((moment) => moment.because)];
  throw new NotCoveredError(
    `No moment can be restored for a test: ${spans.length === 0 ? 'nothing is covered' : `${skipped.length} moments were drawn of ${secondsIn(spans)} seconds that seem covered`}${why.length === 0 ? '' : ` (${why.join('; ')})`}. Make a full backup: 'holdfast backup --type full'.`,
  );
}

export type DropPorts = Pick<BackupPorts, 'me' | 'own' | 'tables' | 'settings' | 'clock' | 'digest'> & { readonly testRows: () => Promise<readonly Row[]> };

/** Drops what this test filled, and what tests that were killed had filled; nothing that has no row of a test. @throws StepNotReadyError until it is gone */
export async function dropTarget(ports: DropPorts, run: TestRun): Promise<Dropped> {
  const { settings, own, tables, me } = ports;
  requireGroup(settings.group, run);
  const id = testIdOf(run, me, ports.digest);
  const key = restoreTestKey(run.startedAtMs, id);
  const table = testTargetOf(settings.table, id);
  const row = await own.get(key);
  if (row?.['table'] === table && row['droppedAtMs'] === undefined) {
    if ((await tables.describe(table)) !== null) {
      await tables.drop(table);
      throw new StepNotReadyError(`Table ${table} in ${me} is being dropped. It is looked at again.`);
    }
    await own.change(testTargetDropped(key, Math.round(ports.clock.nowMs())));
  }
  const leftovers: string[] = [];
  for (const left of leftoversIn(await ports.testRows(), settings.table, ports.clock.nowMs())) {
    if ((await tables.describe(left.table)) !== null) {
      await tables.drop(left.table);
      leftovers.push(left.table);
    }
    await own.change(testTargetDropped(left.key, Math.round(ports.clock.nowMs())));
  }
  return { table, leftovers, endedAtMs: Math.round(ports.clock.nowMs()) };
}

export type RecordPorts = Pick<BackupPorts, 'me' | 'own' | 'settings' | 'sites' | 'clock' | 'digest'>;

/** The evidence first: what status shows has it. Repeated, it writes the same. @throws TooFewSitesError */
export async function recordRestoreTest(ports: RecordPorts, outcome: TestOutcome): Promise<TestSummary> {
  const { settings, sites, me, own } = ports;
  requireGroup(settings.group, outcome);
  const id = testIdOf(outcome, me, ports.digest);
  const name = evidenceName('restore-test', outcome.startedAtMs, id);
  let stored: readonly string[] = [];
  // Before the first backup there is no vault that could keep it.
  const isVault = (await sites.get(vaultFileName)) !== null;
  if (isVault) {
    const vault = (await openVault(sites)).id;
    const text = evidenceText(
      { format: 1, kind: 'restore-test', vault, source: settings.source, region: me, id, isPassed: isPassed(outcome), outcome: { ...outcome, failure: tellable(outcome.failure) } },
      ports.digest,
    );
    const bytes = Buffer.from(text);
    const lock = lockOf(settings, evidenceUntilMs('restore-test', outcome.startedAtMs, settings.retentionDays));
    stored = (await sites.put(name, bytes, { sha256: ports.digest(text), lock })).stored.toSorted();
  }
  const summary = summaryOf(outcome, id, me, isVault ? name : null, stored);
  await own.change(testRecorded(summary, Math.round(ports.clock.nowMs())));
  return summary;
}

function requireGroup(group: string, run: TestRun): void {
  if (run.group !== group) throw new RefusedError(`A restore test of group ${run.group} was started in a region of group ${group}: start it there. Nothing was done.`);
}

function short(text: string): string {
  return text.length <= becauseCharactersMax ? text : `${text.slice(0, becauseCharactersMax)}…`;
}

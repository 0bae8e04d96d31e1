// Fifty random seconds: writes, overwrites and removals for a while, with two full backups and an incremental in between; then as many restores
// as asked for, each to a random second that is covered, each table compared with the journal of that second and dropped.
import type { Clock } from './clock.ts';
import { sleep } from './clock.ts';
import type { Change, CommandRun } from './journal.ts';
import { describeRun, readRestored } from './play-vault.ts';
import { Product, reasonOf } from './product.ts';
import { regionEntry } from './regions-file.ts';
import { changesOf, type Comparison, compareRestored } from './restored-state.ts';
import { randomFrom } from './seeded.ts';
import { describeDifferences } from './vault-verdicts.ts';
import { waitUntil, type Waiting } from './wait.ts';
import { startWatch, type Watch } from './watch.ts';

const SECOND_MS = 1000;
const CALM_LIMIT_MS = 90_000;
const WARM_UP_ACKNOWLEDGED_MIN = 20;
/** The program asks, the machines of the regions work: more at once would only wait for one another. */
const RESTORES_AT_ONCE = 3;
const LISTED_MAX = 10;

export interface RestoreTimings {
  /** Writing before the first full backup. */
  readonly beforeFirstMs: number;
  /** Writing after each backup. */
  readonly afterEachMs: number;
  /** The youngest part, of which no second is restored: it may not have reached the vault yet, and be refused rightly. */
  readonly tailMs: number;
}

export const RESTORE_TIMINGS: RestoreTimings = { beforeFirstMs: 15_000, afterEachMs: 30_000, tailMs: 5000 };

export interface RestoresOptions {
  readonly clock: Clock;
  readonly regionsPath: string;
  readonly product: readonly string[];
  readonly restores: number;
  readonly seed: number;
  readonly timings: RestoreTimings;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** One restore and what came of it. */
export interface Restored {
  readonly at: string;
  readonly region: string;
  readonly run: CommandRun;
  readonly items: number | null;
  readonly comparison: Comparison | null;
}

export interface RestoresPlayed {
  readonly seed: number;
  readonly backups: readonly CommandRun[];
  readonly changes: number;
  readonly restored: readonly Restored[];
  /** A moment before the first backup: it must be refused. */
  readonly uncovered: CommandRun;
  readonly problems: readonly string[];
}

export async function playRestores(options: RestoresOptions): Promise<RestoresPlayed> {
  const { clock, signal, seed } = options;
  const say = (line: string) => options.say(`${(clock.nowMs() / 1000).toFixed(1).padStart(6)} s  ${line}`);
  const watch = startWatch(clock, options.regionsPath);
  try {
    say(`seed ${seed} (--seed ${seed} plays the same seconds)`);
    const product = new Product(clock, options.product, signal);
    const backups = await writeAndBackUp(watch, product, options.timings, { clock, say, signal });
    const [first] = backups;
    if (first === undefined || first.exitCode !== 0) throw new Error('the first backup failed, so nothing can be restored; what it said is above');
    const random = randomFrom(seed);
    const moments = drawMoments(clock.startedAtWallMs + first.endedAtMs, clock.startedAtWallMs + clock.nowMs() - options.timings.tailMs, options.restores, random);
    const regions = Object.keys(watch.file.regions).filter((name) => regionEntry(watch.file, name).role === 'candidate');
    const restored = await restoreAll({ watch, product, say, startedAtWallMs: clock.startedAtWallMs }, moments, regions);
    const uncovered = await product.restore({ atWallMs: clock.startedAtWallMs - 3_600_000, into: `${watch.file.tableName}-restored-0`, region: regions[0] ?? '' });
    say(`a moment an hour before the first backup: ${uncovered.exitCode === 0 ? 'RESTORED, though nothing covers it' : `refused (exit ${uncovered.exitCode}): ${reasonOf(uncovered)}`}`);
    return { seed, backups, changes: changesOfBoth(watch).length, restored, uncovered, problems: problemsOf(backups, restored, uncovered, options.restores) };
  } finally {
    await watch.stop();
  }
}

async function writeAndBackUp(watch: Watch, product: Product, { beforeFirstMs, afterEachMs }: RestoreTimings, waiting: Waiting): Promise<CommandRun[]> {
  const { clock, say, signal } = waiting;
  const isCalm = () => (watch.reader.chosen()?.state === 'normal' && watch.writer.acknowledged.length >= WARM_UP_ACKNOWLEDGED_MIN ? true : null);
  if ((await waitUntil(waiting, 'calm writing', CALM_LIMIT_MS, isCalm)) === null) throw new Error('the regions were never calm: does holdfast status say normal?');
  await sleepUntil(clock.nowMs() + beforeFirstMs, clock, signal);
  const runs: CommandRun[] = [];
  for (const type of ['full', 'incremental', 'full'] as const) {
    say(`${type} backup, after ${watch.writer.attempts.length} orders and ${watch.reviser.changes.length} overwrites and removals`);
    const run = await product.backup(type);
    say(describeRun(`the ${type} backup`, run));
    runs.push(run);
    await sleepUntil(clock.nowMs() + afterEachMs, clock, signal);
  }
  await Promise.all([watch.writer.stop(), watch.reviser.stop(), watch.sampler.stop()]);
  watch.reader.stop();
  return runs;
}

interface Restoring {
  readonly watch: Watch;
  readonly product: Product;
  readonly say: (line: string) => void;
  readonly startedAtWallMs: number;
}

async function restoreAll(restoring: Restoring, moments: readonly number[], regions: readonly string[]): Promise<Restored[]> {
  const due = [...moments.entries()];
  const restored: Restored[] = [];
  const work = async () => {
    for (let next = due.shift(); next !== undefined; next = due.shift()) {
      const [index, atWallMs] = next;
      restored.push(await restoreOne(restoring, index + 1, moments.length, atWallMs, regions[index % regions.length] ?? ''));
    }
  };
  await Promise.all(Array.from({ length: RESTORES_AT_ONCE }, work));
  return restored;
}

async function restoreOne({ watch, product, say, startedAtWallMs }: Restoring, number: number, of: number, atWallMs: number, region: string): Promise<Restored> {
  const into = `${watch.file.tableName}-restored-${number}`;
  const at = new Date(atWallMs).toISOString();
  const run = await product.restore({ atWallMs, into, region });
  const head = `${String(number).padStart(2)} of ${of}: ${at} into ${into} in ${region}`;
  if (run.exitCode !== 0) {
    say(`${head}: ${describeRun('it', run)}`);
    return { at, region, run, items: null, comparison: null };
  }
  const { stored, items } = await readRestored(watch, region, into);
  const comparison = compareRestored(changesOfBoth(watch), { atWallMs, startedAtWallMs }, stored);
  await watch.tablesOf(region).drop(into);
  const { right, ambiguous, missing, extra, wrong } = comparison;
  const seconds = ((run.endedAtMs - run.startedAtMs) / 1000).toFixed(1);
  say(`${head}: ${right} orders right, ${ambiguous} may be either way, missing ${missing.length}, extra ${extra.length}, wrong ${wrong.length}, ${seconds} s`);
  for (const line of describeDifferences(comparison).slice(0, LISTED_MAX)) say(`          ${line}`);
  return { at, region, run, items, comparison };
}

function changesOfBoth({ writer, reviser }: Watch): Change[] {
  return [...changesOf(writer.attempts), ...reviser.changes];
}

/** The last milliseconds of random seconds, none twice while there are enough; all of them are covered and have been lived through. */
export function drawMoments(fromWallMs: number, untilWallMs: number, count: number, random: () => number): number[] {
  const first = Math.ceil(fromWallMs / SECOND_MS);
  const seconds = Math.floor(untilWallMs / SECOND_MS) - first;
  if (seconds < 1) throw new Error('not one whole second lies between the first backup and the end of writing');
  const left: number[] = [];
  return Array.from({ length: count }, () => {
    if (left.length === 0) left.push(...Array.from({ length: seconds }, (_, index) => first + index));
    const [second = first] = left.splice(Math.floor(random() * left.length), 1);
    return second * SECOND_MS + SECOND_MS - 1;
  });
}

function problemsOf(backups: readonly CommandRun[], restored: readonly Restored[], uncovered: CommandRun, due: number): string[] {
  const problems = backups.filter((run) => run.exitCode !== 0).map((run) => `\`${run.words.join(' ')}\` failed (exit ${run.exitCode})`);
  if (restored.length !== due) problems.push(`${restored.length} of ${due} restores were made`);
  for (const { at, run, comparison } of restored) {
    if (comparison === null) problems.push(`the restore of ${at} failed (exit ${run.exitCode}): ${reasonOf(run)}`);
    else problems.push(...describeDifferences(comparison).map((what) => `${at}: ${what}`));
    if (comparison?.right === 0) problems.push(`${at}: not one order was compared, so that nothing is proved`);
  }
  if (uncovered.exitCode === 0) problems.push('a moment before the first backup was restored, though nothing covers it');
  else if (!/cover/i.test(`${uncovered.said}${JSON.stringify(uncovered.answer)}`))
    problems.push(`a moment before the first backup was refused without a word about what is covered: ${reasonOf(uncovered)}`);
  return problems;
}

async function sleepUntil(atMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  while (clock.nowMs() < atMs) {
    signal.throwIfAborted();
    await sleep(Math.min(200, atMs - clock.nowMs()));
  }
}

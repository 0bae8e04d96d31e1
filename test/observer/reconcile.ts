// Brings the lost region back as a person would, by the product's commands while a customer goes on writing: what may not be had yet is asked for first,
// then orders are decided one by one and all together, one is undone, and the region is signed off. Then the observer reads both tables and the trail
// by itself. The judging is done in reconcile-verdicts.ts.
import { z } from 'zod';
import { sleep } from './clock.ts';
import type { CommandRun, DecisionRow, ReconciliationJournal, TableReading } from './journal.ts';
import { describeRun } from './play-vault.ts';
import type { Product } from './product.ts';
import { readTable } from './reconciled-tables.ts';
import { regionTableName, registerTableName } from './regions-file.ts';
import { changesOf } from './restored-state.ts';
import { divergentWrites, type Item } from './tables.ts';
import type { Watch } from './watch.ts';
import { waitUntil, type Waiting } from './wait.ts';

const LOOK_INTERVAL_MS = 500;
/** What a customer wrote meanwhile is left and asked for again; on a busy machine the group may even be open nowhere for a while. */
const ROUNDS_MAX = 10;
const ROUND_PAUSE_MS = 2000;
const REASON = ['--reason', 'the observer brings the region back', '--by', 'observer'];

export interface ReconcileOptions {
  readonly watch: Watch;
  readonly product: Product;
  readonly waiting: Waiting;
  readonly note: (what: string) => void;
  /** How long both tables may take to become equal after the last write. */
  readonly limitMs: number;
  readonly home: string;
  readonly origin: string;
}

/** So many orders that a customer changes are decided one by one. */
const CHANGED_ORDERS = 5;

const unanswered = z.object({ error: z.object({ name: z.string().regex(/^(?!RefusedError$)/) }) });
const history = z.object({ view: z.object({ seen: z.string() }) });

export async function reconcile(options: ReconcileOptions): Promise<ReconciliationJournal> {
  const { watch, product, note, home, origin, waiting } = options;
  const startedAtMs = waiting.clock.nowMs();
  const ask = async (...words: string[]): Promise<CommandRun> => {
    const run = await product.ask(words);
    note(describeAsked(run));
    return run;
  };
  const divergence = (...words: string[]) => ask('divergence', ...words, '--region', origin);
  const signOff = () => divergence('sign-off', ...REASON);
  watch.reviser.start();
  const rows = (kind: string) => watch.tablesOf(home).readRows(regionTableName(watch.file), kind, origin);
  const listed = await rows('DIVERGENCE');
  const orders = { once: [...divergentWrites(watch.writer.run, listed).keys()], changed: [...divergentWrites(watch.reviser.run, listed).keys()] };
  const [shown, refused] = await Promise.all([divergence('show', '--key', orders.once[0] ?? ''), answered(() => ask('failover', '--to', origin, ...REASON))]);
  const byKey = await decideSome(orders, history.safeParse(shown.answer).data?.view.seen ?? '', divergence);
  const early = [refused, await answered(signOff)];
  const isReconciledBefore = await saysMajority(options);
  const others = [shown, ...(await untilDone(() => divergence('resolve', '--all', '--rule', 'theirs', ...REASON)))];
  await watch.reviser.stop();
  // What the customer wrote last may be on its way still: then it says so.
  const signOffs = await untilDone(signOff);
  const isReconciledAfter = await saysMajority(options);
  const tables = await readBothUntilEqual(options);
  const [late, decided, wrote] = await Promise.all([rows('DIVERGENCE'), rows('DECISION'), rows('DECISION_WROTE')]);
  return {
    home,
    origin,
    early,
    byKey,
    others: [...others, ...signOffs.slice(0, -1)],
    signOff: signOffs.at(-1) ?? refused,
    isReconciledBefore,
    isReconciledAfter,
    changes: [...changesOf(watch.writer.attempts), ...watch.reviser.changes],
    startedAtWallMs: waiting.clock.startedAtWallMs,
    divergence: new Map([...divergentWrites(watch.writer.run, late), ...divergentWrites(watch.reviser.run, late)]),
    decisions: decisionRows(decided, wrote),
    tables,
    seconds: (waiting.clock.nowMs() - startedAtMs) / 1000,
  };
}

/** A refusal is asked for, not a call that a busy machine left without an answer. */
async function answered(act: () => Promise<CommandRun>): Promise<CommandRun> {
  let run = await act();
  for (let rounds = 1; rounds < ROUNDS_MAX && unanswered.safeParse(run.answer).success; rounds += 1) run = await act();
  return run;
}

/** Again after a pause until it ends with 0, or `ROUNDS_MAX` times: every run of it. */
export async function untilDone(act: () => Promise<CommandRun>): Promise<CommandRun[]> {
  const runs: CommandRun[] = [];
  for (;;) {
    runs.push(await act());
    if (runs.length === ROUNDS_MAX || runs.at(-1)?.exitCode === 0) return runs;
    await sleep(ROUND_PAUSE_MS);
  }
}

/** Orders that no customer writes a second time by each side's version, one of them as it was shown and one undone; some that are changed all the time by the last writer. */
async function decideSome(
  orders: { readonly once: readonly string[]; readonly changed: readonly string[] },
  seen: string,
  divergence: (...words: string[]) => Promise<CommandRun>,
): Promise<ReconciliationJournal['byKey']> {
  const [theirs, ours, undone] = orders.once;
  const wanted = [
    ...(theirs === undefined ? [] : [{ key: theirs, rule: 'theirs', words: ['--key', theirs, '--rule', 'theirs', '--seen', seen] }]),
    ...(ours === undefined ? [] : [{ key: ours, rule: 'ours', words: ['--key', ours, '--rule', 'ours'] }]),
    ...(undone === undefined ? [] : [{ key: undone, rule: 'undo', words: ['--key', undone, '--rule', 'theirs'] }]),
    ...orders.changed.slice(0, 1).map((key) => ({ key, rule: 'last-writer', words: [...orders.changed.slice(0, CHANGED_ORDERS).flatMap((one) => ['--key', one]), '--rule', 'last-writer'] })),
  ];
  return Promise.all(
    wanted.map(async ({ key, rule, words }) => {
      const run = await divergence('resolve', ...words, ...REASON);
      return { key, rule, run: rule === 'undo' && run.exitCode === 0 ? await divergence('resolve', '--undo', key, ...REASON) : run };
    }),
  );
}

/** What a majority of the acceptors says; null where none does, or they differ. */
export async function saysMajority({ watch, origin }: Pick<ReconcileOptions, 'watch' | 'origin'>): Promise<boolean | null> {
  const { file } = watch;
  const said = await Promise.all(
    Object.keys(file.regions).map((region) =>
      watch
        .tablesOf(region)
        .readReconciled(registerTableName(file, region), file.group, origin)
        .catch(() => null),
    ),
  );
  const isMajority = (word: boolean) => said.filter((one) => one === word).length > said.length / 2;
  return isMajority(true) ? true : isMajority(false) ? false : null;
}

/** The last looks; what the log still carries is waited for. */
export async function readBothUntilEqual(options: Omit<ReconcileOptions, 'product'>): Promise<ReconciliationJournal['tables']> {
  const { watch, home, origin, limitMs, waiting, note } = options;
  let last: ReconciliationJournal['tables'] = null;
  let isOver = false;
  const look = async () => {
    const read = (region: string): Promise<TableReading> => readTable(watch.tablesOf(region), watch.file.tableName);
    while (!isOver) {
      const tables = await Promise.all([read(home), read(origin)]).catch((error: unknown) => note(`the tables could not be read: ${String(error)}`));
      if (tables !== undefined) last = tables;
      if (tables !== undefined && isEqual(...tables)) return;
      await sleep(LOOK_INTERVAL_MS);
    }
  };
  const looking = look().then(() => {
    isOver = true;
  });
  await waitUntil(waiting, `${home} and ${origin} to hold the same`, limitMs, () => (isOver ? true : null));
  isOver = true;
  await looking;
  return last;
}

function isEqual(a: TableReading, b: TableReading): boolean {
  return a.lines.size === b.lines.size && [...a.lines].every(([key, line]) => b.lines.get(key) === line);
}

export function decisionRows(decided: readonly Item[], wrote: readonly Item[]): DecisionRow[] {
  const written = new Map(wrote.map((row) => [row['sk']?.S, row['wrote']?.S ?? null]));
  return decided.map((row) => ({
    key: row['itemKey']?.S ?? '',
    turn: Number(row['sk']?.S?.split('#').at(-1)),
    rule: row['rule']?.S ?? '',
    by: row['by']?.S ?? '',
    reason: row['reason']?.S ?? '',
    state: row['state']?.S ?? '',
    atWallMs: Number(row['atMs']?.N),
    before: row['before']?.S ?? null,
    wrote: written.get(row['sk']?.S) ?? null,
  }));
}

const WORDS_SHOWN_MAX = 6;

function describeAsked(run: CommandRun): string {
  return describeRun(
    `holdfast ${run.words
      .filter((word) => !REASON.includes(word) && word !== '--json')
      .slice(0, WORDS_SHOWN_MAX)
      .join(' ')}`,
    run,
  );
}

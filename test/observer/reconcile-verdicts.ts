// What the observer holds the return of a lost region against: no way back before the sign-off, both tables alike after it, every acknowledged
// write with an end, and every decision where it was said to be. From the journal alone.
import { z } from 'zod';
import type { Change, CommandRun, DecisionRow, Journal, ReconciliationJournal, TableReading } from './journal.ts';
import { reasonOf } from './product.ts';
import { canonicalLine, digestOf } from './reconciled-tables.ts';
import { isAfter } from './restored-state.ts';

/** The observer's clock against the region's that stamps a decision: one machine. */
const CLOCK_SLACK_MS = 50;
/** Decided one by one in each run; a customer may come between the others. */
const RULES_SEEN: readonly string[] = ['theirs', 'ours', 'undo'];

const refusal = z.object({ isSignedOff: z.literal(false), missing: z.array(z.string()).min(1) });
const failure = z.object({ error: z.object({ name: z.literal('RefusedError'), message: z.string().regex(/not reconciled/) }) });
const signedOff = z.object({ isSignedOff: z.literal(true) });

export interface Judgement {
  readonly name: string;
  readonly heldBecause: string;
  readonly brokenBecause: string;
  readonly evidence: readonly string[];
}

export function judgeReconciliation({ reconciliation }: Pick<Journal, 'reconciliation'>): { readonly judgements: readonly Judgement[]; readonly notMeasured: readonly string[] } {
  if (reconciliation === null) return { judgements: [], notMeasured: [] };
  const { origin, home, early, divergence, changes, tables } = reconciliation;
  const acknowledged = changes.filter(({ outcome }) => outcome === 'acknowledged').length;
  return {
    judgements: [
      {
        name: 'no way back before the sign-off',
        heldBecause: `${early.length} attempts to make ${origin} eligible were refused, each with what was missing`,
        brokenBecause: `${origin} was eligible before it was signed off`,
        evidence: eligibleEarly(reconciliation),
      },
      {
        name: 'both regions hold the same after the sign-off',
        heldBecause: `${home} and ${origin} hold ${tables?.[0].lines.size} items of one digest (${tables === null ? '' : digestOf(tables[0]).slice(0, 12)}), by the observer's own reading`,
        brokenBecause: `${origin} was not signed off, or the tables differ`,
        evidence: differences(reconciliation),
      },
      {
        name: 'every acknowledged write has its end',
        heldBecause: `each of ${acknowledged} stands in the table, was overwritten by a later one, or is in the divergence report with its decision`,
        brokenBecause: 'acknowledged writes are in neither the table nor the report',
        evidence: withoutEnd(reconciliation),
      },
      {
        name: 'every decision is in the trail and was carried out',
        heldBecause: `${divergence.size} divergent orders, each decided by somebody, for a reason, and what was decided stands`,
        brokenBecause: 'decisions are missing, or were not carried out',
        evidence: undecided(reconciliation),
      },
    ],
    notMeasured: notMeasured(reconciliation),
  };
}

function eligibleEarly({ early, origin, isReconciledBefore, isReconciledAfter }: ReconciliationJournal): string[] {
  const evidence = early.filter((run) => !isRefused(run)).map((run) => `holdfast ${run.words.slice(0, 2).join(' ')} was not refused with what is missing (exit ${run.exitCode}): ${reasonOf(run)}`);
  if (isReconciledBefore !== false) evidence.push(`the register said before the sign-off that ${origin} is ${isReconciledBefore === null ? 'nothing certain' : 'reconciled'}`);
  if (isReconciledAfter !== true) evidence.push(`the register does not say after the sign-off that ${origin} is reconciled`);
  return evidence;
}

function isRefused({ exitCode, answer }: CommandRun): boolean {
  return exitCode !== 0 && (refusal.safeParse(answer).success || failure.safeParse(answer).success);
}

function differences({ signOff, tables, origin }: ReconciliationJournal): string[] {
  const unsigned = signOff.exitCode === 0 && signedOff.safeParse(signOff.answer).success ? [] : [`${origin} was not signed off (exit ${signOff.exitCode}): ${reasonOf(signOff)}`];
  return [...unsigned, ...tableDifferences(tables)];
}

/** What stands in one of two tables only, or not alike; what was left half-way. */
export function tableDifferences(tables: ReconciliationJournal['tables']): string[] {
  if (tables === null) return ['the tables could not be read'];
  const [a, b] = tables;
  const differing = [...new Set([...a.lines.keys(), ...b.lines.keys()])].filter((key) => a.lines.get(key) !== b.lines.get(key));
  const shown = (table: TableReading, key: string) => `${table.lines.get(key) ?? 'nothing'} in ${table.region}`;
  const evidence = differing.map((key) => `${key}: ${shown(a, key)}, ${shown(b, key)}`);
  if (digestOf(a) !== digestOf(b) && differing.length === 0) evidence.push(`the digests differ: ${digestOf(a)} in ${a.region}, ${digestOf(b)} in ${b.region}`);
  return [...evidence, ...tables.flatMap(({ region, halfWay }) => halfWay.map((key) => `${key} was left half-way in ${region}`))];
}

/** Acknowledged writes that neither stand, nor were followed by one that does, nor are in the divergence report with a decision. */
export function withoutEnd({ changes, tables, divergence, decisions }: Pick<ReconciliationJournal, 'changes' | 'tables' | 'divergence' | 'decisions'>): string[] {
  if (tables === null) return ['the tables could not be read'];
  const [{ lines }] = tables;
  const decided = Map.groupBy(decisions, ({ key }) => key);
  return [...Map.groupBy(changes, ({ id }) => id)].flatMap(([id, own]) => {
    const acknowledged = own.filter(({ outcome }) => outcome === 'acknowledged');
    const stood = (change: Change) => isIn(change, lines.get(id));
    const hasPlace = (change: Change) => stood(change) || isListed(change, divergence.get(id), decided.get(id) ?? []);
    // One of unknown outcome may have been carried out: then it stands.
    const covers = (other: Change) => (other.outcome === 'acknowledged' ? hasPlace(other) : other.outcome === 'unknown' && stood(other));
    return acknowledged
      .filter((change) => !hasPlace(change) && !own.some((other) => isAfter(other, change) && covers(other)))
      .map((change) => `${id} ${change.text === null ? 'removed' : 'written'}, sent at ${Math.round(change.sentAtMs)} ms, acknowledged at ${Math.round(change.answeredAtMs ?? 0)} ms`);
  });
}

function isIn({ text }: Change, line: string | undefined): boolean {
  return text === null ? line === undefined : (line?.includes(text) ?? false);
}

/** Of a removal the report shows the order only. A late write counts once it was decided about. */
function isListed({ text }: Change, listed: string | undefined, decisions: readonly DecisionRow[]): boolean {
  if (decisions.length === 0) return false;
  if (text === null) return true;
  return (listed?.includes(text) ?? false) || decisions.some(({ before, wrote }) => (before?.includes(text) ?? false) || (wrote?.includes(text) ?? false));
}

function undecided(journal: ReconciliationJournal): string[] {
  const { divergence, decisions, byKey } = journal;
  const evidence: string[] = [];
  const byOrder = Map.groupBy(decisions, ({ key }) => key);
  for (const row of decisions) {
    if (row.by === '' || row.reason === '') evidence.push(`decision ${row.turn} about ${row.key} does not say by whom, or why`);
    if (row.state !== 'done' && row.state !== 'overtaken') evidence.push(`decision ${row.turn} about ${row.key} is '${row.state}': it was not carried out`);
  }
  for (const { key, rule, run } of byKey) {
    if (run.exitCode === 0 && !(byOrder.get(key) ?? []).some((row) => row.rule === rule && row.state === 'done')) evidence.push(`${key} was decided by '${rule}', and no decision says so`);
  }
  for (const key of divergence.keys()) {
    const last = (byOrder.get(key) ?? []).filter(({ state }) => state === 'done').toSorted((a, b) => b.turn - a.turn)[0];
    if (last === undefined || last.rule === 'undo') evidence.push(`${key} is divergent, and ${last === undefined ? 'no decision' : 'only an undone one'} was carried out`);
    else if (!stands(journal, last)) evidence.push(`${key} was decided by '${last.rule}' as ${last.wrote ?? 'no item'}, and is ${journal.tables?.[0].lines.get(key) ?? 'no item'}`);
  }
  return evidence;
}

/** What was decided, or what a customer has written since. */
function stands({ tables, changes, startedAtWallMs }: ReconciliationJournal, { key, wrote, atWallMs }: DecisionRow): boolean {
  const line = tables?.[0].lines.get(key);
  if (line === (wrote === null ? undefined : canonicalLine(JSON.parse(wrote)))) return true;
  const isBefore = ({ answeredAtMs, outcome }: Change) => outcome === 'acknowledged' && answeredAtMs !== null && startedAtWallMs + answeredAtMs + CLOCK_SLACK_MS <= atWallMs;
  return changes.some((change) => change.id === key && change.outcome !== 'refused' && !isBefore(change) && isIn(change, line));
}

function notMeasured({ divergence, byKey }: ReconciliationJournal): string[] {
  const missing = divergence.size === 0 ? ['nothing was divergent: there was nothing to reconcile'] : [];
  for (const rule of RULES_SEEN) {
    const run = byKey.find((one) => one.rule === rule && one.run.exitCode === 0);
    const failed = byKey.find((one) => one.rule === rule)?.run;
    if (run === undefined) missing.push(`no order was decided by '${rule}'${failed === undefined ? '' : `: ${reasonOf(failed)}`}`);
  }
  return missing;
}

/** For the report: what was asked and found, without the thousands of items. */
export function describeReconciliation({ reconciliation }: Pick<Journal, 'reconciliation'>): object | null {
  if (reconciliation === null) return null;
  const { home, origin, early, byKey, others, signOff, divergence, decisions, tables, seconds } = reconciliation;
  return {
    home,
    origin,
    seconds: Math.round(seconds * 10) / 10,
    divergentOrders: divergence.size,
    decisions: Object.fromEntries([...Map.groupBy(decisions, ({ rule, state }) => `${rule} ${state}`)].map(([name, own]) => [name, own.length])),
    tables: tables?.map((table) => ({ region: table.region, items: table.lines.size, digest: digestOf(table) })) ?? null,
    asked: [...early, ...byKey.map(({ run }) => run), ...others, signOff].map(({ words, exitCode, answer, said, startedAtMs, endedAtMs }) => ({
      words: words.join(' '),
      exitCode,
      seconds: Math.round((endedAtMs - startedAtMs) / 100) / 10,
      answer: JSON.stringify(answer ?? null).slice(0, 600),
      ...(said === '' ? {} : { said: said.slice(-600) }),
    })),
  };
}

// What was seen of a soak, as verdicts: pure functions of the journal.
import { acknowledgedWrites, countsAsVerdict, dualActiveSpans, GATE_SAMPLE_INTERVAL_MS, staleEpochWrites, writesByNonHolder } from './figures.ts';
import { describeWrite, type Invariant, invariant, oneRegionAtATime } from './invariant.ts';
import { reasonOf } from './product.ts';
import { tableDifferences, withoutEnd } from './reconcile-verdicts.ts';
import { changesOf } from './restored-state.ts';
import type { Cycle, SoakJournal } from './soak-play.ts';
import { SAMPLED_SHARE_MIN } from './verdicts.ts';

export interface SoakFigures {
  readonly failovers: number;
  readonly returns: number;
  readonly minutes: number;
  readonly writesAcknowledged: number;
  readonly changesAcknowledged: number;
  readonly divergentOrders: number;
  readonly unaccounted: number;
  readonly dualActiveSpans: number;
  /** Of the failovers in which both sides were seen. */
  readonly rtoMedianSeconds: number | null;
  readonly rtoMostSeconds: number | null;
}

export function soakFigures(journal: SoakJournal): SoakFigures {
  const rto = journal.cycles.flatMap((cycle) => cycle.rtoSeconds ?? []).toSorted((a, b) => a - b);
  return {
    failovers: journal.cycles.filter(({ taken }) => taken !== null).length,
    returns: journal.cycles.filter(isBack).length,
    minutes: journal.minutes,
    writesAcknowledged: acknowledgedWrites(journal.attempts).length,
    changesAcknowledged: journal.changes.filter(({ outcome }) => outcome === 'acknowledged').length,
    divergentOrders: journal.divergence.size,
    unaccounted: unaccounted(journal).length,
    dualActiveSpans: dualActiveSpans(journal.gateSamples).length,
    rtoMedianSeconds: rto[Math.floor((rto.length - 1) / 2)] ?? null,
    rtoMostSeconds: rto.at(-1) ?? null,
  };
}

/**
 * @param failovers how many were asked for
 * @param minutes how long it was to last
 */
export function judgeSoak(journal: SoakJournal, { failovers, minutes }: { readonly failovers: number; readonly minutes: number }): Invariant[] {
  const { readings, acceptors, attempts, gateSamples, cycles } = journal;
  const stale = staleEpochWrites(readings, acceptors, attempts);
  return [
    invariant('each failover came off', `${cycles.length} times another region served in a later epoch`, cycles.filter(({ taken, epoch }) => taken === null || taken.epoch <= epoch).map(describe)),
    invariant('each lost region came back, and only by a sign-off', `${cycles.length} times it was not eligible before it, and was after it`, cycles.flatMap(notBack)),
    invariant('every acknowledged write has its end', 'each stands in the table, was overwritten by a later one, or is in a divergence report with its decision', unaccounted(journal)),
    invariant('both regions hold the same at the end', `${journal.tables?.[0].lines.size} items`, tableDifferences(journal.tables)),
    invariant('every divergent order was decided', `${journal.divergence.size} orders, each with a decision that was carried out`, undecided(journal)),
    oneRegionAtATime(gateSamples),
    invariant('no write of an old epoch', 'none was acknowledged that was sent after its epoch was over', stale.sentAfter.map(describeWrite)),
    invariant('only the holder writes', 'every write was acknowledged by the region that held its epoch', writesByNonHolder(readings, acceptors, attempts).map(describeWrite)),
    invariant('the run measured what it claims', `${cycles.length} failovers and returns in ${journal.minutes.toFixed(1)} minutes`, [
      ...(cycles.length < failovers ? [`only ${cycles.length} of ${failovers} failovers were played`] : []),
      ...(journal.minutes < minutes ? [`it lasted ${journal.minutes.toFixed(1)} of ${minutes} minutes`] : []),
      ...(journal.divergence.size === 0 ? ['nothing was ever divergent: there was nothing to reconcile'] : []),
      ...cycles.filter(({ rtoSeconds }) => rtoSeconds === null).map((cycle) => `${describe(cycle)}: no acknowledged write on both sides`),
      ...unsampled(journal),
    ]),
  ];
}

function isBack({ isReconciledAfter }: Cycle): boolean {
  return isReconciledAfter === true;
}

function notBack(cycle: Cycle): string[] {
  const last = cycle.runs.at(-1);
  const evidence =
    cycle.isReconciledBefore === false ? [] : [`${describe(cycle)}: the register said before the sign-off that it is ${cycle.isReconciledBefore === null ? 'nothing certain' : 'reconciled'}`];
  if (!isBack(cycle) || last?.exitCode !== 0) evidence.push(`${describe(cycle)}: not signed off: ${last === undefined ? 'nothing was asked for' : reasonOf(last)}`);
  return evidence;
}

function unaccounted(journal: SoakJournal): string[] {
  return withoutEnd({ ...journal, changes: [...changesOf(journal.attempts), ...journal.changes] });
}

function undecided({ divergence, decisions }: SoakJournal): string[] {
  const carriedOut = new Set(decisions.filter(({ state }) => state === 'done').map(({ key }) => key));
  return [
    ...[...divergence.keys()].filter((key) => !carriedOut.has(key)),
    ...decisions.filter(({ state }) => state !== 'done' && state !== 'overtaken').map(({ key, turn, state }) => `decision ${turn} about ${key} is '${state}'`),
    ...decisions.filter(({ by, reason }) => by === '' || reason === '').map(({ key, turn }) => `decision ${turn} about ${key} does not say by whom, or why`),
  ];
}

function unsampled({ cycles, gateSamples, minutes }: SoakJournal): string[] {
  const due = (minutes * 60_000) / GATE_SAMPLE_INTERVAL_MS;
  return [...new Set(cycles.flatMap(({ from, taken }) => [from, ...(taken === null ? [] : [taken.region])]))].flatMap((region) => {
    const share = gateSamples.filter((s) => s.region === region && countsAsVerdict(s)).length / due;
    return share < SAMPLED_SHARE_MIN ? [`the gate of ${region} gave a verdict for only ${Math.round(share * 100)} % of the samples due`] : [];
  });
}

function describe({ from, epoch, tear, taken }: Cycle): string {
  return `${from} out of epoch ${epoch} (${tear})${taken === null ? ', and nobody took over' : ` to ${taken.region} in epoch ${taken.epoch}`}`;
}

// What was seen of planned switch-overs, as figures and verdicts: pure functions of the journal.
import { acknowledgedWrites, rtoSeconds, staleEpochWrites, writesByNonHolder } from './figures.ts';
import { describeWrite, type Invariant, invariant, oneRegionAtATime } from './invariant.ts';
import type { AcknowledgedWrite, Attempt } from './journal.ts';
import type { SwitchJournal, SwitchRecord } from './switch-play.ts';
import type { Item } from './tables.ts';

/** Writes refused, for a client that goes where a 307 sends it: the median over the switch-overs. */
export const FOLLOWING_SECONDS_MAX = 4;
/** For one that goes by DNS alone: the hand-over, the health check's next look (10 s), the answer's life (15 s), and a request on each side. */
export const BY_DNS_SECONDS_MAX = 35;

export interface SwitchFigures {
  /** From the last acknowledged write of the old epoch to the first of a later one, a switch-over each; null where one of both was never seen. */
  readonly followingSeconds: readonly (number | null)[];
  readonly byDnsSeconds: readonly (number | null)[];
  readonly followingMedianSeconds: number | null;
  readonly byDnsMedianSeconds: number | null;
  readonly writesAcknowledged: number;
  readonly writesLost: number;
  readonly writesDoubled: number;
  readonly divergentRows: number;
}

export function switchFigures(journal: SwitchJournal): SwitchFigures {
  const seconds = (attempts: readonly Attempt[]) => journal.switches.map(({ epoch }) => rtoSeconds(attempts, epoch));
  const [followingSeconds, byDnsSeconds] = [seconds(journal.following), seconds(journal.byDns)];
  return {
    followingSeconds,
    byDnsSeconds,
    followingMedianSeconds: median(followingSeconds),
    byDnsMedianSeconds: median(byDnsSeconds),
    writesAcknowledged: acknowledged(journal).length,
    writesLost: unaccounted(journal).length,
    writesDoubled: doubled(journal, judgedTables(journal)).length,
    divergentRows: journal.regions.reduce((sum, { divergent }) => sum + (divergent?.length ?? 0), 0),
  };
}

/** A switch-over in which a region was killed may end otherwise, and leave a region to be reconciled; it loses nothing all the same. */
export function judgeSwitches(journal: SwitchJournal): Invariant[] {
  const { readings, acceptors, gateSamples } = journal;
  const attempts = [...journal.following, ...journal.byDns];
  const isFaulty = journal.switches.some(isKilled);
  const stale = staleEpochWrites(readings, acceptors, attempts);
  return [
    invariant(
      'each switch-over came off',
      isFaulty ? 'each in which no region was killed did' : 'each ended in the region that was asked for, in the next epoch',
      journal.switches.filter((one) => !isKilled(one)).flatMap(notSwitched),
    ),
    invariant(
      'no acknowledged write is lost',
      isFaulty ? "each is in the holder's table, as it was sent, or in the divergence report" : 'each is in both tables, as it was sent',
      unaccounted(journal).map(describeWrite),
    ),
    invariant('no write is carried out twice', 'each is stored with the epoch that acknowledged it', doubled(journal, judgedTables(journal))),
    ...(isFaulty ? [] : undisturbed(journal)),
    oneRegionAtATime(gateSamples),
    invariant('no write of an old epoch', 'none was acknowledged that was sent after its epoch was over', stale.sentAfter.map(describeWrite)),
    invariant('only the holder writes', 'every write was acknowledged by the region that held its epoch', writesByNonHolder(readings, acceptors, attempts).map(describeWrite)),
    invariant('the run measured what it claims', 'every switch-over was seen by both customers, and every table was read', notMeasured(journal, isFaulty)),
  ];
}

/** What a switch-over leaves where no region was killed in it. */
function undisturbed({ regions }: SwitchJournal): Invariant[] {
  const divergent = regions.flatMap(({ region, divergent: rows }) => (rows ?? []).map((row) => `${region}: ${JSON.stringify(row['itemKey'] ?? row['sk'])}`));
  const unreconciled = regions.flatMap(({ region, reconciled }) => (reconciled === false ? [`the acceptor of ${region} says otherwise`] : []));
  return [invariant('nothing diverged', 'the divergence reports are empty', divergent), invariant('the old region stays reconciled', 'the register says of every candidate that it is', unreconciled)];
}

export function switchBars(figures: SwitchFigures): { readonly figure: string; readonly value: number | null; readonly atMost: number; readonly isMet: boolean }[] {
  const bar = (figure: string, value: number | null, atMost: number) => ({ figure, value, atMost, isMet: value !== null && value <= atMost });
  return [bar('followingMedianSeconds', figures.followingMedianSeconds, FOLLOWING_SECONDS_MAX), bar('byDnsMedianSeconds', figures.byDnsMedianSeconds, BY_DNS_SECONDS_MAX)];
}

function notSwitched({ from, to, epoch, command, holder }: SwitchRecord): string[] {
  if (command.exitCode === 0 && holder?.region === to && holder.epoch === epoch + 1) return [];
  const stands = holder === null ? 'nobody held calmly afterwards' : `${holder.region} held epoch ${holder.epoch} afterwards`;
  return [`from ${from} to ${to} out of epoch ${epoch}: exit status ${command.exitCode}, ${stands}: ${command.said.slice(-200)} ${JSON.stringify(command.answer)}`];
}

function acknowledged({ following, byDns }: SwitchJournal): AcknowledgedWrite[] {
  return [...acknowledgedWrites(following), ...acknowledgedWrites(byDns)];
}

type TableOf = { readonly region: string; readonly held: ReadonlyMap<string, Item> };

function tablesOf(journal: SwitchJournal): TableOf[] {
  return journal.regions.flatMap(({ region, orders }) =>
    orders === null ? [] : [{ region, held: new Map(orders.flatMap((item) => (item[journal.keyName]?.S === undefined ? [] : [[item[journal.keyName]?.S ?? '', item] as const]))) }],
  );
}

function isKilled({ fault }: SwitchRecord): boolean {
  return fault?.kind === 'kill';
}

/** Both; of a run in which a region was killed the last holder's: the other one may wait for a person. */
function judgedTables(journal: SwitchJournal): TableOf[] {
  const all = tablesOf(journal);
  return journal.switches.some(isKilled) ? all.filter(({ region }) => region === journal.switches.at(-1)?.holder?.region) : all;
}

function unaccounted(journal: SwitchJournal): AcknowledgedWrite[] {
  const listed = journal.switches.some(isKilled) ? JSON.stringify(journal.regions.flatMap(({ divergent: rows }) => rows ?? [])) : '';
  return lost(journal, judgedTables(journal)).filter(({ id }) => !listed.includes(id));
}

/** In one of the tables not there, or not as it was sent. */
function lost(journal: SwitchJournal, tables: readonly TableOf[]): AcknowledgedWrite[] {
  return acknowledged(journal).filter((w) => tables.some(({ held }) => !JSON.stringify(held.get(w.id) ?? null).includes(w.text)));
}

/** The item says in which epoch it was written last: a write that was carried out once says the one that acknowledged it. */
function doubled(journal: SwitchJournal, tables: readonly TableOf[]): string[] {
  return tables.flatMap(({ region, held }) =>
    acknowledged(journal).flatMap((w) => {
      const epoch = held.get(w.id)?.['holdfastEpoch']?.N;
      return epoch === undefined || Number(epoch) === w.epoch ? [] : [`${describeWrite(w)} is in ${region} with epoch ${epoch}`];
    }),
  );
}

function notMeasured(journal: SwitchJournal, isFaulty: boolean): string[] {
  const figures = switchFigures(journal);
  const unseen = (name: string, seconds: readonly (number | null)[]) => seconds.flatMap((s, n) => (s === null ? [`switch-over ${n + 1}: the customer ${name} was not seen on both sides`] : []));
  return [
    ...(journal.switches.length === 0 ? ['nothing was switched'] : []),
    ...(isFaulty ? [] : [...unseen('that follows', figures.followingSeconds), ...unseen('by DNS', figures.byDnsSeconds)]),
    ...journal.regions.flatMap(({ region, orders, divergent, reconciled }) =>
      orders === null || divergent === null || reconciled === null ? [`the tables of ${region} could not be read at the end`] : [],
    ),
    ...journal.switches.flatMap(({ holder, fault, from, to }) =>
      holder === null ? [`nobody held calmly again after the switch-over from ${from} to ${to} (${fault?.what ?? 'nothing was done to it'})`] : [],
    ),
    ...journal.switches.flatMap(({ fault, wasToBeStruck, from, to }) =>
      wasToBeStruck && fault === null ? [`nothing was done to the switch-over from ${from} to ${to}: its moment was not seen`] : [],
    ),
    ...(journal.regions.length < 2 ? ['fewer than two regions were read at the end'] : []),
  ];
}

function median(seconds: readonly (number | null)[]): number | null {
  const known = seconds.filter((s) => s !== null).toSorted((a, b) => a - b);
  if (known.length === 0 || known.length < seconds.length) return null;
  const [low = 0, high = 0] = [known[Math.floor((known.length - 1) / 2)], known[Math.ceil((known.length - 1) / 2)]];
  return (low + high) / 2;
}

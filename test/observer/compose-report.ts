// What goes into report.json: the figures, what they mean, what they were judged to be, and enough of the journal to doubt them.
import type { Clock } from './clock.ts';
import { acknowledgedWrites, chosenReadings, countsAsVerdict, divergentWritesFound, dualActiveSpans, epochOverAtMs, lostWrites } from './figures.ts';
import type { Attempt, GateSample, Journal } from './journal.ts';
import type { Played } from './play.ts';
import { ALL_DEFINITIONS, describeMachine, gitCommit } from './report.ts';
import { describeReconciliation } from './reconcile-verdicts.ts';
import type { Invariant } from './invariant.ts';
import { type Bar, type Figures, sampledShares } from './verdicts.ts';

const LISTED_WRITES_MAX = 200;
const SILENCE_TOLD_MS = 1000;

export interface Judged {
  readonly clock: Clock;
  readonly played: Played;
  readonly figures: Figures;
  readonly bars: readonly Bar[];
  readonly invariants: readonly Invariant[];
}

export function composeReport({ clock, played, figures, bars, invariants }: Judged): object {
  const { watch, journal } = played;
  const { attempts, readings, acceptors, fault, divergence } = journal;
  const lost = journal.atOpening === null ? [] : lostWrites(attempts, fault.epoch, journal.atOpening);
  const found = new Set(divergentWritesFound(lost, divergence).map((w) => w.id));
  const acknowledgedIds = new Set(acknowledgedWrites(attempts).map((w) => w.id));
  return {
    version: 1,
    fault: fault.kind,
    startedAt: clock.startedAt,
    commit: gitCommit(),
    machine: describeMachine(),
    ...roundedFigures(figures),
    dnsAnswers: watch.resolver.answers.map(({ atMs, answer }) => ({ atMs: Math.round(atMs), answer })),
    lostRegion: fault.region,
    newRegion: played.newRegion,
    times: {
      faultAtMs: fault.atMs,
      epochOverAtMs: epochOverAtMs(readings, acceptors, attempts, fault.epoch),
      openedAtMs: played.openedAtMs,
      returnedAtMs: journal.returnedAtMs,
      endedAtMs: played.endedAtMs,
    },
    invariants,
    bars,
    definitions: ALL_DEFINITIONS,
    writes: countOutcomes(attempts),
    lostWrites: lost.slice(0, LISTED_WRITES_MAX).map((w) => ({ id: w.id, answeredAtMs: w.answeredAtMs, isInDivergenceReport: found.has(w.id) })),
    divergentWritesNeverAcknowledged: [...divergence.keys()].filter((id) => !acknowledgedIds.has(id)).length,
    changes: countChanges(journal.revised),
    vault: describeVault(journal),
    controlPlanes: journal.controlPlanes,
    reconciliation: describeReconciliation(journal),
    dualActiveSpans: dualActiveSpans(journal.gateSamples),
    gates: describeGates(played),
    dns: { lookups: watch.resolver.lookups, failures: watch.resolver.failures },
    observer: { writesHeldBack: watch.writer.heldBack, timerDelayMs: watch.cpu.ownDelayMs(), registerReadsFailed: Object.fromEntries(watch.reader.failures) },
    timeline: composeTimeline(played),
    cpu: watch.cpu.looks,
  };
}

function countChanges({ changes }: Journal['revised']): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(changes, ({ outcome, text }) => `${text === null ? 'removals' : 'overwrites'} ${outcome}`)].map(([name, own]) => [name, own.length]));
}

function describeVault({ vault }: Journal): object | null {
  if (vault === null) return null;
  const { backup, attacks, restore } = vault;
  return { backup, attacks, restore: restore === null ? null : { ...restore, at: new Date(restore.atWallMs).toISOString(), stored: restore.stored?.size ?? null } };
}

function countOutcomes(attempts: readonly Attempt[]): Record<string, number> {
  const counts: Record<string, number> = { sent: 0, acknowledged: 0, refused: 0, unknown: 0, reads: 0 };
  for (const attempt of attempts) {
    const names = attempt.kind === 'read' ? ['reads'] : ['sent', attempt.outcome];
    for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function describeGates({ journal, watch, endedAtMs }: Played): Record<string, object> {
  const { readings, acceptors, attempts, fault } = journal;
  const shares = sampledShares(journal, epochOverAtMs(readings, acceptors, attempts, fault.epoch) ?? fault.atMs, endedAtMs);
  return Object.fromEntries(
    [...shares].map(([region, share]) => {
      const own = journal.gateSamples.filter((s) => s.region === region);
      const counted = own.filter(countsAsVerdict);
      return [
        region,
        {
          asked: own.length,
          counted: counted.length,
          open: counted.filter((s) => s.verdict === 'open').length,
          openButLate: own.filter((s) => s.verdict === 'open' && !countsAsVerdict(s)).length,
          heldBack: watch.sampler.heldBack.get(region) ?? 0,
          sampledShare: Math.round(share * 100) / 100,
        },
      ];
    }),
  );
}

/** Everything that changed, in the order in which the observer saw it. */
function composeTimeline({ journal, watch, events }: Played): { atMs: number; source: string; what: string }[] {
  const entries = [
    ...events.map(({ atMs, what }) => ({ atMs, source: 'observer', what })),
    ...watch.resolver.answers.map(({ atMs, answer }) => ({ atMs, source: 'dns', what: answer })),
    ...registerChanges(journal),
    ...[...new Set(journal.gateSamples.map((s) => s.region))].flatMap((region) => gateChanges(region, journal.gateSamples)),
  ];
  return entries.sort((a, b) => a.atMs - b.atMs).map((entry) => ({ ...entry, atMs: Math.round(entry.atMs) }));
}

function registerChanges({ readings, acceptors }: Journal): { atMs: number; source: string; what: string }[] {
  let last = '';
  return chosenReadings(readings, acceptors).flatMap((r) => {
    const successor = r.successor === null ? '' : `, successor ${r.successor}`;
    const what = `${r.state}, holder ${r.holder}, epoch ${r.epoch}, attempt ${r.attempt}${successor}`;
    if (what === last) return [];
    last = what;
    return [{ atMs: r.atMs, source: 'register', what }];
  });
}

/** When each gate changed its word; a silence is told only where it lasted. */
function gateChanges(region: string, samples: readonly GateSample[]): { atMs: number; source: string; what: string }[] {
  const changes: { atMs: number; source: string; what: string }[] = [];
  let silentSinceMs: number | null = null;
  for (const s of samples.filter((own) => own.region === region).sort((a, b) => a.sentAtMs - b.sentAtMs)) {
    const isVerdict = countsAsVerdict(s);
    silentSinceMs = isVerdict ? null : (silentSinceMs ?? s.sentAtMs);
    if (silentSinceMs !== null && s.sentAtMs - silentSinceMs < SILENCE_TOLD_MS) continue;
    const what = isVerdict ? s.verdict : 'silent';
    if (changes.at(-1)?.what !== what) changes.push({ atMs: silentSinceMs ?? s.sentAtMs, source: `gate ${region}`, what });
  }
  return changes;
}

function roundedFigures(figures: Figures): Record<string, number | null> {
  return Object.fromEntries(Object.entries(figures).map(([name, value]: [string, number | null]) => [name, value === null ? null : Math.round(value * 1000) / 1000]));
}

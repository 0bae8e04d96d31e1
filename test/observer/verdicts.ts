// What the figures are held against. An invariant that is broken fails the run, with the evidence; a bar that is missed is shown beside it,
// because a slow machine can miss a bar but cannot break an invariant.
import * as figures from './figures.ts';
import { judgeControlPlanes } from './control-planes.ts';
import { describeWrite, type Invariant, invariant, ms, oneRegionAtATime } from './invariant.ts';
import type { Journal } from './journal.ts';
import { judgeReconciliation } from './reconcile-verdicts.ts';
import { unaccountedChanges } from './restored-state.ts';
import { computeVaultFigures, judgeVault, type VaultFigures } from './vault-verdicts.ts';

/**
 * Below this share of the samples that were due, a `dualActiveMs` of zero means nothing. Low, for a slow machine must not fail a run: one
 * sample in five still sees any overlap of half a second. The share itself is in the report.
 */
export const SAMPLED_SHARE_MIN = 0.2;
const LEASE_SECONDS = 20;

export interface Figures extends VaultFigures {
  readonly detectSeconds: number | null;
  readonly detectFirstSightingSeconds: number | null;
  readonly rtoSeconds: number | null;
  readonly writesLost: number | null;
  readonly rpoSeconds: number | null;
  readonly divergentWritesFound: number | null;
  readonly dualActiveMs: number;
  readonly staleEpochWritesAccepted: number;
  readonly writesUnaccounted: number | null;
  readonly changesUnaccounted: number | null;
  readonly writesAcknowledged: number;
}

export interface Bar {
  readonly figure: keyof Figures;
  readonly value: number | null;
  readonly atMost: number;
  readonly isMet: boolean;
}

export function computeFigures(journal: Journal): Figures {
  const { attempts, readings, acceptors, fault, atOpening, atEnd, divergence, revised } = journal;
  const lost = atOpening === null ? null : figures.lostWrites(attempts, fault.epoch, atOpening);
  const stale = figures.staleEpochWrites(readings, acceptors, attempts);
  return {
    detectSeconds: figures.detectSeconds(readings, acceptors, fault),
    detectFirstSightingSeconds: figures.detectFirstSightingSeconds(readings, fault),
    rtoSeconds: figures.rtoSeconds(attempts, fault.epoch),
    writesLost: lost === null ? null : lost.length,
    rpoSeconds: atOpening === null ? null : figures.rpoSeconds(attempts, fault.epoch, atOpening),
    divergentWritesFound: lost === null ? null : figures.divergentWritesFound(lost, divergence).length,
    dualActiveMs: figures.dualActiveMs(journal.gateSamples),
    staleEpochWritesAccepted: stale.inFlight.length + stale.sentAfter.length,
    writesUnaccounted: atEnd === null ? null : figures.unaccountedWrites(attempts, atEnd, divergence).length,
    changesUnaccounted: revised.atEnd === null ? null : unaccountedChanges(revised.changes, revised.atEnd, revised.divergence).length,
    writesAcknowledged: figures.acknowledgedWrites(attempts).length,
    ...computeVaultFigures(journal),
  };
}

/**
 * @param endedAtMs when the watch ended
 * @param watchAfterReturnMs how long the returned region had to be watched
 */
export function judgeInvariants(journal: Journal, endedAtMs: number, watchAfterReturnMs: number): Invariant[] {
  const { attempts, readings, acceptors, fault, atOpening, atEnd, divergence } = journal;
  const overAtMs = figures.epochOverAtMs(readings, acceptors, attempts, fault.epoch);
  const stale = figures.staleEpochWrites(readings, acceptors, attempts);
  const staleUnlisted = stale.inFlight.filter((w) => figures.divergentWritesFound([w], divergence).length === 0);
  const lost = atOpening === null ? [] : figures.lostWrites(attempts, fault.epoch, atOpening);
  const servedAgain = overAtMs === null ? [] : figures.gateOpenAfterEpochOver(journal.gateSamples, fault.region, overAtMs);
  const acknowledgedAgain = stale.sentAfter.filter((w) => w.region === fault.region);
  const vault = judgeVault(journal);
  const planes = judgeControlPlanes(journal);
  const reconciled = judgeReconciliation(journal);
  return [
    oneRegionAtATime(journal.gateSamples),
    invariant(
      'no write of an old epoch',
      `${stale.inFlight.length} writes were in flight when their epoch ended, each is in the divergence report`,
      [...stale.sentAfter, ...staleUnlisted].map(describeWrite),
      'writes of an epoch that was over were acknowledged: sent after its end, or in flight and not in the divergence report',
    ),
    invariant(
      'nothing acknowledged is lost in silence',
      'every acknowledged write, overwrite and removal is in the new region or in the divergence report',
      unaccounted(journal),
      'acknowledged writes are in neither the new region nor the divergence report',
    ),
    invariant(
      'nothing merges by itself',
      'no lost write came into the new region after it had opened',
      atEnd === null ? [] : figures.writesMergedLater(lost, atEnd).map(describeWrite),
      'writes of the old epoch came into the new region after it had opened',
    ),
    invariant(
      'the lost region stays out',
      `${fault.region} served nothing after its epoch was over`,
      [...servedAgain.map((s) => `its gate said 200 to a question sent at ${ms(s.sentAtMs)}, answered at ${ms(s.answeredAtMs)}`), ...acknowledgedAgain.map(describeWrite)],
      `${fault.region} served again after its epoch was over`,
    ),
    invariant(
      'only the holder writes',
      'every write was acknowledged by the region that held its epoch',
      figures.writesByNonHolder(readings, acceptors, attempts).map(describeWrite),
      'writes were acknowledged by a region that did not hold the epoch which it named',
    ),
    ...(journal.controlPlanes === null
      ? []
      : [
          invariant(
            'no control plane was needed',
            `nothing of the failover asked for one while all were away${planes.ofVault === 0 ? '' : `; ${planes.ofVault} calls of backups and checks did and were refused`}`,
            planes.evidence,
            'a control plane was asked for, or nobody can tell',
          ),
        ]),
    ...(journal.vault === null
      ? []
      : [
          invariant(
            'the restored table is that moment',
            'every order is in the restored table as the journal says it was at that moment',
            vault.restored,
            'orders in the restored table are not as they were at that moment',
          ),
          invariant('locked copies withstand an administrator', `the store refused each of ${journal.vault.attacks.length} attacks`, vault.withstood, 'attacks on locked versions were not refused'),
        ]),
    ...reconciled.judgements.map(({ name, heldBecause, brokenBecause, evidence }) => invariant(name, heldBecause, evidence, brokenBecause)),
    invariant(
      'the run measured what it claims',
      'the fault, the take-over and the return were all watched',
      [...missingMeasurements(journal, overAtMs, endedAtMs, watchAfterReturnMs), ...vault.notMeasured, ...reconciled.notMeasured],
      'the run did not see all that it should',
    ),
  ];
}

function unaccounted({ attempts, atEnd, divergence, revised }: Journal): string[] {
  if (atEnd === null || revised.atEnd === null) return ['the tables were not read at the end'];
  const changes = unaccountedChanges(revised.changes, revised.atEnd, revised.divergence);
  return [
    ...figures.unaccountedWrites(attempts, atEnd, divergence).map(describeWrite),
    ...changes.map(({ id, text, sentAtMs, answeredAtMs }) => `${id} ${text === null ? 'removed' : 'overwritten'}, sent at ${ms(sentAtMs)}, acknowledged at ${ms(answeredAtMs)}`),
  ];
}

/** What was not seen: a run that never failed over must not pass as one without losses. */
function missingMeasurements(journal: Journal, overAtMs: number | null, endedAtMs: number, watchAfterReturnMs: number): string[] {
  const missing: string[] = [];
  if (overAtMs === null) missing.push('no later epoch was ever seen: there was no failover');
  if (journal.atOpening === null) missing.push('the new region never opened within the limit');
  if (figures.rtoSeconds(journal.attempts, journal.fault.epoch) === null) missing.push('no acknowledged write on both sides of the failover');
  if (journal.returnedAtMs === null) missing.push('the lost region did not come back');
  else if (endedAtMs - journal.returnedAtMs < watchAfterReturnMs) missing.push(`the returned region was watched for less than ${watchAfterReturnMs / 1000} s`);
  for (const [region, share] of sampledShares(journal, overAtMs ?? endedAtMs, endedAtMs)) {
    if (overAtMs !== null && share < SAMPLED_SHARE_MIN) missing.push(`the gate of ${region} gave a verdict for only ${Math.round(share * 100)} % of the samples due`);
  }
  return missing;
}

/**
 * The share of due samples that brought a verdict, by region, while two regions could be active at once: from the end of the lost epoch on,
 * and of the lost region only once it is back.
 */
export function sampledShares(journal: Journal, overAtMs: number, endedAtMs: number): Map<string, number> {
  const shares = new Map<string, number>();
  for (const region of new Set(journal.gateSamples.map((s) => s.region))) {
    const fromMs = region === journal.fault.region ? Math.max(overAtMs, journal.returnedAtMs ?? endedAtMs) : overAtMs;
    const counted = journal.gateSamples.filter((s) => s.region === region && s.sentAtMs >= fromMs && figures.countsAsVerdict(s)).length;
    const due = (endedAtMs - fromMs) / figures.GATE_SAMPLE_INTERVAL_MS;
    shares.set(region, due < 1 ? 1 : counted / due);
  }
  return shares;
}

export function judgeBars(kind: Journal['fault']['kind'], value: Figures): Bar[] {
  const bar = (figure: keyof Figures, atMost: number): Bar => {
    const measured = value[figure];
    return { figure, value: measured, atMost, isMet: measured !== null && measured <= atMost };
  };
  return [
    ...(kind === 'sick' ? [] : [bar('detectSeconds', 35)]),
    bar('rtoSeconds', 80),
    // A cut-off holder rightly acknowledges until its deadline, unshipped.
    bar('rpoSeconds', kind === 'partition' ? LEASE_SECONDS + 5 : 10),
  ];
}

// The group's picture, put together from what each region says: who holds the lease, who is well in whose eyes, what is behind,
// what happened last. Figures are measured ones; what is not known is null.
import { figuresOf, type TestedFigures } from '../core/backup/test-evidence.ts';
import { judgeWindow, judgeCandidates, staleAfterTicks, type Judgement } from '../core/health/verdict.ts';
import type { CandidateWindow, Vantage } from '../core/health/vantage.ts';
import { fieldOf } from '../core/failover/event-field.ts';
import { executionName } from '../core/failover/runbook.ts';
import { numberOf } from '../core/register/configuration.ts';
import type { Sighting } from '../core/register/sighting.ts';
import { reservedEpoch, type RegisterValue, type Transition } from '../core/register/value.ts';
import type { RuntimeConfig } from '../config/runtime-config.ts';
import { concludeRows } from './group-register.ts';
import { testsLooked } from './backup-status.ts';
import { switchFigures, textOf, type SwitchFigures } from './switch-figures.ts';
import type { ApprovalStatus, RegionReading, RegionStatus } from './region-status.ts';

export type HealthStatus = {
  readonly region: string;
  readonly liveness: Judgement;
  readonly readiness: Judgement;
  readonly seenFrom: readonly {
    readonly region: string;
    /** Its governor has not ticked for some ticks: its view counts for nobody. */
    readonly isStale: boolean;
    readonly liveness: Judgement['kind'];
    readonly readiness: Judgement['kind'];
    readonly score: number;
    readonly latencyMs: number | null;
    readonly because: string;
  }[];
};

export type LastFailover = {
  readonly execution: string;
  readonly target: string;
  readonly decidedBy: string;
  readonly decidedBecause: string;
  readonly isValidated: boolean;
  readonly takenAtMs: number | null;
  readonly openedAtMs: number | null;
  readonly takenToOpenedSeconds: number | null;
  readonly openedToDnsSeconds: number | null;
  readonly appliedItems: number | null;
  readonly loss: unknown;
  /** What failed on the way, as the state machine said it; null where nothing did. */
  readonly failure: unknown;
  readonly dnsFailure: unknown;
};

export type LastSwitch = SwitchFigures & { readonly name: string; readonly from: string; readonly to: string; readonly by: string; readonly reason: string; readonly reportedAtMs: number };

export type GroupStatus = {
  readonly group: string;
  readonly mode: RuntimeConfig['mode'];
  readonly isFenced: boolean;
  readonly register: {
    /** `chosen`: certain · `newest`, `minority`: may never have been chosen · `nothing`: no acceptor answered. */
    readonly certainty: Sighting['kind'];
    readonly answered: readonly string[];
    readonly silent: readonly string[];
    /** Answered with an older value; a change in progress, or a region that was away. */
    readonly behind: readonly string[];
    /** Answered and vote in an older set still: they move as soon as they are met. */
    readonly notMoved: readonly string[];
    /** Who votes, as the register says; the founders' set is number 0. */
    readonly voters: { readonly number: number; readonly regions: readonly string[] };
    /** Decided, and not in force yet. */
    readonly nextVoters: readonly string[] | null;
  };
  /** Null when no acceptor answered. */
  readonly value: RegisterSummary | null;
  /** Of the holder's own lease row; null where that region does not answer. */
  readonly leaseLeftSeconds: number | null;
  readonly regions: readonly RegionStatus[];
  readonly health: readonly HealthStatus[];
  readonly approval: ApprovalStatus | null;
  readonly lastFailover: LastFailover | null;
  /** The newest planned switch-over that came to its report. */
  readonly lastSwitch: LastSwitch | null;
  /** Of the restore tests of all regions that were read; null where there was none yet, or the group has no vault. */
  readonly restoreTests: TestedFigures | null;
};

export type RegisterSummary = Pick<
  RegisterValue,
  'state' | 'holder' | 'epoch' | 'attempt' | 'attemptsSpent' | 'renewable' | 'released' | 'successor' | 'planned' | 'because' | 'paused' | 'regions'
> & {
  /** The failover under way, by the name of its execution. */
  readonly execution: string | null;
  readonly transitions: readonly Transition[];
};

export function groupStatus(config: RuntimeConfig, readings: readonly RegionReading[]): GroupStatus {
  const acceptors = readings.flatMap((r) => r.acceptor ?? []);
  const sighting = concludeRows(config, acceptors);
  const value = sighting.kind === 'nothing' ? null : sighting.value;
  const inForce = sighting.kind === 'nothing' ? undefined : sighting.voters;
  const voting = inForce?.acceptors.map((a) => a.region) ?? config.voters.map((v) => v.region);
  const answered = acceptors.map((a) => a.region).filter((region) => voting.includes(region));
  const regions = readings.map((r) => ({ ...r.status, lag: r.status.lag.map((lag) => ({ ...lag, notReceivedItems: notReceived(readings, r, lag.origin) })) }));
  return {
    group: config.group,
    mode: config.mode,
    isFenced: config.isFenced,
    register: {
      certainty: sighting.kind,
      answered,
      silent: voting.filter((region) => !answered.includes(region)),
      behind: sighting.kind === 'nothing' ? [] : acceptors.filter((a) => voting.includes(a.region) && a.acceptedBallot !== sighting.ballot).map((a) => a.region),
      notMoved: acceptors.filter((a) => voting.includes(a.region) && a.configuration.id !== inForce?.id).map((a) => a.region),
      voters: { number: inForce === undefined ? 0 : numberOf(inForce), regions: voting },
      nextVoters: value?.nextConfig === undefined || value.nextConfig.id === inForce?.id ? null : value.nextConfig.acceptors.map((a) => a.region),
    },
    value: value === null ? null : summary(value),
    leaseLeftSeconds: leaseLeft(regions, value),
    regions,
    health: health(config, readings),
    approval: pendingApproval(readings, value),
    lastFailover: lastFailover(readings),
    lastSwitch: lastSwitch(readings),
    restoreTests: figuresOf(
      regions.flatMap((region) => region.backups?.restoreTests ?? []),
      testsLooked,
    ),
  };
}

function summary(value: RegisterValue): RegisterSummary {
  const { state, holder, epoch, attempt, attemptsSpent, renewable, released, successor, planned, because, paused, regions, transitions } = value;
  const isUnderWay = state === 'failing-over' || state === 'failed';
  return {
    state,
    holder,
    epoch,
    attempt,
    attemptsSpent,
    renewable,
    released,
    successor,
    ...(planned === undefined ? {} : { planned }),
    because,
    paused,
    regions,
    transitions,
    execution: isUnderWay ? executionName(reservedEpoch(value), attempt) : null,
  };
}

function leaseLeft(regions: readonly RegionStatus[], value: RegisterValue | null): number | null {
  const lease = regions.find((r) => r.region === value?.holder)?.lease;
  return lease === undefined || lease === null || lease.epoch !== value?.epoch ? null : lease.leftSeconds;
}

function notReceived(readings: readonly RegionReading[], to: RegionReading, origin: string): number | null {
  const written = readings.find((r) => r.status.region === origin)?.heads[origin];
  const received = to.heads[origin];
  return written === undefined || received === undefined ? null : Math.max(0, written - received);
}

function health(config: RuntimeConfig, readings: readonly RegionReading[]): HealthStatus[] {
  const staleSeconds = (staleAfterTicks * config.timing.tickMs) / 1000;
  const seen = readings.flatMap(({ vantage, status }) => (vantage === null ? [] : [{ vantage, isStale: status.lastTickSecondsAgo === null || status.lastTickSecondsAgo > staleSeconds }]));
  const verdicts = judgeCandidates(
    seen.filter((s) => !s.isStale).map((s) => s.vantage),
    config,
  );
  return verdicts.map(({ region, liveness, readiness }) => ({
    region,
    liveness,
    readiness,
    seenFrom: seen.flatMap(({ vantage, isStale }) => {
      const window = vantage.candidates[region];
      return window === undefined ? [] : [{ ...viewOf(config, vantage, window), isStale }];
    }),
  }));
}

function viewOf(config: RuntimeConfig, vantage: Vantage, window: CandidateWindow) {
  return {
    region: vantage.region,
    liveness: judgeWindow(window.liveness, config.policy.liveness),
    readiness: judgeWindow(window.readiness, config.policy.readiness),
    score: Math.round(window.score * 100) / 100,
    latencyMs: window.latencyMs,
    because: window.because,
  };
}

/** The one that the register's failover waits for; an older row was answered, or is over. */
export function pendingApproval(readings: readonly RegionReading[], value: RegisterValue | null): ApprovalStatus | null {
  const found = pendingReading(readings, value);
  if (found === null) return null;
  const { taskToken: _token, ...approval } = found;
  return approval;
}

export function pendingReading(readings: readonly RegionReading[], value: RegisterValue | null): NonNullable<RegionReading['approval']> | null {
  if (value === null || (value.state !== 'failing-over' && value.state !== 'failed') || value.successor !== null) return null;
  const target = readings.find((r) => r.status.region === value.holder);
  const { approval, status } = target ?? { approval: null, status: null };
  const isWaiting = approval !== null && approval.epoch === value.epoch && approval.attempt === value.attempt;
  return isWaiting && status?.runbook?.execution === executionName(value.epoch, value.attempt) && status.runbook.step === 'AwaitApproval' ? approval : null;
}

function lastFailover(readings: readonly RegionReading[]): LastFailover | null {
  const reports = readings.flatMap(({ report }) => {
    const epoch = fieldOf(report, 'epoch');
    return typeof epoch === 'number' ? [{ report, epoch }] : [];
  });
  const [newest] = reports.toSorted((a, b) => b.epoch - a.epoch);
  if (newest === undefined) return null;
  const { report, epoch } = newest;
  const number = (from: unknown, name: string) => {
    const found = fieldOf(from, name);
    return typeof found === 'number' ? found : null;
  };
  const [takenAtMs, openedAtMs] = [number(report, 'takenAtMs'), number(report, 'openedAtMs')];
  return {
    execution: executionName(epoch, number(report, 'attempt') ?? 0),
    target: String(fieldOf(report, 'target')),
    decidedBy: String(fieldOf(report, 'decidedBy')),
    decidedBecause: String(fieldOf(report, 'decidedBecause')),
    isValidated: fieldOf(report, 'isValidated') === true,
    takenAtMs,
    openedAtMs,
    takenToOpenedSeconds: between(takenAtMs, openedAtMs),
    openedToDnsSeconds: between(openedAtMs, number(fieldOf(report, 'dns'), 'answeredAtMs')),
    appliedItems: number(report, 'applied'),
    loss: fieldOf(report, 'loss') ?? null,
    failure: fieldOf(report, 'failure') ?? null,
    dnsFailure: fieldOf(report, 'dnsFailure') ?? null,
  };
}

function lastSwitch(readings: readonly RegionReading[]): LastSwitch | null {
  const reports = readings.flatMap(({ switchReport: report }) => {
    const epoch = fieldOf(report, 'epoch');
    return typeof epoch === 'number' ? [{ report, epoch }] : [];
  });
  const [newest] = reports.toSorted((a, b) => b.epoch - a.epoch);
  if (newest === undefined) return null;
  const { report } = newest;
  const text = (name: string) => textOf(report, name);
  return {
    ...switchFigures(report),
    name: text('execution'),
    from: text('holder'),
    to: text('target'),
    by: text('by'),
    reason: text('reason'),
    reportedAtMs: Number(fieldOf(report, 'reportedAtMs') ?? 0),
  };
}

/** Both by one region's clock. */
function between(fromMs: number | null, toMs: number | null): number | null {
  return fromMs === null || toMs === null ? null : Math.round((toMs - fromMs) / 100) / 10;
}

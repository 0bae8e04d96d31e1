// What one region says of itself: all its rows read in parallel, each on its own, so that a region of which only half answers
// is shown as just that. Reading changes nothing and prepares nothing.
import { fenceRunPk, parseFenceRun, shownFence, type FenceShown } from '../core/fences/fence-rows.ts';
import { parseVantage, type Vantage } from '../core/health/vantage.ts';
import { failoverKey } from '../core/failover/runbook.ts';
import { switchReports } from '../core/failover/switch-over.ts';
import { isActingAt, isLeaseOpen, leaseKey, parseLeaseRow, type LeaseRow } from '../core/lease/lease-rows.ts';
import { candidatesOf } from '../core/policy.ts';
import { parseAcceptorRow, registerKey } from '../core/register/acceptor-rows.ts';
import type { VotingRow } from '../core/register/sighting.ts';
import type { Row, RowKey } from '../core/rows/row.ts';
import { measureLag } from '../operations/apply-log.ts';
import { approvalKey } from '../operations/await-approval.ts';
import { vantageKey } from '../operations/watch.ts';
import type { ClockSample } from '../ports/environment.ts';
import { backupsStatus, readBackups, type BackupsStatus } from './backup-status.ts';
import { integrityStatus, readIntegrity, type IntegrityStatus } from './integrity-status.ts';
import type { Connection, RegionConnection } from './connection.ts';

export type LeaseStatus = {
  readonly epoch: number;
  /** `open`: acts now · `lapsed`: was opened, its deadline is past · `shut`: not opened in this epoch, or closed for good. */
  readonly gate: 'open' | 'lapsed' | 'shut';
  /** Until the row's deadline by this region's own clock, to a second; negative once it is past. */
  readonly leftSeconds: number;
};

/** How far this region is behind what `origin` wrote. */
export type LagStatus = {
  readonly origin: string;
  /** Received here and not applied: how many changes, and how old the oldest is. Null in a witness, which applies nothing. */
  readonly notAppliedItems: number | null;
  readonly notAppliedSeconds: number | null;
  /** In the origin's own log and not received here; null where the origin does not answer. */
  notReceivedItems: number | null;
};

export type ApprovalStatus = { readonly region: string; readonly epoch: number; readonly attempt: number; readonly loss: unknown; readonly askedSecondsAgo: number };

/** A write of `origin` in an epoch that was over, found after this region had opened in a newer one; the items as DynamoDB's JSON. */
export type DivergenceItem = {
  readonly origin: string;
  readonly epoch: number;
  readonly key: string;
  /** Null: `origin` deleted it. */
  readonly theirs: unknown;
  /** Null: there is none here. */
  readonly ours: unknown;
  readonly theirsAtMs: number;
  readonly foundAtMs: number;
};

export type RegionStatus = {
  readonly region: string;
  readonly role: 'candidate' | 'witness';
  /** Whether any of its rows could be read. */
  readonly isReachable: boolean;
  /** What could not be read, and why. */
  readonly problems: readonly string[];
  readonly lease: LeaseStatus | null;
  readonly lastTickSecondsAgo: number | null;
  readonly runbook: { readonly execution: string; readonly step: string; readonly startedSecondsAgo: number } | null;
  /** In the modes `observe` and `advise`: what it would have done. */
  readonly shadow: { readonly decision: unknown; readonly secondsAgo: number } | null;
  readonly lag: readonly LagStatus[];
  readonly divergence: { readonly items: readonly DivergenceItem[]; readonly isComplete: boolean };
  /** Null in a witness, where the group has no vault, and where the rows cannot be read. */
  readonly backups: BackupsStatus | null;
  /** Of the vault; null as `backups` is. */
  readonly integrity: IntegrityStatus | null;
  /** What this region ran to stop others, and is not undone. */
  readonly fences: readonly FenceShown[];
};

/** What the group's picture is made from, beside the region's own. */
export type RegionReading = {
  readonly status: RegionStatus;
  readonly acceptor: VotingRow | null;
  readonly vantage: Vantage | null;
  readonly approval: (ApprovalStatus & { readonly taskToken: string }) | null;
  readonly report: unknown;
  /** Of the newest switch-over into this region. */
  readonly switchReport: unknown;
  /** Numbers of the last record of each origin's log that is kept here. */
  readonly heads: Readonly<Record<string, number>>;
};

/** A report that is longer than this is shown to be longer; nobody reads a thousand items in a terminal. */
export const divergenceItemsMax = 1000;
const fencesShown = 200;

export async function readRegion(connection: Connection, from: RegionConnection): Promise<RegionReading> {
  const { config, clock } = connection;
  const { region, role, rows } = from;
  const isCandidate = role === 'candidate';
  const problems: string[] = [];
  let isReachable = false;
  const read = async <T>(what: string, call: () => Promise<T>): Promise<T | null> => {
    try {
      const answer = await call();
      isReachable = true;
      return answer;
    } catch (error) {
      problems.push(`${what}: ${describe(error)}`);
      return null;
    }
  };
  const get = async (what: string, key: RowKey) => read(what, async () => (await rows.get(key)) ?? null);
  const ofCandidate = async <T>(call: () => Promise<T | null>): Promise<T | null> => (isCandidate ? call() : null);
  const origins = candidatesOf(config).filter((origin) => origin !== region || isCandidate);

  const [register, vantageRow, tick, shadow, lease, runbook, approval, reports, switches, divergence, heads, lag, backups, integrity, fenceRows] = await Promise.all([
    read('register row', async () => (await (from.replica ?? rows).get(registerKey(config.group))) ?? null),
    get('vantage row', vantageKey(config.group)),
    get('tick row', { table: 'region', pk: 'TICK', sk: '#' }),
    get('shadow row', { table: 'region', pk: 'SHADOW', sk: '#' }),
    ofCandidate(() => get('lease row', leaseKey)),
    ofCandidate(() => get('runbook row', failoverKey)),
    ofCandidate(() => get('approval row', approvalKey)),
    ofCandidate(() => read('reports', () => from.list.list('REPORT', 1, 'newest-first'))),
    ofCandidate(() => read('switch-over reports', () => from.list.list(switchReports, 1, 'newest-first'))),
    ofCandidate(() => read('divergence report', () => from.list.list('DIVERGENCE', divergenceItemsMax + 1, 'oldest-first'))),
    Promise.all(origins.map(async (origin) => ({ origin, head: await read(`log of ${origin}`, () => from.log.head(origin)) }))),
    ofCandidate(() =>
      Promise.all(origins.filter((o) => o !== region).map(async (origin) => ({ origin, lag: await read(`lag behind ${origin}`, () => measureLag(rows, from.log, origin, clock.nowMs())) }))),
    ),
    ofCandidate(async () => (config.vault === undefined ? null : readBackups(from, config.tables.data, read))),
    ofCandidate(async () => (config.vault === undefined ? null : readIntegrity(from, read))),
    ofCandidate(() => read('fences', () => from.list.list(fenceRunPk, fencesShown, 'oldest-first'))),
  ]);

  const nowMs = regionNowMs(from.clockSamples.recent(), clock.nowMs());
  const agoSeconds = (row: Row | null, name: string) => (typeof row?.[name] === 'number' && row[name] > 0 ? seconds(nowMs - row[name]) : null);
  const parse = <R, T>(found: R | null, parser: (present: R) => T): T | null => {
    if (found === null) return null;
    try {
      return parser(found);
    } catch (error) {
      problems.push(describe(error));
      return null;
    }
  };
  const rowsOfDivergence = divergence ?? [];
  return {
    status: {
      region,
      role,
      isReachable,
      // Where nothing answers, it is always the same sentence.
      problems: isReachable ? problems : [...new Set(problems.map((p) => p.slice(p.indexOf(': ') + 2)))],
      lease: parse(lease, (row) => leaseStatus(parseLeaseRow(row), nowMs)),
      lastTickSecondsAgo: agoSeconds(tick, 'claimedAtMs'),
      runbook: parse(runbook, runbookStatus(nowMs)),
      shadow: parse(shadow, (row) => ({ decision: json(row['decision']), secondsAgo: seconds(nowMs - Number(row['atMs'] ?? 0)) })),
      lag: heads.filter(({ origin }) => origin !== region).map(({ origin }) => lagStatus(origin, lag?.find((l) => l.origin === origin)?.lag ?? null)),
      divergence: { items: rowsOfDivergence.slice(0, divergenceItemsMax).map(divergenceItem), isComplete: divergence !== null && rowsOfDivergence.length <= divergenceItemsMax },
      backups: parse(backups, (found) => backupsStatus(found, nowMs)),
      integrity: isReachable ? parse(integrity, (found) => integrityStatus(found, nowMs)) : null,
      fences: parse(fenceRows, (found) => found.map((row) => shownFence(parseFenceRun(row))).filter(({ state }) => state !== 'undone')) ?? [],
    },
    acceptor: parse(register, (row) => parseAcceptorRow(region, row)),
    vantage: parse(vantageRow, (row) => (typeof row['vantage'] === 'string' && row['vantage'] !== '' ? parseVantage(region, row['vantage']) : null)),
    approval: parse(approval, (row) => approvalOf(region, row, nowMs)),
    report: parse(reports?.[0] ?? null, (row) => json(row['report'])),
    switchReport: parse(switches?.[0] ?? null, (row) => json(row['report'])),
    heads: Object.fromEntries(heads.flatMap(({ origin, head }) => (head === null ? [] : [[origin, head.sequence]]))),
  };
}

function leaseStatus(row: LeaseRow, nowMs: number): LeaseStatus {
  return { epoch: row.epoch, gate: isActingAt(row, nowMs) ? 'open' : isLeaseOpen(row) ? 'lapsed' : 'shut', leftSeconds: seconds(row.untilAtMs - nowMs) };
}

function runbookStatus(nowMs: number) {
  return (row: Row) =>
    Number(row['epoch'] ?? 0) === 0 ? null : { execution: `fo-${row['epoch']}-${row['attempt']}`, step: String(row['step']), startedSecondsAgo: seconds(nowMs - Number(row['startedAtMs'] ?? 0)) };
}

function lagStatus(origin: string, lag: { readonly items: number; readonly ageMs: number } | null): LagStatus {
  return { origin, notAppliedItems: lag?.items ?? null, notAppliedSeconds: lag === null ? null : seconds(lag.ageMs), notReceivedItems: null };
}

function approvalOf(region: string, row: Row, nowMs: number) {
  return {
    region,
    taskToken: String(row['taskToken']),
    epoch: Number(row['epoch']),
    attempt: Number(row['attempt']),
    loss: json(row['loss']),
    askedSecondsAgo: seconds(nowMs - Number(row['askedAtMs'] ?? 0)),
  };
}

function divergenceItem(row: Row): DivergenceItem {
  const [origin = '', epoch = ''] = String(row['sk']).split('#');
  return {
    origin,
    epoch: Number(epoch),
    key: String(row['itemKey']),
    theirs: json(row['theirs']),
    ours: json(row['ours']),
    theirsAtMs: Number(row['theirsAtMs']),
    foundAtMs: Number(row['foundAtMs']),
  };
}

/** The region's time, from what its answers said (`Date`, whole seconds); the caller's where that is as good. */
export function regionNowMs(samples: readonly ClockSample[], nowMs: number): number {
  if (samples.length === 0) return nowMs;
  const low = Math.max(...samples.map((s) => s.dateMs - s.receivedAtMs));
  const high = Math.min(...samples.map((s) => s.dateMs + 1000 - s.sentAtMs));
  return low <= 0 && high >= 0 ? nowMs : nowMs + (low + high) / 2;
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}

function json(text: unknown): unknown {
  if (typeof text !== 'string') return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What went wrong with a call, in one line a person can act on. */
export function describe(error: unknown): string {
  const [name, message] = error instanceof Error ? [error.name, error.message] : ['Error', String(error)];
  const what = name === 'Error' ? message : `${name}: ${message}`;
  if (name === 'ResourceNotFoundException') return `${what} (is the stack deployed there, and is this its account?)`;
  return what;
}

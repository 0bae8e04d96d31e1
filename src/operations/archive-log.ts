// ArchiveLog: what the logs hold beyond the newest point goes into the vault, each minute, so that any second can be restored. Where
// nothing was logged, a row says so, and no point is made.
import { archived } from '../core/backup/backup-rows.ts';
import type { CommittedPoint } from '../core/backup/backup-plan.ts';
import { chainToContinue, parentIn, type Chain } from '../core/backup/chains.ts';
import { throughOf } from '../core/backup/coverage.ts';
import { nextPoint } from '../core/backup/next-point.ts';
import type { PointFacts, Quiet } from '../core/backup/point-facts.ts';
import { coveredThrough, furthest, positionsOf, samePositions } from '../core/backup/settle.ts';
import { MalformedError } from '../core/errors.ts';
import { TablePoints } from './backup-facts.ts';
import { gapIn, planOf } from './backup-plan.ts';
import { goOnWith } from './broken-chain.ts';
import { commitBackup } from './backup-commit.ts';
import { writeBackupPart } from './backup-part.ts';
import { isOpenAt, readLease, readLogEnds, type BackupPorts } from './backup-ports.ts';

export type Archived = {
  readonly acts: boolean;
  readonly because: string;
  /** Of the newest chain; null where there is none. */
  readonly throughMs: number | null;
  readonly points: readonly CommittedPoint[];
};

/** @param isForced somebody waits for it (a restore): it acts wherever it is, with what this region has of the logs. */
export async function archiveLog(ports: BackupPorts, points: TablePoints, isForced: boolean): Promise<Archived> {
  const { clock, settings, me } = ports;
  const startedAtMs = Math.round(clock.nowMs());
  const lease = await readLease(ports);
  const isOpenHere = isOpenAt(lease, startedAtMs);
  if (!isOpenHere && !isForced) return { acts: false, because: `${me} is not open: the open region archives the logs`, throughMs: null, points: [] };
  const chains = await points.chains();
  const newest = chainToContinue(chains);
  if (newest === undefined || newest.base === null) return { acts: false, because: 'there is no full backup yet that the log could go on from', throughMs: null, points: [] };
  const going = await goOnWith(ports, points, newest, 'log');
  if (going.kind === 'not') return { acts: false, because: `${going.because}: the next backup rebuilds it from the log, or begins a new one`, throughMs: null, points: [] };
  // Asked before the ends are read: what is in the log by then is before them.
  const ends = await readLogEnds(ports);
  const tip = await points.facts(parentIn(newest, 'log') ?? newest.base);
  const quiet: Quiet = { region: me, positions: furthest(tip.positions, positionsOf(ends)), throughMs: coveredThrough(ends, startedAtMs, isOpenHere) };
  const made: CommittedPoint[] = [];
  for (const { chain, last } of await needing(points, chains, newest, tip, quiet)) {
    const gap = await gapIn(ports, last.positions);
    const next = nextPoint('log', { last: await points.lastOf(chain, parentIn(chain, 'log')), epoch: lease.epoch, gap, nowMs: startedAtMs });
    if (next.kind === 'alone') {
      if (chain !== newest) continue;
      throw new MalformedError(`The log of ${settings.source} cannot be archived: ${next.because.replace(/^.*?, but /, '')}. Make a full backup now.`);
    }
    const plan = await planOf(ports, points, next, { startedAtMs, epoch: lease.epoch, isOpenHere, because: isForced ? 'a restore waits for it' : 'each minute' });
    const parts = [];
    for (const piece of plan.pieces) parts.push(await writeBackupPart(ports, points, plan, piece));
    made.push(await commitBackup(ports, points, plan, parts));
  }
  const throughMs = Math.max(tip.throughMs, quiet.throughMs, ...made.filter((m) => m.chain === newest.chain).map((m) => m.throughMs));
  const last = made.find((m) => m.chain === newest.chain) ?? tip;
  // The row says only what its positions say: what came after them is the next minute's.
  await ports.own.change(archived(settings.source, quiet, last, startedAtMs));
  return { acts: true, because: made.length === 0 ? 'nothing was logged since' : `${made.length} points of the log`, throughMs, points: made };
}

/**
 * Chains that a point of the log is due for: the newest where something was logged beyond it; and one that another began after, or a snapshot,
 * whose log does not reach yet to where the next one begins: without it the moments in between would be nobody's.
 */
async function needing(points: TablePoints, chains: readonly Chain[], newest: Chain, tip: PointFacts, quiet: Quiet): Promise<{ readonly chain: Chain; readonly last: PointFacts }[]> {
  const found = samePositions(tip.positions, quiet.positions) ? [] : [{ chain: newest, last: tip }];
  const end = await baseEnd(points, newest);
  const former = chains.find((c) => c !== newest && c.base !== null && c.base.type !== 'snapshot');
  const snapshot = chains.find((c) => c.base?.type === 'snapshot');
  for (const [chain, untilMs] of [[former, end] as const, [snapshot, snapshot === undefined ? 0 : await baseEnd(points, snapshot)] as const]) {
    const name = chain === undefined ? null : parentIn(chain, 'log');
    if (chain === undefined || name === null) continue;
    const last = await points.facts(name);
    const isDue = throughOf(last, [quiet]) < untilMs || (name === chain.base && !samePositions(last.positions, quiet.positions));
    if (isDue && !samePositions(last.positions, quiet.positions)) found.push({ chain, last });
  }
  return found;
}

async function baseEnd(points: TablePoints, chain: Chain): Promise<number> {
  return chain.base === null ? 0 : (await points.facts(chain.base)).throughMs;
}

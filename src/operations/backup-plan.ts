// PlanBackup: whether this region acts, which point comes next and why, its names, its key, its span of the log.
import { mayAct, gapOf, nextPoint, piecesFor, type LastChain, type NextPoint } from '../core/backup/next-point.ts';
import { type ActingPlan, type BackupPlan, type BackupRequest } from '../core/backup/backup-plan.ts';
import { chainToContinue, parentIn } from '../core/backup/chains.ts';
import { classOfNew, lockedUntil } from '../core/backup/point-class.ts';
import { coveredThrough, furthest, positionsOf, spansOf } from '../core/backup/settle.ts';
import { mergeCuts } from '../core/backup/state-at.ts';
import { spanAfter } from '../core/backup/coverage.ts';
import { brokenChains, parseScrubRow, scrubKey } from '../core/integrity/scrub-state.ts';
import { RefusedError, StepNotReadyError } from '../core/errors.ts';
import type { LogPositions } from '../core/vault/recovery-point.ts';
import { toHex } from '../core/vault/bytes.ts';
import { newChain, newPoint } from '../core/vault/object-names.ts';
import { TablePoints } from './backup-facts.ts';
import { isOpenAt, lockOf, readLease, readLogEnds, readScanPositions, type BackupPorts } from './backup-ports.ts';
import { TableSource } from './backup-table-source.ts';

export async function planBackup(ports: BackupPorts, points: TablePoints, request: BackupRequest): Promise<BackupPlan> {
  const { settings, me, clock } = ports;
  if (request.group !== settings.group) throw new RefusedError(`A backup of group ${request.group} was started in a region of group ${settings.group}: start it there. Nothing was done.`);
  const startedAtMs = Math.round(clock.nowMs());
  const lease = await readLease(ports);
  const { acts, because } = mayAct(request, lease, me, startedAtMs);
  if (!acts) return { acts, because, group: settings.group, source: settings.source, pieces: [] };
  await points.vaultOrNew(ports.random);
  const chains = await points.chains();
  const chain = chainToContinue(chains);
  const broken = await brokenIn(ports);
  const isAlone = request.type === 'full' || request.type === 'snapshot';
  const last: LastChain =
    isAlone || chain === undefined
      ? { kind: 'none', because: 'there is no full backup yet' }
      : broken.has(chain.chain)
        ? { kind: 'none', because: lostIn(chain.chain) }
        : await points.lastOf(chain, parentIn(chain, request.type === 'differential' ? 'differential' : 'incremental'));
  const gap = last.kind === 'chain' ? await gapIn(ports, last.parent.positions) : null;
  const next = nextPoint(request.type, { last, epoch: lease.epoch, gap, nowMs: startedAtMs });
  return planOf(ports, points, next, { startedAtMs, epoch: lease.epoch, isOpenHere: isOpenAt(lease, startedAtMs), because: `${because}; ${next.because}` });
}

/** Chains that the scrub found something lost of: what hangs on it could not be restored. */
export async function brokenIn({ own }: Pick<BackupPorts, 'own'>): Promise<ReadonlySet<string>> {
  return brokenChains(parseScrubRow(await own.get(scrubKey)));
}

export function lostIn(chain: string): string {
  return `something that the chain ${chain} needs is lost in every site`;
}

export type PlanContext = { readonly startedAtMs: number; readonly epoch: number; readonly isOpenHere: boolean; readonly because: string };

/** Everything about a point that is decided before anything of it is read. */
export async function planOf(ports: BackupPorts, points: TablePoints, next: NextPoint, context: PlanContext): Promise<ActingPlan> {
  const { settings, clock, random } = ports;
  const { startedAtMs } = context;
  const retention = classOfNew(await points.list(), next.type, startedAtMs);
  const lockedUntilMs = settings.lockMode === null ? null : lockedUntil(startedAtMs, settings.retentionDays[retention]);
  const { epoch, because } = context;
  const shared = { acts: true, because, group: settings.group, source: settings.source, region: ports.me, epoch, startedAtMs, type: next.type, class: retention, lockedUntilMs } as const;
  if (next.kind === 'after') {
    const { parent } = next;
    const ends = await readLogEnds(ports);
    const until = furthest(parent.positions, positionsOf(ends));
    return {
      ...shared,
      chain: parent.chain,
      point: newPoint(startedAtMs, next.type, toHex(random(8))),
      parent: { point: parent.point, sha256: parent.sha256 },
      key: parent.key,
      ...spanAfter(parent, coveredThrough(ends, startedAtMs, context.isOpenHere)),
      pieces: spansOf(parent.positions, until).map(({ origin }) => ({ id: `changes/${origin}` })),
      since: parent.positions,
      until,
      cuts: mergeCuts(parent.cuts, await ports.cuts()),
    };
  }
  const table = await ports.tables.describe(settings.table);
  if (table === null) throw new RefusedError(`Table ${settings.table} is not there in ${ports.me}: 'table.name' in holdfast.config.ts must name it. Nothing was backed up.`);
  if (!table.isReady) throw new StepNotReadyError(`Table ${settings.table} in ${ports.me} is not active yet. It is tried again.`);
  const vault = await points.vault();
  // The key must outlast every point of its chain, and is locked for as long as anything may be.
  const keyLock = lockOf(settings, lockedUntil(startedAtMs, settings.lockDaysMax));
  const key = await vault.newKey(ports.wrap, startedAtMs, random, keyLock);
  // Before the scan: what is logged from here on makes it whole.
  const until = await readScanPositions(ports);
  return {
    ...shared,
    chain: newChain(settings.source, startedAtMs, toHex(random(4))),
    point: newPoint(startedAtMs, next.type, toHex(random(8))),
    parent: null,
    key: key.keyId,
    fromMs: Math.round(clock.nowMs()),
    throughMs: null,
    pieces: await new TableSource(ports).list(piecesFor(table.bytes, settings.partsMode)),
    since: null,
    until,
    cuts: mergeCuts(await ports.cuts()),
  };
}

/** What of the log beyond these positions is no longer there; null: nothing. */
export async function gapIn(ports: Pick<BackupPorts, 'log' | 'settings'>, positions: LogPositions): Promise<string | null> {
  for (const origin of ports.settings.origins) {
    const position = positions[origin] ?? 0;
    const head = await ports.log.head(origin);
    const [first] = head.sequence > position ? await ports.log.read(origin, position, 1) : [];
    const gap = gapOf(origin, position, head.sequence, first === undefined ? null : first.sequence - first.records.length + 1);
    if (gap !== null) return gap;
  }
  return null;
}

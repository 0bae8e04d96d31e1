// A restore in place: planned only where this region is open, from the snapshot that was taken first, written through the fence, and read back.
import { restoreReported } from '../core/backup/backup-rows.ts';
import {
  contentLine,
  Differences,
  hasTooManyAttributes,
  imageOf,
  inPlaceShardsFor,
  itemBytesMax,
  shardCharactersMax,
  shownOf,
  whyNotInPlace,
  type InPlaceConflict,
  type InPlacePart,
  type KeyDifference,
  type Snapshot,
} from '../core/backup/in-place.ts';
import { inPlaceReport, type InPlaceReport } from '../core/backup/in-place-report.ts';
import type { RestorePlan, RestoreRequest } from '../core/backup/restore-plan.ts';
import { isEverything } from '../core/backup/selection.ts';
import { parseEntryName, parseItemLine, parseStoredItem } from '../core/backup/table-lines.ts';
import { FenceClosedError, RefusedError, SupersededError } from '../core/errors.ts';
import { isActingAt, isLeaseOpen } from '../core/lease/lease-rows.ts';
import { DamagedError } from '../core/vault/vault-errors.ts';
import type { LiveTable } from '../ports/live-table.ts';
import { openPoint } from '../vault/point-reader.ts';
import { TablePoints } from './backup-facts.ts';
import { linesOf } from './backup-lines.ts';
import { readLease, type BackupPorts } from './backup-ports.ts';
import { keysOf, openerOf, stateOfShard } from './restore-part.ts';
import { planRestore } from './restore-plan.ts';

/** Characters of items that one transaction carries at most; DynamoDB takes 4 MB, and what is compared counts too. */
const batchCharactersMax = 1_000_000;
/** Items read back side by side. */
const readsAtOnce = 8;

/** Any request: beside the live table, or in place. @throws RefusedError */
export async function planAnyRestore(ports: BackupPorts, points: TablePoints, request: RestoreRequest): Promise<RestorePlan> {
  if (request.into.inPlace !== true) return planRestore(ports, points, request);
  const { settings, me, clock, tables } = ports;
  const lease = await readLease(ports);
  const refusal = whyNotInPlace(request, settings.table, me, lease, clock.nowMs());
  if (refusal !== null) throw new RefusedError(`The restore of ${settings.table} in place was refused: ${refusal}. Nothing was changed.`);
  const bytes = (await tables.describe(settings.table))?.bytes ?? 0;
  if (isEverything(request.select) && bytes > itemBytesMax)
    throw new RefusedError(`${settings.table} has ${bytes} bytes, and a restore of everything in place takes ${itemBytesMax}: select keys, or restore into a table beside it. Nothing was changed.`);
  const plan = await planRestore(ports, points, request, { epoch: lease.epoch });
  if (plan.keyName !== settings.keyName)
    throw new RefusedError(`The backup has the partition key '${plan.keyName}' and ${settings.table} has '${settings.keyName}': restore into a table beside it. Nothing was changed.`);
  const shared = { ...plan, ...(await asScanned(points, request)) };
  return { ...shared, shards: Array.from({ length: inPlaceShardsFor(bytes, plan.shards.length) }, (_, id) => ({ id })) };
}

/**
 * An undo takes the snapshot as it was scanned: that is what the changes were made from. Its state at the end of its scan would have those changes
 * in it that were made within the same second, because a stream's times are whole seconds.
 */
async function asScanned(points: TablePoints, { point }: RestoreRequest): Promise<Partial<RestorePlan>> {
  const facts = point === null ? null : await points.facts(point);
  return facts?.type === 'snapshot' ? { deltas: [], isExact: false, atMs: facts.throughMs, coveredFromMs: facts.fromMs, coveredThroughMs: facts.throughMs } : {};
}

export type InPlacePorts = Pick<BackupPorts, 'me' | 'own' | 'clock' | 'subjects'> & { readonly live: LiveTable };

export async function restoreInPlace(
  ports: InPlacePorts,
  points: TablePoints,
  work: { readonly plan: RestorePlan; readonly epoch: number; readonly shard: number; readonly snapshot: Snapshot },
): Promise<InPlacePart> {
  const { plan, epoch, shard, snapshot } = work;
  await leaseRestMs(ports, epoch);
  const differences = new Differences(await snapshotLines(ports, points, plan, snapshot, shard));
  const state = await stateOfShard(ports, points, plan, shard);
  let characters = 0;
  // All of it is read before any of it is written: what is damaged stops it here.
  for await (const line of state.lines((key) => differences.leave(key))) {
    const { key, image } = parseItemLine(line, plan.keyName);
    characters += line.length;
    requireFits(characters, plan);
    differences.want(key, contentLine(image) ?? '');
  }
  const { differences: found, unchanged } = differences.end();
  const tooMany = new Set(found.filter((d) => hasTooManyAttributes(imageOf(d.seen, plan.keyName)) || hasTooManyAttributes(imageOf(d.wanted, plan.keyName))).map((d) => d.key));
  const conflicts: InPlaceConflict[] = [...tooMany].map((key) => ({ key, because: 'it has more attributes than one condition compares' }));
  const counts = { set: 0, removed: 0 };
  for (const batch of batchesOf(
    found.filter((d) => !tooMany.has(d.key)),
    ports.live.batchMax,
  )) {
    const inConflict = await writeBatch(ports, plan.keyName, epoch, batch);
    for (const { key, wanted } of batch) {
      const because = inConflict.get(key);
      if (because !== undefined) conflicts.push({ key, because });
      else if (wanted === null) counts.removed += 1;
      else counts.set += 1;
    }
  }
  const { erased } = state.counts;
  return {
    ...counts,
    unchanged,
    ...(erased === 0 ? {} : { erased }),
    conflicts: conflicts.length,
    conflictsShown: shownOf(conflicts),
    newestAtMs: state.newestAtMs,
    endedAtMs: Math.round(ports.clock.nowMs()),
  };
}

/** What of the lease is left. @throws SupersededError where its epoch is over, FenceClosedError where it waits for a renewal */
async function leaseRestMs({ own, clock, me }: InPlacePorts, epoch: number): Promise<number> {
  const lease = await readLease({ own });
  if (lease.epoch !== epoch || !isLeaseOpen(lease))
    throw new SupersededError(`${me} lost the lease of epoch ${epoch} in which the restore was planned (now ${lease.epoch}). What was written stays; start it again in the region that is open.`);
  const nowMs = clock.nowMs();
  if (!isActingAt(lease, nowMs)) throw new FenceClosedError(`The lease of ${me} in epoch ${epoch} waits for its renewal. The step may be repeated: it goes on with what is left.`);
  return Math.max(1, Math.floor(lease.untilAtMs - nowMs));
}

/** Of a person erased since the snapshot there is no line: where something is to be written over such an item, it is in conflict. */
async function snapshotLines(ports: Pick<BackupPorts, 'subjects'>, points: TablePoints, plan: RestorePlan, snapshot: Snapshot, shard: number): Promise<Map<string, string>> {
  const isMine = keysOf(plan, shard);
  const { chain, point, sha256 } = snapshot;
  const dataKey = await points.key(snapshot.key);
  const openSealed = openerOf(ports, dataKey);
  const opened = await openPoint(await points.vault(), { chain, point }, dataKey);
  if (opened.sha256 !== sha256 || opened.header.type !== 'snapshot')
    throw new DamagedError(`Point ${chain}/${point} is not the snapshot that was taken (its hash is ${opened.sha256}, not ${sha256}). Nothing was changed.`);
  const lines = new Map<string, string>();
  let characters = 0;
  for await (const entry of opened.entries()) {
    if (parseEntryName(entry.meta.n).kind !== 'items') throw new DamagedError(`The snapshot ${point} holds more than items: it is of a newer version. Nothing was changed.`);
    for await (const line of linesOf(opened.content(entry))) {
      const { key, sealed } = parseStoredItem(line, plan.keyName);
      if (!isMine(key)) continue;
      characters += line.length;
      requireFits(characters, plan);
      const plain = sealed === null ? line : await openSealed(sealed.subject, sealed.sealed);
      if (plain !== null) lines.set(key, contentLine(parseItemLine(plain, plan.keyName).image) ?? '');
    }
  }
  return lines;
}

function requireFits(characters: number, plan: RestorePlan): void {
  if (characters > shardCharactersMax)
    throw new RefusedError(
      `What is selected of ${plan.into.table} is more than one of ${plan.shards.length} workers holds (${shardCharactersMax} characters): select fewer keys, or restore into a table beside it. This worker changed nothing.`,
    );
}

export function batchesOf(differences: readonly KeyDifference[], batchMax: number): KeyDifference[][] {
  const batches: KeyDifference[][] = [];
  let characters = 0;
  for (const difference of differences) {
    const more = (difference.seen?.length ?? 0) + (difference.wanted?.length ?? 0);
    const last = batches.at(-1);
    if (last === undefined || last.length === batchMax || characters + more > batchCharactersMax) {
      batches.push([difference]);
      characters = more;
    } else {
      last.push(difference);
      characters += more;
    }
  }
  return batches;
}

/** The keys that are not as wanted now, and why. */
async function writeBatch(ports: InPlacePorts, keyName: string, epoch: number, batch: readonly KeyDifference[]): Promise<Map<string, string>> {
  const changes = batch.map(({ key, seen, wanted }) => ({ key, seen: imageOf(seen, keyName), wanted: imageOf(wanted, keyName) }));
  const answer = await ports.live.change(epoch, changes, await leaseRestMs(ports, epoch));
  if (answer.kind !== 'done')
    throw new SupersededError(`The fence of ${ports.me} is not open in epoch ${epoch} any more: the lease was lost. What was written before stays; start it again in the region that is open.`);
  const inConflict = new Map<string, string>();
  for (let i = 0; i < batch.length; i += readsAtOnce) {
    await Promise.all(
      batch.slice(i, i + readsAtOnce).map(async ({ key, wanted }) => {
        if (contentLine(await ports.live.get(key)) === wanted) return;
        inConflict.set(key, answer.refused.includes(key) ? 'the service wrote it after the snapshot had read it; it was left as it is' : 'the service wrote it after it was restored');
      }),
    );
  }
  return inConflict;
}

export async function reportInPlace(ports: Pick<BackupPorts, 'own' | 'clock'>, plan: RestorePlan, parts: readonly InPlacePart[], snapshot: Snapshot): Promise<InPlaceReport> {
  const report = inPlaceReport(plan, parts, snapshot, Math.round(ports.clock.nowMs()));
  await ports.own.change(restoreReported(report));
  return report;
}

// RestorePart: all keys of one shard, as they were at the moment: the newest record that counts of each, else the item as it was scanned. What
// is held in memory is the shard's part of the log; items pass through.
import type { RestoredPart, RestorePlan } from '../core/backup/restore-plan.ts';
import { selector } from '../core/backup/selection.ts';
import { countsAt, LatestRecords } from '../core/backup/state-at.ts';
import { sealedOf, type SealedImage } from '../core/backup/subject-lines.ts';
import { itemLine, parseEntryName, parseRecordLine, parseStoredItem, type ArchivedRecord } from '../core/backup/table-lines.ts';
import { shardOf } from '../core/lease/fence-shard.ts';
import { ContentSum } from '../core/vault/content-digest.ts';
import type { LogPositions } from '../core/vault/recovery-point.ts';
import { DamagedError, KeyUnavailableError } from '../core/vault/vault-errors.ts';
import type { DataKey } from '../vault/data-key.ts';
import { openPoint, type OpenPoint } from '../vault/point-reader.ts';
import { TablePoints } from './backup-facts.ts';
import { bytesOf, linesOf } from './backup-lines.ts';
import type { BackupPorts } from './backup-ports.ts';
import { addLine, TableSource } from './backup-table-source.ts';

/** Lines that are put together before they are handed to the writer. */
const linesPerPiece = 200;

export async function restorePart(ports: BackupPorts, points: TablePoints, plan: RestorePlan, shard: number): Promise<RestoredPart> {
  const state = await stateOfShard(ports, points, plan, shard);
  const sum = new ContentSum();
  const source = new TableSource({ ...ports, settings: { ...ports.settings, keyName: plan.keyName } });
  const written = await source.writeBack(plan.into, once(pieces(state.lines(), (line) => addLine(sum, line, ports.sha256))));
  const digest = sum.toJSON();
  const { removed, erased } = state.counts;
  return { items: written.items, removed, ...(erased === 0 ? {} : { erased }), bytes: digest.bytes, digest, newestAtMs: state.newestAtMs };
}

/** `counts` are whole once `lines` was read to its end; `lines` is told the key of each item that nobody can open any more. */
export type ShardState = {
  readonly lines: (onErased?: (key: string) => void) => AsyncIterable<string>;
  readonly counts: { readonly removed: number; readonly erased: number };
  readonly newestAtMs: number | null;
};

export type OpenSealed = (subject: string, sealed: string) => Promise<string | null>;

/** What is under a person's own key, opened; null: that person was erased. */
export function openerOf({ subjects }: Pick<BackupPorts, 'subjects'>, key: DataKey): OpenSealed {
  return subjects?.opener(key) ?? noKeys;
}

async function noKeys(subject: string): Promise<never> {
  throw new KeyUnavailableError(
    `The vault holds what is about a person (${subject}) under that person's key, and this configuration keeps no such keys: set vault.subject again, and deploy. Nothing was restored.`,
  );
}

/** Whether a key is selected and of this shard. */
export function keysOf(plan: RestorePlan, shard: number): (key: string) => boolean {
  const isWanted = selector(plan.select);
  return (key) => shardOf(key, plan.shards.length) === shard && isWanted(key);
}

export async function stateOfShard(ports: Pick<BackupPorts, 'subjects'>, points: TablePoints, plan: RestorePlan, shard: number): Promise<ShardState> {
  const isMine = keysOf(plan, shard);
  const base = await open(points, plan, plan.base);
  const newest = await newestRecords(points, plan, base.body.positions ?? {}, isMine);
  const counts = { removed: 0, erased: 0 };
  const openSealed = openerOf(ports, await points.key(plan.key));
  const times = [...newest.values()].map((record) => record.atMs);
  return {
    lines: (onErased) => linesAt(base, newest, plan, { isMine, counts, openSealed, onErased }),
    counts,
    newestAtMs: times.length === 0 ? null : times.reduce((a, b) => Math.max(a, b)),
  };
}

/** @throws DamagedError when the vault gives another point than the one that was planned. */
async function open(points: TablePoints, plan: RestorePlan, link: { readonly point: string; readonly sha256: string }): Promise<OpenPoint> {
  const point = await openPoint(await points.vault(), { chain: plan.chain, point: link.point }, await points.key(plan.key));
  if (point.sha256 !== link.sha256)
    throw new DamagedError(`Point ${plan.chain}/${link.point} is not the one that was planned (its hash is ${point.sha256}, not ${link.sha256}). Nothing of it was restored; plan again.`);
  return point;
}

/** Of each of the shard's keys the last record that counts at the moment. */
async function newestRecords(points: TablePoints, plan: RestorePlan, from: LogPositions, isMine: (key: string) => boolean): Promise<ReadonlyMap<string, ArchivedRecord>> {
  const latest = new LatestRecords<ArchivedRecord>(plan.cuts);
  let read: Record<string, number> = { ...from };
  for (const link of plan.deltas) {
    const point = await open(points, plan, link);
    for await (const entry of point.entries()) {
      const name = parseEntryName(entry.meta.n);
      if (name.kind === 'items') throw new DamagedError(`Point ${link.point} holds items, but hangs on another point: it is not what this source wrote. Nothing of it was restored.`);
      let next = name.first;
      for await (const line of linesOf(point.content(entry))) {
        const record = parseRecordLine(line, name.origin);
        if (record.sequence !== next) throw new DamagedError(`${link.point} has record ${record.sequence} of ${name.origin}'s log where ${next} was to come. Nothing of it was restored.`);
        next += 1;
        if (isMine(record.key) && countsAt(record, plan.cuts, plan.atMs)) latest.add(record);
      }
      if (next !== name.last + 1 || name.first > (read[name.origin] ?? 0) + 1)
        throw new DamagedError(
          `${name.origin}'s log is not whole in ${plan.chain}: records ${(read[name.origin] ?? 0) + 1} to ${name.first - 1}, or after ${next - 1}, are missing in ${link.point}. Nothing was restored.`,
        );
      read = { ...read, [name.origin]: Math.max(read[name.origin] ?? 0, name.last) };
    }
    requireRead(plan, link.point, read, point.body.positions ?? {});
  }
  return latest.all();
}

/** A point that says it reaches a position must have brought it there. */
function requireRead(plan: RestorePlan, point: string, read: LogPositions, positions: LogPositions): void {
  const short = Object.entries(positions).find(([origin, position]) => (read[origin] ?? 0) < position);
  if (short !== undefined)
    throw new DamagedError(`${plan.chain}/${point} says that it holds ${short[0]}'s log through ${short[1]}, but only ${read[short[0]] ?? 0} records are there. Nothing was restored.`);
}

type Newest = ReadonlyMap<string, ArchivedRecord>;

type Shard = {
  readonly isMine: (key: string) => boolean;
  readonly counts: { removed: number; erased: number };
  readonly openSealed: OpenSealed;
  readonly onErased: ((key: string) => void) | undefined;
};

/** The shard's state as lines: first what stands as it was scanned, then what the log made of the rest. */
async function* linesAt(base: OpenPoint, newest: Newest, plan: RestorePlan, { isMine, counts, openSealed, onErased }: Shard): AsyncIterable<string> {
  const opened = async (key: string, { subject, sealed }: SealedImage): Promise<string | null> => {
    const line = await openSealed(subject, sealed);
    if (line !== null) return line;
    counts.erased += 1;
    onErased?.(key);
    return null;
  };
  for await (const entry of base.entries()) {
    if (parseEntryName(entry.meta.n).kind !== 'items') throw new DamagedError(`The full backup ${plan.base.point} holds more than items: it is of a newer version. Nothing of it was restored.`);
    for await (const line of linesOf(base.content(entry))) {
      const { key, sealed } = parseStoredItem(line, plan.keyName);
      if (!isMine(key)) continue;
      const record = newest.get(key);
      if (record?.image === null) counts.removed += 1;
      if (record !== undefined) continue;
      const plain = sealed === null ? line : await opened(key, sealed);
      if (plain !== null) yield plain;
    }
  }
  for (const { key, image } of newest.values()) {
    if (image === null) continue;
    const sealed = sealedOf(image);
    const plain = sealed === null ? itemLine(image) : await opened(key, sealed);
    if (plain !== null) yield plain;
  }
}

async function* pieces(from: AsyncIterable<string>, onLine: (line: string) => void): AsyncIterable<Uint8Array> {
  let lines: string[] = [];
  for await (const line of from) {
    onLine(line);
    lines.push(line);
    if (lines.length < linesPerPiece) continue;
    yield bytesOf(lines);
    lines = [];
  }
  if (lines.length > 0) yield bytesOf(lines);
}

async function* once(content: AsyncIterable<Uint8Array>) {
  yield { meta: { n: 'items/0000' }, content };
}

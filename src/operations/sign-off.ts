// Whether a region that returned has everything, and nothing that was not decided about: what `sign-off` asks before the register makes it eligible.
import { contentLine } from '../core/backup/in-place.ts';
import { comparedSequence, divergencePk, divergentKeyKey, isDecided, originPrefix, parseDivergenceRow, parseDivergentKey } from '../core/divergence/divergence-rows.ts';
import { whyNotApplied, whyNotClosed, whyNotCollected, whyNotDrained, whyNotOpen } from '../core/divergence/sign-off.ts';
import { drainedKey, parseDrainedRow } from '../core/lease/drained-row.ts';
import { isMarkerKey } from '../core/failover/hand-over.ts';
import { fenceKey, leaseKey, parseFenceRow, parseLeaseRow, type LeaseRow } from '../core/lease/lease-rows.ts';
import { sequencesOf } from '../core/log/segment.ts';
import type { LogStore } from '../ports/log-store.ts';
import type { RowStore } from '../ports/row-store.ts';
import type { WholeTable } from '../ports/whole-table.ts';
import { compareTables, type Difference } from './compare-tables.ts';
import { mapAtOnce } from './at-once.ts';
import { callsAtOnce, DivergenceList } from './divergence-list.ts';
import { collectElsewhere, type ListOfRegion, type Unread } from './divergence-elsewhere.ts';
import { divergentKeys, type DivergenceHome } from './resolve-divergence.ts';

export type ReturnedSide = { readonly region: string; readonly own: RowStore; readonly log: Pick<LogStore, 'head' | 'read'>; readonly table: WholeTable };

export type SignOffPorts = {
  readonly home: DivergenceHome & { readonly log: Pick<LogStore, 'head'>; readonly table: WholeTable };
  readonly returned: ReturnedSide;
  /** Lists of further candidates: what they found of the returned region must be decided as well. */
  readonly others: readonly ListOfRegion[];
  readonly fenceShards: number;
  /** The register's. */
  readonly epoch: number;
  /** The newest epoch of which the register says where it began; among two candidates it says so of none. */
  readonly begunEpoch?: number | undefined;
  readonly wait: (ms: number) => Promise<void>;
};

export type Examined = {
  /** What is missing; nothing: it is reconciled. */
  readonly missing: readonly string[];
  readonly decidedKeys: number;
  /** Null where it was not come to. */
  readonly comparedItems: number | null;
};

const shownMax = 5;
/** What comes by itself is waited for, at most a minute. */
const waitMs = 1000;
const looksMax = 60;
const segmentsPerPage = 20;

/** Reads everything of both regions; changes nothing but the divergence report, to which it adds what only the comparison finds. */
export async function examineReturned(ports: SignOffPorts): Promise<Examined> {
  const { returned, home, epoch } = ports;
  const first = await readReturned(ports);
  const notClosed = [...whyNotClosed({ region: returned.region, epoch, ...first }), ...(await notOpen(ports))];
  if (notClosed.length > 0) return { missing: notClosed, decidedKeys: 0, comparedItems: null };
  const sides = { region: returned.region, holder: home.region };
  const { before, missing } = await untilCollected(ports);
  missing.push(...(await collectElsewhere(home, ports.others, returned.region)).map((unread) => whyUnread(unread, returned.region)));
  const keys = await countKeys(ports);
  missing.push(...keys.missing);
  if (missing.length > 0) return { missing, decidedKeys: keys.decided, comparedItems: null };
  missing.push(...whyNotApplied({ ...sides, ...(await untilApplied(ports)) }));
  if (missing.length > 0) return { missing, decidedKeys: keys.decided, comparedItems: null };
  const compared = await compare(ports, before.lease);
  missing.push(...compared.missing);
  // What another person's comparison listed since is listed already, and not decided.
  if (compared.missing.length === 0) missing.push(...(await countKeys(ports)).missing);
  // What was closed stayed closed, and no change of its came meanwhile.
  const { before: after, missing: uncollected } = await untilCollected(ports);
  missing.push(...whyNotClosed({ region: returned.region, epoch, ...after }), ...uncollected);
  const more = await countBeyond(ports, before.written);
  if (more > 0) missing.push(`${returned.region}'s log went on by ${more} changes while it was compared: ask again`);
  return { missing, decidedKeys: keys.decided, comparedItems: compared.items };
}

/** Adds to the report what differs though no log told of it: for a region that was away longer than its stream keeps. `missing` says what it could not tell. */
export async function listDifferences(ports: SignOffPorts): Promise<{ readonly items: number; readonly found: number; readonly missing: readonly string[] }> {
  const { lease, fences } = await readReturned(ports);
  const notClosed = [...whyNotClosed({ region: ports.returned.region, epoch: ports.epoch, lease, fences }), ...(await notOpen(ports))];
  if (notClosed.length > 0) return { items: 0, found: 0, missing: notClosed };
  const compared = await compare(ports, lease);
  return { ...compared, missing: compared.missing.slice(foundBecause(compared.found).length) };
}

async function notOpen({ home, epoch }: SignOffPorts): Promise<string[]> {
  return whyNotOpen(home.region, epoch, parseLeaseRow(await home.own.get(leaseKey)));
}

async function readReturned({ returned, fenceShards }: SignOffPorts) {
  const [lease, drained, fences] = await Promise.all([
    returned.own.get(leaseKey),
    returned.own.get(drainedKey),
    Promise.all(Array.from({ length: fenceShards }, async (_, k) => returned.own.get(fenceKey(k)))),
  ]);
  // In this order: what is closed by now has no later end of its log than is read after it.
  const head = await returned.log.head(returned.region);
  return { lease: parseLeaseRow(lease), fences: fences.map((row) => parseFenceRow(row)), drained: parseDrainedRow(drained), written: head.sequence };
}

async function readPositions({ home, returned }: SignOffPorts) {
  const position = async (of: RowStore, origin: string) => Number((await of.get({ table: 'region', pk: 'LOG', sk: origin }))?.['sequence'] ?? 0);
  const [written, dealtWith, homeWritten, homeApplied] = await Promise.all([
    returned.log.head(returned.region),
    position(home.own, returned.region),
    home.log.head(home.region),
    position(returned.own, home.region),
  ]);
  return { written: written.sequence, dealtWith, homeWritten: homeWritten.sequence, homeApplied };
}

/** Until the returned region's tick has drained its stream and the holder has dealt with all of its log. `before`: what was read last. */
async function untilCollected(ports: SignOffPorts) {
  const sides = { region: ports.returned.region, holder: ports.home.region };
  for (let n = 0; ; n += 1) {
    const before = await readReturned(ports);
    const missing = [...whyNotDrained({ ...sides, ...before }), ...whyNotCollected({ ...sides, ...before, ...(await readPositions(ports)) })];
    if (missing.length === 0 || n === looksMax) return { before, missing };
    await ports.wait(waitMs);
  }
}

/** Changes in the returned region's log beyond that record, but for markers of a drain: the last of them may come after those that proved it. */
async function countBeyond({ returned }: SignOffPorts, sequence: number): Promise<number> {
  let count = 0;
  for (let after = sequence; ; ) {
    const segments = await returned.log.read(returned.region, after, segmentsPerPage);
    const last = segments.at(-1);
    if (last === undefined) return count;
    for (const [record, at] of sequencesOf(segments)) if (at > sequence && !isMarkerKey(record.key)) count += 1;
    after = last.sequence;
  }
}

/**
 * Until the returned region has applied what the holder's log holds by now, at most a minute. What the service writes meanwhile is not waited for: it goes
 * on, and a region that follows it is always a little behind.
 */
async function untilApplied(ports: SignOffPorts): Promise<{ readonly homeWritten: number; readonly homeApplied: number }> {
  const { homeWritten } = await readPositions(ports);
  for (let n = 0; ; n += 1) {
    const { homeApplied } = await readPositions(ports);
    if (homeApplied >= homeWritten || n === looksMax) return { homeWritten, homeApplied };
    await ports.wait(waitMs);
  }
}

async function countKeys({ home, returned }: SignOffPorts): Promise<{ readonly decided: number; readonly missing: string[] }> {
  let [decided, undecided] = [0, 0];
  const shown: string[] = [];
  for await (const keys of divergentKeys(home.pages, returned.region)) {
    for (const key of keys) {
      if (isDecided(key)) decided += 1;
      else if ((undecided += 1) <= shownMax) shown.push(`'${key.key}'`);
    }
  }
  if (undecided === 0) return { decided, missing: [] };
  const which = `${shown.join(', ')}${undecided > shownMax ? ', …' : ''}`;
  return { decided, missing: [`${undecided} divergent keys of ${returned.region} are not decided (${which}): 'holdfast divergence list' shows them, 'holdfast divergence resolve' decides`] };
}

function whyUnread({ region, because }: Unread, origin: string): string {
  return `the divergence list of ${region} could not be read (${because}): what it alone lists of ${origin} is not known; ask again when it answers`;
}

/** A region that lost no epoch of its own may hold any older one's writes that the newest began without. */
function lostEpochOf({ begunEpoch = 0 }: SignOffPorts, lease: LeaseRow): number {
  return Math.max(lease.epoch, begunEpoch - 1);
}

async function compare(ports: SignOffPorts, lease: LeaseRow) {
  const { home, returned, wait } = ports;
  const lostEpoch = lostEpochOf(ports, lease);
  const list = new DivergenceList(home.own, home.digest);
  const tables = { home: home.table, returned: returned.table, holder: home.region, lostEpoch, wait, untilApplied: async () => void (await untilApplied(ports)) };
  let found = 0;
  const compared = await compareTables(tables, async (differences) => {
    const foundAtMs = Math.round(home.nowMs());
    const known = await mapAtOnce(differences, callsAtOnce, async (difference) => isListed(home, returned.region, difference));
    const unknown = differences.filter((_, i) => known[i] !== true);
    found += unknown.length;
    await list.add(
      unknown.map(({ key, ours, theirs }) => ({
        origin: returned.region,
        record: { key, image: theirs, epoch: lostEpoch, atMs: 0, sequenceNumber: comparedSequence(key, home.digest) },
        ours,
        foundAtMs,
      })),
    );
  });
  return { items: compared.items, found, missing: [...foundBecause(found), ...behindBecause(ports, compared.behind)] };
}

function foundBecause(found: number): string[] {
  return found === 0 ? [] : [`${found} items differ that no log told of: they are in the divergence report now; 'holdfast divergence list' shows them, 'holdfast divergence resolve' decides`];
}

function behindBecause({ home, returned }: SignOffPorts, behind: readonly string[]): string[] {
  if (behind.length === 0) return [];
  const shown = behind.slice(0, shownMax).map((key) => `'${key}'`);
  return [`${returned.region} lacks what ${home.region} wrote to ${shown.join(', ')}${behind.length > shownMax ? ', …' : ''}: its log is not applied there; 'holdfast status' shows the lag`];
}

/** It waits for a decision already, and what stands there is what is listed. */
async function isListed(home: DivergenceHome, origin: string, { key, theirs }: Difference): Promise<boolean> {
  const row = await home.own.get(divergentKeyKey(origin, key, home.digest));
  if (row === undefined) return false;
  const listed = parseDivergentKey({ ...row, sk: originPrefix(origin) });
  const newest = await home.own.get({ table: 'region', pk: divergencePk, sk: listed.row });
  return !isDecided(listed) && newest !== undefined && contentLine(parseDivergenceRow({ ...newest, sk: listed.row }).theirs) === contentLine(theirs);
}

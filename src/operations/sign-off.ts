// Whether a region that returned has everything, and nothing that was not decided about: what `sign-off` asks before the register makes it eligible.
import { contentLine } from '../core/backup/in-place.ts';
import { comparedSequence, divergencePk, divergentKeyKey, isDecided, originPrefix, parseDivergenceRow, parseDivergentKey } from '../core/divergence/divergence-rows.ts';
import { whyNotApplied, whyNotClosed, whyNotCollected, whyNotOpen } from '../core/divergence/sign-off.ts';
import { fenceKey, leaseKey, parseFenceRow, parseLeaseRow, type LeaseRow } from '../core/lease/lease-rows.ts';
import type { LogStore } from '../ports/log-store.ts';
import type { RowStore } from '../ports/row-store.ts';
import type { WholeTable } from '../ports/whole-table.ts';
import { compareTables, type Difference } from './compare-tables.ts';
import { mapAtOnce } from './at-once.ts';
import { callsAtOnce, DivergenceList } from './divergence-list.ts';
import { collectElsewhere, type ListOfRegion, type Unread } from './divergence-elsewhere.ts';
import { divergentKeys, type DivergenceHome } from './resolve-divergence.ts';

export type ReturnedSide = { readonly region: string; readonly own: RowStore; readonly log: Pick<LogStore, 'head'>; readonly table: WholeTable };

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
const applyWaitMs = 1000;
const applyLooksMax = 60;

/** Reads everything of both regions; changes nothing but the divergence report, to which it adds what only the comparison finds. */
export async function examineReturned(ports: SignOffPorts): Promise<Examined> {
  const { returned, home, epoch } = ports;
  const before = await readReturned(ports);
  const notClosed = [...whyNotClosed({ region: returned.region, epoch, ...before }), ...(await notOpen(ports))];
  if (notClosed.length > 0) return { missing: notClosed, decidedKeys: 0, comparedItems: null };
  const sides = { region: returned.region, holder: home.region };
  const missing = whyNotCollected({ ...sides, ...(await readPositions(ports)) });
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
  const after = await readReturned(ports);
  missing.push(...whyNotClosed({ region: returned.region, epoch, ...after }), ...whyNotCollected({ ...sides, ...(await readPositions(ports)) }));
  if (after.written !== before.written) missing.push(`${returned.region}'s log went on by ${after.written - before.written} changes while it was compared: ask again`);
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
  const [lease, fences] = await Promise.all([returned.own.get(leaseKey), Promise.all(Array.from({ length: fenceShards }, async (_, k) => returned.own.get(fenceKey(k))))]);
  // In this order: what is closed by now has no later end of its log than is read after it.
  const head = await returned.log.head(returned.region);
  return { lease: parseLeaseRow(lease), fences: fences.map((row) => parseFenceRow(row)), written: head.sequence };
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

/**
 * Until the returned region has applied what the holder's log holds by now, at most a minute. What the service writes meanwhile is not waited for: it goes
 * on, and a region that follows it is always a little behind.
 */
async function untilApplied(ports: SignOffPorts): Promise<{ readonly homeWritten: number; readonly homeApplied: number }> {
  const { homeWritten } = await readPositions(ports);
  for (let n = 0; ; n += 1) {
    const { homeApplied } = await readPositions(ports);
    if (homeApplied >= homeWritten || n === applyLooksMax) return { homeWritten, homeApplied };
    await ports.wait(applyWaitMs);
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

// What the vault holds of a table, chain by chain, and which moments of each can be restored. Reading changes nothing.
import { chainsOf, parentIn, type Chain } from '../core/backup/chains.ts';
import { coverageOf, pathTo } from '../core/backup/coverage.ts';
import type { PointFacts, Quiet } from '../core/backup/point-facts.ts';
import { pointTypes, type PointType } from '../core/vault/recovery-point.ts';
import type { PointSummary } from '../vault/vault.ts';
import type { TablePoints } from './backup-facts.ts';

/** Chains whose points are opened, newest first; of older ones only what their names say is told. */
export const chainsOpenedMax = 12;

export type ChainPicture = {
  readonly chain: string;
  /** What it stands on; null where that is gone: then nothing of it can be restored. */
  readonly base: PointSummary | null;
  /** How many committed points of each type. */
  readonly count: Readonly<Partial<Record<PointType, number>>>;
  readonly newestAtMs: number;
  /** Every moment in between can be restored; null where none can. */
  readonly covered: { readonly fromMs: number; readonly throughMs: number } | null;
  /** Why nothing is known to be covered; null where something is. */
  readonly because: string | null;
};

/** @param points of one source, as the vault lists them @returns newest first */
export async function chainPictures(opener: TablePoints, points: readonly PointSummary[], quiet: readonly Quiet[]): Promise<ChainPicture[]> {
  const pictures: ChainPicture[] = [];
  for (const [i, chain] of chainsOf(points).entries()) {
    const committed = points.filter((p) => p.chain === chain.chain && p.isCommitted);
    const shared = {
      chain: chain.chain,
      base: committed.find((p) => p.point === chain.base?.point) ?? null,
      count: Object.fromEntries(pointTypes.flatMap((type) => counted(committed, type))),
      newestAtMs: Math.max(...committed.map((p) => p.atMs)),
    };
    pictures.push({ ...shared, ...(i < chainsOpenedMax ? await coverage(opener, chain, quiet) : { covered: null, because: `not opened: only the newest ${chainsOpenedMax} chains are` }) });
  }
  return pictures;
}

function counted(points: readonly PointSummary[], type: PointType): [PointType, number][] {
  const count = points.filter((p) => p.type === type).length;
  return count === 0 ? [] : [[type, count]];
}

async function coverage(opener: TablePoints, chain: Chain, quiet: readonly Quiet[]): Promise<Pick<ChainPicture, 'covered' | 'because'>> {
  if (chain.base === null) return { covered: null, because: 'its full backup is missing' };
  try {
    const facts = await lastLine(opener, chain);
    const found = coverageOf(facts, quiet);
    return found === null ? { covered: null, because: 'no log reaches beyond the end of its scan yet' } : { covered: { fromMs: found.fromMs, throughMs: found.throughMs }, because: null };
  } catch (error) {
    return { covered: null, because: error instanceof Error ? error.message : String(error) };
  }
}

/** The line to the newest point: as its names let expect, side by side; along the parents where that was not it. */
async function lastLine(opener: TablePoints, { base, deltas, chain }: Chain): Promise<PointFacts[]> {
  const tip = parentIn({ base, deltas, chain }, 'log');
  if (base === null || tip === null) return [];
  const longer = deltas.filter((p) => p.type !== 'log');
  const since = deltas.slice(deltas.findLastIndex((p) => p.type !== 'log') + 1);
  const facts = await opener.allFacts([base, ...longer, ...since]);
  const last = facts.find((p) => p.point === tip.point);
  return last !== undefined && pathTo(facts, last).kind === 'whole' ? facts : [...facts, ...(await opener.line(tip))];
}

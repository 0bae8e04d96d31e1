// Recovery points as chains: which there are, which point another one hangs on, and which of them must be opened to answer for a
// moment. From names alone; what is in a point comes later (point-facts.ts).
import type { PointName, PointType } from '../vault/recovery-point.ts';

/** A point as the listing of a vault knows it. */
export type NamedPoint = PointName & {
  readonly type: PointType;
  /** When it was asked for. */
  readonly atMs: number;
  /** A majority of the sites has its manifest. */
  readonly isCommitted: boolean;
};

export type Chain = {
  readonly chain: string;
  /** What stands alone in it; null where it is gone: nothing of the chain can be restored then. */
  readonly base: NamedPoint | null;
  /** The points that hang on it, oldest first. */
  readonly deltas: readonly NamedPoint[];
};

export function standsAlone(type: PointType): boolean {
  return type === 'full' || type === 'snapshot';
}

/** The chains of one source, newest first. What is not committed does not count: it may yet vanish. */
export function chainsOf(points: readonly NamedPoint[]): Chain[] {
  const groups = Map.groupBy(
    points.filter((p) => p.isCommitted),
    (p) => p.chain,
  );
  const chains = [...groups].map(([chain, all]): Chain => {
    const sorted = all.toSorted((a, b) => a.atMs - b.atMs || (a.point < b.point ? -1 : 1));
    return { chain, base: sorted.find((p) => standsAlone(p.type)) ?? null, deltas: sorted.filter((p) => !standsAlone(p.type)) };
  });
  return chains.toSorted((a, b) => startOf(b) - startOf(a));
}

function startOf({ base, deltas }: Chain): number {
  return base?.atMs ?? deltas[0]?.atMs ?? 0;
}

/** The chain that the next scheduled point may continue. A snapshot's never is: it stands beside the schedule. */
export function chainToContinue(chains: readonly Chain[]): Chain | undefined {
  return chains.find((c) => c.base?.type !== 'snapshot');
}

/** The point that one of this type hangs on. Points of the log are many and small: a longer-lived one never hangs on them. */
export function parentIn(chain: Chain, type: 'incremental' | 'differential' | 'log'): NamedPoint | null {
  if (type === 'differential') return chain.base;
  if (type === 'log') return chain.deltas.at(-1) ?? chain.base;
  return chain.deltas.findLast((p) => p.type !== 'log') ?? chain.base;
}

/** Points of the log beyond a moment that may still end before it: each ends a little before it was asked for. */
const tipsBeyondMax = 10;
/** The first points of the log tell where it was when the scan had ended: what a failover took away is judged by it. */
const earlyMax = 3;

/**
 * The deltas of a chain that a restore to `atMs` can need: all that are not of the log up to the first one asked for at or after it, and
 * those of the log after the last of them before it. (A point ends at or before the moment at which it was asked for.)
 */
export function deltasToOpen(chain: Chain, atMs: number): NamedPoint[] {
  const longer = chain.deltas.filter((p) => p.type !== 'log');
  const before = longer.filter((p) => p.atMs < atMs);
  const beyond = longer.filter((p) => p.atMs >= atMs).slice(0, tipsBeyondMax);
  const afterMs = before.at(-1)?.atMs ?? 0;
  const log = chain.deltas.filter((p) => p.type === 'log' && p.atMs >= afterMs);
  const firstBeyond = log.findIndex((p) => p.atMs >= atMs);
  const early = chain.deltas.filter((p) => p.type === 'log' && p.atMs < afterMs).slice(0, earlyMax);
  return [...before, ...beyond, ...early, ...(firstBeyond === -1 ? log : log.slice(0, firstBeyond + tipsBeyondMax))];
}

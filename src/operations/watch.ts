// What this region sees of the others: it probes every candidate at its own endpoints and reads every vantage row, all in
// parallel and bounded, the same work on a calm day and on the worst.
import { addProbes, emptyVantage, emptyWindow, parseVantage, type Vantage } from '../core/health/vantage.ts';
import { freshVantages, judgeCandidates, type CandidateVerdict } from '../core/health/verdict.ts';
import { candidatesOf } from '../core/policy.ts';
import type { Row, RowChange, RowKey } from '../core/rows/row.ts';
import type { Governor } from './governor.ts';

export function vantageKey(group: string): RowKey {
  return { table: 'register', pk: `VANTAGE#${group}` };
}

export type Watched = { readonly mine: Vantage; readonly others: readonly Vantage[]; readonly problems: readonly string[] };

type VantageReader = Pick<Governor, 'me' | 'policy' | 'voters' | 'clock'>;

async function readVantages(governor: VantageReader) {
  const problems: string[] = [];
  // From the row, not from what is written in it: a vantage that cannot be read must be written over.
  let ownCount = 0;
  const rows = await Promise.all(
    governor.voters.map(async (store) => {
      try {
        const row = await store.get(vantageKey(governor.policy.group));
        if (store.region === governor.me) ownCount = Number(row?.['count'] ?? 0);
        return readVantage(store.region, row);
      } catch (error) {
        problems.push(`vantage of ${store.region}: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      }
    }),
  );
  const before = rows.find((v) => v?.region === governor.me) ?? { ...emptyVantage(governor.me), count: ownCount };
  const others = rows.filter((v) => v !== undefined).filter((v) => v.region !== governor.me);
  return { before, others, problems };
}

/** The verdicts from what the last ticks of all regions wrote down, without probing anew. */
export async function readVerdicts(governor: VantageReader): Promise<CandidateVerdict[]> {
  const { before, others } = await readVantages(governor);
  return judgeCandidates(freshVantages(before, others, governor.clock.nowMs(), governor.policy.timing.tickMs), governor.policy);
}

export async function watch(governor: Governor, dataAgeMs: number | null): Promise<Watched> {
  const { before, others, problems } = await readVantages(governor);
  const peers = advancePeers(before, others, governor.clock.nowMs());
  const candidates = await Promise.all(
    candidatesOf(governor.policy).map(async (region) => {
      const url = region === governor.me ? governor.serviceUrl : (peers[region]?.serviceUrl ?? null);
      const window = before.candidates[region] ?? emptyWindow();
      if (url === null) return [region, window] as const;
      const [liveness, readiness] = await Promise.all([governor.probe.probe(region, url, 'liveness'), governor.probe.probe(region, url, 'readiness')]);
      return [region, addProbes(window, liveness, readiness)] as const;
    }),
  );
  const mine: Vantage = { region: governor.me, count: before.count + 1, candidates: Object.fromEntries(candidates), serviceUrl: governor.serviceUrl, dataAgeMs, peers };
  return { mine, others, problems };
}

function readVantage(region: string, row: Row | undefined): Vantage | undefined {
  const json = row?.['vantage'];
  return typeof json === 'string' && json !== '' ? parseVantage(region, json) : undefined;
}

/** A peer is fresh from when its count was seen to *change*; one seen for the first time has yet to show that it ticks. */
function advancePeers(before: Vantage, others: readonly Vantage[], nowMs: number): Vantage['peers'] {
  const seen = others.map((v) => {
    const known = before.peers[v.region];
    const sinceMs = known === undefined ? 0 : known.count === v.count ? known.sinceMs : nowMs;
    return [v.region, { count: v.count, sinceMs, serviceUrl: v.serviceUrl ?? known?.serviceUrl ?? null }] as const;
  });
  return { ...before.peers, ...Object.fromEntries(seen) };
}

export function vantageChange(group: string, vantage: Vantage): RowChange {
  return {
    key: vantageKey(group),
    set: { count: vantage.count, vantage: JSON.stringify(vantage) },
    when: [{ attribute: 'count', is: '<', value: vantage.count }],
    mayCreate: false,
  };
}

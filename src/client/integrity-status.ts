// What one region says of the vault's health: the scrub, the comparison of the sites, what is overdue. What is not known is null.
import { healthOf, shares, type Health } from '../core/integrity/shares.ts';
import { compareKey, overdueKey, parseCompareRow, parseOverdueRow, type Difference } from '../core/integrity/integrity-rows.ts';
import { parseScrubRow, scrubKey, type Violation } from '../core/integrity/scrub-state.ts';
import type { Row } from '../core/rows/row.ts';
import type { RegionConnection } from './connection.ts';

export type IntegrityStatus = {
  readonly scrub: ScrubStatus | null;
  readonly comparison: { readonly secondsAgo: number; readonly count: number; readonly objects: number; readonly silent: readonly string[]; readonly differences: readonly Difference[] } | null;
  readonly overdue: { readonly secondsAgo: number; readonly found: readonly { readonly what: string; readonly because: string; readonly lateSeconds: number }[] } | null;
};

export type ScrubStatus = {
  readonly health: Health;
  readonly standingCount: number;
  readonly standing: readonly Violation[];
  /** The share that is next. */
  readonly share: number;
  readonly ofShares: number;
  readonly steppedSecondsAgo: number;
  readonly lastRound: { readonly endedSecondsAgo: number; readonly objects: number; readonly bytes: number; readonly repaired: number; readonly silent: readonly string[] } | null;
};

export type ReadIntegrity = { readonly scrub: Row | null; readonly comparison: Row | null; readonly overdue: Row | null };

/** Each by itself, through `read`, which notes what fails. */
export async function readIntegrity(from: RegionConnection, read: <T>(what: string, call: () => Promise<T>) => Promise<T | null>): Promise<ReadIntegrity> {
  const [scrub, comparison, overdue] = await Promise.all([
    read('scrub row', async () => (await from.rows.get(scrubKey)) ?? null),
    read('comparison row', async () => (await from.rows.get(compareKey)) ?? null),
    read('overdue row', async () => (await from.rows.get(overdueKey)) ?? null),
  ]);
  return { scrub, comparison, overdue };
}

/** @throws MalformedError for a row that was altered */
export function integrityStatus(rows: ReadIntegrity, nowMs: number): IntegrityStatus {
  const state = parseScrubRow(rows.scrub ?? undefined);
  const comparison = parseCompareRow(rows.comparison ?? undefined);
  const overdue = parseOverdueRow(rows.overdue ?? undefined);
  const round = state?.lastRound ?? null;
  return {
    scrub:
      state === null
        ? null
        : {
            health: healthOf(state.standingCount),
            standingCount: state.standingCount,
            standing: state.standing,
            share: state.share,
            ofShares: shares.length,
            steppedSecondsAgo: seconds(nowMs - state.atMs),
            lastRound: round === null ? null : { endedSecondsAgo: seconds(nowMs - round.endedAtMs), objects: round.objects, bytes: round.bytes, repaired: round.repaired, silent: round.silent },
          },
    comparison:
      comparison === null
        ? null
        : { secondsAgo: seconds(nowMs - comparison.atMs), count: comparison.count, objects: comparison.objects, silent: comparison.silent, differences: comparison.differences },
    overdue:
      overdue === null ? null : { secondsAgo: seconds(nowMs - overdue.atMs), found: overdue.found.map(({ what, because, dueAtMs }) => ({ what, because, lateSeconds: seconds(nowMs - dueAtMs) })) },
  };
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}

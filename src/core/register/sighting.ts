// What a reader may conclude from the acceptors' rows. Reads never prepare: polling by prepare starves the holder (H2).
import type { RegisterValue } from './value.ts';
import { highestOf } from './ballot.ts';

export type AcceptorRow = { readonly region: string; readonly promised: string; readonly acceptedBallot: string; readonly value: RegisterValue };

/**
 * - `chosen`: one ballot at a majority; the value is chosen and current.
 * - `newest`: a majority answered under different ballots; the highest is at least as new as anything chosen, but may never be chosen.
 * - `minority`: fewer answered; good for starting a challenger's clock, for nothing else.
 * - `nothing`: nobody answered.
 */
export type Sighting =
  | { readonly kind: 'chosen' | 'newest' | 'minority'; readonly value: RegisterValue; readonly ballot: string; readonly highestPromise: string; readonly because: string }
  | { readonly kind: 'nothing'; readonly because: string };

export function concludeRead(rows: readonly AcceptorRow[], voters: number): Sighting {
  const majority = Math.floor(voters / 2) + 1;
  const ballot = highestOf(rows.map((r) => r.acceptedBallot));
  const newest = rows.find((r) => r.acceptedBallot === ballot);
  if (newest === undefined) return { kind: 'nothing', because: `none of ${voters} acceptors answered` };
  const highestPromise = highestOf(rows.map((r) => r.promised));
  const sameBallot = rows.filter((r) => r.acceptedBallot === ballot).length;
  const seen = { value: newest.value, ballot, highestPromise };
  if (sameBallot >= majority) return { ...seen, kind: 'chosen', because: `${sameBallot} of ${voters} acceptors show ballot ${ballot}` };
  if (rows.length >= majority) return { ...seen, kind: 'newest', because: `${rows.length} of ${voters} answered, only ${sameBallot} under the highest ballot` };
  return { ...seen, kind: 'minority', because: `only ${rows.length} of ${voters} acceptors answered` };
}

// What a reader may conclude from the acceptors' rows. Reads never prepare: polling by prepare starves the holder (H2).
import type { RegisterValue } from './value.ts';
import { highestOf } from './ballot.ts';
import { majority as majorityOf, numberOf, type Configuration } from './configuration.ts';

export type AcceptorRow = { readonly region: string; readonly promised: string; readonly acceptedBallot: string; readonly value: RegisterValue };
/** Together with the set in which the acceptor votes. */
export type VotingRow = AcceptorRow & { readonly configuration: Configuration };

/**
 * - `chosen`: one ballot at a majority; the value is chosen and current.
 * - `newest`: a majority answered under different ballots; the highest is at least as new as anything chosen, but may never be chosen.
 * - `minority`: fewer answered; good for starting a challenger's clock, for nothing else.
 * - `nothing`: nobody answered.
 */
export type Sighting =
  | {
      readonly kind: 'chosen' | 'newest' | 'minority';
      readonly value: RegisterValue;
      readonly ballot: string;
      readonly highestPromise: string;
      readonly because: string;
      /** The newest set of voters that some acceptor has moved to: what comes next is proposed under it. */
      readonly voters?: Configuration;
    }
  | { readonly kind: 'nothing'; readonly because: string };

export function concludeRead(rows: readonly AcceptorRow[], voters: number): Sighting {
  const majority = majorityOf(voters);
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

/**
 * The same where acceptors may be on their way from one set of voters to the next. Rows that say one set and show one ballot,
 * at a majority of that set: chosen, whichever of the two it is. A row that has moved proves that its set was decided.
 * @param founders how many voters there are where no acceptor answered.
 */
export function concludeLook(rows: readonly VotingRow[], founders: number): Sighting {
  const sets = new Map(rows.map((r) => [r.configuration.id, r.configuration]));
  const [newest, ...older] = [...sets.values()].toSorted((a, b) => numberOf(b) - numberOf(a));
  if (newest === undefined) return concludeRead([], founders);
  const twin = older.find((c) => numberOf(c) === numberOf(newest));
  if (twin !== undefined) return { kind: 'nothing', because: `two voter sets of number ${numberOf(newest)} (${newest.id}, ${twin.id}): two registers under one name; call a person` };
  for (const set of [newest, ...older]) {
    const found = concludeRead(
      rows.filter((r) => r.configuration.id === set.id),
      set.acceptors.length,
    );
    if (found.kind === 'chosen') return { ...found, highestPromise: highestOf(rows.map((r) => r.promised)), voters: newest };
  }
  const voting = rows.filter((r) => newest.acceptors.some((a) => a.region === r.region));
  const seen = concludeRead(rows, newest.acceptors.length);
  if (seen.kind === 'nothing') return seen;
  if (older.length === 0) return { ...seen, voters: newest };
  const moving = `, acceptors are moving to voter set ${numberOf(newest)}`;
  const kind = voting.length >= majorityOf(newest.acceptors.length) ? 'newest' : 'minority';
  const because =
    kind === 'newest' ? `${voting.length} of ${newest.acceptors.length} answered, no ballot stands at a majority` : `only ${voting.length} of ${newest.acceptors.length} acceptors answered`;
  return { ...seen, kind, because: `${because}${moving}`, voters: newest };
}

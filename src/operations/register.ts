// The register: CASPaxos (arXiv:1802.07000) over one acceptor row a region. All calls go to all acceptors in parallel and
// go on at the majority's answer; a ballot is used once; a failed compare is answered only when what was compared is
// chosen (C8), else the outcome is unknown.
import { acceptChange, parseAcceptorRow, prepareChange, registerKey } from '../core/register/acceptor-rows.ts';
import { genesisBallot, highestOf, nextBallot } from '../core/register/ballot.ts';
import { concludeRead, type AcceptorRow, type Sighting } from '../core/register/sighting.ts';
import type { RegisterValue } from '../core/register/value.ts';
import { RowMissingError } from '../core/errors.ts';
import type { Chance } from '../ports/environment.ts';
import type { RowStore } from '../ports/row-store.ts';
import { untilEnough } from './until-enough.ts';

export type Proposal = { readonly kind: 'set'; readonly value: RegisterValue } | { readonly kind: 'refuse'; readonly because: string };

export type ChangeOutcome =
  | { readonly kind: 'chosen'; readonly value: RegisterValue }
  /** `current` was chosen, and does not allow the change. */
  | { readonly kind: 'refused'; readonly current: RegisterValue; readonly because: string }
  /** It may have been carried out, or may be yet. Only a later look can tell. */
  | { readonly kind: 'unknown'; readonly because: string };

export type RegisterVoters = { readonly group: string; readonly configId: string; readonly region: string; readonly acceptors: readonly RowStore[]; readonly chance: Chance };

/** How often one invocation tries the first phase; nothing has been proposed yet then, so a new ballot is safe. */
const preparesMax = 4;

type Answered = { readonly kind: 'yes'; readonly row: AcceptorRow } | { readonly kind: 'no'; readonly promised: string };

/** A look at all acceptors: as soon as one ballot stands at a majority, else when all have answered or failed. */
export async function lookAtRegister(voters: RegisterVoters): Promise<Sighting> {
  const { acceptors, group, configId } = voters;
  const failures: string[] = [];
  const rows = await untilEnough(
    acceptors.map(async (store) => parseAcceptorRow(store.region, configId, present(store, await store.get(registerKey(group))))),
    (sofar) => concludeRead(sofar, acceptors.length).kind === 'chosen',
    (index, error) => failures.push(`${acceptors[index]?.region}: ${error}`),
  );
  const sighting = concludeRead(rows, acceptors.length);
  return failures.length === 0 ? sighting : { ...sighting, because: `${sighting.because} (${failures.join('; ')})` };
}

function present<T>(store: RowStore, row: T | undefined): T {
  if (row === undefined) {
    throw new RowMissingError(`The register row in ${store.region} is missing: its table was emptied or restored. It must not vote; add a new acceptor by a configuration change.`);
  }
  return row;
}

/**
 * Reads the current value and replaces it by what `propose` makes of it, atomically.
 * @param seenBallot the highest ballot or promise of a look before, so that the first prepare is not refused.
 */
export async function changeRegister(voters: RegisterVoters, seenBallot: string, propose: (current: RegisterValue) => Proposal): Promise<ChangeOutcome> {
  let highest = seenBallot;
  for (let round = 0; round < preparesMax; round += 1) {
    const ballot = nextBallot(highest, voters.region, voters.chance.id());
    const answers = await prepare(voters, ballot);
    const promises = answers.flatMap((a) => (a.kind === 'yes' ? [a.row] : []));
    if (promises.length >= majority(voters)) return settleProposal(voters, ballot, promises, propose);
    const refusals = answers.flatMap((a) => (a.kind === 'no' ? [a.promised] : []));
    if (refusals.length === 0) return { kind: 'unknown', because: `only ${promises.length} of ${voters.acceptors.length} acceptors answered; nothing was proposed` };
    highest = highestOf([ballot, ...refusals]);
  }
  return { kind: 'unknown', because: `${preparesMax} ballots were overtaken by other proposers; nothing was proposed` };
}

function majority(voters: RegisterVoters): number {
  return Math.floor(voters.acceptors.length / 2) + 1;
}

async function prepare(voters: RegisterVoters, ballot: string): Promise<Answered[]> {
  const need = majority(voters);
  return untilEnough(
    voters.acceptors.map(async (store): Promise<Answered> => {
      const answer = await store.change(prepareChange(voters.group, voters.configId, ballot));
      const row = parseAcceptorRow(store.region, voters.configId, present(store, answer.row));
      // "Already promised to my ballot" is success: the first try was carried out and its answer was lost.
      return answer.kind === 'done' || row.promised === ballot ? { kind: 'yes', row } : { kind: 'no', promised: row.promised };
    }),
    (sofar) => sofar.filter((a) => a.kind === 'yes').length >= need,
  );
}

async function settleProposal(voters: RegisterVoters, ballot: string, promises: readonly AcceptorRow[], propose: (current: RegisterValue) => Proposal): Promise<ChangeOutcome> {
  const newest = highestOf(promises.map((p) => p.acceptedBallot));
  const current = promises.find((p) => p.acceptedBallot === newest)?.value;
  if (current === undefined) return { kind: 'unknown', because: 'no acceptor holds a value' };
  const proposal = propose(current);
  if (proposal.kind === 'set') {
    const isChosen = await accept(voters, ballot, proposal.value);
    return isChosen ? { kind: 'chosen', value: proposal.value } : { kind: 'unknown', because: 'no majority accepted; it may be chosen yet by another proposer' };
  }
  const alreadyChosen = promises.filter((p) => p.acceptedBallot === newest).length >= majority(voters);
  if (alreadyChosen || (await accept(voters, ballot, current))) return { kind: 'refused', current, because: proposal.because };
  return { kind: 'unknown', because: `${proposal.because}; but that value could not be settled at a majority` };
}

async function accept(voters: RegisterVoters, ballot: string, value: RegisterValue): Promise<boolean> {
  const need = majority(voters);
  const change = acceptChange(voters.group, voters.configId, ballot, value);
  const answers = await untilEnough(
    voters.acceptors.map(async (store) => {
      const answer = await store.change(change);
      return answer.kind === 'done' || answer.row?.['acceptedBallot'] === ballot;
    }),
    (sofar) => sofar.filter((ok) => ok).length >= need,
  );
  return answers.filter((ok) => ok).length >= need;
}

export function seenBallotOf(sighting: Sighting): string {
  return sighting.kind === 'nothing' ? genesisBallot : highestOf([sighting.ballot, sighting.highestPromise]);
}

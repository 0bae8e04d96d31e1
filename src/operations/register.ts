// The register: CASPaxos (arXiv:1802.07000) over one acceptor row a region. All calls go to all acceptors in parallel and
// go on at the majority's answer; a ballot is used once; a failed compare is answered only when what was compared is
// chosen (C8), else the outcome is unknown.
import { acceptChange, moveChange, parseAcceptorRow, parseRegisterRow, prepareChange, registerKey, type JoiningRow } from '../core/register/acceptor-rows.ts';
import { genesisBallot, highestOf, nextBallot } from '../core/register/ballot.ts';
import { majority as majorityOf, mayMove, numberOf, type Configuration } from '../core/register/configuration.ts';
import { concludeLook, type Sighting, type VotingRow } from '../core/register/sighting.ts';
import type { RegisterValue } from '../core/register/value.ts';
import { restate, underConfiguration } from '../core/register/voter-change.ts';
import { MalformedError } from '../core/errors.ts';
import type { ChangeOutcome, Proposal } from '../ports/register.ts';
import type { RowStore } from '../ports/row-store.ts';
import { untilEnough } from './until-enough.ts';
import { admittedTo, bringIntoForce, deployedSet, present, seedLate, votingSetOf, type RegisterVoters, type VotingSet } from './voting-set.ts';

/** How often one invocation tries the first phase; nothing has been proposed yet then, so a new ballot is safe. */
const preparesMax = 4;

type Answered =
  | { readonly kind: 'yes'; readonly row: VotingRow }
  | { readonly kind: 'no'; readonly promised: string }
  /** Votes in a newer set by now. */
  | { readonly kind: 'elsewhere'; readonly row: VotingRow }
  /** Empty: it was admitted and not seeded yet, or it forgot. */
  | { readonly kind: 'empty'; readonly row: JoiningRow };

/** A look at all acceptors: as soon as one ballot stands at a majority, else when all have answered or failed. */
export async function lookAtRegister(voters: RegisterVoters): Promise<Sighting> {
  const asked = voters.believed === undefined ? voters.acceptors : votingSetOf(voters, voters.believed).stores;
  const failures: string[] = [];
  const rows = await readRows(voters, asked, [], failures);
  const sighting = concludeLook(rows, asked.length);
  // The register names its voters itself: some may be elsewhere than this deployment knows.
  const others = sighting.kind === 'chosen' || sighting.kind === 'nothing' || sighting.voters === undefined ? [] : votingSetOf(voters, sighting.voters).stores.filter((s) => !asked.includes(s));
  const concluded = others.length === 0 ? sighting : concludeLook([...rows, ...(await readRows(voters, others, rows, failures))], asked.length);
  return failures.length === 0 ? concluded : { ...concluded, because: `${concluded.because} (${failures.join('; ')})` };
}

async function readRows(voters: RegisterVoters, stores: readonly RowStore[], before: readonly VotingRow[], failures: string[]): Promise<VotingRow[]> {
  return untilEnough(
    stores.map(async (store) => parseAcceptorRow(store.region, present(store, await store.get(registerKey(voters.group))))),
    (sofar) => concludeLook([...before, ...sofar], stores.length).kind === 'chosen',
    (index, error) => failures.push(`${stores[index]?.region}: ${error}`),
  );
}

/**
 * Reads the current value and replaces it by what `propose` makes of it, atomically.
 * @param seenBallot the highest ballot or promise of a look before, so that the first prepare is not refused.
 */
export async function changeRegister(voters: RegisterVoters, seenBallot: string, propose: (current: RegisterValue) => Proposal): Promise<ChangeOutcome> {
  let highest = seenBallot;
  let set = voters.believed === undefined ? deployedSet(voters) : votingSetOf(voters, voters.believed);
  for (let round = 0; round < preparesMax; round += 1) {
    const ballot = nextBallot(highest, voters.region, voters.chance.id());
    const answers = await prepare(voters, set, ballot);
    const promises = answers.flatMap((a) => (a.kind === 'yes' ? [a.row] : []));
    if (promises.length >= majorityOf(set.size)) return settleProposal(voters, set, ballot, answers, propose);
    const newer = newestOf(answers);
    const isHelped = newer === undefined && (await seedMissing(voters, set, promises, answers));
    const refusals = answers.flatMap((a) => (a.kind === 'no' ? [a.promised] : []));
    if (refusals.length === 0 && newer === undefined && !isHelped) return { kind: 'unknown', because: `only ${promises.length} of ${set.size} acceptors answered; nothing was proposed` };
    if (newer !== undefined) set = votingSetOf(voters, newer.configuration);
    highest = highestOf([ballot, ...refusals, ...(newer === undefined ? [] : [newer.promised])]);
  }
  return { kind: 'unknown', because: `${preparesMax} ballots were overtaken by other proposers; nothing was proposed` };
}

/**
 * Too few promised, and with the acceptors that were admitted and are still empty there would be enough: each is given the newest that was
 * accepted, as if it had accepted it when it was proposed. It never voted, so nothing that it said stands against that (docs/decisions/0016).
 */
async function seedMissing(voters: RegisterVoters, set: VotingSet, promises: readonly VotingRow[], answers: readonly Answered[]): Promise<boolean> {
  const newest = promises.toSorted((a, b) => (a.acceptedBallot < b.acceptedBallot ? 1 : -1))[0];
  if (newest === undefined) return false;
  const waiting = admittedTo(newest.configuration, emptyOf(answers));
  if (waiting.length === 0 || promises.length + waiting.length < majorityOf(set.size)) return false;
  return seedLate(voters, newest.configuration, waiting, newest.acceptedBallot, newest.value);
}

function emptyOf(answers: readonly Answered[]): JoiningRow[] {
  return answers.flatMap((a) => (a.kind === 'empty' ? [a.row] : []));
}

function newestOf(answers: readonly Answered[]): VotingRow | undefined {
  return answers.flatMap((a) => (a.kind === 'elsewhere' ? [a.row] : [])).toSorted((a, b) => numberOf(b.configuration) - numberOf(a.configuration))[0];
}

/** Decided at the answer that makes a majority, and as well at the one after which none can come about: the last may be in a region that hangs. */
function isDecided(size: number, answers: readonly boolean[]): boolean {
  const need = majorityOf(size);
  const yes = answers.filter((isYes) => isYes).length;
  return yes >= need || answers.length - yes > size - need;
}

async function prepare(voters: RegisterVoters, set: VotingSet, ballot: string): Promise<Answered[]> {
  return untilEnough(
    set.stores.map(async (store) => askFor(voters, set, ballot, store)),
    (sofar) =>
      sofar.some((a) => a.kind === 'elsewhere') ||
      isDecided(
        set.size,
        sofar.map((a) => a.kind === 'yes'),
      ),
  );
}

async function askFor(voters: RegisterVoters, set: VotingSet, ballot: string, store: RowStore): Promise<Answered> {
  const answer = await store.change(prepareChange(voters.group, set.id, ballot));
  const row = parseRegisterRow(store.region, present(store, answer.row));
  if ('joining' in row) return { kind: 'empty', row };
  // "Already promised to my ballot" is success: the first try was carried out and its answer was lost.
  if (row.configuration.id === set.id) return answer.kind === 'done' || row.promised === ballot ? { kind: 'yes', row } : { kind: 'no', promised: row.promised };
  if (numberOf(row.configuration) > set.number) return { kind: 'elsewhere', row };
  if (set.configuration === undefined || !mayMove(row, set.configuration)) {
    throw new MalformedError(
      `The acceptor in ${store.region} belongs to voter set ${row.configuration.id}, which may not move to ${set.id}, or it is another row than the one that votes there: replace its voter ('holdfast voters replace').`,
    );
  }
  // It was away while the voters changed.
  await store.change(moveChange(voters.group, row.configuration.id, set.configuration));
  const again = await store.change(prepareChange(voters.group, set.id, ballot));
  const moved = parseAcceptorRow(store.region, present(store, again.row));
  if (moved.configuration.id !== set.id) return { kind: 'elsewhere', row: moved };
  return again.kind === 'done' || moved.promised === ballot ? { kind: 'yes', row: moved } : { kind: 'no', promised: moved.promised };
}

async function settleProposal(voters: RegisterVoters, set: VotingSet, ballot: string, answers: readonly Answered[], propose: (current: RegisterValue) => Proposal): Promise<ChangeOutcome> {
  const promises = answers.flatMap((a) => (a.kind === 'yes' ? [a.row] : []));
  const newest = highestOf(promises.map((p) => p.acceptedBallot));
  const [current, under] = [promises.find((p) => p.acceptedBallot === newest)?.value, promises[0]?.configuration];
  if (current === undefined || under === undefined) return { kind: 'unknown', because: 'no acceptor holds a value' };
  const asked = propose(current);
  const proposal = asked.kind === 'set' ? underConfiguration(current, asked.value, under) : asked;
  if (proposal.kind === 'set') {
    const isChosen = await accept(voters, set, ballot, proposal.value);
    if (!isChosen) return { kind: 'unknown', because: 'no majority accepted; it may be chosen yet by another proposer' };
    await moveOn(voters, under, answers, ballot, proposal.value);
    return { kind: 'chosen', value: proposal.value };
  }
  const alreadyChosen = promises.filter((p) => p.acceptedBallot === newest).length >= majorityOf(set.size);
  const settled = alreadyChosen ? current : restate(current, under);
  if (alreadyChosen || (await accept(voters, set, ballot, settled))) {
    await moveOn(voters, under, answers, alreadyChosen ? newest : ballot, settled);
    return { kind: 'refused', current: settled, because: proposal.because };
  }
  return { kind: 'unknown', because: `${proposal.because}; but that value could not be settled at a majority` };
}

/** Whoever gets a value chosen carries on with a change of the voters that it decides, also one that somebody else began. */
async function moveOn(voters: RegisterVoters, under: Configuration, answers: readonly Answered[], ballot: string, value: RegisterValue): Promise<void> {
  const { nextConfig } = value;
  const empty = admittedTo(under, emptyOf(answers));
  if (empty.length > 0) await seedLate(voters, under, empty, ballot, value);
  if (nextConfig !== undefined && nextConfig.id !== under.id) await bringIntoForce(voters, nextConfig, ballot, value);
}

async function accept(voters: RegisterVoters, set: VotingSet, ballot: string, value: RegisterValue): Promise<boolean> {
  const change = acceptChange(voters.group, set.id, ballot, value);
  const answers = await untilEnough(
    set.stores.map(async (store) => {
      const answer = await store.change(change);
      return answer.kind === 'done' || answer.row?.['acceptedBallot'] === ballot;
    }),
    (sofar) => isDecided(set.size, sofar),
  );
  return answers.filter((ok) => ok).length >= majorityOf(set.size);
}

export function seenBallotOf(sighting: Sighting): string {
  return sighting.kind === 'nothing' ? genesisBallot : highestOf([sighting.ballot, sighting.highestPromise]);
}

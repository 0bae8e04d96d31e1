// `holdfast voters`: one voter more or less, one after the other, by whoever asks. Every step may be repeated: running the
// same command again finds what stands and goes on from there (docs/decisions/0016).
import { parseRegisterRow, registerKey, type JoiningRow } from '../core/register/acceptor-rows.ts';
import { numberOf, type Acceptor, type Configuration, type VoterChange } from '../core/register/configuration.ts';
import type { VotingRow } from '../core/register/sighting.ts';
import { refusalOfVoterChange, withoutRegion } from '../core/register/voter-rules.ts';
import { changeVoter, decidedConfiguration } from '../core/register/voter-change.ts';
import type { RegisterValue } from '../core/register/value.ts';
import { NoQuorumError, RefusedError } from '../core/errors.ts';
import type { Digest } from '../ports/environment.ts';
import { changeRegister, lookAtRegister, seenBallotOf } from './register.ts';
import type { Proposal } from '../ports/register.ts';
import { present, storeOf, type RegisterVoters } from './voting-set.ts';

export type VotersAsked = { readonly kind: 'add' | 'replace'; readonly region: string; readonly table: string } | { readonly kind: 'remove'; readonly region: string };

export type VoterPorts = {
  readonly voters: RegisterVoters;
  readonly candidates: readonly string[];
  readonly digest: Digest;
  readonly wait: (ms: number) => Promise<void>;
  /** Who asks and why, for the register. */
  readonly because: string;
};

export type VoterState = {
  readonly region: string;
  readonly table: string;
  /** `votes` · `behind`: with an older value · `not moved`: still in an older set · `empty`: waits to be brought in · `silent` */
  readonly state: 'votes' | 'behind' | 'not moved' | 'empty' | 'silent';
  readonly because: string;
};

export type VotersStatus = {
  readonly inForce: Configuration;
  /** Decided, and its acceptors have not all moved yet. */
  readonly next: Configuration | null;
  readonly value: RegisterValue;
  readonly voters: readonly VoterState[];
};

/** The governors propose each tick, and acceptors are on their way for a moment: whoever is overtaken tries again. */
const roundsMax = 12;
const pauseMs = 500;

/** Reads every acceptor, also one that hangs, up to the driver's limit. @throws NoQuorumError */
export async function readVoters(voters: RegisterVoters): Promise<VotersStatus> {
  const sighting = await lookAtRegister(voters);
  if (sighting.kind !== 'chosen' || sighting.voters === undefined)
    throw new NoQuorumError(`The register cannot be read for certain, so nobody can say who votes: ${sighting.because}. Nothing was changed.`);
  const { value, ballot, voters: inForce } = sighting;
  const next = value.nextConfig !== undefined && value.nextConfig.id !== inForce.id ? value.nextConfig : null;
  const states = await Promise.all(inForce.acceptors.map(async (a) => stateOf(a, await readRow(voters, a), inForce, ballot)));
  return { inForce, next, value, voters: states };
}

async function readRow(voters: RegisterVoters, acceptor: Acceptor): Promise<VotingRow | JoiningRow | string> {
  const store = storeOf(voters, acceptor);
  if (store === undefined) return `this configuration knows no way to ${acceptor.table} in ${acceptor.region}`;
  try {
    return parseRegisterRow(store.region, present(store, await store.get(registerKey(voters.group))));
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}

function stateOf({ region, table }: Acceptor, row: VotingRow | JoiningRow | string, inForce: Configuration, ballot: string): VoterState {
  const is = (state: VoterState['state'], because: string) => ({ region, table, state, because });
  if (typeof row === 'string') return is('silent', row);
  if ('joining' in row) return is('empty', 'its row is new: it gets the value with the next change of the register, if it is the one that was admitted');
  if (row.configuration.id !== inForce.id) return is('not moved', `it votes in set ${numberOf(row.configuration)}, in force is ${numberOf(inForce)}`);
  return row.acceptedBallot < ballot ? is('behind', 'it holds an older value, until the next change of the register') : is('votes', '');
}

/** @throws RefusedError, before anything changed, or between the two steps of a replacement; NoQuorumError when it is not known what stands */
export async function changeVoters(ports: VoterPorts, asked: VotersAsked): Promise<VotersStatus> {
  if (asked.kind === 'remove') return step(ports, asked.region, undefined, false);
  if (asked.kind === 'add') return step(ports, asked.region, asked.table, false);
  const before = decidedConfiguration((await finish(ports)).value);
  const standing = before.acceptors.find((a) => a.region === asked.region);
  if (standing?.table === asked.table) return finish(ports);
  // Looked at first: a region that left must be able to come back.
  await admissible(ports, asked.region, asked.table);
  if (standing !== undefined) await step(ports, asked.region, undefined, true);
  return step(ports, asked.region, asked.table, true);
}

/** One acceptor more (`table`) or less, in force when it returns. */
async function step(ports: VoterPorts, region: string, table: string | undefined, isReplacing: boolean): Promise<VotersStatus> {
  const before = await finish(ports);
  const from = before.inForce;
  if (isDone(from, region, table)) return before;
  const change: VoterChange = table === undefined ? { kind: 'remove', region } : { kind: 'add', acceptor: await admissible(ports, region, table) };
  const seen = { answering: before.voters.filter((v) => v.state === 'votes' || v.state === 'behind').map((v) => v.region), candidates: ports.candidates };
  const notMoved = before.voters.filter((v) => v.state === 'not moved');
  if (notMoved.length > 0)
    throw new NoQuorumError(`${notMoved.map((v) => v.region).join(', ')} answers and has not moved to voter set ${numberOf(from)} yet: one change at a time. Nothing was changed; ask again.`);
  const propose = (current: RegisterValue): Proposal => {
    if (decidedConfiguration(current).id !== from.id) return { kind: 'refuse', because: 'somebody else changed the voters meanwhile' };
    const refusal = refusalOfVoterChange(current, from, change, seen, isReplacing);
    if (refusal !== undefined) return { kind: 'refuse', because: refusal };
    const changed = changeVoter({ ...current, because: ports.because }, change, ports.digest);
    return changed.kind === 'set' && change.kind === 'remove' && !isReplacing ? { kind: 'set', value: withoutRegion(changed.value, region) } : changed;
  };
  await makeCertain(ports, propose, (value) => decidedConfiguration(value).before?.[0] === from.id && isDone(decidedConfiguration(value), region, table));
  return finish(ports);
}

function isDone(configuration: Configuration, region: string, table: string | undefined): boolean {
  const found = configuration.acceptors.find((a) => a.region === region);
  return table === undefined ? found === undefined : found?.table === table;
}

/** The empty row that may join, by its mark. */
async function admissible({ voters }: VoterPorts, region: string, table: string): Promise<Acceptor> {
  const row = await readRow(voters, { region, table });
  if (typeof row === 'string') throw new RefusedError(`The new acceptor ${table} in ${region} does not answer (${row}). Deploy its stack first. Nothing was changed.`);
  if ('joining' in row) return { region, table, joined: row.joining };
  throw new RefusedError(
    `The row in ${table} in ${region} has voted before (voter set ${numberOf(row.configuration)}): only a new, empty table may join. Raise registerIncarnation of ${region} in the configuration and deploy its stack. Nothing was changed.`,
  );
}

/** A renewal that is under way hides for a moment what stands. */
async function readCertainly({ voters, wait }: VoterPorts): Promise<VotersStatus> {
  for (let round = 1; ; round += 1) {
    try {
      return await readVoters(voters);
    } catch (error) {
      if (!(error instanceof NoQuorumError) || round === roundsMax) throw error;
      await wait(pauseMs);
    }
  }
}

/** A change that is decided is carried through: the value that stands is chosen once more under the set in force. */
async function finish(ports: VoterPorts): Promise<VotersStatus> {
  const { value } = await makeCertain(
    ports,
    (current) => ({ kind: 'set', value: current }),
    () => false,
  );
  let status = await readCertainly(ports);
  for (let round = 0; round < roundsMax && (status.value.nextConfig !== undefined || status.value.config.id !== status.inForce.id); round += 1) {
    if (round > 0) await ports.wait(pauseMs);
    await makeCertain(
      ports,
      (current) => ({ kind: 'set', value: current }),
      () => false,
    );
    status = await readCertainly(ports);
  }
  if (status.next !== null || status.value.nextConfig !== undefined)
    throw new NoQuorumError(
      `Voter set ${numberOf(decidedConfiguration(value))} is decided and not in force yet: too few of its acceptors answer. The old one stays in force meanwhile; each change of the register tries again, and so does this command.`,
    );
  return status;
}

/** Until it is certain. An outcome that is unknown is looked at, and tried again only where it was not carried out. */
async function makeCertain(ports: VoterPorts, propose: (current: RegisterValue) => Proposal, isMine: (value: RegisterValue) => boolean): Promise<{ readonly value: RegisterValue }> {
  let because = '';
  for (let round = 0; round < roundsMax; round += 1) {
    if (round > 0) await ports.wait(pauseMs);
    const sighting = await lookAtRegister(ports.voters);
    if (round > 0 && sighting.kind === 'chosen' && isMine(sighting.value)) return { value: sighting.value };
    const believed = sighting.kind === 'nothing' ? undefined : sighting.voters;
    const outcome = await changeRegister({ ...ports.voters, believed }, seenBallotOf(sighting), propose);
    if (outcome.kind === 'chosen') return { value: outcome.value };
    if (outcome.kind === 'refused') {
      if (isMine(outcome.current)) return { value: outcome.current };
      throw new RefusedError(`The change of voters was refused: ${outcome.because}. Nothing was changed.`);
    }
    because = outcome.because;
  }
  throw new NoQuorumError(`It is not known what stands: ${because}. 'holdfast voters' shows who votes; run the same command again.`);
}

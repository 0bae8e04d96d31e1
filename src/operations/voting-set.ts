// Where the acceptors of a set of voters are, and how a set that was decided comes into force. Every step is one conditional
// write, may be repeated by anybody at any time, and never lets a row move that nothing chosen allows (docs/decisions/0016).
import { parseRegisterRow, moveChange, registerKey, seedChange, type JoiningRow } from '../core/register/acceptor-rows.ts';
import { majority, mayMove, numberOf, type Acceptor, type Configuration } from '../core/register/configuration.ts';
import type { VotingRow } from '../core/register/sighting.ts';
import type { RegisterValue } from '../core/register/value.ts';
import { RowMissingError } from '../core/errors.ts';
import type { Chance } from '../ports/environment.ts';
import type { RowStore } from '../ports/row-store.ts';

export type RegisterVoters = {
  readonly group: string;
  /** The founders' set, as deployed: where to begin when nothing is known yet. */
  readonly configId: string;
  readonly region: string;
  /** The acceptors that the deployment knows; which of them vote, the register says. */
  readonly acceptors: readonly RowStore[];
  readonly chance: Chance;
  /** The set that a look has just seen in force. */
  readonly believed?: Configuration | undefined;
  /** The store of an acceptor that may lie elsewhere than deployed; for a deployed one the very store of `acceptors`. */
  readonly reach?: ((acceptor: Acceptor) => RowStore | undefined) | undefined;
};

export type VotingSet = {
  readonly id: string;
  readonly number: number;
  readonly size: number;
  readonly stores: readonly RowStore[];
  /** Unknown until some acceptor of a deployed set has answered. */
  readonly configuration: Configuration | undefined;
};

export function deployedSet(voters: RegisterVoters): VotingSet {
  const { configId, acceptors } = voters;
  return { id: configId, number: -1, size: acceptors.length, stores: acceptors, configuration: undefined };
}

export function votingSetOf(voters: RegisterVoters, configuration: Configuration): VotingSet {
  const stores = configuration.acceptors.flatMap((a) => storeOf(voters, a) ?? []);
  return { id: configuration.id, number: numberOf(configuration), size: configuration.acceptors.length, stores, configuration };
}

export function storeOf(voters: RegisterVoters, acceptor: Acceptor): RowStore | undefined {
  return voters.reach === undefined ? voters.acceptors.find((s) => s.region === acceptor.region) : voters.reach(acceptor);
}

export function present<T>(store: RowStore, row: T | undefined): T {
  if (row === undefined) {
    throw new RowMissingError(`The register row in ${store.region} is missing: its table was emptied or restored. It must not vote; replace its voter: 'holdfast voters replace'.`);
  }
  return row;
}

type Member = { readonly acceptor: Acceptor; readonly store: RowStore; readonly row: VotingRow | JoiningRow };

/**
 * Seeds the acceptor that joins and moves the others to `next`. Nothing moves before a majority of `next` has answered.
 * @param value was chosen under `ballot`, and says that `next` is next.
 */
export async function bringIntoForce(voters: RegisterVoters, next: Configuration, ballot: string, value: RegisterValue): Promise<void> {
  const need = majority(next.acceptors.length);
  const found = await Promise.all(next.acceptors.map(async (acceptor) => memberOf(voters, acceptor)));
  const able = found.flatMap((m) => (m !== undefined && mayVoteIn(m, next) ? [m] : []));
  if (able.length < need) return;
  const ready = await Promise.all(able.map(async (m) => ('joining' in m.row ? seed(voters, m, next, ballot, value) : m.store)));
  if (ready.filter((s) => s !== undefined).length < need) return;
  await Promise.all(
    able.map(async ({ store, row }) => ('joining' in row || row.configuration.id === next.id ? undefined : store.change(moveChange(voters.group, row.configuration.id, next)).catch(() => undefined))),
  );
}

async function memberOf(voters: RegisterVoters, acceptor: Acceptor): Promise<Member | undefined> {
  const store = storeOf(voters, acceptor);
  if (store === undefined) return undefined;
  try {
    return { acceptor, store, row: parseRegisterRow(store.region, present(store, await store.get(registerKey(voters.group)))) };
  } catch {
    // Silent or damaged: it comes along when it is met again.
    return undefined;
  }
}

/** A row under the right name whose mark is another one was emptied since: it was not admitted (H3). */
function mayVoteIn({ acceptor, row }: Member, next: Configuration): boolean {
  if ('joining' in row) return row.joining === acceptor.joined;
  return row.configuration.id === next.id || mayMove(row, next);
}

async function seed(voters: RegisterVoters, { store, row }: Member, next: Configuration, ballot: string, value: RegisterValue): Promise<RowStore | undefined> {
  if (!('joining' in row)) return store;
  try {
    const answer = await store.change(seedChange(voters.group, row.joining, next, ballot, value));
    // Refused because another one was faster: then it says this set as well.
    return answer.kind === 'done' || answer.row?.['config'] === next.id ? store : undefined;
  } catch {
    return undefined;
  }
}

/** Of the empty rows those that the set admits, each by its mark: another one under the same name has forgotten (H3). */
export function admittedTo(set: Configuration, empty: readonly JoiningRow[]): JoiningRow[] {
  return empty.filter((row) => set.acceptors.some((a) => a.region === row.region && a.joined === row.joining));
}

/**
 * Seeds acceptors that were admitted and had not answered when their set came into force.
 * @param value was chosen under `ballot`, or accepted under it by an acceptor of this very set.
 * @returns whether one of them votes now.
 */
export async function seedLate(voters: RegisterVoters, set: Configuration, admitted: readonly JoiningRow[], ballot: string, value: RegisterValue): Promise<boolean> {
  const seeded = await Promise.all(
    admitted.map(async (row) => {
      const acceptor = set.acceptors.find((a) => a.region === row.region);
      const store = acceptor === undefined ? undefined : storeOf(voters, acceptor);
      return acceptor === undefined || store === undefined ? undefined : seed(voters, { acceptor, store, row }, set, ballot, value);
    }),
  );
  return seeded.some((store) => store !== undefined);
}

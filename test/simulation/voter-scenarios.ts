// Changes of voters played by hand, call by call, where chance meets the bad moment too rarely. Each says what was lost, if anything.
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import type { Acceptor } from '../../src/core/register/configuration.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import { changeVoter } from '../../src/core/register/voter-change.ts';
import type { RegisterVoters } from '../../src/operations/voting-set.ts';
import type { RowStore } from '../../src/ports/row-store.ts';
import { policyOf } from './history.ts';
import type { Product } from './product.ts';

const founders = policyOf({ regions: 3, fenceShards: 1 });
const [a, b, c] = ['us-east-1', 'us-west-2', 'eu-west-1'] as const;
const [d, e] = ['eu-central-1', 'ap-south-1'] as const;
const mark = (digit: string) => digit.repeat(32);
const joiners: readonly Acceptor[] = [d, e].map((region, i) => ({ region, table: 'register-1', joined: `joining:${mark(String(i + 1))}` }));

type Seen = { prepares: readonly string[]; moves: readonly string[]; seeds: readonly string[] };

/** Three founders and two empty acceptors. Who is seen is said for prepare and accept, and for reading, moving and seeding. */
function table(product: Product) {
  const seen: Seen = { prepares: [], moves: [], seeds: [] };
  let ids = 0;
  const rowsOf = (region: string) => {
    const index = joiners.findIndex((j) => j.region === region);
    const first = index < 0 ? product.firstRows.firstRows(founders, region, a).slice(0, 1) : [product.firstRows.joiningRow(founders.group, mark(String(index + 1)))];
    return new product.rows.MemoryRowStore(region, first);
  };
  const storeOf = (region: string, rows: RowStore): RowStore => {
    const only = (list: readonly string[]) => {
      if (!list.includes(region)) throw new Error('no answer');
    };
    return {
      region,
      get: async (key) => {
        only(seen.moves);
        return rows.get(key);
      },
      change: async (change) => {
        only('joined' in change.set ? seen.seeds : 'config' in change.set ? seen.moves : seen.prepares);
        return rows.change(change);
      },
      changeTogether: async (changes, checks) => rows.changeTogether(changes, checks),
    };
  };
  let acceptors = [a, b, c, d, e].map((region) => storeOf(region, rowsOf(region)));
  // Whoever asks believes in the founders' set first, and learns from what it meets.
  const believed = { id: founders.configId, acceptors: founders.voters.map((v) => ({ region: v.region, table: v.registerTable })) };
  const voters: RegisterVoters = { group: founders.group, configId: founders.configId, believed, region: a, acceptors, chance: { id: () => (ids += 1).toString(16).padStart(32, '0') } };
  const genesis = `${'0'.repeat(16)}.genesis.${'0'.repeat(32)}`;
  const change = (prepares: readonly string[], moves: readonly string[], propose: (current: RegisterValue) => RegisterValue, seeds = moves) => {
    Object.assign(seen, { prepares, moves, seeds });
    return product.register.changeRegister({ ...voters, acceptors }, genesis, (current) => ({ kind: 'set', value: propose(current) }));
  };
  const add = (acceptor: Acceptor | undefined) => (current: RegisterValue) => {
    if (acceptor === undefined) return current;
    const changed = changeVoter(current, { kind: 'add', acceptor }, sha256);
    return changed.kind === 'set' ? changed.value : current;
  };
  const say = (word: string) => (current: RegisterValue) => ({ ...current, auditHead: `${current.auditHead},${word}` });
  const remove = (region: string) => (current: RegisterValue) => {
    const changed = changeVoter(current, { kind: 'remove', region }, sha256);
    return changed.kind === 'set' ? changed.value : current;
  };
  /** @returns what takes `us-east-1` for its old table, or for the new one. */
  const replaceFirst = () => {
    const [old, ...rest] = acceptors;
    const fresh = storeOf(a, new product.rows.MemoryRowStore(a, [product.firstRows.joiningRow(founders.group, mark('9'))]));
    return { takeOld: () => void (acceptors = old === undefined ? rest : [old, ...rest]), takeNew: () => void (acceptors = [fresh, ...rest]) };
  };
  /** Who takes part changes once a majority has promised: what is proposed reaches these only. */
  const reachingOnly = (prepares: readonly string[], propose: (current: RegisterValue) => RegisterValue) => (current: RegisterValue) => {
    Object.assign(seen, { prepares });
    return propose(current);
  };
  return { change, add, remove, say, replaceFirst, reachingOnly };
}

/** The table of a region was replaced; a deployment that knows one table a region takes the old one, which is there still, for the new one. */
async function oldRowForNew(product: Product): Promise<string | undefined> {
  const { change, add, remove, say, replaceFirst } = table(product);
  const { takeOld, takeNew } = replaceFirst();
  const [all, rest] = [
    [a, b, c],
    [b, c],
  ];
  await change(all, rest, remove(a));
  await change(rest, rest, say('alone'));
  takeNew();
  await change(rest, all, add({ region: a, table: 'register-2', joined: `joining:${mark('9')}` }));
  await change(all, all, say('together'));
  const withNew = await change([a, c], all, say('with the new one'));
  takeOld();
  const withOld = await change([a, b], [a, b], say('with the old one'));
  if (withNew.kind !== 'chosen') return `${a} with its new table, and ${c}, are a majority, and could not decide: ${withNew.because}`;
  return withOld.kind === 'chosen' && !withOld.value.auditHead.includes('with the new one') ? `the old row of ${a} voted for the new one, and what the new one had acknowledged is lost` : undefined;
}

/** A second change is decided before any row has moved for the first one; then the two ends of the chain decide without each other. */
async function twoChangesAtOnce(product: Product): Promise<string | undefined> {
  const { change, add, say } = table(product);
  await change([a, b, c], [], add(joiners[0]));
  await change([a, b, c], [c, d, e], add(joiners[1]));
  const here = await change([a, b], [a, b], say('west side'));
  const there = await change([c, d, e], [c, d, e], say('east side'));
  if (here.kind !== 'chosen' || there.kind !== 'chosen' || there.value.auditHead.includes('west side')) return undefined;
  return `'west side' was acknowledged by ${a} and ${b}, and ${c}, ${d} and ${e} went on without it`;
}

/**
 * A fourth voter is admitted and was not there when its set came into force; then one of the other three is lost for good. It is needed
 * for every majority from then on, and is given what stands highest, though only one acceptor holds that.
 */
async function oneLostOneEmpty(product: Product): Promise<string | undefined> {
  const { change, add, say, reachingOnly } = table(product);
  const [old, left] = [
    [a, b, c],
    [b, c, d],
  ];
  await change(old, old, add(joiners[0]));
  await change(old, old, say('acknowledged'));
  await change(old, old, reachingOnly([c], say('at one acceptor')));
  await change(left, left, reachingOnly([], say('nowhere')));
  const withoutFirst = await change(left, left, say('without the first'));
  if (withoutFirst.kind !== 'chosen') return `${left.join(', ')} are a majority of four, and could not decide: ${withoutFirst.because}`;
  const { auditHead } = withoutFirst.value;
  return auditHead === ',acknowledged,at one acceptor,without the first' ? undefined : `what stands is not what was proposed: '${auditHead}'`;
}

/** The same, and the one acceptor that holds what the empty one was given is away when somebody asks next. */
async function oneEmptyRemembers(product: Product): Promise<string | undefined> {
  const { change, add, say, reachingOnly } = table(product);
  const [old, left, rest] = [
    [a, b, c],
    [b, c, d],
    [a, b, d],
  ];
  await change(old, old, add(joiners[0]));
  await change(old, old, say('acknowledged'));
  await change(old, old, reachingOnly([c], say('at one acceptor')));
  await change(left, left, reachingOnly([], say('nowhere')));
  const last = await change(rest, rest, say('last'));
  if (last.kind !== 'chosen') return `${rest.join(', ')} are a majority of four, and could not decide: ${last.because}`;
  return last.value.auditHead === ',acknowledged,at one acceptor,last' ? undefined : `what stands is not what was acknowledged or given to ${d}: '${last.value.auditHead}'`;
}

/** One voter less is decided, and one of the two that are left dies before both have answered: the set before it is still there to go on with. */
async function notYetTwo(product: Product): Promise<string | undefined> {
  const { change, remove, say } = table(product);
  await change([a, b, c], [b], remove(a));
  const after = await change([a, b], [a, b], say('after'));
  return after.kind === 'chosen' ? undefined : `${b} moved to a set of two whose other one had not answered: ${a} and ${b} could decide, and cannot any more (${after.because})`;
}

/** One voter more is decided while one is lost, and the new one dies as it is seeded: the two that are left of three go on. */
async function notYetFour(product: Product): Promise<string | undefined> {
  const { change, add, say } = table(product);
  await change([b, c], [b, c, d], add(joiners[0]), []);
  const after = await change([b, c], [b, c], say('after'));
  return after.kind === 'chosen' ? undefined : `${b} and ${c} moved to a set of four whose new one was not seeded: they could decide, and cannot any more (${after.because})`;
}

/** One voter less is proposed, and whoever proposes it dies before anybody has accepted it: nobody may have moved to a set that was never chosen. */
async function neverChosen(product: Product): Promise<string | undefined> {
  const { change, remove, say, reachingOnly } = table(product);
  await change([a, b, c], [b, c], reachingOnly([], remove(a)));
  const after = await change([a, b], [a, b], say('after'));
  return after.kind === 'chosen' ? undefined : `${b} moved to a set that was never chosen: ${a} and ${b} are a majority of three, and could not decide (${after.because})`;
}

export const playedByHand = [twoChangesAtOnce, oldRowForNew, notYetTwo, notYetFour, oneLostOneEmpty, oneEmptyRemembers, neverChosen] as const;

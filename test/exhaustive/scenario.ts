// A scenario is explored: the way to its first state is walked, then every order of its invocations within its bounds.
import type { Policy } from '../../src/core/policy.ts';
import { realProduct, type Product } from '../simulation/product.ts';
import { Judge } from './judge.ts';
import type { Actor } from './process-tree.ts';
import { search, settle, type Search } from './search.ts';
import { Space, type Bounds, type Left, type State } from './space.ts';
import { Stores } from './stores.ts';

/** One after the other, without anything going wrong; a number lets so much time pass. */
export type Stage = Actor | number;

export type Scenario = {
  readonly name: string;
  readonly why: string;
  readonly before: readonly Stage[];
  readonly actors: readonly Actor[];
  /** Of the time after `before`. */
  readonly bounds: Left & { readonly units: number };
  readonly deeper: Left & { readonly units: number };
  /** Regions whose acceptors never answer. */
  readonly down?: readonly number[];
  readonly fenceShards?: number;
  /** What must have been seen to end so, or the scenario shows nothing. */
  readonly expects: readonly RegExp[];
};

export type Explored = Search & {
  readonly name: string;
  readonly outcomes: ReadonlyMap<string, number>;
  readonly notSeen: readonly string[];
  readonly runs: number;
  readonly nodes: number;
  readonly bounds: Scenario['bounds'];
};

export type ExploreOptions = { readonly product?: Product; readonly isDeep?: boolean; readonly isMerging?: boolean; readonly statesMax?: number };

const nothingExplored = { states: 0, steps: 0, ends: 0, isExhausted: false, outcomes: new Map<string, number>(), notSeen: [], runs: 0, nodes: 0 };
const statesMaxDefault = 2_000_000;

/** D = 2 and the gate's cache 1, in units of a second. Clocks of one region agree and answers leave at once, so that ε = 0 is enough: nothing is to spare. */
export function policyOf(fenceShards: number): Policy {
  return {
    group: 'orders',
    configId: 'c1',
    voters: ['east', 'west', 'north'].map((region) => ({ region, role: region === 'north' ? ('witness' as const) : ('candidate' as const), registerTable: 'register-1' })),
    mode: 'automatic',
    isFenced: true,
    fenceShards,
    timing: { tickMs: 1000, leaseMs: 2000, skewAllowanceMs: 0, clockSkewMs: 0, effectMs: 0, gateCacheMs: 1000 },
    policy: { liveness: { failures: 3, of: 4 }, readiness: { failures: 3, of: 4 }, attemptsMax: 3, cooldownMs: 0, approvalTimeoutSeconds: 300, scoreHealthyAbove: 0.8, scoreDegradedBelow: 0.05 },
  };
}

export async function explore(scenario: Scenario, options: ExploreOptions = {}): Promise<Explored> {
  const { product = realProduct, isMerging = true } = options;
  const chosen = options.isDeep === true ? scenario.deeper : scenario.bounds;
  const policy = policyOf(scenario.fenceShards ?? 1);
  const stores = new Stores(product);
  const judge = new Judge(product, stores, policy);
  const rows = policy.voters.map((v) => product.firstRows.firstRows(policy, v.region, 'east'));
  const genesis = rows[0]?.find((r) => r.key.table === 'register')?.row;
  const common = { product, policy, stores, judge, isMerging };
  let at: Pick<State, 'time' | 'contents' | 'past'> = {
    time: 0,
    contents: rows.map((r) => stores.contentsOf(r)),
    past: judge.idOf(judge.first(String(genesis?.['acceptedBallot']), String(genesis?.['acceptedValue']))),
  };
  let firstNumber = 1;
  for (const stage of scenario.before) {
    const actors = typeof stage === 'number' ? [] : [stage];
    const untilTime = typeof stage === 'number' ? at.time + stage : at.time + 1000;
    const space = new Space({ ...common, actors, firstNumber, down: [], bounds: { switches: Number.POSITIVE_INFINITY, overtakings: 0, timeouts: 0, freezes: 0, strays: 0, untilTime } });
    const first = space.first(at.time, at.contents, at.past);
    const settled = await settle(space, first, (state) => (typeof stage === 'number' ? state.time >= untilTime : space.hasEnded(state, 0)));
    if ('broken' in settled) return { ...nothingExplored, name: scenario.name, bounds: chosen, found: settled };
    at = settled;
    const failed = [...space.outcomes.keys()].find((label) => label.includes('Error'));
    if (failed !== undefined) throw new Error(`The way to the first state of '${scenario.name}' fails: ${failed}`);
    firstNumber += 1;
  }
  const bounds: Bounds = { ...chosen, untilTime: at.time + chosen.units };
  const space = new Space({ ...common, actors: scenario.actors, firstNumber, down: scenario.down ?? [], bounds });
  const searched = await search(space, space.first(at.time, at.contents, at.past), options.statesMax ?? statesMaxDefault);
  const labels = [...space.outcomes.keys()];
  return {
    ...searched,
    name: scenario.name,
    outcomes: space.outcomes,
    notSeen: scenario.expects.filter((e) => !labels.some((l) => e.test(l))).map(String),
    runs: space.tree.runs,
    nodes: space.tree.size,
    bounds: chosen,
  };
}

// The states of a scenario and the steps between them. A step is one call carried out and answered, or one thing that goes wrong,
// or one unit of time; who is not stepped is frozen, who is never stepped again is dead.
import type { Policy } from '../../src/core/policy.ts';
import type { Product } from '../simulation/product.ts';
import { Interned } from './interned.ts';
import { Judge, type Broken } from './judge.ts';
import { describe, ProcessTree, type Actor, type Call, type Node } from './process-tree.ts';
import { Stores } from './stores.ts';

/** One invocation: where it is, and what of it is under way. */
type Local = {
  /** −1: not begun; −2: over, and nothing of it under way. */
  readonly node: number;
  readonly inFlight: readonly number[];
  /** Answered while it was frozen: call and answer. */
  readonly held: readonly (readonly [number, number])[];
  /** In flight, and nobody listens any more: the network decides next whether they are lost, arrive now or late. */
  readonly undecided: readonly number[];
  /** Late: carried out some time or never. */
  readonly loose: readonly number[];
  readonly isFrozen: boolean;
};

export type State = {
  readonly time: number;
  /** Who was stepped last; −1 where that costs nothing. */
  readonly current: number;
  /** What is left of the bounds. */
  readonly left: Left;
  readonly contents: readonly number[];
  readonly past: number;
  readonly locals: readonly number[];
};

export type Step = {
  readonly kind: 'start' | 'act' | 'time out' | 'act and freeze' | 'thaw' | 'hear' | 'lose' | 'arrive' | 'delay' | 'late' | 'time passes';
  readonly process: number;
  readonly call: number;
};

export type Left = {
  /** How often the invocation under way is left, for another one or while time passes, before it waits, ends or freezes. */
  readonly switches: number;
  /** Calls that overtake another one of the same invocation. */
  readonly overtakings: number;
  /** Calls that fail for their caller; carried out before, later or never. */
  readonly timeouts: number;
  /** Invocations that freeze between the carrying out of a call and its answer. Between answers everybody may, at any time. */
  readonly freezes: number;
  /** Requests that nobody listens to any more and that are lost, or carried out at any later time; the others are at once. And requests of a frozen invocation that are carried out while it is frozen. */
  readonly strays: number;
};
export type Bounds = Left & { readonly untilTime: number };

const notBegun: Local = { node: -1, inFlight: [], held: [], undecided: [], loose: [], isFrozen: false };
const over: Local = { ...notBegun, node: -2 };
const stepsOfTheNetwork: readonly Step['kind'][] = ['hear', 'lose', 'arrive', 'delay', 'late'];
const ownAlone = ['TICK', 'VANTAGE', 'REPORT', 'CUT', 'LOG', 'SHADOW'];

export class Space {
  readonly stores: Stores;
  readonly judge: Judge;
  readonly tree: ProcessTree;
  readonly outcomes = new Map<string, number>();
  readonly #locals = new Interned<Local>();
  readonly #actors: readonly Actor[];
  readonly #policy: Policy;
  readonly #bounds: Bounds;
  readonly #down: readonly number[];

  constructor(options: {
    product: Product;
    policy: Policy;
    stores: Stores;
    judge: Judge;
    actors: readonly Actor[];
    bounds: Bounds;
    down: readonly number[];
    firstNumber: number;
    isMerging: boolean;
  }) {
    this.stores = options.stores;
    this.judge = options.judge;
    this.#actors = options.actors;
    this.#policy = options.policy;
    this.#bounds = options.bounds;
    this.#down = options.down;
    this.tree = new ProcessTree(options);
  }

  first(time: number, contents: readonly number[], past: number): State {
    const { switches, overtakings, timeouts, freezes, strays } = this.#bounds;
    return { time, current: -1, left: { switches, overtakings, timeouts, freezes, strays }, contents, past, locals: this.#actors.map(() => this.#idOf(notBegun)) };
  }

  numbersOf(state: State): number[] {
    const { switches, overtakings, timeouts, freezes, strays } = state.left;
    const left = [switches, overtakings, timeouts, freezes, strays].map((n) => (Number.isFinite(n) ? n : -1));
    return [state.time, state.current, ...left, ...state.contents, state.past, ...state.locals];
  }

  hasEnded(state: State, process: number): boolean {
    const { node } = this.#localOf(state, process);
    return node === over.node || (node >= 0 && this.tree.node(node).outcome !== undefined);
  }

  stepsOf(state: State): Step[] {
    const steps: Step[] = [];
    for (let process = 0; process < this.#actors.length; process += 1) {
      const local = this.#localOf(state, process);
      const undecided = local.undecided[0];
      if (undecided !== undefined) return (state.left.strays > 0 ? (['arrive', 'lose', 'delay'] as const) : (['arrive'] as const)).map((kind) => ({ kind, process, call: undecided }));
      if (local.isFrozen || local.node < 0) continue;
      const heard = local.held[0];
      if (heard !== undefined) return [{ kind: 'hear', process, call: heard[0] }];
      const eager = local.inFlight.find((call) => this.#isNobodysBusiness(process, this.#call(local, call)));
      if (eager !== undefined) return [{ kind: this.#isDown(this.#call(local, eager)) ? 'time out' : 'act', process, call: eager }];
    }
    for (let process = 0; process < this.#actors.length; process += 1) this.#addSteps(state, process, steps);
    if (state.time < this.#bounds.untilTime && (state.left.switches > 0 || this.#isFreeToLeave(state))) steps.push({ kind: 'time passes', process: -1, call: -1 });
    return steps;
  }

  #addSteps(state: State, process: number, steps: Step[]): void {
    const local = this.#localOf(state, process);
    for (const call of local.loose) if (!this.#isDown(this.#call(local, call))) steps.push({ kind: 'late', process, call });
    if (local.isFrozen && state.left.strays > 0) {
      for (const call of local.inFlight) if (this.#call(local, call).request !== undefined && !this.#isDown(this.#call(local, call))) steps.push({ kind: 'act', process, call });
    }
    if (local.node === over.node || !this.#mayGoOn(state, process)) return;
    if (local.isFrozen) return void steps.push({ kind: 'thaw', process, call: -1 });
    if (local.node === notBegun.node) {
      const actor = this.#actor(process);
      if (
        actor.after?.every((name) =>
          this.hasEnded(
            state,
            this.#actors.findIndex((a) => a.name === name),
          ),
        ) !== false
      )
        steps.push({ kind: 'start', process, call: -1 });
      return;
    }
    let isFirst = true;
    for (const index of local.inFlight) {
      const call = this.#call(local, index);
      if (call.request === undefined) {
        if (call.dueAt <= state.time) steps.push({ kind: 'act', process, call: index });
        continue;
      }
      if (!isFirst && state.left.overtakings === 0) continue;
      isFirst = false;
      steps.push({ kind: 'act', process, call: index });
      if (state.left.timeouts > 0) steps.push({ kind: 'time out', process, call: index });
      if (state.left.freezes > 0 && this.#actor(process).mayFreeze === true) steps.push({ kind: 'act and freeze', process, call: index });
    }
  }

  #mayGoOn(state: State, process: number): boolean {
    return state.left.switches > 0 || state.current === process || this.#isFreeToLeave(state);
  }

  /** Leaving an invocation that could not go on anyway is no switch. */
  #isFreeToLeave(state: State): boolean {
    if (state.current < 0) return true;
    const local = this.#localOf(state, state.current);
    if (local.isFrozen || local.inFlight.length === 0) return true;
    return local.inFlight.every((index) => {
      const call = this.#call(local, index);
      return call.request === undefined && call.dueAt > state.time;
    });
  }

  /** Rows that no other invocation of the scenario touches: when they are changed is of no consequence. */
  #isNobodysBusiness(process: number, call: Call): boolean {
    if (call.request === undefined) return false;
    if (this.#isDown(call)) return true;
    const request = this.stores.requests.at(call.request);
    if (request.kind === 'together') return false;
    const { key } = request.kind === 'get' ? request : request.change;
    if (ownAlone.includes(key.pk.split('#')[0] ?? '')) return true;
    if (key.table === 'register') return false;
    const isAlone = this.#actors.every((a, i) => i === process || a.region !== call.region);
    return isAlone && (request.kind === 'get' || key.pk === 'LOOK' || key.pk === 'FAILOVER');
  }

  #isDown(call: Call): boolean {
    return call.request !== undefined && this.#down.includes(call.region);
  }

  async apply(state: State, step: Step): Promise<{ state: State; broken: Broken | undefined }> {
    const applied = await this.#apply(state, step);
    const { current } = applied.state;
    // Whoever may be left for nothing need not be remembered.
    return current >= 0 && this.#isFreeToLeave(applied.state) ? { ...applied, state: { ...applied.state, current: -1 } } : applied;
  }

  async #apply(state: State, step: Step): Promise<{ state: State; broken: Broken | undefined }> {
    if (step.kind === 'time passes') {
      const time = state.time + 1;
      const judged = this.judge.passed(this.judge.pastOf(state.past), { time, contents: state.contents });
      const left = this.#isFreeToLeave(state) ? state : spend(state, 'switches');
      return { state: { ...left, current: -1, time, past: this.judge.idOf(judged.past) }, broken: judged.broken };
    }
    const { process } = step;
    const local = this.#localOf(state, process);
    const scheduled = this.#scheduled(state, step);
    const on = step.call >= 0 && !this.#isNobodysBusiness(process, this.#call(local, step.call)) && this.#overtakes(process, local, step.call) ? spend(scheduled, 'overtakings') : scheduled;
    if (step.kind === 'start') {
      const actor = this.#actor(process);
      const node = await this.tree.start(process, state.time);
      const past = actor.isTelling === true ? this.judge.idOf(this.judge.began(this.judge.pastOf(state.past), process)) : on.past;
      return this.#heard({ ...on, past }, process, notBegun, node);
    }
    if (step.kind === 'thaw') return { state: this.#with(on, process, { ...local, isFrozen: false }), broken: undefined };
    if (step.kind === 'hear') {
      const answer = local.held.find(([call]) => call === step.call)?.[1];
      return this.#heard(on, process, { ...local, held: local.held.filter(([call]) => call !== step.call) }, await this.tree.deliver(local.node, step.call, answer, state.time));
    }
    const call = this.#call(local, step.call);
    const without = (calls: readonly number[]) => calls.filter((c) => c !== step.call);
    const rest: Local = { ...local, inFlight: without(local.inFlight), undecided: without(local.undecided), loose: without(local.loose) };
    if (step.kind === 'lose') return { state: this.#with(spend(state, 'strays'), process, rest), broken: undefined };
    if (step.kind === 'delay') return { state: this.#with(spend(state, 'strays'), process, { ...rest, loose: [...rest.loose, step.call] }), broken: undefined };
    if (step.kind === 'time out') {
      const mayComeLater = !this.#isDown(call) && call.request !== undefined && this.stores.requests.at(call.request).kind !== 'get';
      const lost: Local = mayComeLater ? { ...rest, undecided: [...rest.undecided, step.call] } : rest;
      return this.#heard(this.#isDown(call) ? on : spend(on, 'timeouts'), process, lost, await this.tree.deliver(local.node, step.call, undefined, state.time));
    }
    if (call.request === undefined) return this.#heard(on, process, rest, await this.tree.deliver(local.node, step.call, undefined, state.time));
    const acted = await this.#act(on, process, call);
    if (acted.broken !== undefined) return acted;
    if (step.kind === 'late' || step.kind === 'arrive') return { state: this.#with(acted.state, process, rest), broken: undefined };
    if (step.kind === 'act and freeze' || local.isFrozen) {
      const frozen: Local = { ...rest, held: [...rest.held, [step.call, acted.answer]], isFrozen: true };
      return { state: this.#with(spend(acted.state, local.isFrozen ? 'strays' : 'freezes'), process, frozen), broken: undefined };
    }
    return this.#heard(acted.state, process, rest, await this.tree.deliver(local.node, step.call, acted.answer, state.time));
  }

  #scheduled(state: State, step: Step): State {
    if (!Number.isFinite(this.#bounds.switches) || stepsOfTheNetwork.includes(step.kind) || step.process === state.current) return state;
    const local = this.#localOf(state, step.process);
    if (step.kind === 'act' && local.isFrozen) return state;
    if (local.node >= 0 && step.call >= 0 && this.#isNobodysBusiness(step.process, this.#call(local, step.call))) return state;
    return { ...(this.#isFreeToLeave(state) ? state : spend(state, 'switches')), current: step.process };
  }

  /** Whether an earlier call of the same invocation is still to be carried out. */
  #overtakes(process: number, local: Local, index: number): boolean {
    const first = local.inFlight.find((other) => this.#call(local, other).request !== undefined && !this.#isNobodysBusiness(process, this.#call(local, other)));
    return !local.isFrozen && local.inFlight.includes(index) && first !== undefined && first < index && this.#call(local, index).request !== undefined;
  }

  /** Carries a call out on the rows, and judges what it changed. */
  async #act(state: State, process: number, call: Call): Promise<{ state: State; broken: Broken | undefined; answer: number }> {
    const maybe = this.stores.act(state.contents[call.region] ?? 0, call.request ?? 0);
    const effect = maybe instanceof Promise ? await maybe : maybe;
    const contents = state.contents.map((c, region) => (region === call.region ? effect.contents : c));
    let past = this.judge.pastOf(state.past);
    const isCandidate = this.#policy.voters[call.region]?.role === 'candidate';
    for (const changed of effect.changed) {
      const leaseBefore = isCandidate ? this.judge.lease(state.contents, call.region) : undefined;
      const judged = this.judge.changed(past, { time: state.time, contents }, call.region, changed, leaseBefore, this.#actor(process), call.parent);
      past = judged.past;
      if (judged.broken !== undefined) return { state: { ...state, contents, past: this.judge.idOf(past) }, broken: judged.broken, answer: effect.answer };
    }
    return { state: { ...state, contents, past: effect.changed.length === 0 ? state.past : this.judge.idOf(past) }, broken: undefined, answer: effect.answer };
  }

  /** The invocation has reacted to an answer: new calls are in flight, others are not listened to any more. */
  #heard(state: State, process: number, local: Local, node: Node): { state: State; broken: Broken | undefined } {
    const isUnheard = (call: number) => node.unheard.includes(call);
    const inFlight = [...local.inFlight, ...node.fresh];
    const left = inFlight.filter((call) => isUnheard(call) && this.#changesSomething(node, call));
    const next: Local = {
      node: node.id,
      inFlight: inFlight.filter((call) => !isUnheard(call)),
      held: local.held.filter(([call]) => !isUnheard(call)),
      undecided: [...local.undecided, ...left],
      loose: local.loose,
      isFrozen: local.isFrozen,
    };
    const after = this.#with(state, process, next);
    if (node.outcome === undefined || node.history.length === 0) return { state: after, broken: undefined };
    const actor = this.#actor(process);
    const label = `${actor.name}: ${node.outcome.label}`;
    this.outcomes.set(label, (this.outcomes.get(label) ?? 0) + 1);
    const judged = this.judge.ended(this.judge.pastOf(state.past), { time: state.time, contents: state.contents }, actor, process, node.outcome);
    return { state: { ...after, past: this.judge.idOf(judged.past) }, broken: judged.broken };
  }

  #changesSomething(node: Node, index: number): boolean {
    const request = node.calls[index]?.request;
    return request !== undefined && this.stores.requests.at(request).kind !== 'get' && !this.#down.includes(node.calls[index]?.region ?? -1);
  }

  #with(state: State, process: number, local: Local): State {
    const isOver = local.node >= 0 && local.undecided.length === 0 && local.loose.length === 0 && this.tree.node(local.node).outcome !== undefined;
    const id = this.#idOf(isOver ? over : local);
    return { ...state, locals: state.locals.map((l, i) => (i === process ? id : l)) };
  }

  #idOf(local: Local): number {
    const { node, inFlight, held, undecided, loose, isFrozen } = local;
    return this.#locals.idOf(local, `${node}|${inFlight.join()}|${held.join(';')}|${undecided.join()}|${loose.join()}|${isFrozen}`);
  }

  #localOf(state: State, process: number): Local {
    return this.#locals.at(state.locals[process] ?? 0);
  }

  #actor(process: number): Actor {
    const actor = this.#actors[process];
    if (actor === undefined) throw new RangeError(`There is no process ${process}.`);
    return actor;
  }

  #call(local: Local, index: number): Call {
    const call = this.tree.node(local.node).calls[index];
    if (call === undefined) throw new RangeError(`There is no call ${index}.`);
    return call;
  }

  describe(state: State, step: Step): string {
    if (step.kind === 'time passes') return `— time ${state.time + 1}`;
    const actor = this.#actor(step.process);
    if (step.call < 0) return `${actor.name}: ${step.kind}s`;
    const call = this.#call(this.#localOf(state, step.process), step.call);
    const what = call.request === undefined ? 'the wait is over' : describe(this.stores.requests.at(call.request), this.#policy.voters[call.region]?.region ?? '?');
    return `${actor.name}: ${step.kind === 'act' ? '' : `${step.kind}: `}${what}`;
  }
}

function spend(state: State, what: keyof Left): State {
  return { ...state, left: { ...state.left, [what]: state.left[what] - 1 } };
}

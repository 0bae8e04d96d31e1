// The real operations as a tree: what one invocation does is a function of the answers that it was given, and when. A node is such
// a history; the code runs once for each, on ports whose every call waits for the explorer. All states of the world share it.
import type { Policy } from '../../src/core/policy.ts';
import type { Row, RowChange, RowCheck, RowKey } from '../../src/core/rows/row.ts';
import type { Governor } from '../../src/operations/governor.ts';
import type { ChangeAnswer, RowStore } from '../../src/ports/row-store.ts';
import type { Product } from '../simulation/product.ts';
import { acceptedBallotIn, isEnough, isYes, phaseOf, type Heard, type Phase } from './quorum.ts';
import { nameOf, type Answer, type Request, type Stores } from './stores.ts';

export const unitMs = 1000;

export type Actor = {
  readonly name: string;
  /** As the invariants know it: `tick`, `TakeLease`, `OpenGate`, … */
  readonly kind: string;
  readonly region: number;
  /** Its host is frozen whenever time passes, so its monotonic clock stands still (H5). */
  readonly isMonotonicStanding?: boolean;
  /** It may freeze between the carrying out of a call and its answer, where the bounds have a freeze left. */
  readonly mayFreeze?: boolean;
  /** How far its host's clock is from the region's. */
  readonly offsetMs?: number;
  /** Starts only when these have ended, or died. */
  readonly after?: readonly string[];
  /** Of a runbook step: it may take no other epoch. */
  readonly epoch?: number;
  /** It says what the register holds: held against what was chosen between its begin and its end (linearizability). */
  readonly isTelling?: boolean;
  readonly run: (governor: Governor, product: Product) => Promise<Outcome>;
};

/** How an invocation ended, in a few words; `told` is the register's value that its answer claims was chosen. */
export type Outcome = { readonly label: string; readonly told?: string };

export type Call = {
  readonly index: number;
  readonly region: number;
  /** Number of the request; undefined for a wait. */
  readonly request: number | undefined;
  readonly phase: Phase;
  /** Calls made at once, in answer to the same event. */
  readonly batch: number;
  readonly dueAt: number;
  /** Of an accept: the ballot of the value that its own is built on. */
  readonly parent: string;
};

/** `call` −1 is the start. `answer` undefined: the call failed, or the wait is over. */
type Event = { readonly call: number; readonly answer: number | undefined; readonly time: number };

export type Node = {
  readonly id: number;
  readonly actor: number;
  readonly calls: readonly Call[];
  /** Made in answer to the last event. */
  readonly fresh: readonly number[];
  /** In flight, and nobody listens any more. */
  readonly unheard: readonly number[];
  readonly outcome: Outcome | undefined;
  readonly history: readonly Event[];
  /** The last event that was reacted to, and what was heard since, in order of name. */
  readonly base: number;
  readonly quietly: readonly string[];
};

type Pending = { readonly settle: (answer: Answer | undefined) => void };
type Run = {
  readonly pending: Map<number, Pending>;
  readonly made: { region: number; request: Request | undefined; dueAt: number }[];
  time: number;
  wasClockRead: boolean;
  outcome: Outcome | undefined;
  begin: () => void;
};

const runsKept = 3000;

export class ProcessTree {
  readonly #nodes: Node[] = [];
  readonly #children = new Map<string, number>();
  readonly #live = new Map<number, Run>();
  readonly #product: Product;
  readonly #stores: Stores;
  readonly #policy: Policy;
  readonly #actors: readonly Actor[];
  readonly #firstNumber: number;
  readonly #isMerging: boolean;
  runs = 0;

  /** @param firstNumber of the actors, so that no two of a scenario are ever given the same ids. @param isMerging the order of answers between two reactions is left out. */
  constructor(options: { product: Product; stores: Stores; policy: Policy; actors: readonly Actor[]; firstNumber: number; isMerging: boolean }) {
    this.#product = options.product;
    this.#stores = options.stores;
    this.#policy = options.policy;
    this.#actors = options.actors;
    this.#firstNumber = options.firstNumber;
    this.#isMerging = options.isMerging;
  }

  get size(): number {
    return this.#nodes.length;
  }

  node(id: number): Node {
    const node = this.#nodes[id];
    if (node === undefined) throw new RangeError(`There is no node ${id}.`);
    return node;
  }

  actorOf(node: Node): Actor {
    return this.#actor(node.actor);
  }

  start(actor: number, time: number): Node | Promise<Node> {
    return this.#child(`start ${actor}`, [], { call: -1, answer: undefined, time }, undefined, actor);
  }

  /** @param answer undefined: the call failed, or the wait is over. */
  deliver(id: number, call: number, answer: number | undefined, time: number): Node | Promise<Node> {
    const node = this.node(id);
    return this.#child(String(node.base), node.quietly, { call, answer, time }, node, node.actor);
  }

  #child(base: string, quietly: readonly string[], event: Event, parent: Node | undefined, actor: number): Node | Promise<Node> {
    const timeless = `${event.call}=${event.answer ?? '!'}`;
    const timely = `${timeless}@${event.time}`;
    for (const name of [timeless, timely]) {
      const known = this.#children.get(this.#nameOf(base, quietly, name));
      if (known !== undefined) return this.node(known);
    }
    return this.#extend(base, quietly, event, parent, actor, timeless, timely);
  }

  #nameOf(base: string, quietly: readonly string[], name: string): string {
    const names = [...quietly, name];
    return `${base}:${(this.#isMerging ? names.toSorted() : names).join(',')}`;
  }

  async #extend(base: string, quietly: readonly string[], event: Event, parent: Node | undefined, actor: number, timeless: string, timely: string): Promise<Node> {
    const run = await this.#runOf(parent, actor);
    const callsBefore = run.made.length;
    await this.#feed(run, event);
    const history = [...(parent?.history ?? []), event];
    const hasReacted = run.made.length > callsBefore || run.outcome !== undefined;
    const name = run.wasClockRead ? timely : timeless;
    const id = this.#nodes.length;
    const calls = [...(parent?.calls ?? [])];
    for (const made of run.made.slice(callsBefore)) calls.push(this.#callOf(made, calls, history));
    const node: Node = {
      id,
      actor,
      calls,
      fresh: calls.slice(callsBefore).map((c) => c.index),
      unheard: this.#unheardOf(calls, history, run.outcome !== undefined),
      outcome: run.outcome,
      history,
      base: hasReacted || parent === undefined ? id : parent.base,
      quietly: hasReacted || parent === undefined ? [] : [...quietly, name],
    };
    this.#nodes.push(node);
    this.#children.set(this.#nameOf(base, quietly, name), id);
    if (this.#live.size >= runsKept) this.#live.clear();
    this.#live.set(id, run);
    return node;
  }

  #callOf(made: Run['made'][number], before: readonly Call[], history: readonly Event[]): Call {
    const { region, request, dueAt } = made;
    const phase = request === undefined ? 'other' : phaseOf(request);
    return {
      index: before.length,
      region,
      request: request === undefined ? undefined : this.#stores.requests.idOf(request),
      phase,
      batch: history.length,
      dueAt,
      parent: phase === 'accept' ? this.#parentOf(request, before, history) : '',
    };
  }

  /** What the majority of promises said under which this value is proposed. */
  #parentOf(request: Request | undefined, before: readonly Call[], history: readonly Event[]): string {
    if (request?.kind !== 'change') return '';
    const ballot = request.change.set['promised'];
    const promises = this.#heard(before, history, (call, asked) => call.phase === 'prepare' && asked.kind === 'change' && asked.change.set['promised'] === ballot);
    return promises.filter(isYes).reduce((newest, { answer }) => (acceptedBallotIn(answer) > newest ? acceptedBallotIn(answer) : newest), '');
  }

  #heard(calls: readonly Call[], history: readonly Event[], isMeant: (call: Call, request: Request) => boolean): Heard[] {
    return history.flatMap((event) => {
      const call = calls[event.call];
      if (call?.request === undefined || event.answer === undefined) return [];
      const request = this.#stores.requests.at(call.request);
      return isMeant(call, request) ? [{ request, answer: this.#stores.answers.at(event.answer) }] : [];
    });
  }

  #unheardOf(calls: readonly Call[], history: readonly Event[], hasEnded: boolean): number[] {
    const answered = new Set(history.map((e) => e.call));
    const majority = Math.floor(this.#policy.voters.length / 2) + 1;
    return calls.flatMap((call) => {
      if (answered.has(call.index)) return [];
      if (hasEnded) return [call.index];
      const heard = this.#heard(calls, history, (other) => other.batch === call.batch && other.phase === call.phase);
      return isEnough(call.phase, heard, majority) ? [call.index] : [];
    });
  }

  async #runOf(parent: Node | undefined, actor: number): Promise<Run> {
    if (parent === undefined) return this.#begin(actor);
    const live = this.#live.get(parent.id);
    if (live !== undefined) {
      this.#live.delete(parent.id);
      return live;
    }
    const run = this.#begin(actor);
    for (const event of parent.history) await this.#feed(run, event);
    if (run.made.length !== parent.calls.length)
      throw new Error(`'${this.#actor(actor).name}' did ${run.made.length} calls where it had done ${parent.calls.length}: it does not hang on its answers alone.`);
    return run;
  }

  #actor(index: number): Actor {
    const actor = this.#actors[index];
    if (actor === undefined) throw new RangeError(`There is no actor ${index}.`);
    return actor;
  }

  async #feed(run: Run, event: Event): Promise<void> {
    run.time = event.time;
    run.wasClockRead = false;
    if (event.call < 0) run.begin();
    else {
      const pending = run.pending.get(event.call);
      if (pending === undefined) throw new RangeError(`Call ${event.call} does not wait for an answer.`);
      run.pending.delete(event.call);
      pending.settle(event.answer === undefined ? undefined : this.#stores.answers.at(event.answer));
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  #begin(index: number): Run {
    const actor = this.#actor(index);
    this.runs += 1;
    const run: Run = {
      pending: new Map(),
      made: [],
      time: 0,
      wasClockRead: false,
      outcome: undefined,
      begin: () => {
        actor.run(this.#governorOf(actor, index, run), this.#product).then(
          (outcome) => (run.outcome = outcome),
          (error: unknown) => (run.outcome = { label: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }),
        );
      },
    };
    return run;
  }

  #governorOf(actor: Actor, index: number, run: Run): Governor {
    const voters = this.#policy.voters.map((voter, region) => new WaitingStore(voter.region, region, run));
    const own = voters[actor.region];
    const voter = this.#policy.voters[actor.region];
    if (own === undefined || voter === undefined) throw new RangeError(`There is no region ${actor.region}.`);
    let ids = 0;
    const readClock = (): number => {
      run.wasClockRead = true;
      return run.time * unitMs;
    };
    return {
      me: voter.region,
      policy: this.#policy,
      own,
      voters,
      clock: {
        nowMs: () => wallBaseMs(actor.region) + readClock() + (actor.offsetMs ?? 0),
        monotonicMs: () => (actor.isMonotonicStanding === true ? 0 : readClock()),
        wait: (ms) => {
          readClock();
          return new Promise((resolve) => {
            run.pending.set(run.made.length, { settle: () => resolve() });
            run.made.push({ region: actor.region, request: undefined, dueAt: run.time + Math.ceil(ms / unitMs) });
          });
        },
      },
      chance: {
        id: () => {
          ids += 1;
          return `${(this.#firstNumber + index).toString(16).padStart(4, '0')}${ids.toString(16).padStart(28, '0')}`;
        },
      },
      // Constant: a digest of texts that nothing compares would only make equal states look different.
      digest: () => '0'.repeat(64),
      clockSamples: { recent: () => [] },
      probe: { probe: async () => ({ outcome: 'ok', latencyMs: 1, because: '' }) },
      runbook: { start: async () => 'started' },
      notifier: { notify: async () => undefined },
      serviceUrl: voter.role === 'candidate' ? `https://${voter.region}` : null,
    };
  }
}

/** Regions' clocks are hours apart; nobody may notice. */
export function wallBaseMs(region: number): number {
  return 1e9 + region * 3_600_000;
}

/** A region's rows as an operation sees them: every call waits until the explorer answers it. */
class WaitingStore implements RowStore {
  readonly region: string;
  readonly #index: number;
  readonly #run: Run;

  constructor(region: string, index: number, run: Run) {
    this.region = region;
    this.#index = index;
    this.#run = run;
  }

  get(key: RowKey): Promise<Row | undefined> {
    return this.#call({ kind: 'get', key }, (answer) => (answer.kind === 'row' ? { value: answer.row } : undefined));
  }

  change(change: RowChange): Promise<ChangeAnswer> {
    return this.#call({ kind: 'change', change }, (answer) => (answer.kind === 'changed' ? { value: answer.answer } : undefined));
  }

  changeTogether(changes: readonly RowChange[], checks: readonly RowCheck[]): Promise<'done' | 'refused'> {
    return this.#call({ kind: 'together', changes, checks }, (answer) => (answer.kind === 'together' ? { value: answer.outcome } : undefined));
  }

  #call<T>(request: Request, read: (answer: Answer) => { readonly value: T } | undefined): Promise<T> {
    const { made, pending } = this.#run;
    return new Promise((resolve, reject) => {
      pending.set(made.length, {
        settle: (answer) => {
          const found = answer === undefined ? undefined : read(answer);
          if (found !== undefined) return resolve(found.value);
          const error = new Error(`${request.kind} in ${this.region} was not answered in time: whether it was carried out is unknown`);
          error.name = 'TimeoutError';
          return reject(error);
        },
      });
      made.push({ region: this.#index, request, dueAt: 0 });
    });
  }
}

export function describe(request: Request, region: string): string {
  if (request.kind === 'get') return `read ${nameOf(request.key)} in ${region}`;
  if (request.kind === 'together') return `change ${request.changes.map((c) => nameOf(c.key)).join(' and ')} in ${region}`;
  const { change } = request;
  const phase = phaseOf(request);
  if (phase === 'other') return `change ${nameOf(change.key)} in ${region} to ${JSON.stringify(change.set)}`;
  return `${phase} ${String(change.set['promised']).slice(10, 34)} at ${region}`;
}

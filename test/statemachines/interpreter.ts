// Why: what the machine does when a step fails is a promise; this walks the deployed file with scripted answers, by the rules of the Amazon
// States Language that the files use (Task, Map, Choice, Retry, Catch, Assign, JSONata), and without waiting.
import jsonata from 'jsonata';
import { type Call, type Catcher, invokedBy, type Machine, type State } from './machine.ts';

export class ScriptedError extends Error {
  constructor(name: string) {
    super(`${name} of the script`);
    this.name = name;
  }
}

/** What an invoked function answers: a value, or an error by name. */
export type Script = (functionName: string, payload: Readonly<Record<string, unknown>>, call: number) => unknown;

export type Walk = {
  readonly path: readonly string[];
  readonly end: string;
  readonly output: unknown;
  readonly cause: unknown;
  readonly calls: readonly { readonly name: string; readonly payload: Readonly<Record<string, unknown>> }[];
};

type Bindings = { readonly variables: Record<string, unknown>; readonly input: unknown; readonly result?: unknown; readonly errorOutput?: unknown; readonly item?: unknown };

const STATES_MAX = 3000;
/** Of a state's input or result. */
const STATE_BYTES_MAX = 256 * 1024;

export async function walk(machine: Machine, input: Readonly<Record<string, unknown>>, script: Script, execution = 'run-1'): Promise<Walk> {
  return new Walker(machine, input, script, execution).walk();
}

class Walker {
  readonly #machine: Machine;
  readonly #script: Script;
  readonly #context: { readonly Execution: object; readonly Task: object };
  readonly #calls: { name: string; payload: Readonly<Record<string, unknown>> }[] = [];
  readonly #path: string[] = [];
  #bindings: Bindings;

  constructor(machine: Machine, input: Readonly<Record<string, unknown>>, script: Script, execution: string) {
    this.#machine = machine;
    this.#script = script;
    this.#context = { Execution: { Input: input, Name: execution, StartTime: '2026-11-29T10:30:00.000Z' }, Task: { Token: 'token' } };
    this.#bindings = { variables: {}, input };
  }

  async walk(): Promise<Walk> {
    let name = this.#machine.StartAt;
    while (this.#path.length < STATES_MAX) {
      this.#path.push(name);
      const state = this.#machine.States[name];
      if (state === undefined) throw new Error(`the machine goes to '${name}', which is no state`);
      const walked = { path: this.#path, end: name, calls: this.#calls };
      if (state.Type === 'Succeed') return { ...walked, output: this.#bindings.input, cause: undefined };
      if (state.Type === 'Fail') return { ...walked, output: undefined, cause: await this.#evaluate(state.Cause) };
      name = state.Type === 'Choice' ? await this.#choose(state) : await this.#work(state);
    }
    throw new Error(`more than ${STATES_MAX} states: the machine goes round for ever`);
  }

  async #choose(state: Extract<State, { Type: 'Choice' }>): Promise<string> {
    for (const choice of state.Choices) {
      const isTrue: unknown = await this.#evaluate(choice.Condition);
      if (typeof isTrue !== 'boolean') throw new Error(`the condition ${choice.Condition} is ${String(isTrue)}, which is not boolean`);
      if (!isTrue) continue;
      await this.#assign(choice.Assign, {});
      return choice.Next;
    }
    return state.Default;
  }

  async #work(state: Extract<State, { Type: 'Task' | 'Map' }>): Promise<string> {
    let result: unknown;
    try {
      result = state.Type === 'Task' ? await this.#invoke(state, {}) : await this.#each(state);
    } catch (error) {
      if (!(error instanceof ScriptedError)) throw error;
      const catcher = state.Catch.find((each) => matches(each, error));
      if (catcher === undefined) throw new Error(`nothing catches ${error.name}`, { cause: error });
      await this.#assign(catcher.Assign, { errorOutput: { Error: error.name, Cause: error.message } });
      return catcher.Next;
    }
    await this.#assign(state.Assign, { result });
    this.#bindings = { ...this.#bindings, input: await this.#evaluate(state.Output, { result }) };
    return state.Next;
  }

  /** An item has no variables of its own, and the output of its task is what the Map gets; the first that fails fails the Map. */
  async #each(state: Extract<State, { Type: 'Map' }>): Promise<unknown[]> {
    const items: unknown = await this.#evaluate(state.Items);
    if (!Array.isArray(items)) throw new Error(`the items of ${state.Items} are no list`);
    const task = state.ItemProcessor.States[state.ItemProcessor.StartAt];
    if (task === undefined) throw new Error(`the Map starts at '${state.ItemProcessor.StartAt}', which is no state`);
    const results: unknown[] = [];
    // A Distributed Map's items are executions of their own: they see no variable of the machine's.
    const apart = state.ItemProcessor.ProcessorConfig.Mode === 'DISTRIBUTED' ? { variables: {} } : {};
    for (const item of items) {
      const input = await this.#evaluate(state.ItemSelector, { item });
      results.push(await this.#evaluate(task.Output, { ...apart, input, result: await this.#invoke(task, { ...apart, input, item }) }));
    }
    if (Buffer.byteLength(JSON.stringify(results)) > STATE_BYTES_MAX) throw new ScriptedError('States.DataLimitExceeded');
    return results;
  }

  async #invoke(call: Call, more: Partial<Bindings>): Promise<unknown> {
    const name = invokedBy(call);
    const payload = Object.fromEntries(Object.entries((await this.#evaluate(call.Arguments.Payload, more)) ?? {}));
    const value = retried(call.Retry, (number) => {
      this.#calls.push({ name, payload });
      return this.#script(name, payload, number);
    });
    return call.Resource.endsWith('.waitForTaskToken') ? value : { Payload: value };
  }

  async #assign(assign: Record<string, unknown> | undefined, more: Partial<Bindings>): Promise<void> {
    const values = Object.entries((await this.#evaluate(assign ?? {}, more)) ?? {});
    this.#bindings = { ...this.#bindings, variables: { ...this.#bindings.variables, ...Object.fromEntries(values) } };
  }

  async #evaluate(value: unknown, more: Partial<Bindings> = {}): Promise<unknown> {
    const bindings = { ...this.#bindings, ...more };
    return evaluateAll(value, bindings, bindings.item === undefined ? this.#context : { ...this.#context, Map: { Item: { Value: bindings.item } } });
  }
}

function matches({ ErrorEquals }: Catcher | Call['Retry'][number], error: Error): boolean {
  return ErrorEquals.includes(error.name) || ErrorEquals.includes('States.ALL');
}

function retried(retriers: Call['Retry'], call: (number: number) => unknown): unknown {
  const used = new Map<Call['Retry'][number], number>();
  for (let number = 1; ; number += 1) {
    try {
      return call(number);
    } catch (error) {
      if (!(error instanceof ScriptedError)) throw error;
      const retrier = retriers.find((each) => matches(each, error));
      if (retrier === undefined || (used.get(retrier) ?? 0) >= retrier.MaxAttempts) throw error;
      used.set(retrier, (used.get(retrier) ?? 0) + 1);
    }
  }
}

async function evaluateAll(value: unknown, bindings: Bindings, context: unknown): Promise<unknown> {
  if (typeof value === 'string') {
    const expression = /^\{%([^]*)%\}$/.exec(value)?.[1];
    if (expression === undefined) return value;
    const states = { input: bindings.input, result: bindings.result, errorOutput: bindings.errorOutput, context };
    const answer: unknown = await jsonata(expression).evaluate(undefined, { ...bindings.variables, states });
    // Step Functions: an expression that yields nothing is an error (States.QueryEvaluationError), never an absent field.
    if (answer === undefined) throw new Error(`the expression ${expression.trim()} yields nothing`);
    return answer;
  }
  if (Array.isArray(value)) return Promise.all(value.map((each) => evaluateAll(each, bindings, context)));
  if (typeof value === 'object' && value !== null) {
    const entries: [string, unknown][] = [];
    for (const [key, each] of Object.entries(value)) entries.push([key, await evaluateAll(each, bindings, context)]);
    return Object.fromEntries(entries);
  }
  return value;
}

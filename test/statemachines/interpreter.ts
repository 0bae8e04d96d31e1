// Why: what the machine does when a step fails is a promise; this walks the deployed file with scripted answers, by the rules of the Amazon
// States Language that the file uses (Task, Choice, Retry, Catch, Assign, JSONata), and without waiting.
import jsonata from 'jsonata';
import type { Machine, State, Task } from './machine.ts';
import { invokedBy } from './machine.ts';

export class ScriptedError extends Error {
  constructor(name: string) {
    super(`${name} of the script`);
    this.name = name;
  }
}

/** What an invoked function answers: a value, or an error by name. */
export type Script = (functionName: string, payload: Readonly<Record<string, unknown>>, call: number) => unknown;

export type Walk = { readonly path: readonly string[]; readonly end: string; readonly cause: unknown; readonly calls: readonly { readonly name: string; readonly payload: unknown }[] };

type Bindings = { readonly variables: Record<string, unknown>; readonly input: unknown; readonly result?: unknown; readonly errorOutput?: unknown };

const STATES_MAX = 3000;

export async function walk(machine: Machine, input: Readonly<Record<string, unknown>>, script: Script): Promise<Walk> {
  const calls: { name: string; payload: unknown }[] = [];
  const path: string[] = [];
  let bindings: Bindings = { variables: {}, input };
  const context = { Execution: { Input: input, Name: `fo-${String(input['epoch'])}-${String(input['attempt'])}` }, Task: { Token: 'token' } };
  const evaluate = (value: unknown, more: Partial<Bindings> = {}) => evaluateAll(value, { ...bindings, ...more }, context);
  const move = async (assign: Record<string, unknown> | undefined, more: Partial<Bindings>) => {
    bindings = { ...bindings, variables: { ...bindings.variables, ...Object.fromEntries(Object.entries((await evaluate(assign ?? {}, more)) ?? {})) } };
  };

  let name = machine.StartAt;
  while (path.length < STATES_MAX) {
    path.push(name);
    const state: State | undefined = machine.States[name];
    if (state === undefined) throw new Error(`the machine goes to '${name}', which is no state`);
    if (state.Type === 'Succeed') return { path, end: name, cause: undefined, calls };
    if (state.Type === 'Fail') return { path, end: name, cause: await evaluate(state.Cause), calls };
    if (state.Type === 'Choice') {
      name = state.Default;
      for (const choice of state.Choices) {
        const isTrue: unknown = await evaluate(choice.Condition);
        if (typeof isTrue !== 'boolean') throw new Error(`the condition ${choice.Condition} is ${String(isTrue)}, which is not boolean`);
        if (!isTrue) continue;
        await move(choice.Assign, {});
        name = choice.Next;
        break;
      }
      continue;
    }
    const payload = await evaluate(state.Arguments.Payload);
    const outcome = attempt(state, (call) => {
      calls.push({ name: invokedBy(state), payload });
      return script(invokedBy(state), Object.fromEntries(Object.entries(payload ?? {})), call);
    });
    if (outcome.kind === 'answered') {
      const result = state.Resource.endsWith('.waitForTaskToken') ? outcome.value : { Payload: outcome.value };
      await move(state.Assign, { result });
      bindings = { ...bindings, input: await evaluate(state.Output, { result }) };
      name = state.Next;
    } else {
      await move(outcome.catcher.Assign, { errorOutput: { Error: outcome.error.name, Cause: outcome.error.message } });
      name = outcome.catcher.Next;
    }
  }
  throw new Error(`more than ${STATES_MAX} states: the machine goes round for ever`);
}

type Outcome = { kind: 'answered'; value: unknown } | { kind: 'caught'; error: Error; catcher: Task['Catch'][number] };

function attempt(task: Task, call: (number: number) => unknown): Outcome {
  const used = new Map<Task['Retry'][number], number>();
  for (let number = 1; ; number += 1) {
    try {
      return { kind: 'answered', value: call(number) };
    } catch (error) {
      if (!(error instanceof ScriptedError)) throw error;
      const matches = (names: readonly string[]) => names.includes(error.name) || names.includes('States.ALL');
      const retrier = task.Retry.find((each) => matches(each.ErrorEquals));
      if (retrier !== undefined && (used.get(retrier) ?? 0) < retrier.MaxAttempts) {
        used.set(retrier, (used.get(retrier) ?? 0) + 1);
        continue;
      }
      const catcher = task.Catch.find((each) => matches(each.ErrorEquals));
      if (catcher === undefined) throw new Error(`nothing catches ${error.name}`);
      return { kind: 'caught', error, catcher };
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

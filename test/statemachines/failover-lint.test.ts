// Why: a state machine in a file is checked by nobody while it is written; these are the mistakes that the CDK, CloudFormation, the validator and
// the local engine all let pass, each with a planted one that proves that the check can fail.
import { existsSync } from 'node:fs';
import validate from 'asl-validator';
import { describe, expect, it } from 'vitest';
import * as errors from '../../src/core/errors.ts';
import { FAILOVER_STEPS, FUNCTIONS } from '../../infra/constructs/permissions.ts';
import { constructIdOf } from '../../infra/constructs/holdfast-function.ts';
import { expressionsIn, invokedBy, type Machine, readMachine, tasksOf } from './machine.ts';

const { text, machine } = readMachine();
const tasks = tasksOf(machine);
const ours = Object.values(errors)
  .filter((value) => typeof value === 'function' && value.name !== 'HoldfastError')
  .map((Class) => Reflect.construct(Class, ['what happened', 0]))
  .filter((error) => error instanceof errors.HoldfastError);

describe('statemachines/failover.asl.json', () => {
  it('is valid to the validator', () => {
    const { isValid, errorsText } = validate(JSON.parse(text));
    expect(errorsText('\n')).toBe('');
    expect(isValid).toBe(true);
  });

  it('reaches every state, and goes to none that is not there', () => {
    expect(new Set([machine.StartAt, ...Object.values(machine.States).flatMap(targetsOf)])).toEqual(new Set(Object.keys(machine.States)));
  });

  it('calls Lambda only, and each function that a state is named after', () => {
    for (const [name, task] of tasks) {
      expect(task.Resource, name).toMatch(/^arn:aws:states:::lambda:invoke(\.waitForTaskToken)?$/);
      // Three moments tell people something; one function tells them.
      expect(name.startsWith('Notify') ? 'Notify' : name).toBe(invokedBy(task));
    }
  });

  it('has a placeholder for each substitution and none besides', () => {
    const placeholders = new Set([...text.matchAll(/\$\{(\w+)\}/g)].map((match) => match[1]));
    expect(placeholders).toEqual(new Set([...FAILOVER_STEPS.map((name) => `${constructIdOf(name)}FunctionArn`), 'ApprovalTimeoutSeconds']));
  });

  it('calls only functions that exist and that a candidate has', () => {
    for (const name of FAILOVER_STEPS) {
      expect(existsSync(new URL(`../../lambdas/${name}.ts`, import.meta.url)), `lambdas/${name}.ts`).toBe(true);
      expect(FUNCTIONS[name].in).toContain('candidate');
    }
  });

  it('gives each task longer than its function, and the machine an end', () => {
    for (const [name, task] of tasks) {
      if (task.Resource.endsWith('.waitForTaskToken')) expect(task.TimeoutSeconds).toBe("{% $number('${ApprovalTimeoutSeconds}') %}");
      else if (task.Arguments.InvocationType === 'Event') expect(task.TimeoutSeconds, name).toBeLessThanOrEqual(5);
      else expect(task.TimeoutSeconds, name).toBeGreaterThan(timeoutOf(invokedBy(task)));
    }
    expect(machine.TimeoutSeconds).toBeGreaterThan(300);
  });

  it('passes who, which epoch, attempt and execution to every step', () => {
    for (const [name, task] of tasks) expect(Object.keys(task.Arguments.Payload), name).toEqual(expect.arrayContaining(['group', 'epoch', 'attempt', 'target', 'execution']));
  });

  it('names only errors that Holdfast or AWS throws', () => {
    const known = new Set(ours.map((error) => error.name));
    for (const name of tasks.flatMap(([, task]) => [...task.Retry, ...task.Catch].flatMap((each) => each.ErrorEquals))) {
      expect(known.has(name) || /^(States|Lambda)\.\w+$/.test(name), name).toBe(true);
    }
  });

  it('never retries what another try cannot change', () => {
    const hopeless = ours.filter((error) => !error.retryable).map((error) => error.name);
    expect(hopeless).toContain('SupersededError');
    for (const [name, task] of tasks) {
      if (name.startsWith('Notify')) continue;
      expect(task.Retry[0], name).toMatchObject({ MaxAttempts: 0 });
      // A service may fail its first probes while it warms up: only there, a validation is tried again.
      const here = name === 'ValidateService' ? hopeless.filter((error) => error !== 'ValidationFailedError') : hopeless;
      expect([...(task.Retry[0]?.ErrorEquals ?? [])].sort(), name).toEqual([...here].sort());
    }
  });

  it('ends every list of retries and catches with what is not named', () => {
    for (const [name, task] of tasks) for (const list of [task.Retry, task.Catch]) expect(list.at(-1)?.ErrorEquals, name).toEqual(['States.ALL']);
  });

  it('catches SupersededError first, in each step that acts', () => {
    for (const [name, task] of tasks) if (!name.startsWith('Notify')) expect(task.Catch[0], name).toEqual({ ErrorEquals: ['SupersededError'], Next: 'Superseded' });
  });
});

// Three mistakes that neither asl-validator nor the local engine sees.
describe('the lints of our own', () => {
  it.each<[string, (machine: Machine) => string[], (text: string) => string]>([
    ['a condition that is not boolean', conditionsNotBoolean, (good) => good.replace('{% $synchronised.approvalNeeded %}', '{% $synchronised %}')],
    [
      'a variable that is read before it is assigned',
      readUnassigned,
      (good) => good.replace('"dnsFailure": null, "validation"', '"validation"').replace('{"dnsFailure": null, "failure"', '{"failure"'),
    ],
    ['a variable named like one of Step Functions', reservedAssigned, (good) => good.replace('"Assign": {"opened"', '"Assign": {"states"')],
  ])('find %s', (_, lint, plant) => {
    expect(lint(machine)).toEqual([]);
    const planted = plant(text);
    expect(planted).not.toBe(text);
    expect(lint(JSON.parse(planted)).length).toBeGreaterThan(0);
  });

  it('a field of JSONPath, or one that the local engine ignores, is refused by the schema', async () => {
    const { readMachine: read } = await import('./machine.ts');
    expect(read).not.toThrow();
    expect(text).not.toMatch(/"(InputPath|OutputPath|ResultPath|Parameters|ResultSelector|JitterStrategy|MaxDelaySeconds|HeartbeatSeconds)"|\.\$"/);
  });
});

/** Each is a comparison, or the name of a field that says by its name that it is true or false. */
function conditionsNotBoolean(checked: Machine): string[] {
  return Object.values(checked.States)
    .flatMap((state) => (state.Type === 'Choice' ? state.Choices.map((choice) => choice.Condition) : []))
    .filter((condition) => !/(=|>=|<=|<|>)/.test(condition) && !/\.(is[A-Z]\w*|\w+Needed) %\}$/.test(condition));
}

function reservedAssigned(checked: Machine): string[] {
  return Object.values(checked.States)
    .flatMap(assignmentsOf)
    .filter((name) => name === 'states');
}

/** For each state: which variables are surely assigned on every way to it, and which it reads. */
function readUnassigned(checked: Machine): string[] {
  const before = new Map<string, Set<string>>([[checked.StartAt, new Set()]]);
  const open = [checked.StartAt];
  while (open.length > 0) {
    const name = open.shift() ?? '';
    for (const [next, assigned] of edgesOf(checked, name)) {
      const here = new Set([...(before.get(name) ?? []), ...assigned]);
      const known = before.get(next);
      const merged = known === undefined ? here : new Set([...known].filter((variable) => here.has(variable)));
      if (known !== undefined && merged.size === known.size) continue;
      before.set(next, merged);
      open.push(next);
    }
  }
  return Object.entries(checked.States).flatMap(([name, state]) =>
    readsOf(state)
      .filter((variable) => !before.get(name)?.has(variable))
      .map((variable) => `${name} reads $${variable}`),
  );
}

function edgesOf(checked: Machine, name: string): [string, string[]][] {
  const state = checked.States[name];
  if (state?.Type === 'Choice') return [...state.Choices.map((choice): [string, string[]] => [choice.Next, Object.keys(choice.Assign ?? {})]), [state.Default, []]];
  if (state?.Type === 'Task') return [[state.Next, Object.keys(state.Assign ?? {})], ...state.Catch.map((catcher): [string, string[]] => [catcher.Next, Object.keys(catcher.Assign ?? {})])];
  return [];
}

function readsOf(state: unknown): string[] {
  const reserved = new Set(['states', 'number', 'string']);
  return [...new Set(expressionsIn(state).flatMap((expression) => [...expression.matchAll(/\$([a-zA-Z]\w*)/g)].map((match) => match[1] ?? '')))].filter((name) => !reserved.has(name));
}

function assignmentsOf(state: Machine['States'][string]): string[] {
  const assigns = state.Type === 'Task' ? [state.Assign, ...state.Catch.map((each) => each.Assign)] : state.Type === 'Choice' ? state.Choices.map((each) => each.Assign) : [];
  return assigns.flatMap((assign) => Object.keys(assign ?? {}));
}

function targetsOf(state: Machine['States'][string]): string[] {
  if (state.Type === 'Choice') return [...state.Choices.map((choice) => choice.Next), state.Default];
  if (state.Type === 'Task') return [state.Next, ...state.Catch.map((catcher) => catcher.Next)];
  return [];
}

function timeoutOf(id: string): number {
  const found = Object.entries(FUNCTIONS).find(([name]) => constructIdOf(name) === id);
  if (found === undefined) throw new Error(`no function is called ${id}`);
  return found[1].timeoutSeconds;
}

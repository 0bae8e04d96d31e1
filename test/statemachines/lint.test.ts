// Why: a state machine in a file is checked by nobody while it is written; these are the mistakes that the CDK, CloudFormation, the validator and
// the local engine all let pass, in every file that there is, each with a planted one that proves that the check can fail.
import { existsSync } from 'node:fs';
import validate from 'asl-validator';
import { describe, expect, it } from 'vitest';
import * as errors from '../../src/core/errors.ts';
import * as vaultErrors from '../../src/core/vault/vault-errors.ts';
import { BACKUP_STEPS, FAILOVER_STEPS, FUNCTIONS, type FunctionName, RESTORE_STEPS, SWITCH_STEPS } from '../../infra/constructs/permissions.ts';
import { constructIdOf } from '../../infra/constructs/holdfast-function.ts';
import { callsOf, catchersOf, expressionsIn, invokedBy, type Machine, MACHINES, readMachine, type State } from './machine.ts';

/** Thrown by the service's own client, in the service: no step has one. */
const OF_THE_WORKLOAD: readonly unknown[] = [errors.StaleEpochError, errors.WriteUnknownError, errors.LagExceededError, errors.ObjectChangedError];
const failoverErrors = errorsOf(Object.values(errors).filter((error) => !OF_THE_WORKLOAD.includes(error)));
const allErrors = [...failoverErrors, ...errorsOf(Object.values(vaultErrors))];

type Expected = {
  readonly steps: readonly FunctionName[];
  /** Placeholders beside the functions. */
  readonly substitutions: readonly string[];
  /** What it can throw, of ours. */
  readonly errors: readonly errors.HoldfastError[];
  /** What every payload has. */
  readonly payload: readonly string[];
};

const EXPECTED: Readonly<Record<string, Expected>> = {
  failover: { steps: FAILOVER_STEPS, substitutions: ['ApprovalTimeoutSeconds'], errors: failoverErrors, payload: ['group', 'epoch', 'attempt', 'target', 'execution'] },
  'switch-over': { steps: [...SWITCH_STEPS, 'notify'], substitutions: [], errors: failoverErrors, payload: ['group', 'target', 'by', 'reason', 'execution'] },
  backup: { steps: [...BACKUP_STEPS, 'notify'], substitutions: [], errors: allErrors, payload: [] },
  restore: { steps: [...BACKUP_STEPS, ...RESTORE_STEPS, 'notify'], substitutions: [], errors: allErrors, payload: [] },
};

/** Steps that may try again what elsewhere is hopeless, and why. */
const TRIED_AGAIN: Readonly<Record<string, readonly string[]>> = {
  // A service may fail its first probes while it warms up.
  ValidateService: ['ValidationFailedError'],
};

const isNotify = (name: string) => name.startsWith('Notify');
/** Started, and waited for by nobody. */
const isQueued = (name: string) => isNotify(name) || name === 'Fence';

it('every machine is known here', () => {
  expect([...MACHINES].sort()).toEqual(Object.keys(EXPECTED).sort());
});

describe.each(MACHINES)('statemachines/%s.asl.json', (file) => {
  const { text, machine } = readMachine(file);
  const calls = callsOf(machine);
  const expected = EXPECTED[file] ?? { steps: [], substitutions: [], errors: [], payload: [] };

  it('is valid to the validator', () => {
    const { isValid, errorsText } = validate(JSON.parse(text));
    expect(errorsText('\n')).toBe('');
    expect(isValid).toBe(true);
  });

  it('reaches every state, and goes to none that is not there', () => {
    expect(new Set([machine.StartAt, ...Object.values(machine.States).flatMap(targetsOf)])).toEqual(new Set(Object.keys(machine.States)));
    for (const state of Object.values(machine.States)) {
      if (state.Type === 'Map') expect(Object.keys(state.ItemProcessor.States)).toEqual([state.ItemProcessor.StartAt]);
    }
  });

  it('calls Lambda only, and each function that a state is named after', () => {
    for (const [name, call] of calls) {
      expect(call.Resource, name).toMatch(/^arn:aws:states:::lambda:invoke(\.waitForTaskToken)?$/);
      // Several moments tell people something; one function tells them.
      expect(isNotify(name) ? 'Notify' : name).toBe(invokedBy(call));
    }
  });

  it('has a placeholder for each substitution and none besides', () => {
    const placeholders = new Set([...text.matchAll(/\$\{(\w+)\}/g)].map((match) => match[1]));
    expect(placeholders).toEqual(new Set([...expected.steps.map((name) => `${constructIdOf(name)}FunctionArn`), ...expected.substitutions]));
  });

  it('calls only functions that exist and that a candidate has', () => {
    for (const name of expected.steps) {
      expect(existsSync(new URL(`../../lambdas/${name}.ts`, import.meta.url)), `lambdas/${name}.ts`).toBe(true);
      expect(FUNCTIONS[name].in).toContain('candidate');
    }
  });

  it('gives each task longer than its function, and the machine an end', () => {
    for (const [name, call] of calls) {
      if (call.Resource.endsWith('.waitForTaskToken')) expect(call.TimeoutSeconds).toBe("{% $number('${ApprovalTimeoutSeconds}') %}");
      else if (call.Arguments.InvocationType === 'Event') expect(call.TimeoutSeconds, name).toBeLessThanOrEqual(5);
      else expect(call.TimeoutSeconds, name).toBeGreaterThan(timeoutOf(invokedBy(call)));
    }
    expect(machine.TimeoutSeconds).toBeGreaterThan(300);
  });

  it('passes what every step must know', () => {
    for (const [name, call] of calls) expect(Object.keys(call.Arguments.Payload), name).toEqual(expect.arrayContaining([...expected.payload]));
  });

  it('names only errors that Holdfast or AWS throws', () => {
    const known = new Set(expected.errors.map((error) => error.name));
    const named = [...calls.flatMap(([, call]) => call.Retry), ...Object.values(machine.States).flatMap(catchersOf)].flatMap((each) => each.ErrorEquals);
    for (const name of named) expect(known.has(name) || /^(States|Lambda)\.\w+$/.test(name), name).toBe(true);
  });

  it('never retries what another try cannot change', () => {
    const hopeless = expected.errors.filter((error) => !error.retryable).map((error) => error.name);
    expect(hopeless).toContain('SupersededError');
    for (const [name, call] of calls) {
      if (isQueued(name)) continue;
      expect(call.Retry[0], name).toMatchObject({ MaxAttempts: 0 });
      const here = hopeless.filter((error) => TRIED_AGAIN[name]?.includes(error) !== true);
      expect([...(call.Retry[0]?.ErrorEquals ?? [])].sort(), name).toEqual([...here].sort());
    }
  });

  it('ends every list of retries and catches with what is not named', () => {
    for (const [name, call] of calls) expect(call.Retry.at(-1)?.ErrorEquals, name).toEqual(['States.ALL']);
    for (const [name, state] of Object.entries(machine.States)) {
      if (state.Type === 'Task' || state.Type === 'Map') expect(state.Catch.at(-1)?.ErrorEquals, name).toEqual(['States.ALL']);
    }
  });

  it('has none of the mistakes below', () => {
    expect(conditionsNotBoolean(machine)).toEqual([]);
    expect(readUnassigned(machine)).toEqual([]);
    expect(reservedAssigned(machine)).toEqual([]);
    // A field of JSONPath, or one that the local engine ignores; the schema refuses them too.
    expect(text).not.toMatch(/"(InputPath|OutputPath|ResultPath|Parameters|ResultSelector|JitterStrategy|MaxDelaySeconds|HeartbeatSeconds)"|\.\$"/);
  });
});

it('a failover that another one took over ends at once, in each step that acts', () => {
  for (const [name, call] of callsOf(readMachine('failover').machine))
    if (!isQueued(name) && 'Catch' in call) expect(call.Catch[0], name).toEqual({ ErrorEquals: ['SupersededError'], Next: 'Superseded' });
});

// Three mistakes that neither asl-validator nor the local engine sees.
describe('the lints of our own', () => {
  it.each<[string, string, (machine: Machine) => string[], (text: string) => string]>([
    ['a condition that is not boolean', 'failover', conditionsNotBoolean, (good) => good.replace('{% $synchronised.approvalNeeded %}', '{% $synchronised %}')],
    [
      'a variable that is read before it is assigned',
      'failover',
      readUnassigned,
      (good) => good.replace('"dnsFailure": null, "validation"', '"validation"').replace('{"dnsFailure": null, "failure"', '{"failure"'),
    ],
    ["a Map's result that nothing keeps", 'backup', readUnassigned, (good) => good.replace('"Assign": {"parts": "{% $states.result %}"},', '')],
    ['a variable named like one of Step Functions', 'failover', reservedAssigned, (good) => good.replace('"Assign": {"opened"', '"Assign": {"states"')],
  ])('find %s', (_, file, lint, plant) => {
    const { text } = readMachine(file);
    const planted = plant(text);
    expect(planted).not.toBe(text);
    expect(lint(JSON.parse(planted)).length).toBeGreaterThan(0);
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
    for (const [next, assigned] of edgesOf(checked.States[name])) {
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

function edgesOf(state: State | undefined): [string, string[]][] {
  if (state?.Type === 'Choice') return [...state.Choices.map((choice): [string, string[]] => [choice.Next, Object.keys(choice.Assign ?? {})]), [state.Default, []]];
  if (state?.Type !== 'Task' && state?.Type !== 'Map') return [];
  return [[state.Next, Object.keys(state.Assign ?? {})], ...state.Catch.map((catcher): [string, string[]] => [catcher.Next, Object.keys(catcher.Assign ?? {})])];
}

function readsOf(state: unknown): string[] {
  const reserved = new Set(['states', 'number', 'string', 'merge', 'toMillis']);
  return [...new Set(expressionsIn(state).flatMap((expression) => [...expression.matchAll(/\$([a-zA-Z]\w*)/g)].map((match) => match[1] ?? '')))].filter((name) => !reserved.has(name));
}

function assignmentsOf(state: State): string[] {
  const own = state.Type === 'Task' || state.Type === 'Map' ? [state.Assign] : state.Type === 'Choice' ? state.Choices.map((each) => each.Assign) : [];
  return [...own, ...catchersOf(state).map((each) => each.Assign)].flatMap((assign) => Object.keys(assign ?? {}));
}

function targetsOf(state: State): string[] {
  if (state.Type === 'Choice') return [...state.Choices.map((choice) => choice.Next), state.Default];
  return state.Type === 'Task' || state.Type === 'Map' ? [state.Next, ...state.Catch.map((catcher) => catcher.Next)] : [];
}

function timeoutOf(id: string): number {
  const found = Object.entries(FUNCTIONS).find(([name]) => constructIdOf(name) === id);
  if (found === undefined) throw new Error(`no function is called ${id}`);
  return found[1].timeoutSeconds;
}

function errorsOf(exported: readonly unknown[]): errors.HoldfastError[] {
  return exported
    .flatMap((value) => (typeof value === 'function' && value.name !== 'HoldfastError' ? [Reflect.construct(value, ['what happened', 0])] : []))
    .filter((error) => error instanceof errors.HoldfastError);
}

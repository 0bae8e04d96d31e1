// Why: each state machine's file as typed data, so that the lints and the interpreter read the same thing that is deployed.
import { readdirSync, readFileSync } from 'node:fs';
import { z } from 'zod';

const retrierSchema = z.strictObject({ ErrorEquals: z.array(z.string()).min(1), IntervalSeconds: z.int(), MaxAttempts: z.int(), BackoffRate: z.number() });
const assignSchema = z.record(z.string(), z.unknown());
const catcherSchema = z.strictObject({ ErrorEquals: z.array(z.string()).min(1), Next: z.string(), Assign: assignSchema.optional() });

const callSchema = {
  Type: z.literal('Task'),
  Comment: z.string().min(10),
  Resource: z.string(),
  Arguments: z.strictObject({ FunctionName: z.string(), InvocationType: z.literal('Event').optional(), Payload: z.record(z.string(), z.unknown()) }),
  TimeoutSeconds: z.union([z.int().min(1), z.string()]),
  Retry: z.array(retrierSchema).min(1),
  Output: z.unknown(),
};
const taskSchema = z.strictObject({ ...callSchema, Catch: z.array(catcherSchema).min(1), Assign: assignSchema.optional(), Next: z.string() });
/** Inside a Map: what it throws, the Map catches. */
const itemTaskSchema = z.strictObject({ ...callSchema, End: z.literal(true) });
const processorSchema = z.discriminatedUnion('Mode', [z.strictObject({ Mode: z.literal('INLINE') }), z.strictObject({ Mode: z.literal('DISTRIBUTED'), ExecutionType: z.literal('STANDARD') })]);
const mapSchema = z.strictObject({
  Type: z.literal('Map'),
  Comment: z.string().min(10),
  Items: z.string(),
  ItemSelector: z.record(z.string(), z.unknown()),
  MaxConcurrency: z.int().min(1),
  // One task an item: more would want an interpreter of its own.
  ItemProcessor: z.strictObject({ ProcessorConfig: processorSchema, StartAt: z.string(), States: z.record(z.string(), itemTaskSchema) }),
  Catch: z.array(catcherSchema).min(1),
  Assign: assignSchema.optional(),
  Output: z.unknown(),
  Next: z.string(),
});
const choiceSchema = z.strictObject({
  Type: z.literal('Choice'),
  Comment: z.string().min(10),
  Choices: z.array(z.strictObject({ Condition: z.string(), Next: z.string(), Assign: assignSchema.optional() })).min(1),
  Default: z.string(),
});
const succeedSchema = z.strictObject({ Type: z.literal('Succeed'), Comment: z.string().min(10) });
const failSchema = z.strictObject({ Type: z.literal('Fail'), Comment: z.string().min(10), Error: z.string(), Cause: z.string() });

// Strict on purpose: a field that the local engine ignores (JitterStrategy, MaxDelaySeconds, HeartbeatSeconds), or that belongs to JSONPath, is no field here.
const machineSchema = z.strictObject({
  Comment: z.string().min(10),
  QueryLanguage: z.literal('JSONata'),
  StartAt: z.string(),
  TimeoutSeconds: z.int().min(1),
  States: z.record(z.string(), z.discriminatedUnion('Type', [taskSchema, mapSchema, choiceSchema, succeedSchema, failSchema])),
});

export type Machine = z.output<typeof machineSchema>;
export type State = Machine['States'][string];
export type Catcher = z.output<typeof catcherSchema>;
/** What invokes a function, on its own or for each item of a Map. */
export type Call = z.output<typeof taskSchema> | z.output<typeof itemTaskSchema>;

const FOLDER = new URL('../../statemachines/', import.meta.url);

/** `failover` for `failover.asl.json`: every file there is. */
export const MACHINES = readdirSync(FOLDER).map((file) => file.replace(/\.asl\.json$/, ''));

export function readMachine(name: string): { readonly text: string; readonly machine: Machine } {
  const text = readFileSync(new URL(`${name}.asl.json`, FOLDER), 'utf8');
  return { text, machine: parseMachine(text) };
}

export function parseMachine(text: string): Machine {
  return machineSchema.parse(JSON.parse(text));
}

/** Those inside a Map too. */
export function callsOf(machine: Machine): [string, Call][] {
  return Object.entries(machine.States).flatMap(([name, state]): [string, Call][] => {
    if (state.Type === 'Task') return [[name, state]];
    return state.Type === 'Map' ? Object.entries(state.ItemProcessor.States) : [];
  });
}

export function catchersOf(state: State): readonly Catcher[] {
  return state.Type === 'Task' || state.Type === 'Map' ? state.Catch : [];
}

/** `${TakeLeaseFunctionArn}` → `TakeLease`. */
export function invokedBy(call: Call): string {
  return /^\$\{(\w+)FunctionArn\}$/.exec(call.Arguments.FunctionName)?.[1] ?? call.Arguments.FunctionName;
}

/** Every text that is a JSONata expression, anywhere in a value. */
export function expressionsIn(value: unknown): string[] {
  if (typeof value === 'string') return /^\{%([^]*)%\}$/.exec(value) === null ? [] : [value.slice(2, -2).trim()];
  if (Array.isArray(value)) return value.flatMap(expressionsIn);
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(expressionsIn);
  return [];
}

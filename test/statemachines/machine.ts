// Why: the state machine's file as typed data, so that the lints and the interpreter read the same thing that is deployed.
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const retrierSchema = z.strictObject({ ErrorEquals: z.array(z.string()).min(1), IntervalSeconds: z.int(), MaxAttempts: z.int(), BackoffRate: z.number() });
const assignSchema = z.record(z.string(), z.unknown());
const catcherSchema = z.strictObject({ ErrorEquals: z.array(z.string()).min(1), Next: z.string(), Assign: assignSchema.optional() });

const taskSchema = z.strictObject({
  Type: z.literal('Task'),
  Comment: z.string().min(10),
  Resource: z.string(),
  Arguments: z.strictObject({ FunctionName: z.string(), InvocationType: z.literal('Event').optional(), Payload: z.record(z.string(), z.unknown()) }),
  TimeoutSeconds: z.union([z.int().min(1), z.string()]),
  Retry: z.array(retrierSchema).min(1),
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
  States: z.record(z.string(), z.discriminatedUnion('Type', [taskSchema, choiceSchema, succeedSchema, failSchema])),
});

export type Machine = z.output<typeof machineSchema>;
export type State = Machine['States'][string];
export type Task = z.output<typeof taskSchema>;

export const MACHINE_FILE = new URL('../../statemachines/failover.asl.json', import.meta.url);

export function readMachine(): { readonly text: string; readonly machine: Machine } {
  const text = readFileSync(MACHINE_FILE, 'utf8');
  return { text, machine: machineSchema.parse(JSON.parse(text)) };
}

export function tasksOf(machine: Machine): [string, Task][] {
  return Object.entries(machine.States).flatMap(([name, state]): [string, Task][] => (state.Type === 'Task' ? [[name, state]] : []));
}

/** `${TakeLeaseFunctionArn}` → `TakeLease`. */
export function invokedBy(task: Task): string {
  return /^\$\{(\w+)FunctionArn\}$/.exec(task.Arguments.FunctionName)?.[1] ?? task.Arguments.FunctionName;
}

/** Every text that is a JSONata expression, anywhere in a value. */
export function expressionsIn(value: unknown): string[] {
  if (typeof value === 'string') return /^\{%([^]*)%\}$/.exec(value) === null ? [] : [value.slice(2, -2).trim()];
  if (Array.isArray(value)) return value.flatMap(expressionsIn);
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(expressionsIn);
  return [];
}

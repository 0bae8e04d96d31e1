// Starting and following the machines of backup, restore and switch-over, as a person's program does. `SfnRunbookRuns` does it on AWS, tests in memory.
import { fieldOf } from '../core/failover/event-field.ts';

export type RunbookMachine = 'backup' | 'restore' | 'switch-over';

export type RunState =
  /** `step`: the state it was last seen to enter; null where that cannot be told. */
  | { readonly kind: 'running'; readonly step: string | null; readonly startedAtMs: number }
  | { readonly kind: 'succeeded'; readonly output: unknown; readonly startedAtMs: number; readonly endedAtMs: number }
  | { readonly kind: 'failed'; readonly failure: RunFailure; readonly startedAtMs: number; readonly endedAtMs: number };

export type RunEnd = Exclude<RunState, { readonly kind: 'running' }>;

export type RunFailure = {
  /** The end that the machine came to, or what ended it: `Refused`, `NeedsOperator`, `BackupFailed`, `States.Timeout`, `aborted`. */
  readonly end: string;
  /** null where no step failed, or none is named. */
  readonly step: string | null;
  /** The error's name. */
  readonly error: string;
  readonly message: string;
};

/**
 * Contract:
 * - `start` with a name that runs already changes nothing. It throws RefusedError where there is no such machine.
 * - `look` throws RefusedError where there is no such run; whatever else it throws says nothing of the run, which goes on.
 * - Each call ends within a few seconds.
 */
export interface RunbookRuns {
  start(machine: RunbookMachine, name: string, input: object): Promise<void>;
  look(machine: RunbookMachine, name: string): Promise<RunState>;
}

/**
 * What failed, from the cause that a machine's Fail state gives: some words, then `{"step","error","cause"}`, whose own cause is what Lambda
 * said. Where it is something else, it is shown as it is.
 */
export function readFailure(end: string, cause: string): RunFailure {
  const failure = jsonIn(cause);
  const [step, error, said] = ['step', 'error', 'cause'].map((name) => fieldOf(failure, name));
  if (typeof error !== 'string') return { end, step: null, error: end, message: cause === '' ? `it ended as ${end}` : cause };
  const message = typeof said === 'string' ? fieldOf(jsonIn(said), 'errorMessage') : undefined;
  return { end, step: typeof step === 'string' ? step : null, error, message: typeof message === 'string' ? message : typeof said === 'string' && said !== '' ? said : error };
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text.slice(Math.max(0, text.indexOf('{'))));
  } catch {
    return undefined;
  }
}

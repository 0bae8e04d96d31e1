// The failover runbook's identity and progress. Progress is one number that only rises, (epoch, attempt, step) in this
// order, so that one comparison refuses a zombie of an older step, attempt or epoch (H8).
import { MalformedError } from '../errors.ts';
import { fieldOf } from './event-field.ts';
import type { RowChange, RowCheck, RowKey } from '../rows/row.ts';

export const steps = ['TakeLease', 'Synchronise', 'AwaitApproval', 'OpenGate', 'AwaitDns', 'ValidateService', 'Report', 'AbandonAttempt'] as const;
export type Step = (typeof steps)[number];

export type RunbookInput = { readonly group: string; readonly epoch: number; readonly attempt: number; readonly target: string };

export const failoverKey: RowKey = { table: 'region', pk: 'FAILOVER', sk: '#' };
const attemptsPerEpoch = 1000;
const stepsPerAttempt = 100;

/** The execution's name; the same for everyone who asks for it, so that it is started once (H7). */
export function executionName(epoch: number, attempt: number): string {
  return `fo-${epoch}-${attempt}`;
}

/** @throws MalformedError naming the field. */
export function parseRunbookInput(raw: unknown): RunbookInput {
  const wrong = (field: string, what: string) =>
    new MalformedError(`The runbook's input has no ${field} (${what}): it is started by the governor with {group, epoch, attempt, target}, never by hand.`);
  const [group, epoch, attempt, target] = ['group', 'epoch', 'attempt', 'target'].map((name) => fieldOf(raw, name));
  if (typeof group !== 'string') throw wrong("'group'", 'text');
  if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || epoch < 1) throw wrong("'epoch'", 'a whole number from 1');
  if (typeof attempt !== 'number' || !Number.isSafeInteger(attempt) || attempt < 1 || attempt >= attemptsPerEpoch) throw wrong("'attempt'", `a whole number from 1 to ${attemptsPerEpoch - 1}`);
  if (typeof target !== 'string') throw wrong("'target'", 'text');
  return { group, epoch, attempt, target };
}

export function progressOf(input: Pick<RunbookInput, 'epoch' | 'attempt'>, step: Step): number {
  return (input.epoch * attemptsPerEpoch + input.attempt) * stepsPerAttempt + steps.indexOf(step);
}

/** Enters a step: once a later step, attempt or epoch has begun, it is refused. */
export function enterStep(input: RunbookInput, step: Step, startedAtMs: number): RowChange {
  const progress = progressOf(input, step);
  const isFirst = step === 'TakeLease' || step === 'AbandonAttempt';
  return {
    key: failoverKey,
    set: { progress, epoch: input.epoch, attempt: input.attempt, step, startedAtMs },
    when: [
      { attribute: 'progress', is: '<=', value: progress },
      // Every step but the first belongs to the attempt whose TakeLease stands here.
      ...(isFirst ? [] : [{ attribute: 'progress', is: '>', value: progressOf(input, 'TakeLease') - 1 } as const]),
    ],
    mayCreate: false,
  };
}

/** Goes with a step's change: refused once the step is no longer the current one. */
export function stillAt(input: RunbookInput, step: Step): RowCheck {
  return { key: failoverKey, when: [{ attribute: 'progress', is: '=', value: progressOf(input, step) }] };
}

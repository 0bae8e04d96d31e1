// The runbook's progress: one number that only rises, so that no step of an older step, attempt or epoch acts (H8).
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeFailure, fieldOf } from '../../src/core/failover/event-field.ts';
import { enterStep, executionName, parseRunbookInput, progressOf, stillAt, steps, type Step } from '../../src/core/failover/runbook.ts';
import { holds } from '../../src/core/rows/row.ts';
import { west } from './fixtures.ts';
import { always, around } from './property.ts';

const anyStep = fc.constantFrom(...steps);
const anyAt = fc.record({ epoch: around(2, 9), attempt: around(1, 2, 998).filter((n) => n >= 1 && n <= 999), step: anyStep });
const inputOf = (at: { epoch: number; attempt: number }) => ({ group: 'orders', target: west, epoch: at.epoch, attempt: at.attempt });
const order = (at: { epoch: number; attempt: number; step: Step }) => [at.epoch, at.attempt, steps.indexOf(at.step)] as const;
const isBefore = (a: readonly number[], b: readonly number[]) => {
  const i = a.findIndex((n, k) => n !== b[k]);
  return i >= 0 && (a[i] ?? 0) < (b[i] ?? 0);
};

describe('progress', () => {
  test('orders exactly as (epoch, attempt, step), and stays a whole number that JSON keeps', () => {
    always(
      fc.property(anyAt, anyAt, (a, b) => {
        expect(progressOf(a, a.step) < progressOf(b, b.step)).toBe(isBefore(order(a), order(b)));
      }),
      1000,
    );
    expect(Number.isSafeInteger(progressOf({ epoch: 10_000_000, attempt: 999 }, 'AbandonAttempt'))).toBe(true);
  });

  test('a step is entered unless a later one has begun, and, but for the first, only within its own attempt', () => {
    always(
      fc.property(anyAt, anyAt, (stands, wants) => {
        const change = enterStep(inputOf(wants), wants.step, 1);
        const isAllowed = change.when.every((c) => holds(c, { progress: progressOf(stands, stands.step) }));
        const isLater = isBefore(order(wants), order(stands));
        const isOwn = stands.epoch === wants.epoch && stands.attempt === wants.attempt;
        const isFirst = wants.step === 'TakeLease' || wants.step === 'AbandonAttempt';
        expect(isAllowed).toBe(!isLater && (isFirst || isOwn));
        expect(change.mayCreate).toBe(false);
        expect(change.set).toMatchObject({ progress: progressOf(wants, wants.step), step: wants.step, epoch: wants.epoch, attempt: wants.attempt });
      }),
      1000,
    );
  });

  test("a step's change goes through only while it is the current step", () => {
    always(
      fc.property(anyAt, anyAt, (stands, wants) => {
        const check = stillAt(inputOf(wants), wants.step);
        const isSame = !isBefore(order(wants), order(stands)) && !isBefore(order(stands), order(wants));
        expect(check.when.every((c) => holds(c, { progress: progressOf(stands, stands.step) }))).toBe(isSame);
      }),
    );
  });

  test('giving up shuts the attempt for good: no step of it comes after', () => {
    const stands = { progress: progressOf({ epoch: 5, attempt: 1 }, 'AbandonAttempt') };
    for (const step of steps) {
      const isAllowed = enterStep(inputOf({ epoch: 5, attempt: 1 }), step, 1).when.every((c) => holds(c, stands));
      expect(isAllowed, step).toBe(step === 'AbandonAttempt');
    }
  });
});

describe('parseRunbookInput', () => {
  const good = { group: 'orders', epoch: 5, attempt: 1, target: west };
  test('takes what it needs and leaves the rest', () => {
    expect(parseRunbookInput({ ...good, taskToken: 'x' })).toEqual(good);
  });
  test.each([
    ['group', undefined],
    ['group', 1],
    ['epoch', 0],
    ['epoch', '5'],
    ['epoch', 1.5],
    ['epoch', null],
    ['attempt', 0],
    ['attempt', 1000],
    ['attempt', -1],
    ['attempt', undefined],
    ['target', undefined],
    ['target', {}],
  ])("a wrong '%s' (%j) is named", (field, wrong) => {
    expect(() => parseRunbookInput({ ...good, [field]: wrong })).toThrow(expect.objectContaining({ name: 'MalformedError', message: expect.stringContaining(`'${field}'`) }));
  });
  test.each([[undefined], [null], ['x'], [7], [[]]])('%j is no input', (raw) => {
    expect(() => parseRunbookInput(raw)).toThrow(expect.objectContaining({ name: 'MalformedError' }));
  });
  test('takes attempts at the edge', () => {
    expect([1, 999].map((attempt) => parseRunbookInput({ ...good, attempt }).attempt)).toEqual([1, 999]);
  });
});

test('the execution has one name for everyone who asks for it (H7)', () => {
  expect(executionName(5, 2)).toBe('fo-5-2');
});

test('fields and failures of an event', () => {
  expect(fieldOf({ a: 1 }, 'a')).toBe(1);
  expect(fieldOf({ a: 1 }, 'toString')).toBeUndefined();
  expect([null, undefined, 'x', 7].map((e) => fieldOf(e, 'length'))).toEqual([undefined, undefined, undefined, undefined]);
  expect(describeFailure({ step: 'OpenGate', error: 'StepNotReadyError', cause: 'x' })).toBe('OpenGate failed with StepNotReadyError: x');
  expect(describeFailure(null)).toBe('nothing failed');
  expect(describeFailure({ step: 1 })).toBe('unknown failed with unknown: unknown');
});

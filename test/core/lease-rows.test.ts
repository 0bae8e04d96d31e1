// The rows that say who may act: every change leaves alone what it must, over every row of a small domain; and each of its
// conditions is needed, since without it some row of the domain is spoilt. That second half is the mutant that each
// condition must have killed.
import { describe, expect, test } from 'vitest';
import {
  closedForGood,
  closeFenceAtDeadline,
  closeFenceBelow,
  closeFenceOfEpoch,
  closeLeaseForGood,
  extendFence,
  extendLease,
  firstFenceRow,
  firstLeaseRow,
  isActingAt,
  isFenceOpen,
  isLeaseOpen,
  moveFenceBelow,
  moveFenceOfEpoch,
  openFence,
  openLease,
  parseFenceRow,
  parseLeaseRow,
  raiseFence,
  raiseLease,
  type FenceRow,
  type LeaseRow,
} from '../../src/core/lease/lease-rows.ts';
import { holds, type Condition, type RowChange } from '../../src/core/rows/row.ts';

const epochs = [0, 1, 2, 3];
const times = [0, 9, 10, 11];
const leases: LeaseRow[] = epochs.flatMap((epoch) => times.flatMap((untilAtMs) => epochs.flatMap((openEpoch) => epochs.map((closedEpoch) => ({ epoch, untilAtMs, openEpoch, closedEpoch })))));
const fences: FenceRow[] = epochs.flatMap((epoch) => times.flatMap((untilAtMs) => [...times, closedForGood].map((closedThroughMs) => ({ epoch, untilAtMs, closedThroughMs }))));

type Spoilt<R> = Readonly<Record<string, (before: R, after: R) => boolean>>;
type Case<R> = {
  readonly name: string;
  readonly rows: readonly R[];
  readonly change: RowChange;
  readonly spoilt: Spoilt<R> /** And it does what it is for here. */;
  readonly does: readonly [R, Partial<R> & { readonly movedTo?: string }];
};

const lease = (epoch: number, untilAtMs: number, openEpoch: number, closedEpoch: number): LeaseRow => ({ epoch, untilAtMs, openEpoch, closedEpoch });
const fence = (epoch: number, untilAtMs: number, closedThroughMs: number): FenceRow => ({ epoch, untilAtMs, closedThroughMs });

// All changes are made in epoch 2 with deadline 10.
const leaseCases: Case<LeaseRow>[] = [
  {
    name: 'raiseLease',
    rows: leases,
    change: raiseLease(2, 10),
    spoilt: { 'touches a row that carries the epoch already, or a higher one': (before) => before.epoch >= 2 },
    does: [lease(1, 9, 1, 0), { epoch: 2, untilAtMs: 10, openEpoch: 1, closedEpoch: 0 }],
  },
  {
    name: 'extendLease',
    rows: leases,
    change: extendLease(2, 10),
    spoilt: {
      'extends another epoch': (before) => before.epoch !== 2,
      'touches a row closed for good (C1)': (before) => before.closedEpoch >= 2,
      'does not extend': (before, after) => after.untilAtMs <= before.untilAtMs,
    },
    does: [lease(2, 9, 2, 1), { untilAtMs: 10 }],
  },
  {
    name: 'openLease',
    rows: leases,
    change: openLease(2),
    spoilt: { 'says done and is not open': (_, after) => !isLeaseOpen(after) },
    does: [lease(2, 9, 1, 1), { openEpoch: 2 }],
  },
  {
    name: 'closeLeaseForGood',
    rows: leases,
    change: closeLeaseForGood(2),
    spoilt: { 'forgets an earlier close, or does nothing': (before, after) => after.closedEpoch <= before.closedEpoch },
    does: [lease(2, 9, 2, 1), { closedEpoch: 2 }],
  },
];

const fenceCases: Case<FenceRow>[] = [
  {
    name: 'raiseFence',
    rows: fences,
    change: raiseFence(0, 2),
    spoilt: {
      'the epoch does not rise': (before, after) => after.epoch <= before.epoch,
      'it is open afterwards, or cannot be opened by OpenGate': (_, after) => isFenceOpen(after) || !isAllowed(openFence(0, after.epoch, 1), after),
    },
    does: [fence(1, 11, closedForGood), { epoch: 2, untilAtMs: 0, closedThroughMs: 0, movedTo: '' }],
  },
  {
    name: 'extendFence',
    rows: fences,
    change: extendFence(0, 2, 10),
    spoilt: {
      'extends another epoch': (before) => before.epoch !== 2,
      'opens what only OpenGate opens (P1)': (before) => before.untilAtMs === 0,
      'does not extend': (before, after) => after.untilAtMs <= before.untilAtMs,
      'touches a row closed for good, or through a later time (C3)': (_, after) => !isFenceOpen(after),
    },
    does: [fence(2, 9, 9), { untilAtMs: 10 }],
  },
  {
    name: 'openFence',
    rows: fences,
    change: openFence(0, 2, 10),
    spoilt: {
      'opens another epoch': (before) => before.epoch !== 2,
      'says done and is not open (C3)': (_, after) => !isFenceOpen(after),
      'does not extend': (before, after) => after.untilAtMs <= before.untilAtMs,
    },
    does: [fence(2, 0, 0), { untilAtMs: 10 }],
  },
  {
    name: 'closeFenceAtDeadline',
    rows: fences,
    change: closeFenceAtDeadline(0, fence(2, 10, 0)),
    spoilt: {
      'closes another epoch': (before) => before.epoch !== 2,
      'closes a row that was renewed meanwhile': (before) => before.untilAtMs !== 10,
      'makes a close for good provisional (C3)': (before, after) => after.closedThroughMs <= before.closedThroughMs,
      'is open afterwards': (_, after) => isFenceOpen(after),
    },
    does: [fence(2, 10, 9), { closedThroughMs: 10 }],
  },
  {
    name: 'closeFenceOfEpoch',
    rows: fences,
    change: closeFenceOfEpoch(0, 2),
    spoilt: {
      'closes another epoch': (before) => before.epoch !== 2,
      'can be opened again by a renewal or by OpenGate of its epoch': (_, after) => [extendFence(0, 2, 1e15), openFence(0, 2, 1e15)].some((c) => isAllowed(c, after)),
    },
    does: [fence(2, 11, 0), { closedThroughMs: closedForGood }],
  },
  {
    name: 'closeFenceBelow',
    rows: fences,
    change: closeFenceBelow(0, 2),
    spoilt: { 'closes the chosen epoch or a later one, which a TakeLease in between wrote (R1)': (before) => before.epoch >= 2 },
    does: [fence(1, 11, 0), { closedThroughMs: closedForGood }],
  },
  {
    name: 'moveFenceOfEpoch',
    rows: fences,
    change: moveFenceOfEpoch(0, 2, 'https://other.example'),
    spoilt: {
      'sends the clients of another epoch away': (before) => before.epoch !== 2,
      'sends clients away while it may open again': (before) => before.closedThroughMs < closedForGood,
    },
    does: [fence(2, 11, closedForGood), { movedTo: 'https://other.example' }],
  },
  {
    name: 'moveFenceBelow',
    rows: fences,
    change: moveFenceBelow(0, 2, 'https://other.example'),
    spoilt: {
      'sends the clients of the chosen epoch or a later one away, which a TakeLease in between wrote (R1)': (before) => before.epoch >= 2,
      'sends clients away while it may open again': (before) => before.closedThroughMs < closedForGood,
    },
    does: [fence(1, 11, closedForGood), { movedTo: 'https://other.example' }],
  },
];

function isAllowed(change: RowChange, row: object, when: readonly Condition[] = change.when): boolean {
  return when.every((c) => holds(c, { ...row }));
}

function check<R extends LeaseRow | FenceRow>({ rows, change, spoilt, does }: Case<R>): void {
  const spoils = (when: readonly Condition[]) => {
    const found: string[] = [];
    for (const before of rows) {
      if (!isAllowed(change, before, when)) continue;
      const after: R = { ...before, ...change.set };
      for (const [what, isSpoilt] of Object.entries(spoilt)) if (isSpoilt(before, after)) found.push(`${what}: ${JSON.stringify(before)}`);
    }
    return found;
  };
  expect(spoils(change.when)).toEqual([]);
  for (const dropped of change.when) {
    expect(spoils(change.when.filter((c) => c !== dropped)), `without its condition ${JSON.stringify(dropped)} nothing would be spoilt: it is not needed, or not tested`).not.toEqual([]);
  }
  // Each spoiling is the work of some missing condition, else that line of the test cannot fail.
  const without = change.when.flatMap((dropped) => spoils(change.when.filter((c) => c !== dropped))).join('\n');
  const byDomain = ['it is open afterwards, or cannot be opened by OpenGate', 'can be opened again by a renewal or by OpenGate of its epoch', 'is open afterwards'];
  for (const what of Object.keys(spoilt)) if (!byDomain.includes(what)) expect(without).toContain(what);
  expect(change.mayCreate).toBe(false);
  const [before, expected] = does;
  expect(isAllowed(change, before)).toBe(true);
  expect({ ...before, ...change.set }).toEqual({ ...before, ...expected });
}

describe('changes of the lease row', () => {
  test.each(leaseCases.map((c) => [c.name, c] as const))('%s', (_, c) => check(c));
});

describe('changes of a fence row', () => {
  test.each(fenceCases.map((c) => [c.name, c] as const))('%s', (_, c) => check(c));
});

describe('an invocation of an older epoch that comes late', () => {
  // Whatever a zombie of epoch 1 still does, in whatever order, nothing of epoch 2 is touched, once TakeLease raised the row.
  const zombie = (k: number) => [raiseFence(k, 1), extendFence(k, 1, 1e15), openFence(k, 1, 1e15), closeFenceOfEpoch(k, 1), closeFenceBelow(k, 2), closeFenceAtDeadline(k, fence(1, 10, 0))];
  test('touches no fence row of the newer one', () => {
    for (const row of fences.filter((f) => f.epoch >= 2)) for (const change of zombie(0)) expect(isAllowed(change, row), JSON.stringify({ change, row })).toBe(false);
  });
  test('opens no lease row of the newer one, and does not move its deadline', () => {
    for (const row of leases.filter((l) => l.epoch >= 2)) for (const change of [raiseLease(1, 1e15), extendLease(1, 1e15), openLease(1)]) expect(isAllowed(change, row)).toBe(false);
  });
});

describe('who may act', () => {
  test('only in an epoch that was opened here, is not closed for good, and until the deadline: the instant of it excluded', () => {
    for (const row of leases) {
      for (const now of times) {
        const expected = row.epoch > 0 && row.openEpoch === row.epoch && row.closedEpoch < row.epoch && now < row.untilAtMs;
        expect(isActingAt(row, now), JSON.stringify({ row, now })).toBe(expected);
      }
    }
    expect([9, 10, 11].map((now) => isActingAt(lease(2, 10, 2, 1), now))).toEqual([true, false, false]);
    expect(isActingAt(lease(0, 10, 0, -1), 9)).toBe(false);
  });

  test('a fence row is open while its deadline is beyond what is closed', () => {
    expect([9, 10, 11].map((until) => isFenceOpen(fence(2, until, 10)))).toEqual([false, false, true]);
    expect(isFenceOpen(firstFenceRow)).toBe(false);
    expect(isActingAt(firstLeaseRow, 0)).toBe(false);
  });

  test('nothing acts by a row that is missing or damaged', () => {
    expect(parseLeaseRow({ ...lease(1, 2, 3, 4), more: 'x' })).toEqual(lease(1, 2, 3, 4));
    for (const name of ['epoch', 'untilAtMs', 'openEpoch', 'closedEpoch']) expect(() => parseLeaseRow({ ...lease(1, 2, 3, 4), [name]: 'x' })).toThrow(`no number '${name}'`);
    for (const name of ['epoch', 'untilAtMs', 'closedThroughMs']) expect(() => parseFenceRow({ ...fence(1, 2, 3), [name]: 'x' })).toThrow(`no number '${name}'`);
    expect(() => parseLeaseRow(undefined)).toThrow(/must not act/);
    expect(() => parseFenceRow(undefined)).toThrow(/must not act/);
  });
});

describe('conditions are judged as DynamoDB judges them', () => {
  test('a missing attribute, or one of another type, fails every comparison', () => {
    for (const is of ['=', '<', '>', '<='] as const) {
      expect(holds({ attribute: 'a', is, value: 1 }, {})).toBe(false);
      expect(holds({ attribute: 'a', is, value: 1 }, { a: '1' })).toBe(false);
    }
    expect(holds({ attribute: 'a', is: '>', to: 'b' }, { a: 1 })).toBe(false);
    expect(holds({ attribute: 'a', is: '>', to: 'b' }, { a: 2, b: 1 })).toBe(true);
  });
  test.each([
    ['=', [false, true, false]],
    ['<', [true, false, false]],
    ['<=', [true, true, false]],
    ['>', [false, false, true]],
  ] as const)('%s at limit − 1, limit, limit + 1, numbers as numbers', (is, expected) => {
    expect([9, 10, 11].map((a) => holds({ attribute: 'a', is, value: 10 }, { a }))).toEqual(expected);
    expect(['a', 'b', 'c'].map((a) => holds({ attribute: 'a', is, value: 'b' }, { a }))).toEqual(expected);
  });
});

// Which point comes next, and why; its class; its pieces.
import { describe, expect, test } from 'vitest';
import { chainAgeMsMax, gapOf, mayAct, nextPoint, pieceBytes, piecesFor, type Seen } from '../../../src/core/backup/next-point.ts';
import { classOfNew, lockedUntil } from '../../../src/core/backup/point-class.ts';
import { civilOf, time } from '../../../src/core/backup/moment.ts';
import { always } from '../property.ts';
import fc from 'fast-check';
import { facts, named } from './points.ts';

const full = facts('c', 'full', 100, null);
const hour = facts('c', 'incremental', 200, full);
const seen = (change: Partial<Seen> = {}): Seen => ({ last: { kind: 'chain', parent: hour, points: [full, hour] }, epoch: 1, gap: null, nowMs: 300, ...change });

describe('the next point', () => {
  test('is what was asked for', () => {
    expect(nextPoint('full', seen())).toMatchObject({ kind: 'alone', type: 'full' });
    expect(nextPoint('snapshot', seen())).toMatchObject({ kind: 'alone', type: 'snapshot' });
    expect(nextPoint('incremental', seen())).toMatchObject({ kind: 'after', type: 'incremental', parent: hour, because: 'it goes on from 000200-incremental' });
    expect(nextPoint('log', seen())).toMatchObject({ kind: 'after', type: 'log' });
  });

  test.each([
    ['there is none', { last: { kind: 'none', because: 'there is no full backup yet' } as const }, 'there is no full backup yet'],
    ['its parent is missing', { last: { kind: 'chain', parent: hour, points: [hour] } as const }, '000100-full, on which 000200-incremental hangs, is missing'],
    ['its parent was exchanged', { last: { kind: 'chain', parent: hour, points: [{ ...full, sha256: 'x' }, hour] } as const }, 'its hash is another'],
    ['it would continue a snapshot', { last: { kind: 'chain', parent: { ...full, type: 'snapshot' }, points: [{ ...full, type: 'snapshot' }] } as const }, 'has no full backup'],
    ['the log has a gap', { gap: 'records 3 to 9 have expired' }, 'records 3 to 9 have expired'],
    ['another epoch has begun', { epoch: 2 }, 'opened in epoch 2 after its full backup of epoch 1'],
    ['the chain is too old', { nowMs: 100 + chainAgeMsMax + 1 }, 'older than 8 days'],
  ])('is a full one, and says so, where %s', (_, change: Partial<Seen>, because) => {
    for (const asked of ['incremental', 'differential'] as const) {
      const next = nextPoint(asked, seen(change));
      expect(next).toMatchObject({ kind: 'alone', type: 'full', because: expect.stringContaining(because) });
      expect(next.because).toContain(`${asked} was asked for, but`);
    }
  });

  test('of the log goes on through an epoch, and on an old chain: what it covers counts until there is a new one', () => {
    expect(nextPoint('log', seen({ epoch: 2 }))).toMatchObject({ kind: 'after' });
    expect(nextPoint('log', seen({ nowMs: 100 + chainAgeMsMax + 1 }))).toMatchObject({ kind: 'after' });
    expect(nextPoint('incremental', seen({ nowMs: 100 + chainAgeMsMax }))).toMatchObject({ kind: 'after' });
  });

  test.each([
    [5, 5, null, null],
    [5, 4, null, null],
    [5, 6, 6, null],
    [5, 9, 3, null],
    [5, 9, 7, 'records 6 to 6 have expired'],
    [5, 9, null, 'records 6 to 9 have expired'],
  ])('after position %d, head %d, first %j there is a gap: %j', (position, head, first, expected) => {
    const gap = gapOf('east', position, head, first);
    expect(gap === null ? null : gap.replace("of east's log, ", '')).toBe(expected);
  });
});

describe('who acts', () => {
  const lease = (change = {}) => ({ epoch: 3, openEpoch: 3, closedEpoch: 0, untilAtMs: 1000, ...change });
  const scheduled = { group: 'orders', type: 'full', by: 'schedule' } as const;
  test('on the schedule only the open region', () => {
    expect(mayAct(scheduled, lease(), 'east', 999).acts).toBe(true);
    for (const row of [lease({ untilAtMs: 999 }), lease({ openEpoch: 2 }), lease({ closedEpoch: 3 }), lease({ epoch: 0, openEpoch: 0 })]) {
      expect(mayAct(scheduled, row, 'east', 999)).toMatchObject({ acts: false, because: expect.stringContaining('east is not open') });
    }
  });
  test('for a person the region where it was started', () => {
    expect(mayAct({ ...scheduled, by: 'anna' }, lease({ untilAtMs: 0 }), 'west', 999)).toEqual({ acts: true, because: 'anna asked for it in west' });
  });
});

describe('the class of a new point', () => {
  const at = (text: string) => Date.parse(text);
  const points = [named('a', 'full', at('2026-11-23T02:00:00Z'))];
  test.each([
    ['full', '2026-11-23T02:30:00Z', 'hourly'],
    ['full', '2026-11-23T23:59:59.999Z', 'hourly'],
    ['full', '2026-11-24T00:00:00Z', 'daily'],
    ['full', '2026-11-29T23:59:59.999Z', 'daily'],
    ['full', '2026-11-30T00:00:00Z', 'weekly'],
    ['full', '2026-12-01T00:00:00Z', 'monthly'],
    ['snapshot', '2027-01-01T00:00:00Z', 'yearly'],
    ['log', '2027-01-01T00:00:00Z', 'hourly'],
    ['incremental', '2027-01-01T00:00:00Z', 'hourly'],
  ] as const)('%s at %s is %s', (type, text, expected) => {
    expect(classOfNew(points, type, at(text))).toBe(expected);
  });
  test('the first of all is the first of its year; one that was not committed keeps no place', () => {
    expect(classOfNew([], 'full', 0)).toBe('yearly');
    expect(classOfNew([named('a', 'full', 5, { isCommitted: false }), named('a', 'log', 5)], 'full', 6)).toBe('yearly');
  });
  test('locks from when it began', () => {
    expect([lockedUntil(1000, 2), lockedUntil(1000, null)]).toEqual([1000 + 2 * 86_400_000, null]);
  });
});

test('moments are written as everyone writes them', () => {
  always(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (ms) => {
      const date = new Date(ms);
      expect(time(ms)).toBe(date.toISOString());
      expect(civilOf(Math.floor(ms / 86_400_000))).toEqual({ year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() });
    }),
  );
  expect(time(Number.NaN)).toBe('no time');
});

test('a table is cut into pieces by its size', () => {
  expect([0, 2 * pieceBytes, 2 * pieceBytes + 1, 63 * pieceBytes, 64 * pieceBytes, 1000 * pieceBytes].map((bytes) => [piecesFor(bytes, 'INLINE'), piecesFor(bytes, 'DISTRIBUTED')])).toEqual([
    [2, 2],
    [2, 2],
    [3, 3],
    [63, 63],
    [64, 64],
    [64, 500],
  ]);
});

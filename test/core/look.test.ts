// The challenger's clocks. One property matters: a clock never says that a renewal was seen for longer than since the first
// look that saw it; and one more: while the lease stands still and the regions answer, the clock falls due.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { advanceLook, attemptSeenForMs, firstLook, lookChange, parseLook, renewalSeenForMs, type Look } from '../../src/core/lease/look.ts';
import { declareLapse, nextAttempt, revoke, rollBack, takeLease, type Proposed } from '../../src/core/failover/register-changes.ts';
import { holds } from '../../src/core/rows/row.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import { ballotOf, east, maker, renewalId, reservedValue, sightingOf, valueOf, west } from './fixtures.ts';
import { always } from './property.ts';

const see = (look: Look, value: RegisterValue, atMs: number, counter = 9, kind: 'chosen' | 'newest' | 'minority' = 'chosen') => advanceLook(look, sightingOf(value, kind, counter), atMs);
const made = (proposed: Proposed): RegisterValue => {
  if (proposed.kind === 'refuse') throw new Error(proposed.because);
  return proposed.value;
};

describe('the clock of a renewal', () => {
  const looks = fc.array(
    fc.record({
      kind: fc.constantFrom('chosen' as const, 'newest' as const, 'minority' as const),
      epoch: fc.integer({ min: 1, max: 2 }),
      renewal: fc.integer({ min: 0, max: 2 }).map(renewalId),
      counter: fc.integer({ min: 1, max: 4 }),
      attempt: fc.integer({ min: 1, max: 2 }),
      /** Wall time may jump back as well. */
      afterMs: fc.constantFrom(-30_000, -1, 0, 1, 5000, 22_000),
    }),
    { minLength: 1, maxLength: 12 },
  );

  test('never runs longer than since the answers of some look that saw this very renewal', () => {
    always(
      fc.property(looks, (steps) => {
        let look = firstLook;
        let nowMs = 1_000_000;
        const seenAt = new Map<string, number[]>();
        for (const s of steps) {
          nowMs += s.afterMs;
          const value = valueOf({ epoch: s.epoch, renewal: s.renewal, attempt: s.attempt });
          look = see(look, value, nowMs, s.counter, s.kind);
          const name = `${s.epoch}/${s.renewal}`;
          seenAt.set(name, [...(seenAt.get(name) ?? []), nowMs]);
          for (const ms of [nowMs - 1, nowMs, nowMs + 7]) {
            const ranMs = renewalSeenForMs(look, value, ms);
            if (ranMs === undefined) continue;
            expect(ranMs).toBeGreaterThanOrEqual(0);
            expect(seenAt.get(name)?.some((at) => ms - at === ranMs)).toBe(true);
          }
        }
      }),
    );
  });

  test('starts when the answers are in, and survives other changes of the value', () => {
    const first = see(firstLook, valueOf(), 1000);
    expect(renewalSeenForMs(first, valueOf(), 1000)).toBe(0);
    const revoked = made(revoke(valueOf(), { epoch: 4 }, 'region-sick', west, maker()));
    expect(renewalSeenForMs(see(first, revoked, 6000, 10), revoked, 7000)).toBe(6000);
  });

  test.each([
    ['another renewal', valueOf({ renewal: renewalId(8) })],
    ['another epoch', valueOf({ epoch: 5 })],
  ])('begins anew at %s', (_, value) => {
    const look = see(see(firstLook, valueOf(), 1000), value, 9000, 10);
    expect(renewalSeenForMs(look, value, 9500)).toBe(500);
    expect(renewalSeenForMs(look, valueOf(), 9500)).toBeUndefined();
  });

  test('that begins in the future (the wall clock was set back) begins again; until then it says nothing', () => {
    const look = see(firstLook, valueOf(), 50_000);
    expect([49_999, 50_000, 50_001].map((ms) => renewalSeenForMs(look, valueOf(), ms))).toEqual([undefined, 0, 1]);
    expect(see(look, valueOf(), 49_999, 10).sinceMs).toBe(49_999);
    expect(see(look, valueOf(), 50_000, 10).sinceMs).toBe(50_000);
    expect(see(look, valueOf(), 50_001, 10).sinceMs).toBe(50_000);
  });

  test('is not moved by an old acceptor that shows a lower ballot, nor by a look that saw nothing', () => {
    const look = see(firstLook, valueOf(), 1000, 9);
    expect(see(look, valueOf({ renewal: renewalId(1) }), 2000, 8, 'minority')).toBe(look);
    expect(see(look, valueOf({ renewal: renewalId(1) }), 2000, 8, 'newest')).toBe(look);
    expect(advanceLook(look, { kind: 'nothing', because: '' }, 2000)).toBe(look);
  });

  test('runs on a minority too: one answer may start it', () => {
    expect(renewalSeenForMs(see(firstLook, valueOf(), 1000, 9, 'minority'), valueOf(), 23_000)).toBe(22_000);
  });

  test('a value that only a dead acceptor ever accepted does not hold it for ever: what is chosen now is current', () => {
    // The holder's last renewal reached its own acceptor alone, a look saw it there, and then that region died. The two others
    // still show the renewal before, chosen: unless its clock starts, nobody can ever take over.
    const lost = valueOf({ renewal: renewalId(8) });
    const saw = see(see(firstLook, valueOf(), 1000, 9), lost, 6000, 10, 'newest');
    const look = see(saw, valueOf(), 11_000, 9, 'chosen');
    expect(renewalSeenForMs(look, valueOf(), 33_000)).toBe(22_000);
  });
});

describe('the clock of an attempt', () => {
  const calm = valueOf();
  const longAgo = see(firstLook, calm, 1000);
  const nowMs = 10_000_000;

  test('a failover that begins now was not seen for hours, though the epoch and its attempt number are old', () => {
    for (const reserved of [made(declareLapse(calm, calm, west, maker())), made(revoke(calm, { epoch: 4 }, 'region-sick', west, maker()))]) {
      expect(attemptSeenForMs(see(longAgo, reserved, nowMs, 10), reserved, nowMs)).toBe(0);
    }
  });

  test('the attempt after one that was taken and never opened begins now as well (P2)', () => {
    const taken = made(takeLease(reservedValue(), reservedValue(), west, renewalId(9)));
    const since = see(longAgo, taken, 5000, 10);
    for (const next of [made(nextAttempt(taken, taken, west, 3, maker())), made(rollBack(taken, west, 5, 1, east, 3, maker()))]) {
      expect(attemptSeenForMs(see(since, next, nowMs, 11), next, nowMs)).toBe(0);
    }
  });

  test('survives whatever else changes in the value, and begins anew at the next attempt', () => {
    const look = see(see(firstLook, reservedValue(), 1000), reservedValue({ released: true, renewal: renewalId(9), because: 'other' }), 5000, 10);
    expect(attemptSeenForMs(look, reservedValue(), 45_000)).toBe(44_000);
    const next = reservedValue({ attempt: 2 });
    expect(attemptSeenForMs(see(look, next, 45_000, 11), next, 45_001)).toBe(1);
  });

  test('that begins in the future begins again', () => {
    const look = see(firstLook, reservedValue(), 50_000);
    expect(attemptSeenForMs(look, reservedValue(), 49_999)).toBeUndefined();
    expect(attemptSeenForMs(see(look, reservedValue(), 49_999, 10), reservedValue(), 50_000)).toBe(1);
  });
});

describe('the look row', () => {
  test('is advanced by one of two invocations only', () => {
    const next = see(firstLook, valueOf(), 1000);
    const change = lookChange(next);
    expect([next.version - 1, next.version, next.version + 1].map((version) => change.when.every((c) => holds(c, { ...next, version })))).toEqual([true, false, false]);
    expect(change.mayCreate).toBe(false);
    expect(parseLook({ ...change.set })).toEqual(next);
  });

  test('missing or damaged, it challenges nobody', () => {
    expect(() => parseLook(undefined)).toThrow(/missing/);
    for (const name of Object.keys(firstLook)) expect(() => parseLook({ ...firstLook, [name]: name === 'ballot' || name === 'renewal' ? 1 : 'x' })).toThrow(`'${name}'`);
    expect(firstLook.ballot < ballotOf(1)).toBe(true);
  });
});

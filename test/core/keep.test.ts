// What a region must do with its own rows: exhaustively, for every kind of sighting.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { leaseDuty, overdueFences } from '../../src/core/lease/keep.ts';
import { firstLeaseRow } from '../../src/core/lease/lease-rows.ts';
import { anyValue, east, sightingOf, valueOf, west } from './fixtures.ts';
import { always, around } from './property.ts';

const rowOf = (epoch: number) => ({ ...firstLeaseRow, epoch });

describe('leaseDuty', () => {
  test('only what is chosen closes or releases anything (C4); a minority at most pauses', () => {
    always(
      fc.property(anyValue, fc.constantFrom('newest' as const, 'minority' as const), fc.integer({ min: 0, max: 6 }), (value, kind, epoch) => {
        const duty = leaseDuty(east, sightingOf(value, kind), rowOf(epoch));
        expect(duty.kind).toBe(value.holder === east ? 'renew' : 'none');
        if (duty.kind === 'renew') expect(duty.repeatTakeLease).toBe(false);
      }),
    );
    expect(leaseDuty(east, { kind: 'nothing', because: 'nobody answered' }, rowOf(4))).toEqual({ kind: 'none', because: 'nobody answered' });
  });

  test('of a chosen value: another holder → close below its epoch; revoked → release; else renew in the epoch that is held', () => {
    always(
      fc.property(anyValue, fc.integer({ min: 0, max: 7 }), (value, epoch) => {
        const duty = leaseDuty(east, sightingOf(value), rowOf(epoch));
        const expected = value.holder !== east ? 'close-below' : value.released ? 'none' : value.renewable ? 'renew' : value.planned === true ? 'hand-over' : 'release';
        expect(duty.kind).toBe(expected);
        if (duty.kind !== 'none') expect(duty.epoch).toBe(value.epoch);
      }),
    );
  });

  test.each([
    [3, true],
    [4, false],
    [5, false],
  ])('with its lease row at epoch %i while it holds 4, TakeLease is repeated: %j (R2)', (epoch, repeatTakeLease) => {
    expect(leaseDuty(east, sightingOf(valueOf()), rowOf(epoch))).toMatchObject({ kind: 'renew', epoch: 4, repeatTakeLease });
    expect(leaseDuty(west, sightingOf(valueOf()), rowOf(epoch))).toMatchObject({ kind: 'close-below', epoch: 4 });
  });
});

test('the fence rows that are overdue: open, and their deadline is now or earlier', () => {
  always(
    fc.property(fc.array(fc.record({ epoch: fc.constant(2), untilAtMs: around(10), closedThroughMs: around(10) }), { maxLength: 4 }), around(10), (fences, nowMs) => {
      const expected = fences.flatMap((f, k) => (f.untilAtMs > f.closedThroughMs && f.untilAtMs <= nowMs ? [k] : []));
      expect(overdueFences(fences, nowMs)).toEqual(expected);
    }),
  );
});

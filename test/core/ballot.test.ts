// Ballots compare as text exactly as they compare as (counter, region, id), and no two proposals share one (H1).
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { counterOf, genesisBallot, highestOf, isBallot, nextBallot } from '../../src/core/register/ballot.ts';
import { ballotOf, east, ireland, west } from './fixtures.ts';
import { always, around } from './property.ts';

const counters = around(9, 10, 99, 999_999, 2 ** 32, Number.MAX_SAFE_INTEGER - 2);
const ids = fc.integer({ min: 0, max: 2 ** 31 });
const regions = fc.constantFrom(east, west, ireland);

describe('ballot', () => {
  test('compares as text by its counter first, whatever the number of digits', () => {
    always(
      fc.property(counters, counters, regions, regions, ids, ids, (a, b, ra, rb, ia, ib) => {
        fc.pre(a < b);
        expect(ballotOf(a, ra, ia) < ballotOf(b, rb, ib)).toBe(true);
      }),
    );
  });

  test('the next one is above everything seen, and differs by its id even where counter and region are equal', () => {
    always(
      fc.property(counters, regions, regions, ids, ids, (counter, seenIn, me, a, b) => {
        fc.pre(a !== b && counter < Number.MAX_SAFE_INTEGER);
        const seen = ballotOf(counter, seenIn, a);
        const mine = nextBallot(seen, me, a.toString(16).padStart(32, '0'));
        const other = nextBallot(seen, me, b.toString(16).padStart(32, '0'));
        expect(isBallot(mine)).toBe(true);
        expect(mine > seen).toBe(true);
        expect(mine).not.toBe(other);
        expect(counterOf(mine)).toBe(counter + 1);
      }),
    );
  });

  test('the genesis ballot is below every ballot of the protocol', () => {
    expect(isBallot(genesisBallot)).toBe(true);
    expect(genesisBallot < nextBallot(genesisBallot, 'af-south-1', '0'.repeat(32))).toBe(true);
    expect(highestOf([])).toBe(genesisBallot);
  });

  test('the highest of several is the one that none exceeds', () => {
    always(
      fc.property(fc.array(fc.tuple(counters, regions, ids), { minLength: 1, maxLength: 5 }), (parts) => {
        const ballots = parts.map(([counter, region, id]) => ballotOf(counter, region, id));
        const highest = highestOf(ballots);
        expect(ballots).toContain(highest);
        expect(ballots.every((b) => b <= highest)).toBe(true);
      }),
    );
  });

  test.each([
    '',
    'x',
    '1.us-east-1.0',
    `${'0'.repeat(15)}.us-east-1.${'0'.repeat(32)}`,
    `${'0'.repeat(17)}.us-east-1.${'0'.repeat(32)}`,
    `${'0'.repeat(16)}.us-east-1.${'0'.repeat(31)}`,
    `${'0'.repeat(16)}.us-east-1.${'G'.repeat(32)}`,
    `${'0'.repeat(16)}..${'0'.repeat(32)}`,
  ])('is refused when malformed: %j', (text) => {
    expect(isBallot(text)).toBe(false);
    expect(() => counterOf(text)).toThrow(RangeError);
    expect(() => nextBallot(text, east, '0'.repeat(32))).toThrow(RangeError);
  });

  test('an id or a region that would break the order is refused', () => {
    expect(() => nextBallot(genesisBallot, east, 'abc')).toThrow(RangeError);
    expect(() => nextBallot(genesisBallot, 'US.EAST', '0'.repeat(32))).toThrow(RangeError);
  });
});

// Where epochs began: what was left behind once stays so, however many epochs follow.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { beginAt, isBegun, isLeftBehind, parseBegunRow, type Begun } from '../../src/core/failover/begun.ts';
import { east, west } from './fixtures.ts';

const steps = fc.array(fc.record({ skip: fc.integer({ min: 1, max: 2 }), position: fc.nat(20), again: fc.option(fc.nat(20)) }), { minLength: 1, maxLength: 7 });

test('what one epoch left behind, every later one leaves behind too; its own holder may only raise what it says', () => {
  fc.assert(
    fc.property(steps, fc.nat(25), fc.integer({ min: 1, max: 14 }), (list, sequence, epoch) => {
      let begun: Begun | undefined;
      let wasLeft = false;
      let at = 0;
      for (const { skip, position, again } of list) {
        at += skip;
        begun = beginAt(begun, west, at, { [east]: position });
        if (again !== null) begun = beginAt(begun, west, at, { [east]: again });
        const own = Math.max(position, again ?? 0);
        wasLeft ||= epoch < at && sequence > own;
        expect(isLeftBehind(begun.limits, east, sequence, { epoch })).toBe(wasLeft);
        expect(isBegun(JSON.parse(JSON.stringify(begun)))).toBe(true);
      }
    }),
  );
});

test('a write without an epoch, and an origin of which nothing is said, are never left behind', () => {
  const { limits } = beginAt(undefined, west, 2, { [east]: 3 });
  expect(isLeftBehind(limits, east, 4, { epoch: 0 })).toBe(false);
  expect(isLeftBehind(limits, west, 4, { epoch: 1 })).toBe(false);
});

test.each([
  ['no JSON', { begun: '{', comparedEpoch: 0 }],
  ['no limits', { begun: '{"epoch":1,"by":"x"}', comparedEpoch: 0 }],
  ['a limit without a number', { begun: '{"epoch":1,"by":"x","limits":{"a":[{"before":1}]}}', comparedEpoch: 0 }],
  ['no compared epoch', { begun: '{"epoch":1,"by":"x","limits":{}}' }],
])('a row with %s is refused, not taken for an empty one', (_, row) => {
  expect(() => parseBegunRow(row)).toThrow(expect.objectContaining({ name: 'MalformedError' }));
});

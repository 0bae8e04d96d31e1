// What a reader may conclude: one ballot at a majority is chosen, everything else is not, whatever else is seen.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { acceptChange, parseAcceptorRow, prepareChange, registerKey } from '../../src/core/register/acceptor-rows.ts';
import { concludeRead, type AcceptorRow } from '../../src/core/register/sighting.ts';
import { holds, type Row } from '../../src/core/rows/row.ts';
import { serializeRegisterValue } from '../../src/core/register/value.ts';
import { ballotOf, renewalId, valueOf } from './fixtures.ts';
import { always } from './property.ts';

/** A value that shows by its renewal under which ballot it was accepted. */
function row(region: number, counter: number, promised = counter): AcceptorRow {
  return { region: `r${region}`, promised: ballotOf(promised), acceptedBallot: ballotOf(counter), value: valueOf({ renewal: renewalId(counter) }) };
}

describe('concludeRead', () => {
  const answers = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 0, max: 2 })), { maxLength: 5 });

  test('says chosen exactly when the highest ballot stands at a majority of all voters, answering or not', () => {
    always(
      fc.property(answers, fc.constantFrom(3, 5), (seen, voters) => {
        fc.pre(seen.length <= voters);
        const rows = seen.map(([counter, more], i) => row(i, counter, counter + more));
        const sighting = concludeRead(rows, voters);
        const majority = (voters + 1) / 2;
        const highest = Math.max(...seen.map(([counter]) => counter));
        const atHighest = seen.filter(([counter]) => counter === highest).length;
        expect(sighting.kind).toBe(seen.length === 0 ? 'nothing' : atHighest >= majority ? 'chosen' : seen.length >= majority ? 'newest' : 'minority');
        if (sighting.kind === 'nothing') return;
        // Value and ballot belong together, and are the newest seen.
        expect(sighting.ballot).toBe(ballotOf(highest));
        expect(sighting.value.renewal).toBe(renewalId(highest));
        expect(sighting.highestPromise).toBe(ballotOf(Math.max(...seen.map(([counter, more]) => counter + more))));
      }),
    );
  });

  test('what it calls chosen was chosen: no set of acceptor states shows two chosen values to two readers', () => {
    // Exhaustive: three acceptors, each under one of three ballots; every two majorities that both say chosen agree.
    const states = [1, 2, 3].flatMap((a) => [1, 2, 3].flatMap((b) => [1, 2, 3].map((c) => [a, b, c] as const)));
    const subsets = [
      [0, 1],
      [0, 2],
      [1, 2],
      [0, 1, 2],
    ];
    for (const state of states) {
      const chosen = subsets
        .map((subset) =>
          concludeRead(
            subset.flatMap((i) => (state[i] === undefined ? [] : [row(i, state[i])])),
            3,
          ),
        )
        .flatMap((s) => (s.kind === 'chosen' ? [s.ballot] : []));
      expect(new Set(chosen).size, `state ${state.join()}`).toBeLessThanOrEqual(1);
    }
  });

  test('four of five that agree below one higher are not chosen and current', () => {
    expect(concludeRead([row(0, 1), row(1, 1), row(2, 1), row(3, 1), row(4, 2)], 5).kind).toBe('newest');
  });
});

describe('the acceptor', () => {
  const accepted: Row = { config: 'c1', promised: ballotOf(5), acceptedBallot: ballotOf(3), acceptedValue: serializeRegisterValue(valueOf()) };
  const isAllowed = (change: { when: readonly Parameters<typeof holds>[0][] }, stands: Row) => change.when.every((c) => holds(c, stands));

  test.each([
    [4, false],
    [5, false],
    [6, true],
  ])('that promised 5 answers prepare(%i) with %j', (counter, expected) => {
    expect(isAllowed(prepareChange('orders', 'c1', ballotOf(counter)), accepted)).toBe(expected);
  });

  test.each([
    [4, false],
    [5, true],
    [6, true],
  ])('that promised 5 answers accept(%i) with %j', (counter, expected) => {
    expect(isAllowed(acceptChange('orders', 'c1', ballotOf(counter), valueOf()), accepted)).toBe(expected);
  });

  test('refuses another voter set, and may never be created by the protocol (H3)', () => {
    for (const change of [prepareChange('orders', 'c2', ballotOf(9)), acceptChange('orders', 'c2', ballotOf(9), valueOf())]) {
      expect(isAllowed(change, accepted)).toBe(false);
      expect(change.mayCreate).toBe(false);
      expect(change.key).toEqual(registerKey('orders'));
    }
    expect(acceptChange('orders', 'c1', ballotOf(9), valueOf()).set).toMatchObject({ promised: ballotOf(9), acceptedBallot: ballotOf(9) });
  });

  test('a row of another voter set, or a damaged one, is named and not read', () => {
    expect(parseAcceptorRow('r', accepted)).toMatchObject({ promised: ballotOf(5), acceptedBallot: ballotOf(3) });
    expect(() => parseAcceptorRow('us-east-1', { ...accepted, config: 'c2' })).toThrow(/us-east-1 says it belongs to voter set c2, which nothing in its row describes/);
    for (const damage of [{ promised: 7 }, { promised: 'x' }, { acceptedBallot: '' }, { acceptedValue: 1 }, { acceptedValue: '{}' }]) {
      expect(() => parseAcceptorRow('us-east-1', { ...accepted, ...damage })).toThrow(expect.objectContaining({ name: 'MalformedError' }));
    }
    const { acceptedBallot: _, ...without } = accepted;
    expect(() => parseAcceptorRow('us-east-1', without)).toThrow(/damaged/);
  });
});

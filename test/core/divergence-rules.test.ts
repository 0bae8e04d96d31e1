// The rules: idempotent always, the same whichever region was lost where they claim it, and a merge function of the owner's held to what it says.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contentLine, withoutMarks } from '../../src/core/backup/in-place.ts';
import { maximumOfNumbers, unionOfSets, type MergeFunction } from '../../src/core/divergence/merges.ts';
import { choose, divergenceRules, type ShownKey } from '../../src/core/divergence/rules.ts';
import { epochOf, type Image } from '../../src/core/log/change-record.ts';
import { always } from './property.ts';

const [lost, home] = ['us-east-1', 'us-west-2'];
const value = fc.oneof(
  fc.subarray(['a', 'b', 'c'], { minLength: 1 }).map((SS) => ({ SS })),
  fc.integer({ min: 0, max: 3 }).map((n) => ({ N: String(n) })),
);
const content = fc.dictionary(fc.constantFrom('p', 'q'), value, { noNullPrototype: true });
const written = (epoch: number, origin: string) => content.map((more): Image => ({ id: { S: 'k' }, ...more, holdfastEpoch: { N: String(epoch) }, holdfastOrigin: { S: origin } }));
const lateEpoch = 3;
const theirs = written(lateEpoch, lost);
/** Of before the loss, or of the epoch that went on. */
const ours = fc.oneof(written(lateEpoch - 1, home), written(lateEpoch + 1, home));
const shown = fc.record({
  key: fc.constant('k'),
  theirs: fc.option(theirs),
  theirsEpoch: fc.constant(lateEpoch),
  ours: fc.option(ours),
  oursWhenFound: fc.option(fc.option(written(lateEpoch - 1, home)), { nil: undefined }),
  isUndone: fc.boolean(),
});
const merges = [undefined, unionOfSets, maximumOfNumbers];

function mirrored({ theirs: t, ours: o, ...rest }: ShownKey): ShownKey {
  return { ...rest, theirs: o, theirsEpoch: epochOf(o), ours: t };
}

const contentOf = (choice: ReturnType<typeof choose>) => (choice.kind === 'ask' ? 'ask' : contentLine(choice.wanted));

describe.each(divergenceRules.map((rule) => ({ rule })))('$rule', ({ rule }) => {
  test('of two that are alike is what both are', () => {
    always(
      fc.property(shown, fc.constantFrom(...merges), (s, merge) => {
        const alike = { ...s, ours: s.theirs };
        expect([contentLine(s.theirs === null ? null : withoutMarks(s.theirs)), 'ask']).toContain(contentOf(choose(rule, alike, merge)));
      }),
    );
  });

  test('decided again, after its own decision was written, decides the same or leaves it to a person', () => {
    always(
      fc.property(shown, fc.constantFrom(...merges), (s, merge) => {
        const first = choose(rule, s, merge);
        if (first.kind === 'ask') return;
        const standing = first.wanted === null ? null : { ...first.wanted, holdfastEpoch: { N: String(lateEpoch + 1) }, holdfastOrigin: { S: home } };
        expect([contentLine(first.wanted), 'ask']).toContain(contentOf(choose(rule, { ...s, ours: standing }, merge)));
      }),
    );
  });
});

describe('whichever region was lost', () => {
  test("'ours' of one side is 'theirs' of the other", () => {
    always(
      fc.property(shown, (s) => {
        expect(contentOf(choose('ours', s, undefined))).toBe(contentOf(choose('theirs', mirrored(s), undefined)));
      }),
    );
  });

  test('the last writer of two items is the same one', () => {
    always(
      fc.property(shown, theirs, ours, (s, t, o) => {
        const both = { ...s, theirs: t, ours: o };
        expect(contentOf(choose('last-writer', both, undefined))).toBe(contentOf(choose('last-writer', mirrored(both), undefined)));
      }),
    );
  });
});

describe("an owner's merge function", () => {
  const item = (n: number): Image => ({ id: { S: 'k' }, n: { N: String(n) } });
  const both = { key: 'k', theirs: item(1), theirsEpoch: 3, ours: { ...item(2), holdfastEpoch: { N: '4' } }, oursWhenFound: undefined, isUndone: false };
  const sum = (a: Image, b: Image): Image => item(Number(Object(a['n'])['N']) + Number(Object(b['n'])['N']));

  test.each<[string, Partial<MergeFunction>, RegExp]>([
    ['is not idempotent', { merge: sum }, /^mine is not idempotent/],
    ['is idempotent of one side only', { merge: (a, b) => (a === b && contentLine(a) === contentLine(item(2)) ? item(9) : a) }, /^mine is not idempotent/],
    ['takes one side and says that it is commutative', { merge: (a) => a }, /^mine says that it is commutative/],
    [
      'throws',
      {
        merge: () => {
          throw new TypeError('no document');
        },
      },
      /^mine failed: no document/,
    ],
  ])('that %s decides nothing', (_, made, says) => {
    expect(choose('merge', both, { name: 'mine', isCommutative: true, merge: (a) => a, ...made })).toEqual({ kind: 'ask', because: expect.stringMatching(says) });
  });

  test('that takes one side and does not claim to be commutative is taken', () => {
    expect(choose('merge', both, { name: 'mine', isCommutative: false, merge: (a) => a })).toEqual({ kind: 'write', wanted: item(1), because: 'merged by mine' });
  });
});

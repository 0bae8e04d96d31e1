// Merge functions: idempotent always, commutative where they say so, and nothing of one side alone is lost without a base that tells it was removed.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contentLine } from '../../src/core/backup/in-place.ts';
import { maximumOfNumbers, unionOfSets, type MergeFunction } from '../../src/core/divergence/merges.ts';
import type { Image } from '../../src/core/log/change-record.ts';
import { always } from './property.ts';

const value = fc.oneof(
  fc.subarray(['a', 'b', 'c', 'd'], { minLength: 1 }).map((SS) => ({ SS })),
  fc.subarray(['1', '2', '3'], { minLength: 1 }).map((NS) => ({ NS })),
  fc.integer({ min: -3, max: 3 }).map((n) => ({ N: String(n) })),
  fc.constantFrom({ S: 'x' }, { S: 'y' }, { BOOL: true }, { NULL: true }, { L: [{ S: 'x' }] }, { M: { S: { SS: ['a'] } } }, { N: '1.0' }, { N: '1' }),
);
const attributes = fc.dictionary(fc.constantFrom('p', 'q', 'SS', 'n'), value, { noNullPrototype: true });
const item = attributes.map((more): Image => ({ id: { S: 'k' }, ...more }));
const base = fc.option(item);

describe.each<{ of: MergeFunction }>([{ of: unionOfSets }, { of: maximumOfNumbers }])('$of.name', ({ of }) => {
  test('of an item with itself is that item', () => {
    always(
      fc.property(item, base, (a, b) => {
        expect(contentLine(of.merge(a, a, b))).toBe(contentLine(a));
      }),
    );
  });

  test('is the same whichever region was lost', () => {
    expect(of.isCommutative).toBe(true);
    always(
      fc.property(item, item, base, (a, b, c) => {
        expect(contentLine(of.merge(a, b, c))).toBe(contentLine(of.merge(b, a, c)));
      }),
    );
  });

  test('merged into what was merged changes nothing more', () => {
    always(
      fc.property(item, item, base, (a, b, c) => {
        const merged = of.merge(a, b, c);
        expect(contentLine(of.merge(a, merged, c))).toBe(contentLine(merged));
        expect(contentLine(of.merge(merged, b, c))).toBe(contentLine(merged));
      }),
    );
  });

  test('keeps the key, and without a base every attribute of either side', () => {
    always(
      fc.property(item, item, (a, b) => {
        const merged = of.merge(a, b, null);
        expect(merged['id']).toEqual({ S: 'k' });
        expect(Object.keys(merged).toSorted()).toEqual([...new Set([...Object.keys(a), ...Object.keys(b)])].toSorted());
      }),
    );
  });

  test('of a side that changed nothing since the base is the other', () => {
    always(
      fc.property(item, item, (a, b) => {
        if (of === maximumOfNumbers && Object.keys(a).some((name) => 'N' in Object(a[name]))) return;
        expect(contentLine(of.merge(a, b, b))).toBe(contentLine(a));
      }),
    );
  });
});

test('a member that one side removed since the base stays removed, and a number never falls', () => {
  const tags = (...SS: string[]) => ({ id: { S: 'k' }, tags: { SS } });
  expect(unionOfSets.merge(tags('a', 'c'), tags('a', 'b', 'd'), tags('a', 'b'))).toEqual(tags('a', 'c', 'd'));
  expect(unionOfSets.merge(tags('a'), tags('b'), tags('a', 'b'))).toEqual({ id: { S: 'k' } });
  // No attribute is an empty set: what was merged to nothing does not come back with the next late write.
  expect(unionOfSets.merge(tags('a', 'd'), { id: { S: 'k' } }, tags('a', 'b'))).toEqual(tags('d'));
  const n = (N: string) => ({ id: { S: 'k' }, n: { N } });
  expect(maximumOfNumbers.merge(n('9'), n('10'), null)).toEqual(n('10'));
});

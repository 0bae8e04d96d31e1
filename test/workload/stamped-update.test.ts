// The caller's update, whatever clauses it has and however they are written, does what it did, and leaves this epoch's marks.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stampedUpdate } from '../../src/workload/stamped-update.ts';
import { placeholdersOf } from '../../src/workload/testing/expression-tokens.ts';
import { updated } from '../../src/workload/testing/expressions.ts';
import type { Item } from '../../src/workload/testing/item-values.ts';
import { always } from '../core/property.ts';

const stamp = { holdfastEpoch: { N: '3' }, holdfastOrigin: { S: 'us-east-1' } };
const item: Item = {
  id: { S: 'a' },
  n: { N: '1' },
  settings: { S: 'x' },
  removed: { S: 'x' },
  m: { M: { set: { S: 'x' } } },
  l: { L: [{ N: '1' }, { N: '2' }] },
  tags: { SS: ['a', 'b'] },
  holdfastSequence: { S: '7' },
  holdfastOrigin: { S: 'us-west-2' },
};
const values = { ':one': { N: '1' }, ':set': { S: 'set' }, ':tag': { SS: ['a'] }, ':holdfastEpoch': { N: '99' } };
const names = { '#set': 'settings', '#remove': 'removed', '#holdfastEpoch': 'mine' };

/** Clauses whose parts look like keywords where they are none. */
const parts = {
  SET: ['n = n + :one', '#set = :set', 'm.#set = :set', 'addition = if_not_exists(addition, :one)', '#holdfastEpoch = :holdfastEpoch'],
  REMOVE: ['#remove', 'l[1]'],
  ADD: ['hits :one'],
  DELETE: ['tags :tag'],
} as const;

const clauses = fc.record({ SET: fc.subarray([...parts.SET]), REMOVE: fc.subarray([...parts.REMOVE]), ADD: fc.subarray([...parts.ADD]), DELETE: fc.subarray([...parts.DELETE]) }).chain((chosen) =>
  fc.tuple(fc.shuffledSubarray(Object.entries(chosen), { minLength: 4, maxLength: 4 }), fc.constantFrom(' ', '\n', '  ', '\t'), fc.boolean()).map(([ordered, space, isLower]) =>
    ordered
      .filter(([, list]) => list.length > 0)
      .map(([keyword, list]) => `${isLower ? keyword.toLowerCase() : keyword}${space}${list.join(`,${space}`)}`)
      .join(space),
  ),
);

test('a stamped update does what it did, and stamps', () => {
  always(
    fc.property(clauses, (expression) => {
      const update = { TableName: 't', Key: {}, UpdateExpression: expression, ExpressionAttributeNames: names, ExpressionAttributeValues: values };
      const alone = updated(expression, item, placeholdersOf(names, values));
      const stamped = stampedUpdate(update, stamp);
      const { holdfastSequence: _, ...kept } = alone;
      expect(updated(stamped.UpdateExpression ?? '', item, placeholdersOf(stamped.ExpressionAttributeNames, stamped.ExpressionAttributeValues))).toEqual({ ...kept, ...stamp });
      expect(stamped.UpdateExpression?.match(/(^|\s)(SET)\s/gi)?.length).toBe(1);
      expect(stamped.UpdateExpression?.match(/(^|\s)(REMOVE)\s/gi)?.length).toBe(1);
    }),
  );
});

// How rows become what the figures compare: ids that no other id can be mistaken for, and both forms in which a version may be kept.
import { expect, test } from 'vitest';
import { divergentWrites, readRegisterItem, storedWrites } from './tables.ts';

const RUN = 'obs-00c0ffee';
const ID = `${RUN}-0000012`;

test("only this run's writes are taken from the orders table, by its own partition key", () => {
  const items = [{ id: { S: ID }, text: { S: 'words' } }, { id: { S: 'obs-deadbeef-0000012' }, text: { S: 'of another run' } }, { id: { S: 'order-1' } }, { other: { S: `${RUN}-0000013` } }];
  expect([...storedWrites(RUN, 'id', items)]).toEqual([[ID, JSON.stringify(items[0])]]);
});

test.each([
  ['a map', { M: { text: { S: 'words of it' } } }],
  ['JSON in a string', { S: JSON.stringify({ text: { S: 'words of it' } }) }],
  ['JSON in JSON in a string', { S: JSON.stringify(JSON.stringify({ text: 'words of it' })) }],
])("the lost region's version is found in %s", (_, theirs) => {
  for (const itemKey of [{ S: ID }, { S: JSON.stringify({ id: { S: ID } }) }, { M: { id: { S: ID } } }]) {
    expect(divergentWrites(RUN, [{ itemKey, theirs }]).get(ID)).toContain('words of it');
  }
});

test("a row without the lost region's version lists the write and shows nothing; our version does not stand in for it", () => {
  expect(divergentWrites(RUN, [{ itemKey: { S: ID }, ours: { S: 'words of it' } }]).get(ID)).toBe('');
});

test('an acceptor that has accepted nothing has no value; one that has keeps its ballot', () => {
  expect(readRegisterItem(undefined)).toBeNull();
  expect(readRegisterItem({ pk: { S: 'REGISTER#orders' }, promised: { S: '5' } })).toBeNull();
  const acceptedValue = { S: JSON.stringify({ version: 1, state: 'normal', holder: 'us-east-1', epoch: 3, attempt: 2, successor: null, released: false, unknownField: 1 }) };
  expect(readRegisterItem({ acceptedBallot: { S: '5' }, acceptedValue })).toEqual({
    ballot: '5',
    state: 'normal',
    holder: 'us-east-1',
    epoch: 3,
    attempt: 2,
    successor: null,
    released: false,
  });
  expect(() => readRegisterItem({ acceptedBallot: { S: '5' }, acceptedValue: { S: '{}' } })).toThrow();
});

// Lines of a table's points: one line for one item, whatever order the database gives; read back as it was; anything else refused.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changesName, itemLine, itemsName, parseEntryName, parseItemLine, parseRecordLine, recordLine } from '../../../src/core/backup/table-lines.ts';
import { always } from '../property.ts';

const record = { key: 'k', image: { id: { S: 'k' }, tags: { SS: ['b', 'a'] } }, epoch: 1, atMs: 5, sequenceNumber: '07' };

describe('an item', () => {
  test('has one line, however its attributes and sets are ordered', () => {
    const line = '{"deep":{"M":{"SS":{"SS":["x","y"]}}},"id":{"S":"k"},"list":{"L":[{"S":"b"},{"S":"a"}]},"n":{"NS":["1","2"]}}';
    expect(itemLine({ n: { NS: ['2', '1'] }, id: { S: 'k' }, list: { L: [{ S: 'b' }, { S: 'a' }] }, deep: { M: { SS: { SS: ['y', 'x'] } } } })).toBe(line);
    expect(itemLine({ id: { S: 'k' }, deep: { M: { SS: { SS: ['x', 'y'] } } }, n: { NS: ['1', '2'] }, list: { L: [{ S: 'b' }, { S: 'a' }] } })).toBe(line);
  });

  test('is read back as it was, and a line of its own image is the same line', () => {
    const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
      value: fc.oneof(
        fc.record({ S: fc.string({ unit: 'grapheme' }) }),
        fc.record({ N: fc.integer().map(String) }),
        fc.record({ SS: fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 3 }) }),
        fc.record({ L: fc.array(tie('value'), { maxLength: 3 }) }),
        fc.record({ M: fc.dictionary(fc.constantFrom('SS', 'L', 'M', 'a', 'b'), tie('value'), { maxKeys: 3 }) }),
      ),
    })).value;
    always(
      fc.property(fc.dictionary(fc.constantFrom('SS', 'M', 'a', 'z', 'ä'), value, { maxKeys: 4 }), (attributes) => {
        const line = itemLine({ id: { S: 'k' }, ...attributes });
        expect(line).not.toContain('\n');
        const { key, image } = parseItemLine(line, 'id');
        expect([key, itemLine(image)]).toEqual(['k', line]);
      }),
    );
  });

  test.each(['', '[]', 'null', '{}', '{"id":{"N":"1"}}', '{"id":"k"}', '{"id":{"S":"k"}'])('is no other line: %s', (line) => {
    expect(() => parseItemLine(line, 'id')).toThrow(expect.objectContaining({ name: 'MalformedError' }));
  });
});

describe('a record', () => {
  test('is written as the format page says, and read back', () => {
    const line = recordLine(record, 12);
    expect(line).toBe('{"atMs":5,"epoch":1,"image":{"id":{"S":"k"},"tags":{"SS":["a","b"]}},"key":"k","sequence":12,"sequenceNumber":"07"}');
    expect(parseRecordLine(line, 'east')).toEqual({ ...record, image: { id: { S: 'k' }, tags: { SS: ['a', 'b'] } }, origin: 'east', sequence: 12 });
    expect(parseRecordLine(recordLine({ ...record, image: null }, 1), 'east').image).toBeNull();
  });

  test.each([{ atMs: '5' }, { epoch: -1 }, { image: 'x' }, { image: undefined }, { key: 7 }, { sequence: 1.5 }, { sequenceNumber: '' }])('is no other line: %j', (wrong) => {
    expect(() => parseRecordLine(JSON.stringify({ ...record, sequence: 1, ...wrong }), 'east')).toThrow(expect.objectContaining({ name: 'MalformedError' }));
  });
});

test('entries have the names of the format page, and no others', () => {
  expect([itemsName(7), changesName('us-east-1', 1, 23)]).toEqual(['items/0007', 'changes/us-east-1/0000000000000001-0000000000000023']);
  expect(parseEntryName(itemsName(7))).toEqual({ kind: 'items' });
  expect(parseEntryName(changesName('us-east-1', 1, 23))).toEqual({ kind: 'changes', origin: 'us-east-1', first: 1, last: 23 });
  for (const name of ['items/7', 'items/00070', 'changes/x', 'changes/a/b/0000000000000001-0000000000000023', '', undefined, 7])
    expect(() => parseEntryName(name)).toThrow(expect.objectContaining({ name: 'MalformedError' }));
});

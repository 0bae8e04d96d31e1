// What the state at a moment consists of; the end of what is covered; rows and payloads read strictly.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { archived, cutKey, parseArchiveRow, parseCutRow, recordCut, stillApplied } from '../../../src/core/backup/backup-rows.ts';
import { coveredThrough, furthest, logSettleMs, samePositions, spansOf } from '../../../src/core/backup/settle.ts';
import { countsAt, epochOf, isLater, LatestRecords, mergeCuts, type RecordPlace } from '../../../src/core/backup/state-at.ts';
import { everything, selectionOf, selector } from '../../../src/core/backup/selection.ts';
import { MemoryRowStore } from '../../../src/drivers/memory/memory-row-store.ts';
import { always } from '../property.ts';

const record = (change: Partial<RecordPlace> = {}): RecordPlace => ({ origin: 'east', sequence: 10, epoch: 1, atMs: 5000, sequenceNumber: '10', ...change });
const cut = { epoch: 2, region: 'west', openedAtMs: 9000, positions: { east: 10 } };

describe('a record counts', () => {
  test.each([
    ['from its own moment on', record(), 4999, false],
    ['at its moment', record(), 5000, true],
    ['after a failover when it had been applied', record(), 9000, true],
    ['not after a failover when it had not', record({ sequence: 11 }), 9000, false],
    ['until then it does', record({ sequence: 11 }), 8999, true],
    ['when it is of the new epoch', record({ sequence: 11, epoch: 2, origin: 'east' }), 9000, true],
    ['when it is of the region that took over', record({ origin: 'west', sequence: 99, epoch: 1 }), 9000, true],
    ['when the cut does not know its origin', record({ origin: 'north', sequence: 99 }), 9000, true],
  ])('%s', (_, r, atMs, expected) => {
    expect(countsAt(r, [cut], atMs)).toBe(expected);
  });

  test('a removal counts to the epoch in which it was made, not to that of the item', () => {
    const back = { epoch: 3, region: 'east', openedAtMs: 20_500, positions: { west: 7 } };
    expect(epochOf(record({ atMs: 20_000 }), [cut, back])).toBe(3);
    expect(epochOf(record({ atMs: 19_999 }), [cut, back])).toBe(1);
    // A stream's times are whole seconds.
    expect(countsAt(record({ sequence: 11, atMs: 20_000 }), [cut, back], 30_000)).toBe(true);
    expect(countsAt(record({ sequence: 11, atMs: 19_999 }), [cut, back], 30_000)).toBe(false);
  });
});

test('of two records of one key the later is of the higher epoch; then of the higher stream number; of two regions of the later time', () => {
  const later = (a: Partial<RecordPlace>, b: Partial<RecordPlace>) => isLater(record(a), record(b), [cut]);
  expect(later({ epoch: 2, sequenceNumber: '01' }, {})).toBe(true);
  expect(later({ epoch: 0 }, { sequenceNumber: '01' })).toBe(false);
  expect(later({ sequenceNumber: '11' }, {})).toBe(true);
  // Logged twice: the second time under a higher number of the log.
  expect(later({ sequenceNumber: '09', sequence: 99 }, {})).toBe(false);
  expect(later({ sequence: 11 }, {})).toBe(true);
  expect(later({ origin: 'west', atMs: 5001, sequenceNumber: '01' }, {})).toBe(true);
  expect(later({ origin: 'west', atMs: 4999, sequenceNumber: '99' }, {})).toBe(false);
  expect(later({ origin: 'west' }, {})).not.toBe(later({}, { origin: 'west' }));
});

test('of many records of a key the same one is the latest in whatever order they come', () => {
  const place = fc.record({
    origin: fc.constantFrom('east', 'west'),
    epoch: fc.integer({ min: 0, max: 2 }),
    atMs: fc.integer({ min: 1, max: 4 }).map((s) => s * 1000),
    sequenceNumber: fc.integer({ min: 1, max: 4 }).map(String),
    sequence: fc.nat(50),
    key: fc.constantFrom('a', 'b'),
  });
  const latestOf = (records: readonly (RecordPlace & { readonly key: string })[]) => {
    const latest = new LatestRecords([cut]);
    for (const each of records) latest.add(each);
    return Object.fromEntries(latest.all());
  };
  const records = fc.uniqueArray(place, { minLength: 2, maxLength: 8, selector: (r) => `${r.origin} ${r.sequence}` });
  always(
    fc.property(
      records.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }))),
      ([all, shuffled]) => {
        expect(latestOf(shuffled)).toEqual(latestOf(all));
      },
    ),
    500,
  );
  // Numbers and times that do not agree: east's newest is by its number the first, whatever west says of times.
  const three = [record({ sequenceNumber: '11', atMs: 3000 }), record({ sequenceNumber: '10', sequence: 2, atMs: 5000 }), record({ origin: 'west', atMs: 4000, sequenceNumber: '01' })].map((r) => ({
    ...r,
    key: 'k',
  }));
  expect(latestOf(three)['k']?.origin).toBe('west');
});

test('cuts are merged, one an epoch; the first that is known stays', () => {
  const other = { ...cut, positions: { east: 99 } };
  expect(mergeCuts([{ ...cut, epoch: 5 }, cut], [other])).toEqual([cut, { ...cut, epoch: 5 }]);
});

describe('the end of what is covered', () => {
  const ends = { east: { position: 9, lastAtMs: 100_000 }, west: { position: 0, lastAtMs: null } };
  test.each([
    ['the last record, but for its own moment', ends, 110_000, true, 99_999],
    ['some time ago, where it was quiet', ends, 200_000, true, 200_000 - logSettleMs],
    ['at the limit', ends, 99_999 + logSettleMs, true, 99_999],
    ['beyond it', ends, 100_000 + logSettleMs, true, 100_000],
    ['elsewhere only the last record', ends, 200_000, false, 99_999],
    ['a clock that runs ahead does not count', ends, 90_000, true, 90_000],
    ['nothing elsewhere', { east: { position: 0, lastAtMs: null } }, 200_000, false, 0],
  ])('%s', (_, logs, askedAtMs, isOpenHere, expected) => {
    expect(coveredThrough(logs, askedAtMs, isOpenHere)).toBe(expected);
  });

  test('positions', () => {
    expect(furthest({ east: 5, west: 1 }, { east: 4, north: 2 })).toEqual({ east: 5, north: 2, west: 1 });
    expect([samePositions({ east: 1 }, { east: 1, west: 0 }), samePositions({ east: 1 }, { east: 1, west: 1 })]).toEqual([true, false]);
    expect(spansOf({ east: 5 }, { west: 2, east: 5, north: 0 })).toEqual([{ origin: 'west', first: 1, last: 2 }]);
  });
});

describe('rows', () => {
  test('a cut is written once, and read back', async () => {
    const rows = new MemoryRowStore('west');
    expect((await rows.change(recordCut(cut))).kind).toBe('done');
    expect((await rows.change(recordCut({ ...cut, positions: { east: 99 } }))).kind).toBe('refused');
    expect(parseCutRow((await rows.get(cutKey(2))) ?? {})).toEqual(cut);
    expect(stillApplied({ east: 3, north: 0 })).toEqual([{ key: { table: 'region', pk: 'LOG', sk: 'east' }, when: [{ attribute: 'sequence', is: '=', value: 3 }] }]);
    for (const wrong of [{}, { ...cut, positions: '{' }, { ...cut, positions: '{"east":"1"}' }, { ...cut, epoch: '2', positions: '{}' }])
      expect(() => parseCutRow(wrong)).toThrow(expect.objectContaining({ name: 'MalformedError' }));
  });

  test('the end of the archive only moves on', async () => {
    const rows = new MemoryRowStore('west');
    const last = { chain: 'c', point: 'p' };
    const row = archived('orders', { region: 'west', positions: { east: 3 }, throughMs: 50 }, last, 100);
    expect((await rows.change(row)).kind).toBe('done');
    expect((await rows.change(archived('orders', { region: 'west', positions: { east: 2 }, throughMs: 40 }, last, 99))).kind).toBe('refused');
    expect(parseArchiveRow(await rows.get(row.key))).toEqual({ region: 'west', positions: { east: 3 }, throughMs: 50, atMs: 100 });
    expect(parseArchiveRow(undefined)).toBeNull();
    expect(() => parseArchiveRow({ atMs: 1 })).toThrow(expect.objectContaining({ name: 'MalformedError' }));
  });
});

describe('a selection', () => {
  const all = ['a', 'ab', 'abc', 'b', 'ba', ''];
  test.each([
    [{}, all],
    [{ keys: ['a', 'zz'] }, ['a']],
    [{ prefix: 'ab' }, ['ab', 'abc']],
    [{ from: 'ab', to: 'b' }, ['ab', 'abc']],
    [{ from: 'b' }, ['b', 'ba']],
    [{ to: 'ab' }, ['a', '']],
    [{ keys: ['a', 'ab'], prefix: 'ab', from: null, to: null }, ['ab']],
  ])('%j', (fields, expected) => {
    const selection = selectionOf(fields);
    if ('wrong' in selection) throw new Error(selection.wrong);
    expect(all.filter(selector(selection))).toEqual(expected);
  });
  test.each([[{ prefx: 'a' }], [{ keys: [] }], [{ keys: 'a' }], [{ keys: [''] }], [{ prefix: 1 }], [{ from: 'b', to: 'b' }], [{ from: 'b', to: 'a' }]])(
    '%j is refused: a slip must not become everything',
    (fields) => {
      expect(selectionOf(fields)).toHaveProperty('wrong');
    },
  );
  test('of nothing is everything', () => {
    expect(selectionOf({})).toEqual(everything);
  });
});

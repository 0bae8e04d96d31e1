// The change log: hash-chained segments that no one can alter, cut or reorder unseen; records that echo nothing back.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { marks, padSequenceNumber, toChangeRecord, type ChangeRecord, type StreamEntry } from '../../src/core/log/change-record.ts';
import { parseChangeRecords } from '../../src/core/log/parse-log.ts';
import { emptyHead, headAfter, nextSegment, requireChain, unseenRecords, type Segment } from '../../src/core/log/segment.ts';
import { digest, east, west } from './fixtures.ts';
import { always } from './property.ts';

function recordOf(n: number, change: Partial<ChangeRecord> = {}): ChangeRecord {
  return { key: `k${n % 3}`, image: { id: { S: `k${n % 3}` }, n: { N: String(n) } }, epoch: 1, atMs: 1000 + n, sequenceNumber: padSequenceNumber(String(n)), ...change };
}

/** A chain whose segments have these lengths. */
function chainOf(lengths: readonly number[]): Segment[] {
  let head = emptyHead;
  let n = 0;
  return lengths.map((length) => {
    const segment = nextSegment(
      east,
      head,
      Array.from({ length }, () => recordOf((n += 1))),
      digest,
    );
    head = headAfter(segment);
    return segment;
  });
}

const lengths = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 6 });

describe('a chain', () => {
  test('holds as it was made, whole or from the middle on where the head before is known', () => {
    always(
      fc.property(lengths, fc.nat(), (sizes, at) => {
        const chain = chainOf(sizes);
        requireChain(emptyHead, chain, digest);
        const cut = at % chain.length;
        const before = cut === 0 ? emptyHead : headAfter(chain[cut - 1] ?? chain[0]!);
        requireChain(before, chain.slice(cut), digest);
        requireChain(undefined, chain.slice(cut), digest);
        expect(chain.at(-1)?.sequence).toBe(sizes.reduce((a, b) => a + b, 0));
      }),
    );
  });

  test('breaks at any segment left out, doubled or put elsewhere', () => {
    always(
      fc.property(lengths, fc.nat(), fc.nat(), (sizes, a, b) => {
        const chain = chainOf(sizes);
        const [i, j] = [a % chain.length, b % chain.length];
        const without = chain.filter((_, k) => k !== i);
        if (i !== chain.length - 1) expect(() => requireChain(emptyHead, without, digest)).toThrow(/does not follow/);
        expect(() => requireChain(emptyHead, chain.toSpliced(i, 0, chain[i]!), digest)).toThrow(/does not follow/);
        if (i !== j) expect(() => requireChain(emptyHead, chain.with(i, chain[j]!).with(j, chain[i]!), digest)).toThrow(/does not follow/);
      }),
    );
  });

  test('breaks at any alteration of a segment', () => {
    const chain = chainOf([2, 3, 1]);
    const middle = chain[1]!;
    const [first, ...rest] = middle.records;
    const alterations: Segment[] = [
      { ...middle, origin: west },
      { ...middle, sequence: middle.sequence + 1 },
      { ...middle, previousHash: '' },
      { ...middle, hash: chain[0]!.hash },
      { ...middle, records: rest },
      { ...middle, records: [...rest, first!] },
      { ...middle, records: [{ ...first!, key: 'other' }, ...rest] },
      { ...middle, records: [{ ...first!, epoch: 2 }, ...rest] },
      { ...middle, records: [{ ...first!, image: null }, ...rest] },
    ];
    for (const altered of alterations) {
      expect(() => requireChain(emptyHead, chain.with(1, altered), digest), JSON.stringify(altered)).toThrow(expect.objectContaining({ name: 'MalformedError' }));
      // Also where nothing is known of what went before.
      expect(() => requireChain(undefined, [altered, chain[2]!], digest), JSON.stringify(altered)).toThrow(/Nothing of it was taken in/);
    }
  });

  test('of a head that is elsewhere is refused, and says what must be done', () => {
    expect(() => requireChain({ sequence: 1, hash: 'x' }, chainOf([1]), digest)).toThrow(/the region must be compared in full/);
  });
});

test('a batch that comes again, however it is cut, adds nothing; what is new in it is kept in order', () => {
  always(
    fc.property(lengths, fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 30 }), (sizes, from, count) => {
      const chain = chainOf(sizes);
      const last = chain.at(-1)?.sequence ?? 0;
      const batch = Array.from({ length: count }, (_, i) => recordOf(from + i));
      expect(unseenRecords(chain, batch).map((r) => Number(r.sequenceNumber))).toEqual(batch.map((r) => Number(r.sequenceNumber)).filter((n) => n > last));
    }),
  );
});

describe('sequence numbers', () => {
  test('compare as text as they do as numbers', () => {
    always(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 39n }), fc.bigInt({ min: 0n, max: 10n ** 39n }), (a, b) => {
        expect(padSequenceNumber(String(a)) < padSequenceNumber(String(b))).toBe(a < b);
      }),
    );
    expect(padSequenceNumber('99') < padSequenceNumber('100')).toBe(true);
  });
});

describe('toChangeRecord', () => {
  const item = (change: object = {}) => ({ id: { S: 'k' }, [marks.epoch]: { N: '4' }, [marks.origin]: { S: east }, ...change });
  const entry = (change: Partial<StreamEntry>): StreamEntry => ({ key: 'k', newImage: item(), oldImage: null, atMs: 5, sequenceNumber: '77', ...change });

  test('ships what was written here, with the epoch that the item carries', () => {
    expect(toChangeRecord(entry({}), east)).toEqual({ key: 'k', image: item(), epoch: 4, atMs: 5, sequenceNumber: padSequenceNumber('77') });
  });
  test('ships what carries no marks, as of epoch 0', () => {
    expect(toChangeRecord(entry({ newImage: { id: { S: 'k' } } }), east)).toMatchObject({ epoch: 0 });
  });
  test('drops what was applied here from another region (an echo), new or over an own item', () => {
    expect(toChangeRecord(entry({ newImage: item({ [marks.origin]: { S: west } }) }), east)).toBeUndefined();
    expect(toChangeRecord(entry({ newImage: item({ [marks.origin]: { S: west } }), oldImage: item() }), east)).toBeUndefined();
  });
  test('ships an own write over an applied item', () => {
    expect(toChangeRecord(entry({ oldImage: item({ [marks.origin]: { S: west } }) }), east)).toBeDefined();
  });
  test('ships an own removal, of an item from here or from elsewhere', () => {
    for (const origin of [east, west]) expect(toChangeRecord(entry({ newImage: null, oldImage: item({ [marks.origin]: { S: origin } }) }), east)).toMatchObject({ image: null, epoch: 4 });
  });
  test('drops both halves of an applied removal: the mark and the removal', () => {
    const marked = item({ [marks.origin]: { S: west }, [marks.removing]: { S: west } });
    expect(toChangeRecord(entry({ newImage: marked, oldImage: item() }), east)).toBeUndefined();
    expect(toChangeRecord(entry({ newImage: null, oldImage: marked }), east)).toBeUndefined();
  });
  test('reads marks of the right type only', () => {
    expect(toChangeRecord(entry({ newImage: { ...item(), [marks.epoch]: { S: '4' }, [marks.origin]: 'us-west-2' } }), east)).toMatchObject({ epoch: 0 });
  });
});

describe('parseChangeRecords', () => {
  test('reads back what was written', () => {
    const records = [recordOf(1), recordOf(2, { image: null })];
    expect(parseChangeRecords(JSON.stringify(records))).toEqual(records);
  });
  test.each([
    '',
    '{}',
    'null',
    '[null]',
    ...[{ key: 1 }, { image: 'x' }, { image: undefined }, { epoch: 1.5 }, { epoch: '1' }, { atMs: null }, { sequenceNumber: 7 }].map((wrong) =>
      JSON.stringify([recordOf(1), { ...recordOf(2), ...wrong }]),
    ),
  ])('applies nothing of what cannot be read whole: %s', (json) => {
    expect(() => parseChangeRecords(json)).toThrow(expect.objectContaining({ name: 'MalformedError', message: expect.stringContaining('Nothing of them was applied') }));
  });
});

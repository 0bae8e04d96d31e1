// The contract of a log store, as one suite for every driver.
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { padSequenceNumber, type ChangeRecord } from '../../src/core/log/change-record.ts';
import { emptyHead, headAfter, nextSegment, requireChain, type LogHead, type Segment } from '../../src/core/log/segment.ts';
import type { LogStore } from '../../src/ports/log-store.ts';

let chains = 0;

function recordsOf(from: number, count: number): ChangeRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    key: `k${from + i}`,
    image: i % 3 === 2 ? null : { id: { S: `k${from + i}` }, text: { S: 'größer 😀 "quoted"' }, list: { L: [{ N: '1' }, { NULL: true }] } },
    epoch: 1,
    atMs: 1000 + i,
    sequenceNumber: padSequenceNumber(String(from + i)),
  }));
}

export function logStoreContract(name: string, createStore: () => LogStore): void {
  /** A chain of its own for each test. */
  const freshOrigin = () => `origin-${(chains += 1)}`;
  async function filled(store: LogStore, origin: string, sizes: readonly number[]): Promise<{ segments: Segment[]; head: LogHead }> {
    let head = emptyHead;
    const segments: Segment[] = [];
    for (const size of sizes) {
      const segment = nextSegment(origin, head, recordsOf(head.sequence + 1, size), sha256);
      expect(await store.append(head, segment)).toBe('done');
      head = headAfter(segment);
      segments.push(segment);
    }
    return { segments, head };
  }

  describe(`log store contract: ${name}`, () => {
    test('an empty chain has the empty head, and nothing to read', async () => {
      const store = createStore();
      const origin = freshOrigin();
      expect(await store.head(origin)).toEqual(emptyHead);
      expect(await store.read(origin, 0, 10)).toEqual([]);
      expect(await store.readBack(origin, Number.MAX_SAFE_INTEGER, 10)).toEqual([]);
    });

    test('keeps segments exactly, and its head is the last of them', async () => {
      const store = createStore();
      const origin = freshOrigin();
      const { segments, head } = await filled(store, origin, [3, 1, 2]);
      expect(await store.head(origin)).toEqual(head);
      expect(head.sequence).toBe(6);
      expect(await store.read(origin, 0, 10)).toEqual(segments);
      requireChain(emptyHead, await store.read(origin, 0, 10), sha256);
    });

    test('reads on from after a record, also from inside a segment, to a limit', async () => {
      const store = createStore();
      const origin = freshOrigin();
      const { segments } = await filled(store, origin, [3, 1, 2]);
      expect(await store.read(origin, 2, 10)).toEqual(segments);
      expect(await store.read(origin, 3, 10)).toEqual(segments.slice(1));
      expect(await store.read(origin, 4, 10)).toEqual(segments.slice(2));
      expect(await store.read(origin, 6, 10)).toEqual([]);
      expect(await store.read(origin, 0, 2)).toEqual(segments.slice(0, 2));
    });

    test('reads back from before a number, newest first, to a limit', async () => {
      const store = createStore();
      const origin = freshOrigin();
      const { segments } = await filled(store, origin, [3, 1, 2]);
      expect(await store.readBack(origin, Number.MAX_SAFE_INTEGER, 2)).toEqual([segments[2], segments[1]]);
      expect(await store.readBack(origin, 6, 10)).toEqual([segments[1], segments[0]]);
      expect(await store.readBack(origin, 3, 10)).toEqual([]);
    });

    test('orders by number, not by text', async () => {
      const store = createStore();
      const origin = freshOrigin();
      await filled(store, origin, [9, 1, 1, 89, 1]);
      expect((await store.read(origin, 0, 10)).map((s) => s.sequence)).toEqual([9, 10, 11, 100, 101]);
    });

    test.each([
      ['an older head', (h: LogHead, first: LogHead) => first],
      ['the empty head', () => emptyHead],
      ['the right number with another hash', (h: LogHead) => ({ ...h, hash: 'x' })],
      ['a head that is not there yet', (h: LogHead) => ({ sequence: h.sequence + 1, hash: h.hash })],
    ])('refuses to append to %s, and changes nothing', async (_, wrong) => {
      const store = createStore();
      const origin = freshOrigin();
      const { segments, head } = await filled(store, origin, [2, 2]);
      const [first] = segments;
      if (first === undefined) throw new Error('unreachable');
      const from = wrong(head, headAfter(first));
      expect(await store.append(from, nextSegment(origin, from, recordsOf(50, 3), sha256))).toBe('refused');
      expect(await store.head(origin)).toEqual(head);
      expect(await store.read(origin, 0, 10)).toEqual(segments);
    });

    test('the same append twice is done once', async () => {
      const store = createStore();
      const origin = freshOrigin();
      const segment = nextSegment(origin, emptyHead, recordsOf(1, 2), sha256);
      expect([await store.append(emptyHead, segment), await store.append(emptyHead, segment)]).toEqual(['done', 'refused']);
      expect(await store.read(origin, 0, 10)).toEqual([segment]);
    });

    test('of several appends at once to one head at most one is done, and none half', async () => {
      const store = createStore();
      const origin = freshOrigin();
      const { head } = await filled(store, origin, [1]);
      const tries = await Promise.allSettled([2, 3, 4, 5].map((size) => store.append(head, nextSegment(origin, head, recordsOf(2, size), sha256))));
      // A conflict of transactions may be thrown instead: then it may or may not have been carried out.
      expect(tries.filter((t) => t.status === 'fulfilled' && t.value === 'done').length).toBeLessThanOrEqual(1);
      const segments = await store.read(origin, 0, 10);
      requireChain(emptyHead, segments, sha256);
      const last = segments.at(-1);
      if (last === undefined) throw new Error('unreachable');
      expect(await store.head(origin)).toEqual(headAfter(last));
      expect(segments.length).toBe(2);
    });

    test('chains of two origins do not touch', async () => {
      const store = createStore();
      const [a, b] = [freshOrigin(), freshOrigin()];
      const one = await filled(store, a, [2]);
      const other = await filled(store, b, [3]);
      expect(await store.read(a, 0, 10)).toEqual(one.segments);
      expect(await store.read(b, 0, 10)).toEqual(other.segments);
    });

    test('takes a segment of the longest size', async () => {
      const store = createStore();
      const origin = freshOrigin();
      const big: ChangeRecord = { key: 'big', image: { x: { S: 'x'.repeat(299_000) } }, epoch: 1, atMs: 1, sequenceNumber: padSequenceNumber('1') };
      const segment = nextSegment(origin, emptyHead, [big], sha256);
      expect(await store.append(emptyHead, segment)).toBe('done');
      expect(await store.read(origin, 0, 1)).toEqual([segment]);
    });
  });
}

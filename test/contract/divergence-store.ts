// The contract of a divergence store, as one suite for every driver.
import { describe, expect, test } from 'vitest';
import { padSequenceNumber } from '../../src/core/log/change-record.ts';
import type { Divergence, DivergenceStore } from '../../src/ports/divergence-store.ts';

/** One listed write, in the terms of the port. */
export type Listed = {
  readonly origin: string;
  readonly epoch: number;
  readonly sequenceNumber: string;
  readonly key: string;
  readonly theirs: unknown;
  readonly ours: unknown;
  readonly theirsAtMs: number;
  readonly foundAtMs: number;
};

let origins = 0;

export function divergenceStoreContract(name: string, create: () => { readonly store: DivergenceStore; readonly listed: () => Promise<readonly Listed[]> }): void {
  const freshOrigin = () => `origin-${(origins += 1)}`;
  const divergence = (origin: string, n: number, change: Partial<Divergence> = {}): Divergence => ({
    origin,
    record: { key: `k${n}`, image: { id: { S: `k${n}` }, v: { N: '1' } }, epoch: 4, atMs: 100 + n, sequenceNumber: padSequenceNumber(String(n)) },
    ours: { id: { S: `k${n}` }, v: { N: '2' } },
    foundAtMs: 999,
    ...change,
  });

  describe(`divergence store contract: ${name}`, () => {
    test('lists both versions and both times', async () => {
      const { store, listed } = create();
      const origin = freshOrigin();
      await store.add([divergence(origin, 1), divergence(origin, 2, { ours: null })]);
      expect((await listed()).filter((l) => l.origin === origin).toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual([
        { origin, epoch: 4, sequenceNumber: padSequenceNumber('1'), key: 'k1', theirs: { id: { S: 'k1' }, v: { N: '1' } }, ours: { id: { S: 'k1' }, v: { N: '2' } }, theirsAtMs: 101, foundAtMs: 999 },
        { origin, epoch: 4, sequenceNumber: padSequenceNumber('2'), key: 'k2', theirs: { id: { S: 'k2' }, v: { N: '1' } }, ours: null, theirsAtMs: 102, foundAtMs: 999 },
      ]);
    });

    test('of a removal there is nothing of theirs', async () => {
      const { store, listed } = create();
      const origin = freshOrigin();
      const removal = divergence(origin, 1);
      await store.add([{ ...removal, record: { ...removal.record, image: null } }]);
      expect((await listed()).find((l) => l.origin === origin)).toMatchObject({ theirs: null });
    });

    test('the same write again is listed once, as it was found first', async () => {
      const { store, listed } = create();
      const origin = freshOrigin();
      await store.add([divergence(origin, 1)]);
      await store.add([divergence(origin, 1, { ours: null, foundAtMs: 5000 }), divergence(origin, 2)]);
      const found = (await listed()).filter((l) => l.origin === origin);
      expect(found).toHaveLength(2);
      expect(found.find((l) => l.key === 'k1')).toMatchObject({ ours: { v: { N: '2' } }, foundAtMs: 999 });
    });

    test('the same number of another epoch or origin is another write', async () => {
      const { store, listed } = create();
      const [a, b] = [freshOrigin(), freshOrigin()];
      const first = divergence(a, 1);
      await store.add([first, { ...first, record: { ...first.record, epoch: 5 } }, divergence(b, 1)]);
      expect((await listed()).filter((l) => l.origin === a || l.origin === b)).toHaveLength(3);
    });

    test('takes many at once', async () => {
      const { store, listed } = create();
      const origin = freshOrigin();
      await store.add(Array.from({ length: 97 }, (_, i) => divergence(origin, i)));
      expect((await listed()).filter((l) => l.origin === origin)).toHaveLength(97);
    });
  });
}

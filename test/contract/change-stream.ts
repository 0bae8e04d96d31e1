// The contract of a change stream, as one suite for every driver.
import { describe, expect, test } from 'vitest';
import type { ChangeStream, ShardEnd } from '../../src/ports/change-stream.ts';

export type StreamUnderTest = {
  readonly stream: ChangeStream;
  /** How many open shards it has. */
  readonly shards: number;
  /** A write of the service in this table. */
  readonly put: (key: string) => Promise<void>;
  readonly remove: (key: string) => Promise<void>;
  readonly get: (key: string) => Promise<unknown>;
  /** Splits this shard; absent where the driver's database cannot be told to. */
  readonly split?: (shard: string) => Promise<void>;
};

/** A database may take a while to show a record. */
const patienceMs = 10_000;
const pollMs = 50;
let tests = 0;

export function changeStreamContract(name: string, create: () => Promise<StreamUnderTest>): void {
  type Found = { readonly shard: string; readonly key: string; readonly isRemoval: boolean };

  /** Reads on from these ends until there are so many records of keys that begin with `prefix`, and so many shards are closed; and once more. */
  async function readOn(stream: ChangeStream, ends: readonly ShardEnd[], prefix: string, count: number, closings = 0): Promise<{ found: Found[]; closed: string[] }> {
    const iterators = new Map(ends.map((e) => [e.shard, e.iterator]));
    const found: Found[] = [];
    const closed: string[] = [];
    const untilMs = Date.now() + patienceMs;
    for (let isLast = false; ; ) {
      for (const [shard, iterator] of iterators) {
        const { records, next } = await stream.read(iterator);
        found.push(...records.filter((r) => r.key.startsWith(prefix)).map((r) => ({ ...r, shard })));
        if (next !== null) iterators.set(shard, next);
        else {
          iterators.delete(shard);
          closed.push(shard);
        }
      }
      if (isLast || Date.now() > untilMs) return { found, closed };
      if (found.length >= count && closed.length >= closings) isLast = true;
      else await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
  /** Keys of its own for each test: a table is shared. */
  const prefixOf = () => `stream-${(tests += 1)}-${Date.now()}#`;

  describe(`change stream contract: ${name}`, () => {
    test('an end is behind all that was written before, and before all that is written after', async () => {
      const { stream, shards, put, remove } = await create();
      const prefix = prefixOf();
      for (let i = 0; i < 5; i += 1) await put(`${prefix}before-${i}`);
      const ends = await stream.ends();
      expect(ends).toHaveLength(shards);
      expect(new Set(ends.map((e) => e.shard)).size).toBe(shards);
      for (let i = 0; i < 5; i += 1) await put(`${prefix}after-${i}`);
      await remove(`${prefix}after-0`);
      const { found } = await readOn(stream, ends, prefix, 6);
      expect(found.map((f) => `${f.key.slice(prefix.length)}${f.isRemoval ? ' removed' : ''}`).toSorted()).toEqual(['after-0', 'after-0 removed', 'after-1', 'after-2', 'after-3', 'after-4']);
    });

    test('each shard shows its records in their order, page after page', async () => {
      const { stream, put, remove } = await create();
      const prefix = prefixOf();
      const ends = await stream.ends();
      for (let i = 0; i < 4; i += 1) {
        await put(`${prefix}k`);
        await remove(`${prefix}k`);
      }
      const { found } = await readOn(stream, ends, prefix, 8);
      expect(found.map((f) => f.isRemoval)).toEqual([false, true, false, true, false, true, false, true]);
      expect(new Set(found.map((f) => f.shard)).size).toBe(1);
    });

    test('an end that is read twice gives the same', async () => {
      const { stream, put } = await create();
      const prefix = prefixOf();
      const ends = await stream.ends();
      for (let i = 0; i < 3; i += 1) await put(`${prefix}${i}`);
      const first = await readOn(stream, ends, prefix, 3);
      expect((await readOn(stream, ends, prefix, 3)).found).toEqual(first.found);
      expect(first.found).toHaveLength(3);
    });

    test('a mark is a put and a removal in one shard, and leaves nothing; repeating it is harmless', async () => {
      const { stream, get } = await create();
      const prefix = prefixOf();
      const ends = await stream.ends();
      await stream.mark(`${prefix}m`, 7);
      await stream.mark(`${prefix}m`, 7);
      const { found } = await readOn(stream, ends, prefix, 4);
      expect(found.map((f) => f.isRemoval)).toEqual([false, true, false, true]);
      expect(new Set(found.map((f) => f.shard)).size).toBe(1);
      expect(await get(`${prefix}m`)).toBeNull();
    });

    test('marks of enough keys reach every open shard', async () => {
      const { stream, shards } = await create();
      const prefix = prefixOf();
      const ends = await stream.ends();
      const count = Math.ceil(shards * (Math.log(shards) + 6));
      for (let i = 0; i < count; i += 1) await stream.mark(`${prefix}${i}`, 3);
      const { found } = await readOn(stream, ends, prefix, 2 * count);
      expect(found.filter((f) => f.isRemoval)).toHaveLength(count);
      expect(new Set(found.map((f) => f.shard))).toEqual(new Set(ends.map((e) => e.shard)));
    });

    test('a shard that splits is read to its end, and its children take its place', async () => {
      const { stream, put, split, shards } = await create();
      if (split === undefined) return expect(shards).toBeGreaterThan(0);
      const prefix = prefixOf();
      const before = await stream.ends();
      const [first] = before;
      for (let i = 0; i < 10; i += 1) await put(`${prefix}before-${i}`);
      await split(first?.shard ?? '');
      const after = await stream.ends();
      expect(after.map((e) => e.shard)).not.toContain(first?.shard);
      expect(after).toHaveLength(shards + 1);
      for (let i = 0; i < 10; i += 1) await put(`${prefix}after-${i}`);
      const old = await readOn(stream, before, prefix, 10, 1);
      expect(old.closed).toEqual([first?.shard]);
      const { found } = await readOn(stream, after, prefix, 10);
      expect(found.filter((f) => f.key.startsWith(`${prefix}after-`))).toHaveLength(10);
      expect(found.filter((f) => f.key.startsWith(`${prefix}before-`))).toHaveLength(0);
    }, 30_000);
  });
}

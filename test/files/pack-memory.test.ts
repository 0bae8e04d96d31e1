// Memory that packs are made in: never lent twice at once, used again, and waited for.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { giveBack, PackMemory, type Lent } from '../../src/files/pack-memory.ts';

afterEach(() => vi.restoreAllMocks());

describe('memory for packs', () => {
  it('is lent to one at a time, and again once it was given back', () => {
    const memory = new PackMemory(3);
    const lend = () => {
      const bytes = memory.lend(1000);
      return { bytes, lent: memory.lentOf(bytes.subarray(0, 10)) };
    };
    const [a, b, c] = [lend(), lend(), lend()];
    expect(new Set([a, b, c].map(({ bytes }) => bytes.buffer)).size).toBe(3);
    giveBack(structuredClone(b.lent)); // as another thread has it
    expect(lend().bytes.buffer).toBe(b.bytes.buffer);
    giveBack(c.lent);
    giveBack(a.lent);
    expect([lend().bytes.buffer, lend().bytes.buffer]).toEqual([a.bytes.buffer, c.bytes.buffer]);
    expect(() => memory.lentOf(new Uint8Array(5))).toThrow(/never lent/);
  });

  it('is waited for while all of it is lent, and not before', () => {
    const memory = new PackMemory(2);
    const lent: Lent[] = [];
    const wait = vi.spyOn(Atomics, 'wait').mockImplementation((state: Int32Array | BigInt64Array, index: number, value: number | bigint) => {
      // As Atomics.wait does: it does not wait for what is no more.
      if (state[index] !== value) return 'not-equal';
      const first = lent.shift();
      if (first === undefined) throw new Error('nobody would ever end this wait');
      giveBack(first);
      return 'ok';
    });
    const buffers = Array.from({ length: 5 }, () => {
      const bytes = memory.lend(100);
      lent.push(memory.lentOf(bytes));
      return bytes.buffer;
    });
    expect([wait.mock.calls.length, new Set(buffers).size]).toEqual([3, 2]);
    expect(buffers.map((buffer) => buffers.indexOf(buffer))).toEqual([0, 1, 0, 1, 0]);
  });

  it('becomes larger where more is asked for', () => {
    const memory = new PackMemory(1);
    for (const [bytes, atLeast] of [
      [100, 100],
      [50, 100],
      [300, 300],
    ] as const) {
      const given = memory.lend(bytes);
      expect(given.length).toBe(atLeast);
      giveBack(memory.lentOf(given));
    }
  });
});

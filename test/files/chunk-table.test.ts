// The table of known chunks: what one thread adds the others find, and nothing else.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ChunkTable, newChunkTable } from '../../src/files/chunk-table.ts';
import type { ChunkPlace } from '../../src/vault/index-record.ts';

const place = (n: number): ChunkPlace => ({ pack: new Uint8Array(8).fill(n), offset: n, storedBytes: n + 1, rawBytes: n + 2, codec: n % 2 === 0 ? 0 : 1 });

describe('the chunk table', () => {
  it('finds what was added, through another view of the same memory, and nothing else', () => {
    const shared = newChunkTable();
    const [one, two] = [new ChunkTable(shared), new ChunkTable(shared)];
    const ids = Array.from({ length: 5000 }, () => randomBytes(32));
    for (const [i, id] of ids.entries()) one.add(id, place(i % 200));
    for (const [i, id] of ids.entries()) expect(two.find(id)).toEqual(place(i % 200));
    for (let i = 0; i < 5000; i++) expect(two.find(randomBytes(32))).toBeNull();
  });

  it('says when it is full, and finds what it has', () => {
    const table = new ChunkTable(newChunkTable(3));
    const ids = Array.from({ length: 5 }, (_, i) => new Uint8Array(32).fill(i + 1));
    expect(ids.map((id, i) => table.add(id, place(i)))).toEqual([true, true, true, false, false]);
    expect(ids.map((id) => table.find(id)?.offset ?? null)).toEqual([0, 1, 2, null, null]);
  });

  it('tells apart ids that begin alike', () => {
    const table = new ChunkTable(newChunkTable());
    const [a, b, c] = [1, 2, 3].map((last) => new Uint8Array(32).fill(7, 0, 12).fill(last, 12));
    if (a === undefined || b === undefined || c === undefined) throw new Error('three ids');
    table.add(a, place(1));
    table.add(b, place(2));
    expect([table.find(a), table.find(b), table.find(c)]).toEqual([place(1), place(2), null]);
  });
});

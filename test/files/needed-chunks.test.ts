// What a point needs and what its packs have must agree, chunk by chunk.
import { describe, expect, it } from 'vitest';
import { referenceBytes } from '../../src/core/vault/chunk-reference.ts';
import { encodeIndexRow, indexRowBytes } from '../../src/core/vault/pack-layout.ts';
import { ExtentList } from '../../src/files/extent-list.ts';
import { NeededChunks } from '../../src/files/needed-chunks.ts';

const pack = Uint8Array.from({ length: 8 }, (_, i) => i + 1);
const packId = `0102030405060708${'0'.repeat(16)}`;
const bytesOf = (length: number, fill: number) => new Uint8Array(length).fill(fill);
const chunk = (n: number) => ({ id: bytesOf(32, n), tag: bytesOf(16, n), pack, offset: 32 + (n - 1) * 116, storedBytes: 116, rawBytes: 1000, codec: 1 as const });

function indexOf(numbers: readonly number[]): Uint8Array {
  const rows = new Uint8Array(numbers.length * indexRowBytes);
  for (const [i, n] of numbers.entries()) encodeIndexRow(chunk(n), rows, i * indexRowBytes);
  return rows;
}

function needing(...extents: readonly (readonly [n: number, from: number, length: number])[]): { readonly list: ExtentList; readonly needed: NeededChunks } {
  const list = new ExtentList();
  for (const [n, from, length] of extents) list.add(chunk(n).id, length === 1000 ? chunk(n).tag : bytesOf(16, 99), chunk(n), from, length);
  const needed = new NeededChunks();
  needed.add(list.bytes);
  return { list, needed };
}

describe('the chunks that a point needs', () => {
  it('are all right where the packs have them so, whole or in parts', () => {
    const { needed } = needing([1, 0, 1000], [2, 0, 400], [2, 400, 600], [3, 0, 1000]);
    needed.index(packId, indexOf([1, 2, 3]));
    expect(needed.wrong()).toEqual([]);
  });

  it.each([
    ['another id', 0],
    ['another tag', 32],
    ['another offset', 56],
    ['another length stored', 60],
    ['another length', 64],
  ])('%s than in the pack is found', (_, at) => {
    const { list } = needing([1, 0, 1000], [2, 0, 1000]);
    const bytes = list.bytes.slice();
    bytes[80 + at] = (bytes[80 + at] ?? 0) ^ 1;
    const needed = new NeededChunks();
    needed.add(bytes);
    needed.index(packId, indexOf([1, 2]));
    expect(needed.wrong()).toHaveLength(1);
  });

  it('a part of a chunk is found where its chunk is another, also after a good part of the same place', () => {
    const { list } = needing([1, 0, 400], [1, 400, 600]);
    const bytes = list.bytes.slice();
    bytes[80] = 77;
    const needed = new NeededChunks();
    needed.add(bytes);
    needed.index(packId, indexOf([1]));
    expect(needed.wrong()).toEqual([{ pack: packId.slice(0, 16), because: 'the point names a chunk at 32 that the pack does not have so' }]);
  });

  it('an extent beyond its chunk is found', () => {
    const { needed } = needing([1, 900, 200]);
    needed.index(packId, indexOf([1]));
    expect(needed.wrong()).toEqual([{ pack: packId.slice(0, 16), because: 'an extent names 200 bytes at 900 of a chunk of 1000' }]);
  });

  it('a pack that the manifest does not name is found, and of a damaged one nothing more is said', () => {
    const { needed } = needing([1, 0, 1000]);
    expect(needed.wrong()).toHaveLength(1);
    needed.index(packId, null);
    expect(needed.wrong()).toEqual([]);
  });

  it('bytes that are no reference at all are in no pack', () => {
    const extents = new Uint8Array(80);
    extents.set(pack, 48);
    new DataView(extents.buffer).setUint32(60, 3, true);
    expect(extents.length).toBeGreaterThan(referenceBytes);
    const needed = new NeededChunks();
    needed.add(extents);
    needed.index(packId, indexOf([1]));
    expect(needed.wrong()).toHaveLength(1);
  });
});

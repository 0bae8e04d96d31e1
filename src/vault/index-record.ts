// A record of the dedup index: half an id (16 bytes of a keyed hash: nobody can make two alike) and where its chunk is. 36 bytes, handled as nine words.
// No tag: tags are secret (docs/vault-format.md, *Why*), and the index lies on disk in the clear. Ids are keyed and tell nothing without the key.
import { packBytesMax } from '../core/vault/limits.ts';
import type { ChunkReference } from '../core/vault/recovery-point.ts';

export const recordWords = 9;
const codecBit = 2 ** 31;

export type ChunkPlace = Omit<ChunkReference, 'id' | 'tag'>;

/** The first 16 bytes of an id. Hashes are evenly spread, so their order may be that of words. */
export type IdWords = readonly [number, number, number, number];

export function idWords(id: Uint8Array): IdWords {
  const view = new DataView(id.buffer, id.byteOffset, 16);
  return [view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true), view.getUint32(12, true)];
}

export function putRecord(into: Uint32Array, at: number, id: IdWords, { pack, offset, storedBytes, rawBytes, codec }: ChunkPlace): void {
  const view = new DataView(pack.buffer, pack.byteOffset, 8);
  into[at] = id[0];
  into[at + 1] = id[1];
  into[at + 2] = id[2];
  into[at + 3] = id[3];
  into[at + 4] = view.getUint32(0, true);
  into[at + 5] = view.getUint32(4, true);
  into[at + 6] = offset;
  into[at + 7] = storedBytes;
  into[at + 8] = rawBytes + (codec === 1 ? codecBit : 0);
}

export function placeAt(words: Uint32Array, at: number): ChunkPlace {
  const pack = new Uint8Array(8);
  const view = new DataView(pack.buffer);
  view.setUint32(0, words[at + 4] ?? 0, true);
  view.setUint32(4, words[at + 5] ?? 0, true);
  const last = words[at + 8] ?? 0;
  return { pack, offset: words[at + 6] ?? 0, storedBytes: words[at + 7] ?? 0, rawBytes: last % codecBit, codec: last >= codecBit ? 1 : 0 };
}

/** Of the id at `a` in `left` and the one at `b` in `right`: below zero, zero or above. */
export function compareIds(left: Uint32Array | IdWords, a: number, right: Uint32Array | IdWords, b: number): number {
  for (let i = 0; i < 4; i += 1) {
    const difference = (left[a + i] ?? 0) - (right[b + i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether a place can be at all: what is not is not indexed, so that nothing reads it back as another. */
export function isPlace({ offset, storedBytes, rawBytes }: ChunkPlace): boolean {
  return offset + storedBytes <= packBytesMax && rawBytes < codecBit;
}

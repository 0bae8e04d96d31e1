// Content-defined cuts: bounded, covering, the same after a shift.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentCut, nextCut } from '../../src/core/vault/fast-cdc.ts';

const PINNED = [1113123, 1697627, 2829131, 4064165, 5262968, 6291456];

const sizes = { minBytes: 64, averageBytes: 256, maxBytes: 1024 };

/** Pseudo-random bytes of a seed: what repeats cannot be told from what was cut wrongly. */
function bytesOf(seed: number, length: number): Uint8Array {
  let state = seed | 0;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state >>> 24;
  });
}

function cuts(bytes: Uint8Array, from = 0, cutSizes = sizes): number[] {
  const places: number[] = [];
  for (let at = from; at < bytes.length; ) {
    at = nextCut(bytes, at, bytes.length, cutSizes);
    places.push(at);
  }
  return places;
}

describe('nextCut', () => {
  it('covers everything, in pieces within the limits', () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(0, 1, 63, 64, 65, 255, 256, 1023, 1024, 1025, 5000, 20_000), (seed, length) => {
        const places = cuts(bytesOf(seed, length));
        expect(places.at(-1) ?? 0).toBe(length);
        const pieces = places.map((place, i) => place - (places[i - 1] ?? 0));
        expect(pieces.every((piece) => piece > 0 && piece <= sizes.maxBytes)).toBe(true);
        expect(pieces.slice(0, -1).every((piece) => piece > sizes.minBytes)).toBe(true);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('finds the same places again after an insertion in front', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 3000 }), (seed, shift) => {
        const content = bytesOf(seed, 60_000);
        const shifted = new Uint8Array(shift + content.length);
        shifted.set(bytesOf(seed + 1, shift));
        shifted.set(content, shift);
        const [before, after] = [new Set(cuts(content)), cuts(shifted).map((place) => place - shift)];
        const found = after.filter((place) => before.has(place));
        expect(found.length).toBeGreaterThan(before.size * 0.8);
      }),
      { seed: 2, numRuns: 50 },
    );
  });

  it('depends on nothing but the bytes from the chunk on', () => {
    const content = bytesOf(7, 10_000);
    const moved = new Uint8Array(content.length + 512);
    moved.set(content, 512);
    expect(nextCut(moved, 512, moved.length, sizes)).toBe(nextCut(content, 0, content.length, sizes) + 512);
  });

  it('cuts zeros at the maximum and keeps the usual average', () => {
    expect(cuts(new Uint8Array(5000))).toEqual([1024, 2048, 3072, 4096, 5000]);
    const places = cuts(bytesOf(3, 400_000));
    expect(400_000 / places.length).toBeGreaterThan(sizes.averageBytes * 0.8);
    expect(400_000 / places.length).toBeLessThan(sizes.averageBytes * 1.3);
  });

  it('cuts where it always cut: old chunks are found again only as long as this holds', () => {
    const content = bytesOf(11, 6 * 1024 * 1024);
    expect(cuts(content, 0, contentCut)).toEqual(PINNED);
  });
});

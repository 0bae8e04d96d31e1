// Where content is cut so that the same content is cut at the same places, however far it was shifted: FastCDC (Xia et al., USENIX ATC 2016)
// with its gear hash in 32 bits. Cuts are not part of the format: a reader never needs them.
export type CutSizes = { readonly minBytes: number; readonly averageBytes: number; readonly maxBytes: number };

export const contentCut: CutSizes = { minBytes: 512 * 1024, averageBytes: 1024 * 1024, maxBytes: 4 * 1024 * 1024 };

/** The gear: 256 fixed numbers. Other numbers would cut elsewhere, and old chunks would not be found again: never change the seed. */
const gear = gearOf(0x9e3779b9);

/** Normalisation (FastCDC's level 2): harder to cut before the average, easier after it, so that sizes lie closer together. */
const normalisedBits = 2;

/** The end of the chunk that begins at `from`; `to` is the end of what there is. Below the minimum it is what there is, above the maximum the maximum. */
export function nextCut(bytes: Uint8Array, from: number, to: number, sizes: CutSizes = contentCut): number {
  if (to - from <= sizes.minBytes) return to;
  const last = Math.min(to, from + sizes.maxBytes);
  const middle = Math.min(last, from + sizes.averageBytes);
  const bits = Math.round(Math.log2(sizes.averageBytes - sizes.minBytes));
  const early = scan(bytes, gear, from + sizes.minBytes, middle, topBits(bits + normalisedBits), 0);
  if (early.isFound) return early.at;
  const late = scan(bytes, gear, middle, last, topBits(bits - normalisedBits), early.hash);
  return late.isFound ? late.at : last;
}

/** Hot: by itself, with integers only, V8 makes machine code of it that needs no more than a few cycles a byte. */
function scan(bytes: Uint8Array, numbers: Int32Array, from: number, to: number, mask: number, before: number): { readonly isFound: boolean; readonly at: number; readonly hash: number } {
  let hash = before | 0;
  let at = from | 0;
  const end = to | 0;
  while (at < end) {
    hash = ((hash << 1) + ((numbers[bytes[at] ?? 0] ?? 0) | 0)) | 0;
    at = (at + 1) | 0;
    if ((hash & mask) === 0) return { isFound: true, at, hash };
  }
  return { isFound: false, at, hash };
}

/** The upper bits have seen the most bytes. */
function topBits(count: number): number {
  return ((2 ** count - 1) << (32 - count)) | 0;
}

function gearOf(seed: number): Int32Array {
  const numbers = new Int32Array(256);
  let state = seed | 0;
  for (let i = 0; i < numbers.length; i++) {
    // splitmix32
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    numbers[i] = mixed ^ (mixed >>> 15);
  }
  return numbers;
}

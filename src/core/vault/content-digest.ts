// The digest of a content whatever its order: lines, bytes, and the sum of the lines' SHA-256 modulo 2^256. It finds mistakes; against
// forgers there is GCM.
import { MalformedError } from '../errors.ts';
import type { ContentDigest } from './recovery-point.ts';

const words = 8;

export class ContentSum {
  #items = 0;
  #bytes = 0;
  /** Little-endian words of 32 bits. */
  readonly #sum = new Float64Array(words);

  /** @param sha256 of the line, 32 bytes */
  addLine(sha256: Uint8Array, bytes: number): void {
    if (sha256.length !== 32) throw new MalformedError(`A SHA-256 has 32 bytes, and this has ${sha256.length}.`);
    const view = new DataView(sha256.buffer, sha256.byteOffset, 32);
    let carry = 0;
    for (let i = 0; i < words; i += 1) {
      const total = (this.#sum[i] ?? 0) + view.getUint32(32 - 4 * (i + 1)) + carry;
      carry = total >= 2 ** 32 ? 1 : 0;
      this.#sum[i] = total - carry * 2 ** 32;
    }
    this.#items += 1;
    this.#bytes += bytes;
  }

  toJSON(): ContentDigest {
    let sum = '';
    for (let i = words - 1; i >= 0; i -= 1) sum += (this.#sum[i] ?? 0).toString(16).padStart(8, '0');
    return { items: this.#items, bytes: this.#bytes, sum };
  }
}

export const emptyDigest: ContentDigest = { items: 0, bytes: 0, sum: '0'.repeat(64) };

/** Of two contents that have nothing in common, the digest of both together. */
export function addDigests(a: ContentDigest, b: ContentDigest): ContentDigest {
  const sum = (BigInt(`0x${a.sum}`) + BigInt(`0x${b.sum}`)) & ((1n << 256n) - 1n);
  return { items: a.items + b.items, bytes: a.bytes + b.bytes, sum: sum.toString(16).padStart(64, '0') };
}

/** Of what is left of `a` when `b`, a part of it, is taken away. */
export function subtractDigests(a: ContentDigest, b: ContentDigest): ContentDigest {
  const sum = (BigInt(`0x${a.sum}`) - BigInt(`0x${b.sum}`) + (1n << 256n)) & ((1n << 256n) - 1n);
  return { items: a.items - b.items, bytes: a.bytes - b.bytes, sum: sum.toString(16).padStart(64, '0') };
}

// Chance from a seed, fast enough to fill gigabytes: the keystream of AES-CTR. The same seed gives the same bytes on every machine.
import { createCipheriv, createHash, type Cipheriv } from 'node:crypto';

const poolBytes = 256 * 1024;
const zeros = Buffer.alloc(poolBytes);

export class Seeded {
  readonly #stream: Cipheriv;
  #pool = Buffer.alloc(0);
  #at = 0;

  constructor(seed: string) {
    const key = createHash('sha256').update(seed).digest();
    this.#stream = createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16));
  }

  bytes(count: number): Buffer {
    const out = Buffer.allocUnsafe(count);
    for (let at = 0; at < count; ) {
      if (this.#at === this.#pool.length) this.#refill();
      const taken = this.#pool.copy(out, at, this.#at, Math.min(this.#pool.length, this.#at + count - at));
      at += taken;
      this.#at += taken;
    }
    return out;
  }

  uint32(): number {
    if (this.#at + 4 > this.#pool.length) this.#refill();
    const value = this.#pool.readUInt32LE(this.#at);
    this.#at += 4;
    return value;
  }

  /** 0 ≤ result < limit ≤ 2^32 */
  below(limit: number): number {
    return Math.floor((this.uint32() / 2 ** 32) * limit);
  }

  pick<T>(of: readonly T[]): T {
    const picked = of[this.below(of.length)];
    if (picked === undefined) throw new Error('there is nothing to pick from');
    return picked;
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log((this.uint32() + 1) / 2 ** 32)) * Math.cos(2 * Math.PI * (this.uint32() / 2 ** 32));
  }

  shuffled<T>(of: readonly T[]): T[] {
    const left = [...of];
    return of.map(() => left.splice(this.below(left.length), 1)).flat();
  }

  #refill(): void {
    this.#pool = this.#stream.update(zeros);
    this.#at = 0;
  }
}

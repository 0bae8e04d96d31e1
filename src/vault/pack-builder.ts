// Puts chunks into a pack. Synchronous: a worker thread or a Lambda runs it where the bytes are.
import { fromHex, toHex } from '../core/vault/bytes.ts';
import { chunkBytesMax, packBytesMax, packHeaderBytes, sealBytes } from '../core/vault/limits.ts';
import { chunkAad, encodeIndexRow, encodePackFooter, encodePackHeader, indexAad, indexRowBytes, nonceAt, packFooterBytes } from '../core/vault/pack-layout.ts';
import type { ChunkReference, PackRow } from '../core/vault/recovery-point.ts';
import { RefusedError } from '../core/errors.ts';
import { chunkId, chunkTag, sealInto, sha256Hex } from './chunk-crypto.ts';
import { deriveKeys, type DataKey, type DerivedKeys } from './data-key.ts';
import { compress } from './zstd.ts';

export type Random = (bytes: number) => Uint8Array;

/** Memory for a pack, of at least so many bytes, zeroed or not. */
export type LendMemory = (bytes: number) => Uint8Array;

export type SealedPack = {
  /** 32 hex. */
  readonly packId: string;
  readonly sha256: string;
  /** A copy of its own, or the beginning of what was lent for it. */
  readonly bytes: Uint8Array;
  readonly row: PackRow;
};

const smallBytes = 256 * 1024;
/** Content-defined chunks reach it; larger ones make a buffer larger once more. */
const usualChunkBytesMax = 4 * 1024 * 1024 + 64 * 1024;

export class PackBuilder {
  readonly #dataKey: DataKey;
  readonly #keys: DerivedKeys;
  readonly #packBytes: number;
  readonly #zstdLevel: number;
  readonly #random: Random;
  readonly #lend: LendMemory | null;
  readonly #bytesMax: number;
  /** Small at first, most packs of a log being small; then as large as a pack becomes. */
  #buffer: Uint8Array = new Uint8Array(0);
  #packId: Uint8Array = new Uint8Array(0);
  #packKey: Uint8Array = new Uint8Array(0);
  #rows: Omit<ChunkReference, 'pack'>[] = [];
  #end = 0;

  /**
   * @param packBytes about how large a pack becomes; one chunk more may go over it, never over the format's limit
   * @param lend each pack is made in what this gives, and handed over in it; otherwise all are made in one buffer, and handed over as copies
   */
  constructor(key: DataKey, packBytes: number, zstdLevel: number, random: Random, lend: LendMemory | null = null) {
    if (packBytes < 64 * 1024 || packBytes + chunkBytesMax + 1024 * 1024 > packBytesMax + chunkBytesMax)
      throw new RefusedError(`A pack of ${packBytes} bytes: it may be 65536 to ${packBytesMax - 1024 * 1024}.`);
    this.#dataKey = key;
    this.#keys = deriveKeys(key);
    this.#packBytes = packBytes;
    this.#zstdLevel = zstdLevel;
    this.#random = random;
    this.#lend = lend;
    this.#bytesMax = Math.min(packBytesMax, packBytes + chunkBytesMax + 1024 * 1024);
  }

  get chunks(): number {
    return this.#rows.length;
  }

  get isFull(): boolean {
    return this.#sizeWith(0) >= this.#packBytes;
  }

  /** Whether a chunk of so many bytes certainly fits. */
  fits(rawBytes: number): boolean {
    return this.#rows.length === 0 || this.#sizeWith(rawBytes + 64 * 1024) <= this.#bytesMax;
  }

  /** @param id where the caller has computed it already. */
  add(plain: Uint8Array, id: Uint8Array = chunkId(this.#keys, plain), tag: Uint8Array = chunkTag(this.#keys, plain)): ChunkReference {
    if (plain.length > chunkBytesMax) throw new RefusedError(`A chunk of ${plain.length} bytes: the most is ${chunkBytesMax}.`);
    if (!this.fits(plain.length)) throw new RefusedError(`A pack of ${this.#end} bytes takes no chunk of ${plain.length} more: seal it first.`);
    if (this.#rows.length === 0) this.#begin();
    this.#makeRoom(plain.length);
    const { data, codec } = this.#compress(plain);
    const offset = this.#end;
    const aad = chunkAad(this.#packId, { offset, rawBytes: plain.length, codec, id });
    const storedBytes = sealInto(this.#packKey, nonceAt(offset), aad, data, this.#buffer, offset);
    this.#end += storedBytes;
    this.#rows.push({ id, tag, offset, storedBytes, rawBytes: plain.length, codec });
    return { id, tag, pack: this.#packId.slice(0, 8), offset, storedBytes, rawBytes: plain.length, codec };
  }

  /** The finished pack; the builder begins another one. */
  seal(): SealedPack {
    if (this.#rows.length === 0) throw new RefusedError('A pack without chunks is not sealed.');
    const index = new Uint8Array(this.#rows.length * indexRowBytes);
    this.#rows.forEach((row, i) => encodeIndexRow(row, index, i * indexRowBytes));
    const indexOffset = this.#end;
    const indexBytes = sealInto(this.#packKey, nonceAt(indexOffset), indexAad(this.#packId, this.#rows.length), index, this.#buffer, indexOffset);
    encodePackFooter({ indexOffset, indexBytes, chunks: this.#rows.length }, this.#buffer, indexOffset + indexBytes);
    const bytes = this.#handOver(indexOffset + indexBytes + packFooterBytes);
    const packId = toHex(this.#packId);
    const sha256 = sha256Hex(bytes);
    this.#rows = [];
    this.#end = 0;
    return { packId, sha256, bytes, row: { packId, sha256, bytes: bytes.length } };
  }

  #handOver(bytes: number): Uint8Array {
    if (this.#lend === null) return this.#buffer.slice(0, bytes);
    const lent = this.#buffer.subarray(0, bytes);
    this.#buffer = new Uint8Array(0);
    return lent;
  }

  #makeRoom(rawBytes: number): void {
    const wanted = this.#sizeWith(rawBytes);
    if (wanted <= this.#buffer.length) return;
    if (this.#lend !== null) {
      // The most that a pack may have: it is lent once for each.
      this.#buffer = this.#lend(this.#bytesMax);
      return;
    }
    const bytes = wanted <= smallBytes ? smallBytes : Math.min(this.#bytesMax, Math.max(wanted, this.#packBytes + usualChunkBytesMax));
    // Not zeroed: only what was written is ever given out.
    const larger = new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
    larger.set(this.#buffer.subarray(0, this.#end));
    this.#buffer = larger;
  }

  #begin(): void {
    this.#makeRoom(0);
    this.#packId = this.#random(16);
    this.#packKey = this.#keys.packKey(this.#packId);
    encodePackHeader({ packId: this.#packId, keyId: fromHex(this.#dataKey.keyId) }, this.#buffer);
    this.#end = packHeaderBytes;
  }

  #sizeWith(bytes: number): number {
    return this.#end + bytes + (this.#rows.length + 1) * indexRowBytes + 2 * sealBytes + packFooterBytes;
  }

  #compress(plain: Uint8Array): { readonly data: Uint8Array; readonly codec: 0 | 1 } {
    const frame = compress(plain, this.#zstdLevel);
    return frame.length < plain.length ? { data: frame, codec: 1 } : { data: plain, codec: 0 };
  }
}

// Reads a pack by itself: its index, and any chunk of it.
import { isEqual, toHex, viewOf } from '../core/vault/bytes.ts';
import { decodeIndex, decodePackFooter, decodePackHeader, encodeIndexRow, indexAad, indexRowBytes, nonceAt, packFooterBytes } from '../core/vault/pack-layout.ts';
import { packHeaderBytes } from '../core/vault/limits.ts';
import type { ChunkReference } from '../core/vault/recovery-point.ts';
import { DamagedError, KeyUnavailableError } from '../core/vault/vault-errors.ts';
import { chunkTag, openChunk, requireId, sha256Hex, unseal } from './chunk-crypto.ts';
import { deriveKeys, type DataKey } from './data-key.ts';

export type OpenPack = { readonly packId: Uint8Array; readonly packKey: Uint8Array; readonly chunks: readonly ChunkReference[] };

/** Of a pack of so many bytes; what `part` gives is good until its next call. */
export type PackParts = { readonly bytes: number; readonly part: (offset: number, bytes: number) => Uint8Array };

/** @throws DamagedError, KeyUnavailableError where the pack belongs to another key */
export function openPack(bytes: Uint8Array, key: DataKey): OpenPack {
  return openPackParts({ bytes: bytes.length, part: (offset, length) => bytes.subarray(offset, offset + length) }, key);
}

/** As openPack. */
export function openPackParts({ bytes, part }: PackParts, key: DataKey): OpenPack {
  const { packId, keyId } = decodePackHeader(part(0, Math.min(bytes, packHeaderBytes)));
  if (toHex(keyId) !== key.keyId) throw new KeyUnavailableError(`Pack ${toHex(packId)} belongs to key ${toHex(keyId)}, and key ${key.keyId} was given.`);
  const { indexOffset, indexBytes, chunks } = decodePackFooter(part(Math.max(0, bytes - packFooterBytes), Math.min(bytes, packFooterBytes)), bytes);
  const packKey = deriveKeys(key).packKey(packId);
  const index = unseal(packKey, nonceAt(indexOffset), indexAad(packId, chunks), part(indexOffset, indexBytes));
  if (index === null) throw new DamagedError(`The index of pack ${toHex(packId)} does not open: it is damaged, or the key is another.`);
  return { packId, packKey, chunks: decodeIndex(index, packId, indexOffset) };
}

/** Every byte: the hash that is its name, and with a key every chunk, its id and its tag. @throws DamagedError, KeyUnavailableError @returns how many chunks were opened */
export function verifyPack(bytes: Uint8Array, sha256: string, key: DataKey | null): number {
  if (sha256Hex(bytes) !== sha256) throw new DamagedError(`Pack ${sha256} has other bytes than its name says.`);
  decodePackHeader(bytes);
  decodePackFooter(bytes, bytes.length);
  if (key === null) return 0;
  const { packId, packKey, chunks } = openPack(bytes, key);
  const keys = deriveKeys(key);
  for (const chunk of chunks) {
    const plain = openChunk(packKey, packId, chunk, bytes.subarray(chunk.offset, chunk.offset + chunk.storedBytes));
    requireId(keys, chunk, plain);
    if (!isEqual(chunkTag(keys, plain), chunk.tag)) throw new DamagedError(`The chunk at ${chunk.offset} opened, and its content has another tag: its writer was broken.`);
  }
  return chunks.length;
}

/** What a pack says of its chunks, as it lies in the pack: 64 bytes a chunk. */
export class PackIndex {
  readonly #rows: Uint8Array;

  constructor(rows: Uint8Array) {
    this.#rows = rows;
  }

  /** Whether a reference is, word for word, what the pack says of that chunk. @param isWhole its tag is that of the whole chunk, and has to be the same too */
  has(reference: ChunkReference, isWhole: boolean): boolean {
    const view = viewOf(this.#rows);
    let [low, high] = [0, this.#rows.length / indexRowBytes - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (view.getUint32(middle * indexRowBytes + 48, true) < reference.offset) low = middle + 1;
      else high = middle;
    }
    const row = this.#rows.subarray(low * indexRowBytes, (low + 1) * indexRowBytes);
    const wanted = new Uint8Array(indexRowBytes);
    encodeIndexRow(reference, wanted, 0);
    return (
      row.length === indexRowBytes &&
      isEqual(row.subarray(0, 32), wanted.subarray(0, 32)) &&
      isEqual(row.subarray(48), wanted.subarray(48)) &&
      (!isWhole || isEqual(row.subarray(32, 48), wanted.subarray(32, 48)))
    );
  }
}

/** @param packId of the row that names this pack, 32 hex. @throws DamagedError where it is another's */
export function indexOf(bytes: Uint8Array, packId: string, key: DataKey): PackIndex {
  const pack = openPack(bytes, key);
  if (toHex(pack.packId) !== packId) throw new DamagedError(`The point says that this is pack ${packId}, and it is ${toHex(pack.packId)}.`);
  const rows = new Uint8Array(pack.chunks.length * indexRowBytes);
  pack.chunks.forEach((chunk, i) => encodeIndexRow(chunk, rows, i * indexRowBytes));
  return new PackIndex(rows);
}

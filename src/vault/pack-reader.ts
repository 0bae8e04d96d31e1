// Reads a pack by itself: its index, and any chunk of it.
import { isEqual, toHex } from '../core/vault/bytes.ts';
import { decodeIndex, decodePackFooter, decodePackHeader, indexAad, nonceAt } from '../core/vault/pack-layout.ts';
import type { ChunkReference } from '../core/vault/recovery-point.ts';
import { DamagedError, KeyUnavailableError } from '../core/vault/vault-errors.ts';
import { openChunk, requireId, sha256Hex, unseal } from './chunk-crypto.ts';
import { deriveKeys, type DataKey } from './data-key.ts';

export type OpenPack = { readonly packId: Uint8Array; readonly packKey: Uint8Array; readonly chunks: readonly ChunkReference[] };

/** @throws DamagedError, KeyUnavailableError where the pack belongs to another key */
export function openPack(bytes: Uint8Array, key: DataKey): OpenPack {
  const { packId, keyId } = decodePackHeader(bytes);
  if (toHex(keyId) !== key.keyId) throw new KeyUnavailableError(`Pack ${toHex(packId)} belongs to key ${toHex(keyId)}, and key ${key.keyId} was given.`);
  const { indexOffset, indexBytes, chunks } = decodePackFooter(bytes, bytes.length);
  const packKey = deriveKeys(key).packKey(packId);
  const index = unseal(packKey, nonceAt(indexOffset), indexAad(packId, chunks), bytes.subarray(indexOffset, indexOffset + indexBytes));
  if (index === null) throw new DamagedError(`The index of pack ${toHex(packId)} does not open: it is damaged, or the key is another.`);
  return { packId, packKey, chunks: decodeIndex(index, packId, indexOffset) };
}

/** Every byte: the hash that is its name, and with a key every chunk, its id and its tag's bytes. @throws DamagedError, KeyUnavailableError @returns how many chunks were opened */
export function verifyPack(bytes: Uint8Array, sha256: string, key: DataKey | null): number {
  if (sha256Hex(bytes) !== sha256) throw new DamagedError(`Pack ${sha256} has other bytes than its name says.`);
  decodePackHeader(bytes);
  decodePackFooter(bytes, bytes.length);
  if (key === null) return 0;
  const { packId, packKey, chunks } = openPack(bytes, key);
  const keys = deriveKeys(key);
  for (const chunk of chunks) requireId(keys, chunk, openChunk(packKey, packId, chunk, bytes.subarray(chunk.offset, chunk.offset + chunk.storedBytes)));
  return chunks.length;
}

/** Whether a reference of a point is what the pack itself says of that chunk. */
export function isSameChunk(a: ChunkReference, b: ChunkReference): boolean {
  return isEqual(a.id, b.id) && a.offset === b.offset && a.storedBytes === b.storedBytes && a.rawBytes === b.rawBytes && a.codec === b.codec;
}

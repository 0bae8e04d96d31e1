// What is done with the bytes of a chunk: its id, its tag, sealing and opening.
import { createCipheriv, createDecipheriv, createSecretKey, hash, type Cipheriv, type KeyObject } from 'node:crypto';
import { isEqual } from '../core/vault/bytes.ts';
import { sealBytes } from '../core/vault/limits.ts';
import { chunkAad, nonceAt } from '../core/vault/pack-layout.ts';
import type { ChunkReference } from '../core/vault/recovery-point.ts';
import { DamagedError } from '../core/vault/vault-errors.ts';
import type { DerivedKeys } from './data-key.ts';
import { decompress as inflate } from './zstd.ts';

const zeroNonce = new Uint8Array(12);
const blockBytes = 64;
/**
 * Below what malloc asks the system for anew each time (128 KiB), and no multiple of a page: else Node copies each piece between places that lie alike in
 * their pages, which the copying of glibc takes long for on AMD processors (0.65 s a GB for opening, instead of 0.34).
 */
const pieceBytes = 94 * 1024;

/** A chunk that was decrypted, and is decompressed at once. */
let frame = Buffer.alloc(0);

const keyObjects = new WeakMap<Uint8Array, KeyObject>();

/** Node sets up a cipher from raw bytes in 20 µs, from a key object in 4: what small files are made of. */
function keyObjectOf(key: Uint8Array): KeyObject {
  const known = keyObjects.get(key);
  if (known !== undefined) return known;
  const made = createSecretKey(key);
  keyObjects.set(key, made);
  return made;
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer');
}

export function sha256Hex(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}

/** HMAC-SHA256 (RFC 2104) of 32 bytes, by two one-shot hashes: Node sets up an Hmac object in 15 µs, which is more than hashing a small chunk. */
export function hmacOf32(key: Uint8Array, message: Uint8Array): Uint8Array {
  const inner = Buffer.alloc(blockBytes + 32, 0x36);
  const outer = Buffer.alloc(blockBytes + 32, 0x5c);
  for (let i = 0; i < key.length; i += 1) {
    inner[i] = (key[i] ?? 0) ^ 0x36;
    outer[i] = (key[i] ?? 0) ^ 0x5c;
  }
  inner.set(message, blockBytes);
  outer.set(sha256(inner), blockBytes);
  return sha256(outer);
}

/** 32 bytes. */
export function chunkId(keys: Pick<DerivedKeys, 'idKey'>, plain: Uint8Array): Uint8Array {
  return hmacOf32(keys.idKey, sha256(plain));
}

/** GMAC, 16 bytes. Secret: see *Why* in docs/vault-format.md. */
export function chunkTag(keys: Pick<DerivedKeys, 'tagKey'>, bytes: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', keyObjectOf(keys.tagKey), zeroNonce);
  cipher.setAAD(bytes);
  cipher.final();
  return cipher.getAuthTag();
}

/** Ciphertext ‖ tag into `into` at `at`. @returns how many bytes */
export function sealInto(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plain: Uint8Array, into: Uint8Array, at: number): number {
  const cipher = createCipheriv('aes-256-gcm', keyObjectOf(key), nonce);
  cipher.setAAD(aad);
  updateInto(cipher, plain, into, at);
  cipher.final();
  into.set(cipher.getAuthTag(), at + plain.length);
  return plain.length + sealBytes;
}

/**
 * Node gives each output in new memory. In pieces that malloc has at hand, and given back at once instead of by the garbage collector,
 * that costs half as much as in one piece, and 70 MB less at the peak.
 */
function updateInto(cipher: Pick<Cipheriv, 'update'>, input: Uint8Array, into: Uint8Array, at: number): void {
  for (let from = 0; from < input.length; from += pieceBytes) {
    const piece: Uint8Array = cipher.update(input.subarray(from, from + pieceBytes));
    into.set(piece, at + from);
    if (piece.buffer instanceof ArrayBuffer && piece.buffer.byteLength === piece.length) piece.buffer.transfer(0);
  }
}

/** @returns null where it does not open: another key, another place, or damage. `into`: memory that may be used for it. */
export function unseal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array, into?: Uint8Array): Uint8Array | null {
  const end = sealed.length - sealBytes;
  if (end < 0) return null;
  const decipher = createDecipheriv('aes-256-gcm', keyObjectOf(key), nonce);
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(end));
  const plain = into !== undefined && into.length >= end ? into.subarray(0, end) : Buffer.allocUnsafeSlow(end);
  updateInto(decipher, sealed.subarray(0, end), plain, 0);
  try {
    decipher.final();
    return plain;
  } catch {
    return null;
  }
}

/** The bytes of a chunk out of its sealed form. GCM proves that the writer put exactly this chunk at this place of this pack. `into`: memory that may be used for it. @throws DamagedError */
export function openChunk(packKey: Uint8Array, packId: Uint8Array, reference: ChunkReference, sealed: Uint8Array, into?: Uint8Array): Uint8Array {
  const isFrame = reference.codec === 1;
  if (isFrame && frame.length < sealed.length) frame = Buffer.allocUnsafeSlow(sealed.length);
  const opened = unseal(packKey, nonceAt(reference.offset), chunkAad(packId, reference), sealed, isFrame ? frame : into);
  if (opened === null) throw new DamagedError(`The chunk at ${reference.offset} of pack ${Buffer.from(packId).toString('hex')} does not open: it is damaged, moved, or of another key.`);
  return requireLength(isFrame ? decompress(opened, reference, into) : opened, reference);
}

function decompress(opened: Uint8Array, reference: ChunkReference, into: Uint8Array | undefined): Uint8Array {
  try {
    return inflate(opened, reference.rawBytes, into);
  } catch (error) {
    throw new DamagedError(`The chunk at ${reference.offset} opened, and its zstd frame does not (${error instanceof Error ? error.message : String(error)}): its writer was broken.`);
  }
}

function requireLength(plain: Uint8Array, reference: ChunkReference): Uint8Array {
  if (plain.length !== reference.rawBytes) throw new DamagedError(`The chunk at ${reference.offset} has ${plain.length} bytes, and its reference says ${reference.rawBytes}.`);
  return plain;
}

/** What GCM does not say: that the writer computed the id from these very bytes. Slower; for verifying. */
export function requireId(keys: Pick<DerivedKeys, 'idKey'>, reference: ChunkReference, plain: Uint8Array): void {
  if (!isEqual(chunkId(keys, plain), reference.id)) throw new DamagedError(`The chunk at ${reference.offset} opened, and its content has another id: its writer was broken.`);
}

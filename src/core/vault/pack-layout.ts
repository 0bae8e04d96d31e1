// A pack, byte by byte: header, sealed chunks, sealed index, footer.
import { DamagedError } from './vault-errors.ts';
import { isEqual, magicOf, viewOf } from './bytes.ts';
import { chunkBytesMax, packBytesMax, packHeaderBytes, sealBytes } from './limits.ts';
import type { ChunkReference } from './recovery-point.ts';
import { encodeUtf8 } from './utf8.ts';

export const packFooterBytes = 24;
export const indexRowBytes = 64;
const headMagic = magicOf('HFPACK');
const footMagic = magicOf('HFPEND');
const indexWord = encodeUtf8('index');

export type PackHeader = { /** 16 bytes. */ readonly packId: Uint8Array /** 8 bytes. */; readonly keyId: Uint8Array };

export function encodePackHeader({ packId, keyId }: PackHeader, into: Uint8Array): void {
  into.set(headMagic, 0);
  into.set(packId, 8);
  into.set(keyId, 24);
}

/** @throws DamagedError */
export function decodePackHeader(bytes: Uint8Array): PackHeader {
  if (bytes.length < packHeaderBytes || !isEqual(bytes.subarray(0, 8), headMagic)) throw new DamagedError('This is no pack of format 1: it does not begin with HFPACK, 0, 1.');
  return { packId: bytes.slice(8, 24), keyId: bytes.slice(24, 32) };
}

export type PackFooter = { readonly indexOffset: number; readonly indexBytes: number; readonly chunks: number };

export function encodePackFooter({ indexOffset, indexBytes, chunks }: PackFooter, into: Uint8Array, at: number): void {
  const view = viewOf(into);
  view.setUint32(at, indexOffset, true);
  view.setUint32(at + 4, indexBytes, true);
  view.setUint32(at + 8, chunks, true);
  view.setUint32(at + 12, 0, true);
  into.set(footMagic, at + 16);
}

/** @param end the last bytes of a pack, at least the footer. @param packBytes of the whole pack. @throws DamagedError */
export function decodePackFooter(end: Uint8Array, packBytes: number): PackFooter {
  const at = end.length - packFooterBytes;
  if (at < 0 || !isEqual(end.subarray(at + 16), footMagic)) throw new DamagedError('This pack has no end: its last bytes are not HFPEND, 0, 1. It was cut, or it is something else.');
  const view = viewOf(end);
  const footer = { indexOffset: view.getUint32(at, true), indexBytes: view.getUint32(at + 4, true), chunks: view.getUint32(at + 8, true) };
  const fits = footer.indexOffset >= packHeaderBytes && footer.indexBytes === footer.chunks * indexRowBytes + sealBytes && footer.indexOffset + footer.indexBytes + packFooterBytes === packBytes;
  if (!fits || view.getUint32(at + 12, true) !== 0 || packBytes > packBytesMax)
    throw new DamagedError(`The footer of a pack of ${packBytes} bytes says: ${footer.chunks} chunks, index of ${footer.indexBytes} bytes at ${footer.indexOffset}. That does not fit.`);
  return footer;
}

/** Associated data of a sealed chunk: it opens only in this pack, at this place, as this chunk. */
export function chunkAad(packId: Uint8Array, chunk: { readonly offset: number; readonly rawBytes: number; readonly codec: number; readonly id: Uint8Array }): Uint8Array {
  const aad = new Uint8Array(60);
  const view = viewOf(aad);
  aad.set(packId, 0);
  view.setUint32(16, chunk.offset, true);
  view.setUint32(20, chunk.rawBytes, true);
  view.setUint32(24, chunk.codec, true);
  aad.set(chunk.id, 28);
  return aad;
}

export function indexAad(packId: Uint8Array, chunks: number): Uint8Array {
  const aad = new Uint8Array(16 + indexWord.length + 4);
  aad.set(packId, 0);
  aad.set(indexWord, 16);
  viewOf(aad).setUint32(16 + indexWord.length, chunks, true);
  return aad;
}

/** Of what is sealed at `offset`: as u64, then zeros. */
export function nonceAt(offset: number): Uint8Array {
  const nonce = new Uint8Array(12);
  viewOf(nonce).setUint32(0, offset, true);
  return nonce;
}

export function encodeIndexRow(chunk: Omit<ChunkReference, 'pack'>, into: Uint8Array, at: number): void {
  const view = viewOf(into);
  into.set(chunk.id, at);
  into.set(chunk.tag, at + 32);
  view.setUint32(at + 48, chunk.offset, true);
  view.setUint32(at + 52, chunk.storedBytes, true);
  view.setUint32(at + 56, chunk.rawBytes, true);
  view.setUint32(at + 60, chunk.codec, true);
}

/** @throws DamagedError where the rows do not lie one after the other between header and index. */
export function decodeIndex(index: Uint8Array, packId: Uint8Array, indexOffset: number): ChunkReference[] {
  const view = viewOf(index);
  const pack = packId.slice(0, 8);
  let next = packHeaderBytes;
  const chunks = Array.from({ length: index.length / indexRowBytes }, (_, i) => {
    const at = i * indexRowBytes;
    const codec = view.getUint32(at + 60, true);
    const chunk = {
      id: index.slice(at, at + 32),
      tag: index.slice(at + 32, at + 48),
      pack,
      offset: view.getUint32(at + 48, true),
      storedBytes: view.getUint32(at + 52, true),
      rawBytes: view.getUint32(at + 56, true),
    };
    if ((codec !== 0 && codec !== 1) || chunk.offset !== next || chunk.rawBytes > chunkBytesMax)
      throw new DamagedError(`Row ${i} of a pack's index does not fit (offset ${chunk.offset}, expected ${next}; codec ${codec}).`);
    next += chunk.storedBytes;
    return { ...chunk, codec: codec === 0 ? (0 as const) : (1 as const) };
  });
  if (next !== indexOffset) throw new DamagedError(`The chunks of a pack end at ${next}, and its index begins at ${indexOffset}.`);
  return chunks;
}

// References: 72 bytes that say where a chunk is and what it is.
import { MalformedError } from '../errors.ts';
import { viewOf } from './bytes.ts';
import { chunkBytesMax, packBytesMax, packHeaderBytes, sealBytes } from './limits.ts';
import type { ChunkReference } from './recovery-point.ts';

export const referenceBytes = 72;

export function encodeReference(reference: ChunkReference, into: Uint8Array, at: number): void {
  const view = viewOf(into);
  into.set(reference.id, at);
  into.set(reference.tag, at + 32);
  into.set(reference.pack, at + 48);
  view.setUint32(at + 56, reference.offset, true);
  view.setUint32(at + 60, reference.storedBytes, true);
  view.setUint32(at + 64, reference.rawBytes, true);
  view.setUint32(at + 68, reference.codec, true);
}

/** The bytes of the result are views of `bytes`. @throws MalformedError */
export function decodeReference(bytes: Uint8Array, at: number): ChunkReference {
  if (at + referenceBytes > bytes.length) throw new MalformedError(`A reference of ${referenceBytes} bytes was expected at ${at}, and ${bytes.length - at} bytes are left.`);
  const view = viewOf(bytes);
  const codec = view.getUint32(at + 68, true);
  const reference = {
    id: bytes.subarray(at, at + 32),
    tag: bytes.subarray(at + 32, at + 48),
    pack: bytes.subarray(at + 48, at + 56),
    offset: view.getUint32(at + 56, true),
    storedBytes: view.getUint32(at + 60, true),
    rawBytes: view.getUint32(at + 64, true),
  };
  if (codec !== 0 && codec !== 1) throw new MalformedError(`A reference at ${at} names codec ${codec}; this version knows 0 (as it is) and 1 (zstd).`);
  if (reference.rawBytes > chunkBytesMax) throw new MalformedError(`A reference at ${at} names a chunk of ${reference.rawBytes} bytes; the most is ${chunkBytesMax}.`);
  if (reference.storedBytes < sealBytes || reference.offset < packHeaderBytes || reference.offset + reference.storedBytes > packBytesMax)
    throw new MalformedError(`A reference at ${at} names ${reference.storedBytes} bytes at ${reference.offset}: no pack has that (at most ${packBytesMax}).`);
  return { ...reference, codec };
}

export function encodeReferences(references: readonly ChunkReference[]): Uint8Array {
  const bytes = new Uint8Array(references.length * referenceBytes);
  references.forEach((reference, i) => encodeReference(reference, bytes, i * referenceBytes));
  return bytes;
}

export function decodeReferences(bytes: Uint8Array): ChunkReference[] {
  if (bytes.length % referenceBytes !== 0) throw new MalformedError(`${bytes.length} bytes are no whole number of references of ${referenceBytes} bytes.`);
  return Array.from({ length: bytes.length / referenceBytes }, (_, i) => decodeReference(bytes, i * referenceBytes));
}

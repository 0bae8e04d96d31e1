// A pack's bytes for a worker that goes through them once: handed over, or read from the pack's file chunk by chunk into the same memory. A whole pack in new
// memory costs more than reading it.
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { packBytesMax } from '../core/vault/limits.ts';
import { DamagedError } from '../core/vault/vault-errors.ts';
import type { PackParts } from '../vault/pack-reader.ts';
import { readFully } from './content-reader.ts';
import { whyNot } from './file-walk.ts';

/** No Buffer: a slice of that would be no copy. */
let memory = new Uint8Array(0);

/** `run`: bytes of the pack from `from` on. */
export function partsInMemory(run: Uint8Array, from: number): PackParts {
  return { bytes: from + run.length, part: (offset, bytes) => run.subarray(offset - from, offset - from + bytes) };
}

/** @param end what has to be there; null: all that there is. @returns null where it is not: the site itself says what is wrong with it */
export function withPackFile<T>(file: string, end: number | null, act: (parts: PackParts) => T): T | null {
  let descriptor: number;
  try {
    descriptor = openSync(file, constants.O_RDONLY);
  } catch {
    return null;
  }
  try {
    const { size } = fstatSync(descriptor);
    if (size > packBytesMax || size < (end ?? 0)) return null;
    return act({ bytes: end ?? size, part: (offset, bytes) => readPart(descriptor, offset, bytes) });
  } finally {
    closeSync(descriptor);
  }
}

/** Good until the next call. @throws DamagedError */
function readPart(descriptor: number, offset: number, bytes: number): Uint8Array {
  if (memory.length < bytes) memory = new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
  let read: number;
  try {
    read = readFully(descriptor, memory, 0, bytes, offset);
  } catch (error) {
    throw new DamagedError(`${bytes} bytes at ${offset} cannot be read: ${whyNot(error)}`);
  }
  if (read < bytes) throw new DamagedError(`it ended at ${offset + read} while it was read`);
  return memory.subarray(0, bytes);
}

// A worker thread of a restore or a verification: opens each chunk of a run once and writes it wherever it belongs.
import { closeSync, constants, fchmodSync, fchownSync, ftruncateSync, futimesSync, openSync, writeSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { contentCut } from '../core/vault/fast-cdc.ts';
import { encodeIndexRow, indexRowBytes } from '../core/vault/pack-layout.ts';
import { DamagedError, KeyUnavailableError } from '../core/vault/vault-errors.ts';
import { chunkTag, openChunk } from '../vault/chunk-crypto.ts';
import { deriveKeys, type DataKey, type DerivedKeys } from '../vault/data-key.ts';
import { openPackParts, type PackParts } from '../vault/pack-reader.ts';
import { toNode } from './content-reader.ts';
import { readExtent, type ExtentFields } from './extent-list.ts';
import { whyNot } from './file-walk.ts';
import { isZero } from './is-zero.ts';
import { partsInMemory, withPackFile } from './pack-parts.ts';
import { fileNumbers, pieceNumbers, wholeNumber, type RestoreDone, type RestoreTask } from './restore-task.ts';

export type RestoreWorkerSetup = { readonly key: DataKey | null };

/** Zeros of this length are left out, so that they become a hole. */
const holeBytes = 64 * 1024;
/** Shorter writes cost more; longer ones sometimes twice as much, where the file system finds memory for them that the host of a VM has taken back. */
const writeBytes = 256 * 1024;

/** One chunk at a time is open. */
const memory = Buffer.allocUnsafeSlow(contentCut.maxBytes);
/** Of a pack without its key. */
const hashedBytes = 1024 * 1024;

let key: DataKey | null = null;
let keys: DerivedKeys | null = null;

export function begin(setup: RestoreWorkerSetup): (task: RestoreTask) => RestoreDone {
  key = setup.key;
  keys = key === null ? null : deriveKeys(key);
  return run;
}

function run(task: RestoreTask): RestoreDone {
  const { run: from, runOffset } = task;
  const work = (pack: PackParts) => (task.verify === null ? restore(task, pack) : verify(task, pack, task.verify.sha256));
  if (from instanceof Uint8Array) return work(partsInMemory(from, runOffset));
  return withPackFile(from.file, from.bytes === null ? null : runOffset + from.bytes, work) ?? unread;
}

const unread: RestoreDone = { bytes: 0, storedBytes: null, failures: [], damages: [], index: null };

function restore(task: RestoreTask, pack: PackParts): RestoreDone {
  const failures: { file: number; because: string }[] = [];
  const damages: { chunk: number; because: string }[] = [];
  const open = new OpenFiles(task, failures);
  let [current, bytes] = [-1, 0];
  let plain: Uint8Array | null = null;
  try {
    for (let at = 0; at < task.pieces.length; at += pieceNumbers) {
      const [chunk = 0, file = 0, position = 0, from = 0, length = 0] = task.pieces.subarray(at, at + pieceNumbers);
      if (chunk !== current) {
        [current, plain] = [chunk, openedOrNull(task, pack, chunk, damages)];
      }
      if (plain !== null && from + length > plain.length) damages.push({ chunk, because: `an extent names ${length} bytes at ${from} of a chunk of ${plain.length}` });
      else if (plain !== null && open.write(file, position, plain.subarray(from, from + length))) bytes += length;
    }
  } finally {
    open.close();
  }
  return { bytes, storedBytes: pack.bytes - task.runOffset, failures, damages, index: null };
}

/** With the key, each byte: header and footer are compared, index and chunks are opened, and nothing lies between them; the hash would prove nothing more. */
function verify(task: RestoreTask, pack: PackParts, sha256: string): RestoreDone {
  const wrong = (because: string): RestoreDone => ({ bytes: 0, storedBytes: pack.bytes, failures: [], damages: [{ chunk: null, because }], index: null });
  if (keys === null || key === null) {
    const found = hashOf(pack);
    return found === sha256 ? { ...unread, storedBytes: pack.bytes } : wrong(`its bytes have the SHA-256 ${found}, and its name says ${sha256}`);
  }
  try {
    const { packId, packKey, chunks } = openPackParts(pack, key);
    if (Buffer.from(packId).toString('hex') !== task.packId) return wrong(`it is pack ${Buffer.from(packId).toString('hex')}, and the point says ${task.packId}`);
    const index = new Uint8Array(chunks.length * indexRowBytes);
    let bytes = 0;
    for (const [i, chunk] of chunks.entries()) {
      const plain = openChunk(packKey, packId, chunk, pack.part(chunk.offset, chunk.storedBytes), memory);
      if (Buffer.compare(chunkTag(keys, plain), chunk.tag) !== 0) return wrong(`the chunk at ${chunk.offset} opens, but its bytes are not those that were stored`);
      encodeIndexRow(chunk, index, i * indexRowBytes);
      bytes += plain.length;
    }
    return { bytes, storedBytes: pack.bytes, failures: [], damages: [], index };
  } catch (error) {
    if (error instanceof DamagedError || error instanceof KeyUnavailableError) return wrong(error.message);
    throw error;
  }
}

function hashOf({ bytes, part }: PackParts): string {
  const whole = createHash('sha256');
  for (let at = 0; at < bytes; at += hashedBytes) whole.update(part(at, Math.min(hashedBytes, bytes - at)));
  return whole.digest('hex');
}

function openedOrNull(task: RestoreTask, pack: PackParts, chunk: number, damages: { chunk: number; because: string }[]): Uint8Array | null {
  try {
    return openedChunk(task, pack, chunk);
  } catch (error) {
    if (!(error instanceof DamagedError)) throw error;
    damages.push({ chunk, because: error.message });
    return null;
  }
}

/** Decrypted, which proves that it is the chunk of that id at that place, decompressed, and compared by its tag where there is one of the whole chunk. */
function openedChunk(task: RestoreTask, pack: PackParts, index: number): Uint8Array {
  const extent = readExtent(task.chunks, index);
  if (keys === null || extent.pack === null) throw new DamagedError(`an extent of pack ${task.packId} names no chunk`);
  const plain = openChunk(packKeyOf(keys, task.packId), Buffer.from(task.packId, 'hex'), extent, pack.part(extent.offset, extent.storedBytes), memory);
  if (!isProven(extent, plain)) throw new DamagedError(`the chunk at ${extent.offset} of pack ${task.packId} opens, but its bytes are not those that were stored`);
  return plain;
}

let lastPack = { packId: '', key: new Uint8Array(0) };

/** Of one run all chunks have the same. */
function packKeyOf({ packKey }: DerivedKeys, packId: string): Uint8Array {
  if (lastPack.packId !== packId) lastPack = { packId, key: new Uint8Array(packKey(Buffer.from(packId, 'hex'))) };
  return lastPack.key;
}

function isProven(extent: ExtentFields, plain: Uint8Array): boolean {
  if (keys === null || plain.length !== extent.rawBytes) return false;
  return extent.from !== 0 || extent.length !== extent.rawBytes || Buffer.compare(chunkTag(keys, plain), extent.tag) === 0;
}

/** The files of a run while it is written. */
class OpenFiles {
  readonly #task: RestoreTask;
  readonly #failures: { file: number; because: string }[];
  readonly #open: (number | null | undefined)[] = [];
  /** Pieces to come, for each file: after the last it is closed, since a run may be in thousands of files. */
  readonly #left: Uint32Array;

  constructor(task: RestoreTask, failures: { file: number; because: string }[]) {
    this.#task = task;
    this.#failures = failures;
    this.#left = new Uint32Array(task.paths.length);
    for (let at = 1; at < task.pieces.length; at += pieceNumbers) this.#left[task.pieces[at] ?? 0] = (this.#left[task.pieces[at] ?? 0] ?? 0) + 1;
  }

  write(file: number, position: number, plain: Uint8Array): boolean {
    const descriptor = this.#descriptor(file);
    this.#left[file] = (this.#left[file] ?? 0) - 1;
    if (descriptor === null) return false;
    try {
      const isSparse = this.#number(file, 4) > holeBytes;
      for (let [from, end] = [0, 0]; from < plain.length; from = end) {
        const isHole = isSparse && isZero(plain.subarray(from, from + holeBytes));
        end = from + holeBytes;
        while (!isHole && end < Math.min(from + writeBytes, plain.length) && !(isSparse && isZero(plain.subarray(end, end + holeBytes)))) end += holeBytes;
        if (!isHole) writeFully(descriptor, plain.subarray(from, end), position + from);
      }
      if (this.#left[file] === 0) this.#finish(file, descriptor);
      return true;
    } catch (error) {
      this.#fail(file, error);
      return false;
    }
  }

  /** Owner before mode (a change of owner clears bits of it), times last. */
  #finish(file: number, descriptor: number): void {
    if (this.#number(file, wholeNumber) === 1) {
      if (this.#task.isOwnerRestored) fchownSync(descriptor, this.#number(file, 1), this.#number(file, 2));
      fchmodSync(descriptor, this.#number(file, 0));
      const seconds = (this.#number(file, 3) + 0.5) / 1e6;
      futimesSync(descriptor, seconds, seconds);
    }
    this.#open[file] = null;
    closeSync(descriptor);
  }

  close(): void {
    for (const descriptor of this.#open) if (descriptor !== null && descriptor !== undefined) closeSync(descriptor);
  }

  #descriptor(file: number): number | null {
    const known = this.#open[file];
    if (known !== undefined) return known;
    try {
      const isNew = this.#number(file, wholeNumber) === 1;
      const descriptor = openSync(
        toNode(this.#task.paths[file] ?? ''),
        constants.O_WRONLY | constants.O_NOFOLLOW | (isNew ? constants.O_CREAT | (this.#task.isAgain ? constants.O_TRUNC : constants.O_EXCL) : 0),
        0o600,
      );
      this.#open[file] = descriptor;
      if (isNew && this.#number(file, 4) > holeBytes) ftruncateSync(descriptor, this.#number(file, 4));
      return descriptor;
    } catch (error) {
      this.#open[file] = null;
      this.#fail(file, error);
      return null;
    }
  }

  /** A full disk ends the restore; anything else is about this file. */
  #fail(file: number, error: unknown): void {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT' || error.code === 'EROFS')) throw error;
    this.#failures.push({ file, because: whyNot(error) });
  }

  #number(file: number, which: number): number {
    return this.#task.files[file * fileNumbers + which] ?? 0;
  }
}

function writeFully(descriptor: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done, bytes.length - done, position + done);
}

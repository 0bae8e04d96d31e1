// What the main thread asks of a reading worker, and what it gets back.
import type { Lent } from './pack-memory.ts';

/** What a file was when it was listed: if it is not that any more, it changed while it was read. */
export type Expected = { readonly device: bigint; readonly inode: bigint; readonly bytes: number; readonly mtimeNs: bigint; readonly ctimeNs: bigint };

/** A name on disk: text, or its bytes where they are no UTF-8. */
export type DiskPath = string | Uint8Array;

export type SegmentTask = {
  readonly kind: 'segment';
  readonly path: DiskPath;
  readonly expected: Expected;
  readonly from: number;
  readonly to: number;
  /** The extents that this file had in the parent point, from its first byte on; null: it is new. */
  readonly old: SharedArrayBuffer | null;
};

/**
 * Small files, which share a chunk. Rows instead of objects: there may be 100,000 a second of them, and what is sent to a worker is copied.
 * `expected`: device, inode, bytes, mtimeNs, ctimeNs of each; `old`: the one extent that the file had, zeros where it had none.
 */
export type BundleTask = { readonly kind: 'bundle'; readonly paths: readonly DiskPath[]; readonly expected: BigInt64Array; readonly old: Uint8Array };

export const expectedNumbers = 5;

export type ReadTask = SegmentTask | BundleTask;

/** `extents` is what was read, in order. `error`: the system's code, and nothing was read. */
export type ContentRead = { readonly extents: Uint8Array; readonly isChanged: boolean; readonly error: string | null };

/** One extent for each file of a bundle, zeros where nothing was read; which of them changed meanwhile, and which could not be read. */
export type BundleRead = { readonly extents: Uint8Array; readonly changed: readonly number[]; readonly errors: readonly (readonly [index: number, code: string])[] };

export type TaskRead = { readonly read: ContentRead | BundleRead; readonly count: ReadCount };

export type ReadCount = { readonly readBytes: number; readonly reusedBytes: number; readonly zeroBytes: number; readonly newBytes: number };

/** A pack on its way to the sites. */
export type SealedPack = { readonly packId: string; readonly sha256: string; readonly bytes: Uint8Array };

/** In memory of the worker, which it wants back. */
export type WorkersPack = SealedPack & { readonly lent: Lent };

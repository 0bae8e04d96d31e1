// What the main thread hands a restoring or verifying worker: a run of a pack's bytes, the chunks in it that are needed, and where their bytes go.
import type { DiskPath } from './read-task.ts';

/** Numbers of a file, one row each: mode, user, group, modification time in µs, bytes, whether all of it is in this run (then the worker makes and finishes it). */
export const fileNumbers = 6;
export const wholeNumber = 5;
/** Numbers of a piece, one row each: chunk, file, position in the file, offset in the chunk, bytes. */
export const pieceNumbers = 5;

export type RestoreTask = {
  /** 32 hex. */
  readonly packId: string;
  /** The pack's bytes from `runOffset` on; or where the worker reads so many of them by itself, `bytes` null: all that there are. */
  readonly run: Uint8Array | { readonly file: string; readonly bytes: number | null };
  readonly runOffset: number;
  /** One extent a chunk; its tag is that of the whole chunk only where the extent is the whole chunk. */
  readonly chunks: Uint8Array;
  readonly paths: readonly DiskPath[];
  readonly files: Float64Array;
  readonly pieces: Float64Array;
  /** Instead of writing: the whole pack is proven, with the key by itself, without one by its hash. */
  readonly verify: { readonly sha256: string } | null;
  readonly isOwnerRestored: boolean;
  /** The second try, from another site: files that the first one made are there. */
  readonly isAgain: boolean;
};

export type RestoreDone = {
  readonly bytes: number;
  /** Of the pack; null: its file could not be read, and nothing was done. */
  readonly storedBytes: number | null;
  /** Indexes of files that could not be written, and why. */
  readonly failures: readonly { readonly file: number; readonly because: string }[];
  /** Indexes of chunks that are not what was stored, and how that shows; the whole run where the index is null. Another site may have them. */
  readonly damages: readonly { readonly chunk: number | null; readonly because: string }[];
  /** What a pack that was proven with the key says of its chunks: the rows of its index. */
  readonly index: Uint8Array | null;
};

// The port to one kind of protected resource: how it is read for a backup and written back by a restore.
import type { ContentDigest, EntryMeta } from '../core/vault/recovery-point.ts';

/** One entry as a source gives it. `content` is read once, to its end, before the next entry is asked for; null: it has none. */
export type SourceEntry = { readonly meta: EntryMeta; readonly content: AsyncIterable<Uint8Array> | null };

/** Something that can be read by itself, side by side with the others. */
export type Piece = { readonly id: string };

/** Where a source was at some moment, as JSON of its own; `changes` goes on from it. */
export type SourcePosition = Readonly<Record<string, unknown>>;

export type WrittenBack = { readonly items: number; readonly bytes: number };

/**
 * Contract (test/contract/backup-source.ts):
 * - `list` cuts the resource into at most `piecesMax` pieces that together are all of it, each thing in one of them.
 * - `position`, asked *before* reading, and then `changes` from it, miss nothing that happened while reading.
 * - `read` and `changes` hold a bounded part in memory, whatever the size of the resource.
 * - `writeBack` is idempotent: repeating it, or going on after a crash, ends with the same content.
 * - `digest` is of what is there now, over the same canonical content that `read` gives.
 */
export interface BackupSource<Target> {
  readonly kind: string;
  readonly name: string;
  list(piecesMax: number): Promise<readonly Piece[]>;
  read(piece: Piece): AsyncIterable<SourceEntry>;
  position(): Promise<SourcePosition>;
  changes(since: SourcePosition): AsyncIterable<SourceEntry>;
  writeBack(target: Target, entries: AsyncIterable<SourceEntry>): Promise<WrittenBack>;
  digest(target: Target): Promise<ContentDigest>;
}

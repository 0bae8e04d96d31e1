// One file on its way into a point: its segments are read side by side and may end in any order; its entry is written when all are there.
import { contentLength, ExtentList } from './extent-list.ts';
import { metaJson, type MetaSource } from './file-meta.ts';
import type { ContentRead } from './read-task.ts';

export type QueuedEntry = { readonly json: string | Uint8Array; readonly extents: Uint8Array };

/** In the order of the tree: an entry that is ready, or a file that is still being read. */
export type Queued = {
  readonly isRead: boolean;
  /** null: it could not be read and has none. */
  readonly entry: () => QueuedEntry | null;
  /** What can be said in a checkpoint of what was read so far. */
  readonly partial: () => QueuedEntry | null;
};

export function ready(entry: QueuedEntry): Queued {
  return { isRead: true, entry: () => entry, partial: () => entry };
}

export class FileJob implements Queued {
  #meta: MetaSource;
  #json: string | null;
  #segments: (ContentRead | null)[] = [];
  #lengths: number[] = [];
  #isClosed = false;
  #mayRepeat = true;
  #isGone = false;

  /** @param json of the file as it was listed */
  constructor(meta: MetaSource, json: string) {
    this.#meta = meta;
    this.#json = json;
  }

  get meta(): MetaSource {
    return this.#meta;
  }

  expect(bytes: number): number {
    this.#lengths.push(bytes);
    return this.#segments.push(null) - 1;
  }

  arrive(segment: number, content: ContentRead): void {
    this.#segments[segment] = content;
  }

  /** All segments that will be are expected. */
  close(): void {
    this.#isClosed = true;
  }

  /** It could not be read at all: it has no entry. */
  give(): void {
    this.#isGone = true;
  }

  /** Once more from the beginning: it is another file by now. */
  startAgain(meta: MetaSource): void {
    this.#meta = meta;
    this.#json = null;
    this.#segments = [];
    this.#lengths = [];
    this.#isClosed = false;
    this.#mayRepeat = false;
  }

  get #isComplete(): boolean {
    return this.#isClosed && !this.#segments.includes(null);
  }

  /** Its entry can be written. */
  get isRead(): boolean {
    return this.#isGone || (this.#isComplete && this.error === null && !(this.#mayRepeat && this.isChanged));
  }

  get isChanged(): boolean {
    return this.#segments.some((segment) => segment?.isChanged === true);
  }

  get error(): string | null {
    return this.#segments.find((segment) => (segment?.error ?? null) !== null)?.error ?? null;
  }

  entry(): QueuedEntry | null {
    if (this.#isGone) return null;
    const extents = this.#extents(this.#segments.length);
    const json = this.#json !== null && !this.isChanged ? this.#json : metaJson(this.#meta, contentLength(extents), 'fresh');
    return { json, extents };
  }

  partial(): QueuedEntry | null {
    if (this.isRead) return this.entry();
    const missing = this.#segments.indexOf(null);
    const extents = this.#extents(missing < 0 ? this.#segments.length : missing);
    return extents.length === 0 ? null : { json: metaJson(this.#meta, contentLength(extents), 'partial'), extents };
  }

  /** What a file that became shorter lacks in the middle is a hole, so that the rest stays in its place. */
  #extents(segments: number): Uint8Array {
    const [first] = this.#segments;
    if (segments === 1 && first !== undefined && first !== null) return first.extents;
    const list = new ExtentList();
    for (const [i, segment] of this.#segments.slice(0, segments).entries()) {
      if (segment === null) break;
      list.addAll(segment.extents);
      const lacking = (this.#lengths[i] ?? 0) - contentLength(segment.extents);
      if (lacking > 0 && this.#segments.slice(i + 1).some((later) => (later?.extents.length ?? 0) > 0)) list.addHole(lacking);
    }
    return list.bytes;
  }
}

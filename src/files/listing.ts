// Lists trees for a backup, some hundred entries at a time: in this thread, or, where there are many, in one of its own, beside which they are compared with what they were.
import type { EntryName } from './entry-name.ts';
import { type FileStat, fileTypes } from './file-meta.ts';
import { walk, type Found, type Warn, type WalkRoot } from './file-walk.ts';
import { statFields, takeBatch, type ListRequest, type ListSetup, type SentBatch, type SentName } from './list-worker.ts';
import { WorkerPool } from './worker-pool.ts';

/** `askedMs`: when it was asked for, before the first of them was looked at. */
export type ListedBatch = { readonly found: readonly Found[]; readonly askedMs: number };

export type ListingOptions = {
  readonly roots: readonly WalkRoot[];
  /** About so many entries are to be listed. */
  readonly expected: number;
  readonly warn: Warn;
  readonly nowMs: () => number;
};

export type Listing = {
  /** In the order of the trees; null: that was all. */
  readonly next: () => Promise<ListedBatch | null>;
  readonly close: () => Promise<void>;
};

const batchesAhead = 6;
/** With fewer a thread takes longer to start than it saves. */
const threadEntriesMin = 30_000;

export function list(options: ListingOptions): Listing {
  return options.expected < threadEntriesMin ? listHere(options) : new ThreadListing(options);
}

function listHere({ roots, warn, nowMs }: ListingOptions): Listing {
  const entries = walk(roots, warn);
  return {
    next: async () => {
      const askedMs = nowMs();
      const found = takeBatch(entries);
      return found.length === 0 ? null : { found, askedMs };
    },
    close: async () => {},
  };
}

class ThreadListing implements Listing {
  readonly #pool: WorkerPool<ListRequest, SentBatch>;
  readonly #options: ListingOptions;
  readonly #asked: { readonly askedMs: number; readonly sent: Promise<SentBatch> }[] = [];

  constructor(options: ListingOptions) {
    this.#options = options;
    this.#pool = new WorkerPool({ file: new URL('list-worker.ts', import.meta.url), count: 1, setup: (): ListSetup => ({ roots: options.roots }), onNews: () => {} });
    for (let i = 0; i < batchesAhead; i += 1) this.#ask();
  }

  async next(): Promise<ListedBatch | null> {
    const asked = this.#asked.shift();
    if (asked === undefined) return null;
    const sent = await asked.sent;
    for (const warning of sent.warnings) this.#options.warn(warning);
    if (sent.names.length === 0) return null;
    this.#ask();
    return { found: foundOf(sent), askedMs: asked.askedMs };
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  #ask(): void {
    // Before: the thread may be quicker.
    const askedMs = this.#options.nowMs();
    const sent = this.#pool.run({});
    // Awaited later: until then a failure must not count as unhandled.
    sent.catch(() => undefined);
    this.#asked.push({ askedMs, sent });
  }
}

function foundOf({ names, paths, types, numbers, targets }: SentBatch): Found[] {
  const targetOf = new Map(targets);
  return names.map((name, i) => {
    const type = fileTypes[types[i] ?? fileTypes.length];
    const path = paths[i];
    if (type === undefined || path === undefined) throw new Error('the listing thread gave an entry without a path or a type');
    const target = targetOf.get(i);
    return { name: nameOf(name), path: nameOf(path), type, target: target === undefined ? null : nameOf(target), stat: statOf(numbers, i * statFields.length) };
  });
}

function nameOf(sent: SentName): EntryName {
  return typeof sent === 'string' ? sent : Buffer.from(sent.buffer, sent.byteOffset, sent.length);
}

function statOf(numbers: BigInt64Array, at: number): FileStat {
  const number = (i: number) => numbers[at + i] ?? 0n;
  // As in `statFields`.
  return {
    dev: number(0),
    ino: number(1),
    mode: number(2),
    nlink: number(3),
    uid: number(4),
    gid: number(5),
    rdev: number(6),
    size: number(7),
    mtimeNs: number(8),
    ctimeNs: number(9),
  };
}

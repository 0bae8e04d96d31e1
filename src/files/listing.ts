// Lists trees for a backup, some hundred entries at a time: in this thread, or, where there are many, in one of its own. Looking at a file takes as long as comparing it with
// what it was, so that the two side by side take half of the time.
import type { EntryName } from './entry-name.ts';
import { type FileStat, fileTypes } from './file-meta.ts';
import { walk, type Found, type Warn, type WalkRoot } from './file-walk.ts';
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

const batchEntries = 500;
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
      const found = take(entries, batchEntries);
      return found.length === 0 ? null : { found, askedMs };
    },
    close: async () => {},
  };
}

/** The setup of the thread, which is then asked by empty requests. */
export type ListSetup = { readonly roots: readonly WalkRoot[] };
export type ListRequest = Readonly<Record<string, never>>;

/** Columns instead of objects: what a thread sends is copied. `numbers`: `statFields` of each; `types`: by their place in `fileTypes`. */
export type SentBatch = {
  readonly names: readonly SentName[];
  readonly paths: readonly SentName[];
  readonly types: Uint8Array;
  readonly numbers: BigInt64Array;
  readonly targets: readonly (readonly [index: number, target: SentName])[];
  readonly warnings: readonly string[];
};

/** A Buffer arrives as what it is made of. */
type SentName = string | Uint8Array;

const statFields = ['dev', 'ino', 'mode', 'nlink', 'uid', 'gid', 'rdev', 'size', 'mtimeNs', 'ctimeNs'] as const;

/** What the thread does. */
export function sender({ roots }: ListSetup): () => SentBatch {
  const warnings: string[] = [];
  const entries = walk(roots, (what) => warnings.push(what));
  return () => {
    const found = take(entries, batchEntries);
    const numbers = new BigInt64Array(found.length * statFields.length);
    const types = new Uint8Array(found.length);
    const targets: [number, EntryName][] = [];
    for (const [i, { stat, type, target }] of found.entries()) {
      let at = i * statFields.length;
      for (const field of statFields) numbers[at++] = stat[field];
      types[i] = fileTypes.indexOf(type);
      if (target !== null) targets.push([i, target]);
    }
    return { names: found.map(({ name }) => name), paths: found.map(({ path }) => path), types, numbers, targets, warnings: warnings.splice(0) };
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
    const sent = this.#pool.run({});
    // Awaited later: until then a failure must not count as unhandled.
    sent.catch(() => undefined);
    this.#asked.push({ askedMs: this.#options.nowMs(), sent });
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

function take(entries: Iterator<Found>, most: number): Found[] {
  const found: Found[] = [];
  while (found.length < most) {
    const next = entries.next();
    if (next.done === true) break;
    found.push(next.value);
  }
  return found;
}

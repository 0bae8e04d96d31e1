// Lists trees for a backup, some hundred entries at a time. Where there are many, threads look at the files and make their entries, beside which the main thread
// reads the folders and compares with what was there before.
import { setImmediate } from 'node:timers/promises';
import { nameIn, readMeta, typeOf } from './file-meta.ts';
import { nameRuns, pathOf, walk, type Found, type NameRun, type Warn, type WalkRoot } from './file-walk.ts';
import { makeEntries, statOf, type LookRequest, type MadeEntries, type SentEntries } from './list-worker.ts';
import { WorkerPool } from './worker-pool.ts';

export type ListedBatch = {
  readonly count: number;
  /** When it was asked for, before the first of them was looked at. */
  readonly askedMs: number;
  readonly found: (index: number) => ListedFile;
  /** Their entries, where threads made them. */
  readonly made: MadeEntries | null;
};

/** `json`: as a thread made it (`MadeEntries`). */
export type ListedFile = Found & { readonly json: string | null };

export type ListingOptions = {
  readonly roots: readonly WalkRoot[];
  /** 0: all is done here. */
  readonly threads: number;
  readonly warn: Warn;
  readonly nowMs: () => number;
};

export type Listing = {
  /** In the order of the trees; null: that was all. */
  readonly next: () => Promise<ListedBatch | null>;
  readonly close: () => Promise<void>;
};

const batchEntries = 1000;
/** So that no thread waits for the main one. */
const batchesAheadOfEach = 4;

type Asked = { readonly askedMs: number; readonly sent: Promise<SentEntries>; isThere: boolean };

export function list(options: ListingOptions): Listing {
  return options.threads === 0 ? listHere(options) : new ThreadListing(options);
}

function listHere({ roots, warn, nowMs }: ListingOptions): Listing {
  const entries = walk(roots, warn);
  return {
    next: async () => {
      const askedMs = nowMs();
      const found = take(entries, batchEntries, () => 1);
      return found.length === 0 ? null : { count: found.length, askedMs, found: (index) => ({ ...there(found[index]), json: null }), made: null };
    },
    close: async () => {},
  };
}

class ThreadListing implements Listing {
  readonly #pool: WorkerPool<LookRequest, SentEntries>;
  readonly #options: ListingOptions;
  readonly #runs: Iterator<NameRun>;
  readonly #asked: Asked[] = [];

  constructor(options: ListingOptions) {
    this.#options = options;
    this.#runs = nameRuns(options.roots, options.warn);
    this.#pool = new WorkerPool({ file: new URL('list-worker.ts', import.meta.url), count: options.threads, setup: () => ({}), onNews: () => {} });
    for (let i = 0; i < batchesAheadOfEach * (options.threads + 1); i += 1) this.#ask();
  }

  async next(): Promise<ListedBatch | null> {
    const asked = this.#asked.shift();
    if (asked === undefined) return null;
    // What waits for a thread is looked at here, as long as there is nothing else to do here.
    while (!asked.isThere && this.#pool.runHere(makeEntries)) await setImmediate();
    const sent = await asked.sent;
    this.#ask();
    for (const warning of sent.warnings) this.#options.warn(warning);
    return batchOf(asked.askedMs, sent, this.#options.roots);
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  #ask(): void {
    // Before: the thread may be quicker.
    const askedMs = this.#options.nowMs();
    const runs = take(this.#runs, batchEntries, ({ children }) => children?.length ?? 1);
    if (runs.length === 0) return;
    const asked: Asked = { askedMs, sent: this.#pool.run({ runs, askedMs }), isThere: false };
    // A failure is met where it is awaited.
    const isThere = () => (asked.isThere = true);
    asked.sent.then(isThere, isThere);
    this.#asked.push(asked);
  }
}

function batchOf(askedMs: number, sent: SentEntries, roots: readonly WalkRoot[]): ListedBatch {
  const made = { ...sent, json: Buffer.from(sent.json.buffer, sent.json.byteOffset, sent.json.length) };
  const found = (index: number): ListedFile => {
    const [from, to] = [index === 0 ? 0 : there(made.ends[index - 1]), there(made.ends[index])];
    const [name, stat] = [nameIn(made.json, from, to), statOf(made.numbers, index)];
    const [type, json] = [typeOf(stat), made.json.toString('utf8', from, to)];
    return { name, path: pathOf(name, roots), stat, type, target: type === 'l' ? readMeta(json).target : null, json };
  };
  return { count: made.ends.length, askedMs, found, made };
}

/** Until they weigh so much. */
function take<Item>(items: Iterator<Item>, weight: number, of: (item: Item) => number): Item[] {
  const taken: Item[] = [];
  for (let sum = 0; sum < weight; ) {
    const next = items.next();
    if (next.done === true) break;
    taken.push(next.value);
    sum += of(next.value);
  }
  return taken;
}

function there<Item>(item: Item | undefined): Item {
  if (item === undefined) throw new RangeError('a batch of listed files was asked for more than it has');
  return item;
}

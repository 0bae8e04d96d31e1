// The parent point's entries, side by side with the tree as it is now: both come in the same order, so that neither has to be in memory.
import { comparePaths, type EntryName } from './entry-name.ts';
import type { RawEntry } from './entry-stream.ts';
import { readMeta, type FileMeta } from './file-meta.ts';

export type OldEntry = { readonly entry: RawEntry /** Its JSON is what was expected, byte by byte. */; readonly isSame: boolean };

/** Behind the name in an entry's JSON, and, since a name's own quotes are escaped, nowhere before. */
const afterName = Buffer.from('","t":"');

export class ParentCursor {
  readonly #batches: AsyncIterator<RawEntry[]>;
  #batch: readonly RawEntry[] = [];
  #at = 0;
  #meta: FileMeta | null = null;
  #isEnded = false;

  constructor(entries: AsyncIterable<RawEntry[]>) {
    this.#batches = entries[Symbol.asyncIterator]();
  }

  /** The old entry of this name; null: there was none. Names must be asked for in order. */
  async find(name: EntryName, json: string): Promise<OldEntry | null> {
    const expected = Buffer.from(json);
    const named = expected.subarray(0, expected.indexOf(afterName) + afterName.length);
    for (;;) {
      const entry = this.#batch[this.#at];
      if (entry === undefined) {
        if (this.#isEnded) return null;
        await this.#more();
        continue;
      }
      if (entry.json.equals(expected)) {
        this.#next();
        return { entry, isSame: true };
      }
      // A file that changed, most often: not worth parsing what it was.
      if (named.length >= afterName.length && entry.json.subarray(0, named.length).equals(named)) {
        this.#next();
        return { entry, isSame: false };
      }
      this.#meta ??= readMeta(entry.json.toString());
      const order = comparePaths(this.#meta.name, name);
      if (order > 0) return null;
      this.#next();
      if (order === 0) return { entry, isSame: false };
    }
  }

  #next(): void {
    this.#at += 1;
    this.#meta = null;
  }

  async #more(): Promise<void> {
    const next = await this.#batches.next();
    [this.#batch, this.#at] = [next.done === true ? [] : next.value, 0];
    this.#isEnded = next.done === true;
  }
}

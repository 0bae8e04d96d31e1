// The parent point's entries, side by side with the tree as it is now: both come in the same order, so that neither has to be in memory.
import { comparePaths, type EntryName } from './entry-name.ts';
import type { RawEntry } from './entry-stream.ts';
import { afterName, readMeta, type FileMeta } from './file-meta.ts';

export type OldEntry = { readonly entry: RawEntry /** Its JSON is what was expected, byte by byte. */; readonly isSame: boolean };

/** Where the JSON that is looked for is written to, each time anew. */
let expectedRoom = Buffer.allocUnsafeSlow(4096);

export class ParentCursor {
  readonly #batches: AsyncIterator<RawEntry[]>;
  #batch: readonly RawEntry[] = [];
  #at = 0;
  #meta: FileMeta | null = null;
  #isEnded = false;

  constructor(entries: AsyncIterable<RawEntry[]>) {
    this.#batches = entries[Symbol.asyncIterator]();
  }

  /** Nothing is left of what was read. */
  get isUsedUp(): boolean {
    return this.#at === this.#batch.length && !this.#isEnded;
  }

  /** The next one, if its JSON is what is there in `json`. */
  takeSame(json: Buffer, from: number, to: number): RawEntry | null {
    const entry = this.#batch[this.#at];
    if (entry === undefined || !entry.isJson(json, from, to)) return null;
    this.#next();
    return entry;
  }

  /** The old entry of this name; null: there was none. Names must be asked for in order. */
  async find(name: EntryName, json: string): Promise<OldEntry | null> {
    for (;;) {
      const found = this.findRead(name, json);
      if (found !== undefined) return found;
      await this.more();
    }
  }

  /** Like `find`, at once; undefined: more has to be read to know it. */
  findRead(name: EntryName, json: string): OldEntry | null | undefined {
    if (json.length * 3 > expectedRoom.length) expectedRoom = Buffer.allocUnsafeSlow(json.length * 3);
    const expectedBytes = expectedRoom.write(json);
    for (let entry = this.#batch[this.#at]; entry !== undefined; entry = this.#batch[this.#at]) {
      if (entry.isJson(expectedRoom, 0, expectedBytes)) {
        this.#next();
        return { entry, isSame: true };
      }
      const expected = expectedRoom.subarray(0, expectedBytes);
      const named = expected.subarray(0, expected.indexOf(afterName) + afterName.length);
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
    return this.#isEnded ? null : undefined;
  }

  #next(): void {
    this.#at += 1;
    this.#meta = null;
  }

  async more(): Promise<void> {
    const next = await this.#batches.next();
    [this.#batch, this.#at] = [next.done === true ? [] : next.value, 0];
    this.#isEnded = next.done === true;
  }
}

// Which chunks a chain has stored, by id, in memory that does not grow with their number: sorted runs on disk, merged as they become many, and in memory only the
// newest records, the filters and one word a page. It is a cache: whatever is lost or damaged costs some bytes that are stored twice, never a wrong content, and is
// made anew from the packs' own indexes or from a point's entries.
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromHex } from '../core/vault/bytes.ts';
import { RefusedError } from '../core/errors.ts';
import type { ChunkReference, PackRow } from '../core/vault/recovery-point.ts';
import { BloomFilter, filterBitsMax } from './bloom-filter.ts';
import { IndexMemoryTable } from './index-memory-table.ts';
import { IndexPacks } from './index-packs.ts';
import { idWords, isPlace, type IdWords, type IndexPlace } from './index-record.ts';
import { IndexRun, mergeRuns, RunDamagedError, RunWriter, type RunFacts } from './index-run.ts';
import { emptyList, readList, takeLock, type IndexList } from './index-list.ts';

export type DedupIndexOptions = {
  /** Of the index's own arrays; Node itself comes on top. At least 128 KiB. */
  readonly memoryBytesMax: number;
};

/** Without a tag, which the index does not keep: who stores the reference makes the tag of the bytes at hand. */
export type IndexedChunk = { readonly reference: Omit<ChunkReference, 'tag'>; readonly pack: PackRow };

const runsOfLevelMax = 8;
const tableEntriesMax = 2 ** 20;
const memoryBytesLeast = 128 * 1024;
const listName = 'index.json';

export class DedupIndex {
  readonly #directory: string;
  readonly #filterBytesMax: number;
  readonly #table: IndexMemoryTable;
  #packs: IndexPacks;
  #list: IndexList;
  /** Newest first. */
  #runs: IndexRun[] = [];
  #damages: string[] = [];
  readonly #release: () => void;

  private constructor(directory: string, memoryBytesMax: number) {
    this.#directory = directory;
    let entries = tableEntriesMax;
    while (IndexMemoryTable.bytesOf(entries) > memoryBytesMax / 4) entries /= 2;
    this.#filterBytesMax = memoryBytesMax / 2;
    this.#release = takeLock(join(directory, 'lock'));
    try {
      this.#list = readList(join(directory, listName)) ?? emptyList;
      this.#table = new IndexMemoryTable(entries);
      this.#packs = new IndexPacks(join(directory, 'packs'), this.#list.packs);
      this.#openRuns();
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  /** One process at a time. @throws RefusedError where another one has it open */
  static open(directory: string, { memoryBytesMax }: DedupIndexOptions): DedupIndex {
    if (!(memoryBytesMax >= memoryBytesLeast)) throw new RefusedError(`A dedup index in ${memoryBytesMax} bytes of memory: it needs at least ${memoryBytesLeast}. Nothing was changed`);
    mkdirSync(directory, { recursive: true });
    return new DedupIndex(directory, memoryBytesMax);
  }

  /** What the last `flush` said that the index covers (the name of a point, say); null: nothing, or some of it was lost: then `clear` it and fill it anew. */
  get mark(): string | null {
    return this.#list.mark;
  }

  /** What was found damaged and given up since it was opened. */
  get damages(): readonly string[] {
    return this.#damages;
  }

  /** An id in several runs is counted in each. */
  get entries(): number {
    return this.#runs.reduce((sum, run) => sum + run.facts.entries, this.#table.count);
  }

  get runs(): readonly RunFacts[] {
    return this.#runs.map((run) => run.facts);
  }

  /** A later place of the same id counts. */
  add(reference: Omit<ChunkReference, 'tag' | 'pack'>, pack: PackRow): void {
    const { id, offset, storedBytes, rawBytes, codec } = reference;
    if (id.length !== 32 || !isPlace({ offset, storedBytes, rawBytes, codec }))
      throw new RefusedError(`A chunk of ${rawBytes} bytes, stored as ${storedBytes} at ${offset}, with an id of ${id.length} bytes: no pack has that. It was not indexed`);
    this.#table.add(idWords(id), { pack: this.#packs.numberOf(pack), offset, storedBytes, rawBytes, codec });
    if (this.#table.isFull) this.#flushTable(null);
  }

  find(id: Uint8Array): IndexedChunk | undefined {
    const place = this.#placeOf(idWords(id));
    if (place === null) return undefined;
    const pack = this.#packs.row(place.pack);
    if (pack === null) {
      this.#giveUp(`pack ${place.pack} in its table is damaged`);
      return undefined;
    }
    const { offset, storedBytes, rawBytes, codec } = place;
    return { reference: { id, pack: fromHex(pack.packId.slice(0, 16)), offset, storedBytes, rawBytes, codec }, pack };
  }

  /** What was added is on disk afterwards, and with it that it covers `mark`. */
  flush(mark: string | null = null): void {
    this.#flushTable(mark);
  }

  /** Forgets everything, to be filled anew. */
  clear(): void {
    const old = this.#runs;
    this.#table.clear();
    this.#runs = [];
    this.#damages = [];
    this.#packs.close();
    this.#packs = new IndexPacks(join(this.#directory, 'packs'), 0);
    this.#writeList({ ...emptyList, sequence: this.#list.sequence });
    for (const run of old) this.#remove(run);
  }

  /** What was not flushed is forgotten. */
  close(): void {
    for (const run of this.#runs) run.close();
    this.#packs.close();
    this.#release();
  }

  #placeOf(id: IdWords): IndexPlace | null {
    const newest = this.#table.find(id);
    if (newest !== null) return newest;
    for (const run of this.#runs) {
      try {
        const place = run.find(id);
        if (place !== null) return place;
      } catch (error) {
        if (!(error instanceof RunDamagedError)) throw error;
        this.#discard(run, error);
      }
    }
    return null;
  }

  #openRuns(): void {
    const kept: IndexRun[] = [];
    for (const facts of this.#list.runs) {
      try {
        kept.push(IndexRun.open(this.#pathOf(facts.sequence), facts));
      } catch (error) {
        if (!(error instanceof RunDamagedError)) throw error;
        this.#damages.push(error.message);
      }
    }
    this.#runs = kept;
    if (kept.length < this.#list.runs.length) this.#writeList({ ...this.#list, mark: null });
    // What a run that was killed left behind.
    const known = new Set(kept.map((run) => nameOf(run.facts.sequence)));
    for (const name of readdirSync(this.#directory)) if (/^run-\d+$|\.new$/.test(name) && !known.has(name)) rmSync(join(this.#directory, name));
  }

  #flushTable(mark: string | null): void {
    this.#packs.flush();
    if (this.#table.count > 0) {
      const writer = this.#writer(0, this.#table.count, []);
      this.#table.each((records, at) => writer.add(records, at));
      this.#runs = [writer.finish(), ...this.#runs];
      this.#table.clear();
    }
    this.#writeList({ ...this.#list, mark: this.#damages.length === 0 ? mark : null });
    for (let level = 0; this.#runs.filter((run) => run.facts.level === level).length >= runsOfLevelMax; level += 1) this.#merge(level);
  }

  /** All of one level become one of the next, which is newer than what that level has, and older than what is below. */
  #merge(level: number): void {
    const merged = this.#runs.filter((run) => run.facts.level === level);
    for (const run of merged) run.dropFilter();
    const writer = this.#writer(
      level + 1,
      merged.reduce((sum, run) => sum + run.facts.entries, 0),
      merged,
    );
    try {
      mergeRuns(merged, writer);
    } catch (error) {
      writer.abandon();
      rmSync(this.#pathOf(this.#list.sequence), { force: true });
      if (!(error instanceof RunDamagedError)) throw error;
      const damaged = merged.find((run) => run.facts.sequence === error.sequence);
      if (damaged === undefined) throw error;
      this.#discard(damaged, error);
      return;
    }
    const made = writer.finish();
    const [newer, older] = [this.#runs.filter((run) => run.facts.level < level), this.#runs.filter((run) => run.facts.level > level)];
    this.#runs = [...newer, made, ...older];
    this.#writeList(this.#list);
    for (const run of merged) this.#remove(run);
  }

  #writer(level: number, entries: number, merged: readonly IndexRun[]): RunWriter {
    const others = this.#runs.filter((run) => !merged.includes(run)).reduce((sum, run) => sum + run.filterBytes, 0);
    let bits = filterBitsMax;
    while (bits >= 1 && others + BloomFilter.wordsOf(entries, bits) * 4 > this.#filterBytesMax) bits -= 1;
    const sequence = this.#list.sequence + 1;
    this.#list = { ...this.#list, sequence };
    return new RunWriter(this.#pathOf(sequence), sequence, level, entries, bits);
  }

  #discard(run: IndexRun, error: RunDamagedError): void {
    this.#runs = this.#runs.filter((other) => other !== run);
    this.#giveUp(error.message);
    this.#remove(run);
  }

  #giveUp(damage: string): void {
    this.#damages.push(damage);
    this.#writeList({ ...this.#list, mark: null });
  }

  #remove(run: IndexRun): void {
    run.close();
    rmSync(this.#pathOf(run.facts.sequence), { force: true });
  }

  /** At once or not at all: a run counts from here on. */
  #writeList(list: IndexList): void {
    this.#list = { ...list, packs: this.#packs.stored, runs: this.#runs.map((run) => run.facts) };
    const path = join(this.#directory, listName);
    writeFileSync(`${path}.new`, JSON.stringify(this.#list), { flush: true });
    renameSync(`${path}.new`, path);
    const folder = openSync(this.#directory, 'r');
    fsyncSync(folder);
    closeSync(folder);
  }

  #pathOf(sequence: number): string {
    return join(this.#directory, nameOf(sequence));
  }
}

function nameOf(sequence: number): string {
  return `run-${sequence}`;
}

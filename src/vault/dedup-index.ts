// Which chunks are stored, by id, in memory that does not grow with their number: sorted runs in files without a name, merged as they become many, and in memory
// only the newest records, the filters and one word a page. It is filled once and then only asked, by any thread of this process. It may forget: that costs
// some bytes that are stored twice, never a wrong content.
import { RefusedError } from '../core/errors.ts';
import { BloomFilter, filterBitsMax } from './bloom-filter.ts';
import { IndexMemoryTable } from './index-memory-table.ts';
import type { SharedIndex } from './index-reader.ts';
import { idWords, isPlace, type ChunkPlace } from './index-record.ts';
import { mergeRuns, RunDamagedError, RunWriter, type IndexRun } from './index-run.ts';

export type DedupIndexOptions = {
  /** Where its files are; at 36 bytes an entry, and while runs are merged twice that. */
  readonly directory: string;
  /** Of the index's own arrays; Node itself comes on top. At least 128 KiB. */
  readonly memoryBytesMax: number;
};

const runsOfLevelMax = 8;
const tableEntriesMax = 2 ** 20;
const memoryBytesLeast = 128 * 1024;
/** Of the filters' memory that is left, so that newer runs have some: a run without a filter is read for every lookup. */
const filterShareMax = 0.75;

export class DedupIndex {
  readonly #directory: string;
  readonly #filterBytesMax: number;
  readonly #table: IndexMemoryTable;
  /** Newest first. */
  #runs: IndexRun[] = [];
  #sequence = 0;

  /** @throws RefusedError */
  constructor({ directory, memoryBytesMax }: DedupIndexOptions) {
    if (!(memoryBytesMax >= memoryBytesLeast)) throw new RefusedError(`A dedup index in ${memoryBytesMax} bytes of memory: it needs at least ${memoryBytesLeast}. Nothing was changed`);
    this.#directory = directory;
    let entries = tableEntriesMax;
    while (IndexMemoryTable.bytesOf(entries) > memoryBytesMax / 4) entries /= 2;
    this.#filterBytesMax = memoryBytesMax / 2;
    this.#table = new IndexMemoryTable(entries);
  }

  /** A later place of the same id counts. @throws the system's error where a file cannot be written */
  add(id: Uint8Array, place: ChunkPlace): void {
    if (!isPlace(place)) return;
    this.#table.add(idWords(id), place);
    if (this.#table.isFull) this.#flushTable();
  }

  /** What was added so far, for readers in any thread, until `close`. Nothing may be added any more. */
  share(): SharedIndex {
    this.#flushTable();
    return { runs: this.#runs.map((run) => run.share()) };
  }

  close(): void {
    for (const run of this.#runs.splice(0)) run.close();
  }

  #flushTable(): void {
    if (this.#table.count === 0) return;
    const writer = this.#writer(0, this.#table.count, []);
    this.#runs = [finished(writer, () => this.#table.each((records, at) => writer.add(records, at))), ...this.#runs];
    this.#table.clear();
    for (let level = 0; this.#runs.filter((run) => run.facts.level === level).length >= runsOfLevelMax; level += 1) this.#merge(level);
  }

  /** All of one level become one of the next, which is newer than what that level has, and older than what is below. One that cannot be read is given up. */
  #merge(level: number): void {
    const merged = this.#runs.filter((run) => run.facts.level === level);
    for (const run of merged) run.dropFilter();
    const writer = this.#writer(
      level + 1,
      merged.reduce((sum, run) => sum + run.facts.entries, 0),
      merged,
    );
    try {
      const made = finished(writer, () => mergeRuns(merged, writer));
      const [newer, older] = [this.#runs.filter((run) => run.facts.level < level), this.#runs.filter((run) => run.facts.level > level)];
      this.#runs = [...newer, made, ...older];
      for (const run of merged) run.close();
    } catch (error) {
      const damaged = merged.find((run) => error instanceof RunDamagedError && run.facts.sequence === error.sequence);
      if (damaged === undefined) throw error;
      this.#runs = this.#runs.filter((run) => run !== damaged);
      damaged.close();
    }
  }

  #writer(level: number, entries: number, merged: readonly IndexRun[]): RunWriter {
    const others = this.#runs.filter((run) => !merged.includes(run)).reduce((sum, run) => sum + run.filterBytes, 0);
    let bits = filterBitsMax;
    while (bits >= 1 && BloomFilter.wordsOf(entries, bits) * 4 > (this.#filterBytesMax - others) * filterShareMax) bits -= 1;
    this.#sequence += 1;
    return new RunWriter(this.#directory, this.#sequence, level, entries, bits);
  }
}

function finished(writer: RunWriter, fill: () => void): IndexRun {
  try {
    fill();
    return writer.finish();
  } catch (error) {
    writer.abandon();
    throw error;
  }
}

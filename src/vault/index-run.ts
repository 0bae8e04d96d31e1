// A run of the dedup index: a file of records in ascending order, in pages that each carry their own checksum; in memory are the first word of each page and
// the filter. Never changed once it is written. A page that is not what it was is never believed: a wrong place would make a backup that does not restore.
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { BloomFilter } from './bloom-filter.ts';
import { compareIds, placeAt, recordWords, type ChunkPlace, type IdWords } from './index-record.ts';

const pageBytes = 4096;
const pageWords = pageBytes / 4;
const pageRecords = 113;
const [countWord, numberWord, sequenceWord, checkWord] = [1017, 1018, 1019, 1023];
const writePages = 64;
const readPages = 64;

export type RunFacts = { readonly sequence: number; readonly level: number; readonly entries: number; readonly pages: number; readonly filterBits: number };

/** For the process's other threads, which use the same open file. */
export type SharedRun = { readonly facts: RunFacts; readonly file: number; readonly firsts: Uint32Array; readonly filter: Uint32Array | null };

export class RunDamagedError extends Error {
  override readonly name = 'RunDamagedError';
  readonly sequence: number;
  constructor(sequence: number, what: string) {
    super(`run ${sequence}: ${what}`);
    this.sequence = sequence;
  }
}

export class IndexRun {
  readonly facts: RunFacts;
  readonly #file: number;
  /** First word of the first record of each page. */
  readonly #firsts: Uint32Array;
  #filter: BloomFilter | null;
  readonly #page = new Uint32Array(pageWords);

  constructor(facts: RunFacts, file: number, firsts: Uint32Array, filter: BloomFilter | null) {
    this.facts = facts;
    this.#file = file;
    this.#firsts = firsts;
    this.#filter = filter;
  }

  static of({ facts, file, firsts, filter }: SharedRun): IndexRun {
    return new IndexRun(facts, file, firsts, filter === null ? null : new BloomFilter(filter, facts.filterBits));
  }

  /** Its arrays in memory that threads share; this run finds nothing by itself any more. */
  share(): SharedRun {
    const filter = this.#filter === null ? null : shared(this.#filter.words);
    this.dropFilter();
    return { facts: this.facts, file: this.#file, firsts: shared(this.#firsts), filter };
  }

  /** @throws RunDamagedError */
  find(id: IdWords): ChunkPlace | null {
    if (this.#filter !== null && !this.#filter.mayHave(id)) return null;
    // The first words of several pages may be alike: then the record may be in an earlier one.
    for (let page = this.#lastPageFrom(id[0]); page >= 0; page -= 1) {
      const count = this.#read(page, this.#page);
      const place = findIn(this.#page, count, id);
      if (place !== null || (this.#firsts[page] ?? 0) < id[0]) return place;
    }
    return null;
  }

  /** For a merge, which reads everything: until it is over the filters' memory is needed for the new one. */
  dropFilter(): void {
    this.#filter?.free();
    this.#filter = null;
  }

  get filterBytes(): number {
    return this.#filter?.words.byteLength ?? 0;
  }

  /** @throws RunDamagedError */
  reader(): RunReader {
    return new RunReader((page, pages, into) => this.#readMany(page, pages, into), this.facts.pages);
  }

  close(): void {
    this.dropFilter();
    closeSync(this.#file);
  }

  #lastPageFrom(first: number): number {
    let [low, high] = [0, this.#firsts.length - 1];
    while (low <= high) {
      const middle = (low + high) >>> 1;
      if ((this.#firsts[middle] ?? 0) <= first) low = middle + 1;
      else high = middle - 1;
    }
    return high;
  }

  #read(page: number, into: Uint32Array<ArrayBuffer>): number {
    this.#readMany(page, 1, into);
    return into[countWord] ?? 0;
  }

  #readMany(page: number, pages: number, into: Uint32Array<ArrayBuffer>): void {
    readWhole(this.#file, into.subarray(0, pages * pageWords), page * pageBytes, this.facts.sequence);
    for (let i = 0; i < pages; i += 1) {
      const words = into.subarray(i * pageWords, (i + 1) * pageWords);
      const isRight = words[checkWord] === checkOf(words) && words[numberWord] === page + i && words[sequenceWord] === this.facts.sequence && (words[countWord] ?? 0) <= pageRecords;
      if (!isRight) throw new RunDamagedError(this.facts.sequence, `page ${page + i} is damaged`);
    }
  }
}

/** The records of a run one after the other, by large reads. */
export class RunReader {
  readonly #read: (page: number, pages: number, into: Uint32Array<ArrayBuffer>) => void;
  readonly #pages: number;
  readonly words = new Uint32Array(readPages * pageWords);
  #next = 0;
  #loaded = 0;
  #page = -1;
  #left = 0;
  /** Where in `words` the record is. */
  at = 0;

  constructor(read: (page: number, pages: number, into: Uint32Array<ArrayBuffer>) => void, pages: number) {
    this.#read = read;
    this.#pages = pages;
  }

  /** false: there are no more. */
  advance(): boolean {
    if (this.#left > 0) {
      this.#left -= 1;
      this.at += recordWords;
      return true;
    }
    this.#page += 1;
    if (this.#page >= this.#loaded) {
      this.#loaded = Math.min(readPages, this.#pages - this.#next);
      if (this.#loaded <= 0) return false;
      this.#read(this.#next, this.#loaded, this.words);
      this.#next += this.#loaded;
      this.#page = 0;
    }
    this.#left = (this.words[this.#page * pageWords + countWord] ?? 0) - 1;
    this.at = this.#page * pageWords;
    return this.#left >= 0 || this.advance();
  }
}

export class RunWriter {
  readonly #sequence: number;
  readonly #level: number;
  readonly #file: number;
  readonly #firsts: Uint32Array<ArrayBuffer>;
  readonly #filter: BloomFilter | null;
  readonly #filterBits: number;
  readonly #words = new Uint32Array(writePages * pageWords);
  #pagesWritten = 0;
  #pages = 0;
  #inPage = 0;
  #entries = 0;

  /** Its file has no name any more once it is open: whatever ends the process, nothing is left. @param entriesMax how many there may be */
  constructor(directory: string, sequence: number, level: number, entriesMax: number, filterBits: number) {
    this.#sequence = sequence;
    this.#level = level;
    this.#filter = BloomFilter.sized(entriesMax, filterBits);
    this.#filterBits = filterBits;
    this.#firsts = new Uint32Array(Math.ceil(entriesMax / pageRecords));
    const path = join(directory, `holdfast-index-${randomUUID()}`);
    this.#file = openSync(path, 'wx+', 0o600);
    rmSync(path);
  }

  /** In ascending order, each id once. */
  add(record: Uint32Array, at: number): void {
    if (this.#inPage === pageRecords) this.#endPage();
    const into = (this.#pages - this.#pagesWritten) * pageWords + this.#inPage * recordWords;
    for (let i = 0; i < recordWords; i += 1) this.#words[into + i] = record[at + i] ?? 0;
    if (this.#inPage === 0) this.#firsts[this.#pages] = record[at] ?? 0;
    this.#filter?.add(record[at] ?? 0, record[at + 1] ?? 0, record[at + 2] ?? 0);
    this.#inPage += 1;
    this.#entries += 1;
  }

  finish(): IndexRun {
    if (this.#inPage > 0) this.#endPage();
    this.#write();
    const facts = { sequence: this.#sequence, level: this.#level, entries: this.#entries, pages: this.#pages, filterBits: this.#filterBits };
    return new IndexRun(facts, this.#file, this.#firsts.subarray(0, this.#pages), this.#filter);
  }

  abandon(): void {
    this.#filter?.free();
    closeSync(this.#file);
  }

  #endPage(): void {
    const words = this.#words.subarray((this.#pages - this.#pagesWritten) * pageWords, (this.#pages - this.#pagesWritten + 1) * pageWords);
    words.fill(0, this.#inPage * recordWords);
    words[countWord] = this.#inPage;
    words[numberWord] = this.#pages;
    words[sequenceWord] = this.#sequence;
    words[checkWord] = checkOf(words);
    this.#pages += 1;
    this.#inPage = 0;
    if (this.#pages - this.#pagesWritten === writePages) this.#write();
  }

  #write(): void {
    writeWhole(this.#file, bytesOf(this.#words.subarray(0, (this.#pages - this.#pagesWritten) * pageWords)));
    this.#pagesWritten = this.#pages;
  }
}

/** The runs' records in ascending order; of one id the record of the first run that has it. @throws RunDamagedError, naming the run */
export function mergeRuns(newestFirst: readonly IndexRun[], into: RunWriter): void {
  let readers = newestFirst.map((run) => run.reader()).filter((reader) => reader.advance());
  const last = new Uint32Array(recordWords);
  let isFirst = true;
  while (readers.length > 0) {
    let least = readers[0];
    for (const reader of readers) if (least !== undefined && reader !== least && compareIds(reader.words, reader.at, least.words, least.at) < 0) least = reader;
    if (least === undefined) return;
    if (isFirst || compareIds(least.words, least.at, last, 0) !== 0) {
      into.add(least.words, least.at);
      for (let i = 0; i < recordWords; i += 1) last[i] = least.words[least.at + i] ?? 0;
      isFirst = false;
    }
    const done = least;
    if (!done.advance()) readers = readers.filter((reader) => reader !== done);
  }
}

function findIn(page: Uint32Array, count: number, id: IdWords): ChunkPlace | null {
  let [low, high] = [0, count - 1];
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const order = compareIds(page, middle * recordWords, id, 0);
    if (order === 0) return placeAt(page, middle * recordWords);
    if (order < 0) low = middle + 1;
    else high = middle - 1;
  }
  return null;
}

function checkOf(page: Uint32Array): number {
  return crc32(bytesOf(page.subarray(0, checkWord)));
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

function readWhole(file: number, into: Uint32Array, position: number, sequence: number): void {
  const bytes = bytesOf(into);
  for (let at = 0; at < bytes.length; ) {
    const got = readSome(file, bytes, at, position, sequence);
    if (got === 0) throw new RunDamagedError(sequence, 'it is cut short');
    at += got;
  }
}

/** What the disk cannot read is damage, like what it reads wrongly. */
function readSome(file: number, bytes: Uint8Array, at: number, position: number, sequence: number): number {
  try {
    return readSync(file, bytes, at, bytes.length - at, position + at);
  } catch (error) {
    throw new RunDamagedError(sequence, error instanceof Error ? error.message : String(error));
  }
}

function writeWhole(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

function shared(words: Uint32Array): Uint32Array {
  const copy = new Uint32Array(new SharedArrayBuffer(words.byteLength));
  copy.set(words);
  return copy;
}

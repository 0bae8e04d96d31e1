// The dedup index against a plain map, over merging and damage: it may forget, and it never says a wrong place.
import { createHash } from 'node:crypto';
import { mkdtempSync, openSync, closeSync, readdirSync, readlinkSync, readSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BloomFilter } from '../../src/vault/bloom-filter.ts';
import { DedupIndex } from '../../src/vault/dedup-index.ts';
import { IndexReader, type SharedIndex } from '../../src/vault/index-reader.ts';
import { idWords, type ChunkPlace } from '../../src/vault/index-record.ts';

const memoryBytesMax = 128 * 1024;
/** How many records one run of the newest level has at that memory. */
const tableEntries = 512;
const pageRecords = 113;
let directory = '';
let index: DedupIndex;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-index-test-'));
  index = new DedupIndex({ directory, memoryBytesMax });
});
afterEach(() => {
  index.close();
  rmSync(directory, { recursive: true, force: true });
});

const ids: Buffer[] = [];
const idOf = (i: number) => (ids[i] ??= createHash('sha256').update(`id ${i}`).digest());
const placeOf = (i: number, version = 0): ChunkPlace => ({
  pack: Uint8Array.from(
    createHash('md5')
      .update(`pack ${i >> 4}`)
      .digest()
      .subarray(0, 8),
  ),
  offset: 32 + i,
  storedBytes: 16 + (i % 1000) + version,
  rawBytes: i % 2 ** 24,
  codec: i % 2 === 0 ? 0 : 1,
});

function fill(from: number, to: number, version = 0): void {
  for (let i = from; i < to; i += 1) index.add(idOf(i), placeOf(i, version));
}

/** How many are found; each that is found must be right. */
function found(reader: IndexReader, count: number, version = 0): number {
  let sum = 0;
  for (let i = 0; i < count; i += 1) {
    const place = reader.find(idOf(i));
    if (place === null) continue;
    sum += 1;
    // Thousands of times: only what is wrong is worth a comparison that can be read.
    if (!isDeepStrictEqual(place, placeOf(i, version))) expect(place).toEqual(placeOf(i, version));
  }
  return sum;
}

/** The open files of the index, which have no name any more. */
function openFiles(): string[] {
  const files = readdirSync('/proc/self/fd').map((fd) => `/proc/self/fd/${fd}`);
  return files.filter((file) => {
    try {
      return readlinkSync(file).startsWith(`${directory}/`);
    } catch {
      return false;
    }
  });
}

function flip(file: string, at: number, bit: number): void {
  const descriptor = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(descriptor, byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ (1 << bit);
  writeSync(descriptor, byte, 0, 1, at);
  closeSync(descriptor);
}

test.each([1, pageRecords - 1, pageRecords, pageRecords + 1, tableEntries - 1, tableEntries, tableEntries + 1, 9 * tableEntries])(
  'what was added is found at the limits of pages and runs and after merges, and what was not is not: %i',
  (count) => {
    fill(0, count);
    const shared = index.share();
    const readers = [new IndexReader(shared), new IndexReader(structuredClone(shared))];
    for (const reader of readers) {
      expect(found(reader, count)).toBe(count);
      for (let i = count; i < count + 500; i += 1) expect(reader.find(idOf(i))).toBeNull();
    }
    expect(readdirSync(directory)).toEqual([]);
    expect(openFiles()).toHaveLength(shared.runs.length);
    index.close();
    expect(openFiles()).toEqual([]);
  },
);

test('ids that begin alike over several pages are all found', () => {
  const alike = (i: number) => Uint8Array.from(idOf(i)).fill(9, 0, 4);
  for (let i = 1000; i < 1450; i += 1) index.add(alike(i), placeOf(i));
  const reader = new IndexReader(index.share());
  for (let i = 1000; i < 1450; i += 1) expect(reader.find(alike(i))?.offset).toBe(32 + i);
  expect(reader.find(alike(5))).toBeNull();
});

test('a later place of the same id counts, within a run, across runs and across levels', () => {
  const count = 9 * tableEntries;
  fill(0, count);
  for (const version of [1, 2, 2, 2, 2]) fill(0, count, version);
  fill(0, tableEntries, 2);
  // The last nine of 64 runs: now all are merged into one, with each id once.
  fill(0, count, 3);
  const shared = index.share();
  expect(shared.runs.map(({ facts }) => [facts.level, facts.entries])).toEqual([[2, count]]);
  expect(found(new IndexReader(shared), count, 3)).toBe(count);
});

test('like a map, whatever is added (property)', () => {
  const step = fc.record({ from: fc.nat(300), count: fc.constantFrom(1, 50, 400), version: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      index.close();
      index = new DedupIndex({ directory, memoryBytesMax });
      const model = new Map<number, number>();
      for (const { from, count, version } of steps) {
        fill(from, from + count, version);
        for (let i = from; i < from + count; i += 1) model.set(i, version);
      }
      const reader = new IndexReader(index.share());
      for (let i = 0; i < 720; i += 1) expect(reader.find(idOf(i))).toEqual(model.has(i) ? placeOf(i, model.get(i)) : null);
    }),
    { numRuns: 40 },
  );
});

test('damage anywhere loses entries and never gives a wrong place (property)', () => {
  const count = 2 * tableEntries + 200;
  const damage = fc.record({ file: fc.nat(2), at: fc.double({ min: 0, max: 0.999999, noNaN: true }), bit: fc.nat(7), kind: fc.constantFrom('flip', 'flip', 'flip', 'cut') });
  let lost = 0;
  fc.assert(
    fc.property(damage, ({ file, at, bit, kind }) => {
      index.close();
      index = new DedupIndex({ directory, memoryBytesMax });
      fill(0, count);
      const shared: SharedIndex = index.share();
      const run = shared.runs[file];
      if (run === undefined) throw new Error(`three runs, not ${shared.runs.length}`);
      const place = Math.floor(at * run.facts.pages * 4096);
      if (kind === 'cut') truncateSync(`/proc/self/fd/${run.file}`, place);
      else flip(`/proc/self/fd/${run.file}`, place, bit);
      const left = found(new IndexReader(shared), count);
      // A run of which a page cannot be read is not asked any more; the others are whole.
      expect(left).toBeGreaterThanOrEqual(count - run.facts.entries);
      lost += count - left;
    }),
    { numRuns: 30 },
  );
  expect(lost).toBeGreaterThan(0);
});

test('a run that breaks before it is merged is given up, and the others are kept', () => {
  fill(0, 7 * tableEntries);
  const [file] = openFiles();
  if (file === undefined) throw new Error('seven files');
  flip(file, 5000, 0);
  fill(7 * tableEntries, 8 * tableEntries);
  const shared = index.share();
  expect(shared.runs).toHaveLength(7);
  expect(found(new IndexReader(shared), 8 * tableEntries)).toBe(7 * tableEntries);
});

test('what no pack can have is not indexed; too little memory is refused; a folder that is not there is told', () => {
  index.add(idOf(1), { ...placeOf(1), offset: 2 ** 26 });
  expect(index.share().runs).toEqual([]);
  expect(() => new DedupIndex({ directory, memoryBytesMax: memoryBytesMax - 1 })).toThrow(/at least/);
  const nowhere = new DedupIndex({ directory: join(directory, 'not there'), memoryBytesMax });
  nowhere.add(idOf(1), placeOf(1));
  expect(() => nowhere.share()).toThrow(/ENOENT/);
});

test('the filter lets all through that is there and little else: at ten bits under 3 %', () => {
  const filter = BloomFilter.sized(20_000, 10);
  if (filter === null) throw new Error('ten bits');
  for (let i = 0; i < 20_000; i += 1) {
    const [first, second, third] = idWords(idOf(i));
    filter.add(first, second, third);
  }
  for (let i = 0; i < 20_000; i += 1) expect(filter.mayHave(idWords(idOf(i)))).toBe(true);
  let passed = 0;
  for (let i = 20_000; i < 40_000; i += 1) if (filter.mayHave(idWords(idOf(i)))) passed += 1;
  expect(passed / 20_000).toBeLessThan(0.03);
  expect(BloomFilter.sized(10, 0)).toBeNull();
});

// The dedup index against a plain map, over reopening, merging, damage and death: it may forget, and it never says a wrong place.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packName } from '../../src/core/vault/object-names.ts';
import type { PackRow } from '../../src/core/vault/recovery-point.ts';
import { BloomFilter } from '../../src/vault/bloom-filter.ts';
import { DedupIndex } from '../../src/vault/dedup-index.ts';
import { fillFromPack, fillFromPoint } from '../../src/vault/fill-index.ts';
import { idWords } from '../../src/vault/index-record.ts';
import { openPack } from '../../src/vault/pack-reader.ts';
import { openPoint } from '../../src/vault/point-reader.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { createVault } from '../../src/vault/vault.ts';
import { atMs, backUp, cheapWrap, memorySites, randomFrom, readBack } from './small-vault.ts';

const memoryBytesMax = 128 * 1024;
/** How many records one run of the newest level has at that memory. */
const tableEntries = 512;
let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-index-test-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const ids: Buffer[] = [];
const idOf = (i: number) => (ids[i] ??= createHash('sha256').update(`id ${i}`).digest());
const packs: PackRow[] = [];
const packOf = (i: number): PackRow => (packs[i] ??= { packId: createHash('md5').update(`pack ${i}`).digest('hex'), sha256: createHash('sha256').update(`pack ${i}`).digest('hex'), bytes: 1000 + i });
const chunkOf = (i: number, version = 0) => ({ id: idOf(i), offset: 32 + i, storedBytes: 16 + (i % 1000) + version, rawBytes: i % 2 ** 24, codec: i % 2 === 0 ? (0 as const) : (1 as const) });
const open = () => DedupIndex.open(directory, { memoryBytesMax });

function fill(index: DedupIndex, from: number, to: number, version = 0): void {
  for (let i = from; i < to; i += 1) index.add(chunkOf(i, version), packOf(i >> 4));
}

/** How many are found; each that is found must be right. */
function found(index: DedupIndex, count: number, version = 0): number {
  let sum = 0;
  for (let i = 0; i < count; i += 1) {
    const chunk = index.find(idOf(i));
    if (chunk === undefined) continue;
    sum += 1;
    const pack = packOf(i >> 4);
    const expected = { reference: { ...chunkOf(i, version), pack: Uint8Array.from(Buffer.from(pack.packId.slice(0, 16), 'hex')) }, pack };
    // Thousands of times: only what is wrong is worth a comparison that can be read.
    if (!isDeepStrictEqual(chunk, expected)) expect(chunk).toEqual(expected);
  }
  return sum;
}

function runFiles(): string[] {
  return readdirSync(directory).filter((name) => name.startsWith('run-'));
}

test('what was added is found at the limits of a run and after merges, before and after it was opened again; what was not is not', () => {
  for (const count of [1, 126, 127, 128, tableEntries - 1, tableEntries, tableEntries + 1, 9 * tableEntries]) {
    const index = open();
    fill(index, 0, count);
    expect(found(index, count)).toBe(count);
    index.flush(`to ${count}`);
    index.close();
    const again = open();
    expect({ found: found(again, count), mark: again.mark, damages: again.damages }).toEqual({ found: count, mark: `to ${count}`, damages: [] });
    for (let i = count; i < count + 500; i += 1) expect(again.find(idOf(i))).toBeUndefined();
    again.clear();
    expect({ found: found(again, count), entries: again.entries, files: runFiles() }).toEqual({ found: 0, entries: 0, files: [] });
    again.close();
  }
});

test('ids that begin alike over several pages are all found', () => {
  const index = open();
  const alike = (i: number) => Uint8Array.from(idOf(i).fill(9, 0, 4));
  for (let i = 1000; i < 1450; i += 1) index.add({ ...chunkOf(i), id: alike(i) }, packOf(0));
  index.flush();
  for (let i = 1000; i < 1450; i += 1) expect(index.find(alike(i))?.reference.offset).toBe(32 + i);
  expect(index.find(Uint8Array.from(idOf(5)).fill(9, 0, 4))).toBeUndefined();
  index.close();
  ids.length = 0;
});

test('the mark covers exactly what was there at the flush: as soon as more is on disk it is gone', () => {
  const index = open();
  fill(index, 0, 10);
  index.flush('first');
  fill(index, 10, 20);
  expect(index.mark).toBe('first');
  fill(index, 20, 10 + tableEntries);
  expect(index.mark).toBeNull();
  index.close();
  const again = open();
  expect({ mark: again.mark, found: found(again, 10 + tableEntries) }).toEqual({ mark: null, found: 10 + tableEntries });
  again.close();
});

test('a later place of the same id counts, within a run, across runs and across levels', () => {
  const [index, count] = [open(), 9 * tableEntries];
  fill(index, 0, count);
  fill(index, 0, count, 1);
  expect(found(index, count, 1)).toBe(count);
  for (let round = 0; round < 4; round += 1) fill(index, 0, count, 2);
  fill(index, 0, tableEntries, 2);
  // The last nine of 64 runs: now all are merged into one, with each id once.
  fill(index, 0, count, 3);
  expect(index.runs.map(({ level, entries }) => [level, entries])).toEqual([[2, count]]);
  expect(found(index, count, 3)).toBe(count);
  index.close();
});

test('like a map, whatever is added, flushed and opened again (property)', () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('add' as const), from: fc.nat(300), count: fc.constantFrom(1, 50, 400), version: fc.nat(5) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('flush' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      rmSync(directory, { recursive: true });
      let index = open();
      const model = new Map<number, number>();
      let durable = new Map<number, number>();
      const waiting = new Set<number>();
      const flushed = () => {
        durable = new Map(model);
        waiting.clear();
      };
      try {
        for (const each of steps) {
          if (each.kind === 'add') {
            for (let i = each.from; i < each.from + each.count; i += 1) {
              fill(index, i, i + 1, each.version);
              model.set(i, each.version);
              if (waiting.add(i).size === tableEntries) flushed();
            }
          } else if (each.kind === 'flush') {
            index.flush();
            flushed();
          } else if (each.kind === 'clear') {
            index.clear();
            model.clear();
            flushed();
          } else {
            // As if it had been killed: what was not on disk is gone.
            index.close();
            index = open();
            model.clear();
            for (const [i, version] of durable) model.set(i, version);
            waiting.clear();
          }
          for (let i = 0; i < 720; i += 7) expect(index.find(idOf(i))?.reference.storedBytes).toBe(model.has(i) ? chunkOf(i, model.get(i)).storedBytes : undefined);
        }
      } finally {
        index.close();
      }
    }),
    { numRuns: 60 },
  );
});

test('damage anywhere loses entries, is told, takes the mark away, and never gives a wrong place (property)', () => {
  const count = 2 * tableEntries + 200;
  const filled = open();
  fill(filled, 0, count);
  filled.flush('all');
  filled.close();
  const whole = mkdtempSync(join(tmpdir(), 'holdfast-index-whole-'));
  cpSync(directory, whole, { recursive: true });
  try {
    const damage = fc.record({ file: fc.nat(10), at: fc.double({ min: 0, max: 0.999999, noNaN: true }), bit: fc.nat(7), kind: fc.constantFrom('flip', 'flip', 'flip', 'cut', 'remove') });
    fc.assert(
      fc.property(damage, ({ file, at, bit, kind }) => {
        rmSync(directory, { recursive: true });
        cpSync(whole, directory, { recursive: true });
        const names = readdirSync(directory).toSorted();
        const path = join(directory, names[file % names.length]!);
        const bytes = readFileSync(path);
        if (kind === 'remove') rmSync(path);
        else if (kind === 'cut') truncateSync(path, Math.floor(at * bytes.length));
        else {
          const place = Math.floor(at * bytes.length);
          bytes[place] = bytes[place]! ^ (1 << bit);
          writeFileSync(path, bytes);
        }
        const index = open();
        const left = found(index, count);
        // A flip in a page's unused end, or a key of the list that is only read, may hurt nothing.
        if (left < count) expect(index.mark).toBeNull();
        // Filled anew it is whole again.
        index.clear();
        fill(index, 0, count);
        index.flush('anew');
        expect({ found: found(index, count), mark: index.mark }).toEqual({ found: count, mark: 'anew' });
        index.close();
      }),
      { numRuns: 16 },
    );
  } finally {
    rmSync(whole, { recursive: true, force: true });
  }
}, 120_000);

test('a run that breaks while it is merged is given up, and the others are kept', () => {
  const index = open();
  fill(index, 0, 7 * tableEntries);
  const path = join(directory, runFiles()[0]!);
  const bytes = readFileSync(path);
  bytes[5000] = bytes[5000]! ^ 1;
  writeFileSync(path, bytes);
  fill(index, 7 * tableEntries, 8 * tableEntries);
  index.flush('all');
  expect({ mark: index.mark, damages: index.damages.length, found: found(index, 8 * tableEntries) }).toEqual({ mark: null, damages: 1, found: 7 * tableEntries });
  index.close();
});

test('files that a killed run left are removed; a living one is not disturbed', () => {
  const index = open();
  fill(index, 0, 10);
  index.flush();
  expect(() => open()).toThrow(/in use by process/);
  index.close();
  for (const name of ['run-99', 'index.json.new']) writeFileSync(join(directory, name), 'half');
  // Left by a process that is gone: no process has that number.
  writeFileSync(join(directory, 'lock'), '4194999');
  const again = open();
  expect([existsSync(join(directory, 'run-99')), existsSync(join(directory, 'index.json.new')), found(again, 10)]).toEqual([false, false, 10]);
  again.close();
  expect(existsSync(join(directory, 'lock'))).toBe(false);
});

test('packs that were not committed are overwritten, not mistaken for others', () => {
  const index = open();
  fill(index, 0, 100);
  index.flush('a');
  index.close();
  const packs = join(directory, 'packs');
  const { size } = statSync(packs);
  writeFileSync(packs, Buffer.concat([readFileSync(packs), Buffer.alloc(64 * 3, 7)]));
  const again = open();
  fill(again, 100, 300);
  again.flush('b');
  expect(statSync(packs).size).toBeGreaterThan(size);
  again.close();
  const third = open();
  expect(found(third, 300)).toBe(300);
  third.close();
});

test('what no pack can have is refused, and too little memory', () => {
  const index = open();
  expect(() => index.add({ ...chunkOf(1), offset: 2 ** 26 }, packOf(0))).toThrow(/not indexed/);
  expect(() => index.add({ ...chunkOf(1), id: new Uint8Array(16) }, packOf(0))).toThrow(/not indexed/);
  expect(index.entries).toBe(0);
  index.close();
  expect(() => DedupIndex.open(directory, { memoryBytesMax: memoryBytesMax - 1 })).toThrow(/at least/);
});

test('filled from a point, it lets the next point store nothing again, and what that holds is right', async () => {
  const random = randomFrom('fill');
  const sites = new SiteSet(memorySites());
  const vault = await createVault(sites, random);
  const key = await vault.newKey(cheapWrap, atMs, random, null);
  const contents = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`file ${i}`, random(5000)]));
  const first = await backUp({ sites, vault, key, random, contents });
  const storedBytes = async () => {
    let sum = 0;
    for await (const { bytes } of sites.list('packs/')) sum += bytes;
    return sum;
  };
  const before = await storedBytes();
  const index = open();
  await fillFromPoint(index, await openPoint(vault, first, key));
  expect(index.mark).toBe(first.point);
  const known = (id: Uint8Array) => {
    const chunk = index.find(id);
    return chunk === undefined ? undefined : { reference: { ...chunk.reference, tag: new Uint8Array(16) }, pack: chunk.pack };
  };
  const added = random(3000);
  const next = await backUp({ sites, vault, key, random, contents: { ...contents, added }, chain: first.chain, known });
  expect(await readBack(vault, next, key)).toEqual(Object.fromEntries(Object.entries({ ...contents, added }).map(([name, bytes]) => [name, Buffer.from(bytes)])));
  // The new content and the entries: not the 200 kB once more.
  expect((await storedBytes()) - before).toBeLessThan(40_000);
  const fromPacks = index.entries;
  index.clear();
  for (const row of (await openPoint(vault, first, key)).packs) {
    const bytes = (await sites.get(packName(row.sha256)))!;
    fillFromPack(index, openPack(bytes, key), row);
  }
  expect(index.entries).toBe(fromPacks);
  index.close();
});

test('the filter lets all through that is there and little else: at ten bits under 3 %', () => {
  const filter = BloomFilter.sized(20_000, 10)!;
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

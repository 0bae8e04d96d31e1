// The corpora are the same for the same seed, and change by as much as they say. Without the disk image, which is of this machine.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { hashTree } from './content-hash.ts';
import { buildRecords, changedExtents, copyChanged, grownRuns } from './corpora.ts';
import { Seeded } from './seeded.ts';
import { buildSmall, fateOf } from './small-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-corpora-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const [mebibyte, seed] = [1024 * 1024, 'a seed'];
const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

test('a seed gives the same bytes whatever they are asked by, and another seed others', () => {
  const [one, other] = [new Seeded(seed), new Seeded(seed)];
  expect(Buffer.concat([one.bytes(3), one.bytes(300_000), one.bytes(5)]).equals(other.bytes(300_008))).toBe(true);
  expect(new Seeded('another').bytes(16).equals(new Seeded(seed).bytes(16))).toBe(false);
  const shuffled = new Seeded(seed).shuffled([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(shuffled.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(shuffled).toEqual(new Seeded(seed).shuffled([1, 2, 3, 4, 5, 6, 7, 8]));
});

test('extents lie at block borders, do not overlap, and are 5 % of the file', () => {
  for (const bytes of [4 * mebibyte, 100 * mebibyte, 537_000_000]) {
    const extents = changedExtents(bytes, new Seeded(seed));
    expect(extents.length).toBe(Math.max(1, Math.round((bytes * 0.05) / mebibyte)));
    extents.forEach((at, i) => {
      expect(at % 4096).toBe(0);
      expect(at + mebibyte).toBeLessThanOrEqual(extents[i + 1] ?? bytes);
    });
  }
});

test('a changed copy differs in its extents only, and is the same each time', () => {
  const [from, to, again] = ['from', 'to', 'again'].map((name) => join(folder, name)) as [string, string, string];
  writeFileSync(from, new Seeded(seed).bytes(40 * mebibyte));
  for (const kind of ['fresh', 'alike'] as const) {
    copyChanged(from, to, `${seed}/${kind}`, kind);
    copyChanged(from, again, `${seed}/${kind}`, kind);
    expect(sha256(to)).toBe(sha256(again));
    const [before, after] = [readFileSync(from), readFileSync(to)];
    expect(after.length).toBe(before.length);
    let changed = 0;
    for (let at = 0; at < before.length; at += 4096) if (Buffer.compare(before.subarray(at, at + 4096), after.subarray(at, at + 4096)) !== 0) changed += 4096;
    expect(changed).toBe(2 * mebibyte);
  }
});

test('records compress at least 3.1:1; those in 40 runs, a twentieth of all, have grown and no others', () => {
  const [was, is] = [join(folder, 'was'), join(folder, 'is')];
  buildRecords([was, is], 8_000_000, seed);
  const [before, after] = [readFileSync(was), readFileSync(is)];
  expect(before.length / zstdCompressSync(before).length).toBeGreaterThan(3.1);
  const [old, now] = [before, after].map((bytes) => bytes.toString('latin1').trimEnd().split('\n')) as [string[], string[]];
  expect(now.length).toBe(old.length);
  const grown = now.map((line, i) => line !== old[i]);
  expect(grown.filter(Boolean).length / old.length).toBeCloseTo(0.05, 2);
  expect(grown.filter((is, i) => is && grown[i - 1] !== true).length).toBe(40);
  const isGrown = grownRuns(old.length, seed);
  expect(grown.every((is, i) => is === isGrown(i))).toBe(true);
  for (const line of now.slice(0, 100)) expect(() => JSON.parse(line)).not.toThrow();
});

test('small files: the same each time, and 5 of 100 have another fate', () => {
  const times = [new Date(0), new Date(1000)] as const;
  const paths = ['s0', 's1', 't0', 't1'].map((name) => join(folder, name)) as [string, string, string, string];
  const files = buildSmall(paths[0], paths[1], 0.005, seed, times);
  buildSmall(paths[2], paths[3], 0.005, seed, times);
  const [before, after] = [hashTree(paths[0]), hashTree(paths[1])];
  expect(before.files).toBe(files);
  expect([hashTree(paths[2]), hashTree(paths[3])]).toEqual([before, after]);
  expect(after.sha256).not.toBe(before.sha256);
  const chance = new Seeded(seed);
  const fates = Array.from({ length: 20_000 }, () => fateOf(chance));
  expect(fates.filter((fate) => fate === 'kept').length / fates.length).toBeCloseTo(0.95, 1);
});

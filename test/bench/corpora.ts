// What is backed up: a disk image, database records, random bytes (together the set `big`), and many small files (`small`), each as it is at first and as it is
// after 5 % has changed. Both are built in advance, beside each other: a run swaps them by renaming, so that every file has another inode and other times.
import { execFileSync } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, ftruncateSync, mkdirSync, openSync, readSync, rmSync, statSync, utimesSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createZstdCompress, constants } from 'node:zlib';
import { machineFiles } from './machine-files.ts';
import { recordLine } from './records.ts';
import { Seeded } from './seeded.ts';
import { buildSmall } from './small-files.ts';

export const corpusSets = ['big', 'small'] as const;
export type CorpusSet = (typeof corpusSets)[number];

export const fullBytes = { vm: 1_678_000_000, rec: 805_000_000, rnd: 537_000_000 } as const;
export const changedShare = 0.05;
/** Nobody made these files today: the tools distrust what is younger than their last look. */
export const times = [new Date('2026-01-02T03:04:05Z'), new Date('2026-01-03T04:05:06Z')] as const;
const [mebibyte, blockBytes, imageFilledShare, recordRuns] = [1024 * 1024, 4096, 0.72, 40];

export type Corpora = { readonly vm: 'mkfs.ext4' | 'substitute'; readonly recRatioZstd3: number; readonly recBytes: number; readonly smallFiles: number };

export function versionPath(folder: string, set: CorpusSet, version: 0 | 1): string {
  return join(folder, `${set}-${version}`);
}

/** Into an empty folder. */
export async function buildCorpora(folder: string, scale: number, seed: string, sets: readonly CorpusSet[], say: (text: string) => void): Promise<Corpora> {
  const built = { vm: 'substitute' as Corpora['vm'], recRatioZstd3: 0, recBytes: 0, smallFiles: 0 };
  if (sets.includes('big')) {
    const [was, is] = [versionPath(folder, 'big', 0), versionPath(folder, 'big', 1)];
    for (const each of [was, is]) mkdirSync(each, { recursive: true });
    say('building rnd …');
    buildRandom(join(was, 'rnd.bin'), roundTo(fullBytes.rnd * scale), `${seed}/rnd`);
    copyChanged(join(was, 'rnd.bin'), join(is, 'rnd.bin'), `${seed}/rnd-change`, 'fresh');
    say('building rec …');
    buildRecords([join(was, 'rec.jsonl'), join(is, 'rec.jsonl')], fullBytes.rec * scale, `${seed}/rec`);
    built.recBytes = statSync(join(was, 'rec.jsonl')).size;
    built.recRatioZstd3 = await streamRatio(join(was, 'rec.jsonl'), 3);
    say('building vm …');
    built.vm = buildImage(join(was, 'vm.img'), roundTo(fullBytes.vm * scale), join(folder, 'staging'));
    copyChanged(join(was, 'vm.img'), join(is, 'vm.img'), `${seed}/vm-change`, 'alike');
    [was, is].forEach((each, i) => {
      for (const name of ['vm.img', 'rec.jsonl', 'rnd.bin']) utimesSync(join(each, name), times[i] ?? times[0], times[i] ?? times[0]);
    });
  }
  if (sets.includes('small')) {
    say('building small …');
    built.smallFiles = buildSmall(versionPath(folder, 'small', 0), versionPath(folder, 'small', 1), scale, `${seed}/small`, times);
  }
  return built;
}

function roundTo(bytes: number): number {
  return Math.max(4 * mebibyte, Math.round(bytes / mebibyte) * mebibyte);
}

function buildRandom(path: string, bytes: number, seed: string): void {
  const chance = new Seeded(seed);
  writeTo(path, (write) => {
    for (let at = 0; at < bytes; at += mebibyte) write(chance.bytes(Math.min(mebibyte, bytes - at)));
  });
}

/** The later one is written beside the first: the same records, of which those in 40 runs have grown, so that all behind them lies elsewhere. */
export function buildRecords(paths: readonly [string, string], bytesLeast: number, seed: string): void {
  // Where the runs are has to be known before the records are made: by the mean length of the first ones.
  const sample = new Seeded(seed);
  const meanBytes = Array.from({ length: 1000 }, (_, i) => recordLine(sample, i, false).length).reduce((a, b) => a + b) / 1000;
  const count = Math.ceil(bytesLeast / meanBytes);
  const isGrown = grownRuns(count, seed);
  const chance = new Seeded(seed);
  const files = paths.map((path) => openSync(path, 'w'));
  const flush = (texts: readonly string[][]) => texts.forEach((text, i) => writeSync(files[i] ?? -1, text.join('')));
  let texts: [string[], string[]] = [[], []];
  for (let i = 0; i < count; i += 1) {
    const line = recordLine(chance, i, true);
    // The note is the last attribute.
    const at = line.indexOf(',"note":');
    texts[0].push(`${line.slice(0, at)}}}\n`);
    texts[1].push(isGrown(i) ? line : `${line.slice(0, at)}}}\n`);
    if (texts[0].length < 2000) continue;
    flush(texts);
    texts = [[], []];
  }
  flush(texts);
  for (const file of files) closeSync(file);
}

export function grownRuns(count: number, seed: string): (index: number) => boolean {
  const length = Math.max(1, Math.round((count * changedShare) / recordRuns));
  const stride = count / recordRuns;
  const chance = new Seeded(`${seed}/runs`);
  const starts = Array.from({ length: recordRuns }, (_, run) => Math.floor(run * stride) + chance.below(Math.max(1, Math.floor(stride) - length)));
  return (index) => {
    const start = starts[Math.min(recordRuns - 1, Math.floor(index / stride))] ?? 0;
    return index >= start && index < start + length;
  };
}

/** Extents of 1 MiB at block offsets, 5 % of the file, that do not overlap. */
export function changedExtents(bytes: number, chance: Seeded): number[] {
  const count = Math.max(1, Math.round((bytes * changedShare) / mebibyte));
  const stride = bytes / count;
  return Array.from({ length: count }, (_, i) => Math.ceil((i * stride) / blockBytes) * blockBytes + chance.below(Math.max(1, Math.floor((stride - mebibyte) / blockBytes))) * blockBytes);
}

/** `fresh`: new random bytes. `alike`: bytes from elsewhere in the file, each XORed with one number: they compress as well, and no chunk of them is known. */
export function copyChanged(from: string, to: string, seed: string, kind: 'fresh' | 'alike'): void {
  const bytes = statSync(from).size;
  const chance = new Seeded(seed);
  const input = openSync(from, 'r');
  writeTo(to, (write) => {
    const buffer = Buffer.alloc(mebibyte);
    for (let at = 0; at < bytes; at += mebibyte) write(buffer.subarray(0, readSync(input, buffer, 0, mebibyte, at)));
  });
  const output = openSync(to, 'r+');
  for (const at of changedExtents(bytes, chance)) {
    const extent = Buffer.alloc(Math.min(mebibyte, bytes - at));
    if (kind === 'fresh') chance.bytes(extent.length).copy(extent);
    else {
      readSync(input, extent, 0, extent.length, chance.below(bytes - extent.length));
      const mask = 1 + chance.below(255);
      for (let i = 0; i < extent.length; i += 1) extent[i] = (extent[i] ?? 0) ^ mask;
    }
    writeSync(output, extent, 0, extent.length, at);
  }
  closeSync(output);
  closeSync(input);
}

/** An ext4 image of files of this machine, about a quarter of it zero; without mkfs.ext4 the same files one after the other at block borders, and zeros. Without holes on disk. */
function buildImage(path: string, bytes: number, staging: string): Corpora['vm'] {
  const files = machineFiles(bytes * imageFilledShare, blockBytes);
  const mkfs = ['/usr/sbin/mkfs.ext4', '/sbin/mkfs.ext4', '/opt/homebrew/opt/e2fsprogs/sbin/mkfs.ext4'].find((each) => existsSync(each));
  if (mkfs === undefined) {
    writeTo(path, (write) => {
      let at = 0;
      for (const file of files) {
        const content = readWhole(file.path, Math.ceil(file.bytes / blockBytes) * blockBytes);
        write(content);
        at += content.length;
      }
      for (; at < bytes; at += mebibyte) write(Buffer.alloc(Math.min(mebibyte, bytes - at)));
    });
    return 'substitute';
  }
  for (const file of files) {
    mkdirSync(join(staging, dirname(file.path)), { recursive: true });
    copyFileSync(file.path, join(staging, file.path));
    utimesSync(join(staging, file.path), times[0], times[0]);
  }
  const sparse = `${path}.sparse`;
  closeSync(openSync(sparse, 'w'));
  const made = openSync(sparse, 'r+');
  ftruncateSync(made, bytes);
  closeSync(made);
  const id = 'f01dfa57-0000-4000-8000-000000000001';
  execFileSync(mkfs, ['-q', '-F', '-b', '4096', '-N', String(3 * files.length + 200), '-U', id, '-E', `hash_seed=${id},root_owner=0:0`, '-d', staging, sparse], {
    env: { ...process.env, E2FSPROGS_FAKE_TIME: '1767323045', SOURCE_DATE_EPOCH: '1767323045' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  rmSync(staging, { recursive: true });
  const input = openSync(sparse, 'r');
  writeTo(path, (write) => {
    const buffer = Buffer.alloc(mebibyte);
    for (let at = 0; at < bytes; at += mebibyte) write(buffer.subarray(0, readSync(input, buffer, 0, mebibyte, at)));
  });
  closeSync(input);
  rmSync(sparse);
  return 'mkfs.ext4';
}

function readWhole(path: string, bytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  const file = openSync(path, 'r');
  for (let at = 0, got = -1; got !== 0; at += got) got = readSync(file, content, at, bytes - at, at);
  closeSync(file);
  return content;
}

function writeTo(path: string, fill: (write: (bytes: Uint8Array) => void) => void): void {
  const file = openSync(path, 'w');
  fill((bytes) => {
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
  });
  closeSync(file);
}

async function streamRatio(path: string, level: number): Promise<number> {
  const stream = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level } });
  let stored = 0;
  stream.on('data', (data: Buffer) => {
    stored += data.length;
  });
  const bytes = statSync(path).size;
  const file = openSync(path, 'r');
  const ended = new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject));
  for (let at = 0; at < bytes; ) {
    const buffer = Buffer.alloc(mebibyte);
    const got = readSync(file, buffer, 0, mebibyte, at);
    at += got;
    if (!stream.write(buffer.subarray(0, got))) await new Promise((resolve) => stream.once('drain', resolve));
  }
  stream.end();
  await ended;
  closeSync(file);
  return bytes / stored;
}

// Listing with threads gives what listing without gives: every entry, in the same order, with everything that a backup asks of it.
import { execFileSync } from 'node:child_process';
import { lchownSync, linkSync, lutimesSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { treeRoot } from '../../src/files/entry-name.ts';
import { metaJson } from '../../src/files/file-meta.ts';
import { lookAt, nameRuns, type Found } from '../../src/files/file-walk.ts';
import { list, type ListingOptions } from '../../src/files/listing.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'holdfast-listing-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

async function listed(options: Partial<ListingOptions>) {
  const warnings: string[] = [];
  const asked: number[] = [];
  const listing = list({ roots: [{ name: treeRoot, path: folder }], threads: 0, warn: (what) => warnings.push(what), nowMs: Date.now, ...options });
  const entries: Found[] = [];
  const made: { readonly json: string; readonly bytes: number; readonly isSettled: boolean; readonly file: string | undefined }[] = [];
  try {
    for (let batch = await listing.next(); batch !== null; batch = await listing.next()) {
      asked.push(batch.askedMs);
      for (let i = 0; i < batch.count; i += 1) {
        entries.push(batch.found(i));
        if (batch.made === null) continue;
        const { json, ends, bytes, isSettled, linked } = batch.made;
        made.push({ json: json.toString('utf8', i === 0 ? 0 : ends[i - 1], ends[i]), bytes: bytes[i] ?? -1, isSettled: isSettled[i] === 1, file: linked.get(i) });
      }
    }
  } finally {
    await listing.close();
  }
  return { entries, made, warnings, asked };
}

/** Only what a backup asks for: the system's answer has more. */
function plain({ name, path: where, type, target, stat }: Found) {
  const { dev, ino, mode, nlink, uid, gid, size, mtimeNs, ctimeNs } = stat;
  return { name, path: where, type, target, dev, ino, mode: mode & 0o7777n, nlink, uid, gid, size: type === 'f' ? size : 0n, mtimeNs, ctimeNs };
}

async function growTree(): Promise<void> {
  for (let i = 0; i < 13; i += 1) {
    mkdirSync(path.join(folder, `d${i}`, 'deeper'), { recursive: true });
    for (let k = 0; k < 90; k += 1) writeFileSync(path.join(folder, `d${i}`, `f${k}`), 'x'.repeat(k));
  }
  mkdirSync(path.join(folder, 'wide'));
  for (let i = 0; i < 1200; i += 1) writeFileSync(path.join(folder, 'wide', `ü"${i}`), '');
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/d3/`), Buffer.of(0xff, 0x61)]), 'no text');
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.of(0xff)]), 'no text at the top');
  mkdirSync(Buffer.concat([Buffer.from(`${folder}/d3/`), Buffer.of(0xff, 0x62)]));
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/d3/`), Buffer.of(0xff, 0x62), Buffer.from('/below')]), 'below');
  symlinkSync('../nowhere-ü', path.join(folder, 'd4', 'link'));
  symlinkSync(Buffer.of(0xfe, 0x2f), path.join(folder, 'd4', 'other-link'));
  lutimesSync(path.join(folder, 'd4', 'link'), -12.5, -12.5);
  linkSync(path.join(folder, 'd4', 'f8'), path.join(folder, 'd5', 'hard'));
  if (process.getuid?.() === 0) lchownSync(path.join(folder, 'd7', 'f7'), 12, 34);
  execFileSync('mkfifo', [path.join(folder, 'd6', 'pipe')]);
  writeFileSync(path.join(folder, 'large'), '');
  truncateSync(path.join(folder, 'large'), 5 * 2 ** 40);
  await setTimeout(60);
  writeFileSync(path.join(folder, 'new'), 'settled by no means');
}

it('is the same with threads, for all that a tree can have', async () => {
  await growTree();
  const roots = [
    { name: 'gone', path: path.join(folder, 'gone') },
    { name: treeRoot, path: folder },
  ];
  const here = await listed({ roots });
  // A clock that stands, so that what is new stays new.
  const nowMs = Number(here.entries.find(({ name }) => name === 'new')?.stat.ctimeNs ?? 0n) / 1e6;
  for (const threads of [1, 3]) {
    const there = await listed({ roots, threads, nowMs: () => nowMs });
    expect(there.entries.map(plain)).toEqual(here.entries.map(plain));
    expect(there.warnings).toEqual(here.warnings);
    expect(there.made.map(({ json, bytes, file }) => ({ json, bytes, file }))).toEqual(
      here.entries.map(({ name, type, stat, target }) => {
        const bytes = type === 'f' ? Number(stat.size) : 0;
        return { json: metaJson({ name, type, stat, target, attributes: undefined }, bytes), bytes, file: type === 'f' && stat.nlink > 1n ? `${stat.dev}:${stat.ino}` : undefined };
      }),
    );
    expect(there.made.flatMap(({ isSettled }, i) => (isSettled ? [] : [here.entries[i]?.name]))).toEqual(['new']);
  }
  expect(here.entries.map(({ type }) => type).join('')).toMatch(/^d.*l.*p.*f$/);
  expect([here.entries.length, here.warnings.length, here.asked.length]).toEqual([1 + 13 * 92 + 1201 + 10, 1, 3]);
});

it('of roots with names of their own says where each is', async () => {
  mkdirSync(path.join(folder, 'one', 'in'), { recursive: true });
  writeFileSync(path.join(folder, 'one', 'in', 'a'), '');
  writeFileSync(path.join(folder, 'two'), '');
  const roots = [
    { name: 'one', path: path.join(folder, 'one') },
    { name: 'two', path: path.join(folder, 'two') },
  ];
  const here = await listed({ roots });
  const there = await listed({ roots, threads: 1 });
  expect(there.entries.map(plain)).toEqual(here.entries.map(plain));
  expect(there.entries.map(({ name }) => name)).toEqual(['one', 'one/in', 'one/in/a', 'two']);
});

it('asks for each batch before the one in front of it is used up', async () => {
  for (let i = 0; i < 4500; i += 1) writeFileSync(path.join(folder, `f${i}`), '');
  let now = 0;
  const { asked } = await listed({ threads: 1, nowMs: () => ++now });
  expect(asked).toEqual([1, 2, 3, 4, 5]);
});

it('lists a folder that was none when it was named', () => {
  writeFileSync(path.join(folder, 'a'), '');
  writeFileSync(path.join(folder, 'b'), '');
  writeFileSync(path.join(folder, 'c'), '');
  const warnings: string[] = [];
  const warn = (what: string) => warnings.push(what);
  const runs = [...nameRuns([{ name: treeRoot, path: folder }], warn)];
  rmSync(path.join(folder, 'b'));
  mkdirSync(path.join(folder, 'b', 'deep'), { recursive: true });
  renameSync(path.join(folder, 'a'), path.join(folder, 'b', 'deep', 'a'));
  expect(runs.flatMap((run) => [...lookAt(run, warn)].map(({ name }) => name))).toEqual([treeRoot, 'b', 'b/deep', 'b/deep/a', 'c']);
  expect(warnings).toEqual([expect.stringContaining(`${path.join(folder, 'a')} was not backed up`)]);
});

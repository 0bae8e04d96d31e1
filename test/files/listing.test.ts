// Listing in a thread gives what listing here gives: every entry, in the same order, with everything that a backup asks of it.
import { execFileSync } from 'node:child_process';
import { lchownSync, linkSync, lutimesSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { treeRoot } from '../../src/files/entry-name.ts';
import type { Found } from '../../src/files/file-walk.ts';
import { list, type ListingOptions } from '../../src/files/listing.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'holdfast-listing-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

async function listed(options: Partial<ListingOptions>) {
  const warnings: string[] = [];
  const asked: number[] = [];
  let now = 0;
  const listing = list({ roots: [{ name: treeRoot, path: folder }], expected: 0, warn: (what) => warnings.push(what), nowMs: () => ++now, ...options });
  const entries: Found[] = [];
  try {
    for (let batch = await listing.next(); batch !== null; batch = await listing.next()) {
      entries.push(...batch.found);
      asked.push(batch.askedMs);
    }
  } finally {
    await listing.close();
  }
  return { entries, warnings, asked };
}

/** Only what a backup asks for: the system's answer has more. */
function plain({ name, path: where, type, target, stat }: Found) {
  const { dev, ino, mode, nlink, uid, gid, rdev, size, mtimeNs, ctimeNs } = stat;
  return { name, path: where, type, target, dev, ino, mode, nlink, uid, gid, rdev, size, mtimeNs, ctimeNs };
}

it('is the same in a thread, for all that a tree can have', async () => {
  for (let i = 0; i < 13; i += 1) {
    mkdirSync(path.join(folder, `d${i}`, 'deeper'), { recursive: true });
    for (let k = 0; k < 90; k += 1) writeFileSync(path.join(folder, `d${i}`, `f${k}`), 'x'.repeat(k));
  }
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/d3/`), Buffer.of(0xff, 0x61)]), 'no text');
  symlinkSync('../nowhere-ü', path.join(folder, 'd4', 'link'));
  symlinkSync(Buffer.of(0xfe, 0x2f), path.join(folder, 'd4', 'other-link'));
  lutimesSync(path.join(folder, 'd4', 'link'), -12.5, -12.5);
  linkSync(path.join(folder, 'd4', 'f8'), path.join(folder, 'd5', 'hard'));
  if (process.getuid?.() === 0) lchownSync(path.join(folder, 'd7', 'f7'), 12, 34);
  execFileSync('mkfifo', [path.join(folder, 'd6', 'pipe')]);
  writeFileSync(path.join(folder, 'large'), '');
  truncateSync(path.join(folder, 'large'), 5 * 2 ** 40);
  const roots = [
    { name: 'gone', path: path.join(folder, 'gone') },
    { name: treeRoot, path: folder },
  ];
  const here = await listed({ roots, expected: 0 });
  const there = await listed({ roots, expected: 1_000_000 });
  expect(there.entries.map(plain)).toEqual(here.entries.map(plain));
  expect(there.entries.map(({ type }) => type).join('')).toMatch(/^d.*l.*p.*f$/);
  expect([here.entries.length, here.warnings.length, here.asked.length]).toEqual([1 + 13 * 92 + 6, 1, 3]);
  expect(there.warnings).toEqual(here.warnings);
  // Each batch was asked for before what came before it was used up.
  expect([here.asked, there.asked]).toEqual([
    [1, 2, 3],
    [1, 2, 3],
  ]);
});

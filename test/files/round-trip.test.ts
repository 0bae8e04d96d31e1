// Files into a vault and back: everything that a tree can have, what is unchanged, what changes meanwhile, and what must not be written anywhere.
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { packName } from '../../src/core/vault/object-names.ts';
import { randomFrom } from '../observer/seeded.ts';
import { treePicture } from './tree-picture.ts';
import { VaultOfFiles } from './vault-of-files.ts';

let files: VaultOfFiles;
beforeEach(async () => {
  files = await VaultOfFiles.make();
});
afterEach(() => {
  vi.unstubAllEnvs();
  files.remove();
});

const mebibyte = 1024 * 1024;

/** Text that repeats itself a little, as logs do. */
function textOf(lines: number, seed: number): string {
  let state = seed;
  return Array.from({ length: lines }, (_, i) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return `${i} ${state.toString(16)} the order was paid\n`;
  }).join('');
}

async function same(): Promise<void> {
  const { target } = await files.restore();
  expect(treePicture(target)).toEqual(treePicture(files.tree));
}

describe('a tree', () => {
  it('comes back with everything that it had', async () => {
    mkdirSync(files.path('empty folder'));
    mkdirSync(files.path('a'));
    mkdirSync(files.path('a.b'));
    mkdirSync(files.path('locked'));
    writeFileSync(files.path('a', 'z'), 'in a');
    writeFileSync(files.path('a.b', 'z'), 'in a.b');
    writeFileSync(files.path('empty'), '');
    writeFileSync(files.path('one byte'), 'x');
    writeFileSync(files.path('two\nlines ünï \u{1f4be} \ufffd'), 'name');
    writeFileSync(Buffer.concat([Buffer.from(files.path('no utf-8 ')), Buffer.of(0xff, 0xfe)]), 'bytes');
    mkdirSync(Buffer.concat([Buffer.from(files.path('folder ')), Buffer.of(0xff)]));
    writeFileSync(Buffer.concat([Buffer.from(files.path('folder ')), Buffer.of(0xff), Buffer.from('/inside')]), 'below bytes');
    writeFileSync(files.path('large'), randomBytes(3 * mebibyte + 17));
    writeFileSync(files.path('text'), textOf(60_000, 1));
    writeFileSync(files.path('zeros'), Buffer.alloc(2 * mebibyte + 5));
    writeFileSync(files.path('locked', 'read only'), 'r', { mode: 0o400 });
    chmodSync(files.path('locked'), 0o555);
    chmodSync(files.path('one byte'), 0o4755);
    truncateSync(files.path('empty'), 0);
    const sparse = openSync(files.path('sparse'), 'w');
    writeSync(sparse, 'end', 40 * mebibyte);
    closeSync(sparse);
    symlinkSync('a/z', files.path('link'));
    symlinkSync('/nowhere/at/all', files.path('dangling'));
    symlinkSync('..', files.path('up'));
    linkSync(files.path('large'), files.path('zz hard'));
    expect(spawnSync('mkfifo', [files.path('pipe')]).status).toBe(0);
    utimesSync(files.path('text'), 1_000_000_000.123456, 1_000_000_000.123456);
    utimesSync(files.path('a'), 1, 1);
    const result = await files.backup();
    expect(files.warnings).toEqual([]);
    expect(result.count.newBytes).toBeLessThan(8 * mebibyte);
    await same();
    expect(files.warnings).toEqual([]);
    const { damages, entries } = await files.verify();
    expect(damages).toEqual([]);
    expect(entries).toBe(result.entries);
    const restored = path.join(files.root, 'restored-0', 'sparse');
    expect(lstatSync(restored).blocks * 512).toBeLessThan(mebibyte);
  });

  it('comes back whatever its sizes, before and after it was changed', async () => {
    const size = fc.constantFrom(0, 1, 4096, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, mebibyte - 1, mebibyte, mebibyte + 1, 8 * mebibyte - 1, 8 * mebibyte + 1);
    const file = fc.record({ size, isText: fc.boolean(), change: fc.constantFrom('none', 'grow', 'shrink', 'insert', 'overwrite', 'remove', 'zero') });
    await fc.assert(
      fc.asyncProperty(fc.array(file, { minLength: 1, maxLength: 6 }), async (specs) => {
        const here = await VaultOfFiles.make();
        try {
          for (const [i, { size: bytes, isText }] of specs.entries()) writeFileSync(here.path(`f${i}`), isText ? textOf(Math.ceil(bytes / 20), i + 1).slice(0, bytes) : randomBytes(bytes));
          await here.backup();
          for (const [i, { change }] of specs.entries()) alter(here.path(`f${i}`), change);
          await here.backup({ isReadingAll: specs.length % 2 === 0 });
          const { target } = await here.restore();
          expect(treePicture(target)).toEqual(treePicture(here.tree));
          expect((await here.verify()).damages).toEqual([]);
          expect(here.warnings).toEqual([]);
        } finally {
          here.remove();
        }
      }),
      { seed: 5, numRuns: 8 },
    );
  }, 60_000);
});

function alter(file: string, change: string): void {
  const was = readFileSync(file);
  const middle = Math.floor(was.length / 2);
  if (change === 'grow') writeFileSync(file, Buffer.concat([was, randomBytes(100_000)]));
  if (change === 'shrink') writeFileSync(file, was.subarray(0, middle));
  if (change === 'insert') writeFileSync(file, Buffer.concat([was.subarray(0, middle), Buffer.from('inserted'), was.subarray(middle)]));
  if (change === 'overwrite') writeFileSync(file, Buffer.concat([was.subarray(0, middle), randomBytes(was.length - middle)]));
  if (change === 'zero') writeFileSync(file, Buffer.alloc(was.length));
  if (change === 'remove') renameSync(file, `${file} renamed`);
}

describe('what did not change', () => {
  it('is not read, unless all is read; then it is not stored', async () => {
    writeFileSync(files.path('large'), randomBytes(9 * mebibyte));
    for (let i = 0; i < 50; i++) writeFileSync(files.path(`small ${i}`), randomBytes(5000 + i));
    const first = await files.backup();
    expect(first).toMatchObject({ type: 'full', unchanged: 0 });
    const second = await files.backup();
    expect(second).toMatchObject({ type: 'incremental', entries: 52, unchanged: 52 });
    expect(second.count.readBytes).toBe(0);
    const third = await files.backup({ isReadingAll: true });
    expect(third.count.readBytes).toBe(first.bytes);
    expect(third.count).toMatchObject({ newBytes: 0, reusedBytes: first.bytes });
    expect(third.storedBytes).toBeLessThan(20_000);
    await same();
  });

  it('is read again where it changed so shortly before that another change could have the same time', async () => {
    writeFileSync(files.path('file'), 'before');
    const changedAtMs = Number(lstatSync(files.path('file'), { bigint: true }).ctimeNs / 1_000_000n);
    for (const laterMs of [49, 48]) expect((await files.backup({ nowMs: () => changedAtMs + laterMs })).count.readBytes).toBe(6);
    expect((await files.backup()).count.readBytes).toBe(6);
    expect((await files.backup()).count.readBytes).toBe(0);
  });

  it('is noticed by its content when only its time differs', async () => {
    writeFileSync(files.path('small'), randomBytes(7000));
    writeFileSync(files.path('large'), randomBytes(2 * mebibyte));
    await files.backup();
    utimesSync(files.path('small'), 5, 5);
    utimesSync(files.path('large'), 5, 5);
    const { count } = await files.backup();
    expect(count).toMatchObject({ newBytes: 0, reusedBytes: 2 * mebibyte + 7000 });
    await same();
  });

  it('is found again behind an insertion and after a rename', async () => {
    writeFileSync(files.path('log'), textOf(250_000, 9));
    await files.backup();
    const was = readFileSync(files.path('log'));
    writeFileSync(files.path('log'), Buffer.concat([Buffer.from('one more line\n'), was]));
    const shifted = await files.backup();
    expect(shifted.count.newBytes).toBeLessThan(was.length / 3);
    renameSync(files.path('log'), files.path('renamed'));
    const renamed = await files.backup();
    expect(renamed.count.newBytes).toBeLessThan(was.length / 10);
    await same();
  });
});

describe('more known chunks than memory has room for', () => {
  const move = async () => {
    for (let i = 0; i < 12; i++) writeFileSync(files.path(`file ${i}`), randomBytes(mebibyte + 1000));
    const first = await files.backup();
    mkdirSync(files.path('moved'));
    for (let i = 0; i < 12; i++) renameSync(files.path(`file ${i}`), files.path('moved', `was ${i}`));
    return { first, second: await files.backup({ chunksInMemoryMax: 4 }) };
  };

  it('are found in temporary files: what was moved is not stored again', async () => {
    const { first, second } = await move();
    expect(second.count).toMatchObject({ newBytes: 0, reusedBytes: first.bytes });
    expect(files.warnings).toEqual([]);
    await same();
  });

  it('are stored again where there can be no temporary files, and that is told', async () => {
    vi.stubEnv('TMPDIR', '/proc/not-there');
    const { first, second } = await move();
    expect(second.count.newBytes).toBeGreaterThan(first.bytes / 2);
    expect(files.warnings).toEqual([expect.stringMatching(/^the index of known chunks could not be kept in \/proc\/not-there \(ENOENT.*TMPDIR names another place$/)]);
    await same();
  });
});

describe('a pack that a worker cannot read by itself', () => {
  it('comes from the site that has it, and is damage in the site that lacks it or has it cut', async () => {
    const both = await VaultOfFiles.make(2);
    try {
      const content = randomBytes(3 * mebibyte);
      writeFileSync(both.path('file'), content);
      await both.backup();
      const [first, second] = (await both.newest()).point.packs.filter(({ bytes }) => bytes > mebibyte / 2).map(({ sha256 }) => path.join(both.root, 'site-0', packName(sha256)));
      unlinkSync(first ?? '');
      truncateSync(second ?? '', 200_000);
      expect(readFileSync(path.join((await both.restore()).target, 'file')).equals(content)).toBe(true);
      const { damages } = await both.verify();
      // Each once, and in no certain order.
      expect(damages.map(({ site, because }) => `${site}: ${because.slice(0, 25)}`).sort()).toEqual(['site-0: This pack has no end: its', 'site-0: it is not there']);
    } finally {
      both.remove();
    }
  });
});

describe('a list of entries of which one site has a bit wrong', () => {
  it('comes from the site that has it right', async () => {
    const both = await VaultOfFiles.make(2);
    try {
      for (let i = 0; i < 3000; i += 1) writeFileSync(both.path(`${'-'.repeat(150)} ${i}`), '');
      await both.backup();
      const [pack, ...others] = (await both.newest()).point.packs;
      expect([others.length, (await both.newest()).entryChunks.length > 3 * 80]).toEqual([0, true]);
      const file = path.join(both.root, 'site-0', packName(pack?.sha256 ?? ''));
      const bytes = readFileSync(file);
      bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
      chmodSync(file, 0o600);
      writeFileSync(file, bytes);
      const again = await both.backup();
      expect([again.entries, again.unchanged]).toEqual([3001, 3001]);
      const { target } = await both.restore();
      expect(treePicture(target)).toEqual(treePicture(both.tree));
      unlinkSync(path.join(both.root, 'site-1', packName(pack?.sha256 ?? '')));
      await expect(both.restore()).rejects.toMatchObject({ name: 'DamagedError' });
    } finally {
      both.remove();
    }
  });
});

describe.each(['by the workers themselves', 'by the site'])('a verification of packs that are read %s', (reader) => {
  it('finds one bit that is another, wherever in a pack it is: with the key by what the bytes are, without it by their hash', async () => {
    writeFileSync(files.path('file'), Buffer.concat([randomBytes(40_000), Buffer.from(textOf(2_000, 3))]));
    await files.backup();
    if (reader === 'by the site') for (const site of files.vault.sites.sites) Object.assign(site, { fileOf: undefined });
    const row = (await files.newest()).point.packs.find(({ bytes }) => bytes > 40_000);
    const pack = path.join(files.root, 'site-0', packName(row?.sha256 ?? ''));
    const whole = readFileSync(pack);
    const footer = whole.length - 24;
    const index = whole.readUInt32LE(footer);
    // Magic, pack id, key id; a chunk and its end; the index and its end; each number of the footer, its zeros, its magic.
    for (const at of [0, 7, 8, 23, 24, 31, 32, 1000, index - 1, index, footer - 1, footer, footer + 4, footer + 8, footer + 12, footer + 15, footer + 16, whole.length - 1]) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ 4;
      writeFileSync(pack, bytes);
      expect({ at, found: (await files.verify()).damages.length > 0 }).toEqual({ at, found: true });
    }
    expect((await files.verify(null)).damages).toHaveLength(1);
    writeFileSync(pack, Buffer.concat([whole.subarray(0, index), Buffer.alloc(1), whole.subarray(index)]));
    expect((await files.verify()).damages.length).toBeGreaterThan(0);
    for (const bytes of [Buffer.concat([whole, Buffer.alloc(1)]), Buffer.concat([whole, whole]), whole.subarray(0, -1), whole.subarray(0, 10), Buffer.alloc(0)]) {
      writeFileSync(pack, bytes);
      expect({ length: bytes.length, found: (await files.verify()).damages.length, keyless: (await files.verify(null)).damages.length }).toEqual({ length: bytes.length, found: 1, keyless: 1 });
    }
    writeFileSync(pack, whole);
    expect((await files.verify()).damages).toEqual([]);
  });
});

describe.each([
  ['with threads that look at the files', 0],
  ['without', Infinity],
])('a backup that was interrupted, %s', (_, threadEntriesMin) => {
  const [folders, each] = [20, 60];
  const name = (i: number) => files.path(`d${`${Math.floor(i / each)}`.padStart(2, '0')}`, `f${i % each}`);

  async function interrupted(): Promise<void> {
    await expect(files.backup({ threadEntriesMin, stop: AbortSignal.abort() })).rejects.toThrow(/interrupted/);
  }

  beforeEach(() => {
    for (let i = 0; i < folders; i += 1) mkdirSync(files.path(`d${`${i}`.padStart(2, '0')}`));
    for (let i = 0; i < folders * each; i += 1) writeFileSync(name(i), `file ${i}`);
  });

  it('goes on from its checkpoint and from the point before it: what neither run came to is not read again', async () => {
    const first = await files.backup({ threadEntriesMin });
    for (const i of [3, 900]) writeFileSync(name(i), randomBytes(10_000));
    unlinkSync(name(5));
    unlinkSync(name(1100));
    await interrupted();
    const next = await files.backup({ threadEntriesMin });
    // Of the changed ones, the first was being read when the run was interrupted, and the second is behind what it came to, as is the folder of the last one.
    expect([next.entries, next.unchanged, next.count.readBytes]).toEqual([first.entries - 2, first.entries - 2 - 3, 20_000]);
    await same();
    expect((await files.verify()).damages).toEqual([]);
  });

  it('does so after several that were interrupted, of which the newest came less far', async () => {
    await files.backup({ threadEntriesMin });
    const changed = [10, 400, 800, 1190];
    for (const round of [1, 2, 3, 4, 5]) {
      for (const i of changed) writeFileSync(name(i), `round ${round} of ${i}`);
      await interrupted();
    }
    const next = await files.backup({ threadEntriesMin });
    expect([next.entries - next.unchanged, next.count.readBytes < 100]).toEqual([changed.length, true]);
    await same();
    const after = await files.backup({ threadEntriesMin });
    expect([after.entries - after.unchanged, after.count.readBytes]).toEqual([0, 0]);
  });

  it('takes nothing over that is gone or became something else meanwhile', async () => {
    await files.backup({ threadEntriesMin });
    await interrupted();
    unlinkSync(name(0));
    unlinkSync(name(1199));
    mkdirSync(name(1199));
    writeFileSync(path.join(name(1199), 'inside'), 'new');
    renameSync(name(1000), name(2));
    await files.backup({ threadEntriesMin });
    await same();
  });
});

describe('threads that look at the files', () => {
  it('make the point that is made without them, after any change', async () => {
    const seed = Number(process.env['HOLDFAST_SEED'] ?? 20261129);
    const chance = randomFrom(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(chance() * list.length)] as T;
    const names = Array.from({ length: 300 }, (_, i) => files.path(`d${i % 7}`, `${pick(['f', 'ü', '"', 'f.'])}${i}`));
    for (let i = 0; i < 7; i += 1) mkdirSync(files.path(`d${i}`));
    for (const name of names.slice(0, 250)) writeFileSync(name, randomBytes(Math.floor(chance() * 2000)));
    for (let i = 0; i < 20; i += 1) changeOne(() => 'link', pick, names);
    await files.backup();
    for (let round = 0; round < 5; round += 1) {
      for (let i = 0; i < 8; i += 1) changeOne(pick, pick, names);
      const [threadEntriesMin, other] = round % 2 === 0 ? [0, Infinity] : [Infinity, 0];
      const made = await files.backup({ threadEntriesMin });
      const [{ entryChunks }, again] = [await files.newest(), await files.backup({ threadEntriesMin: other })];
      const story = `seed ${seed}, round ${round}`;
      expect([story, again.entries, again.unchanged, again.count.readBytes]).toEqual([story, made.entries, made.entries, 0]);
      expect(Buffer.compare((await files.newest()).entryChunks, entryChunks), story).toBe(0);
      await same();
    }
  }, 60_000);

  it('see that the name of a hard link that was its first one is so no more, though nothing of the file changed', async () => {
    for (const folder of ['d1', 'd5']) mkdirSync(files.path(folder));
    writeFileSync(files.path('d1', 'x'), 'of two names');
    linkSync(files.path('d1', 'x'), files.path('d5', 'y'));
    await files.backup();
    renameSync(files.path('d5'), files.path('d0'));
    await files.backup({ threadEntriesMin: 0 });
    await same();
  });
});

type Pick = <T>(list: readonly T[]) => T;
const changes = ['write', 'remove', 'link', 'rename', 'touch', 'fold', 'move'] as const;

function changeOne(does: (list: typeof changes) => (typeof changes)[number], pick: Pick, names: readonly string[]): void {
  const [one, other, change] = [pick(names), pick(names), does(changes)];
  const [isThere, isOther] = [existsSync(one), existsSync(other) || !existsSync(path.dirname(other))];
  if (change === 'write' && isThere && lstatSync(one).isFile()) writeFileSync(one, randomBytes(pick([0, 10, 3000])));
  else if (change === 'remove' && isThere) rmSync(one, { recursive: true });
  else if (change === 'link' && isThere && lstatSync(one).isFile() && !isOther) linkSync(one, other);
  else if (change === 'rename' && isThere && !isOther) renameSync(one, other);
  else if (change === 'touch' && isThere) utimesSync(one, 1e9, pick([1e9, 1.5e9]));
  else if (change === 'fold' && !isThere) mkdirSync(path.join(one, 'deep'), { recursive: true });
  // Of hard links, which come first by their names changes, and nothing in what the system says of them.
  else if (change === 'move' && existsSync(path.dirname(one))) renameSync(path.dirname(one), path.join(path.dirname(one), '..', `${pick(['a', 'e', 'z'])}${names.indexOf(one)}`));
}

describe('a lock', () => {
  it('keeps all packs of a point for as long, also those of earlier points', async () => {
    writeFileSync(files.path('file'), randomBytes(mebibyte));
    await files.backup({ lock: { mode: 'GOVERNANCE', untilMs: Date.now() + 60_000 } });
    const untilMs = Date.now() + 600_000;
    const { storedBytes } = await files.backup({ lock: { mode: 'GOVERNANCE', untilMs } });
    expect(storedBytes).toBeLessThan(10_000);
    const { point } = await files.newest();
    expect(point.header.lockedUntilMs).toBe(untilMs);
    expect(point.packs.length).toBeGreaterThan(1);
    for (const { sha256 } of point.packs) expect((await files.vault.sites.sites[0]?.head(packName(sha256)))?.lock).toEqual({ mode: 'GOVERNANCE', untilMs });
  });
});

describe('a file that changes while it is read', () => {
  it('is read again, or said', async () => {
    writeFileSync(files.path('busy'), randomBytes(5 * mebibyte));
    let turn = 0;
    const busy = setInterval(() => writeFileSync(files.path('busy'), randomBytes(5 * mebibyte - 1000 * turn++)), 1);
    try {
      await files.backup();
    } finally {
      clearInterval(busy);
    }
    // Either a reading had the file to itself, or a warning names it; never silence, never a point that cannot be restored.
    const { target } = await files.restore();
    expect((await files.verify()).damages).toEqual([]);
    const quiet = files.warnings.length === 0;
    if (!quiet) expect(files.warnings.join()).toContain('busy');
    expect(existsSync(path.join(target, 'busy'))).toBe(true);
  });

  it('is left out with a word where it cannot be read', async () => {
    if (process.getuid?.() === 0) return; // root reads everything
    writeFileSync(files.path('secret'), 'x', { mode: 0 });
    writeFileSync(files.path('open'), 'y');
    await files.backup();
    expect(files.warnings).toEqual([expect.stringContaining('secret')]);
    const { target } = await files.restore();
    expect(readdirSync(target)).toEqual(['open']);
  });
});

describe('a restore', () => {
  beforeEach(async () => {
    mkdirSync(files.path('a', 'b'), { recursive: true });
    mkdirSync(files.path('ab'));
    writeFileSync(files.path('a', 'b', 'wanted'), 'wanted');
    writeFileSync(files.path('a', 'other'), 'other');
    writeFileSync(files.path('ab', 'not'), 'not');
    linkSync(files.path('a', 'other'), files.path('zlink'));
    linkSync(files.path('a', 'other'), files.path('zlink2'));
    await files.backup();
  });

  it('takes what was asked for, with the folders on the way', async () => {
    const { target, entries } = await files.restore({ paths: ['/a/b/'] });
    expect(treePicture(target).map((line) => line.split(' ')[0])).toEqual(['.', './a', './a/b', './a/b/wanted']);
    expect(entries).toBe(4);
    expect(files.warnings).toEqual([]);
  });

  it('brings the content of links whose file was not asked for, and says what is not there', async () => {
    const { target } = await files.restore({ paths: ['zlink', 'zlink2', 'nothing'] });
    expect(readFileSync(path.join(target, 'zlink'), 'utf8')).toBe('other');
    expect(lstatSync(path.join(target, 'zlink')).ino).toBe(lstatSync(path.join(target, 'zlink2')).ino);
    expect(files.warnings).toEqual(["the point has no 'nothing'"]);
  });

  it('refuses a target that is not empty, and goes on in one when told', async () => {
    const { target } = await files.restore();
    await expect(files.restore({ target })).rejects.toThrow('is not empty');
    writeFileSync(path.join(target, 'a', 'b', 'wanted'), 'changed');
    writeFileSync(path.join(target, 'extra'), 'stays');
    const again = await files.restore({ target, isGoingOn: true });
    expect(again.skipped).toBe(2);
    expect(readFileSync(path.join(target, 'a', 'b', 'wanted'), 'utf8')).toBe('wanted');
    expect(readFileSync(path.join(target, 'extra'), 'utf8')).toBe('stays');
  });

  it('writes nothing through a link that stands where a folder should be', async () => {
    const outside = path.join(files.root, 'outside');
    const target = path.join(files.root, 'target');
    mkdirSync(outside);
    mkdirSync(target);
    symlinkSync(outside, path.join(target, 'a'));
    await files.restore({ target, isGoingOn: true });
    expect(readdirSync(outside)).toEqual([]);
    expect(files.warnings.some((warning) => warning.startsWith('a was not restored'))).toBe(true);
    expect(readFileSync(path.join(target, 'ab', 'not'), 'utf8')).toBe('not');
  });
});

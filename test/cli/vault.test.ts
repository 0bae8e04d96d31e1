// `holdfast vault` as a person runs it: the real process, killed and interrupted as well.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { treePicture } from '../files/tree-picture.ts';

const program = path.join(import.meta.dirname, '../../src/cli/holdfast.mjs');
const waitMs = 30_000;
let root: string;
let vault: string;
let tree: string;
let keyFile: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'holdfast-cli-'));
  [vault, tree, keyFile] = [path.join(root, 'vault'), path.join(root, 'tree'), path.join(root, 'key')];
  mkdirSync(tree);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const environment = { ...process.env, HOLDFAST_VAULT_PASSPHRASE: undefined };

function run(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'vault', ...args], { encoding: 'utf8', env: environment });
  return { status, stdout, stderr };
}

function start(...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [program, 'vault', ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: environment });
}

const ended = async (child: ChildProcess): Promise<number | null> => new Promise((resolve) => child.once('exit', (code) => resolve(code)));

function init(): void {
  expect(run('init', '--vault', vault, '--new-key-file', keyFile)).toMatchObject({ status: 0, stderr: '' });
}

const where = () => ['--vault', vault, '--passphrase-file', keyFile];

function points(): string[] {
  const folder = path.join(vault, 'points');
  return existsSync(folder) ? readdirSync(folder).flatMap((chain) => readdirSync(path.join(folder, chain))) : [];
}

async function until(isTrue: () => boolean): Promise<void> {
  const startedAtMs = Date.now();
  while (!isTrue()) {
    if (Date.now() - startedAtMs > waitMs) throw new Error('it did not happen');
    await setTimeout(5);
  }
}

/** Enough to be in the middle of. */
function fill(): number {
  for (let i = 0; i < 150; i++) writeFileSync(path.join(tree, `file-${String(i).padStart(3, '0')}`), randomBytes(700_001));
  return 150 * 700_001;
}

describe('holdfast vault', () => {
  it('backs up, lists, verifies, shows and restores', () => {
    init();
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    writeFileSync(path.join(tree, 'a'), 'content');
    expect(run('backup', ...where(), '--source', 'mine', tree)).toMatchObject({ status: 0 });
    const second = run('backup', ...where(), '--source', 'mine', '--json', tree);
    expect(JSON.parse(second.stdout)).toMatchObject({ type: 'incremental', entries: 2, unchanged: 2, warnings: [] });
    const listed = JSON.parse(run('points', '--vault', vault, '--json').stdout);
    expect(listed.map((p: { type: string }) => p.type)).toEqual(['full', 'incremental']);
    expect(run('verify', ...where())).toMatchObject({ status: 0, stdout: expect.stringContaining('All is as it was stored') });
    expect(run('verify', '--vault', vault, '--keyless')).toMatchObject({ status: 0 });
    expect(run('inspect', ...where(), '--entries').stdout).toContain(' a\n');
    const target = path.join(root, 'target');
    expect(run('restore', ...where(), '--to', target)).toMatchObject({ status: 0 });
    expect(treePicture(target)).toEqual(treePicture(tree));
    expect(run('restore', ...where(), '--to', target)).toMatchObject({ status: 1, stderr: expect.stringContaining('is not empty') });
  });

  it('keeps the names of several paths apart, files among them', () => {
    init();
    mkdirSync(path.join(tree, 'one'));
    writeFileSync(path.join(tree, 'one', 'a'), 'a');
    writeFileSync(path.join(tree, 'two'), 'b');
    for (let i = 0; i < 2; i++) expect(run('backup', ...where(), '--source', 'mine', path.join(tree, 'two'), path.join(tree, 'one'))).toMatchObject({ status: 0 });
    const target = path.join(root, 'target');
    expect(run('restore', ...where(), '--to', target, 'two', 'one/a')).toMatchObject({ status: 0 });
    expect(readFileSync(path.join(target, 'one', 'a'), 'utf8') + readFileSync(path.join(target, 'two'), 'utf8')).toBe('ab');
    expect(run('backup', ...where(), path.join(tree, 'two'), path.join(tree, 'one', '..', 'two'))).toMatchObject({ status: 1 });
  });

  it('finds damage, and says where', () => {
    init();
    writeFileSync(path.join(tree, 'a'), randomBytes(100_000));
    run('backup', ...where(), tree);
    const folder = path.join(vault, 'packs');
    const packs = readdirSync(folder).flatMap((start) => readdirSync(path.join(folder, start)).map((name) => path.join(folder, start, name)));
    const largest = packs.sort((a, b) => statSync(b).size - statSync(a).size)[0] ?? '';
    const bytes = readFileSync(largest);
    bytes[5000] = (bytes[5000] ?? 0) ^ 1;
    rmSync(largest);
    writeFileSync(largest, bytes);
    expect(run('verify', ...where())).toMatchObject({ status: 1, stderr: expect.stringContaining(path.basename(largest)) });
    expect(run('verify', '--vault', vault, '--keyless')).toMatchObject({ status: 1 });
    const target = path.join(root, 'target');
    expect(run('restore', ...where(), '--to', target)).toMatchObject({ status: 3, stderr: expect.stringContaining('a was not restored: it is damaged in every site') });
    expect(readdirSync(target)).toEqual([]);
  });

  it('reads and restores from another site what is damaged in one', () => {
    const other = path.join(root, 'other');
    const both = ['--vault', vault, '--vault', other];
    expect(run('init', ...both, '--new-key-file', keyFile)).toMatchObject({ status: 0 });
    writeFileSync(path.join(tree, 'a'), randomBytes(2_000_000));
    expect(run('backup', ...both, '--passphrase-file', keyFile, tree)).toMatchObject({ status: 0 });
    for (const start of readdirSync(path.join(vault, 'packs'))) {
      for (const name of readdirSync(path.join(vault, 'packs', start))) {
        const file = path.join(vault, 'packs', start, name);
        const bytes = readFileSync(file);
        bytes.fill(0, 100, 200);
        rmSync(file);
        writeFileSync(file, bytes);
      }
    }
    const target = path.join(root, 'target');
    expect(run('restore', ...both, '--passphrase-file', keyFile, '--to', target)).toMatchObject({ status: 0, stderr: '' });
    expect(treePicture(target)).toEqual(treePicture(tree));
    expect(run('verify', ...both, '--passphrase-file', keyFile)).toMatchObject({ status: 1 });
  });

  it('does not understand, does not open and does not find, each with its status', () => {
    expect(run('backup', '--vault', vault)).toMatchObject({ status: 2, stderr: expect.stringContaining('needs the files') });
    expect(run('frobnicate')).toMatchObject({ status: 2 });
    expect(run('points', '--vault', vault, '--to', 'x')).toMatchObject({ status: 2, stderr: expect.stringContaining('does not take --to') });
    expect(run('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('Exit status') });
    expect(run('points', '--vault', vault)).toMatchObject({ status: 1 });
    init();
    expect(run('backup', '--vault', vault, tree)).toMatchObject({ status: 1, stderr: expect.stringContaining('passphrase is missing') });
    const wrong = path.join(root, 'wrong');
    writeFileSync(wrong, 'another passphrase\n');
    expect(run('backup', '--vault', vault, '--passphrase-file', wrong, tree)).toMatchObject({ status: 1, stderr: expect.stringContaining('does not open') });
    expect(run('restore', ...where(), '--to', path.join(root, 't'))).toMatchObject({ status: 1, stderr: expect.stringContaining('no recovery point') });
    expect(run('backup', ...where(), path.join(root, 'nothing'))).toMatchObject({ status: 1, stderr: expect.stringContaining('does not exist') });
    expect(run('init', '--vault', vault, '--new-key-file', keyFile)).toMatchObject({ status: 1 });
    expect(run('backup', ...where(), root)).toMatchObject({ status: 1, stderr: expect.stringContaining('is inside') });
  });
});

describe('a backup that is killed', () => {
  it('counts for nothing but its checkpoint, from which the next one goes on', async () => {
    init();
    const bytes = fill();
    const child = start('backup', ...where(), '--checkpoint-mib', '8', '--pack-mib', '2', '--workers', '1', '--source', 'mine', tree);
    await until(() => points().length > 0);
    child.kill('SIGKILL');
    await ended(child);
    expect(points().every((point) => point.includes('-checkpoint-'))).toBe(true);
    expect(run('restore', ...where(), '--to', path.join(root, 'none'))).toMatchObject({ status: 1, stderr: expect.stringContaining('no recovery point') });
    const next = JSON.parse(run('backup', ...where(), '--source', 'mine', '--json', tree).stdout);
    expect(next.unchanged).toBeGreaterThan(3);
    expect(next.count.readBytes).toBeLessThan(bytes - 3 * 1024 * 1024);
    const target = path.join(root, 'target');
    expect(run('restore', ...where(), '--to', target)).toMatchObject({ status: 0 });
    expect(treePicture(target)).toEqual(treePicture(tree));
    expect(run('verify', ...where(), '--all')).toMatchObject({ status: 0 });
  }, 60_000);

  it('makes a checkpoint at Ctrl-C', async () => {
    init();
    fill();
    const child = start('backup', ...where(), '--pack-mib', '1', '--workers', '1', '--source', 'mine', tree);
    await until(() => existsSync(path.join(vault, 'packs')));
    child.kill('SIGINT');
    expect(await ended(child)).toBe(130);
    expect(points()).toEqual([expect.stringContaining('-checkpoint-')]);
    expect(run('verify', ...where(), '--all')).toMatchObject({ status: 0 });
  }, 60_000);

  it('does not disturb another one beside it: both points are right', async () => {
    init();
    for (let i = 0; i < 20; i++) writeFileSync(path.join(tree, `file-${i}`), randomBytes(300_000));
    const both = [1, 2].map(() => start('backup', ...where(), '--source', 'mine', tree));
    expect(await Promise.all(both.map(ended))).toEqual([0, 0]);
    expect(points()).toHaveLength(2);
    expect(run('verify', ...where(), '--all')).toMatchObject({ status: 0 });
    for (const [i, point] of points().entries()) {
      const target = path.join(root, `target-${i}`);
      expect(run('restore', ...where(), '--point', point, '--to', target)).toMatchObject({ status: 0 });
      expect(treePicture(target)).toEqual(treePicture(tree));
    }
  }, 60_000);
});

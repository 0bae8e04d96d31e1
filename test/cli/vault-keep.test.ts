// `holdfast vault export|import|audit|scrub|rewrap` as a person runs them: a vault in two directories, one of them damaged; a disk for a safe.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const program = path.join(import.meta.dirname, '../../src/cli/holdfast.mjs');
let root: string;
const at = (name: string) => path.join(root, name);

function run(passphrase: string | undefined, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'vault', ...args], { encoding: 'utf8', env: { ...process.env, HOLDFAST_VAULT_PASSPHRASE: passphrase } });
  return { status, stdout, stderr };
}

/** A key file opens fast; a person's passphrase costs a third of a second a command. */
let passphrase = '';
const sites = () => ['--vault', at('one'), '--vault', at('two')];

function packs(site: string): string[] {
  return readdirSync(path.join(at(site), 'packs')).flatMap((folder) => readdirSync(path.join(at(site), 'packs', folder)).map((name) => path.join(at(site), 'packs', folder, name)));
}

function overwrite(file: string, bytes: Uint8Array): void {
  chmodSync(file, 0o644);
  writeFileSync(file, bytes);
}

beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'holdfast-keep-'));
  mkdirSync(at('tree'));
  writeFileSync(at('tree/a'), 'content of a');
  expect(run(undefined, 'init', ...sites(), '--new-key-file', at('key'))).toMatchObject({ status: 0 });
  passphrase = readFileSync(at('key'), 'utf8').trim();
  expect(run(passphrase, 'backup', ...sites(), '--source', 'mine', at('tree'))).toMatchObject({ status: 0 });
  writeFileSync(at('tree/b'), 'content of b');
  expect(run(passphrase, 'backup', ...sites(), '--source', 'mine', at('tree'))).toMatchObject({ status: 0 });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('a vault in two directories', () => {
  it('is audited without a key: each object has its reason', () => {
    const { status, stdout } = run(undefined, 'audit', ...sites());
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/objects, .*; each has its reason/) });
    expect(run(undefined, 'audit', ...sites(), '--all').stdout).toMatch(/packs\/.* for .*-full-/);
  });

  it('is repaired by the scrub, and the audit names what was put there', () => {
    const [file = ''] = packs('one');
    const good = readFileSync(file);
    overwrite(file, good.subarray(0, 100));
    writeFileSync(at('one/stranger'), 'x');
    const { status, stdout } = run(passphrase, 'scrub', ...sites());
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/damaged, repaired from .*two(.|\n)*1 wrong, 1 repaired: healthy/) });
    expect(readFileSync(file).equals(good)).toBe(true);
    expect(run(undefined, 'audit', ...sites())).toMatchObject({ status: 1, stdout: expect.stringMatching(/stranger .*: no name of the format/) });
    rmSync(at('one/stranger'));
    overwrite(file, new Uint8Array(3));
    overwrite(packs('two').find((each) => path.basename(each) === path.basename(file)) ?? '', new Uint8Array(4));
    // By their lengths alone, without a passphrase.
    expect(run(undefined, 'compare', ...sites())).toMatchObject({ status: 1, stdout: expect.stringMatching(/packs\/.*: of other length in .*one, .*two/) });
    expect(run(passphrase, 'scrub', ...sites())).toMatchObject({ status: 1, stdout: expect.stringMatching(/lost(.|\n)*2 wrong, 0 repaired: degraded/) });
    for (const site of ['one', 'two']) overwrite(packs(site).find((each) => path.basename(each) === path.basename(file)) ?? '', good);
    expect(run(undefined, 'compare', ...sites())).toMatchObject({ status: 0, stdout: expect.stringMatching(/The sites list the same/) });
    expect(run(undefined, 'compare', '--vault', at('one'))).toMatchObject({ status: 1, stderr: expect.stringMatching(/two sites or more/) });
  });

  it('goes to a disk and comes back, without a passphrase', () => {
    expect(run(undefined, 'export', ...sites(), '--to', at('disk'))).toMatchObject({ status: 0, stdout: expect.stringMatching(/Exported 1 points/) });
    expect(run(undefined, 'verify', '--keyless', '--vault', at('disk'))).toMatchObject({ status: 0 });
    expect(run(undefined, 'export', ...sites(), '--to', at('disk'), '--all').stdout).toMatch(/Exported 2 points/);
    expect(run(undefined, 'import', '--vault', at('three'), '--from', at('disk'))).toMatchObject({ status: 0, stdout: expect.stringMatching(/Imported 2 points/) });
    expect(run(passphrase, 'restore', '--vault', at('three'), '--to', at('back'))).toMatchObject({ status: 0 });
    expect(readFileSync(at('back/b'), 'utf8')).toBe('content of b');
  });

  it('opens with another passphrase after a rewrap', () => {
    writeFileSync(at('new'), 'a passphrase of a person\n');
    expect(run(passphrase, 'rewrap', ...sites(), '--new-passphrase-file', at('new'))).toMatchObject({ status: 0, stdout: expect.stringMatching(/^1 data keys/) });
    expect(run('a passphrase of a person', 'verify', ...sites())).toMatchObject({ status: 0 });
    expect(run('another passphrase', 'verify', ...sites())).toMatchObject({ status: 1, stderr: expect.stringMatching(/does not open/) });
  });

  it('gives up what nobody needs any more, once the need is a week past: the points first, then their packs', () => {
    const [one] = packs('one');
    // A pack that no point names, as an interrupted backup leaves it: of today, and of long ago.
    const orphan = path.join(at('one'), 'packs', 'ab', 'ab'.repeat(32));
    mkdirSync(path.dirname(orphan), { recursive: true });
    writeFileSync(orphan, 'left');
    expect(run(undefined, 'expire', ...sites())).toMatchObject({ status: 0, stdout: expect.stringMatching(/^0 of 2 points and 0 of \d+ packs given up/) });
    utimesSync(orphan, 1, 1);
    const dry = run(undefined, 'expire', ...sites(), '--dry-run', '--json');
    expect(dry).toMatchObject({ status: 0, stdout: expect.stringContaining('"isDryRun":true') });
    expect(JSON.parse(dry.stdout.split('\n')[0] ?? '')).toMatchObject({ name: `packs/ab/${'ab'.repeat(32)}`, what: 'given up', because: 'no point needs it' });
    expect(existsSync(orphan)).toBe(true);
    expect(run(undefined, 'expire', ...sites())).toMatchObject({ status: 0, stdout: expect.stringMatching(/given up: packs\/ab\/.* in .*one, 4 B: no point needs it\n0 of 2 points and 1 of/) });
    expect([existsSync(orphan), existsSync(one ?? '')]).toEqual([false, true]);
    expect(run(undefined, 'expire', ...sites(), '--lock-mode', 'tight')).toMatchObject({ status: 2, stderr: expect.stringMatching(/governance or compliance/) });
    expect(run(passphrase, 'verify', ...sites(), '--all')).toMatchObject({ status: 0 });
  });

  it('says what is missing in a command', () => {
    expect(run(undefined, 'export', ...sites())).toMatchObject({ status: 1, stderr: expect.stringMatching(/--to DIRECTORY/) });
    expect(run(undefined, 'import', ...sites())).toMatchObject({ status: 1, stderr: expect.stringMatching(/--from DIRECTORY/) });
    expect(run(passphrase, 'rewrap', ...sites())).toMatchObject({ status: 1, stderr: expect.stringMatching(/--new-passphrase-file/) });
    expect(run(undefined, 'audit', ...sites(), '--to', 'x')).toMatchObject({ status: 2, stderr: expect.stringMatching(/does not take --to/) });
  });
});

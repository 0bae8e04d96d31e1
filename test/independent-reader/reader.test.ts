// The vault's format page is true: a reader in another language, written from that page alone, restores every fixture, and refuses what does not fit.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installEngine } from '../../local/engine/install-engine.ts';

const here = import.meta.dirname;
const fixtures = path.join(here, '../fixtures/vault');
let python: string;
let scratch: string;

beforeAll(async () => {
  ({ python } = await installEngine({ directory: path.join(here, '../../.holdfast/engine'), log: () => undefined }));
  scratch = mkdtempSync(path.join(tmpdir(), 'holdfast-reader-'));
}, 120_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

function read(passphrase: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(python, [path.join(here, 'reader.py'), ...args], { encoding: 'utf8', env: { PATH: process.env['PATH'], HOLDFAST_VAULT_PASSPHRASE: passphrase } });
  return { status, stdout, stderr };
}

describe.each(readdirSync(fixtures))('the fixture of format %s', (version) => {
  const vault = path.join(fixtures, version);
  const expected = JSON.parse(readFileSync(path.join(vault, 'expected.json'), 'utf8'));
  const points: { chain: string; point: string; kind: string; entries: { name?: string; nameBase64?: string; t?: string; sha256: string }[] }[] = expected.points;
  const last = (chain: string) => points.findLast((each) => each.chain === chain)?.point ?? '';

  it('gives the state of the table at each moment', () => {
    for (const { chain, atMs, digest } of expected.tables) {
      const { status, stdout } = read(expected.passphrase, 'digest', vault, `${chain}/${last(chain)}`, '--at', String(atMs));
      expect({ status, atMs, digest: JSON.parse(stdout) }).toEqual({ status: 0, atMs, digest });
    }
  });

  it('gives back every file', () => {
    const files = points.filter(({ kind }) => kind === 'files');
    expect(files.length).toBeGreaterThan(0);
    for (const { chain, point, entries } of files) {
      const target = path.join(scratch, version, point);
      expect(read(expected.passphrase, 'restore', vault, `${chain}/${point}`, target)).toMatchObject({ status: 0 });
      let compared = 0;
      for (const { name, nameBase64, sha256 } of entries) {
        const file = Buffer.concat([Buffer.from(`${target}/`), name === undefined ? Buffer.from(nameBase64 ?? '', 'base64') : Buffer.from(name)]);
        if (!lstatSync(file).isFile()) continue;
        // A hard link has its content in the entry that it points to.
        if (sha256 !== createHash('sha256').digest('hex') || lstatSync(file).nlink === 1) expect([name, createHash('sha256').update(readFileSync(file)).digest('hex')]).toEqual([name, sha256]);
        compared += 1;
      }
      expect(compared).toBeGreaterThan(5);
    }
  });

  it('refuses another passphrase, and a pack or manifest with a bit that is another', () => {
    const { chain, point } = points.find(({ kind }) => kind === 'files') ?? { chain: '', point: '' };
    expect(read('not the passphrase', 'restore', vault, `${chain}/${point}`, path.join(scratch, 'none')).status).not.toBe(0);
    const copy = path.join(scratch, `${version}-damaged`);
    cpSync(vault, copy, { recursive: true });
    const packs = readdirSync(path.join(copy, 'packs')).flatMap((folder) => readdirSync(path.join(copy, 'packs', folder)).map((file) => path.join(copy, 'packs', folder, file)));
    for (const file of [...packs, path.join(copy, 'points', chain, point)]) flip(file);
    const { status, stderr } = read(expected.passphrase, 'restore', copy, `${chain}/${point}`, path.join(scratch, 'damaged'));
    expect({ status: status === 0 ? 0 : 1, said: stderr.length > 10 }).toEqual({ status: 1, said: true });
  });
});

function flip(file: string): void {
  const bytes = readFileSync(file);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  chmodSync(file, 0o644);
  writeFileSync(file, bytes);
}

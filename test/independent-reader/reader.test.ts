// A reader in another language, written from docs/vault-format.md alone, against the vaults that are kept for ever and one of today: the page is true,
// and whoever has it needs nothing of ours. What is damaged it refuses, and writes nothing of it.
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DirectorySite } from '../../src/drivers/directory/directory-site.ts';
import { openPoint } from '../../src/vault/point-reader.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { createVault } from '../../src/vault/vault.ts';
import { backUp, below, cheapWrap, randomFrom, shown } from '../vault/small-vault.ts';
import { filesUnder, passphrase, runReader } from './run-reader.ts';

const root = path.join(import.meta.dirname, '..', '..');
const fixtures = path.join(root, 'test', 'fixtures', 'vault');

const digestShape = z.object({ items: z.number(), bytes: z.number(), sum: z.string() });
const entryOf = z.looseObject({
  name: z.string().optional(),
  nameBase64: z.string().optional(),
  bytes: z.number(),
  sha256: z.string(),
  t: z.string().optional(),
  m: z.number().optional(),
  mt: z.string().optional(),
  to: z.string().optional(),
  tob: z.string().optional(),
});
const pointOf = z.object({ chain: z.string(), point: z.string(), type: z.string(), parent: z.string().nullable(), sha256: z.string(), entries: z.array(entryOf), digest: digestShape.nullable() });
const expectedOf = z.object({ passphrase: z.string(), points: z.array(pointOf), tables: z.array(z.object({ chain: z.string(), atMs: z.number(), digest: digestShape })) });
type ExpectedEntry = z.infer<typeof entryOf>;

let scratch = '';
let made = 0;

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'holdfast-reader-'));
});
afterAll(async () => rm(scratch, { recursive: true, force: true }));

const fresh = () => path.join(scratch, String((made += 1)));
const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const rawName = ({ name, nameBase64 }: ExpectedEntry) => (name === undefined ? Buffer.from(nameBase64 ?? '', 'base64') : Buffer.from(name)).toString('latin1');

function compare(folder: string, entries: readonly ExpectedEntry[]): void {
  const files = filesUnder(folder);
  expect([...files.keys()].toSorted()).toEqual(
    entries
      .filter(({ t }) => t !== 'd')
      .map(rawName)
      .toSorted(),
  );
  for (const entry of entries) {
    const [name, at] = [rawName(entry), Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(rawName(entry), 'latin1')])];
    const stat = lstatSync(at, { bigint: true });
    const kind = entry.t ?? 'f';
    const is = { f: stat.isFile(), h: stat.isFile(), d: stat.isDirectory(), l: stat.isSymbolicLink(), p: stat.isFIFO() };
    expect([name, Object.entries(is).flatMap(([k, yes]) => (yes ? [k] : []))]).toEqual([name, kind === 'f' || kind === 'h' ? ['f', 'h'] : [kind]]);
    if (kind === 'f') expect([name, Number(stat.size), sha256Of(readFileSync(at))]).toEqual([name, entry.bytes, entry.sha256]);
    if (kind === 'h') expect(stat.ino).toBe(lstatSync(path.join(folder, entry.to ?? ''), { bigint: true }).ino);
    if (kind === 'l') expect(readlinkSync(at, { encoding: 'buffer' })).toEqual(entry.to === undefined ? Buffer.from(entry.tob ?? '', 'base64') : Buffer.from(entry.to));
    if (kind !== 'l' && entry.m !== undefined) expect([name, Number(stat.mode & 0o7777n)]).toEqual([name, entry.m]);
    if (entry.mt !== undefined) expect([name, stat.mtimeNs]).toEqual([name, BigInt(entry.mt)]);
  }
}

function readExpected(version: string): z.infer<typeof expectedOf> {
  return expectedOf.parse(JSON.parse(readFileSync(path.join(fixtures, version, 'expected.json'), 'utf8')));
}

const versions = readdirSync(fixtures).toSorted();

it('has a fixture to read', () => expect(versions).toContain('v1'));

describe.each(versions)('the fixture %s', (version) => {
  const folder = path.join(fixtures, version);
  const expected = readExpected(version);
  const secret = passphrase(expected.passphrase);

  it('lists its points, with their parents and hashes', async () => {
    const { status, out } = await runReader({}, 'list', folder);
    const found = out
      .trim()
      .split('\n')
      .map((line) => z.object({ chain: z.string(), point: z.string(), type: z.string(), sha256: z.string(), parent: z.object({ point: z.string() }).nullable() }).parse(JSON.parse(line)));
    const rows = (points: readonly (readonly unknown[])[]) => points.map((row) => row.join(' ')).toSorted();
    expect(status).toBe(0);
    expect(rows(found.map((p) => [p.chain, p.point, p.type, p.sha256, p.parent?.point]))).toEqual(rows(expected.points.map((p) => [p.chain, p.point, p.type, p.sha256, p.parent ?? undefined])));
  });

  it.each(expected.points.map((point) => [`${point.chain}/${point.point}`, point] as const))('gives back %s', async (name, point) => {
    const target = fresh();
    expect(await runReader(secret, 'restore', folder, name, target)).toEqual({ status: 0, out: '', said: '' });
    compare(target, point.entries);
    // Zeros that are not stored take no place here either.
    for (const { name: file = '', bytes } of point.entries) if (file === 'sparse') expect([bytes > 1e6, lstatSync(path.join(target, file)).blocks * 512 < 200_000]).toEqual([true, true]);
    if (point.digest !== null) expect(JSON.parse((await runReader(secret, 'digest', folder, name)).out)).toEqual(point.digest);
  });

  it.each(expected.tables)('finds $chain as it was at $atMs', async ({ chain, atMs, digest }) => {
    const last = expected.points.filter((point) => point.chain === chain).at(-1);
    const ran = await runReader(secret, 'digest', folder, `${chain}/${last?.point}`, '--at', String(atMs));
    expect([ran.said, JSON.parse(ran.out)]).toEqual(['', digest]);
  });
});

describe('what is damaged', () => {
  const expected = readExpected('v1');
  const secret = passphrase(expected.passphrase);
  const [table, , , files] = expected.points;
  const nameOf = (point: typeof table) => `${point?.chain}/${point?.point}`;

  async function damaged(harm: (vault: string) => Promise<void>): Promise<string> {
    const vault = fresh();
    await cp(path.join(fixtures, 'v1'), vault, { recursive: true });
    await harm(vault);
    return vault;
  }
  async function change(file: string, edit: (bytes: Buffer) => Buffer): Promise<void> {
    await writeFile(file, edit(readFileSync(file)));
  }
  /** The pack files, largest first. */
  const packs = (vault: string) => [...filesUnder(path.join(vault, 'packs')).keys()].map((name) => path.join(vault, 'packs', name)).toSorted((a, b) => lstatSync(b).size - lstatSync(a).size);
  const flipped = (at: (length: number) => number) => (bytes: Buffer) => {
    const i = at(bytes.length);
    bytes[i] = (bytes[i] ?? 0) ^ 1;
    return bytes;
  };
  const allPacks = (edit: (bytes: Buffer) => Buffer) => async (vault: string) => {
    for (const file of packs(vault)) await change(file, edit);
  };
  const manifest = (edit: (bytes: Buffer) => Buffer) => async (vault: string) => change(path.join(vault, 'points', nameOf(table)), edit);

  async function expectNothing(vault: string, point: typeof table, why: RegExp, by: Readonly<Record<string, string>> = secret): Promise<void> {
    const target = fresh();
    const ran = await runReader(by, 'restore', vault, nameOf(point), target);
    expect(ran.said).toMatch(why);
    expect(ran.status).toBe(1);
    expect([...filesUnder(target).keys()]).toEqual([]);
  }

  const resealed = (edit: (bytes: Buffer) => void) => (bytes: Buffer) => {
    edit(bytes);
    createHash('sha256')
      .update(bytes.subarray(0, -32))
      .digest()
      .copy(bytes, bytes.length - 32);
    return bytes;
  };
  it.each([
    ['a bit of a pack', allPacks(flipped((n) => n >> 1)), /packs\/.*SHA-256/],
    ['the last byte of a pack', allPacks((bytes) => bytes.subarray(0, -1)), /packs\/.*bytes; the manifest says/],
    ['a bit of a manifest', manifest(flipped((n) => n - 40)), /points\/.*SHA-256/],
    ['the end of a manifest', manifest((bytes) => bytes.subarray(0, 100)), /points\/.*SHA-256/],
    ['a bit of a body, its hash made right', manifest(resealed((bytes) => flipped((n) => n - 40)(bytes))), /body: does not open/],
    ['a bit of a header, its hash made right', manifest(resealed((bytes) => bytes.write('"clasS"', bytes.indexOf('"class"')))), /body: does not open/],
    ['a format', manifest(resealed((bytes) => void bytes.writeUInt8(2, 7))), /no manifest of format 1/],
    ['all packs', async (vault: string) => rm(path.join(vault, 'packs'), { recursive: true }), /packs\/.*cannot be read/],
  ] as const)('is refused: %s', async (_what, harm, why) => expectNothing(await damaged(harm), table, why));

  it('is refused: two packs in each other’s place', async () => {
    const vault = await damaged(async (folder) => {
      const [a = '', b = ''] = packs(folder);
      await rename(a, `${a}.x`);
      await rename(b, a);
      await rename(`${a}.x`, b);
    });
    const target = fresh();
    const ran = await runReader(secret, 'restore', vault, nameOf(files), target);
    expect([ran.status, ran.said]).toEqual([1, expect.stringMatching(/packs\/.*the manifest says/)]);
    expect([...filesUnder(target).keys()]).toEqual([]);
  });

  it('is refused: a manifest under another’s name', async () => {
    const other = expected.points.find((point) => point.parent === table?.point);
    const vault = await damaged(async (folder) => cp(path.join(folder, 'points', nameOf(other)), path.join(folder, 'points', nameOf(table))));
    await expectNothing(vault, table, /its header says point/);
    expect((await runReader({}, 'list', vault)).status).toBe(1);
  });

  it('is refused: another passphrase, another key, none', async () => {
    const vault = path.join(fixtures, 'v1');
    await expectNothing(vault, table, /does not open with HOLDFAST_VAULT_PASSPHRASE; it is wrapped by: passphrase/, passphrase('another fixture'));
    await expectNothing(vault, table, /body: does not open/, { HOLDFAST_VAULT_KEY: '00'.repeat(32) });
    await expectNothing(vault, table, /does not open/, {});
  });

  it('is refused: a parent that is another than was named, and a time that is not covered', async () => {
    const [base, delta] = expected.points;
    const vault = await damaged(async (folder) =>
      change(
        path.join(folder, 'points', nameOf(base)),
        resealed((bytes) => bytes.write('daiLy', bytes.indexOf('daily'))),
      ),
    );
    const at = (folder: string, ms: number) => runReader(secret, 'digest', folder, nameOf(delta), '--at', String(ms));
    expect((await at(vault, 1_767_227_404_000)).said).toMatch(/does not open|names/);
    const [first] = expected.tables;
    expect((await at(path.join(fixtures, 'v1'), (first?.atMs ?? 0) - 1)).said).toMatch(/covers/);
    expect((await at(path.join(fixtures, 'v1'), 1_767_229_200_001)).said).toMatch(/covers/);
  });

  it('costs only the entries that need it: the rest is restored', async () => {
    const vault = await damaged(async (folder) =>
      change(
        packs(folder)[0] ?? '',
        flipped((n) => n >> 1),
      ),
    );
    const target = fresh();
    const ran = await runReader(secret, 'restore', vault, nameOf(files), target);
    const [whole, found] = [files?.entries.filter(({ t }) => t !== 'd').map(rawName) ?? [], [...filesUnder(target).keys()]];
    expect(ran.status).toBe(1);
    expect(found.length).toBeLessThan(whole.length);
    expect(whole).toEqual(expect.arrayContaining(found));
    for (const entry of files?.entries ?? [])
      if (entry.t === 'f' && found.includes(rawName(entry))) expect(sha256Of(readFileSync(Buffer.from(`${target}/${rawName(entry)}`, 'latin1')))).toBe(entry.sha256);
  });
});

describe('a vault of today', () => {
  it('is read byte for byte, by passphrase and by data key', async () => {
    const seed = process.env['HOLDFAST_SEED'] ?? 'independent reader';
    console.log(`HOLDFAST_SEED='${seed}'`);
    const random = randomFrom(seed);
    const folder = await mkdtemp(path.join(scratch, 'vault-'));
    const sites = new SiteSet([new DirectorySite('disk', folder)]);
    const vault = await createVault(sites, random);
    const key = await vault.newKey(cheapWrap, 0, random, null);
    const size = (i: number) => [0, 1, 1023, 1024, 1025, 5000][i] ?? below(random, 40_000);
    const contents = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`a/${i}`, i % 3 === 0 ? new Uint8Array(size(i)).fill(i) : random(size(i))] as const));
    const first = await backUp({ sites, vault, key, random, contents });
    const known = await (await openPoint(vault, first, key)).dedupIndex();
    const later = { ...contents, 'a/7': random(3000), 'b/new': random(70_000) };
    const second = await backUp({ sites, vault, key, random, contents: later, chain: first.chain, type: 'incremental', known });
    const secrets = [passphrase('correct horse'), { HOLDFAST_VAULT_KEY: Buffer.from(key.bytes).toString('hex') }] as const;
    for (const [i, [{ chain, point }, all]] of (
      [
        [first, contents],
        [second, later],
      ] as const
    ).entries()) {
      const target = fresh();
      expect(await runReader(secrets[i] ?? {}, 'restore', folder, `${chain}/${point}`, target)).toEqual({ status: 0, out: '', said: '' });
      expect(shown(Object.fromEntries([...filesUnder(target)].map(([name, at]) => [name, new Uint8Array(readFileSync(at))])))).toEqual(shown(all));
    }
  });
});

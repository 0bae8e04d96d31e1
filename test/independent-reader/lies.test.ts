// What was sealed with the right key, but is not what was said of it: the independent reader checks it all the same. And the rules of tables that the
// kept fixtures do not reach: whose record is the later one.
import { mkdtemp, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/core/vault/canonical-json.ts';
import { encodeReference } from '../../src/core/vault/chunk-reference.ts';
import { encodeEntry } from '../../src/core/vault/entry-codec.ts';
import { newChain, newPoint, packName } from '../../src/core/vault/object-names.ts';
import type { ChunkReference, ContentDigest, Part, PointBody, PointHeader } from '../../src/core/vault/recovery-point.ts';
import { DirectorySite } from '../../src/drivers/directory/directory-site.ts';
import type { SourceEntry } from '../../src/ports/backup-source.ts';
import type { DataKey } from '../../src/vault/data-key.ts';
import { PackBuilder } from '../../src/vault/pack-builder.ts';
import { PartWriter } from '../../src/vault/part-writer.ts';
import { commitPoint } from '../../src/vault/point-writer.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { createVault, type Vault } from '../../src/vault/vault.ts';
import { digestOf } from '../fixtures/make-vault.ts';
import { cheapWrap, pieces, randomFrom } from '../vault/small-vault.ts';
import { filesUnder, passphrase, runReader, type Ran } from './run-reader.ts';

let scratch = '';
let made = 0;
const random = randomFrom('independent reader, lies');
const secret = passphrase('correct horse');
const chain = newChain('test', 0, '00112233');

beforeAll(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'holdfast-lies-'));
});
afterAll(async () => rm(scratch, { recursive: true, force: true }));

type World = { readonly folder: string; readonly sites: SiteSet; readonly vault: Vault; readonly key: DataKey };

async function freshVault(): Promise<World> {
  const folder = await mkdtemp(path.join(scratch, 'vault-'));
  const sites = new SiteSet([new DirectorySite('disk', folder)]);
  const vault = await createVault(sites, random);
  return { folder, sites, vault, key: await vault.newKey(cheapWrap, 0, random, null) };
}

type Text = { readonly meta: SourceEntry['meta']; readonly text?: string };
type Body = Omit<PointBody, 'entries' | 'packVersions' | 'digest'>;
const plainBody: Body = { source: { kind: 'test' }, fromMs: 1, throughMs: 1 };

async function partOf({ sites, key }: World, entries: readonly Text[], digest: ContentDigest | null): Promise<Part> {
  const writer = new PartWriter({ sites, key, lock: null, packBytes: 65_536, zstdLevel: 1, chunkBytes: 1024, random });
  for (const { meta, text } of entries) await writer.add({ meta, content: text === undefined ? null : pieces(Buffer.from(text), 700) });
  return writer.finish(digest);
}

async function commit({ sites, vault, key }: World, part: Part, body = plainBody, parent: PointHeader['parent'] = null) {
  const type = parent === null ? ('full' as const) : ('log' as const);
  const header = { chain, point: newPoint((made += 1), type, '0011223344556677'), source: 'test', type, parent, createdAtMs: 0, class: 'hourly' as const, lockedUntilMs: null };
  const { name, sha256 } = await commitPoint({ sites, vault: vault.id, key, header, body, parts: [part], random, lock: null });
  return { point: name.point, sha256 };
}

async function restored(world: World, part: Part): Promise<Ran & { readonly found: string[]; readonly target: string }> {
  const { point } = await commit(world, part);
  const target = path.join(await mkdtemp(path.join(scratch, 'restored-')), 'target');
  const ran = await runReader(secret, 'restore', world.folder, `${chain}/${point}`, target);
  return { ...ran, target, found: [...filesUnder(path.dirname(target)).keys()].map((found) => found.replace('target/', '')).toSorted() };
}

describe('the independent reader', () => {
  it('writes nothing outside of its target, and nothing twice', async () => {
    const outside = await mkdtemp(path.join(scratch, 'outside-'));
    const bad = ['../out', '/out', 'a/../../out', 'link/out', 'good', 'a//b', ''].map((n) => ({ meta: { n, t: 'f' }, text: 'bad' }));
    const hard = { meta: { n: 'hard', t: 'h', to: '../../../etc/passwd' } };
    const entries = [{ meta: { n: 'good', t: 'f', s: 4 }, text: 'good' }, { meta: { n: 'link', t: 'l', to: outside } }, ...bad, hard];
    const world = await freshVault();
    const ran = await restored(world, await partOf(world, entries, null));
    expect([ran.status, ran.found, [...filesUnder(outside).keys()]]).toEqual([1, ['good', 'link'], []]);
    expect(readFileSync(path.join(ran.target, 'good'), 'utf8')).toBe('good');
    expect(ran.said.trim().split('\n')).toHaveLength(bad.length + 1);
  });

  it('refuses lines that are not what the digest says, or not canonical, and a file of another size', async () => {
    const line = '{"id":{"S":"a"}}';
    const one = { meta: { n: 'items/0000' }, text: `${line}\n` };
    const digest = digestOf([line]);
    const world = await freshVault();
    const tried = async (entry: Text, said: ContentDigest | null) => restored(world, await partOf(world, [entry], said));
    expect(await tried(one, digest)).toMatchObject({ status: 0, found: ['items/0000'] });
    const lies: readonly (readonly [Text, ContentDigest | null, RegExp])[] = [
      [one, { ...digest, items: 2 }, /its digest is/],
      [one, { ...digest, sum: digestOf(['']).sum }, /its digest is/],
      [{ ...one, text: line }, digest, /no newline/],
      [{ ...one, text: '{"b":1,"a":1}\n' }, digestOf(['{"b":1,"a":1}']), /not canonical/],
      [{ meta: { n: 'short', t: 'f', s: 5 }, text: 'four' }, null, /has 4 bytes, not 5/],
    ];
    for (const [entry, said, why] of lies) expect(await tried(entry, said)).toMatchObject({ status: 1, found: [], said: expect.stringMatching(why) });
  });

  it('refuses a chunk of another id, and references that say something else than the pack', async () => {
    const text = Buffer.from('a chunk of some bytes, and then some more');
    const tried = async (id: Uint8Array | undefined, lie: (reference: ChunkReference) => ChunkReference, extentBytes = text.length) => {
      const world = await freshVault();
      const builder = new PackBuilder(world.key, 65_536, 1, random);
      const reference = lie(builder.add(text, id));
      const stream = encodeEntry({ meta: { n: 'file' }, extents: [{ kind: 'chunk', reference, offset: 0, bytes: extentBytes }] });
      const references = new Uint8Array(72);
      encodeReference(builder.add(stream), references, 0);
      const { bytes, row, sha256 } = builder.seal();
      await world.sites.put(packName(sha256), bytes, { sha256, lock: null });
      const entries = { count: 1, bytes: stream.length, references: Buffer.from(references).toString('base64') };
      return restored(world, { entries, packs: [row], packVersions: {}, storedBytes: bytes.length, digest: null });
    };
    expect(await tried(undefined, (reference) => reference)).toMatchObject({ status: 0, found: ['file'] });
    const refused = (why: RegExp) => ({ status: 1, found: [], said: expect.stringMatching(why) });
    expect(await tried(random(32), (reference) => reference)).toMatchObject(refused(/its id is not that of its bytes/));
    expect(await tried(undefined, (reference) => ({ ...reference, tag: random(16) }))).toMatchObject(refused(/a tag is not that of the bytes/));
    expect(await tried(undefined, (reference) => reference, 5)).toMatchObject(refused(/a tag is not that of the bytes/));
    expect(await tried(undefined, (reference) => ({ ...reference, rawBytes: reference.rawBytes + 1 }))).toMatchObject(refused(/a reference differs from the index/));
    expect(await tried(undefined, (reference) => ({ ...reference, id: random(32) }))).toMatchObject(refused(/no pack .* has the chunk/));
  });
});

describe('a table', () => {
  const cut = { epoch: 2, region: 'b', openedAtMs: 5400, positions: { a: 4 } };
  const item = (id: string, v: string) => ({ id: { S: id }, v: { S: v } });
  type Change = readonly [key: string, epoch: number, atMs: number, stream: string, image: string | null];
  const linesOf = (changes: readonly Change[]) =>
    changes.map(([key, epoch, atMs, stream, v], i) => canonicalJson({ atMs, epoch, image: v === null ? null : item(key, v), key, sequence: i + 1, sequenceNumber: stream.padStart(40, '0') }));
  const [fromA, fromB] = [
    linesOf([
      ['k1', 1, 6000, '1', 'a'],
      ['k2', 1, 4100, '9', 'last'],
      ['k2', 1, 4200, '5', 'logged twice'],
      ['k3', 1, 4600, '10', 'a'],
    ]),
    linesOf([
      ['k1', 1, 5000, '1', null],
      ['k3', 1, 4500, '2', 'b'],
      ['k4', 1, 4700, '3', 'b'],
      ['k4', 2, 4600, '4', 'next epoch'],
    ]),
  ] as const;

  async function at(body: Partial<Body>, lie: (parent: { readonly point: string; readonly sha256: string }) => PointHeader['parent'] = (parent) => parent): Promise<Ran> {
    const world = await freshVault();
    const [source, items] = [{ kind: 'dynamodb', keyName: 'id' }, ['k0', 'k1', 'k2', 'k3'].map((k) => canonicalJson(item(k, 'base')))];
    const entry = (n: string, lines: readonly string[]) => ({ meta: { n }, text: lines.map((line) => `${line}\n`).join('') });
    const full = await partOf(world, [entry('items/0000', items)], digestOf(items));
    const base = await commit(world, full, { source, fromMs: 0, throughMs: 4000, positions: { a: 0 }, cuts: [] });
    const digits = (n: number) => String(n).padStart(16, '0');
    const log = await partOf(world, [entry(`changes/a/${digits(1)}-${digits(4)}`, fromA), entry(`changes/b/${digits(1)}-${digits(4)}`, fromB)], digestOf([...fromA, ...fromB]));
    const { point } = await commit(world, log, { source, fromMs: 4000, throughMs: 9000, positions: { a: 4, b: 4 }, cuts: [cut], ...body }, lie(base));
    return runReader(secret, 'digest', world.folder, `${chain}/${point}`, '--at', '8000');
  }

  it('is what the later of two records says: by the effective epoch, then the stream of one origin, then the time', async () => {
    const ran = await at({});
    expect(ran.said).toBe('');
    // k1 was removed by a region that had just opened; k2 was logged twice; k3 is the later time's; k4 the higher epoch's.
    expect(JSON.parse(ran.out)).toEqual(digestOf([item('k0', 'base'), item('k2', 'last'), item('k3', 'a'), item('k4', 'next epoch')].map(canonicalJson)));
  });

  it('is refused with a parent of another hash, or positions that are not those of its records', async () => {
    expect(await at({}, ({ point }) => ({ point, sha256: '00'.repeat(32) }))).toMatchObject({ status: 1, out: '', said: expect.stringMatching(/has the SHA-256 .* names 0000/) });
    expect(await at({ positions: { a: 4, b: 5 } })).toMatchObject({ status: 1, out: '', said: expect.stringMatching(/its records end at/) });
  });
});

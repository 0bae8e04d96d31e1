// The vault of format 1 in test/fixtures still reads, all of it; and what writes today writes the same bytes.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { countsAt, LatestRecords } from '../../src/core/backup/state-at.ts';
import { itemLine, parseEntryName, parseItemLine, parseRecordLine, type ArchivedRecord } from '../../src/core/backup/table-lines.ts';
import { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import { PassphraseWrap } from '../../src/vault/passphrase-wrap.ts';
import { openPoint, type OpenPoint } from '../../src/vault/point-reader.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { openVault, type Vault } from '../../src/vault/vault.ts';
import { verifyPoint } from '../../src/vault/verify.ts';
import { digestOf, fixtureFolder, makeFixture, readFixture, sha256Of, type Expected, type FixturePoint } from '../fixtures/make-vault.ts';

let vault: Vault;
let expected: Expected;

async function contentOf(point: OpenPoint, entry: Parameters<OpenPoint['content']>[0]): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of point.content(entry)) parts.push(part);
  return Buffer.concat(parts);
}

async function open({ chain, point }: FixturePoint): Promise<OpenPoint> {
  const { header } = await vault.readManifest({ chain, point });
  return openPoint(vault, { chain, point }, await vault.openKey(header.key, new PassphraseWrap(expected.passphrase)));
}

async function linesOf(point: OpenPoint): Promise<{ readonly name: string; readonly lines: string[] }[]> {
  const all = [];
  for await (const entry of point.entries()) all.push({ name: String(entry.meta.n), lines: (await contentOf(point, entry)).toString().split('\n').slice(0, -1) });
  return all;
}

beforeAll(async () => {
  expected = JSON.parse(await readFile(join(fixtureFolder, 'expected.json'), 'utf8'));
  const site = new MemorySite('fixture');
  for (const [name, bytes] of await readFixture()) await site.put(name, bytes, { sha256: sha256Of(bytes), lock: null });
  vault = await openVault(new SiteSet([site]));
});

describe('the fixture vault of format 1', () => {
  it('has the points that are expected, and each verifies by its hashes and with its key', async () => {
    expect(vault.id).toBe(expected.vault);
    expect((await vault.listPoints()).map(({ chain, point }) => `${chain}/${point}`).toSorted()).toEqual(expected.points.map(({ chain, point }) => `${chain}/${point}`).toSorted());
    for (const each of expected.points) {
      const { header } = await vault.readManifest(each);
      const key = await vault.openKey(header.key, new PassphraseWrap(expected.passphrase));
      for (const given of [null, key]) expect((await verifyPoint(vault, each, { key: given })).violations).toEqual([]);
    }
  });

  it('gives every entry with what is known of it and every byte', async () => {
    for (const each of expected.points) {
      const point = await open(each);
      expect([point.sha256, point.header.type, point.body.source.kind, point.header.parent?.point ?? null, point.body.digest]).toEqual([each.sha256, each.type, each.kind, each.parent, each.digest]);
      const found = [];
      for await (const entry of point.entries()) {
        const { n, nb, ...rest } = entry.meta;
        const bytes = await contentOf(point, entry);
        found.push({
          ...(n === undefined ? {} : { name: n }),
          ...(nb === undefined ? {} : { nameBase64: nb }),
          ...rest,
          bytes: bytes.length,
          sha256: createHash('sha256').update(bytes).digest('hex'),
        });
      }
      expect(found).toEqual(each.entries);
    }
  });

  it('holds holes, shared chunks, stored and compressed chunks, and packs of an older point', async () => {
    const seen = { holes: 0, parts: 0, stored: 0, compressed: 0 };
    const files = expected.points.filter(({ kind }) => kind === 'files');
    for (const each of files) {
      for await (const { extents } of (await open(each)).entries())
        for (const extent of extents) {
          if (extent.kind === 'hole') seen.holes += 1;
          else if (extent.bytes < extent.reference.rawBytes) seen.parts += 1;
          if (extent.kind === 'chunk') seen[extent.reference.codec === 0 ? 'stored' : 'compressed'] += 1;
        }
    }
    expect(Object.values(seen).every((count) => count > 3)).toBe(true);
    const [first, second] = await Promise.all(files.map(async (each) => (await open(each)).packs.map(({ packId }) => packId)));
    expect(second?.some((pack) => first?.includes(pack))).toBe(true);
    expect(second?.some((pack) => first?.includes(pack) === false)).toBe(true);
  });

  it('makes of items and records the state at every moment', async () => {
    const points = await Promise.all(expected.points.filter(({ kind }) => kind === 'dynamodb').map(open));
    const cuts = points.flatMap((point) => point.body.cuts ?? []);
    const [full, ...deltas] = points;
    if (full === undefined) throw new Error('the fixture has no full point');
    const items = (await linesOf(full)).flatMap(({ lines }) => lines.map((line) => parseItemLine(line, 'id')));
    const records: ArchivedRecord[] = [];
    for (const delta of deltas) {
      for (const { name, lines } of await linesOf(delta)) {
        const parsed = parseEntryName(name);
        if (parsed.kind === 'changes') records.push(...lines.map((line) => parseRecordLine(line, parsed.origin)));
      }
    }
    expect(expected.tables.length).toBeGreaterThan(5);
    for (const { atMs, digest } of expected.tables) {
      const state = new Map(items.map(({ key, image }) => [key, image] as const));
      const latest = new LatestRecords<ArchivedRecord>(cuts);
      for (const record of records.filter((each) => countsAt(each, cuts, atMs))) latest.add(record);
      for (const [key, { image }] of latest.all()) {
        if (image === null) state.delete(key);
        else state.set(key, image);
      }
      expect({ atMs, digest: digestOf([...state.values()].map(itemLine)) }).toEqual({ atMs, digest });
    }
  });

  it('is written with the same bytes today', async () => {
    const made = await makeFixture();
    const onDisk = await readFixture();
    expect(JSON.parse(JSON.stringify({ ...made.expected, zstd: '', points: [] }))).toEqual({ ...expected, zstd: '', points: [] });
    if (made.expected.zstd === expected.zstd) {
      expect([...made.objects.keys()].toSorted()).toEqual([...onDisk.keys()].toSorted());
      for (const [name, bytes] of made.objects) expect({ name, sha256: sha256Of(bytes) }).toEqual({ name, sha256: sha256Of(onDisk.get(name) ?? new Uint8Array(0)) });
    }
    // Another zstd may compress to other bytes, so that packs have other names; what is in them must not differ.
    const contents = ({ points }: Expected) => points.map(({ chain, point, entries, digest }) => ({ chain, point, entries, digest }));
    expect(contents(JSON.parse(JSON.stringify(made.expected)))).toEqual(contents(expected));
  });

  it('is small', async () => {
    expect([...(await readFixture()).values()].reduce((sum, bytes) => sum + bytes.length, 0)).toBeLessThan(300_000);
  });
});

// A vault over three sites: what is written comes back the same, whatever its sizes; and with a site gone, damaged or lying, still the same.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newChain, newPoint } from '../../src/core/vault/object-names.ts';
import type { PointHeader } from '../../src/core/vault/recovery-point.ts';
import { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import type { DataKey } from '../../src/vault/data-key.ts';
import { PartWriter } from '../../src/vault/part-writer.ts';
import { PassphraseWrap } from '../../src/vault/passphrase-wrap.ts';
import { openPoint } from '../../src/vault/point-reader.ts';
import { commitPoint } from '../../src/vault/point-writer.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { createVault, openVault, type Vault } from '../../src/vault/vault.ts';
import { verifyPoint } from '../../src/vault/verify.ts';
import { alwaysAsync } from '../core/property.ts';
import { randomFrom } from './small-vault.ts';

const wrap = new PassphraseWrap('correct horse', { n: 1024, r: 8, p: 1 });
const random = randomFrom('round trip');
const chunkBytes = 64 * 1024;

async function fresh(): Promise<{ sites: SiteSet; vault: Vault; key: DataKey }> {
  const sites = new SiteSet(['a', 'b', 'c'].map((name) => new MemorySite(name)));
  const vault = await createVault(sites, random);
  return { sites, vault, key: await vault.newKey(wrap, 0, random, null) };
}

async function* pieces(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function write({ sites, vault, key }: Awaited<ReturnType<typeof fresh>>, contents: readonly Uint8Array[], piece = 10_000) {
  const writer = new PartWriter({ sites, key, lock: null, packBytes: 256 * 1024, zstdLevel: 1, chunkBytes, random });
  for (const [i, content] of contents.entries()) await writer.add({ meta: { n: `file-${i}` }, content: pieces(content, piece) });
  const name = { chain: newChain('test', 1_700_000_000_000, '0011aabb'), point: newPoint(1_700_000_000_000, 'full', Buffer.from(random(8)).toString('hex')) };
  const header: Omit<PointHeader, 'format' | 'vault' | 'key' | 'salt'> = { ...name, source: 'test', type: 'full', parent: null, createdAtMs: 1, class: 'hourly', lockedUntilMs: null };
  await commitPoint({ sites, vault: vault.id, key, header, body: { source: { kind: 'files' }, fromMs: 1, throughMs: 1 }, parts: [await writer.finish(null)], random, lock: null });
  return name;
}

async function read(vault: Vault, name: { chain: string; point: string }, key: DataKey): Promise<Buffer[]> {
  const point = await openPoint(vault, name, key);
  const contents: Buffer[] = [];
  for await (const entry of point.entries()) {
    const parts: Uint8Array[] = [];
    for await (const part of point.content(entry)) parts.push(part);
    contents.push(Buffer.concat(parts));
  }
  return contents;
}

const sizes = fc.oneof(fc.nat(200), fc.constantFrom(0, 1, chunkBytes - 1, chunkBytes, chunkBytes + 1, 2 * chunkBytes, 5 * chunkBytes + 3));
/** Half of them compress, half do not. */
const content = (size: number, i: number) => (i % 2 === 0 ? new Uint8Array(size).fill(i) : random(size));

describe('a vault', () => {
  it('gives back what was put in, of any sizes', async () => {
    await alwaysAsync(
      fc.asyncProperty(fc.array(sizes, { maxLength: 12 }), fc.integer({ min: 1, max: 200_000 }), async (lengths, piece) => {
        const world = await fresh();
        const contents = lengths.map(content);
        const name = await write(world, contents, piece);
        const opened = await openVault(world.sites);
        const back = await read(opened, name, await opened.openKey(world.key.keyId, wrap));
        expect(back.map((b) => b.toString('base64'))).toEqual(contents.map((c) => Buffer.from(c).toString('base64')));
        const verified = await verifyPoint(opened, name, { key: world.key });
        expect(verified.violations).toEqual([]);
      }),
      25,
    );
  });

  it('lists its points from their names', async () => {
    const world = await fresh();
    const name = await write(world, [content(10, 1)]);
    expect(await world.vault.listPoints({ source: 'test' })).toEqual([{ ...name, source: 'test', type: 'full', atMs: 1_700_000_000_000, sites: ['a', 'b', 'c'], isCommitted: true }]);
    expect(await world.vault.listPoints({ source: 'other' })).toEqual([]);
  });

  it('refuses another passphrase, and says by what the key is wrapped', async () => {
    const world = await fresh();
    await expect(world.vault.openKey(world.key.keyId, new PassphraseWrap('incorrect horse', { n: 1024, r: 8, p: 1 }))).rejects.toThrow(
      /does not open with the passphrase given: it is wrapped by passphrase/,
    );
  });

  it('opens a key by the newest wrap after a rotation, and no longer by the old passphrase in it', async () => {
    const world = await fresh();
    const next = new PassphraseWrap('another horse', { n: 1024, r: 8, p: 1 });
    expect(await world.vault.rewrapKey(world.key.keyId, wrap, next, 1, null)).toBe(2);
    expect(Buffer.from((await world.vault.openKey(world.key.keyId, next)).bytes).toString('hex')).toBe(Buffer.from(world.key.bytes).toString('hex'));
  });

  it('does not store a chunk twice that a former point has', async () => {
    const world = await fresh();
    const big = random(4 * chunkBytes);
    const name = await write(world, [big]);
    const known = await (await openPoint(world.vault, name, world.key)).dedupIndex();
    const writer = new PartWriter({ sites: world.sites, key: world.key, lock: null, packBytes: 256 * 1024, zstdLevel: 1, chunkBytes, random, known });
    await writer.add({ meta: { n: 'again' }, content: pieces(big, 7_777) });
    const part = await writer.finish(null);
    expect(part.storedBytes).toBeLessThan(2_000);
    expect(part.packs.length).toBeGreaterThan(1);
  });
});

// A thousand random corruptions of a small vault in three sites: each is found, each is read around where another site is whole, and none is ever given
// out as if it were good where there is no other.
import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeManifest, encodeManifest } from '../../src/core/vault/manifest-layout.ts';
import { manifestName, packName } from '../../src/core/vault/object-names.ts';
import type { PointName } from '../../src/core/vault/recovery-point.ts';
import type { DataKey } from '../../src/vault/data-key.ts';
import { openPack } from '../../src/vault/pack-reader.ts';
import { openPoint } from '../../src/vault/point-reader.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { createVault, openVault } from '../../src/vault/vault.ts';
import { verifyKeys } from '../../src/vault/verify-keys.ts';
import { verifyPoint, type Violation } from '../../src/vault/verify.ts';
import { backUp, below, cheapWrap, memorySites, objectsOf, randomFrom, readBack, shown, siteOf, type Contents, type Objects, type Random } from './small-vault.ts';

const seed = process.env['HOLDFAST_SEED'] ?? '20261128';
const corruptions = Number(process.env['HOLDFAST_CORRUPTIONS'] ?? 1000);

const noKey: DataKey = { keyId: '', bytes: new Uint8Array(0) };
const whole = { objects: new Map<string, Uint8Array>(), points: new Map<PointName, Contents>(), key: noKey };

const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash('sha256').update(bytes).digest());

beforeAll(async () => {
  const random = randomFrom(`vault ${seed}`);
  const sites = memorySites();
  const set = new SiteSet(sites);
  const vault = await createVault(set, random);
  const key = await vault.newKey(cheapWrap, 0, random, null);
  await vault.rewrapKey(key.keyId, cheapWrap, cheapWrap, 1, null);
  const first: Contents = {
    large: random(5000),
    small: random(100),
    empty: new Uint8Array(0),
    text: Buffer.from('a line that repeats itself\n'.repeat(300)),
    sparse: Buffer.concat([random(1024), new Uint8Array(4096), random(3)]),
  };
  const base = { sites: set, vault, key, random };
  const full = await backUp({ ...base, contents: first });
  const second: Contents = { ...first, small: random(101), new: random(2500) };
  const known = await (await openPoint(vault, full, key)).dedupIndex();
  const next = await backUp({ ...base, contents: second, chain: full.chain, type: 'incremental', parent: { point: full.point, sha256: full.sha256 }, known });
  const last = await backUp({ ...base, contents: { other: random(3000) }, chain: full.chain, type: 'incremental', parent: { point: next.point, sha256: next.sha256 } });
  whole.objects = await objectsOf(sites[0] ?? memorySites()[0]!);
  whole.points = new Map([
    [full, first],
    [next, second],
    [last, { other: (await readBack(vault, last, key))['other'] ?? new Uint8Array(0) }],
  ]);
  whole.key = key;
});

type Corruption = {
  readonly kind: string;
  readonly name: string;
  readonly objects: Objects /** It cannot be told from the site alone without the key, or it changes nothing that counts. */;
  readonly isQuiet: boolean;
};

function changed(name: string, bytes: Uint8Array | null): Map<string, Uint8Array> {
  const objects = new Map(whole.objects);
  if (bytes === null) objects.delete(name);
  else objects.set(name, bytes);
  return objects;
}

function pick<T>(random: Random, all: readonly T[]): T {
  return all[below(random, all.length)]!;
}

const namesOf = (prefix: string) => [...whole.objects.keys()].filter((name) => name.startsWith(prefix));
const bytesOf = (name: string) => whole.objects.get(name) ?? new Uint8Array(0);

function flipped(random: Random, bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes);
  const at = below(random, bytes.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << below(random, 8));
  return copy;
}

/** Two chunks of a pack change places; their lengths may differ. */
function chunksSwapped(random: Random, bytes: Uint8Array, key: DataKey): Uint8Array {
  const { chunks } = openPack(bytes, key);
  const i = below(random, chunks.length - 1);
  const [a, b] = [chunks[i]!, chunks[i + 1 + below(random, chunks.length - 1 - i)]!];
  const part = (from: number, to: number) => bytes.subarray(from, to);
  const [endA, endB] = [a.offset + a.storedBytes, b.offset + b.storedBytes];
  return Buffer.concat([part(0, a.offset), part(b.offset, endB), part(endA, b.offset), part(a.offset, endA), part(endB, bytes.length)]);
}

/** By somebody who knows the format, and has not the key: hashes are right. */
function forged(name: string, change: (header: Record<string, unknown>) => Record<string, unknown>): Uint8Array {
  const { header, head, sealedBody } = decodeManifest(bytesOf(name), sha256);
  const json = Buffer.from(JSON.stringify(change({ ...header })));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  const table = head.subarray(12 + Buffer.from(head).readUInt32LE(8));
  return encodeManifest(Buffer.concat([head.subarray(0, 8), length, json, table]), sealedBody, sha256);
}

const kinds: Readonly<Record<string, (random: Random) => Corruption>> = {
  'bit flip': (random) => {
    const name = pick(random, [...whole.objects.keys()]);
    return { kind: 'bit flip', name, objects: changed(name, flipped(random, bytesOf(name))), isQuiet: name.startsWith('keys/') };
  },
  'bit flip in an index or at an end': (random) => {
    const name = pick(random, [...namesOf('packs/'), ...namesOf('points/')]);
    const bytes = bytesOf(name);
    const from = Math.max(0, bytes.length - 600);
    return { kind: 'bit flip near the end', name, objects: changed(name, Buffer.concat([bytes.subarray(0, from), flipped(random, bytes.subarray(from))])), isQuiet: false };
  },
  truncation: (random) => {
    const name = pick(random, [...whole.objects.keys()]);
    return { kind: 'truncation', name, objects: changed(name, bytesOf(name).slice(0, below(random, bytesOf(name).length))), isQuiet: name.startsWith('keys/') };
  },
  'more behind the end': (random) => {
    const name = pick(random, [...namesOf('packs/'), ...namesOf('points/')]);
    return { kind: 'more behind the end', name, objects: changed(name, Buffer.concat([bytesOf(name), random(1 + below(random, 100))])), isQuiet: false };
  },
  deletion: (random) => {
    const name = pick(random, [...whole.objects.keys()]);
    return { kind: 'deletion', name, objects: changed(name, null), isQuiet: name.startsWith('keys/') };
  },
  'swapped packs': (random) => {
    const names = namesOf('packs/');
    const i = below(random, names.length);
    const [name, other] = [names[i]!, names[(i + 1 + below(random, names.length - 1)) % names.length]!];
    return { kind: 'swapped packs', name, objects: new Map([...changed(name, bytesOf(other)), [other, bytesOf(name)]]), isQuiet: false };
  },
  'swapped chunks': (random) => {
    const name = pick(
      random,
      namesOf('packs/').filter((each) => openPack(bytesOf(each), whole.key).chunks.length > 1),
    );
    return { kind: 'swapped chunks', name, objects: changed(name, chunksSwapped(random, bytesOf(name), whole.key)), isQuiet: false };
  },
  'another manifest of the chain': (random) => {
    const names = namesOf('points/');
    const i = below(random, names.length);
    const [name, other] = [names[i]!, names[(i + 1 + below(random, names.length - 1)) % names.length]!];
    return { kind: 'another manifest of the chain', name, objects: changed(name, bytesOf(other)), isQuiet: false };
  },
  'forged header': (random) => {
    const name = pick(random, namesOf('points/'));
    const change = pick(random, [
      { createdAtMs: 5 },
      { lockedUntilMs: 9 },
      { parent: null },
      { parent: { point: 'x', sha256: '0'.repeat(64) } },
      { salt: '0'.repeat(32) },
      { class: 'yearly' },
      { key: 'f'.repeat(16) },
    ]);
    const bytes = forged(name, (header) => ({ ...header, ...change }));
    // The first point has no parent: that forgery is none.
    return { kind: `forged header ${JSON.stringify(change)}`, name, objects: changed(name, Buffer.compare(bytes, bytesOf(name)) === 0 ? flipped(random, bytes) : bytes), isQuiet: true };
  },
  'forged table': (random) => {
    const name = pick(random, namesOf('points/'));
    const { head, sealedBody } = decodeManifest(bytesOf(name), sha256);
    const copy = new Uint8Array(head);
    // Another pack hash, another length, another pack id: anything in the rows.
    const rows = 16 + Buffer.from(head).readUInt32LE(8);
    const at = rows + 16 + below(random, head.length - rows - 16);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return { kind: 'forged table', name, objects: changed(name, encodeManifest(copy, sealedBody, sha256)), isQuiet: true };
  },
};

async function violationsIn(set: SiteSet, key: DataKey | null): Promise<Violation[]> {
  const vault = await openVault(set);
  const found = [...(await verifyKeys(vault, key === null ? null : cheapWrap))];
  const seen = new Set<string>();
  for (const name of whole.points.keys()) found.push(...(await verifyPoint(vault, name, { key, seen })).violations);
  return found;
}

async function allContents(set: SiteSet): Promise<Record<string, unknown>> {
  const vault = await openVault(set);
  const key = await vault.openKey(whole.key.keyId, cheapWrap);
  const all: Record<string, unknown> = {};
  for (const name of whole.points.keys()) all[name.point] = shown(await readBack(vault, name, key));
  return all;
}

const expectedContents = () => Object.fromEntries([...whole.points].map(([name, contents]) => [name.point, shown(contents)]));

describe(`${corruptions} corruptions, seed ${seed} (HOLDFAST_SEED plays another)`, () => {
  it('finds nothing where nothing is wrong', async () => {
    const set = new SiteSet(await Promise.all(['a', 'b', 'c'].map(async (name) => siteOf(name, whole.objects))));
    for (const key of [null, whole.key]) expect(await violationsIn(set, key)).toEqual([]);
    expect(await allContents(set)).toEqual(expectedContents());
    expect(namesOf('packs/').length).toBeGreaterThan(2);
  });

  it('are found in the site where they are, and are read around; alone, what is read is right or refused', { timeout: 300_000 }, async () => {
    const random = randomFrom(`corruptions ${seed}`);
    const expected = expectedContents();
    const good = await Promise.all(['b', 'c'].map(async (name) => siteOf(name, whole.objects)));
    const counted: Record<string, number> = {};
    const refused = { alone: 0 };
    for (let i = 0; i < corruptions; i += 1) {
      const [word, make] = pick(random, Object.entries(kinds));
      const { kind, name, objects, isQuiet } = make(random);
      counted[word] = (counted[word] ?? 0) + 1;
      const what = `corruption ${i}: ${kind} of ${name}`;
      const bad = await siteOf('a', objects);
      // The damaged site is the nearest.
      const set = new SiteSet([bad, ...good]);
      for (const key of [null, whole.key]) {
        const found = await violationsIn(set, key);
        expect(
          found.some((each) => each.site.split(', ').includes('a')),
          `${what} is found with ${key === null ? 'no key' : 'the key'}`,
        ).toBe(true);
        expect(
          found.filter((each) => !each.site.split(', ').includes('a')),
          `${what}: nothing is found elsewhere`,
        ).toEqual([]);
      }
      expect(await allContents(set), `${what} is read around`).toEqual(expected);
      const alone = new SiteSet([bad]);
      const foundAlone = await violationsIn(alone, whole.key).catch((error: unknown) => [error]);
      if (!isQuiet) expect(foundAlone.length, `${what} is found alone`).toBeGreaterThan(0);
      const openedAlone = await openVault(alone).catch(() => null);
      const key = await openedAlone?.openKey(whole.key.keyId, cheapWrap).catch(() => null);
      if (openedAlone === null || key === null || key === undefined) {
        refused.alone += 1;
        continue;
      }
      for (const [point, contents] of whole.points) {
        const read = await readBack(openedAlone, point, key).catch(() => null);
        if (read === null) refused.alone += 1;
        else expect(shown(read), `${what}, alone, is not given out`).toEqual(shown(contents));
      }
    }
    expect(Object.keys(counted).length).toBe(Object.keys(kinds).length);
    // Were nothing refused, nothing was really damaged.
    expect(refused.alone).toBeGreaterThan(corruptions / 2);
  });

  it('do not open with another key, nor with other bytes under the right id', async () => {
    const set = new SiteSet([await siteOf('a', whole.objects)]);
    const vault = await openVault(set);
    const [name] = [...whole.points.keys()];
    if (name === undefined) throw new Error('no point');
    await expect(openPoint(vault, name, { keyId: 'f'.repeat(16), bytes: whole.key.bytes })).rejects.toThrow(new RegExp(`wants key ${whole.key.keyId}`));
    await expect(openPoint(vault, name, { keyId: whole.key.keyId, bytes: new Uint8Array(32) })).rejects.toThrow(/does not open with key/);
    expect((await verifyPoint(vault, name, { key: { keyId: whole.key.keyId, bytes: new Uint8Array(32) } })).violations.length).toBeGreaterThan(0);
  });

  it('are read around where each site is damaged at another place of the same pack', async () => {
    const [name] = namesOf('packs/').filter((each) => openPack(bytesOf(each), whole.key).chunks.length >= 6);
    if (name === undefined) throw new Error('no pack of six chunks');
    const { chunks } = openPack(bytesOf(name), whole.key);
    const sites = await Promise.all(
      ['a', 'b', 'c'].map(async (site, i) => {
        const copy = bytesOf(name).slice();
        const at = chunks[i]!.offset;
        copy[at] = (copy[at] ?? 0) ^ 1;
        return siteOf(site, changed(name, copy));
      }),
    );
    expect(await allContents(new SiteSet(sites))).toEqual(expectedContents());
  });

  it('of a parent are found by its child, whether it is gone or another one', async () => {
    const [parent, child] = [...whole.points.keys()];
    if (parent === undefined || child === undefined) throw new Error('no points');
    for (const bytes of [null, forged(manifestName(parent), (header) => ({ ...header, createdAtMs: 7 }))]) {
      const vault = await openVault(new SiteSet([await siteOf('a', changed(manifestName(parent), bytes))]));
      expect((await verifyPoint(vault, child, { key: whole.key })).violations.map(({ name }) => name)).toEqual([manifestName(parent)]);
    }
  });

  it('of one pack in all sites are refused, with what to do', async () => {
    const [point] = [...whole.points.keys()];
    if (point === undefined) throw new Error('no point');
    const { packs } = decodeManifest(bytesOf(manifestName(point)), sha256);
    const name = packName(packs[0]?.sha256 ?? '');
    const sites = await Promise.all(['a', 'b', 'c'].map(async (site) => siteOf(site, changed(name, new Uint8Array(100)))));
    await expect(allContents(new SiteSet(sites))).rejects.toThrow(/No good copy of packs/);
  });
});

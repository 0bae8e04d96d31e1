// A thousand random corruptions of a small vault in three sites: each is found, each is read around where another site is whole, and none is ever given
// out as if it were good where there is no other.
import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeManifest } from '../../src/core/vault/manifest-layout.ts';
import { manifestName, packName } from '../../src/core/vault/object-names.ts';
import type { PointName } from '../../src/core/vault/recovery-point.ts';
import type { DataKey } from '../../src/vault/data-key.ts';
import { openPack } from '../../src/vault/pack-reader.ts';
import { openPoint } from '../../src/vault/point-reader.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { createVault, openVault } from '../../src/vault/vault.ts';
import { verifyKeys } from '../../src/vault/verify-keys.ts';
import { verifyPoint, type Violation } from '../../src/vault/verify.ts';
import { corruptionsOf, pick } from './corruption-kinds.ts';
import { backUp, cheapWrap, memorySites, objectsOf, randomFrom, readBack, shown, siteOf, type Contents } from './small-vault.ts';

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

const { kinds, changed, namesOf, bytesOf, forged } = corruptionsOf(whole);

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

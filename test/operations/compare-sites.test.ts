// The sites of a vault against each other, by listings alone: whatever one lacks or has otherwise is named, and nothing else.
import fc from 'fast-check';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { differenceOf } from '../../src/core/integrity/compare.ts';
import { compareKey, parseCompareRow } from '../../src/core/integrity/integrity-rows.ts';
import { FaultySite } from '../../src/drivers/faulty/faulty-site.ts';
import { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import { sha256Bytes } from '../../src/drivers/aws/system-environment.ts';
import { compareRound } from '../../src/operations/compare-round.ts';
import { askedMax, compareSites, namedMax } from '../../src/operations/compare-sites.ts';
import { scrubRound } from '../../src/operations/scrub-round.ts';
import { sha256Hex } from '../../src/vault/chunk-crypto.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { createVault } from '../../src/vault/vault.ts';
import { openWrap } from './backup-fixture.ts';
import { IntegrityGroup, type RegionName } from './integrity-fixture.ts';
import { backUp, memorySites, objectsOf, randomFrom, siteOf } from '../vault/small-vault.ts';

const put = async (site: MemorySite, name: string, text: string) => {
  const bytes = Buffer.from(text);
  await site.replace(name, bytes, { sha256: sha256Hex(bytes), lock: null });
};
const compare = async (sites: Parameters<typeof compareSites>[0]) => compareSites(sites, sha256Bytes);

describe('the sites of a vault', () => {
  it('differ in what the model says, and have equal digests exactly where it says nothing', async () => {
    const names = ['holdfast-vault.json', 'keys/k/1', 'keys/k/2', 'packs/00/a', 'packs/00/b', 'points/c/1', 'points/c/2', 'strange'];
    const content = fc.option(fc.constantFrom('x', 'y', 'zz'), { nil: null, freq: 4 });
    const vault = fc.array(fc.tuple(...names.map(() => content)), { minLength: 2, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(vault, async (contents) => {
        const sites = contents.map((_, i) => new MemorySite(`s${i}`));
        for (const [i, site] of sites.entries())
          for (const [j, name] of names.entries()) {
            const text = contents[i]?.[j] ?? null;
            if (text !== null) await put(site, name, text);
          }
        const { differences, count, sites: digests, silent } = await compare(sites);
        // By hash where the sites are asked; by length for packs.
        const seen = (name: string, text: string | null) => (text === null ? 'none' : name.startsWith('packs/') || name === 'strange' ? String(text.length) : text);
        const expected = names.filter((name, j) => contents.some((c) => c[j] !== null) && new Set(contents.map((c) => seen(name, c[j] ?? null))).size > 1).sort();
        expect(differences.map(({ name }) => name)).toEqual(expected);
        expect([count, silent]).toEqual([expected.length, []]);
        expect(new Set(digests.map(({ digest }) => digest.sum)).size === 1).toBe(expected.length === 0);
      }),
      { numRuns: 200, seed: Number(process.env['HOLDFAST_SEED'] ?? 20261128) },
    );
  });

  it('say who is the odd one: by the most, or all of them', () => {
    const says = (site: string, bytes: number | null, sha256: string | null = null) => ({ site, has: bytes === null ? null : { bytes, sha256 } });
    expect(differenceOf('n', [says('a', 1), says('b', null), says('c', 1)])).toEqual({ name: 'n', because: 'not in b', sites: ['b'] });
    expect(differenceOf('n', [says('a', 1), says('b', 2), says('c', 1)])).toMatchObject({ because: 'of other length in b', sites: ['b'] });
    expect(differenceOf('n', [says('a', 1), says('b', 2)])).toMatchObject({ sites: ['a', 'b'] });
    expect(differenceOf('n', [says('a', 1, 'x'), says('b', 1, 'y'), says('c', 1, 'y')])).toMatchObject({ because: 'of other SHA-256 in a' });
    // A site that does not know it says nothing of it.
    expect(differenceOf('n', [says('a', 1, 'x'), says('b', 1, null), says('c', 1, 'x')])).toBeNull();
    expect(differenceOf('n', [says('a', 1)])).toBeNull();
    expect(differenceOf('n', [])).toBeNull();
  });

  it('are asked for the newest points one by one, as many as there may be', async () => {
    for (const [points, isFound] of [
      [askedMax - 1, true],
      [askedMax, true],
      [askedMax + 1, false],
    ] as const) {
      const sites = memorySites();
      for (const [i, site] of sites.entries()) for (let n = 0; n < points; n += 1) await put(site, `points/c/${String(n).padStart(4, '0')}`, i === 1 && n === 0 ? 'forged' : 'a true');
      expect(
        (await compare(sites)).differences.map(({ name }) => name),
        `${points} points`,
      ).toEqual(isFound ? ['points/c/0000'] : []);
    }
  });

  it('are named up to a limit, and counted beyond it', async () => {
    for (const missing of [namedMax - 1, namedMax, namedMax + 1]) {
      const sites = memorySites();
      for (let n = 0; n < missing; n += 1) for (const site of sites.slice(1)) await put(site, `packs/00/${String(n).padStart(4, '0')}`, 'x');
      const { differences, count } = await compare(sites);
      expect([differences.length, count]).toEqual([Math.min(missing, namedMax), missing]);
      expect(differences.every(({ sites: odd }) => odd.join() === 'a')).toBe(true);
    }
  });

  it('do not differ by what is being written while they are listed', async () => {
    const sites = memorySites();
    await put(sites[0]!, 'packs/00/a', 'x');
    // It arrives in the others after their listing.
    const others = sites.slice(1).map((site) => {
      const late = new FaultySite(site);
      return Object.assign(late, {
        head: async (name: string) => {
          if ((await site.head(name)) === null) await put(site, name, 'x');
          return site.head(name);
        },
      });
    });
    expect(await compare([sites[0]!, ...others])).toMatchObject({ differences: [], count: 0 });
  });

  it('say nothing of a site that cannot be listed to its end, or asked', async () => {
    const sites = memorySites();
    for (const site of sites) for (let n = 0; n < 5; n += 1) await put(site, `packs/00/${n}`, 'x');
    for (const kind of ['lose-request', 'lose-answer'] as const) {
      const silent = new FaultySite(sites[2]!, ({ method }) => (method === 'list' ? { kind } : undefined));
      const found = await compare([sites[0]!, sites[1]!, silent]);
      expect(found, kind).toMatchObject({ differences: [], count: 0, silent: [{ site: 'c' }] });
      expect(found.sites.map(({ site }) => site)).toEqual(['a', 'b']);
    }
    await put(sites[0]!, 'keys/k/1', 'x');
    await put(sites[1]!, 'keys/k/1', 'x');
    const deaf = new FaultySite(sites[2]!, ({ method }) => (method === 'head' ? { kind: 'lose-request' } : undefined));
    expect(await compare([sites[0]!, sites[1]!, deaf])).toMatchObject({ differences: [], silent: [{ site: 'c' }] });
  });
});

describe('the hourly comparison', () => {
  let group: IntegrityGroup;
  let whole: MemorySite;
  let newest: string;
  const hour = async (region: RegionName = 'east') => {
    group.clock.advance(3_600_000);
    return compareRound(group.ports(region));
  };
  const without = async (name: string, site = 'b') => siteOf(site, new Map([...(await objectsOf(whole))].filter(([each]) => each !== name)));

  beforeEach(async () => {
    const random = randomFrom('compare');
    const sites = memorySites();
    group = new IntegrityGroup(Date.UTC(2026, 10, 28), sites);
    await group.open('east', 1);
    const vault = await createVault(group.sites, random);
    const key = await vault.newKey(openWrap, 0, random, null);
    await backUp({ sites: group.sites, vault, key, random, contents: { a: random(5000) } });
    whole = sites[0]!;
    newest = [...(await objectsOf(whole)).keys()].filter((name) => name.startsWith('points/')).at(-1)!;
  });

  it('is made by the open region only', async () => {
    expect(await hour('west')).toMatchObject({ acts: false, because: expect.stringContaining('west is not open') });
    expect(await hour()).toMatchObject({ acts: true, differences: [], count: 0 });
    expect(parseCompareRow(await group.rows.east.get(compareKey))).toMatchObject({ atMs: group.clock.nowMs(), count: 0, silent: [], region: 'east' });
    expect(group.told).toEqual([]);
  });

  it('finds the newest manifest removed in one site, tells it once, and the next step of the scrub brings it', async () => {
    const robbed = await without(newest);
    group.sites = new SiteSet([whole, robbed, await siteOf('c', await objectsOf(whole))]);
    expect(await hour()).toMatchObject({ differences: [{ name: newest, because: 'not in b', sites: ['b'] }], count: 1 });
    expect(group.told).toMatchObject([{ severity: 'warning', subject: expect.stringContaining('differ in 1 objects'), text: expect.stringContaining(`${newest}: not in b`) }]);
    await hour();
    // Whoever opens next knows that it was told.
    await group.open('west', 2);
    await hour('west');
    expect(group.told).toHaveLength(1);
    expect(await scrubRound(group.ports('west'), { workMs: 60_000, endMs: 90_000 })).toMatchObject({ acts: true, findings: 1, health: 'healthy' });
    expect(await robbed.get(newest)).toEqual(await whole.get(newest));
    expect(await hour('west')).toMatchObject({ count: 0 });
  });

  it('tells an hour later what could not be told', async () => {
    group.sites = new SiteSet([whole, await without(newest), await siteOf('c', await objectsOf(whole))]);
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    group.isMute = true;
    await hour();
    expect(warned).toHaveBeenCalled();
    warned.mockRestore();
    group.isMute = false;
    await hour();
    await hour();
    expect(group.told).toHaveLength(1);
  });

  it('refuses an altered row', async () => {
    await hour();
    await group.rows.east.change({ key: compareKey, set: { differences: '[{}]' }, when: [], mayCreate: false });
    await expect(hour()).rejects.toMatchObject({ name: 'MalformedError', message: expect.stringContaining('COMPARE') });
  });
});

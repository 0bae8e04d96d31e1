// The scrub finds whatever is wrong in a site and makes it right again from another: a thousand random corruptions, and a crash at every call.
import { beforeAll, describe, expect, it } from 'vitest';
import { judge } from '../../src/core/integrity/judge.ts';
import { healthOf, nextShare, shares, stepIntervalMs } from '../../src/core/integrity/shares.ts';
import { manifestName, packName, vaultFileName } from '../../src/core/vault/object-names.ts';
import type { PointName } from '../../src/core/vault/recovery-point.ts';
import { CrashPoint, FaultySite } from '../../src/drivers/faulty/faulty-site.ts';
import type { VaultSite } from '../../src/ports/vault-site.ts';
import { scrubStep, type ScrubFinding } from '../../src/operations/scrub.ts';
import type { DataKey } from '../../src/vault/data-key.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { createVault, Vault } from '../../src/vault/vault.ts';
import { verifyPoint } from '../../src/vault/verify.ts';
import { corruptionsOf, pick } from '../vault/corruption-kinds.ts';
import { backUp, cheapWrap, memorySites, objectsOf, randomFrom, siteOf, type Objects } from '../vault/small-vault.ts';

const seed = process.env['HOLDFAST_SEED'] ?? '20261128';
const corruptions = Number(process.env['HOLDFAST_CORRUPTIONS'] ?? 1000);
const whole: { objects: Objects; key: DataKey; points: PointName[]; id: string } = { objects: new Map(), key: { keyId: '', bytes: new Uint8Array(0) }, points: [], id: '' };
const { kinds, changed, bytesOf, forged, namesOf } = corruptionsOf(whole);

beforeAll(async () => {
  const random = randomFrom(`scrub ${seed}`);
  const sites = memorySites();
  const set = new SiteSet(sites);
  const vault = await createVault(set, random);
  const key = await vault.newKey(cheapWrap, 0, random, null);
  const base = { sites: set, vault, key, random };
  const full = await backUp({ ...base, contents: { a: random(5000), b: random(300), c: new Uint8Array(0) } });
  const next = await backUp({ ...base, contents: { a: random(4000) }, chain: full.chain, type: 'incremental', parent: { point: full.point, sha256: full.sha256 } });
  whole.objects = await objectsOf(sites[0] ?? memorySites()[0]!);
  whole.key = key;
  whole.points = [full, next];
  whole.id = vault.id;
});

async function round(sites: readonly VaultSite[]): Promise<ScrubFinding[]> {
  const vault = new Vault(whole.id, new SiteSet(sites));
  const findings: ScrubFinding[] = [];
  for (let share = 0, done = false; !done; ) {
    const step = await scrubStep(vault, share, { nowMs: () => 1, keys: [whole.key] });
    findings.push(...step.findings);
    share = step.next;
    done = step.isRoundDone;
  }
  return findings;
}

async function requireSame(sites: readonly VaultSite[], what: string): Promise<void> {
  for (const site of sites) {
    const objects = await objectsOf(site);
    expect([...objects.keys()].sort(), `${what}: names in ${site.name}`).toEqual([...whole.objects.keys()].sort());
    for (const [name, bytes] of objects) expect(Buffer.compare(bytes, bytesOf(name)), `${what}: ${name} in ${site.name}`).toBe(0);
  }
}

describe(`a scrub, seed ${seed} (HOLDFAST_SEED plays another)`, () => {
  it('finds nothing where nothing is wrong, and its shares are all of the vault', async () => {
    expect(await round(await Promise.all(['a', 'b', 'c'].map(async (name) => siteOf(name, whole.objects))))).toEqual([]);
    for (const name of whole.objects.keys()) expect(shares.filter((share) => name.startsWith(share)).length, name).toBe(1);
    expect([nextShare(0), nextShare(shares.length - 1), stepIntervalMs(7 * 86_400_000)]).toEqual([1, 0, Math.floor((7 * 86_400_000) / 260)]);
  });

  it(`repairs ${corruptions} random corruptions of one site`, { timeout: 300_000 }, async () => {
    const random = randomFrom(`scrubbed ${seed}`);
    for (let i = 0; i < corruptions; i += 1) {
      const { kind, name, objects, isQuiet } = pick(random, Object.values(kinds))(random);
      const what = `corruption ${i}: ${kind} of ${name}`;
      // Of three sites the majority tells; of two, what is wrong with the bytes themselves, which is all that a quiet corruption hides.
      const others = isQuiet || i % 2 === 0 ? ['b', 'c'] : ['b'];
      const sites = [await siteOf('a', objects), ...(await Promise.all(others.map(async (site) => siteOf(site, whole.objects))))];
      const found = await round(sites);
      expect(
        found.map(({ site, outcome }) => `${site} ${outcome}`).filter((each) => each !== 'a repaired'),
        what,
      ).toEqual([]);
      expect(found.length, `${what} is found`).toBeGreaterThan(0);
      await requireSame(sites, what);
      if (i % 50 === 0) expect(await round(sites), `${what}: the next round finds nothing`).toEqual([]);
    }
  });

  it('tells a forged manifest from a true one by the key where each site has another', async () => {
    const name = manifestName(whole.points[0]!);
    const other = forged(name, (header) => ({ ...header, createdAtMs: 12345 }));
    const sites = [await siteOf('a', changed(name, other)), await siteOf('b', whole.objects)];
    expect((await round(sites)).map(({ site, what, outcome }) => [site, what, outcome])).toEqual([['a', 'different', 'repaired']]);
    await requireSame(sites, 'forged');
    expect(
      judge(
        [
          { site: 'a', kind: 'bytes', bytes: other, wrong: null },
          { site: 'b', kind: 'bytes', bytes: bytesOf(name), wrong: null },
        ],
        () => false,
      ).kind,
    ).toBe('whole');
  });

  it('brings up a site that was away, and completes a point that a minority has', async () => {
    const empty = await siteOf('b', new Map());
    const sites = [await siteOf('a', whole.objects), empty, await siteOf('c', changed(manifestName(whole.points[1]!), null))];
    const found = await round(sites);
    expect(found.every(({ outcome }) => outcome === 'repaired')).toBe(true);
    expect(found.length).toBe(whole.objects.size + 1);
    await requireSame(sites, 'brought up');
    for (const point of whole.points) expect((await verifyPoint(new Vault(whole.id, new SiteSet(sites)), point, { key: whole.key })).violations).toEqual([]);
  });

  it('says what is lost where no site has it whole, and repairs the rest', async () => {
    const [name] = namesOf('packs/');
    if (name === undefined) throw new Error('no pack');
    const bad = changed(name, new Uint8Array(7));
    const found = await round([await siteOf('a', bad), await siteOf('b', bad), await siteOf('c', changed(name, null))]);
    expect(found.map(({ site, outcome }) => `${site} ${outcome}`)).toEqual(['a lost', 'b lost', 'c lost']);
    expect(found[0]?.note).toContain('Make a full backup');
    const nameless = changed(vaultFileName, null);
    expect((await round([await siteOf('a', nameless), await siteOf('b', nameless)])).map((f) => `${f.name} ${f.outcome}`)).toEqual([`${vaultFileName} lost`, `${vaultFileName} lost`]);
    const [keyFile = ''] = namesOf('keys/');
    const rubbish = changed(keyFile, Buffer.from('{"format":1}'));
    expect((await round([await siteOf('a', rubbish), await siteOf('b', whole.objects)])).map((f) => `${f.site} ${f.what} ${f.outcome}`)).toEqual(['a damaged repaired']);
    expect([healthOf(0), healthOf(1), healthOf(4), healthOf(5)]).toEqual(['healthy', 'degraded', 'degraded', 'critical']);
    expect(packName(name.slice(-64))).toBe(name);
  });

  it('concludes nothing about a site that does not answer', async () => {
    const silent = new FaultySite(await siteOf('c', new Map()), () => ({ kind: 'lose-request' }));
    expect(await round([await siteOf('a', whole.objects), await siteOf('b', whole.objects), silent])).toEqual([]);
  });

  it('dies at any call, and the next round ends what it began', { timeout: 120_000 }, async () => {
    const random = randomFrom(`crash ${seed}`);
    for (const when of ['before', 'after'] as const) {
      for (let at = 1, isPast = false; !isPast; at += 1) {
        const { objects } = kinds['swapped packs']!(random);
        const inner = [await siteOf('a', objects), await siteOf('b', whole.objects)];
        const crash = new CrashPoint(at, when);
        await scrubStep(
          new Vault(whole.id, new SiteSet(inner.map((site) => new FaultySite(site, crash.faultOf)))),
          shares.findIndex((share) => share === `${namesOf('packs/')[0]?.slice(0, 9)}`),
          {
            nowMs: () => 1,
          },
        ).catch(() => undefined);
        const found = await round(inner);
        expect(found.every(({ outcome }) => outcome === 'repaired')).toBe(true);
        await requireSame(inner, `crash ${when} call ${at}`);
        isPast = at > 25;
      }
    }
  });
});

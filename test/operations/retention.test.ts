// Retention on real packs: sixty days, each with its run; afterwards all that is needed restores whole, and nothing else is there.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { orphanDays } from '../../src/core/retention/expiry.ts';
import { evidenceName, manifestName, packName } from '../../src/core/vault/object-names.ts';
import { FaultySite } from '../../src/drivers/faulty/faulty-site.ts';
import { openPoint } from '../../src/vault/point-reader.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { auditVault } from '../../src/operations/vault-audit.ts';
import { Vault } from '../../src/vault/vault.ts';
import { backUp, memorySites, objectsOf, readBack, shown } from '../vault/small-vault.ts';
import { day, hour, live, shortDays, start, World } from './retention-world.ts';

describe('sixty days of backups and retention', () => {
  it('keep whole what the calendar needs, lose the rest within nine days, and lock what is needed', async () => {
    const world = await new World('sixty days', true).begin();
    const packsOf = new Map<string, readonly string[]>();
    const calls: number[] = [];
    await live(world, 60, async () => {
      const done = await world.retain();
      calls.push(done.extended);
      for (const { point } of world.made.slice(-3)) packsOf.set(point, await world.packsOf(point));
      const { points, packs } = await world.present();
      const needed = world.neededAt(world.nowMs);
      expect([...needed].filter((point) => !points.has(point))).toEqual([]);
      // A day of a run that is still to come, and one of the packs after their manifests.
      const lately = new Set(
        [
          world.neededAt(world.nowMs - (orphanDays + 1) * day),
          ...world.made
            .map((p) => p.createdAtMs)
            .filter((at) => at > world.nowMs - (orphanDays + 1) * day)
            .map((at) => world.neededAt(at)),
          needed,
        ].flatMap((set) => [...set]),
      );
      expect([...points].filter((point) => !lately.has(point))).toEqual([]);
      const namedLately = new Set([...lately, ...world.neededAt(world.nowMs - (orphanDays + 2) * day)].flatMap((point) => packsOf.get(point) ?? []));
      expect([...packs].filter((pack) => !namedLately.has(pack))).toEqual([]);
    });
    expect(await world.broken((await world.present()).points)).toEqual([]);
    expect((await world.present()).points.size).toBeLessThan(world.made.length / 2);
    // Every need is locked for, in every site.
    const again = await world.retain({ isDryRun: true });
    expect([again.extended, again.silent]).toEqual([0, []]);
    expect(Math.max(...calls)).toBeGreaterThan(0);
    // The audit asks every object itself. What it says of the rest is that no point needs it, or that its time is over.
    const locks: string[] = [];
    await auditVault(world.vault, { retentionDays: shortDays, lockDaysMax: 50, areLocksWanted: true }, world.nowMs, ({ name, findings }) => {
      for (const finding of findings) if (finding.includes('lock')) locks.push(`${name}: ${finding}`);
    });
    expect(locks).toEqual([]);
  });
});

/** Three days of backups, and long after them one more: all but the yearly one, what makes it whole, and the last are due. */
async function quietWorld(seed: string): Promise<World> {
  const world = await new World(seed, false).begin();
  await live(world, 3, async () => undefined);
  world.nowMs = start + 20 * day;
  await world.backUp('full');
  world.nowMs = start + 30 * day;
  return world;
}

/** What is there after so many runs. */
async function settled(world: World, vault: Vault = world.vault): Promise<{ points: string[]; packs: string[] }> {
  await world.retain({}, vault);
  await world.retain({}, vault);
  const { points, packs } = await world.present();
  return { points: [...points].sort(), packs: [...packs].sort() };
}

describe('what goes, and in which order', () => {
  it('manifests first, children before parents; packs in the next run; then nothing more', async () => {
    const world = await quietWorld('order');
    const before = await world.present();
    const dry = await world.retain({ isDryRun: true });
    expect(await world.present()).toEqual(before);
    const first = await world.retain();
    expect([first, dry].map(({ pointsGivenUp, packsGivenUp, staying }) => [pointsGivenUp, packsGivenUp, staying])).toEqual([
      [6, 0, 0],
      [6, 0, 0],
    ]);
    const order = first.rows.map(({ name }) => name.split('/').at(-1));
    for (const { point, parent } of world.made) if (parent !== null && order.includes(parent)) expect(order.indexOf(point)).toBeLessThan(order.indexOf(parent));
    expect((await world.present()).packs).toEqual(before.packs);
    expect((await world.retain()).packsGivenUp).toBeGreaterThan(0);
    const after = await world.present();
    expect(after.points).toEqual(world.neededAt(world.nowMs));
    expect(await world.retain()).toMatchObject({ pointsGivenUp: 0, packsGivenUp: 0, staying: 0 });
    expect(await world.present()).toEqual(after);
    expect(await world.broken(after.points)).toEqual([]);
  });

  it('what an interrupted backup left goes after a week; what another process stores meanwhile does not', async () => {
    const world = await quietWorld('orphans');
    await settled(world);
    const bytes = world.random(100);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    for (const site of world.sites) await site.put(packName(sha256), bytes, { sha256, lock: null });
    world.nowMs += orphanDays * day - 1;
    expect((await world.retain()).packsGivenUp).toBe(0);
    world.nowMs += 1;
    expect((await world.retain()).packsGivenUp).toBe(1);
  });
});

describe('what stays', () => {
  it('everything, while a site is silent; the next run makes up for it', async () => {
    const world = await quietWorld('silent');
    const before = await world.present();
    for (const silent of ['list', 'head', 'get', 'versions', 'retire'] as const) {
      const sites = world.sites.map((site) => (site.name === 'c' ? new FaultySite(site, ({ method }) => (method === silent ? { kind: 'lose-request' } : undefined)) : site));
      const done = await world.retain({}, new Vault(world.vault.id, new SiteSet(sites)));
      expect([silent, done.silent.map(({ site }) => site), done.pointsGivenUp, done.packsGivenUp]).toEqual([silent, silent === 'get' ? [] : ['c'], silent === 'get' ? 6 : 0, 0]);
      if (silent === 'get') break;
      expect(await world.present()).toEqual(before);
    }
    expect((await settled(world)).points).toEqual([...world.neededAt(world.nowMs)].sort());
  });

  it('what is locked or held in any site, with all that it hangs on and all its packs', async () => {
    const world = await quietWorld('held');
    const child = world.made[5];
    const parent = world.made[4];
    const grandparent = world.made[3];
    if (child === undefined || parent === undefined || grandparent === undefined) throw new Error('nine points were made');
    await world.sites[1]?.extendLock(manifestName(child), null, { mode: 'GOVERNANCE', untilMs: world.nowMs + day });
    const { points, packs } = await settled(world);
    expect([child, parent, grandparent].map(({ point }) => points.includes(point))).toEqual([true, true, true]);
    expect(packs).toEqual(expect.arrayContaining([...(await world.packsOf(child.point))]));
    for (const site of world.sites) expect(await site.head(manifestName(child)), `kept by one, and so by ${site.name}`).not.toBeNull();
    expect(await world.broken([child.point, parent.point, grandparent.point])).toEqual([]);
    world.nowMs += day;
    await world.sites[2]?.setHold(manifestName(parent), null, true);
    const held = await world.retain();
    expect(held.rows.filter(({ what }) => what === 'stays')).toEqual([]);
    const { points: left } = await world.present();
    // The child too: it makes the full whole that the held one hangs on.
    expect([child, parent, grandparent].map(({ point }) => left.has(point))).toEqual([true, true, true]);
    expect(await world.broken([parent.point, grandparent.point, child.point])).toEqual([]);
  });

  it('every pack, while a manifest cannot be read or has two contents, and the chain of it', async () => {
    const world = await quietWorld('unread');
    const child = world.made[5];
    if (child === undefined) throw new Error('nine points were made');
    const faulty = world.sites.map((site) => new FaultySite(site));
    const vault = new Vault(world.vault.id, new SiteSet(faulty));
    for (const site of faulty) site.damage(manifestName(child), (bytes) => bytes.subarray(0, 50));
    const before = await world.present();
    for (let run = 0; run < 3; run += 1) {
      const done = await world.retain({}, vault);
      expect([done.unread, done.packsGivenUp, done.rows.filter(({ what }) => what === 'unread').map(({ name }) => name)]).toEqual([1, 0, [manifestName(child)]]);
    }
    const after = await world.present();
    expect(after.packs).toEqual(before.packs);
    expect(world.made.filter(({ chain }) => chain === child.chain).every(({ point }) => after.points.has(point))).toBe(true);
    expect(after.points.size).toBeLessThan(before.points.size);
  });

  it('the same, while a manifest has two contents: neither is believed', async () => {
    const world = await quietWorld('two contents');
    const child = world.made[5];
    const [site] = world.sites;
    if (child === undefined || site === undefined) throw new Error('nine points were made');
    // True to its name and whole, and of an hour in another year: somebody who may put objects may put that.
    const forge = memorySites(['x'], () => world.nowMs);
    await backUp({ sites: new SiteSet(forge), vault: world.vault, key: world.key, random: world.random, contents: {}, chain: child.chain, point: child.point, type: 'incremental', createdAtMs: 0 });
    const forged = (await forge[0]?.get(manifestName(child))) ?? new Uint8Array(0);
    await site.replace(manifestName(child), forged, { sha256: createHash('sha256').update(forged).digest('hex'), lock: null });
    const before = await world.present();
    for (let run = 0; run < 3; run += 1) expect(await world.retain()).toMatchObject({ unread: 1, packsGivenUp: 0 });
    expect((await world.present()).packs).toEqual(before.packs);
    expect(await world.broken([child.point], new Vault(world.vault.id, new SiteSet(world.sites.slice(1))))).toEqual([]);
  });

  it('nothing for what a minority has, and of which no copy is good', async () => {
    const world = await quietWorld('garbage');
    const [name] = world.made;
    if (name === undefined) throw new Error('nine points were made');
    const garbage = world.random(50);
    const point = { chain: name.chain, point: name.point.replace(/[0-9a-f]{16}$/, 'ab'.repeat(8)) };
    await world.sites[0]?.put(manifestName(point), garbage, { sha256: createHash('sha256').update(garbage).digest('hex'), lock: null });
    expect(await world.retain()).toMatchObject({ unread: 1, pointsGivenUp: 6 });
    expect((await world.retain()).packsGivenUp).toBeGreaterThan(0);
  });

  it('no older version in the place of a newer one', async () => {
    const world = await quietWorld('versions');
    const last = world.made[5];
    if (last === undefined) throw new Error('nine points were made');
    // As the scrub leaves it: what was damaged lies below what is right.
    for (const site of world.sites.slice(1)) {
      const right = (await site.get(manifestName(last))) ?? new Uint8Array(0);
      for (const bytes of [new Uint8Array(3), right]) await site.replace(manifestName(last), bytes, { sha256: createHash('sha256').update(bytes).digest('hex'), lock: null });
    }
    let versionsGivenUp = 0;
    const dying = world.sites.map(
      (site) =>
        new FaultySite(site, ({ method, name }) => (site.name === 'c' && method === 'retire' && name === manifestName(last) && (versionsGivenUp += 1) > 1 ? { kind: 'lose-request' } : undefined)),
    );
    expect(await world.retain({}, new Vault(world.vault.id, new SiteSet(dying)))).toMatchObject({ silent: [{ site: 'c' }], pointsGivenUp: 1 });
    expect(await world.retain()).toMatchObject({ unread: 0, pointsGivenUp: 5 });
    for (const site of world.sites) expect(await site.versions(manifestName(last))).toEqual([]);
  });

  it('everything where there are packs and no point at all', async () => {
    const world = await quietWorld('no points');
    const bare = memorySites(['a'], () => world.nowMs);
    const [site] = bare;
    if (site === undefined) throw new Error('one site was asked for');
    for (const [name, bytes] of await objectsOf(world.sites[0] ?? site))
      if (!name.startsWith('points/')) await site.put(name, bytes, { sha256: createHash('sha256').update(bytes).digest('hex'), lock: null });
    world.nowMs += 100 * day;
    expect(await world.retain({}, new Vault(world.vault.id, new SiteSet(bare)))).toMatchObject({ points: 0, packsGivenUp: 0 });
  });

  it('what a backup goes on from that began before the next one was there', async () => {
    const world = await new World('slow writer', false).begin();
    const old = await world.backUp('full');
    world.nowMs = start + 100 * day;
    // Slow begins, from the newest point, whose life is over; quick overtakes it.
    const known = await (await openPoint(world.vault, old, world.key)).dedupIndex();
    world.nowMs += hour;
    world.made.length = 0;
    await world.backUp('full');
    for (let d = 0; d < 6; d += 1) {
      world.nowMs += day;
      await world.retain();
    }
    const contents = { ...old.contents, more: world.random(2000) };
    const slow = await backUp({ sites: new SiteSet(world.sites), vault: world.vault, key: world.key, random: world.random, contents, createdAtMs: start + 100 * day, class: 'weekly', known });
    for (let d = 0; d < 3; d += 1) {
      world.nowMs += day;
      await world.retain();
    }
    expect((await world.present()).points.has(old.point)).toBe(false);
    expect(shown(await readBack(world.vault, slow, world.key))).toEqual(shown(contents));
  });
});

describe('evidence', () => {
  it('goes when its time is over and its lock with it, of a test sooner than a certificate; not a day before, and never while it is locked or held', async () => {
    const world = await quietWorld('evidence');
    const bytes = Buffer.from('{}');
    const put = async (name: string, lockedUntilMs: number) => {
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      for (const site of world.sites) await site.put(name, bytes, { sha256, lock: { mode: 'COMPLIANCE', untilMs: lockedUntilMs } });
    };
    const [test, certificate, longer] = [evidenceName('restore-test', start, 'a'.repeat(16)), evidenceName('erasure', start, 'b'.repeat(16)), evidenceName('restore-test', start, 'c'.repeat(16))];
    world.nowMs = start;
    await put(test, start + day);
    await put(certificate, start + shortDays.yearly * day);
    await put(longer, start + 49 * day);
    const left = async () => {
      const names: string[] = [];
      for await (const { name } of world.sites[0]?.list('evidence/') ?? []) names.push(name);
      return names;
    };
    world.nowMs = start + shortDays.monthly * day - 1;
    expect((await world.retain()).evidenceGivenUp).toBe(0);
    world.nowMs = start + shortDays.monthly * day + 1;
    expect((await world.retain()).evidenceGivenUp).toBe(1);
    expect(await left()).toEqual([certificate, longer].toSorted());
    for (const site of world.sites) await site.setHold(certificate, (await site.head(certificate))?.versionId ?? null, true);
    world.nowMs = start + shortDays.yearly * day + 1;
    expect((await world.retain()).evidenceGivenUp).toBe(1);
    expect(await left()).toEqual([certificate]);
  });
});

// The steps of a backup: what is planned, what is committed, what is left when one of them dies, and what a repetition makes of it.
import { describe, expect, test } from 'vitest';
import type { BackupPart } from '../../src/core/backup/backup-plan.ts';
import { logSettleMs } from '../../src/core/backup/settle.ts';
import { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import { FaultySite, type SiteCall, type SiteFault } from '../../src/drivers/faulty/faulty-site.ts';
import { commitBackup } from '../../src/operations/backup-commit.ts';
import { writeBackupPart } from '../../src/operations/backup-part.ts';
import { planBackup } from '../../src/operations/backup-plan.ts';
import { verifyBackup } from '../../src/operations/backup-verify.ts';
import { east, named, planIn as plan, started, west, writeEast as write } from './backup-fixture.ts';

const names = ['us-east-1', 'us-west-2', 'eu-west-1'];

describe('PlanBackup', () => {
  test('on the schedule acts in the open region only; nothing is asked of the vault elsewhere', async () => {
    const world = await started({ sites: names.map((name) => new FaultySite(new MemorySite(name), () => ({ kind: 'lose-request' }))) });
    expect(await plan(world, 'full', west, 'schedule')).toMatchObject({ acts: false, because: expect.stringContaining('us-west-2 is not open'), pieces: [] });
    await expect(plan(world, 'full', east, 'schedule')).rejects.toThrow();
  });

  test('the first one is a full one, whatever was asked for, and makes the vault', async () => {
    const world = await started();
    expect(await plan(world, 'incremental')).toMatchObject({
      acts: true,
      type: 'full',
      parent: null,
      because: expect.stringContaining('there is no full backup yet'),
      class: 'yearly',
      until: { [east]: 10, [west]: 0 },
      since: null,
    });
  });

  test('an incremental one goes on from the last that is not of the log; a differential one from the full one', async () => {
    const world = await started();
    const full = await world.backup(east, 'full');
    await write(world, 'k1', 100);
    world.clock.advance(logSettleMs * 2);
    await world.archive(east);
    await write(world, 'k2', 100);
    expect(await plan(world, 'incremental')).toMatchObject({
      type: 'incremental',
      chain: full.chain,
      parent: { point: full.point },
      since: { [east]: 10 },
      until: { [east]: 12 },
      class: 'hourly',
      pieces: [{ id: `changes/${east}` }],
    });
    const incremental = await world.backup(east, 'incremental');
    await write(world, 'k3', 100);
    expect(await plan(world, 'incremental')).toMatchObject({ parent: { point: incremental.point }, since: { [east]: 12 } });
    expect(await plan(world, 'differential')).toMatchObject({ parent: { point: full.point }, since: { [east]: 10 }, until: { [east]: 13 } });
  });

  test('where nothing was logged, an incremental one has no pieces, and is committed all the same', async () => {
    const world = await started();
    const full = await world.backup(east, 'full');
    world.clock.advance(60_000);
    expect(await world.backup(east, 'incremental')).toMatchObject({ chain: full.chain, items: 0, throughMs: world.clock.nowMs() - logSettleMs });
    expect(await world.backup(east, 'incremental')).toMatchObject({ chain: full.chain, items: 0 });
  });

  test('a parent that is missing begins a new chain, and says which', async () => {
    const sites = names.map((name) => new FaultySite(new MemorySite(name)));
    const world = await started({ sites });
    const full = await world.backup(east, 'full');
    await write(world, 'k1', 100);
    const incremental = await world.backup(east, 'incremental');
    for (const site of sites.slice(0, 2)) site.lose(`points/${full.chain}/${full.point}`);
    const cold = planBackup(world.portsIn(east), world.coldIn(east), { group: 'orders', type: 'incremental', by: 'anna' });
    expect(await cold).toMatchObject({ type: 'full', parent: null, because: expect.stringContaining(`the full backup of chain ${full.chain} is missing`) });
    expect(incremental.chain).toBe(full.chain);
  });

  test('a parent that cannot be opened begins a new chain as well', async () => {
    const sites = names.map((name) => new FaultySite(new MemorySite(name)));
    const world = await started({ sites });
    const full = await world.backup(east, 'full');
    for (const site of sites) site.damage(`points/${full.chain}/${full.point}`, (bytes) => bytes.map((b, i) => (i === 200 ? b ^ 1 : b)));
    expect(await planBackup(world.portsIn(east), world.coldIn(east), { group: 'orders', type: 'incremental', by: 'anna' })).toMatchObject({
      type: 'full',
      because: expect.stringContaining('cannot be opened'),
    });
  });

  test('once the region has opened in a newer epoch, a new chain begins', async () => {
    const world = await started();
    await world.backup(east, 'full');
    await world.region(east).setLease(3, Number.MAX_SAFE_INTEGER);
    expect(await plan(world, 'incremental')).toMatchObject({ type: 'full', because: expect.stringContaining('opened in epoch 3 after its full backup of epoch 1') });
  });

  test('in a region that stands by, the log counts from what was applied there, not from what was received', async () => {
    const world = await started();
    await world.ship(east, west);
    const before = await plan(world, 'full', west);
    await world.region(west).apply(world.region(east));
    const after = await plan(world, 'full', west);
    expect([before, after].map((p) => (p.acts ? p.until : null))).toEqual([
      { [east]: 0, [west]: 0 },
      { [east]: 10, [west]: 0 },
    ]);
  });

  test('of another group is refused', async () => {
    const world = await started();
    await expect(planBackup(world.portsIn(east), world.pointsIn(east), { group: 'other', type: 'full', by: 'anna' })).rejects.toMatchObject({ name: 'RefusedError' });
  });

  test('the lock follows the class; the key is locked for as long as anything may be', async () => {
    const world = await started();
    const p = await planBackup(
      world.portsIn(east, { settings: { ...world.portsIn(east).settings, retentionDays: { hourly: 1, daily: 2, weekly: 3, monthly: 4, yearly: 5 }, lockDaysMax: 9 } }),
      world.pointsIn(east),
      { group: 'orders', type: 'full', by: 'anna' },
    );
    if (!p.acts) throw new Error('unreachable');
    expect(p.lockedUntilMs).toBe(p.startedAtMs + 5 * 86_400_000);
    const state = await world.sites[0]?.head(`keys/${p.key}/00000001`);
    expect(state?.lock).toEqual({ mode: 'COMPLIANCE', untilMs: p.startedAtMs + 9 * 86_400_000 });
  });
});

describe('a backup', () => {
  test('holds each item once, and is read back from the other sites', async () => {
    const world = await started();
    const full = await world.backup(east, 'full');
    expect(full).toMatchObject({ items: 10 });
    expect(await verifyBackup(world.portsIn(east), named(full))).toMatchObject({ isVerified: true, items: 10, bytes: full.bytes, readFrom: 'us-west-2, eu-west-1' });
    expect(await world.region(east).rows.get({ table: 'region', pk: 'BACKUP', sk: 'orders' })).toMatchObject({
      point: full.point,
      type: 'full',
      items: 10,
      verifiedPoint: full.point,
      verifiedIn: 'us-west-2, eu-west-1',
    });
  });

  test('that is damaged in the other sites is found, though the own one is whole', async () => {
    const sites = names.map((name) => new FaultySite(new MemorySite(name)));
    const world = await started({ sites });
    const full = await world.backup(east, 'full');
    const packs: string[] = [];
    for await (const object of world.sites[0]?.list('packs/') ?? []) packs.push(object.name);
    for (const site of sites.slice(1)) for (const pack of packs) site.damage(pack, (bytes) => bytes.map((b, i) => (i === 60 ? b ^ 1 : b)));
    await expect(verifyBackup(world.portsIn(east), named(full))).rejects.toMatchObject({ name: 'DamagedError' });
    expect((await world.region(east).rows.get({ table: 'region', pk: 'BACKUP', sk: 'orders' }))?.['verifiedPoint']).toBeUndefined();
  });

  test('with one site down is committed; with two down is not, and nothing of it is listed', async () => {
    const down = new Set<string>();
    const world = await started({ sites: names.map((name) => new FaultySite(new MemorySite(name), () => (down.has(name) ? { kind: 'lose-request' } : undefined))) });
    await world.backup(east, 'full');
    down.add('us-west-2');
    await write(world, 'k1', 100);
    const one = await world.backup(east, 'incremental');
    expect(one.items).toBe(1);
    down.add('eu-west-1');
    await write(world, 'k2', 100);
    await expect(world.backup(east, 'incremental')).rejects.toMatchObject({ name: 'TooFewSitesError', retryable: true });
    down.clear();
    expect((await world.coldIn(east).list()).filter((p) => p.isCommitted).map((p) => p.point)).toContain(one.point);
    expect(await world.coldIn(east).list()).toHaveLength(2);
  });
});

describe('a step that is repeated', () => {
  test('CommitPoint gives the same point, byte for byte, whoever repeats it', async () => {
    const world = await started();
    const [ports, points] = [world.portsIn(east), world.pointsIn(east)];
    const p = await plan(world, 'full');
    if (!p.acts) throw new Error('unreachable');
    const parts: BackupPart[] = [];
    for (const piece of p.pieces) parts.push(await writeBackupPart(ports, points, p, piece));
    const first = await commitBackup(ports, points, p, parts);
    world.clock.advance(5000);
    expect(await commitBackup(world.portsIn(west), world.coldIn(west), p, parts)).toEqual(first);
    expect(await points.list()).toHaveLength(1);
    // Other parts under the same name would be another point: it is refused, and nothing is overwritten.
    const other = await writeBackupPart(ports, points, p, p.pieces[0] ?? { id: '' });
    await expect(commitBackup(ports, points, p, [other, ...parts.slice(1)])).rejects.toThrow();
    expect((await world.coldIn(east).facts(named(first))).sha256).toBe(first.sha256);
  });

  /** Every call to a site in turn loses its request or its answer, in all sites at once: the step throws; the next try does the rest. */
  test.each(['lose-request', 'lose-answer'] as const)('after a crash at any of its calls to the vault (%s): the point is whole, and there is one', async (kind) => {
    let crashes = 0;
    for (let at = 1; at < 400; at += 1) {
      let calls = 0;
      let isArmed = false;
      const faultOf = (call: SiteCall): SiteFault | undefined => {
        if (!isArmed || call.site !== 'us-east-1') return calls >= at && isArmed ? { kind } : undefined;
        calls += 1;
        return calls === at ? { kind } : undefined;
      };
      const world = await started({ sites: names.map((name) => new FaultySite(new MemorySite(name), faultOf)) });
      await world.backup(east, 'full');
      await write(world, 'k1', 100);
      const [ports] = [world.portsIn(east)];
      const crash = async <T>(act: () => Promise<T>): Promise<T> => {
        isArmed = true;
        try {
          return await act();
        } catch {
          crashes += 1;
          isArmed = false;
          return act();
        } finally {
          isArmed = false;
        }
      };
      const p = await crash(async () => planBackup(ports, world.coldIn(east), { group: 'orders', type: 'incremental', by: 'anna' }));
      if (!p.acts) throw new Error('unreachable');
      const parts: BackupPart[] = [];
      for (const piece of p.pieces) parts.push(await crash(async () => writeBackupPart(ports, world.coldIn(east), p, piece)));
      const committed = await crash(async () => commitBackup(ports, world.coldIn(east), p, parts));
      expect((await world.coldIn(east).chains()).flatMap((c) => c.deltas.map((d) => d.point))).toEqual([committed.point]);
      expect(await verifyBackup(ports, named(committed))).toMatchObject({ items: 1 });
      if (calls < at) break;
    }
    expect(crashes).toBeGreaterThan(3);
  });
});

// The steps of a restore: what is planned and refused, into what, what is selected, what a repetition makes of a step that died, and that nothing
// wrong passes for right.
import { describe, expect, test } from 'vitest';
import { logSettleMs } from '../../src/core/backup/settle.ts';
import { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import { FaultySite } from '../../src/drivers/faulty/faulty-site.ts';
import { restorePart } from '../../src/operations/restore-part.ts';
import { planRestore } from '../../src/operations/restore-plan.ts';
import { createTarget } from '../../src/operations/restore-target.ts';
import { validateRestore } from '../../src/operations/restore-validate.ts';
import { createWorld, east, live, named, plain, selecting, west, type World } from './backup-fixture.ts';

const names = ['us-east-1', 'us-west-2', 'eu-west-1'];

async function write(world: World, key: string, value: number | null): Promise<number> {
  world.clock.advance(1000);
  await world.region(east).put(key, value, 1);
  await world.region(east).flush();
  return Math.floor(world.clock.nowMs() / 1000) * 1000;
}

/** East open, twenty items in a full backup, then changes that the log has. */
async function started(options: Parameters<typeof createWorld>[0] = {}) {
  const world = await createWorld(options);
  await world.region(east).open(1, west);
  for (let i = 0; i < 20; i += 1) await write(world, `k${String(i).padStart(2, '0')}`, i);
  const full = await world.backup(east, 'full');
  const changedAtMs = await write(world, 'k01', 100);
  const removedAtMs = await write(world, 'k02', null);
  await write(world, 'new', 1);
  world.clock.advance(logSettleMs * 2);
  const archived = await world.archive(east);
  return { world, full, changedAtMs, removedAtMs, throughMs: archived.throughMs ?? 0, request: world.request };
}

const numbers = (contents: Record<string, string>) => Object.fromEntries(Object.entries(contents).map(([key, text]) => [key, Number(JSON.parse(text).n.N)]));

describe('PlanRestore', () => {
  test('refuses a moment that is not covered, with what is; and nothing is changed', async () => {
    const { world, full, throughMs, request } = await started();
    for (const atMs of [full.throughMs - 1, throughMs + 1]) {
      await expect(world.restore(east, request(atMs, 'orders-restored'))).rejects.toMatchObject({
        name: 'NotCoveredError',
        message: expect.stringMatching(new RegExp(`covered is ${new Date(full.throughMs).toISOString()} to ${new Date(throughMs).toISOString()} \\(${full.chain}\\)`)),
      });
    }
    expect(await world.region(east).tables.describe('orders-restored')).toBeNull();
    for (const atMs of [full.throughMs, throughMs]) expect((await world.restore(east, request(atMs, `orders-restored-${atMs}`))).report.isIdentical).toBe(true);
  });

  test('finds an old moment behind many newer full backups', async () => {
    const { world, throughMs, request } = await started();
    const then = plain(world.region(east).tables.contents(live));
    for (let day = 0; day < 14; day += 1) {
      await write(world, `day${day}`, day);
      await world.backup(east, 'full');
      world.clock.advance(logSettleMs * 2);
      await world.archive(east);
    }
    expect((await world.restore(east, request(throughMs, 'orders-restored'))).contents).toEqual(then);
  });

  test('takes the quiet after the last record for what it is', async () => {
    const { world, throughMs, request } = await started();
    world.clock.advance(600_000);
    await world.archive(east);
    expect((await world.restore(west, request(throughMs + 599_000, 'orders-restored'))).contents).toEqual(plain(world.region(east).tables.contents(live)));
  });

  test('finds what a lost region shipped only after its return, in a point made long after the moment', async () => {
    const { world, request } = await started();
    await world.ship(east, west);
    await world.region(west).apply(world.region(east));
    // Accepted by the region that is lost a moment later, and in no log yet.
    world.clock.advance(1000);
    await world.region(east).put('k05', 555, 1);
    const atMs = Math.floor(world.clock.nowMs() / 1000) * 1000;
    world.clock.advance(30_000);
    await world.region(west).open(2, east);
    await world.region(west).put('after', 1, 2);
    await world.region(west).flush();
    world.clock.advance(logSettleMs * 2);
    await world.archive(west);
    await world.region(east).flush();
    await world.ship(east, west);
    world.clock.advance(60_000);
    await world.archive(west);
    expect(numbers((await world.restore(west, request(atMs, 'orders-restored'))).contents)).toMatchObject({ k05: 555 });
    // It did not survive: after the opening it is not there.
    const later = await world.restore(west, request(atMs + 45_000, 'orders-restored-later'));
    expect(numbers(later.contents)).toMatchObject({ k05: 5, after: 1 });
  });

  test('refuses the live table, Holdfast’s own, and what is no request', async () => {
    const { world, throughMs, request } = await started();
    const points = world.pointsIn(east);
    for (const table of [live, 'holdfast-orders-region', 'elsewhere']) {
      await expect(planRestore(world.portsIn(east), points, request(throughMs, table))).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining(table) });
    }
    await expect(planRestore(world.portsIn(east), points, { ...request(throughMs, 'orders-restored'), group: 'other' })).rejects.toMatchObject({ name: 'RefusedError' });
  });

  test('a named point is the state at its end', async () => {
    const { world, full, request } = await started();
    await write(world, 'k03', 300);
    world.clock.advance(60_000);
    const incremental = await world.backup(east, 'incremental');
    await write(world, 'k03', 301);
    const restored = await world.restore(east, request(null, 'orders-restored', { point: named(incremental) }));
    expect(numbers(restored.contents)).toMatchObject({ k01: 100, k03: 300 });
    const first = await world.restore(east, request(null, 'orders-restored-full', { point: named(full) }));
    expect([first.plan.isExact, numbers(first.contents)['k01'], first.plan.atMs]).toEqual([true, 1, full.throughMs]);
  });

  test('a full backup that no log covers is restored as it was scanned, and the report says so', async () => {
    const world = await createWorld();
    await world.region(east).open(1, west);
    for (let i = 0; i < 12; i += 1) await write(world, `k${String(i).padStart(2, '0')}`, i);
    let value = 100;
    world.region(east).tables.onPage = async () => void (await write(world, 'k11', (value += 1)));
    const full = await world.backup(east, 'full');
    world.region(east).tables.onPage = async () => undefined;
    const restored = await world.restore(east, world.request(null, 'orders-restored', { point: named(full) }));
    expect(restored.plan.isExact).toBe(false);
    expect(restored.report.issues).toEqual([
      expect.objectContaining({
        severity: 'warning',
        what: expect.stringContaining('No log covers'),
        impact: expect.stringContaining('different moments'),
        remedy: expect.stringContaining('archived'),
      }),
    ]);
    await expect(world.restore(east, world.request(full.throughMs, 'orders-restored-other'))).rejects.toMatchObject({ name: 'NotCoveredError' });
    await expect(world.restore(east, world.request(null, 'orders-restored-other', { point: { chain: full.chain, point: 'none' } }))).rejects.toMatchObject({ name: 'NotCoveredError' });
  });

  test('goes around a point that is damaged in every site, where another line reaches; else names it', async () => {
    const sites = names.map((name) => new FaultySite(new MemorySite(name)));
    const { world, throughMs, changedAtMs, request } = await started({ sites });
    world.clock.advance(60_000);
    await world.backup(east, 'incremental');
    const log = (await world.pointsIn(east).list()).find((p) => p.type === 'log');
    const damage = (point: string) => sites.forEach((site) => site.damage(`points/${log?.chain}/${point}`, (bytes) => bytes.map((b, i) => (i === 300 ? b ^ 1 : b))));
    damage(log?.point ?? '');
    const plan = await planRestore(world.portsIn(east), world.coldIn(east), request(changedAtMs, 'orders-restored'));
    expect(plan.deltas.map((d) => d.point.includes('incremental'))).toEqual([true]);
    for (const { point } of plan.deltas) damage(point);
    await expect(planRestore(world.portsIn(east), world.coldIn(east), request(throughMs, 'orders-restored'))).rejects.toMatchObject({
      name: 'NotCoveredError',
      message: expect.stringContaining(log?.point ?? ''),
    });
  });
});

describe('what is brought back', () => {
  test('is the state at the moment, not the one before or after', async () => {
    const { world, changedAtMs, removedAtMs, request } = await started();
    const at = async (atMs: number, table: string) => numbers((await world.restore(east, request(atMs, table))).contents);
    expect((await at(changedAtMs - 1, 'orders-restored-1'))['k01']).toBe(1);
    expect((await at(changedAtMs, 'orders-restored-2'))['k01']).toBe(100);
    expect(await at(removedAtMs - 1, 'orders-restored-3')).toHaveProperty('k02');
    const after = await world.restore(east, request(removedAtMs, 'orders-restored-4'));
    expect(after.contents).not.toHaveProperty('k02');
    expect(after.report).toMatchObject({ items: 19, removed: 1, newestAtMs: removedAtMs, rpoMs: 0, isIdentical: true, selected: 'everything' });
    expect(after.report.rtoMs).toBe(after.report.validatedAtMs - after.plan.startedAtMs);
  });

  test.each([
    [{ keys: ['k01', 'k02', 'none'] }, ['k01']],
    [{ prefix: 'k0' }, ['k00', 'k01', 'k03', 'k04', 'k05', 'k06', 'k07', 'k08', 'k09']],
    [{ from: 'k18' }, ['k18', 'k19', 'new']],
    [{ from: 'k00', to: 'k03' }, ['k00', 'k01']],
    [{ to: 'k03' }, ['k00', 'k01']],
    [{ prefix: 'zz' }, []],
  ])('is what was selected: %j', async (select, expected) => {
    const { world, throughMs, request } = await started();
    const restored = await world.restore(east, request(throughMs, 'orders-restored', { select: selecting(select) }), 3);
    expect(Object.keys(restored.contents)).toEqual(expected);
    expect(restored.report.issues.some((i) => i.what === 'Nothing was restored.')).toBe(expected.length === 0);
  });

  test('is the same however many shards it is made of', async () => {
    const { world, throughMs, request } = await started();
    const contents = [];
    for (const shards of [1, 2, 7]) contents.push((await world.restore(east, request(throughMs, `orders-restored-${shards}`), shards)).contents);
    expect(contents).toEqual([contents[0], contents[0], contents[0]]);
    expect(Object.keys(contents[0] ?? {})).toHaveLength(20);
  });
});

describe('CreateTarget', () => {
  async function planned(table = 'orders-restored') {
    const t = await started();
    return { ...t, ports: t.world.portsIn(east), plan: await planRestore(t.world.portsIn(east), t.world.pointsIn(east), t.request(t.throughMs, table)) };
  }

  test('waits until the new table is there, and is at rest when it is repeated', async () => {
    const { ports, plan } = await planned();
    await expect(createTarget(ports, plan)).rejects.toMatchObject({ name: 'StepNotReadyError', retryable: true });
    expect(await createTarget(ports, plan)).toEqual({ table: 'orders-restored' });
    await ports.tables.write('orders-restored', [{ id: { S: 'k00' } }]);
    expect(await createTarget(ports, plan)).toEqual({ table: 'orders-restored' });
  });

  test('takes an empty table, and no other', async () => {
    const { world, ports, plan, request } = await planned();
    await ports.tables.create('orders-restored', 'id');
    await ports.tables.describe('orders-restored');
    await ports.tables.write('orders-restored', [{ id: { S: 'mine' } }]);
    await expect(createTarget(ports, plan)).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining('holds items') });
    world.region(east).tables.remove('orders-restored', 'mine');
    expect(await createTarget(ports, plan)).toEqual({ table: 'orders-restored' });
    await ports.tables.create('orders-restored-key', 'name');
    const other = await planRestore(ports, world.pointsIn(east), request(plan.atMs, 'orders-restored-key'));
    await expect(createTarget(ports, other)).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining('another partition key') });
  });

  test('refuses the live table, whatever the plan says', async () => {
    const { ports, plan } = await planned();
    await expect(createTarget(ports, { ...plan, into: { table: live } })).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining('live table') });
  });

  test('one restore fills one table', async () => {
    const { ports, plan } = await planned();
    await createTarget(ports, plan).catch(() => undefined);
    await expect(createTarget(ports, { ...plan, into: { table: 'orders-restored-another' } })).rejects.toMatchObject({ name: 'RefusedError' });
  });
});

describe('a step that dies', () => {
  test('is repeated, and ends with the same: RestorePart killed after any of its writes', async () => {
    const { world, throughMs, request } = await started();
    const ports = world.portsIn(east);
    const plan = await planRestore(ports, world.pointsIn(east), request(throughMs, 'orders-restored'));
    await createTarget(ports, plan).catch(() => undefined);
    const { tables } = world.region(east);
    const write = tables.write.bind(tables);
    let left = 0;
    // Three at a time, so that there is something to die between.
    tables.write = async (table, images) => {
      for (let i = 0; i < images.length; i += 3) {
        if (table === 'orders-restored' && (left -= 1) < 0) throw new Error('killed');
        await write(table, images.slice(i, i + 3));
      }
    };
    const parts = [];
    for (let at = 0; at < 7; at += 1) {
      left = at;
      await expect(restorePart(ports, world.pointsIn(east), plan, 0)).rejects.toThrow('killed');
    }
    left = Number.MAX_SAFE_INTEGER;
    for (let i = 0; i < 2; i += 1) parts.push(await restorePart(ports, world.coldIn(east), plan, 0));
    expect(parts[1]).toEqual(parts[0]);
    expect(await validateRestore(ports, plan, parts.slice(1))).toMatchObject({ isIdentical: true, digest: { items: 20 } });
  });

  test('with a site down, and one whose packs are damaged, the third serves', async () => {
    const down = new Set<string>();
    const sites = names.map((name) => new FaultySite(new MemorySite(name), () => (down.has(name) ? { kind: 'lose-request' } : undefined)));
    const { world, throughMs, request } = await started({ sites });
    down.add('us-east-1');
    for await (const object of sites[1]?.list('packs/') ?? []) sites[1]?.damage(object.name, (bytes) => bytes.map((b, i) => (i > 40 && i < 4000 ? b ^ 255 : b)));
    expect(Object.keys((await world.restore(west, request(throughMs, 'orders-restored'))).contents)).toHaveLength(20);
  });
});

describe('nothing wrong passes for right', () => {
  async function restored() {
    const t = await started();
    const { plan, parts } = await t.world.restore(east, t.request(t.throughMs, 'orders-restored'));
    return { ...t, ports: t.world.portsIn(east), plan, parts };
  }

  test.each([
    ['an item more', async (tables: World['regions'][string]['tables']) => tables.write('orders-restored', [{ id: { S: 'more' } }])],
    ['an item less', async (tables: World['regions'][string]['tables']) => tables.remove('orders-restored', 'k05')],
    ['an item changed', async (tables: World['regions'][string]['tables']) => tables.write('orders-restored', [{ id: { S: 'k05' }, n: { N: '6' } }])],
  ])('ValidateRestore finds %s', async (_, change) => {
    const { world, ports, plan, parts } = await restored();
    expect(await validateRestore(ports, plan, parts)).toMatchObject({ isIdentical: true });
    await change(world.region(east).tables);
    await expect(validateRestore(ports, plan, parts)).rejects.toMatchObject({ name: 'NotIdenticalError', retryable: false, message: expect.stringContaining('do not use it') });
  });

  test('a point of the log left out of the plan, or exchanged, stops the restore', async () => {
    const { world, ports, plan } = await restored();
    await write(world, 'k07', 700);
    world.clock.advance(60_000);
    await world.archive(east);
    const longer = await planRestore(ports, world.pointsIn(east), world.request(world.clock.nowMs() - logSettleMs, 'orders-restored'));
    expect(longer.deltas).toHaveLength(2);
    await expect(restorePart(ports, world.pointsIn(east), { ...longer, deltas: longer.deltas.slice(1) }, 0)).rejects.toMatchObject({
      name: 'DamagedError',
      message: expect.stringContaining('not whole'),
    });
    await expect(restorePart(ports, world.pointsIn(east), { ...plan, base: { ...plan.base, sha256: 'x' } }, 0)).rejects.toMatchObject({
      name: 'DamagedError',
      message: expect.stringContaining('not the one that was planned'),
    });
  });

  test('a report stands under the restore’s id, once', async () => {
    const { world, plan } = await restored();
    const row = await world.region(east).rows.get({ table: 'region', pk: 'RESTORE', sk: plan.id });
    expect(JSON.parse(String(row?.['report']))).toMatchObject({ id: plan.id, table: 'orders-restored', isIdentical: true, items: 20, issues: [] });
  });
});

// A restore test from its draw to its evidence, over a vault that backups filled: what is drawn can be restored, what was filled is gone, nothing else
// is, and what came of it stands locked in the vault.
import { describe, expect, test } from 'vitest';
import { targetPrefix } from '../../src/core/backup/restore-plan.ts';
import { restoreTestKey, testBegun, testIdOf, type Dropped, type TestRequest } from '../../src/core/backup/restore-test.ts';
import { parseTestOutcome, whatIsWrongWithEvidence, type TestFailure } from '../../src/core/backup/test-evidence.ts';
import { logSettleMs } from '../../src/core/backup/settle.ts';
import { FaultySite } from '../../src/drivers/faulty/faulty-site.ts';
import { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { restorePart } from '../../src/operations/restore-part.ts';
import { dropTarget, planRestoreTest, recordRestoreTest, type PlannedTest } from '../../src/operations/restore-test.ts';
import { planRestore } from '../../src/operations/restore-plan.ts';
import { createTarget } from '../../src/operations/restore-target.ts';
import { reportRestore, validateRestore } from '../../src/operations/restore-validate.ts';
import { scrubStep } from '../../src/operations/scrub.ts';
import { shares } from '../../src/core/integrity/shares.ts';
import { auditVault, type AuditRow } from '../../src/operations/vault-audit.ts';
import type { RowStore } from '../../src/ports/row-store.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { openVault } from '../../src/vault/vault.ts';
import { objectsOf, siteOf } from '../vault/small-vault.ts';
import { createWorld, east, live, started, west, writeEast, type World } from './backup-fixture.ts';

const dayMs = 86_400_000;
const names = ['us-east-1', 'us-west-2', 'eu-west-1'];
let runs = 0;

/** East open, a full backup, an hour of changes, archived. */
async function backedUp(options: Parameters<typeof createWorld>[0] = {}): Promise<World> {
  const world = await started(options);
  await world.backup(east, 'full');
  for (let i = 0; i < 6; i += 1) {
    world.clock.advance(600_000);
    await writeEast(world, `k${i}`, i % 2 === 0 ? null : 100 + i);
    await writeEast(world, `new${i}`, i);
    await world.archive(east);
  }
  world.clock.advance(logSettleMs * 2);
  await world.archive(east);
  return world;
}

const portsOf = (world: World, region: string) => ({ ...world.portsIn(region), testRows: async () => world.region(region).rows.list('region', 'RESTORE_TEST') });
const requestAt = (world: World, by = 'anna'): TestRequest => ({ group: 'orders', execution: `run-${(runs += 1)}`, startedAtMs: world.clock.nowMs(), by });

type Acting = Extract<PlannedTest, { readonly isTurn: true }>;
async function planned(world: World, region: string, request: TestRequest): Promise<Acting> {
  const plan = await planRestoreTest(world.portsIn(region), world.pointsIn(region), request);
  if (!plan.isTurn) throw new Error(plan.because);
  return plan;
}

async function filled(world: World, region: string, plan: Acting) {
  const ports = world.portsIn(region);
  await createTarget(ports, plan).catch(() => undefined);
  await createTarget(ports, plan);
  const parts = [];
  for (const { id } of plan.shards) parts.push(await restorePart(ports, world.pointsIn(region), plan, id));
  return parts;
}

async function dropped(world: World, region: string, request: TestRequest): Promise<Dropped> {
  for (let i = 0; i < 3; i += 1) {
    try {
      return await dropTarget(portsOf(world, region), request);
    } catch (error) {
      expect(error).toMatchObject({ name: 'StepNotReadyError', retryable: true });
    }
  }
  throw new Error('it is not gone');
}

/** As the machine does it, when all is well. */
async function tested(world: World, region: string, request = requestAt(world)) {
  const ports = world.portsIn(region);
  const plan = await planned(world, region, request);
  const parts = await filled(world, region, plan);
  const report = await reportRestore(ports, plan, parts, await validateRestore(ports, plan, parts));
  const drop = await dropped(world, region, request);
  const outcome = parseTestOutcome(JSON.parse(JSON.stringify({ ...request, test: plan.test, report, dropped: drop, failure: null })));
  return { request, plan, report, outcome, summary: await recordRestoreTest(ports, outcome) };
}

async function failedWith(world: World, region: string, request: TestRequest, failure: TestFailure) {
  const drop = await dropped(world, region, request);
  return recordRestoreTest(world.portsIn(region), parseTestOutcome({ ...request, test: null, report: null, dropped: drop, failure }));
}

async function evidenceIn(world: World, name: string) {
  return Promise.all(world.sites.map(async (site) => ({ site, bytes: await site.get(name), state: await site.head(name) })));
}

describe('a test', () => {
  test.each([east, west])('restores what the vault says, also where nothing is open, and leaves nothing but its evidence (%s)', async (region) => {
    const world = await backedUp();
    const before = { live: [...world.region(region).tables.contents(live)] };
    const { plan, report, request, summary } = await tested(world, region);
    expect(report).toMatchObject({ isIdentical: true, table: plan.into.table });
    expect(plan.into.table).toBe(`orders-restored-test-${testIdOf(request, region, sha256)}`);
    expect(await world.region(region).tables.describe(plan.into.table)).toBeNull();
    expect([...world.region(region).tables.contents(live)]).toEqual(before.live);
    expect(summary).toMatchObject({ isPassed: true, failure: null, region, rtoMs: report.rtoMs, items: report.items, atMs: plan.atMs, sites: [...names].toSorted() });
    const copies = await evidenceIn(world, summary.evidence ?? '');
    const vault = await openVault(world.portsIn(region).sites);
    for (const { bytes, state } of copies) {
      const text = Buffer.from(bytes ?? []).toString('utf8');
      expect(whatIsWrongWithEvidence(text, JSON.parse(text), vault.id, summary.evidence ?? '', sha256)).toBeNull();
      expect(JSON.parse(text)).toMatchObject({ isPassed: true, region, outcome: { report: { sum: report.sum }, test: { seed: plan.test?.seed }, dropped: { table: plan.into.table } } });
      expect(state?.lock).toEqual({ mode: 'COMPLIANCE', untilMs: request.startedAtMs + dayMs });
    }
  });

  test('measures how far the newest restorable moment was behind when it began', async () => {
    const world = await backedUp();
    const archived = await world.archive(east);
    world.clock.advance(12_345);
    const plan = await planned(world, west, requestAt(world));
    expect(plan.test).toMatchObject({ newestMs: archived.throughMs, rpoMs: logSettleMs + 12_345 });
    // The draw is part of the time that it takes: a person's restore opens the points as well.
    expect(plan.startedAtMs).toBe(world.clock.nowMs());
  });

  test('draws moments all over what is covered, and the same again for the same run', async () => {
    const world = await backedUp();
    const moments = new Set<number>();
    for (let i = 0; i < 60; i += 1) {
      const request = requestAt(world);
      const plan = await planned(world, west, request);
      expect(plan.atMs).toBe((await planned(world, west, request)).atMs);
      expect(plan.test?.skipped).toEqual([]);
      expect(plan.atMs).toBeGreaterThanOrEqual(plan.coveredFromMs);
      expect(plan.atMs).toBeLessThanOrEqual(plan.test?.newestMs ?? 0);
      moments.add(plan.atMs);
    }
    expect(moments.size).toBeGreaterThan(55);
    const all = [...moments];
    expect(Math.max(...all) - Math.min(...all)).toBeGreaterThan(1_800_000);
  });

  test('by the schedule is done by one region on each day, and by each on some', async () => {
    const world = await backedUp();
    const acted: string[] = [];
    for (let day = 0; day < 20; day += 1) {
      const request = { ...requestAt(world, 'schedule'), startedAtMs: day * dayMs + 37_800_000 };
      const plans = await Promise.all([east, west].map(async (region) => ({ region, plan: await planRestoreTest(world.portsIn(region), world.pointsIn(region), request) })));
      const acting = plans.filter(({ plan }) => plan.isTurn);
      expect(acting).toHaveLength(1);
      acted.push(...acting.map(({ region }) => region));
      expect(plans.find(({ plan }) => !plan.isTurn)?.plan).toMatchObject({ because: `${acting[0]?.region} tests on this day` });
    }
    expect(new Set(acted)).toEqual(new Set([east, west]));
  });

  test('passes over moments after a failover that no full backup reaches yet, and says which', async () => {
    const world = await backedUp();
    await world.ship(east, west);
    await world.region(west).apply(world.region(east));
    // Accepted by the region that is lost, scanned into a full backup, and shipped to nobody.
    world.clock.advance(1000);
    await world.region(east).put('lost', 1, 1);
    await world.region(east).flush();
    await world.backup(east, 'full');
    world.clock.advance(60_000);
    await world.region(west).open(2, east);
    for (let i = 0; i < 4; i += 1) {
      world.clock.advance(600_000);
      await world.region(west).put(`west${i}`, i, 2);
      await world.region(west).flush();
      await world.archive(west);
    }
    let skipped = 0;
    for (let i = 0; i < 12; i += 1) {
      const plan = await planned(world, west, requestAt(world));
      skipped += plan.test?.skipped.length ?? 0;
      for (const moment of plan.test?.skipped ?? []) expect(moment.because).toMatch(/cannot be restored/);
    }
    expect(skipped).toBeGreaterThan(0);
  });

  test('of a group without a backup, or of which nothing is covered, has failed; its row says so, and there is no vault to keep evidence', async () => {
    const world = await started();
    const request = requestAt(world);
    await expect(planRestoreTest(world.portsIn(west), world.pointsIn(west), request)).rejects.toMatchObject({ name: 'RefusedError' });
    const failure = { step: 'PlanRestore', error: 'RefusedError', cause: 'no vault' };
    const summary = await failedWith(world, west, request, failure);
    expect(summary).toMatchObject({ isPassed: false, failure, evidence: null, rtoMs: null, rpoMs: null });
    expect(world.region(west).rows.list('region', 'RESTORE_TEST')).toHaveLength(1);
    await world.backup(east, 'full');
    await expect(planRestoreTest(world.portsIn(west), world.coldIn(west), requestAt(world))).rejects.toMatchObject({ name: 'NotCoveredError', message: expect.stringContaining('nothing is covered') });
  });

  test('that failed leaves evidence of it too', async () => {
    const world = await backedUp();
    const request = requestAt(world);
    const plan = await planned(world, west, request);
    await filled(world, west, plan);
    const cause = JSON.stringify({ errorType: 'NotIdenticalError', errorMessage: 'written to meanwhile', trace: ['at x'] });
    const failure = { step: 'ValidateRestore', error: 'NotIdenticalError', cause };
    const summary = await failedWith(world, west, request, failure);
    expect(await world.region(west).tables.describe(plan.into.table)).toBeNull();
    const [copy] = await evidenceIn(world, summary.evidence ?? '');
    expect(JSON.parse(Buffer.from(copy?.bytes ?? []).toString('utf8'))).toMatchObject({ isPassed: false, outcome: { failure: { ...failure, cause: 'written to meanwhile' } } });
    // What is none of ours may quote an item, and evidence is in the clear and cannot be removed.
    const strange = await failedWith(world, west, requestAt(world), { step: 'RestoreParts', error: 'SyntaxError', cause: cause.replace('written', 'paula') });
    const [other] = await evidenceIn(world, strange.evidence ?? '');
    expect(Buffer.from(other?.bytes ?? []).toString('utf8')).not.toContain('paula');
    expect(strange.failure?.cause).toContain('paula');
  });

  test('of another group, or into another table, is refused', async () => {
    const world = await backedUp();
    const request = { ...requestAt(world), group: 'billing' };
    await expect(planRestoreTest(world.portsIn(east), world.pointsIn(east), request)).rejects.toMatchObject({ name: 'RefusedError' });
    await expect(dropTarget(portsOf(world, east), request)).rejects.toMatchObject({ name: 'RefusedError' });
    const plan = await planned(world, east, requestAt(world));
    for (const table of [live, `${targetPrefix(live)}-1`, 'orders-restored-test-0000000000000000'])
      await expect(createTarget(world.portsIn(east), { ...plan, into: { table } }), table).rejects.toMatchObject({ name: 'RefusedError' });
    await expect(planRestore(world.portsIn(east), world.pointsIn(east), world.request(plan.atMs, 'orders-restored-test-mine'))).rejects.toMatchObject({ name: 'RefusedError' });
    await expect(world.restore(east, world.request(plan.atMs, 'orders-restored-test-mine'))).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining('dropped') });
  });

  test('finds a restore that loses items, though vault and target agree on what is left', async () => {
    const world = await backedUp();
    const ports = world.portsIn(west);
    const plan = await planned(world, west, requestAt(world));
    // A part that selects too little: what it writes and what it sums up are the same.
    const wrong = { ...plan, select: { ...plan.select, keys: ['k7'] }, test: plan.test === null ? null : { ...plan.test, itemsLeast: 2 } };
    const parts = await filled(world, west, wrong);
    await expect(validateRestore(ports, wrong, parts)).rejects.toMatchObject({ name: 'NotIdenticalError', message: expect.stringContaining('by the manifests') });
    expect(await validateRestore(ports, { ...wrong, test: null }, parts)).toMatchObject({ isIdentical: true });
  });

  test('expects no more and no fewer items than a full backup and its log can make', async () => {
    const world = await started();
    await world.backup(east, 'full');
    world.clock.advance(logSettleMs * 2);
    await world.archive(east);
    expect((await planned(world, east, requestAt(world))).test).toMatchObject({ itemsLeast: 10, itemsMost: 10 });
    await writeEast(world, 'k1', null);
    await writeEast(world, 'new', 1);
    world.clock.advance(logSettleMs * 2);
    await world.archive(east);
    expect((await planned(world, east, requestAt(world))).test).toMatchObject({ itemsLeast: 8, itemsMost: 12 });
  });
});

describe('DropTarget', () => {
  test('drops what a killed test left a day ago, and not what a younger one or a person filled', async () => {
    const world = await backedUp();
    const killed = await planned(world, west, requestAt(world));
    await filled(world, west, killed);
    await world.restore(west, world.request(killed.atMs, 'orders-restored-mine'));
    world.clock.advance(dayMs - 1);
    const younger = await planned(world, west, requestAt(world));
    await filled(world, west, younger);
    const { tables } = world.region(west);
    expect((await tested(world, west)).outcome.dropped?.leftovers).toEqual([]);
    expect(await tables.describe(killed.into.table)).not.toBeNull();
    world.clock.advance(1000);
    expect((await tested(world, west)).outcome.dropped?.leftovers).toEqual([killed.into.table]);
    await tables.describe(killed.into.table);
    expect(await tables.describe(killed.into.table)).toBeNull();
    for (const table of [younger.into.table, 'orders-restored-mine', live]) expect(await tables.describe(table), table).not.toBeNull();
    expect((await tested(world, west)).outcome.dropped?.leftovers).toEqual([]);
  });

  test('drops nothing of which no test has written that it is its own', async () => {
    const world = await backedUp();
    const request = requestAt(world);
    const table = `orders-restored-test-${testIdOf(request, west, sha256)}`;
    const { tables, rows } = world.region(west);
    await tables.create(table, 'id');
    await dropTarget(portsOf(world, west), request);
    expect(await tables.describe(table)).not.toBeNull();
    // A row that somebody altered.
    const plan = await planned(world, west, request);
    if (plan.test === null) throw new Error('no test');
    for (const other of [live, 'orders-restored-mine']) {
      await tables.create(other, 'id');
      await rows.change({ ...testBegun(plan.test, other, 0), key: restoreTestKey(1, 'f'.repeat(16)) });
      world.clock.advance(2 * dayMs);
      expect(await dropTarget(portsOf(world, west), requestAt(world))).toMatchObject({ leftovers: [] });
      await tables.describe(other);
      expect(await tables.describe(other), other).not.toBeNull();
    }
  });

  test('drops the table of a test that was killed at any write before or while it was made', async () => {
    for (let at = 1; at <= 3; at += 1) {
      const world = await backedUp();
      const request = requestAt(world);
      const plan = await planned(world, west, request);
      const { tables, rows } = world.region(west);
      let calls = 0;
      const killed = async () => {
        calls += 1;
        if (calls === at) throw new Error('killed');
      };
      const own: RowStore = {
        region: west,
        get: async (key) => rows.get(key),
        change: async (change) => {
          await killed();
          return rows.change(change);
        },
        changeTogether: async () => 'refused',
      };
      await createTarget({ ...world.portsIn(west), own }, plan).catch(() => undefined);
      // The step is repeated, and then the test is killed for good.
      await createTarget(world.portsIn(west), plan).catch(() => undefined);
      expect(await tables.describe(plan.into.table)).not.toBeNull();
      await dropped(world, west, request);
      expect(await tables.describe(plan.into.table), `killed at write ${at}`).toBeNull();
    }
  });

  test('of a test that made nothing has nothing to do, and may be repeated', async () => {
    const world = await backedUp();
    const request = requestAt(world);
    expect(await dropTarget(portsOf(world, west), request)).toMatchObject({ leftovers: [] });
    await filled(world, west, await planned(world, west, request));
    await dropped(world, west, request);
    expect(await dropTarget(portsOf(world, west), request)).toMatchObject({ leftovers: [] });
  });
});

describe('the evidence', () => {
  test('is the same however often it is recorded, and counts once a majority has it', async () => {
    const sites = names.map((name) => new FaultySite(new MemorySite(name)));
    const world = await backedUp({ sites });
    const { outcome, summary } = await tested(world, west);
    const [first] = await evidenceIn(world, summary.evidence ?? '');
    world.clock.advance(5000);
    expect(await recordRestoreTest(world.portsIn(west), outcome)).toEqual(summary);
    for (const { bytes } of await evidenceIn(world, summary.evidence ?? '')) expect(bytes).toEqual(first?.bytes);
  });

  test('is not counted where a minority has it, and no row says that it is there', async () => {
    const world = await backedUp();
    const request = requestAt(world);
    const plan = await planned(world, west, request);
    const outcome = parseTestOutcome({ ...request, test: plan.test, report: null, dropped: null, failure: { step: 'x', error: 'y', cause: '' } });
    const broken = { ...world.portsIn(west), sites: new SiteSet(world.sites.map((site, i) => (i === 0 ? site : silentPut(site)))) };
    await expect(recordRestoreTest(broken, outcome)).rejects.toMatchObject({ name: 'TooFewSitesError' });
    expect(world.region(west).rows.list('region', 'RESTORE_TEST')).toEqual([]);
    const one = { ...world.portsIn(west), sites: new SiteSet(world.sites.map((site, i) => (i === 0 ? silentPut(site) : site))) };
    expect((await recordRestoreTest(one, outcome)).sites).toEqual(['eu-west-1', 'us-west-2']);
  });

  test('is known to the audit and the scrub: locked as long as it should be, the same in every site, brought back where it is not', async () => {
    const world = await backedUp();
    const { summary, request } = await tested(world, west);
    const name = summary.evidence ?? '';
    const day = 1;
    const rules = { retentionDays: { hourly: day, daily: day, weekly: day, monthly: day, yearly: day }, lockDaysMax: day, areLocksWanted: true };
    const audited = async (sites = world.sites, monthly = day) => {
      const rows: AuditRow[] = [];
      const vault = await openVault(new SiteSet(sites));
      const audit = await auditVault(vault, { ...rules, lockDaysMax: Math.max(monthly, day), retentionDays: { ...rules.retentionDays, monthly } }, world.clock.nowMs(), (row) => rows.push(row));
      return { audit, rows: rows.filter((row) => row.name === name) };
    };
    expect((await audited()).rows).toEqual(
      world.sites.map((site) => expect.objectContaining({ site: site.name, because: ['evidence of a restore-test'], neededUntilMs: request.startedAtMs + dayMs, findings: [] })),
    );
    expect((await audited(world.sites, 5)).rows.map((row) => row.findings)).toEqual(world.sites.map(() => [expect.stringContaining('days shorter')]));

    // One site without it, one with other bytes.
    const objects = await objectsOf(world.sites[0] ?? new MemorySite('none'));
    const altered = Buffer.from(
      Buffer.from(objects.get(name) ?? [])
        .toString('utf8')
        .replace('"isPassed":true', '"isPassed":false'),
    );
    const whole = await siteOf('us-east-1', objects);
    const other = await siteOf('us-west-2', new Map([...objects, [name, altered]]));
    const without = await siteOf('eu-west-1', new Map([...objects].filter(([each]) => each !== name)));
    const sites = [whole, other, without];
    expect((await audited(sites)).audit.absent).toContainEqual(expect.objectContaining({ site: 'eu-west-1', name }));
    const share = shares.findIndex((prefix) => name.startsWith(prefix));
    const scrubbed = await scrubStep(await openVault(new SiteSet(sites)), share, { nowMs: () => world.clock.nowMs() });
    expect(scrubbed.strange).toEqual([]);
    expect(scrubbed.findings.map(({ site, what, outcome, name: of }) => [site, what, outcome, of])).toEqual([
      ['us-west-2', 'damaged', 'repaired', name],
      ['eu-west-1', 'missing', 'repaired', name],
    ]);
    for (const site of sites) expect(await site.get(name)).toEqual(await whole.get(name));
  });
});

/** Answers no put. */
function silentPut(site: World['sites'][number]): World['sites'][number] {
  const faulty = new FaultySite(site);
  faulty.put = async () => {
    throw new Error('no answer');
  };
  return faulty;
}

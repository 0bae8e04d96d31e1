// What `status` shows, as text and as JSON, with every region there and with some of them silent.
import { describe, expect, it } from 'vitest';
import type { GroupStatus } from '../../src/client/group-status.ts';
import { regionNowMs } from '../../src/client/region-status.ts';
import { compared, compareKey, overdueChecked, overdueKey } from '../../src/core/integrity/integrity-rows.ts';
import { firstState, scrubKey } from '../../src/core/integrity/scrub-state.ts';
import { archiveKey, backupKey } from '../../src/core/backup/backup-rows.ts';
import { emptyVantage, emptyWindow } from '../../src/core/health/vantage.ts';
import { nextSegment } from '../../src/core/log/segment.ts';
import { emptyHead } from '../../src/core/log/segment.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { holdfast } from './command-line.ts';
import { testRecorded, type TestSummary } from '../../src/core/backup/test-evidence.ts';
import { evidenceName } from '../../src/core/vault/object-names.ts';
import type { Row } from '../../src/core/rows/row.ts';
import { memoryGroup, nowMs, type Group } from './group-fixture.ts';

const region = (pk: string) => ({ table: 'region', pk, sk: '#' }) as const;

/** us-west-2 took over from us-east-1, which is back with a write that nobody else has. */
async function afterFailover(): Promise<Group> {
  const group = memoryGroup();
  const transition = { from: 'normal', to: 'failing-over', on: 'lease-lapsed', because: 'us-east-1 has not renewed', epoch: 2, attempt: 1, by: 'us-west-2', atMs: nowMs - 60_000 } as const;
  await group.choose({
    state: 'normal',
    holder: 'us-west-2',
    epoch: 2,
    paused: null,
    because: 'the service was validated in us-west-2',
    regions: { 'us-east-1': { reconciled: false }, 'us-west-2': { reconciled: true } },
    transitions: [transition],
  });
  await group.put('us-west-2', region('LEASE'), { epoch: 2, openEpoch: 2, closedEpoch: 0, untilAtMs: nowMs + 14_200 });
  await group.put('us-east-1', region('LEASE'), { epoch: 1, openEpoch: 1, closedEpoch: 1, untilAtMs: nowMs - 70_000 });
  for (const name of ['us-east-1', 'us-west-2', 'eu-west-1']) {
    await group.put(name, region('TICK'), { slot: 1, claimedAtMs: nowMs - (name === 'us-east-1' ? 40_000 : 2000) });
    const seen = (outcome: 'ok' | 'failed', because: string) => ({
      ...emptyWindow(),
      liveness: [outcome, outcome, outcome],
      readiness: [outcome, outcome, outcome],
      score: outcome === 'ok' ? 1 : 0.73,
      latencyMs: 41.6,
      because,
    });
    const vantage = { ...emptyVantage(name), count: 9, candidates: { 'us-east-1': seen('failed', '/ready of us-east-1 answered 503'), 'us-west-2': seen('ok', '') } };
    await group.put(name, { table: 'register', pk: 'VANTAGE#orders' }, { count: 9, vantage: JSON.stringify(vantage) });
  }
  const record = (n: number) => ({ key: `o${n}`, image: { id: { S: `o${n}` } }, epoch: 2, atMs: nowMs - 3000, sequenceNumber: String(n).padStart(40, '0') });
  const segment = nextSegment('us-west-2', emptyHead, [record(1), record(2), record(3)], sha256);
  await group.of('us-west-2').log.append(emptyHead, segment);
  await group.of('us-east-1').log.append(emptyHead, segment);
  await group.put('us-east-1', { table: 'region', pk: 'LOG', sk: 'us-west-2' }, { sequence: 1, atMs: nowMs });
  const report = {
    group: 'orders',
    epoch: 2,
    attempt: 1,
    target: 'us-west-2',
    isValidated: true,
    decidedBy: 'us-west-2',
    decidedBecause: 'us-east-1 has not renewed',
    takenAtMs: nowMs - 58_000,
    openedAtMs: nowMs - 56_400,
    applied: 4,
    loss: [{ origin: 'us-east-1', newestAgeMs: 22_100, records: 900, unread: [] }],
    dns: { answeredAtMs: nowMs - 44_000 },
    failure: null,
    dnsFailure: null,
  };
  group.of('us-west-2').lists.set('REPORT', [
    { sk: '00000001', report: '{"epoch":1,"target":"us-east-1"}' },
    { sk: '00000002', report: JSON.stringify(report) },
  ]);
  await group.put('us-west-2', backupKey('orders'), {
    chain: 'orders.20270115T075000Z.0000000a',
    point: '20270115T075900000Z-incremental-000000000000000b',
    type: 'incremental',
    because: 'the schedule',
    sha256: 'c',
    verifiedPoint: 'none',
    items: 1234,
    bytes: 56_789,
    storedBytes: 9000,
    throughMs: nowMs - 31_000,
    startedAtMs: nowMs - 3000,
    committedAtMs: nowMs - 1800,
  });
  await group.put('us-west-2', archiveKey('orders'), { region: 'us-west-2', chain: 'c', point: 'p', positions: '{"us-west-2":3}', throughMs: nowMs - 33_000, atMs: nowMs - 3000 });
  const restored = { table: 'orders-restored-1', atMs: nowMs - 90_000, items: 59, isIdentical: true, rtoMs: 2340, rpoMs: 4000, reportedAtMs: nowMs - 12_000 };
  group.of('us-west-2').lists.set('RESTORE', [
    { sk: `${nowMs - 15_000}-a`, table: 'orders-restored-1', begunAtMs: nowMs - 14_900, report: JSON.stringify(restored) },
    { sk: `${nowMs - 7000}-b`, table: 'orders-restored-2', begunAtMs: nowMs - 6500 },
  ]);
  group.of('us-west-2').lists.set('RESTORE_TEST', [testRow('us-west-2', 3_600_000, { rtoMs: 2500, rpoMs: 61_200 }), testRow('us-west-2', 90_000_000, { rtoMs: 3100, rpoMs: 45_000 })]);
  group.of('us-west-2').lists.set('DIVERGENCE', [
    {
      sk: `us-east-1#1#${'7'.padStart(40, '0')}`,
      itemKey: 'o-77',
      theirs: '{"id":{"S":"o-77"},"body":{"S":"tea"}}',
      ours: '{"id":{"S":"o-77"},"body":{"S":"milk"}}',
      theirsAtMs: nowMs - 80_000,
      foundAtMs: nowMs - 5000,
    },
    { sk: `us-east-1#1#${'8'.padStart(40, '0')}`, itemKey: 'o-78', theirsAtMs: nowMs - 79_000, foundAtMs: nowMs - 5000 },
  ]);
  return group;
}

/** As RecordRestoreTest writes it. */
function testRow(region: string, agoMs: number, change: Partial<TestSummary> = {}): Row {
  const startedAtMs = nowMs - agoMs;
  const evidence = evidenceName('restore-test', startedAtMs, '0123456789abcdef');
  const summary: TestSummary = {
    id: '0123456789abcdef',
    region,
    by: 'schedule',
    startedAtMs,
    isPassed: true,
    failure: null,
    atMs: startedAtMs - 5_000_000,
    items: 1200,
    bytes: 99_000,
    rtoMs: 2000,
    rpoMs: 30_000,
    skipped: 0,
    uncovered: 0,
    evidence,
    sites: ['us-east-1', 'us-west-2'],
    ...change,
  };
  return { ...testRecorded(summary, nowMs).set, sk: evidence, table: 'orders-restored-test-0123456789abcdef', begunAtMs: startedAtMs, droppedAtMs: startedAtMs + 9000 };
}

describe('holdfast status', () => {
  it('shows who is active, what is behind, and what happened last', async () => {
    const { exit, out, err } = await holdfast(await afterFailover(), ['status']);
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    expect(out).toMatchInlineSnapshot(`
      "orders: mode approve, writes fenced, state NORMAL
      lease      us-west-2 holds epoch 2 (14.2 s left)
      because    the service was validated in us-west-2
      register   3 of 3 acceptors answered

      region     role       gate  epoch  lease left  last tick
      us-east-1  candidate  shut  1      over        40 s ago   NOT RECONCILED: it may not take over
      us-west-2  candidate  open  2      14.2 s      2 s ago
      eu-west-1  witness    -     -      -           2 s ago

      health     seen from  liveness  readiness  score  latency
      us-east-1  majority   failing   failing
                 us-east-1  failing   failing    0.73   42 ms    stale: it counts for nobody
                 us-west-2  failing   failing    0.73   42 ms    /ready of us-east-1 answered 503
                 eu-west-1  failing   failing    0.73   42 ms    /ready of us-east-1 answered 503
      us-west-2  majority   healthy   healthy
                 us-east-1  healthy   healthy    1.00   42 ms    stale: it counts for nobody
                 us-west-2  healthy   healthy    1.00   42 ms
                 eu-west-1  healthy   healthy    1.00   42 ms

      lag of     behind     not applied  oldest  not received
      us-east-1  us-west-2  2 items      3 s     0 items
      us-west-2  us-east-1  0 items      0 s     0 items
      eu-west-1  us-east-1  -            -       0 items
      eu-west-1  us-west-2  -            -       3 items

      last failover  fo-2-1 to us-west-2, validated; decided by us-west-2: us-east-1 has not renewed
        lease taken → opened 1.6 s, opened → DNS answers with it 12.4 s, changes applied meanwhile 4
        from us-east-1: the newest change that is here was 22.1 s old; what us-east-1 accepted after it is not here (900 changes in all)

      backups of  log archived                      last backup                                                 last restore
      us-east-1   never                             none made here                                              none
      us-west-2   through 2027-01-15T07:59:27.000Z  incremental 1.8 s ago (1234 lines in 1.2 s), NOT READ BACK  12 s ago into orders-restored-1: 59 items, identical, RTO 2.3 s, RPO ≤ 4 s; begun 6.5 s ago into orders-restored-2, not ended or failed

      restore tests  last one passed, begun 2027-01-15T07:00:00.000Z in us-west-2 by schedule: RTO 2.5 s, RPO 61.2 s, 1200 items
        median of the last 2 that passed: RTO 3.1 s, RPO 61.2 s
        evidence evidence/20270115T070000000Z-restore-test-0123456789abcdef.json

      vault      NOT SCRUBBED YET; no round was begun; sites never compared
      UNWATCHED  us-east-1 has never looked for what is overdue: docs/runbooks/integrity.md
      UNWATCHED  us-west-2 has never looked for what is overdue: docs/runbooks/integrity.md

      DIVERGENCE in us-west-2: 2 writes of an epoch that was over; none was applied. 'holdfast divergence' decides
        o-77  written in us-east-1, epoch 1, at 2027-01-15T07:58:40.000Z; found at 2027-01-15T07:59:55.000Z
          theirs  {"id":{"S":"o-77"},"body":{"S":"tea"}}
          ours    {"id":{"S":"o-77"},"body":{"S":"milk"}}
        o-78  written in us-east-1, epoch 1, at 2027-01-15T07:58:41.000Z; found at 2027-01-15T07:59:55.000Z
          theirs  deleted
          ours    none

      latest transitions
        2027-01-15T07:59:00.000Z  normal → failing-over  epoch 2, by us-west-2: us-east-1 has not renewed
      "
    `);
  });

  it('gives the same as JSON, without the task token', async () => {
    const group = await afterFailover();
    const { out } = await holdfast(group, ['status', '--json']);
    const status: GroupStatus = JSON.parse(out);
    expect(status.value).toMatchObject({ state: 'normal', holder: 'us-west-2', epoch: 2, execution: null });
    expect(status).toMatchObject({ leaseLeftSeconds: 14.2, register: { certainty: 'chosen', silent: [], behind: [] }, approval: null });
    expect(status.lastFailover).toMatchObject({ execution: 'fo-2-1', takenToOpenedSeconds: 1.6, openedToDnsSeconds: 12.4, appliedItems: 4, isValidated: true });
    expect(status.regions.find((r) => r.region === 'us-west-2')?.divergence.items).toHaveLength(2);
    expect(status.regions.find((r) => r.region === 'us-east-1')?.lag).toEqual([{ origin: 'us-west-2', notAppliedItems: 2, notAppliedSeconds: 3, notReceivedItems: 0 }]);
    expect(status.regions.find((r) => r.region === 'eu-west-1')?.lag).toContainEqual({ origin: 'us-west-2', notAppliedItems: null, notAppliedSeconds: null, notReceivedItems: 3 });
  });

  it('shows a silent region as unreachable, and goes by the others', async () => {
    const group = await afterFailover();
    group.of('us-east-1').rows.isAnswering = false;
    const text = await holdfast(group, ['status']);
    expect(text.exit).toBe(0);
    expect(text.out).toMatch(/register {3}2 of 3 acceptors answered \(silent: us-east-1\)/);
    expect(text.out).toMatch(/us-east-1 {2}candidate {2}unreachable .*TimeoutError: Connection timed out after 500 ms/);
    expect(text.out).toContain('lease      us-west-2 holds epoch 2 (14.2 s left)');
    const status: GroupStatus = JSON.parse((await holdfast(group, ['status', '--json'])).out);
    expect(status.regions.find((r) => r.region === 'us-east-1')).toMatchObject({ isReachable: false, lease: null, lastTickSecondsAgo: null });
  });

  it('does not know the lease that a silent holder has left', async () => {
    const group = await afterFailover();
    group.of('us-west-2').rows.isAnswering = false;
    const { out } = await holdfast(group, ['status']);
    expect(out).toContain('us-west-2 holds epoch 2 (its lease row is not known)');
  });

  it('says that a minority may be old, and that nobody answered', async () => {
    const group = await afterFailover();
    group.of('us-east-1').rows.isAnswering = false;
    group.of('us-west-2').rows.isAnswering = false;
    expect((await holdfast(group, ['status'])).out).toContain('NO QUORUM: what is shown may be old, and nothing can be changed');
    group.of('eu-west-1').rows.isAnswering = false;
    const nobody = await holdfast(group, ['status']);
    expect(nobody.exit).toBe(1);
    expect(nobody.out).toContain('NO REGION ANSWERED');
    expect(JSON.parse((await holdfast(group, ['status', '--json'])).out)).toMatchObject({ value: null, register: { certainty: 'nothing' } });
  });

  it('shows an acceptor that is behind', async () => {
    const group = await afterFailover();
    group.of('eu-west-1').rows.isAnswering = false;
    await group.choose({ state: 'degraded' });
    group.of('eu-west-1').rows.isAnswering = true;
    const { out } = await holdfast(group, ['status']);
    expect(out).toContain('state DEGRADED');
    expect(out).toContain('3 of 3 acceptors answered (behind: eu-west-1)');
  });

  it('shows what was measured of backups and restores, and one that was begun and not reported', async () => {
    const group = await afterFailover();
    const west = async () => {
      const picture: GroupStatus = JSON.parse((await holdfast(group, ['status', '--json'])).out);
      return picture.regions.find((r) => r.region === 'us-west-2');
    };
    const shown = await west();
    expect(shown?.backups).toMatchObject({
      lastBackup: { type: 'incremental', items: 1234, tookSeconds: 1.2, committedSecondsAgo: 1.8, isReadBack: false },
      archive: { throughMs: nowMs - 33_000, secondsAgo: 3 },
      lastRestore: { table: 'orders-restored-1', items: 59, isIdentical: true, rtoSeconds: 2.3, rpoSeconds: 4, reportedSecondsAgo: 12 },
      begunRestore: { table: 'orders-restored-2', secondsAgo: 6.5 },
    });
    await group.put('us-west-2', backupKey('orders'), { verifiedPoint: shown?.backups?.lastBackup?.point ?? '' });
    group.of('us-west-2').lists.get('RESTORE')?.pop();
    const later = await west();
    expect(later?.backups).toMatchObject({ lastBackup: { isReadBack: true }, begunRestore: null });
    await group.put('us-west-2', archiveKey('orders'), { positions: 'torn' });
    const damaged = await west();
    expect(damaged?.backups).toBeNull();
    expect(damaged?.problems.join()).toMatch(/positions in the row ARCHIVE cannot be read/);
    expect(damaged?.lease?.gate).toBe('open');
  });

  describe('of restore tests', () => {
    const shown = async (...rows: readonly (readonly [string, Row])[]) => {
      const group = await afterFailover();
      group.of('us-west-2').lists.delete('RESTORE_TEST');
      for (const [region, row] of rows) group.of(region).lists.set('RESTORE_TEST', [...(group.of(region).lists.get('RESTORE_TEST') ?? []), row]);
      const { out } = await holdfast(group, ['status']);
      const status: GroupStatus = JSON.parse((await holdfast(group, ['status', '--json'])).out);
      return { text: /^restore tests[^]*?(?=\n\n)/m.exec(out)?.[0], tests: status.restoreTests };
    };

    it('shows no figure without one, nor of one that runs or was killed', async () => {
      for (const rows of [[], [['us-east-1', { sk: 'evidence/x', table: 'orders-restored-test-1', begunAtMs: 1 }]] as const]) {
        const { text, tests } = await shown(...rows);
        expect(text).toBe("restore tests  not tested yet: RTO and RPO are not known; 'holdfast restore --test' makes one");
        expect(tests).toBeNull();
      }
    });

    it('shows the newest of all regions, and medians of those that passed', async () => {
      const { text, tests } = await shown(
        ['us-east-1', testRow('us-east-1', 7_200_000, { rtoMs: 9000, rpoMs: 70_000 })],
        ['us-west-2', testRow('us-west-2', 3_600_000, { rtoMs: 2000, rpoMs: 31_000 })],
        ['us-west-2', testRow('us-west-2', 10_800_000, { rtoMs: 4000, rpoMs: 32_000 })],
        ['us-west-2', testRow('us-west-2', 14_400_000, { isPassed: false, failure: { step: 'DropTarget', error: 'StepNotReadyError', cause: '' }, rtoMs: 1, rpoMs: 1 })],
      );
      expect(tests).toMatchObject({ last: { region: 'us-west-2', rtoMs: 2000 }, median: { of: 3, rtoMs: 4000, rpoMs: 32_000 } });
      expect(text).toMatch(
        /^restore tests {2}last one passed, begun 2027-01-15T07:00:00\.000Z in us-west-2 by schedule: RTO 2 s, RPO 31 s, 1200 items\n {2}median of the last 3 that passed: RTO 4 s, RPO 32 s\n {2}evidence evidence\/2027/,
      );
    });

    it('shows a failure as one, with what failed, and no figure that was not measured', async () => {
      const cause = JSON.stringify({ errorType: 'NotCoveredError', errorMessage: 'Nothing is covered.', trace: ['at x'] });
      const { text } = await shown([
        'us-east-1',
        testRow('us-east-1', 3_600_000, {
          isPassed: false,
          failure: { step: 'PlanRestore', error: 'NotCoveredError', cause },
          atMs: null,
          items: null,
          bytes: null,
          rtoMs: null,
          rpoMs: null,
          evidence: null,
          sites: [],
        }),
      ]);
      expect(text).toBe(
        'restore tests  LAST ONE FAILED, begun 2027-01-15T07:00:00.000Z in us-east-1 by schedule: RTO unknown, RPO unknown\n  PlanRestore failed with NotCoveredError: Nothing is covered.\n  none has passed yet\n  evidence not kept: there was no vault yet',
      );
    });

    it('says which region was not read, and names a row that was altered', async () => {
      const group = await afterFailover();
      group.of('us-west-2').rows.isAnswering = false;
      expect((await holdfast(group, ['status'])).out).toContain('restore tests  none is known (not read: us-west-2)');
      group.of('us-east-1').lists.set('RESTORE_TEST', [testRow('us-east-1', 1000)]);
      expect((await holdfast(group, ['status'])).out).toContain('1200 items (not read: us-west-2)');
      const altered = await afterFailover();
      altered.of('us-west-2').lists.set('RESTORE_TEST', [{ ...testRow('us-west-2', 1000), summary: '{"rtoMs":1}' }]);
      const { out } = await holdfast(altered, ['status']);
      expect(out).toContain('A row RESTORE_TEST cannot be read: it was altered. The vault has its evidence under evidence/2027');
      expect(out).toContain('restore tests  none is known (not read: us-west-2)');
    });
  });

  it('shows the health of the vault by whoever looked last, and what is overdue with what to do', async () => {
    const group = await afterFailover();
    const text = async () => (await holdfast(group, ['status'])).out.split('\n').filter((line) => /^(vault {6}|OVERDUE|UNWATCHED| {2}(LOST|DIFFERS|…))/.test(line));
    const state = { ...firstState('us-east-1', nowMs - 9_000_000), lastRound: { startedAtMs: 1, endedAtMs: nowMs - 3 * 3_600_000, objects: 70, bytes: 9, repaired: 2, silent: [] }, share: 7 };
    await group.put('us-east-1', scrubKey, { state: JSON.stringify(state), atMs: state.atMs });
    const row = { atMs: nowMs - 600_000, objects: 70, silent: [], differences: [], count: 0, region: 'us-east-1', isUntold: false };
    await group.put('us-east-1', compareKey, compared(row).set);
    for (const region of ['us-east-1', 'us-west-2']) await group.put(region, overdueKey, overdueChecked({ sinceMs: 1, found: [], told: {}, atMs: nowMs - 60_000 }).set);
    expect(await text()).toEqual(['vault      healthy; last read whole 3 h ago (70 objects, 2 repaired), share 8 of 260 is next; sites compared 10 min ago: the same']);

    const lost = { site: 'eu-west-1', name: 'packs/ab', what: 'damaged', outcome: 'lost', foundAtMs: 1, because: 'needed by 3 points of chain c', chains: ['c'] } as const;
    const worse = { ...state, region: 'us-west-2', atMs: nowMs - 1000, standing: [lost], standingCount: 6, lastRound: { ...state.lastRound, silent: ['eu-west-1'] } };
    await group.put('us-west-2', scrubKey, { state: JSON.stringify(worse), atMs: worse.atMs });
    const differences = [{ name: 'points/c/p', because: 'not in eu-west-1', sites: ['eu-west-1'] }];
    await group.put('us-west-2', compareKey, compared({ ...row, atMs: nowMs - 90_000, differences, count: 1, region: 'us-west-2' }).set);
    const late = { what: 'full backup', newestAtMs: null, dueAtMs: nowMs - 7_200_000, lateMs: 1, because: 'full backup: due at x, and there is none' };
    for (const region of ['us-east-1', 'us-west-2'])
      await group.put(region, overdueKey, overdueChecked({ sinceMs: 1, found: [late], told: {}, atMs: region === 'us-east-1' ? nowMs - 2_701_000 : nowMs - 60_000 }).set);
    expect(await text()).toEqual([
      'vault      CRITICAL, 6 violations stand; last read whole 3 h ago (70 objects, 2 repaired, WITHOUT eu-west-1, which did not answer), share 8 of 260 is next; sites compared 90 s ago: 1 objects differ',
      '  LOST  packs/ab in eu-west-1: damaged (needed by 3 points of chain c)',
      "  … 6 in all; 'holdfast status --json' lists them",
      '  DIFFERS  points/c/p: not in eu-west-1',
      "OVERDUE    full backup: due at x, and there is none (late by 2 h; seen from us-east-1, us-west-2): 'holdfast backup --type full --wait' makes one now; docs/runbooks/integrity.md",
      'UNWATCHED  us-east-1 has not looked since 45 min ago for what is overdue: docs/runbooks/integrity.md',
    ]);
  });

  it('names a damaged row instead of failing', async () => {
    const group = await afterFailover();
    await group.put('us-east-1', { table: 'register', pk: 'REGISTER#orders' }, { acceptedValue: '{' });
    await group.put('us-west-2', { table: 'register', pk: 'VANTAGE#orders' }, { vantage: 'x' });
    const { exit, out } = await holdfast(group, ['status']);
    expect(exit).toBe(0);
    expect(out).toMatch(/us-east-1 .*The register value is not JSON/);
    expect(out).toMatch(/us-west-2 .*The vantage row of us-west-2 is not an observation/);
  });

  it('shows a pause, a failover under way and the approval that it waits for', async () => {
    const group = await afterFailover();
    await group.choose({ state: 'failing-over', attemptsSpent: 1, paused: { by: 'grace', reason: 'look first', atMs: 1 } });
    await group.put('us-west-2', region('FAILOVER'), { epoch: 2, attempt: 1, step: 'AwaitApproval', startedAtMs: nowMs - 9000 });
    await group.put('us-west-2', region('APPROVAL'), { taskToken: 'secret', epoch: 2, attempt: 1, loss: '[]', askedAtMs: nowMs - 8000 });
    const { out } = await holdfast(group, ['status']);
    expect(out).toContain('failover   fo-2-1 to us-west-2, 1 attempts so far');
    expect(out).toContain("PAUSED     by grace: look first; nothing fails over until 'holdfast resume'");
    expect(out).toContain('APPROVAL NEEDED  fo-2-1 in us-west-2 waits since 8 s');
    expect((await holdfast(group, ['status', '--json'])).out).not.toContain('secret');
  });

  it('--watch shows one picture after another, as JSON one a line', async () => {
    const group = await afterFailover();
    const { out } = await holdfast(group, ['status', '--watch', '--json'], 3, () => {
      group.of('us-east-1').rows.isAnswering = false;
    });
    const pictures: GroupStatus[] = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(pictures.map((p) => p.register.silent)).toEqual([[], ['us-east-1'], ['us-east-1']]);
  });
});

describe('the time of a region', () => {
  const sample = (dateMs: number) => ({ dateMs, sentAtMs: nowMs - 50, receivedAtMs: nowMs });

  it('is the caller’s where the answers allow it, else what the answers say', () => {
    expect(regionNowMs([], nowMs)).toBe(nowMs);
    expect(regionNowMs([sample(nowMs - 400)], nowMs)).toBe(nowMs);
    expect(regionNowMs([sample(nowMs + 60_000)], nowMs)).toBe(nowMs + 60_525);
  });

  it('counts what a lease has left by the region’s own clock', async () => {
    const group = await afterFailover();
    group.of('us-west-2').clockSamples = [sample(nowMs - 30_000)];
    const status: GroupStatus = JSON.parse((await holdfast(group, ['status', '--json'])).out);
    expect(status.leaseLeftSeconds).toBeCloseTo(14.2 + 29.5, 0);
  });
});

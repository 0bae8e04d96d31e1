// `holdfast backup` and `restore`: where a machine is started and with what, how it is followed to its end, and what is refused before anything is.
import { describe, expect, it } from 'vitest';
import { readFailure, type RunState } from '../../src/client/runbook-runs.ts';
import { parseBackupRequest } from '../../src/core/backup/backup-plan.ts';
import { parseRestoreRequest } from '../../src/core/backup/restore-plan.ts';
import { parseTestRequest } from '../../src/core/backup/restore-test.ts';
import { RefusedError } from '../../src/core/errors.ts';
import { restoreKey } from '../../src/core/backup/backup-rows.ts';
import { leaseKey } from '../../src/core/lease/lease-rows.ts';
import { holdfast } from './command-line.ts';
import { memoryGroup, nowMs, type Group } from './group-fixture.ts';

async function open(...regions: readonly string[]): Promise<Group> {
  const group = memoryGroup();
  for (const [i, region] of regions.entries()) await group.put(region, leaseKey, { epoch: i + 1, openEpoch: i + 1, closedEpoch: 0, untilAtMs: nowMs + 9000 });
  return group;
}

const startedIn = (group: Group) => ['us-east-1', 'us-west-2', 'eu-west-1'].flatMap((region) => group.of(region).started.map((started) => ({ region, ...started })));
const running = (step: string | null): RunState => ({ kind: 'running', step, startedAtMs: nowMs - 2000 });
const ended = { startedAtMs: nowMs - 4300, endedAtMs: nowMs };
const failed = (end: string, cause: string): RunState => ({ kind: 'failed', failure: readFailure(end, cause), ...ended });
const lambdaSaid = (name: string, message: string) => JSON.stringify({ step: 'PlanRestore', error: name, cause: JSON.stringify({ errorType: name, errorMessage: message, trace: [] }) });

describe('holdfast backup', () => {
  it('starts the machine of the open region with what its first step parses', async () => {
    const group = await open('us-west-2');
    const said = await holdfast(group, ['backup']);
    expect(said).toMatchObject({ exit: 0, err: '' });
    const [started] = startedIn(group);
    expect(started).toMatchObject({ region: 'us-west-2', machine: 'backup', name: expect.stringMatching(/^backup-incremental-20270115T080000Z-[0-9a-f]{8}$/) });
    expect(parseBackupRequest(started?.input)).toEqual({ group: 'orders', type: 'incremental', by: 'ada' });
    expect(said.out).toContain(`${started?.name} runs in us-west-2`);
    expect(startedIn(group)).toHaveLength(1);
  });

  it('goes by the newest lease where two regions say that they are open, and by --region where it is given', async () => {
    const group = await open('us-east-1', 'us-west-2');
    await holdfast(group, ['backup', '--type', 'full']);
    await holdfast(group, ['backup', '--type', 'snapshot', '--region', 'us-east-1', '--by', 'bo', '--json']);
    expect(startedIn(group)).toMatchObject([
      { region: 'us-east-1', input: { type: 'snapshot', by: 'bo' } },
      { region: 'us-west-2', input: { type: 'full' } },
    ]);
  });

  it('never gives two runs one name', async () => {
    const group = await open('us-east-1');
    await holdfast(group, ['backup']);
    await holdfast(group, ['backup']);
    expect(new Set(startedIn(group).map((s) => s.name)).size).toBe(2);
  });

  it('says where nobody is open, and which region was not asked', async () => {
    const group = memoryGroup();
    await group.put('us-east-1', leaseKey, { epoch: 1, openEpoch: 1, closedEpoch: 0, untilAtMs: nowMs - 1 });
    group.of('us-west-2').rows.isAnswering = false;
    const said = await holdfast(group, ['backup']);
    expect(said.exit).toBe(1);
    expect(said.err).toMatch(/No region is open now; not read: us-west-2 \(TimeoutError: .*\)\. Say by --region where it is to run: us-east-1 or us-west-2\. Nothing was started/);
    expect(startedIn(group)).toEqual([]);
  });

  it.each([
    [['--region', 'eu-west-1'], 1, /eu-west-1 is no candidate of orders.*us-east-1 or us-west-2/],
    [['--region', 'us-wets-2'], 1, /us-wets-2 is no candidate/],
    [['--by', 'schedule'], 1, /'schedule' is what the schedule calls itself/],
    [['--by', ''], 1, /'by'.*must be text/],
    [['--type', 'log'], 2, /--type log: it may be full, incremental, differential, snapshot/],
    [['--at', '2027-01-15T08:00:00Z'], 2, /backup does not take --at/],
  ])('refuses %j', async (args, exit, says) => {
    const group = await open('us-east-1');
    const said = await holdfast(group, ['backup', ...args]);
    expect(said.exit).toBe(exit);
    expect(said.err).toMatch(says);
    expect(startedIn(group)).toEqual([]);
  });

  it('says that a start without an answer may have been one, and a machine that is missing', async () => {
    const group = await open('us-east-1');
    group.of('us-east-1').startError = Object.assign(new Error('no answer after 5000 ms'), { name: 'TimeoutError' });
    expect((await holdfast(group, ['backup'])).err).toMatch(/us-east-1 did not say whether backup-incremental-\S+ was started \(TimeoutError: no answer.*Look at 'holdfast status'/);
    group.of('us-east-1').startError = new RefusedError('There is no machine holdfast-orders-backup in us-east-1');
    expect((await holdfast(group, ['backup'])).err).toBe('holdfast: There is no machine holdfast-orders-backup in us-east-1\n');
  });
});

describe('--wait', () => {
  const point = {
    chain: 'orders.20270115T080000Z.0000000a',
    point: 'p',
    type: 'full',
    because: 'full was asked for',
    items: 7,
    bytes: 900,
    storedBytes: 400,
    throughMs: nowMs,
    readFrom: 'us-west-2, eu-west-1',
  };

  it('follows the steps, lives through looks that fail, and prints what was measured', async () => {
    const group = await open('us-east-1');
    group.of('us-east-1').looks = [running('PlanBackup'), 'ECONNRESET', running('PlanBackup'), running(null), running('CommitPoint'), { kind: 'succeeded', output: point, ...ended }];
    const said = await holdfast(group, ['backup', '--wait'], 9);
    expect(said.exit).toBe(0);
    expect(said.err.replaceAll(/backup-incremental-\S+?-[0-9a-f]{8}/g, 'RUN').split('\n')).toEqual([
      'RUN runs in us-east-1; Ctrl-C ends only the watching.',
      'RUN: PlanBackup',
      'RUN: not seen (ECONNRESET)',
      'RUN: PlanBackup',
      'RUN: CommitPoint',
      '',
    ]);
    expect(said.out).toMatch(/ended well after 4\.3 s\n {2}point {3}orders\.20270115T080000Z\.0000000a\/p \(full: full was asked for\)\n {2}holds {3}7 lines, 900 B; 400 B stored in each site/);
  });

  it('says nothing but one object with --json', async () => {
    const group = await open('us-east-1');
    group.of('us-east-1').looks = [running('PlanBackup'), { kind: 'succeeded', output: point, ...ended }];
    const said = await holdfast(group, ['backup', '--wait', '--json'], 9);
    expect(said).toMatchObject({ exit: 0, err: '' });
    expect(JSON.parse(said.out)).toMatchObject({ machine: 'backup', region: 'us-east-1', end: 'succeeded', seconds: 4.3, result: point });
  });

  it('ended by Ctrl-C, says that the machine goes on, and by which name', async () => {
    const group = await open('us-east-1');
    group.of('us-east-1').looks = [running('WriteBackupParts')];
    const said = await holdfast(group, ['backup', '--wait'], 3);
    expect(said.exit).toBe(130);
    expect(said.out).toMatch(/^Watching ended; backup-incremental-\S+ goes on in us-east-1\./);
    const json = await holdfast(group, ['backup', '--wait', '--json'], 3);
    expect(JSON.parse(json.out)).toMatchObject({ region: 'us-east-1', end: null, name: expect.stringMatching(/^backup-/) });
  });

  it('gives up after thirty looks without an answer, not before', async () => {
    const group = await open('us-east-1');
    group.of('us-east-1').looks = [...Array.from({ length: 29 }, () => 'ECONNREFUSED'), running('CommitPoint'), 'ECONNREFUSED'];
    const said = await holdfast(group, ['backup', '--wait'], 1000);
    expect(said.exit).toBe(1);
    expect(said.err).toContain('CommitPoint');
    expect(said.err).toMatch(/can no longer be watched \(ECONNREFUSED\)\. It goes on there/);
  });

  it('begins to count anew with each look that was answered', async () => {
    const group = await open('us-east-1');
    const silent = Array.from({ length: 29 }, () => 'ECONNREFUSED');
    group.of('us-east-1').looks = [...silent, running('CommitPoint'), ...silent, { kind: 'succeeded', output: point, ...ended }];
    expect((await holdfast(group, ['backup', '--wait'], 1000)).exit).toBe(0);
  });

  it('tells a refusal by what the step said, on one line, and as JSON', async () => {
    const group = await open('us-east-1');
    const args = ['restore', '--at', '2027-01-15T08:00:00Z', '--into', 'orders-restored-1', '--wait'];
    group.of('us-east-1').looks = [failed('Refused', lambdaSaid('NotCoveredError', 'nothing is covered yet: make a full backup first'))];
    const said = await holdfast(group, args);
    expect(said).toMatchObject({ exit: 1, out: '' });
    expect(said.err).toMatch(/\nholdfast: restore-\S+ in us-east-1 ended as Refused in PlanRestore after 4\.3 s: NotCoveredError: nothing is covered yet: make a full backup first\n$/);
    const json = await holdfast(group, [...args, '--json']);
    expect(json).toMatchObject({ exit: 1, err: '' });
    expect(JSON.parse(json.out)).toMatchObject({ end: 'Refused', error: { name: 'NotCoveredError', message: 'nothing is covered yet: make a full backup first', step: 'PlanRestore' } });
  });

  it('prints the report of a restore, with its issues', async () => {
    const group = await open('us-east-1');
    const issues = [{ severity: 'warning', what: 'Nothing was restored.', impact: 'It is empty.', remedy: 'Look at the keys.' }];
    const report = { table: 'orders-restored-1', atMs: nowMs, items: 0, bytes: 0, selected: '1 keys', isIdentical: true, sum: 'ab', rtoMs: 2345, rpoMs: null, issues };
    group.of('us-east-1').looks = [{ kind: 'succeeded', output: report, ...ended }];
    const { out, exit } = await holdfast(group, ['restore', '--at', '2027-01-15T08:00:00Z', '--into', 'orders-restored-1', '--wait']);
    expect(exit).toBe(0);
    expect(out).toContain('into orders-restored-1: 0 items, 0 B (1 keys)\n  IDENTICAL to what the vault holds, sum ab\n  RTO 2.3 s (planned → compared), RPO at most unknown');
    expect(out).toContain('  WARNING: Nothing was restored. It is empty. Look at the keys.\n');
    group.of('us-east-1').looks = [{ kind: 'succeeded', output: { ...report, isIdentical: false }, ...ended }];
    expect((await holdfast(group, ['restore', '--at', '2027-01-15T08:00:00Z', '--into', 'orders-restored-1', '--wait'])).out).toContain('  NOT IDENTICAL');
  });
});

it('prints what a restore in place did, and how to take it back', async () => {
  const group = await open('us-east-1');
  const inPlace = { epoch: 2, snapshot: { chain: 'c', point: 'p' }, set: 4, unchanged: 5, conflicts: 1, conflictsShown: [{ key: 'k7', because: 'the service wrote it' }] };
  const report = { id: '1-a', table: 'orders', atMs: nowMs, items: 9, removed: 2, selected: 'everything', isIdentical: false, rtoMs: 2345, rpoMs: 0, issues: [], inPlace };
  group.of('us-east-1').looks = [{ kind: 'succeeded', output: report, ...ended }];
  const { out } = await holdfast(group, ['restore', '--at', '2027-01-15T08:00:00Z', '--in-place', '--wait']);
  expect(out).toContain(
    'in place in orders (everything): 4 set, 2 removed, 5 as they were\n  1 in conflict, left as the service wrote them\n    k7: the service wrote it\n  snapshot c/p; undo: holdfast restore --undo 1-a\n  RTO 2.3 s',
  );
});

describe('holdfast restore', () => {
  const chainPoint = 'orders.20270115T000000Z.0000000a/20270115T000000000Z-full-000000000000000b';

  it('starts the machine with what its first step parses', async () => {
    const group = await open('us-east-1');
    await holdfast(group, ['restore', '--at', '2027-01-15T07:59:37+00:00', '--into', 'orders-restored-1', '--keys', 'a,b', '--keys', 'c', '--key', 'd,e', '--key', 'a']);
    await holdfast(group, ['restore', '--point', chainPoint, '--into', 'orders-restored-2', '--region', 'us-west-2']);
    const [first, second] = startedIn(group);
    expect(first).toMatchObject({ region: 'us-east-1', machine: 'restore', name: expect.stringMatching(/^restore-20270115T080000Z-/) });
    expect(parseRestoreRequest(first?.input)).toEqual({
      group: 'orders',
      atMs: nowMs - 23_000,
      point: null,
      into: { table: 'orders-restored-1' },
      select: { keys: ['d,e', 'a', 'b', 'c'], prefix: null, from: null, to: null },
      by: 'ada',
    });
    const [chain, point] = chainPoint.split('/');
    expect(second?.region).toBe('us-west-2');
    expect(parseRestoreRequest(second?.input)).toMatchObject({ atMs: null, point: { chain, point }, select: { keys: null, prefix: null } });
  });

  it.each([
    [['--prefix', 'a'], { prefix: 'a' }],
    [['--from', 'a'], { from: 'a' }],
    [['--to', 'b'], { to: 'b' }],
    [['--from', 'a', '--to', 'b'], { from: 'a', to: 'b' }],
    [[], {}],
    [Array.from({ length: 1000 }, (_, i) => ['--key', `k${i}`]).flat(), { keys: Array.from({ length: 1000 }, (_, i) => `k${i}`) }],
  ])('selects what %j say', async (args, select) => {
    const group = await open('us-east-1');
    await holdfast(group, ['restore', '--point', chainPoint, '--into', 'orders-restored-1', ...args]);
    expect(startedIn(group).map((s) => parseRestoreRequest(s.input).select)).toEqual([{ keys: null, prefix: null, from: null, to: null, ...select }]);
  });

  it('starts one in place, and undoes one with its own keys to its own snapshot', async () => {
    const group = await open('us-west-2');
    const [chain = '', point = ''] = chainPoint.split('/');
    const select = { keys: null, prefix: 'order-', from: null, to: null };
    await holdfast(group, ['restore', '--at', '2027-01-15T07:59:37Z', '--in-place', '--prefix', 'order-']);
    await group.put('us-east-1', restoreKey('1-a'), { report: JSON.stringify({ id: '1-a', inPlace: { snapshot: { chain, point }, select } }) });
    await holdfast(group, ['restore', '--undo', '1-a', '--by', 'bo']);
    const [restored, undone] = startedIn(group);
    expect([restored?.region, undone?.region]).toEqual(['us-west-2', 'us-west-2']);
    const inPlace = { group: 'orders', into: { table: 'orders', inPlace: true }, select };
    expect(parseRestoreRequest(restored?.input)).toEqual({ ...inPlace, atMs: nowMs - 23_000, point: null, by: 'ada' });
    expect(parseRestoreRequest(undone?.input)).toEqual({ ...inPlace, atMs: null, point: { chain, point }, by: 'bo' });
  });

  it.each([[{ table: 'orders-restored-1', begunAtMs: 1 }], [{ report: '{"id":"1-a"}' }], [{ report: '{' }], [{ report: '{"inPlace":{"snapshot":{"chain":"c"},"select":{}}}' }]])(
    'refuses to undo what was not in place: %j',
    async (row) => {
      const group = await open('us-west-2');
      await group.put('us-west-2', restoreKey('1-a'), row);
      expect(await holdfast(group, ['restore', '--undo', '1-a'])).toMatchObject({ exit: 1, err: expect.stringMatching(/1-a was not in place, or did not come to its report\. .*Nothing was started/) });
      expect(startedIn(group)).toEqual([]);
    },
  );

  const at = ['--at', '2027-01-15T08:00:00Z'];
  const into = ['--into', 'orders-restored-1'];
  it.each<[readonly string[], number, RegExp]>([
    [into, 2, /needs either --at TIME or --point/],
    [[...into, ...at, '--point', chainPoint], 2, /needs either --at TIME or --point/],
    [at, 2, /needs --into TABLE, or --in-place/],
    [[...at, ...into, '--in-place'], 2, /--into TABLE or --in-place, not both/],
    [['--in-place'], 2, /needs either --at TIME or --point/],
    [['--undo', ''], 2, /needs the name of a restore in place/],
    [['--undo', '1-a', ...at], 2, /--undo takes no --at/],
    [['--undo', '1-a', '--key', 'a'], 2, /--undo takes no --key/],
    [['--undo', '1-a', '--in-place'], 2, /--undo takes no --in-place/],
    [['--undo', '1-a'], 1, /No region knows a restore 1-a\. .*Nothing was started/],
    [[...into, '--at', '2027-01-15T08:00:00'], 2, /--at 2027-01-15T08:00:00 is no moment: write it with its zone/],
    [[...into, '--at', '2027-13-15T08:00:00Z'], 2, /is no moment/],
    [[...into, '--at', '1969-12-31T23:59:59Z'], 2, /is no moment/],
    [[...into, '--at', 'yesterday'], 2, /is no moment/],
    [[...into, '--point', 'latest'], 2, /--point latest is no name of a point/],
    [[...into, '--point', `${chainPoint}/x`], 2, /is no name of a point/],
    [[...into, ...at, '--keys', ','], 2, /--keys names no key/],
    [[...into, ...at, '--prefix', ''], 2, /--prefix is empty/],
    [[...into, ...at, '--key', ''], 2, /--key is empty: no item/],
    [[...into, ...at, '--key', 'a', '--prefix', 'b'], 2, /takes one of --key, --prefix and --from\/--to, not --key and --prefix at once/],
    [[...into, ...at, '--keys', 'a', '--to', 'b'], 2, /not --key and --from\/--to at once/],
    [[...into, ...at, '--prefix', 'a', '--from', 'b'], 2, /not --prefix and --from\/--to at once/],
    [[...into, ...at, '--from', ''], 2, /--from is empty/],
    [[...into, ...at, '--to', ''], 2, /--to is empty/],
    [[...into, ...at, '--from', 'b', '--to', 'b'], 2, /--from b --to b selects nothing/],
    [[...into, ...at, ...Array.from({ length: 1001 }, (_, i) => ['--key', `k${i}`]).flat()], 2, /1001 keys are more than one restore takes \(1000/],
    [[...into, ...at, '--key', 'k'.repeat(100_001)], 2, /1 keys are more than one restore takes/],
    [[...at, '--into', 'orders'], 1, /A restore fills a table named orders-restored…, like orders-restored-1, and 'orders' is not/],
    [[...at, '--into', 'holdfast-orders-region'], 1, /is not: the functions of Holdfast may write no other table\. Nothing was started/],
    [[...at, '--into', 'orders-restored 1'], 1, /'into'.*must be \{table/],
    [[...at, ...into, '--region', 'eu-west-1'], 1, /no candidate/],
  ])('refuses %j', async (args, exit, says) => {
    const group = await open('us-east-1');
    const said = await holdfast(group, ['restore', ...args]);
    expect(said.exit).toBe(exit);
    expect(said.err).toMatch(says);
    expect(startedIn(group)).toEqual([]);
  });
});

describe('what a machine says of its failure', () => {
  it.each([
    [
      'the step, the error and what Lambda said of it',
      'NeedsOperator',
      `Read docs/runbooks/restore.md. What failed: ${lambdaSaid('DamagedError', 'no good copy')}`,
      { step: 'PlanRestore', error: 'DamagedError', message: 'no good copy' },
    ],
    [
      'a time-out, that Lambda says nothing of',
      'NeedsOperator',
      '{"step":"RestoreParts","error":"States.Timeout","cause":""}',
      { step: 'RestoreParts', error: 'States.Timeout', message: 'States.Timeout' },
    ],
    [
      'a cause that is no JSON',
      'NeedsOperator',
      '{"step":"CommitPoint","error":"Lambda.Unknown","cause":"the worker died"}',
      { step: 'CommitPoint', error: 'Lambda.Unknown', message: 'the worker died' },
    ],
    ['a person who stopped it', 'aborted', '', { step: null, error: 'aborted', message: 'it ended as aborted' }],
    ['anything else', 'Runtime', 'no { brackets that close', { step: null, error: 'Runtime', message: 'no { brackets that close' }],
  ])('is %s', (_, end, cause, expected) => {
    expect(readFailure(end, cause)).toEqual({ end, ...expected });
  });
});

describe('holdfast restore --test', () => {
  const summary = {
    id: '0123456789abcdef',
    region: 'us-west-2',
    by: 'ada',
    startedAtMs: nowMs,
    isPassed: true,
    failure: null,
    atMs: nowMs - 60_000,
    items: 7,
    bytes: 900,
    rtoMs: 2345,
    rpoMs: 61_000,
    skipped: 0,
    uncovered: 0,
    evidence: 'evidence/20270115T080000000Z-restore-test-0123456789abcdef.json',
    sites: ['us-east-1', 'us-west-2'],
  };

  it('starts the machine in any candidate region, open or not, with what its first step parses, and follows it', async () => {
    const regions = new Set<string>();
    const group = memoryGroup();
    for (const region of ['us-east-1', 'us-west-2']) group.of(region).looks = [running('PlanRestore'), { kind: 'succeeded', output: summary, ...ended }];
    for (let i = 0; i < 8; i += 1) {
      const said = await holdfast(group, ['restore', '--test'], 9);
      expect(said.exit).toBe(0);
      expect(said.out).toMatch(
        /restore test 0123456789abcdef PASSED: 2027-01-15T07:59:00\.000Z restored, compared and dropped again: 7 items, 900 B\n {2}RTO 2\.3 s .*, RPO \S.*\n {2}evidence evidence\/2027\S+, locked, in us-east-1, us-west-2\n$/,
      );
    }
    for (const { region, machine, name, input } of startedIn(group)) {
      regions.add(region);
      expect([machine, name]).toEqual(['restore', expect.stringMatching(/^restore-test-20270115T080000Z-[0-9a-f]{8}$/)]);
      expect(parseTestRequest({ ...input, execution: name, startedAtMs: nowMs })).toEqual({ group: 'orders', by: 'ada', execution: name, startedAtMs: nowMs });
    }
    expect(regions).toEqual(new Set(['us-east-1', 'us-west-2']));
  });

  it('gives the same as JSON, and goes where it is told', async () => {
    const group = memoryGroup();
    group.of('us-west-2').looks = [{ kind: 'succeeded', output: { ...summary, skipped: 2, uncovered: 1 }, ...ended }];
    const said = await holdfast(group, ['restore', '--test', '--region', 'us-west-2', '--json'], 9);
    expect(JSON.parse(said.out)).toMatchObject({ machine: 'restore', region: 'us-west-2', end: 'succeeded', result: { isPassed: true, rtoMs: 2345 } });
    const text = await holdfast(group, ['restore', '--test', '--region', 'us-west-2'], 9);
    expect(text.out).toContain('2 moments were drawn before that cannot be restored');
    expect(text.out).toContain("of 1 chains nothing can be restored: 'holdfast points' says why");
  });

  it('that failed is one, with what failed', async () => {
    const group = memoryGroup();
    for (const region of ['us-east-1', 'us-west-2']) group.of(region).looks = [failed('NeedsOperator', lambdaSaid('NotCoveredError', 'Nothing is covered.'))];
    const said = await holdfast(group, ['restore', '--test'], 9);
    expect(said).toMatchObject({ exit: 1, err: expect.stringContaining('NotCoveredError: Nothing is covered.') });
  });

  it.each([
    [['--at', '2027-01-15T08:00:00Z'], 2, /--test draws what it restores: leave --at out/],
    [['--into', 'orders-restored-1'], 2, /leave --into out/],
    [['--keys', 'a'], 2, /leave --keys out/],
    [['--by', 'schedule'], 1, /'schedule' is what the schedule calls itself/],
    [['--by', ''], 1, /'by'.*must be text/],
    [['--region', 'eu-west-1'], 1, /eu-west-1 is no candidate/],
  ])('refuses %j', async (args, exit, says) => {
    const group = memoryGroup();
    const said = await holdfast(group, ['restore', '--test', ...args]);
    expect(said.exit).toBe(exit);
    expect(said.err).toMatch(says);
    expect(startedIn(group)).toEqual([]);
  });

  it('keeps the names of tests to tests', async () => {
    const group = await open('us-east-1');
    const said = await holdfast(group, ['restore', '--at', '2027-01-15T07:00:00Z', '--into', 'orders-restored-test-mine']);
    expect(said).toMatchObject({ exit: 1, err: expect.stringMatching(/dropped after the test\. Nothing was started/) });
    expect(startedIn(group)).toEqual([]);
  });
});

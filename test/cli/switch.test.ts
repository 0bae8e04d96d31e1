// `holdfast switch`: the machine is started in the target, followed by what it and the register say, and refused where the register says no.
import { describe, expect, it } from 'vitest';
import { readFailure, type RunState } from '../../src/client/runbook-runs.ts';
import { RefusedError } from '../../src/core/errors.ts';
import { parseSwitchInput } from '../../src/core/failover/switch-over.ts';
import { holdfast } from './command-line.ts';
import { memoryGroup, nowMs } from './group-fixture.ts';

const ask = ['switch', '--to', 'us-west-2', '--reason', 'patch day'];
const running = (step: string | null): RunState => ({ kind: 'running', step, startedAtMs: nowMs - 2000 });
const ended = { startedAtMs: nowMs - 43_200, endedAtMs: nowMs };
const report = { outcome: 'switched-over', because: 'us-west-2 holds epoch 2, its service is validated, and us-east-1 is reconciled', epoch: 2, refusedMsMax: 3249, refusedMsMin: 640 };
const failed = (end: string, cause: string): RunState => ({ kind: 'failed', failure: readFailure(end, cause), ...ended });

async function normal() {
  const group = memoryGroup();
  await group.choose({ state: 'normal', paused: null });
  return group;
}

describe('holdfast switch', () => {
  it('starts the machine in the target with what its first step parses, and changes nothing itself', async () => {
    const group = await normal();
    const before = await group.value();
    const said = await holdfast(group, [...ask, '--by', 'grace']);
    expect(said).toMatchObject({ exit: 0, err: '' });
    const [started, ...more] = group.of('us-west-2').started;
    expect(more).toEqual([]);
    expect(group.of('us-east-1').started).toEqual([]);
    expect(started).toMatchObject({ machine: 'switch-over', name: expect.stringMatching(/^sw-20270115T080000Z-[0-9a-f]{8}$/) });
    expect(parseSwitchInput({ ...started?.input, execution: started?.name })).toMatchObject({ group: 'orders', target: 'us-west-2', by: 'grace', reason: 'patch day' });
    expect(said.out).toContain(`${started?.name} runs in us-west-2`);
    expect(await group.value()).toEqual(before);
  });

  it('follows it to its end, a line each change, and says what was measured', async () => {
    const group = await normal();
    const { value, of, choose } = group;
    const epoch = (await value()).epoch;
    of('us-west-2').looks = [
      running('CheckSwitch'),
      running('AwaitOutcome'),
      running('AwaitOutcome'),
      running('AwaitOutcome'),
      running('AwaitOutcome'),
      running('AwaitOutcome'),
      { kind: 'succeeded', output: report, ...ended },
    ];
    const stages = [
      { state: 'failing-over', renewable: false, successor: 'us-west-2', planned: true },
      { released: true },
      { holder: 'us-west-2', epoch: epoch + 1, successor: null, renewable: true, released: false },
      { state: 'recovery' },
      {},
    ] as const;
    let at = 0;
    const said = await holdfast(group, [...ask, '--wait'], 9, async () => {
      const stage = stages[at];
      at += 1;
      if (stage !== undefined) await choose(stage);
    });
    expect(said.exit).toBe(0);
    const lines = said.err.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^sw-\S+ runs in us-west-2; Ctrl-C ends only the watching\.$/);
    expect(lines.slice(1).map((line) => line.replace(/^ *[\d.]+ s {2}/, ''))).toEqual([
      'CheckSwitch',
      `the lease of us-east-1 is revoked in favour of us-west-2 (fo-${epoch + 1}-1): us-east-1 hands over`,
      `us-east-1 has handed everything over and released epoch ${epoch}`,
      `us-west-2 holds epoch ${epoch + 1} and opens (state 'failing-over')`,
      'us-west-2 is open: writes are accepted there',
    ]);
    expect(said.out).toBe(`Switched over from us-east-1 to us-west-2 in 43.2 s: ${report.because}.\nwrites were refused for at most 3.2 s (revoked → opened), at least 0.6 s (taken → opened)\n`);
  });

  it('answers as JSON', async () => {
    const group = await normal();
    group.of('us-west-2').looks = [{ kind: 'succeeded', output: report, ...ended }];
    const said = await holdfast(group, [...ask, '--wait', '--json']);
    expect(said.err).toBe('');
    expect(JSON.parse(said.out)).toMatchObject({ from: 'us-east-1', to: 'us-west-2', end: 'SwitchedOver', seconds: 43.2, outcome: 'switched-over', refusedSecondsMax: 3.2, refusedSecondsMin: 0.6 });
  });

  it.each([
    [
      'Refused',
      JSON.stringify({
        step: 'CheckSwitch',
        error: 'RefusedError',
        cause: JSON.stringify({ errorMessage: 'The switch-over to us-west-2 was refused: us-west-2 is not seen well. Nothing was changed.' }),
      }),
      /ended as Refused after 43\.2 s: The switch-over to us-west-2 was refused: us-west-2 is not seen well\. Nothing was changed\./,
    ],
    [
      'HandedBack',
      'The switch-over to us-west-2 did not come off, and nothing was lost: us-east-1 holds epoch 2. docs/runbooks/switch-over.md says',
      /ended as HandedBack after 43\.2 s: .*nothing was lost/,
    ],
    ['NeedsOperator', 'Run `holdfast status` and read docs/runbooks/switch-over.md. it is not over', /ended as NeedsOperator/],
  ])('says how it ended otherwise, with exit status 1: %s', async (end, cause, says) => {
    const group = await normal();
    group.of('us-west-2').looks = [running('AwaitOutcome'), failed(end, cause)];
    const said = await holdfast(group, [...ask, '--wait'], 5);
    expect(said).toMatchObject({ exit: 1, out: '' });
    expect(said.err).toMatch(says);
  });

  it('goes on when a person stops watching', async () => {
    const group = await normal();
    group.of('us-west-2').looks = [running('AwaitOutcome')];
    const said = await holdfast(group, [...ask, '--wait'], 2);
    expect(said.exit).toBe(130);
    expect(said.out).toMatch(/Watching ended; sw-\S+ goes on in us-west-2/);
  });

  it('tells what the register says though the machine is not seen, and gives up saying so after a while', async () => {
    const group = await normal();
    group.of('us-west-2').looks = ['connect ECONNREFUSED'];
    const said = await holdfast(group, [...ask, '--wait'], 100);
    expect(said.exit).toBe(1);
    expect(said.err).toMatch(/us-east-1 holds epoch 1, state 'normal'/);
    expect(said.err).toMatch(/can no longer be watched \(connect ECONNREFUSED\)/);
  });

  it.each([
    ['a region of nobody', 'us-east-9', {}, /'us-east-9' is not a region of orders: it may be us-east-1 or us-west-2/],
    ['a witness', 'eu-west-1', {}, /eu-west-1 is a witness/],
    ['the holder', 'us-east-1', {}, /us-east-1 holds the lease already \(epoch 1\)/],
    ['an unreconciled region', 'us-west-2', { regions: { 'us-east-1': { reconciled: true }, 'us-west-2': { reconciled: false } } }, /us-west-2 is not reconciled/],
    ['a region during a failover', 'us-west-2', { state: 'failing-over', renewable: false, successor: 'us-west-2' } as const, /is under way \(fo-2-1\)/],
    ['a region of a paused group', 'us-west-2', { paused: { by: 'grace', reason: 'migration', atMs: 1 } }, /paused by grace: migration/],
    ['a region before the service is validated', 'us-west-2', { state: 'recovery' } as const, /not validated yet/],
  ])('refuses %s, and starts nothing', async (_, to, change, says) => {
    const group = await normal();
    await group.choose(change);
    const before = await group.value();
    const said = await holdfast(group, ['switch', '--to', to, '--reason', 'x']);
    expect(said).toMatchObject({ exit: 1, out: '' });
    expect(said.err).toMatch(says);
    expect(said.err).toMatch(/Nothing was changed\.\n$/);
    expect(await group.value()).toEqual(before);
    expect([...group.of('us-west-2').started, ...group.of('us-east-1').started]).toEqual([]);
  });

  it('says which regions are silent where there is no majority, and what to do where the target does not answer', async () => {
    const group = await normal();
    for (const region of ['us-east-1', 'eu-west-1']) group.of(region).rows.isAnswering = false;
    expect((await holdfast(group, ask)).err).toMatch(/needs a majority of regions to answer[^]*Nothing was changed/);
    const other = await normal();
    other.of('us-west-2').startError = Object.assign(new Error('connect ETIMEDOUT'), { name: 'TimeoutError' });
    expect((await holdfast(other, ask)).err).toMatch(/us-west-2 did not say whether the switch-over sw-\S+ was started \(TimeoutError: connect ETIMEDOUT\)/);
    other.of('us-west-2').startError = new RefusedError('There is no machine holdfast-orders-switch-over in us-west-2. Nothing was started.');
    expect(await holdfast(other, ask)).toMatchObject({ exit: 1, err: expect.stringContaining('There is no machine') });
  });

  it.each([
    [['switch', '--reason', 'x'], /switch needs --to REGION/],
    [['switch', '--to', 'us-west-2'], /switch needs --reason/],
    [['switch', '--to', 'us-west-2', '--reason', 'x', '--deny'], /switch does not take --deny/],
  ])('%j is not understood', async (args, says) => {
    const said = await holdfast(await normal(), args);
    expect(said.exit).toBe(2);
    expect(said.err).toMatch(says);
  });
});

describe('holdfast status', () => {
  it('shows a switch-over under way, and how far it is', async () => {
    const group = await normal();
    await group.choose({ state: 'failing-over', renewable: false, successor: 'us-west-2', planned: true });
    expect((await holdfast(group, ['status'])).out).toMatch(/switch {5}fo-2-1 to us-west-2, us-east-1 hands over/);
    await group.choose({ released: true });
    expect((await holdfast(group, ['status'])).out).toMatch(/switch {5}fo-2-1 to us-west-2, us-east-1 has handed over/);
  });

  it('shows the last one, the newest of all regions', async () => {
    const group = await normal();
    expect((await holdfast(group, ['status'])).out).not.toContain('last switch');
    const row = (epoch: number, more: object) => ({
      pk: 'SWITCH',
      sk: String(epoch).padStart(8, '0'),
      report: JSON.stringify({ ...report, epoch, execution: `sw-${epoch}`, by: 'ada', reason: 'patch day', ...more }),
    });
    group.of('us-west-2').lists.set('SWITCH', [row(2, { holder: 'us-east-1', target: 'us-west-2' })]);
    group.of('us-east-1').lists.set('SWITCH', [row(3, { holder: 'us-west-2', target: 'us-east-1', outcome: 'handed-back', refusedMsMax: null, refusedMsMin: null })]);
    const { out } = await holdfast(group, ['status']);
    expect(out).toMatch(/last switch {2}sw-3 from us-west-2 to us-east-1, HANDED-BACK; asked for by ada: patch day\n.*how long writes were refused is not known/);
    expect(JSON.parse((await holdfast(group, ['status', '--json'])).out)).toMatchObject({ lastSwitch: { name: 'sw-3', outcome: 'handed-back', refusedSecondsMax: null } });
  });
});

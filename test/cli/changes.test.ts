// What a person asks for: carried out through the register, or refused with a sentence and nothing changed.
import { describe, expect, it } from 'vitest';
import { holdfast } from './command-line.ts';
import { memoryGroup, nowMs } from './group-fixture.ts';

const failover = ['failover', '--to', 'us-west-2', '--reason', 'tuesday drill'];

async function running() {
  const group = memoryGroup();
  await group.choose({ state: 'normal', paused: null });
  return group;
}

describe('holdfast failover', () => {
  it('revokes the lease in favour of the target and names the execution', async () => {
    const group = await running();
    const said = await holdfast(group, [...failover, '--by', 'grace']);
    expect(said).toMatchObject({ exit: 0, err: '' });
    expect(said.out).toContain('The lease of us-east-1 is revoked in favour of us-west-2: fo-2-1 runs there next.');
    const value = await group.value();
    expect(value).toMatchObject({ state: 'failing-over', holder: 'us-east-1', epoch: 1, renewable: false, successor: 'us-west-2', attempt: 1 });
    expect(value.transitions.at(-1)).toMatchObject({ on: 'operator-failover', by: 'grace', because: 'grace asked for it: tuesday drill', atMs: nowMs });
    expect(value.auditHead).toMatch(/^[0-9a-f]{64}$/);
  });

  it('answers as JSON', async () => {
    const said = await holdfast(await running(), [...failover, '--json']);
    expect(JSON.parse(said.out)).toEqual({ from: 'us-east-1', to: 'us-west-2', epoch: 2, attempt: 1, execution: 'fo-2-1' });
  });

  it('takes a majority: one region may be silent', async () => {
    const group = await running();
    group.of('us-east-1').rows.isAnswering = false;
    expect((await holdfast(group, failover)).exit).toBe(0);
    expect(await group.value()).toMatchObject({ successor: 'us-west-2', renewable: false });
  });

  it('is done once, also where the answers to the first try are lost', async () => {
    const group = await running();
    for (const region of ['us-east-1', 'us-west-2', 'eu-west-1']) group.of(region).rows.answersLost = 1;
    const said = await holdfast(group, failover);
    expect(said).toMatchObject({ exit: 0, err: '' });
    const { transitions, attemptsSpent } = await group.value();
    expect(transitions.filter((t) => t.on === 'operator-failover')).toHaveLength(1);
    expect(attemptsSpent).toBe(1);
  });
});

describe('a refusal', () => {
  const cases: readonly { readonly name: string; readonly args: readonly string[]; readonly value?: Parameters<ReturnType<typeof memoryGroup>['choose']>[0]; readonly says: RegExp }[] = [
    { name: 'an unknown region', args: ['failover', '--to', 'us-east-9', '--reason', 'x'], says: /'us-east-9' is not a region of orders: it may be us-east-1 or us-west-2/ },
    { name: 'a witness', args: ['failover', '--to', 'eu-west-1', '--reason', 'x'], says: /eu-west-1 is a witness.*us-east-1 or us-west-2/ },
    { name: 'the region that is active', args: ['failover', '--to', 'us-east-1', '--reason', 'x'], says: /us-east-1 holds the lease already \(epoch 1\)/ },
    {
      name: 'an unreconciled region',
      args: failover,
      value: { regions: { 'us-east-1': { reconciled: true }, 'us-west-2': { reconciled: false } } },
      says: /us-west-2 is not reconciled: it has writes that no other region has/,
    },
    {
      name: 'a second failover during one',
      args: failover,
      value: { state: 'failing-over', renewable: false, successor: 'us-west-2', attempt: 2 },
      says: /a failover to us-west-2 is under way \(fo-2-2\): wait for it/,
    },
    { name: 'a failover of a paused group', args: failover, value: { paused: { by: 'grace', reason: 'migration', atMs: 1 } }, says: /paused by grace: migration; 'holdfast resume' first/ },
    { name: 'a pause of a paused group', args: ['pause', '--reason', 'x'], value: { paused: { by: 'grace', reason: 'migration', atMs: 1 } }, says: /paused already by grace: migration/ },
    { name: 'a resume of a group that acts', args: ['resume'], says: /not paused/ },
    { name: 'an approval that nobody asked for', args: ['approve'], says: /Nothing waits for an approval: the state is 'normal'/ },
  ];
  for (const { name, args, value, says } of cases) {
    it(`of ${name} says so and changes nothing`, async () => {
      const group = await running();
      if (value !== undefined) await group.choose(value);
      const before = await group.value();
      const said = await holdfast(group, args);
      expect(said).toMatchObject({ exit: 1, out: '' });
      expect(said.err).toMatch(says);
      expect(said.err).toMatch(/Nothing was (changed|answered)\.\n$/);
      expect(await group.value()).toEqual(before);
      const asJson = await holdfast(group, [...args, '--json']);
      expect(asJson.exit).toBe(1);
      expect(JSON.parse(asJson.out)).toMatchObject({ error: { message: expect.stringMatching(says) } });
    });
  }

  it('without a majority says which regions are silent, and not even a promise is written', async () => {
    const group = await running();
    for (const region of ['us-east-1', 'eu-west-1']) group.of(region).rows.isAnswering = false;
    for (const args of [failover, ['pause', '--reason', 'x'], ['resume']]) {
      const said = await holdfast(group, args);
      expect(said.exit).toBe(1);
      expect(said.err).toMatch(/needs 2 of 3 regions to answer, and they do not: only 1 of 3 acceptors answered.*us-east-1: .*timed out.*Nothing was changed\./);
    }
    expect(group.writes()).toBe(0);
  });
});

describe('holdfast pause and resume', () => {
  it('starts a new group, and keeps who did it and why', async () => {
    const group = memoryGroup();
    const said = await holdfast(group, ['resume', '--reason', 'first deployment is done']);
    expect(said.out).toContain("Resumed; it was paused by deployment (not started yet: 'holdfast resume' starts it).");
    expect(await group.value()).toMatchObject({ paused: null, state: 'failing-over', because: 'resumed by ada: first deployment is done' });
  });

  it('pauses, and goes on', async () => {
    const group = await running();
    expect((await holdfast(group, ['pause', '--reason', 'migration'])).exit).toBe(0);
    expect(await group.value()).toMatchObject({ paused: { by: 'ada', reason: 'migration', atMs: nowMs }, renewable: true });
    const said = await holdfast(group, ['resume', '--json']);
    expect(JSON.parse(said.out)).toEqual({ resumed: { by: 'ada', wasPausedBy: 'ada', reason: 'migration' } });
  });
});

describe('holdfast approve', () => {
  const loss = [{ origin: 'us-east-1', newestAtMs: nowMs - 4200, newestAgeMs: 4200, records: 17, unread: ['eu-west-1: timed out'] }];

  async function waiting(epoch = 2) {
    const group = await running();
    await group.choose({ state: 'failing-over', holder: 'us-west-2', epoch: 2, attempt: 1, successor: null });
    await group.put('us-west-2', { table: 'region', pk: 'FAILOVER', sk: '#' }, { epoch: 2, attempt: 1, step: 'AwaitApproval', startedAtMs: nowMs - 9000 });
    await group.put('us-west-2', { table: 'region', pk: 'APPROVAL', sk: '#' }, { taskToken: 'token-2', epoch, attempt: 1, loss: JSON.stringify(loss), askedAtMs: nowMs - 8000 });
    return group;
  }

  it('shows the loss, then answers with who approved', async () => {
    const group = await waiting();
    const said = await holdfast(group, ['approve', '--reason', 'four seconds are bearable']);
    expect(said.exit).toBe(0);
    expect(said.out).toContain('fo-2-1 in us-west-2 waits for an answer since 8 s.');
    expect(said.out).toContain(
      'from us-east-1: the newest change that is here was 4.2 s old; what us-east-1 accepted after it is not here (17 changes in all; could not be asked: eu-west-1: timed out)',
    );
    expect(said.out).toContain('Approved by ada: us-west-2 opens in epoch 2.');
    expect(group.of('us-west-2').answers).toEqual([{ kind: 'approve', token: 'token-2', text: JSON.stringify({ by: 'ada', reason: 'four seconds are bearable', atMs: nowMs }) }]);
  });

  it('denies with the reason', async () => {
    const group = await waiting();
    const said = await holdfast(group, ['approve', '--deny', '--reason', 'too much', '--json']);
    expect(JSON.parse(said.out)).toMatchObject({ answer: 'deny', by: 'ada', approval: { region: 'us-west-2', epoch: 2, loss } });
    expect(said.out).not.toContain('token-2');
    expect(group.of('us-west-2').answers).toEqual([{ kind: 'deny', token: 'token-2', text: 'ada said no: too much' }]);
  });

  it('does not answer the approval of an epoch that is over', async () => {
    const group = await waiting(1);
    const said = await holdfast(group, ['approve']);
    expect(said).toMatchObject({ exit: 1, out: '' });
    expect(said.err).toContain('Nothing waits for an approval');
    expect(group.of('us-west-2').answers).toEqual([]);
  });

  it('does not answer twice', async () => {
    const group = await waiting();
    group.of('us-west-2').tokensOver.add('token-2');
    const said = await holdfast(group, ['approve']);
    expect(said.exit).toBe(1);
    expect(said.err).toContain('The approval of fo-2-1 in us-west-2 is over: it was answered before, or its time ran out.');
  });

  it('says that only the target can be asked, where the target does not answer', async () => {
    const group = await waiting();
    group.of('us-west-2').rows.isAnswering = false;
    const said = await holdfast(group, ['approve']);
    expect(said.exit).toBe(1);
    expect(said.err).toMatch(/us-west-2 does not answer .*timed out.*Nothing was answered/);
  });
});

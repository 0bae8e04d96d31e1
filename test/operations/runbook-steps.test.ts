// The steps after TakeLease: each acts only while it is the current one, each can be repeated after dying half-way.
import { describe, expect, test } from 'vitest';
import { declareLapse, revoke } from '../../src/core/failover/register-changes.ts';
import { isActingAt, isFenceOpen, isLeaseOpen } from '../../src/core/lease/lease-rows.ts';
import { abandonAttemptStep } from '../../src/operations/abandon-attempt.ts';
import { approvalKey, awaitApprovalStep } from '../../src/operations/await-approval.ts';
import { awaitDnsStep } from '../../src/operations/await-dns.ts';
import { openGateStep } from '../../src/operations/open-gate.ts';
import { reportKey, reportStep, type StepOutputs } from '../../src/operations/report.ts';
import { takeLeaseStep } from '../../src/operations/take-lease.ts';
import { validateServiceStep } from '../../src/operations/validate-service.ts';
import { maker } from '../core/fixtures.ts';
import { createGroup, east, never, west, type Group } from './group.ts';

/** us-west-2 has just taken epoch 2 from us-east-1. */
async function taken(): Promise<Group> {
  const group = createGroup();
  await group.open();
  await group.tick(west);
  group.clock.advance(22_000);
  await group.changeRegister((v) => declareLapse(v, v, west, maker({ because: 'the lease lapsed' })));
  await takeLeaseStep(group.governor(west), group.inputOf(2));
  return group;
}
async function openedIn2(): Promise<Group> {
  const group = await taken();
  await openGateStep(group.governor(west), group.inputOf(2));
  return group;
}
const revokeWest = (group: Group) => group.changeRegister((v) => revoke({ ...v, state: 'normal' }, v, 'region-sick', east, maker()));
const outputs: StepOutputs = { takenAtMs: 1, openedAtMs: 2, applied: 3, loss: [], approval: null, dns: { answeredAtMs: 4 }, dnsFailure: null, validation: { probes: 10 }, failure: null };

describe('OpenGate', () => {
  const open = (group: Group) => openGateStep(group.governor(west), group.inputOf(2));

  test('opens all fence rows, then the gate, and says so in the register', async () => {
    const group = await taken();
    group.calls.length = 0;
    expect(await open(group)).toEqual({ openedAtMs: group.clock.nowMs() });
    expect(group.calls.filter((c) => c.method === 'changeTogether').map((c) => c.keys.map((k) => k.pk))).toEqual([
      ['FENCE#0', 'FENCE#1', 'CUT', 'FAILOVER'],
      ['LEASE', 'FAILOVER'],
    ]);
    expect(isActingAt(await group.lease(west), group.clock.nowMs())).toBe(true);
    for (const k of [0, 1]) expect(await group.fence(west, k)).toMatchObject({ epoch: 2, untilAtMs: (await group.lease(west)).untilAtMs });
    expect(await group.value()).toMatchObject({ state: 'recovery', holder: west, epoch: 2 });
  });

  test.each([
    ['the fence rows were opened', 'FENCE#0'],
    ['the gate was opened', 'LEASE'],
  ])('that died after %s is finished by the next call (R2)', async (_, pk) => {
    const group = await taken();
    group.faults.faultOf = (call) => (call.method === 'changeTogether' && call.keys[0]?.pk === pk ? { kind: 'lose-answer' } : undefined);
    await expect(open(group)).rejects.toMatchObject({ name: 'TimeoutError' });
    group.faults.faultOf = () => undefined;
    expect(await open(group)).toMatchObject({ openedAtMs: expect.any(Number) });
    expect(isLeaseOpen(await group.lease(west))).toBe(true);
    expect((await group.value()).state).toBe('recovery');
  });

  test('that died between the two, with a close at the deadline after it, is not stranded', async () => {
    const group = await taken();
    group.faults.faultOf = (call) => (call.method === 'changeTogether' && call.keys[0]?.pk === 'LEASE' ? { kind: 'lose-request' } : undefined);
    await expect(open(group)).rejects.toThrow();
    group.faults.faultOf = () => undefined;
    // Past the deadline: a tick closes the fence rows provisionally and renews.
    group.clock.advance(19_000);
    await group.tick(west);
    expect(await open(group)).toMatchObject({ openedAtMs: expect.any(Number) });
    expect(isFenceOpen(await group.fence(west))).toBe(true);
    expect(isActingAt(await group.lease(west), group.clock.nowMs())).toBe(true);
  });

  test('opens what is left where one of two fence rows is open already', async () => {
    const group = await taken();
    await group.store(west).change({ key: { table: 'fence', pk: 'FENCE#1' }, set: { untilAtMs: (await group.lease(west)).untilAtMs }, when: [], mayCreate: false });
    await open(group);
    expect(isFenceOpen(await group.fence(west, 0))).toBe(true);
  });

  test('whose register write is of unknown outcome is repeated, with the gate open meanwhile', async () => {
    const group = await taken();
    group.faults.faultOf = (call) => (call.changes[0]?.set['acceptedValue'] !== undefined ? { kind: 'lose-answer' } : undefined);
    await expect(open(group)).rejects.toMatchObject({ name: 'StepNotReadyError', retryable: true, message: expect.stringContaining('The gate is open, but the register does not say so yet') });
    group.faults.faultOf = () => undefined;
    expect(await open(group)).toMatchObject({ openedAtMs: expect.any(Number) });
    expect((await group.value()).state).toBe('recovery');
  });

  test('waits for readiness of the service, and opens nothing before (H9)', async () => {
    const group = await taken();
    group.probes[west] = { readiness: 'failed' };
    await expect(open(group)).rejects.toMatchObject({ name: 'StepNotReadyError', message: expect.stringContaining('readiness of us-west-2 is down') });
    expect(isFenceOpen(await group.fence(west))).toBe(false);
    expect(isLeaseOpen(await group.lease(west))).toBe(false);
    await expect(openGateStep(group.governorOf(west, { serviceUrl: null }), group.inputOf(2))).rejects.toThrow(/HOLDFAST_SERVICE_URL/);
  });

  test.each([
    [501, true],
    [500, false],
    [499, false],
  ])('needs more than `effect` left of the lease: %i ms', async (leftMs, isOpen) => {
    const group = await taken();
    const { untilAtMs } = await group.lease(west);
    group.clock.advance(untilAtMs - leftMs - group.clock.nowMs());
    const outcome = await open(group).catch((error: Error) => error.name);
    expect(outcome).toEqual(isOpen ? { openedAtMs: group.clock.nowMs() } : 'StepNotReadyError');
    expect(isFenceOpen(await group.fence(west))).toBe(isOpen);
  });

  test('waits where the rows do not carry the epoch yet: the tick repeats TakeLease', async () => {
    const group = await taken();
    await group.store(west).change({ key: { table: 'fence', pk: 'FENCE#1' }, set: { epoch: 0 }, when: [], mayCreate: false });
    await expect(open(group)).rejects.toMatchObject({ name: 'StepNotReadyError', message: expect.stringContaining('do not carry epoch 2 yet') });
  });

  test('is over once the epoch is revoked, and opens nothing', async () => {
    const group = await taken();
    await revokeWest(group);
    await expect(open(group)).rejects.toMatchObject({ name: 'SupersededError' });
    expect(isFenceOpen(await group.fence(west))).toBe(false);
  });

  test('that is overtaken between its check and its writes opens nothing: the writes carry the step (H8)', async () => {
    for (const pk of ['FENCE#0', 'LEASE']) {
      const group = await taken();
      const overtake = async () => {
        group.faults.faultOf = () => undefined;
        await abandonAttemptStep(group.governor(west), group.inputOf(2), 'too slow');
      };
      group.faults.faultOf = (call) => (call.method === 'changeTogether' && call.keys[0]?.pk === pk ? { kind: 'hold-request', until: overtake() } : undefined);
      await expect(open(group), pk).rejects.toMatchObject({ name: expect.stringMatching(/SupersededError|StepNotReadyError/) });
      expect(isLeaseOpen(await group.lease(west)), pk).toBe(false);
      if (pk === 'FENCE#0') expect(isFenceOpen(await group.fence(west))).toBe(false);
      await expect(open(group), pk).rejects.toMatchObject({ name: 'SupersededError' });
    }
  });

  test('does not open a lease row that was closed for good', async () => {
    const group = await taken();
    await group.store(west).change({ key: { table: 'region', pk: 'LEASE', sk: '#' }, set: { closedEpoch: 2 }, when: [], mayCreate: false });
    await expect(open(group)).rejects.toMatchObject({ name: 'SupersededError', message: expect.stringContaining('closed for good') });
    expect(isLeaseOpen(await group.lease(west))).toBe(false);
  });

  test('by a minority is not done: it is tried again', async () => {
    const group = await taken();
    group.faults.faultOf = (call) => (call.keys[0]?.pk === 'REGISTER#orders' && call.region !== west ? { kind: 'hold-request', until: never } : undefined);
    // The look would wait for ever for acceptors that hang; a driver ends its calls, so they fail here.
    group.faults.faultOf = (call) => (call.keys[0]?.pk === 'REGISTER#orders' && call.region !== west ? { kind: 'lose-request' } : undefined);
    await expect(open(group)).rejects.toMatchObject({ name: 'NoQuorumError' });
    expect(isFenceOpen(await group.fence(west))).toBe(false);
  });
});

describe('AbandonAttempt', () => {
  const abandon = (group: Group, attempt = 1) => abandonAttemptStep(group.governor(west), group.inputOf(2, attempt), 'the service was not ready');

  test('before the take-over names the next attempt of the same epoch', async () => {
    const group = createGroup();
    await group.open();
    await group.changeRegister((v) => declareLapse(v, v, west, maker()));
    expect(await abandon(group)).toEqual({ outcome: 'rolled-back', because: 'the service was not ready' });
    expect(await group.value()).toMatchObject({
      epoch: 1,
      holder: east,
      attempt: 2,
      state: 'failing-over',
      renewable: false,
      because: 'us-west-2 gave up epoch 2, attempt 1: the service was not ready',
    });
  });

  test('after it revokes the own epoch; the own governor then lets go, and the successor needs no clock', async () => {
    const group = await taken();
    expect(await abandon(group)).toMatchObject({ outcome: 'rolled-back' });
    // Nobody else is well enough (us-east-1 is not reconciled): it tries again itself, in the next epoch.
    expect(await group.value()).toMatchObject({ epoch: 2, holder: west, attempt: 1, renewable: false, successor: west });
    await group.tick(west);
    expect((await group.value()).released).toBe(true);
    expect(await takeLeaseStep(group.governor(west), group.inputOf(3))).toMatchObject({ epoch: 3, attempt: 1 });
    await openGateStep(group.governor(west), group.inputOf(3));
    expect(isActingAt(await group.lease(west), group.clock.nowMs())).toBe(true);
  });

  test('shuts the door: no step of the attempt acts any more', async () => {
    const group = await taken();
    await abandon(group);
    await expect(openGateStep(group.governor(west), group.inputOf(2))).rejects.toMatchObject({ name: 'SupersededError' });
    await expect(takeLeaseStep(group.governor(west), group.inputOf(2))).rejects.toMatchObject({ name: 'SupersededError' });
  });

  test('is refused once the gate was opened: only forward from there', async () => {
    const group = await openedIn2();
    const before = await group.value();
    expect(await abandon(group)).toMatchObject({ outcome: 'superseded', because: expect.stringContaining('only forward from here') });
    expect(await group.value()).toEqual(before);
    expect(isActingAt(await group.lease(west), group.clock.nowMs())).toBe(true);
  });

  test('says that a person is needed once the attempts are spent', async () => {
    const group = await taken();
    await group.changeRegister((v) => ({ kind: 'set', value: { ...v, attemptsSpent: 3 } }));
    expect(await abandon(group)).toMatchObject({ outcome: 'needs-operator' });
    expect((await group.value()).state).toBe('failed');
  });

  test('of unknown outcome is repeated, and says the same', async () => {
    const group = await taken();
    group.faults.faultOf = (call) => (call.changes[0]?.set['acceptedValue'] !== undefined ? { kind: 'lose-answer' } : undefined);
    await expect(abandon(group)).rejects.toMatchObject({ name: 'NoQuorumError' });
    group.faults.faultOf = () => undefined;
    // It was carried out the first time: the epoch is revoked, so the second finds its attempt over.
    expect((await abandon(group)).outcome).toMatch(/superseded|rolled-back/);
    expect((await group.value()).renewable).toBe(false);
  });

  test('is over where another attempt has begun', async () => {
    const group = await taken();
    await group.changeRegister((v) => ({ kind: 'set', value: { ...v, attempt: 2 } }));
    expect(await abandon(group)).toMatchObject({ outcome: 'superseded' });
  });
});

describe('AwaitApproval', () => {
  test('keeps the token, and what is known of the loss, where a person finds them', async () => {
    const group = await taken();
    await awaitApprovalStep(group.governor(west), group.inputOf(2), 'token-1', [{ records: 3 }]);
    expect(await group.row(west, approvalKey)).toMatchObject({ taskToken: 'token-1', epoch: 2, attempt: 1, loss: '[{"records":3}]' });
  });

  test('of a later attempt replaces the one before', async () => {
    const group = await taken();
    await awaitApprovalStep(group.governor(west), group.inputOf(2), 'token-1', null);
    await awaitApprovalStep(group.governor(west), group.inputOf(2), 'token-2', null);
    expect(await group.row(west, approvalKey)).toMatchObject({ taskToken: 'token-2', loss: 'null' });
  });

  test('asks also where nothing is known of the loss', async () => {
    const group = await taken();
    await awaitApprovalStep(group.governor(west), group.inputOf(2), 'token-1', undefined);
    expect(typeof (await group.row(west, approvalKey))?.['loss']).toBe('string');
  });

  test('asks nobody once the epoch is revoked', async () => {
    const group = await taken();
    await revokeWest(group);
    await expect(awaitApprovalStep(group.governor(west), group.inputOf(2), 'token-1', null)).rejects.toMatchObject({ name: 'SupersededError' });
    expect(await group.row(west, approvalKey)).toBeUndefined();
  });
});

describe('AwaitDns', () => {
  const ask = (group: Group, target: string | undefined) => awaitDnsStep(group.governor(west), group.inputOf(2), { targetOf: async () => target }, 'api.orders.example', 'D-1.us-west-2.example');

  test('is done when the name answers with this region, whatever its case', async () => {
    const group = await openedIn2();
    expect(await ask(group, 'd-1.US-WEST-2.example')).toEqual({ answeredAtMs: group.clock.nowMs() });
  });
  test.each(['d-2.us-east-1.example', undefined])('waits where it answers %s, and says what is waited for', async (target) => {
    const group = await openedIn2();
    await expect(ask(group, target)).rejects.toMatchObject({
      name: 'StepNotReadyError',
      retryable: true,
      message: `api.orders.example still answers ${target ?? 'nothing'}, not D-1.us-west-2.example: the health check of the gate (up to its interval) and the TTL are waited for.`,
    });
  });
  test('is over once the epoch is revoked', async () => {
    const group = await openedIn2();
    await revokeWest(group);
    await expect(ask(group, 'd-1.us-west-2.example')).rejects.toMatchObject({ name: 'SupersededError' });
  });
});

describe('ValidateService', () => {
  test('probes both levels several times, and gives the figures', async () => {
    const group = await openedIn2();
    expect(await validateServiceStep(group.governor(west), group.inputOf(2))).toEqual({ probes: 10, failed: 0, latencyMsMax: 20, validatedAtMs: group.clock.nowMs() });
  });
  test.each(['liveness', 'readiness'] as const)('fails by one failed probe of %s, with its reason', async (level) => {
    const group = await openedIn2();
    let asked = 0;
    const probe = {
      probe: async (_: string, __: string, asks: string) => ({ outcome: asks === level && (asked += 1) === 3 ? ('failed' as const) : ('ok' as const), latencyMs: 5, because: 'it burns' }),
    };
    await expect(validateServiceStep(group.governorOf(west, { probe }), group.inputOf(2))).rejects.toMatchObject({
      name: 'ValidationFailedError',
      message: expect.stringContaining('1 of 10 probes of the service in us-west-2 failed: it burns'),
    });
  });
  test('without an endpoint, or once the epoch is over, is an error and no figure', async () => {
    const group = await openedIn2();
    await expect(validateServiceStep(group.governorOf(west, { serviceUrl: null }), group.inputOf(2))).rejects.toMatchObject({ name: 'ValidationFailedError' });
    await revokeWest(group);
    await expect(validateServiceStep(group.governor(west), group.inputOf(2))).rejects.toMatchObject({ name: 'SupersededError' });
  });
});

describe('Report', () => {
  const report = (group: Group, change: Partial<StepOutputs> = {}) => reportStep(group.governor(west), group.inputOf(2), { ...outputs, ...change });
  const written = async (group: Group) => JSON.parse(String((await group.row(west, reportKey(2)))?.['report']));

  test('writes down what was measured, and leads the group to normal', async () => {
    const group = await openedIn2();
    expect(await report(group)).toEqual({ isValidated: true });
    expect(await written(group)).toMatchObject({
      ...outputs,
      epoch: 2,
      attempt: 1,
      target: west,
      isValidated: true,
      decidedBecause: 'the lease lapsed',
      decidedBy: west,
      reportedAtMs: group.clock.nowMs(),
    });
    expect(await group.value()).toMatchObject({ state: 'normal', attemptsSpent: 0 });
  });

  test('of a service that was not validated says so, and leaves recovery standing', async () => {
    for (const change of [{ validation: null }, { validation: undefined }, { failure: { error: 'ValidationFailedError' } }]) {
      const group = await openedIn2();
      expect(await report(group, change)).toEqual({ isValidated: false });
      expect((await group.value()).state).toBe('recovery');
      expect((await written(group)).isValidated).toBe(false);
    }
  });

  test('of unknown outcome is repeated', async () => {
    const group = await openedIn2();
    group.faults.faultOf = (call) => (call.changes[0]?.set['acceptedValue'] !== undefined ? { kind: 'lose-answer' } : undefined);
    await expect(report(group)).rejects.toMatchObject({ name: 'NoQuorumError' });
    group.faults.faultOf = () => undefined;
    expect(await report(group)).toEqual({ isValidated: true });
    expect((await group.value()).state).toBe('normal');
  });

  test('is over once the epoch is', async () => {
    const group = await openedIn2();
    await revokeWest(group);
    await expect(report(group)).rejects.toMatchObject({ name: 'SupersededError' });
    expect(await group.row(west, reportKey(2))).toBeUndefined();
  });

  test('has keys that sort by epoch', () => {
    expect([9, 10, 100].map((e) => reportKey(e).sk)).toEqual(['00000009', '00000010', '00000100']);
  });
});

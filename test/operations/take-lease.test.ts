// TakeLease: one rule for every take-over, never early, and repeated until register and rows agree.
import { describe, expect, test } from 'vitest';
import { declareLapse, handBack, nextAttempt, operatorSwitch, release, releaseTo, renew, revoke } from '../../src/core/failover/register-changes.ts';
import { isFenceOpen, isLeaseOpen } from '../../src/core/lease/lease-rows.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import { takeLeaseStep } from '../../src/operations/take-lease.ts';
import { maker, renewalId } from '../core/fixtures.ts';
import { createGroup, east, ireland, west, type Group } from './group.ts';

const isRegister = (key: { readonly pk: string } | undefined) => key?.pk === 'REGISTER#orders';

/** us-east-1 is active, us-west-2 has seen its renewal for `seenMs`, and the failover to it is reserved. */
async function reserved(seenMs: number, how: 'lapse' | 'revoke' = 'lapse'): Promise<Group> {
  const group = createGroup();
  await group.open();
  await group.tick(west);
  group.clock.advance(seenMs);
  await group.changeRegister((v) => (how === 'lapse' ? declareLapse(v, v, west, maker()) : revoke(v, v, 'region-sick', west, maker())));
  return group;
}
const take = (group: Group, attempt = 1, epoch = 2) => takeLeaseStep(group.governor(west), group.inputOf(epoch, attempt));

describe('is due', () => {
  test.each([
    [21_999, 1],
    [22_000, 0],
    [22_001, 0],
  ])('after D + ε: seen for %i ms, it waits for %i ms more', async (seenMs, waitMs) => {
    const group = await reserved(seenMs);
    expect(await take(group)).toMatchObject({ epoch: 2, attempt: 1 });
    expect(group.clock.waits).toEqual(waitMs === 0 ? [] : [waitMs]);
    expect(await group.value()).toMatchObject({ holder: west, epoch: 2, renewable: true, successor: null, state: 'failing-over', regions: { [east]: { reconciled: false } } });
  });

  test.each([
    [22_000 - 3000, true],
    [22_000 - 3001, false],
  ])('within three seconds it waits inside, else it says for how long (seen for %i ms)', async (seenMs, isInside) => {
    const group = await reserved(seenMs);
    const outcome = await take(group).catch((error: unknown) => error);
    expect(outcome).toMatchObject(isInside ? { epoch: 2 } : { name: 'LeaseNotDueError', retryable: true, dueInMs: 3001 });
    expect((await group.value()).holder).toBe(isInside ? west : east);
  });

  test('after a revocation by the same clock: the renewal may be acting still', async () => {
    const group = await reserved(10_000, 'revoke');
    await expect(take(group)).rejects.toMatchObject({ name: 'LeaseNotDueError', dueInMs: 12_000 });
    group.clock.advance(12_000);
    expect(await take(group)).toMatchObject({ epoch: 2 });
  });

  test('at once where the value says released', async () => {
    const group = await reserved(0, 'revoke');
    await group.changeRegister((v) => release(v, east, 1));
    expect(await take(group)).toMatchObject({ epoch: 2 });
    expect(group.clock.waits).toEqual([]);
  });

  test('by the clock of this renewal only: a renewal in between starts it anew', async () => {
    const group = createGroup();
    await group.open();
    await group.tick(west);
    group.clock.advance(22_000);
    await group.changeRegister((v) => renew(v, east, 1, renewalId(500)));
    await group.changeRegister((v) => revoke(v, v, 'region-sick', west, maker()));
    await expect(take(group)).rejects.toMatchObject({ name: 'LeaseNotDueError', message: expect.stringContaining('has not begun to time') });
    await group.tick(west);
    await expect(take(group)).rejects.toMatchObject({ dueInMs: 22_000 });
  });

  test('by the smaller time, where the host froze in the call (H5)', async () => {
    const group = await reserved(10_000);
    group.faults.faultOf = (call) => {
      if (call.keys[0]?.pk === 'LOOK') group.clock.freeze(60_000);
      return undefined;
    };
    await expect(take(group)).rejects.toMatchObject({ dueInMs: 12_000 });
  });

  test('never where the look began in the future', async () => {
    const group = await reserved(22_000);
    group.clock.set(-50_000);
    await expect(take(group)).rejects.toMatchObject({ name: 'LeaseNotDueError' });
  });

  test('never by clocks that disagree', async () => {
    const group = await reserved(22_000);
    group.samples.push({ dateMs: 0, sentAtMs: 1_000_000, receivedAtMs: 1_000_000 });
    await expect(take(group)).rejects.toMatchObject({ name: 'ClockSkewError' });
  });
});

describe('takes', () => {
  test('the fence rows first, closed under the new epoch, then the lease row; nothing is open by it (C6)', async () => {
    const group = await reserved(22_000);
    group.calls.length = 0;
    const beganAtMs = group.clock.nowMs();
    await take(group);
    const own = group.calls.filter((c) => c.method === 'change' && c.region === west && !isRegister(c.keys[0])).map((c) => c.keys[0]?.pk);
    expect(own).toEqual(['FAILOVER', 'FENCE#0', 'FENCE#1', 'LEASE']);
    expect(await group.lease(west)).toEqual({ epoch: 2, untilAtMs: beganAtMs + 18_000, openEpoch: 0, closedEpoch: 0 });
    for (const k of [0, 1]) expect(await group.fence(west, k)).toEqual({ epoch: 2, untilAtMs: 0, closedThroughMs: 0 });
  });

  test('with a deadline that counts from when it began, the larger time', async () => {
    const group = await reserved(22_000);
    const beganAtMs = group.clock.nowMs();
    group.faults.faultOf = (call) => {
      if (call.changes[0]?.set['acceptedValue'] !== undefined && call.region === west) group.clock.freeze(7000);
      return undefined;
    };
    await take(group);
    expect((await group.lease(west)).untilAtMs).toBe(beganAtMs + 18_000);
  });

  test('nothing where the value changed between look and CAS: exactly what was read is expected', async () => {
    const group = await reserved(22_000);
    let changed: Promise<void> | undefined;
    group.faults.faultOf = (call) => {
      if (call.changes[0]?.set['promised'] === undefined) return undefined;
      changed ??= group.changeRegister((v) => ({ kind: 'set', value: { ...v, because: 'changed meanwhile' } })).then(() => undefined);
      return { kind: 'hold-request', until: changed };
    };
    await expect(take(group)).rejects.toMatchObject({ name: 'NoQuorumError', message: expect.stringContaining('the register changed meanwhile') });
    expect(await group.value()).toMatchObject({ holder: east, epoch: 1 });
    expect((await group.lease(west)).epoch).toBe(0);
    group.faults.faultOf = () => undefined;
    expect(await take(group)).toMatchObject({ epoch: 2 });
  });

  test('once: of two calls at the same time, the register changes hands once', async () => {
    const group = await reserved(22_000);
    const results = await Promise.allSettled([take(group), take(group)]);
    expect(results.some((r) => r.status === 'fulfilled')).toBe(true);
    expect((await group.value()).epoch).toBe(2);
  });
});

describe('of unknown outcome', () => {
  test.each(['lose-answer', 'lose-request'] as const)('is looked at again (%s)', async (kind) => {
    const group = await reserved(22_000);
    group.faults.faultOf = (call) => (call.changes[0]?.set['acceptedValue'] !== undefined && call.region !== west ? { kind } : undefined);
    await expect(take(group)).rejects.toMatchObject({ name: 'NoQuorumError', retryable: true });
    expect((await group.lease(west)).epoch).toBe(0);
    group.faults.faultOf = () => undefined;
    group.clock.advance(2000);
    const beganAtMs = group.clock.nowMs();
    // It stands at one acceptor or at all: in the first case it is settled, in the second it is held already.
    let taken: unknown;
    for (let i = 0; i < 3 && taken === undefined; i += 1)
      taken = await take(group).catch((error: Error) => {
        expect(error.name).toBe('NoQuorumError');
        return undefined;
      });
    expect(taken).toMatchObject({ epoch: 2 });
    expect(await group.value()).toMatchObject({ holder: west, epoch: 2, renewable: true });
    await group.tick(west);
    // What an unknown outcome began extends nothing: the deadline is that of a renewal of its own.
    expect((await group.lease(west)).untilAtMs).toBeGreaterThanOrEqual(beganAtMs + 18_000);
    expect(isLeaseOpen(await group.lease(west))).toBe(false);
    expect(isFenceOpen(await group.fence(west))).toBe(false);
  });

  test('that succeeded, and died before its rows, is finished by the next call (R2)', async () => {
    const group = await reserved(22_000);
    group.faults.faultOf = (call) => (call.method === 'change' && call.keys[0]?.table === 'fence' ? { kind: 'lose-request' } : undefined);
    await expect(take(group)).rejects.toMatchObject({ name: 'TimeoutError' });
    expect([(await group.value()).holder, (await group.lease(west)).epoch]).toEqual([west, 0]);
    group.faults.faultOf = () => undefined;
    group.clock.advance(1000);
    expect(await take(group)).toMatchObject({ epoch: 2 });
    expect(await group.lease(west)).toMatchObject({ epoch: 2, untilAtMs: group.clock.nowMs() + 18_000, openEpoch: 0 });
  });

  test('where too few acceptors answer takes nothing, and is tried again', async () => {
    const group = await reserved(22_000);
    group.faults.faultOf = (call) => (call.region === west ? undefined : { kind: 'lose-request' });
    await expect(take(group)).rejects.toMatchObject({ name: 'NoQuorumError' });
    group.faults.faultOf = (call) => (isRegister(call.keys[0]) ? { kind: 'lose-request' } : undefined);
    await expect(take(group)).rejects.toMatchObject({ name: 'NoQuorumError', message: expect.stringContaining('cannot be read') });
    expect(await group.value()).toMatchObject({ holder: east, epoch: 1 });
  });
});

describe('is over', () => {
  const over = { name: 'SupersededError', retryable: false };

  test('once another attempt has begun', async () => {
    const group = await reserved(22_000);
    await group.changeRegister((v) => nextAttempt(v, v, west, 3, maker()));
    await expect(take(group)).rejects.toMatchObject(over);
    expect(await take(group, 2)).toMatchObject({ epoch: 2, attempt: 2 });
  });

  test('once its own next attempt has begun here, whatever the register says (H8)', async () => {
    const group = await reserved(22_000);
    await group.changeRegister((v) => nextAttempt(v, v, west, 3, maker()));
    await take(group, 2);
    await expect(take(group, 1)).rejects.toMatchObject({ ...over, message: expect.stringContaining("is over: this region's runbook row is at epoch 2, attempt 2") });
  });

  test.each<[string, (v: RegisterValue) => RegisterValue]>([
    ['another successor', (v) => ({ ...v, successor: east })],
    ['an epoch beyond it', (v) => ({ ...v, epoch: 2 })],
    ['no failover at all', (v) => ({ ...v, renewable: true, successor: null, state: 'normal' })],
    ['a holder that may renew (nobody may take over from it)', (v) => ({ ...v, renewable: true })],
    ['its own epoch, revoked', (v) => ({ ...v, epoch: 2, holder: west, successor: east, renewable: false })],
  ])('where the register shows %s', async (_, change) => {
    const group = await reserved(22_000);
    await group.changeRegister((v) => ({ kind: 'set', value: change(v) }));
    const before = await group.value();
    await expect(take(group)).rejects.toMatchObject(over);
    expect(await group.value()).toEqual(before);
    expect((await group.lease(west)).epoch).toBe(0);
  });

  test('in another region, or for another group', async () => {
    const group = await reserved(22_000);
    await expect(takeLeaseStep(group.governor(east), group.inputOf(2))).rejects.toMatchObject(over);
    await expect(takeLeaseStep(group.governor(west), { ...group.inputOf(2), group: 'billing' })).rejects.toMatchObject(over);
    expect(await group.row(east, { table: 'region', pk: 'FAILOVER', sk: '#' })).toMatchObject({ epoch: 1 });
  });

  test('is not said of a value that may never be chosen: that is looked at again', async () => {
    const group = await reserved(22_000);
    const { value } = await group.acceptor(west);
    await group.store(ireland).change({
      key: { table: 'register', pk: 'REGISTER#orders' },
      set: { acceptedBallot: `9${'0'.repeat(15)}.us-east-1.${'0'.repeat(32)}`, acceptedValue: JSON.stringify({ ...value, successor: east, attempt: 2 }) },
      when: [],
      mayCreate: false,
    });
    group.faults.faultOf = (call) => (call.region === east && call.method === 'get' ? { kind: 'lose-request' } : undefined);
    await expect(take(group)).rejects.toMatchObject({ name: 'NoQuorumError', message: expect.stringContaining('in between') });
  });
});

test('the first start is the same step: the initial region holds epoch 1 already, and its rows are written', async () => {
  const group = createGroup();
  await group.resume();
  await takeLeaseStep(group.governor(east), group.inputOf(1, 1, east));
  expect(await group.lease(east)).toMatchObject({ epoch: 1, openEpoch: 0, untilAtMs: group.clock.nowMs() + 18_000 });
  expect((await group.fence(east)).epoch).toBe(1);
});

describe('a planned switch-over', () => {
  const planned = async (seenMs = 0): Promise<Group> => {
    const group = createGroup();
    await group.open();
    await group.rounds(4);
    group.clock.advance(seenMs);
    await group.changeRegister((v) => operatorSwitch(v, west, group.policy, maker()));
    return group;
  };
  const releaseNow = (group: Group) => group.changeRegister((v) => releaseTo(v, v, east));

  test('is taken within half a second of its release, by the call that waits for it', async () => {
    const group = await planned();
    const waits: number[] = [];
    const clock = {
      nowMs: group.clock.nowMs,
      monotonicMs: group.clock.monotonicMs,
      wait: async (ms: number) => {
        waits.push(ms);
        group.clock.advance(ms);
        if (waits.length === 3) await releaseNow(group);
      },
    };
    expect(await takeLeaseStep(group.governorOf(west, { clock }), group.inputOf(2))).toMatchObject({ epoch: 2 });
    expect(waits).toEqual([500, 500, 500]);
    expect(await group.value()).toMatchObject({ holder: west, epoch: 2, planned: true, regions: { [east]: { reconciled: true } } });
  });

  test('is not taken by the clock, however long the renewal was seen, while nobody says that the holder fails', async () => {
    const group = await planned(60_000);
    await expect(take(group)).rejects.toMatchObject({ name: 'LeaseNotDueError', retryable: true });
    expect(group.clock.waits).toEqual(Array.from({ length: 20 }, () => 500));
    expect((await group.value()).holder).toBe(east);
  });

  test('is taken by the clock once a majority says that the holder fails, as from any holder', async () => {
    const group = await planned();
    group.probes[east] = { liveness: 'failed', readiness: 'failed' };
    await group.rounds(3, [west, ireland]);
    const { waits } = group.clock;
    waits.length = 0;
    expect(await take(group)).toMatchObject({ epoch: 2 });
    expect(await group.value()).toMatchObject({ holder: west, regions: { [east]: { reconciled: false } } });
    expect(await group.value()).not.toHaveProperty('planned');
    // What is left of D + ε, and no look each half second.
    expect(waits).toEqual([2000]);
  });

  test('that its holder took back is over, for the call that waits as well', async () => {
    const group = await planned();
    const clock = {
      nowMs: group.clock.nowMs,
      monotonicMs: group.clock.monotonicMs,
      wait: async (ms: number) => {
        group.clock.advance(ms);
        await group.changeRegister((v) => (v.epoch === 1 ? handBack(v, v, east, renewalId(77), maker()) : { kind: 'set', value: v }));
      },
    };
    await expect(takeLeaseStep(group.governorOf(west, { clock }), group.inputOf(2))).rejects.toMatchObject({ name: 'SupersededError' });
  });
});

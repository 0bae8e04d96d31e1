// What a tick does with its own region's rows: renew, repeat a half-done take-over, let go in the one order that is safe, close.
import { describe, expect, test } from 'vitest';
import { closedForGood, isFenceOpen, isLeaseOpen } from '../../src/core/lease/lease-rows.ts';
import { takeLease } from '../../src/core/failover/register-changes.ts';
import { renewalId } from '../core/fixtures.ts';
import { east, ireland, opened, revokeEast, signal, ticked, west, type Group } from './group.ts';

describe('the holder', () => {
  test('renews: each time under an id of its own, from when it began to D − ε after that', async () => {
    const group = await opened();
    group.clock.advance(5000);
    const beganAtMs = group.clock.nowMs();
    const before = await group.value();
    // The register's answers take 300 ms; the deadline counts from before them.
    group.faults.faultOf = (call) => {
      if (call.changes[0]?.set['acceptedValue'] !== undefined && call.region === east) group.clock.advance(300);
      return undefined;
    };
    expect(ticked(await group.tick(east)).lease).toMatch(/^renewed epoch 1/);
    expect((await group.lease(east)).untilAtMs).toBe(beganAtMs + 18_000);
    expect((await group.fence(east, 1)).untilAtMs).toBe(beganAtMs + 18_000);
    expect((await group.value()).renewal).not.toBe(before.renewal);
    expect({ ...(await group.value()), renewal: '' }).toEqual({ ...before, renewal: '' });
  });

  test('that was frozen in its renewal counts the larger time (H5)', async () => {
    const group = await opened();
    group.clock.advance(5000);
    const beganAtMs = group.clock.nowMs();
    group.faults.faultOf = (call) => {
      if (call.changes[0]?.set['acceptedValue'] !== undefined && call.region === east) group.clock.freeze(9000);
      return undefined;
    };
    await group.tick(east);
    expect((await group.lease(east)).untilAtMs).toBe(beganAtMs + 18_000);
  });

  test('whose wall clock was set back in its renewal does not gain by it', async () => {
    const group = await opened();
    group.clock.advance(5000);
    const before = (await group.lease(east)).untilAtMs;
    const beganAtMs = group.clock.nowMs();
    let isDone = false;
    group.faults.faultOf = (call) => {
      if (!isDone && call.changes[0]?.set['acceptedValue'] !== undefined && call.region === east) {
        isDone = true;
        group.clock.advance(400);
        group.clock.set(-4000);
      }
      return undefined;
    };
    await group.tick(east);
    // Wall time fell by 3,600 ms, monotonic time rose by 400: the renewal began 400 ms before what the wall says now.
    expect((await group.lease(east)).untilAtMs).toBe(Math.max(before, beganAtMs - 3600 - 400 + 18_000));
  });

  test('extends nothing by a renewal of unknown outcome', async () => {
    const group = await opened();
    group.clock.advance(5000);
    const before = await group.lease(east);
    group.faults.faultOf = (call) => (call.changes[0]?.set['acceptedValue'] !== undefined ? { kind: 'lose-answer' } : undefined);
    expect(ticked(await group.tick(east)).lease).toMatch(/unknown outcome extends nothing/);
    expect(await group.lease(east)).toEqual(before);
  });

  test('that reaches no majority stops by itself at its deadline, and closes its fence when it sees that', async () => {
    const group = await opened();
    const { untilAtMs } = await group.lease(east);
    group.faults.faultOf = (call) => (call.region === east ? undefined : { kind: 'lose-request' });
    for (let i = 0; i < 4; i += 1) {
      await group.tick(east);
      group.clock.advance(5000);
    }
    expect((await group.lease(east)).untilAtMs).toBe(untilAtMs);
    expect(group.clock.nowMs()).toBeGreaterThan(untilAtMs);
    await group.tick(east);
    expect(await group.fence(east)).toMatchObject({ untilAtMs, closedThroughMs: untilAtMs });
    // Healed before anybody took over: the ordinary renewal opens again.
    group.faults.faultOf = () => undefined;
    group.clock.advance(5000);
    await group.tick(east);
    expect(isFenceOpen(await group.fence(east))).toBe(true);
  });

  test('does not renew while its clocks disagree, and says so to people', async () => {
    const group = await opened();
    group.clock.advance(5000);
    const before = await group.value();
    group.samples.push({ dateMs: group.clock.nowMs() + 60_000, sentAtMs: group.clock.nowMs(), receivedAtMs: group.clock.nowMs() });
    const report = ticked(await group.tick(east));
    expect(report.lease).toBe('not renewed: the clocks disagree');
    expect(report.decision).toMatchObject({ kind: 'nothing', because: expect.stringContaining('clock differs') });
    expect(await group.value()).toEqual(before);
    expect(group.notices).toMatchObject([{ severity: 'critical', subject: 'orders: the clocks of us-east-1 disagree' }]);
  });

  test('goes on where people cannot be told', async () => {
    const group = await opened();
    group.samples.push({ dateMs: 0, sentAtMs: group.clock.nowMs(), receivedAtMs: group.clock.nowMs() });
    const deaf = group.governorOf(east, { notifier: { notify: async () => Promise.reject(new Error('no topic')) } });
    expect((await group.tick(east, deaf)).kind).toBe('ticked');
  });

  test('whose rows still carry an older epoch repeats TakeLease before it renews (R2), and opens nothing by that (P1)', async () => {
    const group = await opened();
    await revokeEast(group);
    const seen = await group.value();
    await group.changeRegister((v) => takeLease(v, seen, west, renewalId(99)));
    // us-west-2 died between the register and its rows.
    expect(await group.lease(west)).toMatchObject({ epoch: 0 });
    await group.tick(west);
    const { untilAtMs, ...lease } = await group.lease(west);
    expect(lease).toEqual({ epoch: 2, openEpoch: 0, closedEpoch: 0 });
    expect(untilAtMs).toBe(group.clock.nowMs() + 18_000);
    for (const k of [0, 1]) expect(await group.fence(west, k)).toEqual({ epoch: 2, untilAtMs: 0, closedThroughMs: 0 });
  });

  test('half-way through that too: fence rows raised, lease row not', async () => {
    const group = await opened();
    await revokeEast(group);
    const seen = await group.value();
    await group.changeRegister((v) => takeLease(v, seen, west, renewalId(99)));
    group.faults.faultOf = (call) => (call.keys[0]?.pk === 'LEASE' && call.method === 'change' ? { kind: 'lose-request' } : undefined);
    expect(ticked(await group.tick(west)).lease).toMatch(/not kept: TimeoutError/);
    expect([(await group.fence(west)).epoch, (await group.lease(west)).epoch]).toEqual([2, 0]);
    group.faults.faultOf = () => undefined;
    group.clock.advance(5000);
    expect(ticked(await group.tick(west)).lease).toMatch(/renewed epoch 2/);
    expect((await group.lease(west)).epoch).toBe(2);
  });

  test('writes its lease row only when every fence row is confirmed (C6)', async () => {
    const group = await opened();
    await revokeEast(group);
    const seen = await group.value();
    await group.changeRegister((v) => takeLease(v, seen, west, renewalId(99)));
    group.faults.faultOf = (call) => (call.keys[0]?.pk === 'FENCE#1' && call.method === 'change' ? { kind: 'lose-request' } : undefined);
    await group.tick(west);
    expect((await group.lease(west)).epoch).toBe(0);
  });
});

/** The changes of us-east-1's own rows and of the register, in their order, in short. */

/** The changes of us-east-1's own rows and of the register, in their order, in short. */
function letGo(calls: Group['calls']) {
  return calls.flatMap((c) => {
    const [change] = c.changes;
    if (c.by !== east || change === undefined) return [];
    if (change.key.pk === 'LEASE' && change.set['closedEpoch'] !== undefined) return [{ what: 'close lease row', atMs: c.atMs }];
    if (change.key.table === 'fence' && change.set['closedThroughMs'] === closedForGood) return [{ what: 'close fence row', atMs: c.atMs }];
    if (String(change.set['acceptedValue'] ?? '').includes('"released":true')) return [{ what: 'release', atMs: c.atMs }];
    return [];
  });
}

describe('a holder that reads its revocation', () => {
  test('closes its lease row, then its fence rows, waits, then releases (C1, C2, C3)', async () => {
    const group = await opened();
    await revokeEast(group);
    group.calls.length = 0;
    expect(ticked(await group.tick(east)).lease).toBe('released epoch 1');
    const order = letGo(group.calls);
    expect(order.map((c) => c.what)).toEqual(['close lease row', 'close fence row', 'close fence row', ...order.slice(3).map(() => 'release')]);
    expect(order.length).toBeGreaterThan(3);
    // Gate cache + σ + effect: 1000 + 500 + 500, counted from the lease row's close.
    expect(group.clock.waits).toEqual([2000]);
    expect((order[3]?.atMs ?? 0) - (order[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(2000);
    expect(await group.value()).toMatchObject({ released: true, successor: west });
    expect(isLeaseOpen(await group.lease(east))).toBe(false);
    for (const k of [0, 1]) expect(await group.fence(east, k)).toMatchObject({ epoch: 1, closedThroughMs: closedForGood });
  });

  test('counts the wait from the close of the lease row: what the fence rows took is not waited twice', async () => {
    const group = await opened();
    await revokeEast(group);
    group.faults.faultOf = (call) => {
      if (call.keys[0]?.pk === 'FENCE#1' && call.method === 'change') group.clock.advance(700);
      return undefined;
    };
    await group.tick(east);
    // FENCE#1 is touched twice: raised (refused) and closed.
    expect(group.clock.waits).toEqual([600]);
  });

  test.each([0, 1])('does not release while FENCE#%i is not confirmed closed', async (k) => {
    const group = await opened();
    await revokeEast(group);
    group.faults.faultOf = (call) => (call.keys[0]?.pk === `FENCE#${k}` && call.changes[0]?.set['closedThroughMs'] === closedForGood ? { kind: 'lose-answer' } : undefined);
    expect(ticked(await group.tick(east)).lease).toMatch(/not kept: TimeoutError/);
    expect((await group.value()).released).toBe(false);
    group.faults.faultOf = () => undefined;
    group.clock.advance(5000);
    expect(ticked(await group.tick(east)).lease).toBe('released epoch 1');
  });

  test('does not release where the close of its lease row is not confirmed', async () => {
    const group = await opened();
    await revokeEast(group);
    group.faults.faultOf = (call) => (call.changes[0]?.set['closedEpoch'] !== undefined ? { kind: 'lose-request' } : undefined);
    await group.tick(east);
    expect((await group.value()).released).toBe(false);
  });

  test('that sees it only in its own renewal lets go in the same tick', async () => {
    const group = await opened();
    await revokeEast(group);
    // Its look is answered by one acceptor that missed the revocation: a minority, by which the holder still renews.
    const old = await group.acceptor(east);
    await group.store(east).change({
      key: { table: 'register', pk: 'REGISTER#orders' },
      set: { acceptedValue: JSON.stringify({ ...old.value, renewable: true, successor: null, state: 'normal' }), acceptedBallot: `${'0'.repeat(15)}1.us-east-1.${'0'.repeat(32)}` },
      when: [],
      mayCreate: false,
    });
    group.faults.faultOf = (call) => (call.method === 'get' && call.region !== east ? { kind: 'lose-request' } : undefined);
    expect(ticked(await group.tick(east)).lease).toBe('released epoch 1');
  });

  test('a renewal that thaws after the close re-opens neither lease row nor fence (C1, C3)', async () => {
    const group = await opened();
    group.clock.advance(5000);
    const thaw = signal();
    const reached = signal();
    // Its CAS is chosen; then it freezes before its row writes.
    const frozen = group.governorOf(east);
    group.faults.faultOf = (call) => {
      const [change] = call.changes;
      if (call.region !== east || change?.set['untilAtMs'] === undefined || Object.keys(change.set).length !== 1) return undefined;
      reached.resolve();
      return { kind: 'hold-request', until: thaw.promise };
    };
    const renewal = group.tick(east, frozen);
    await reached.promise;
    group.faults.faultOf = () => undefined;
    await revokeEast(group);
    group.clock.advance(5000);
    expect(ticked(await group.tick(east)).lease).toBe('released epoch 1');
    const [lease, fence] = [await group.lease(east), await group.fence(east)];
    thaw.resolve();
    expect(ticked(await renewal).lease).toMatch(/renewed epoch 1/);
    expect(await group.lease(east)).toEqual(lease);
    expect(await group.fence(east)).toEqual(fence);
    expect(isLeaseOpen(await group.lease(east))).toBe(false);
    expect(isFenceOpen(await group.fence(east))).toBe(false);
  });

  test('a fence row that still carries an older epoch is raised, then closed: a zombie meets the close', async () => {
    const group = await opened();
    await revokeEast(group);
    await group.store(east).change({ key: { table: 'fence', pk: 'FENCE#0' }, set: { epoch: 0, untilAtMs: 0, closedThroughMs: 0 }, when: [], mayCreate: false });
    await group.tick(east);
    expect(await group.fence(east, 0)).toEqual({ epoch: 1, untilAtMs: 0, closedThroughMs: closedForGood });
  });
});

describe('a region that reads a newer holder', () => {
  async function taken(): Promise<Group> {
    const group = await opened();
    await revokeEast(group);
    const seen = await group.value();
    await group.changeRegister((v) => takeLease(v, seen, west, renewalId(99)));
    return group;
  }

  test('closes everything older for good, and does not touch the register (C4)', async () => {
    const group = await taken();
    const before = await group.value();
    expect(ticked(await group.tick(east)).lease).toBe('closed below epoch 2 (own rows were of epoch 1)');
    for (const k of [0, 1]) expect(await group.fence(east, k)).toMatchObject({ epoch: 1, closedThroughMs: closedForGood });
    expect(isLeaseOpen(await group.lease(east))).toBe(false);
    expect(await group.value()).toEqual(before);
  });

  test('closes nothing by a value that may never be chosen', async () => {
    const group = await opened();
    const before = await group.fence(east);
    // One acceptor shows a newer holder under a higher ballot; a majority does not.
    await group.store(west).change({
      key: { table: 'register', pk: 'REGISTER#orders' },
      set: { acceptedBallot: `9${'0'.repeat(15)}.us-west-2.${'0'.repeat(32)}`, acceptedValue: JSON.stringify({ ...(await group.value()), holder: west, epoch: 2 }) },
      when: [],
      mayCreate: false,
    });
    group.faults.faultOf = (call) => (call.region === ireland && call.method === 'get' ? { kind: 'lose-request' } : undefined);
    expect(ticked(await group.tick(east)).lease).not.toMatch(/closed below/);
    expect(await group.fence(east)).toEqual(before);
  });

  test('leaves alone what a TakeLease in between has raised (R1)', async () => {
    const group = await taken();
    group.faults.faultOf = (call) => {
      if (call.changes[0]?.set['closedThroughMs'] !== closedForGood) return undefined;
      group.faults.faultOf = () => undefined;
      return undefined;
    };
    // Between the look and the close, us-east-1 takes epoch 3: its rows carry 3 and must not be shut.
    await group.store(east).change({ key: { table: 'fence', pk: 'FENCE#0' }, set: { epoch: 3, untilAtMs: 0, closedThroughMs: 0 }, when: [], mayCreate: false });
    await group.tick(east);
    expect(await group.fence(east, 0)).toEqual({ epoch: 3, untilAtMs: 0, closedThroughMs: 0 });
    expect(await group.fence(east, 1)).toMatchObject({ closedThroughMs: closedForGood });
  });
});

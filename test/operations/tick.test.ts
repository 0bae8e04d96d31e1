// The governor's tick: claimed once, the same work every time, decided when a clock falls due.
import { describe, expect, test } from 'vitest';
import { declareLapse } from '../../src/core/failover/register-changes.ts';
import { parseLook } from '../../src/core/lease/look.ts';
import { parseVantage } from '../../src/core/health/vantage.ts';
import { takeLeaseStep } from '../../src/operations/take-lease.ts';
import { tick } from '../../src/operations/tick.ts';
import { maker } from '../core/fixtures.ts';
import { east, ireland, never, opened, ticked, west, type Group } from './group.ts';

const lookKey = { table: 'region', pk: 'LOOK', sk: '#' } as const;
const tickKey = { table: 'region', pk: 'TICK', sk: '#' } as const;

describe('a slot', () => {
  test('is claimed once: the second delivery does nothing', async () => {
    const group = await opened();
    expect((await group.tick(east)).kind).toBe('ticked');
    const calls = group.calls.length;
    expect(await group.tick(east)).toEqual({ kind: 'not-mine', slot: group.slot() });
    expect(group.calls.length - calls).toBe(1);
  });

  test('of two invocations at once, exactly one works', async () => {
    const group = await opened();
    const reports = await Promise.all([1, 2, 3, 4].map(() => group.tick(east)));
    expect(reports.filter((r) => r.kind === 'ticked')).toHaveLength(1);
  });

  test('that comes more than a tick after its end is dropped, and not even claimed', async () => {
    const group = await opened();
    const slot = group.slot();
    const { tickMs } = group.policy.timing;
    group.clock.advance((slot + 2) * tickMs - group.clock.nowMs());
    expect((await tick(group.governor(east), slot, async () => 0)).kind).toBe('ticked');
    const next = slot + 1;
    group.clock.advance((next + 2) * tickMs + 1 - group.clock.nowMs());
    expect(await tick(group.governor(east), next, async () => 0)).toEqual({ kind: 'late', slot: next });
    expect((await group.row(east, tickKey))?.['slot']).toBe(slot);
  });

  test('of the far future (a host whose clock is ahead, a mistaken message) does not silence the region until then', async () => {
    const group = await opened();
    await tick(group.governor(east), group.slot() + 720, async () => 0).catch(() => undefined);
    expect((await group.tick(east)).kind).toBe('ticked');
  });
});

describe('a challenger', () => {
  test('times the renewal from when the answers were in, and declares the lapse when D + ε falls due, not at the next tick', async () => {
    const group = await opened();
    await group.rounds(3);
    // us-east-1's governor and tables die; its service still answers, so that no verdict is faster than the clock.
    group.faults.faultOf = (call) => (call.region === east ? { kind: 'lose-request' } : undefined);
    const diedAtMs = group.clock.nowMs();
    for (let i = 0; i < 8; i += 1) {
      await group.tick(ireland);
      await group.tick(west);
      if ((await group.value()).state === 'failing-over') break;
      group.clock.advance(5000);
    }
    expect(await group.value()).toMatchObject({ state: 'failing-over', successor: west, epoch: 1, renewable: false });
    // The last renewal was seen at the last round, 5 s before; the clock ran 22 s from then.
    expect(group.clock.nowMs() - diedAtMs).toBeGreaterThanOrEqual(22_000 - 5000);
    expect(group.clock.nowMs() - diedAtMs).toBeLessThanOrEqual(22_000 + 100);
    // The target started the runbook; the witness does not.
    expect(group.started).toEqual([{ name: 'fo-2-1', input: group.inputOf(2) }]);
  });

  test('waits for nothing and decides on a fresh look when its clock falls due within the tick', async () => {
    const group = await opened();
    await group.tick(west);
    await group.tick(ireland);
    group.clock.advance(5000);
    await group.tick(west);
    await group.tick(ireland);
    group.clock.advance(14_000);
    const report = ticked(await group.tick(west));
    expect(group.clock.waits).toEqual([3000]);
    expect(report.decision.kind).toBe('declare-lapse');
  });

  test('gives way to a renewal that came while it waited', async () => {
    const group = await opened();
    await group.rounds(2, [west, ireland]);
    group.clock.advance(9000);
    const wait = group.clock.wait;
    group.clock.wait = async (ms) => {
      await wait(ms);
      await group.tick(east);
    };
    const report = ticked(await group.tick(west));
    expect(report.decision.kind).toBe('nothing');
    expect(await group.value()).toMatchObject({ state: 'normal', holder: east });
  });

  test('keeps its clock over its own restarts: it lives in a row, and a frozen host does not run it', async () => {
    const group = await opened();
    await group.tick(west);
    const look = parseLook(await group.row(west, lookKey));
    group.clock.advance(5000);
    await group.tick(west, group.governorOf(west));
    expect(parseLook(await group.row(west, lookKey))).toMatchObject({ renewal: look.renewal, sinceMs: look.sinceMs });
  });

  test('in a host that freezes while it works counts the smaller time (H5)', async () => {
    const group = await opened();
    await group.rounds(2, [west, ireland]);
    group.clock.advance(7000);
    // 17 s seen. While it reads the look row, its host freezes for 6 s of wall time.
    group.faults.faultOf = (call) => {
      if (call.by !== west || call.keys[0]?.pk !== 'VANTAGE#orders' || call.method !== 'get' || call.region !== west) return undefined;
      group.clock.freeze(6000);
      return undefined;
    };
    await group.tick(west);
    // By the wall 23 s were seen; but only what the host counted as well is certain: 17 s, so 5 s are left.
    expect(group.clock.waits).toEqual([5000]);
  });

  test('does not count a wall clock that was set forward while it worked', async () => {
    const group = await opened();
    await group.rounds(2, [west, ireland]);
    group.faults.faultOf = (call) => {
      if (call.by === west && call.keys[0]?.pk === 'VANTAGE#orders' && call.method === 'get' && call.region === west) group.clock.set(3_600_000);
      return undefined;
    };
    await group.tick(west);
    expect((await group.value()).state).toBe('normal');
  });
});

describe('mode', () => {
  async function lapsing(mode: 'observe' | 'advise' | 'approve'): Promise<Group> {
    const group = await opened({ mode });
    await group.rounds(2, [west, ireland]);
    group.clock.advance(12_000);
    return group;
  }

  test.each([
    ['observe', 0],
    ['advise', 1],
  ] as const)('%s writes down what it would do, changes nothing, and tells %i person(s)', async (mode, told) => {
    const group = await lapsing(mode);
    const before = await group.value();
    group.notices.length = 0;
    const report = ticked(await group.tick(west));
    expect(report.outcome).toMatch(`mode '${mode}': would declare-lapse`);
    expect(await group.value()).toEqual(before);
    expect(await group.row(west, { table: 'region', pk: 'SHADOW', sk: '#' })).toMatchObject({ state: 'normal', epoch: 1, decision: expect.stringContaining('declare-lapse') });
    expect(group.notices).toHaveLength(told);
  });

  test('approve declares: a person is asked later, by the runbook', async () => {
    const group = await lapsing('approve');
    await group.tick(west);
    expect((await group.value()).state).toBe('failing-over');
  });
});

describe('every tick', () => {
  test('of the target asks for the runbook again, whoever made the transition and then died (H7)', async () => {
    const group = await opened();
    await group.changeRegister((v) => declareLapse(v, v, west, maker()));
    await group.rounds(3, [west]);
    expect(group.started).toEqual([{ name: 'fo-2-1', input: group.inputOf(2) }]);
    await group.rounds(1, [ireland]);
    expect(group.started).toHaveLength(1);
  });

  test('of a paused group starts and decides nothing, and renews', async () => {
    const group = await opened();
    await group.changeRegister((v) => declareLapse(v, v, west, maker()));
    await group.pause();
    await group.rounds(1, [west]);
    expect(group.started).toEqual([]);
    const calm = await opened();
    await calm.pause();
    calm.clock.advance(5000);
    expect(ticked(await calm.tick(east))).toMatchObject({ lease: expect.stringMatching(/renewed/), decision: { kind: 'nothing', because: 'paused by anna: maintenance' } });
  });

  test('goes on where the runbook cannot be started, and says so', async () => {
    const group = await opened();
    await group.changeRegister((v) => declareLapse(v, v, west, maker()));
    const report = ticked(await group.tick(west, group.governorOf(west, { runbook: { start: async () => Promise.reject(new Error('throttled')) } })));
    expect(report.problems).toEqual([expect.stringContaining('throttled')]);
  });

  test('makes the same calls on a calm day and with two regions gone (constant work)', async () => {
    const shape = (calls: Group['calls']) => calls.map((c) => `${c.method} ${c.region} ${c.keys[0]?.pk}`).toSorted();
    const calm = await opened();
    calm.calls.length = 0;
    await calm.tick(ireland);
    const bad = await opened();
    bad.faults.faultOf = (call) => (call.region === ireland ? undefined : { kind: 'lose-request' });
    bad.calls.length = 0;
    await bad.tick(ireland);
    expect(shape(bad.calls)).toEqual(shape(calm.calls));
  });

  test('ends though a region hangs: nothing waits for the last answer of the register', async () => {
    const group = await opened();
    group.faults.faultOf = (call) => (call.region === ireland && call.keys[0]?.pk === 'REGISTER#orders' ? { kind: 'hold-request', until: never } : undefined);
    expect(ticked(await group.tick(east)).lease).toMatch(/renewed/);
  });

  test('writes what this region saw, for the others to judge by', async () => {
    const group = await opened();
    group.probes[east] = { readiness: 'failed' };
    await group.rounds(2);
    const row = await group.row(west, { table: 'register', pk: 'VANTAGE#orders' });
    const vantage = parseVantage(west, String(row?.['vantage']));
    expect(vantage).toMatchObject({ region: west, count: 2, serviceUrl: 'https://us-west-2.example', dataAgeMs: 0 });
    // The first tick does not know the other's endpoint yet.
    expect(vantage.candidates[east]).toMatchObject({ liveness: expect.arrayContaining(['ok']), readiness: expect.arrayContaining(['failed']) });
    expect(vantage.candidates[west]).toMatchObject({ liveness: ['ok', 'ok'], readiness: ['ok', 'ok'] });
  });

  test('heals a vantage row that cannot be read (a newer version wrote it, and was rolled back)', async () => {
    const group = await opened();
    await group.rounds(3);
    await group.store(west).change({ key: { table: 'register', pk: 'VANTAGE#orders' }, set: { vantage: '{"of":"version 2"}' }, when: [], mayCreate: false });
    await group.rounds(1);
    const row = await group.row(west, { table: 'register', pk: 'VANTAGE#orders' });
    expect(() => parseVantage(west, String(row?.['vantage']))).not.toThrow();
  });

  test('of a region whose rows were emptied acts by nothing, and creates none of them (H3)', async () => {
    const group = await opened();
    const gone = group.governorOf(east, { own: { region: east, get: async () => undefined, change: async () => ({ kind: 'refused', row: undefined }), changeTogether: async () => 'refused' } });
    expect((await group.tick(east, gone)).kind).toBe('not-mine');
  });
});

describe('a sick holder', () => {
  test('is revoked by the others, lets go, and does not take the attempt from its successor', async () => {
    const group = await opened();
    await group.rounds(4);
    group.probes[east] = { liveness: 'failed', readiness: 'failed' };
    for (let i = 0; i < 8 && (await group.value()).state !== 'failing-over'; i += 1) await group.rounds(1);
    expect(await group.value()).toMatchObject({ state: 'failing-over', successor: west, attempt: 1 });
    await group.rounds(3);
    expect(await group.value()).toMatchObject({ successor: west, attempt: 1, released: true });
    expect(await takeLeaseStep(group.governor(west), group.inputOf(2))).toMatchObject({ epoch: 2, attempt: 1 });
  });
});

// A planned switch-over from the holder's side: closed, shipped to the end, applied there, and only then released; or taken back.
import { describe, expect, test } from 'vitest';
import { nextAttempt } from '../../src/core/failover/register-changes.ts';
import { isFenceOpen } from '../../src/core/lease/lease-rows.ts';
import { votersOf, type Governor } from '../../src/operations/governor.ts';
import { openGateStep } from '../../src/operations/open-gate.ts';
import { tablesRegister } from '../../src/operations/tables-register.ts';
import { takeLeaseStep } from '../../src/operations/take-lease.ts';
import { maker } from '../core/fixtures.ts';
import { createHandOver, type HandOverWorld } from './hand-over-world.ts';
import { east, ireland, ticked, west } from './group.ts';

const isMarker = (key: string) => key.startsWith('holdfast-drain#');

async function movedTo({ group }: HandOverWorld): Promise<unknown[]> {
  return Promise.all([0, 1].map(async (k) => (await group.row(east, { table: 'fence', pk: `FENCE#${k}` }))?.['movedTo']));
}

describe('hands over', () => {
  test.each([1, 2, 5])('in one tick where all is well, with %i shards', async (shards) => {
    const world = await createHandOver({ shards });
    await world.ask();
    const { lease } = await world.tick();
    expect(lease).toMatch(/^released epoch 1 as planned: us-west-2 has applied all \d+ records$/);
    expect(await world.group.value()).toMatchObject({ holder: east, epoch: 1, released: true, planned: true, successor: west });
    expect(world.isClosed()).toBe(true);
    expect(world.items.size).toBe(20);
    const covered = world.stream.shards().filter((s) => s.entries.some((e) => isMarker(e.key)));
    expect(covered).toHaveLength(shards);
    expect(await movedTo(world)).toEqual([`https://${west}.example`, `https://${west}.example`]);
    expect(await takeLeaseStep(world.group.governor(west), world.group.inputOf(2))).toMatchObject({ epoch: 2 });
    expect(await world.group.value()).toMatchObject({ holder: west, epoch: 2, regions: { [east]: { reconciled: true }, [west]: { reconciled: true } } });
  });

  test('no marker is written before every row is closed for good', async () => {
    const world = await createHandOver({ shards: 3 });
    await world.ask();
    await world.tick();
    expect(world.wasClosed.length).toBeGreaterThan(2);
    expect(world.wasClosed).not.toContain(false);
  });

  test('not before gate hosts may have forgotten what they read (C2), however fast the rest was', async () => {
    const world = await createHandOver();
    await world.ask();
    const beganAtMs = world.group.clock.nowMs();
    await world.tick();
    const releasedAtMs = world.group.calls.findLast((c) => c.by === east && String(c.changes[0]?.set['acceptedValue']).includes('"released":true'))?.atMs ?? 0;
    expect(releasedAtMs - beganAtMs).toBeGreaterThanOrEqual(2000);
  });

  test.each(['deliver', 'apply'] as const)('not while the log does not %s', async (what) => {
    const world = await createHandOver({ shards: 2 });
    await world.ask();
    world.rules[what === 'deliver' ? 'isDelivering' : 'isApplying'] = false;
    world.rules.onWait = (count) => {
      if (count === 20) Object.assign(world.rules, { isDelivering: true, isApplying: true });
    };
    const { lease } = await world.tick();
    expect(lease).toMatch(/^released epoch 1/);
    expect(world.waits()).toBeGreaterThanOrEqual(20);
  });

  test('waits for the last marker of all shards, and not only for what was applied before', async () => {
    const world = await createHandOver({ shards: 3 });
    await world.deliver();
    await world.apply();
    world.rules.isApplying = false;
    const before = (await world.log.head(east)).sequence;
    await world.ask();
    world.rules.onWait = (count) => void (count === 10 ? world.apply(before + 1) : undefined);
    const { lease } = await world.tick();
    expect(lease).toMatch(/not handed over yet: us-west-2 has applied 21 of \d+ records/);
    expect((await world.group.value()).released).toBe(false);
  });

  test('a shard that splits before it showed a marker is covered by its children', async () => {
    const world = await createHandOver({ shards: 2 });
    await world.ask();
    const governor = {
      ...world.governor,
      handOver: {
        stream: {
          ends: () => world.stream.ends(),
          read: (iterator: string) => world.stream.read(iterator),
          // Every marker of before the split misses the shard that closes.
          mark: async (key: string, epoch: number) => (world.stream.shards().length === 2 ? world.stream.split('shard-0') : world.stream.mark(key, epoch)),
        },
        log: world.log,
        rowsOf: () => world.group.store(west),
      },
    };
    const { lease } = ticked(await world.group.tick(east, governor));
    expect(lease).toMatch(/^released epoch 1/);
    const children = world.stream.shards().filter((s) => s.parent === 'shard-0');
    expect(children).toHaveLength(2);
    for (const { entries } of children) expect(entries.some((e) => isMarker(e.key))).toBe(true);
  });

  test('a list of shards that fails after one has closed is asked for again, and not done without', async () => {
    const world = await createHandOver({ shards: 1 });
    await world.ask();
    let lists = 0;
    const governor = {
      ...world.governor,
      handOver: {
        stream: {
          ends: () => {
            lists += 1;
            return lists === 2 ? Promise.reject(new Error('throttled')) : world.stream.ends();
          },
          read: (iterator: string) => world.stream.read(iterator),
          mark: async (key: string, epoch: number) => (world.stream.shards().length === 1 ? world.stream.split('shard-0') : world.stream.mark(key, epoch)),
        },
        log: world.log,
        rowsOf: () => world.group.store(west),
      },
    };
    expect(ticked(await world.group.tick(east, governor)).lease).toMatch(/^released epoch 1/);
    expect(lists).toBe(3);
    for (const { id, entries } of world.stream.shards()) expect(id === 'shard-0' || entries.some((e) => isMarker(e.key))).toBe(true);
  });

  test.each([
    { lost: 2, ticks: 1 },
    { lost: 3, ticks: 2 },
  ])('a release that is lost is proposed again in the same tick: lost $lost times, released in tick $ticks', async ({ lost, ticks }) => {
    const world = await createHandOver();
    await world.ask();
    const register = tablesRegister(votersOf(world.governor));
    let left = lost;
    const governor: Governor = {
      ...world.governor,
      register: { look: async () => register.look(), change: async (seen, propose) => ((left -= 1) >= 0 ? { kind: 'unknown', because: 'no answer' } : register.change(seen, propose)) },
    };
    const told = [];
    for (let i = 0; i < ticks; i += 1) {
      told.push(ticked(await world.group.tick(east, governor)).lease);
      world.group.clock.advance(5000);
    }
    expect(told.slice(0, -1)).toEqual(Array(ticks - 1).fill('epoch 1 is closed and handed over, but not released: no answer'));
    expect(told.at(-1)).toMatch(/^released epoch 1 as planned/);
  });

  test('is repeated whole by the next tick, whichever call of a tick is its last', async () => {
    let isThrough = false;
    for (let last = 0; !isThrough; last += 1) {
      const world = await createHandOver({ shards: 2 });
      await world.ask();
      let calls = 0;
      world.group.faults.faultOf = (call) => (call.by === east && (calls += 1) > last ? { kind: calls === last + 1 ? 'lose-answer' : 'lose-request' } : undefined);
      await world.group.tick(east, world.governor).catch(() => undefined);
      isThrough = calls <= last;
      world.group.faults.faultOf = () => undefined;
      const told: string[] = [];
      for (let i = 0; i < 2; i += 1) {
        world.group.clock.advance(5000);
        told.push((await world.tick()).lease);
      }
      // One region's acceptor may have missed the last of it.
      const [newest] = (await Promise.all([east, west, ireland].map(world.group.acceptor))).toSorted((a, b) => (a.acceptedBallot < b.acceptedBallot ? 1 : -1));
      const value = newest?.value ?? (await world.group.value());
      const isReleased = value.epoch === 1 && value.released;
      expect(isReleased || (value.holder === east && value.epoch === 2 && value.renewable), `after ${last} calls: ${told.join(' · ')}`).toBe(true);
      expect([...world.items.keys()].filter(isMarker)).toEqual([]);
    }
  });
});

describe('takes it back', () => {
  test('after two ticks without completion, and opens by the ordinary runbook', async () => {
    const world = await createHandOver();
    world.rules.isDelivering = false;
    await world.ask();
    expect((await world.tick()).lease).toMatch(/not handed over yet/);
    const { lease } = await world.tick();
    expect(lease).toMatch(/^taken back in epoch 2: attempt 1 at us-west-2 was seen for 1\d{4} ms \(limit 10000 ms\)/);
    expect(await world.group.value()).toMatchObject({ holder: east, epoch: 2, attempt: 2, renewable: true, released: false, successor: null, state: 'failing-over' });
    expect(await world.group.lease(east)).toMatchObject({ epoch: 2, openEpoch: 1, closedEpoch: 1 });
    expect(isFenceOpen(await world.group.fence(east))).toBe(false);
    expect(await movedTo(world)).toEqual(['', '']);
    expect(world.group.started.at(-1)).toEqual({ name: 'fo-2-2', input: { group: 'orders', epoch: 2, attempt: 2, target: east } });
    expect(world.group.notices.at(-1)?.subject).toBe('orders: the planned switch-over to us-west-2 was taken back');
    const input = world.group.inputOf(2, 2, east);
    await takeLeaseStep(world.group.governor(east), input);
    await openGateStep(world.group.governor(east), input);
    expect(await world.group.value()).toMatchObject({ state: 'recovery', regions: { [east]: { reconciled: true }, [west]: { reconciled: true } } });
    await expect(takeLeaseStep(world.group.governor(west), world.group.inputOf(2))).rejects.toMatchObject({ name: 'SupersededError' });
  });

  test('at once where a majority of the vantage points says that the successor fails, also where all is handed over', async () => {
    const world = await createHandOver();
    world.group.probes[west] = { liveness: 'failed' };
    await world.group.rounds(4, [ireland, west]);
    await world.group.rounds(4);
    await world.ask();
    const { lease } = await world.tick();
    expect(lease).toMatch(/^taken back in epoch 2: us-west-2 fails/);
    expect(world.group.clock.waits.reduce((sum, ms) => sum + ms, 0)).toBeLessThan(3000);
  });

  test('where the deployment cannot hand over', async () => {
    const world = await createHandOver();
    await world.ask();
    const { handOver: _, ...governor } = world.governor;
    for (let i = 0; i < 2; i += 1) await world.group.tick(east, governor);
    expect(await world.group.value()).toMatchObject({ holder: east, epoch: 2 });
  });

  test('never before its rows are read back closed', async () => {
    const world = await createHandOver();
    world.rules.isDelivering = false;
    await world.ask();
    await world.tick();
    // The rows look closed to whoever writes them, and are not: as if the answers were another row's.
    world.group.faults.faultOf = () => undefined;
    const own = {
      ...world.governor.own,
      region: east,
      get: async (key: Parameters<typeof world.governor.own.get>[0]) => ({ ...(await world.governor.own.get(key)), ...(key.pk === 'FENCE#1' ? { closedThroughMs: 0 } : {}) }),
    };
    const governor = { ...world.governor, own: { ...own, change: world.governor.own.change.bind(world.governor.own), changeTogether: world.governor.own.changeTogether.bind(world.governor.own) } };
    const { lease } = ticked(await world.group.tick(east, governor));
    expect(lease).toMatch(/not closed for good in epoch 1/);
    expect(await world.group.value()).toMatchObject({ holder: east, epoch: 1, renewable: false });
  });
});

describe('changes nothing', () => {
  test('where another attempt has begun meanwhile: neither released nor taken back', async () => {
    const world = await createHandOver();
    await world.ask();
    let isMoved = false;
    world.rules.onWait = () => undefined;
    world.group.faults.faultOf = (call) => {
      if (call.by === east && call.keys[0]?.pk === 'LOG') isMoved = true;
      return undefined;
    };
    const stream = world.governor.handOver?.stream;
    if (stream === undefined) throw new Error('unreachable');
    const rowsOf = () => ({
      get: async () => {
        if (!isMoved) await world.group.changeRegister((v) => nextAttempt(v, v, west, 3, maker()));
        isMoved = true;
        return { sequence: 1_000_000 };
      },
    });
    const governor = { ...world.governor, handOver: { stream, log: world.log, rowsOf } };
    const { lease } = ticked(await world.group.tick(east, governor));
    expect(lease).toMatch(/closed and handed over, but not released: the planned switch-over to us-west-2, attempt 1, is over/);
    expect(await world.group.value()).toMatchObject({ holder: east, epoch: 1, attempt: 2, released: false });
    expect(await world.group.value()).not.toHaveProperty('planned');
  });

  test('of the successor, where a tick thaws after it was taken over', async () => {
    const world = await createHandOver();
    await world.ask();
    const thaw = Promise.withResolvers<void>();
    const frozen = { ...world.governor, clock: { ...world.governor.clock, wait: async () => thaw.promise } };
    const slow = world.group.tick(east, frozen);
    await new Promise((resolve) => setTimeout(resolve, 20));
    world.group.clock.advance(5000);
    expect((await world.tick()).lease).toMatch(/^released/);
    await takeLeaseStep(world.group.governor(west), world.group.inputOf(2));
    thaw.resolve();
    expect(ticked(await slow).lease).not.toMatch(/^(released|taken back)/);
    expect(await world.group.value()).toMatchObject({ holder: west, epoch: 2, renewable: true });
  });
});

// A person's program over a group whose register is one strongly consistent table: any one region that answers is enough, and
// nobody asks who votes.
import { describe, expect, it } from 'vitest';
import { toRuntimeConfig } from '../../src/config/runtime-config.ts';
import { drainedKey } from '../../src/core/lease/drained-row.ts';
import { closedForGood, fenceKey, leaseKey } from '../../src/core/lease/lease-rows.ts';
import { registerKey } from '../../src/core/register/acceptor-rows.ts';
import { parseRegisterValue, serializeRegisterValue, type RegisterValue } from '../../src/core/register/value.ts';
import { firstRows } from '../../src/core/rows/first-rows.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import type { RowStore } from '../../src/ports/row-store.ts';
import { strongSample } from '../config/strong-sample.ts';
import { holdfast } from './command-line.ts';
import { memoryGroup, nowMs, type Group } from './group-fixture.ts';

const config = toRuntimeConfig(strongSample);

/** The regions' own tables have no row of the register; a region that is unplugged does not reach its replica either. */
function strongGroup() {
  const group = memoryGroup(undefined, config);
  const table = new MemoryRowStore('everywhere', firstRows(config, 'us-east-1', config.initialRegion));
  for (const { region } of config.voters) group.of(region).rows.memory.restore('register', new Map());
  const replicaOf = (region: string): RowStore => {
    const reach = () => group.of(region).rows.get({ table: 'region', pk: 'TICK', sk: '#' });
    return {
      region,
      get: async (key) => reach().then(() => table.get(key)),
      change: async (change) => reach().then(() => table.change(change)),
      changeTogether: async () => Promise.reject(new Error('a strongly consistent table has no transactions')),
    };
  };
  const connection: Group['connection'] = { ...group.connection, regions: group.connection.regions.map((r) => ({ ...r, replica: replicaOf(r.region) })) };
  const value = async () => parseRegisterValue(String((await table.get(registerKey(config.group)))?.['acceptedValue']));
  const write = async (make: (v: RegisterValue) => RegisterValue) => {
    const acceptedValue = serializeRegisterValue(make(await value()));
    await table.change({ key: registerKey(config.group), set: { acceptedValue }, when: [], mayCreate: false });
  };
  return { ...group, connection, value, write };
}

describe('a group with a strongly consistent register', () => {
  it('is shown, resumed, paused and failed over through whichever region answers', async () => {
    const group = strongGroup();
    expect(JSON.parse((await holdfast(group, ['status', '--json'])).out)).toMatchObject({ register: { certainty: 'chosen', silent: [], behind: [], notMoved: [], nextVoters: null } });
    for (const region of ['us-west-2', 'us-east-1']) group.of(region).rows.isAnswering = false;
    expect((await holdfast(group, ['resume'])).exit).toBe(0);
    expect(await group.value()).toMatchObject({ paused: null });
    expect((await holdfast(group, ['pause', '--reason', 'works'])).exit).toBe(0);
    expect(await group.value()).toMatchObject({ paused: { by: 'ada', reason: 'works' } });
    expect(JSON.parse((await holdfast(group, ['status', '--json'])).out)).toMatchObject({
      register: { certainty: 'chosen', answered: ['us-east-2'], silent: ['us-west-2', 'us-east-1'] },
      value: { holder: 'us-west-2' },
    });
  });

  it('says so where no region answers, and changes nothing', async () => {
    const group = strongGroup();
    for (const { region } of config.voters) group.of(region).rows.isAnswering = false;
    expect(await holdfast(group, ['resume'])).toMatchObject({ exit: 1, err: expect.stringMatching(/the register's table cannot be read .*Nothing was changed/) });
    expect(await group.value()).toMatchObject({ paused: { by: 'deployment' } });
  });

  it('signs a region that returned off', async () => {
    const group = strongGroup();
    const [holder, returned] = ['us-west-2', 'us-east-1'];
    await group.write((v) => ({ ...v, epoch: 2, holder, state: 'normal', paused: null, regions: { [holder]: { reconciled: true }, [returned]: { reconciled: false } } }));
    await group.put(holder, leaseKey, { epoch: 2, untilAtMs: nowMs + 60_000, openEpoch: 2, closedEpoch: 0 });
    await group.put(returned, leaseKey, { epoch: 1, untilAtMs: 5, openEpoch: 1, closedEpoch: 1 });
    await group.put(returned, drainedKey, { epoch: 1, sequence: 0 });
    for (let k = 0; k < config.fenceShards; k += 1) await group.put(returned, fenceKey(k), { epoch: 1, untilAtMs: 5, closedThroughMs: closedForGood });
    const asked = ['divergence', 'sign-off', '--reason', 'looked', '--by', 'grace'];
    expect(await holdfast(group, asked)).toMatchObject({ exit: 0, out: expect.stringMatching(/us-east-1 is signed off/) });
    expect(await group.value()).toMatchObject({ regions: { [returned]: { reconciled: true } } });
    expect(await holdfast(group, asked)).toMatchObject({ exit: 1, err: expect.stringMatching(/Every region is reconciled/) });
  });

  it.each([
    ['voters'],
    ['voters', 'add', '--region', 'us-east-1', '--reason', 'x'],
    ['voters', 'remove', '--region', 'us-east-2', '--reason', 'x'],
    ['voters', 'replace', '--region', 'us-east-2', '--reason', 'x'],
  ])('has no voters to list or change, and says why: %j %j', async (...args) => {
    const group = strongGroup();
    const said = await holdfast(group, args);
    expect(said).toMatchObject({
      exit: 1,
      out: '',
      err: expect.stringMatching(
        /register of orders is one strongly consistent table \(holdfast-orders-register-mrsc-1\) in us-west-2, us-east-2, us-east-1: .*neither joins nor leaves.*Nothing was changed/,
      ),
    });
    expect(group.writes()).toBe(0);
  });
});

// `holdfast voters`, and a group of five as the commands see it.
import { describe, expect, it } from 'vitest';
import { defineConfig } from '../../src/config/holdfast-config.ts';
import { toRuntimeConfig } from '../../src/config/runtime-config.ts';
import type { Acceptor } from '../../src/core/register/configuration.ts';
import { joiningRow } from '../../src/core/rows/first-rows.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { holdfast } from './command-line.ts';
import { memoryGroup, sample, type Group } from './group-fixture.ts';

const five = {
  ...sample,
  regions: [...sample.regions, { region: 'eu-central-1', role: 'candidate' }, { region: 'ap-south-1', role: 'witness' }] satisfies typeof sample.regions,
};
const noVault = async () => Promise.reject(new Error('this test has no vault'));

/** The configuration lists five, the register was founded by three, and the two new stacks are deployed. */
function grown(change: Partial<Record<string, number>> = {}): Group {
  const regions = five.regions.map((r) => ({ ...r, registerIncarnation: change[r.region] ?? 1 }));
  const config = toRuntimeConfig(defineConfig({ ...five, regions }));
  const founded = memoryGroup();
  const deployed = memoryGroup(noVault, config);
  const tables = new Map<string, MemoryRowStore>();
  for (const [index, { region, registerTable }] of config.voters.entries()) {
    const isFounder = index < 3 && change[region] === undefined;
    if (!isFounder) tables.set(`${region}/${registerTable}`, new MemoryRowStore(region, [joiningRow('orders', String(index).padStart(32, '0'))]));
  }
  const rowsOf = ({ region, table }: Acceptor) => tables.get(`${region}/${table}`) ?? founded.of(region).rows;
  return {
    ...founded,
    connection: {
      ...deployed.connection,
      regions: deployed.connection.regions.map((r, i) => ({ ...r, rows: rowsOf({ region: r.region, table: config.voters[i]?.registerTable ?? '' }) })),
      reach: rowsOf,
    },
  };
}

const json = (out: string) => JSON.parse(out) as { inForce: { number?: number; acceptors: { region: string; table: string }[] }; voters: { region: string; state: string }[] };
const by = ['--reason', 'growing', '--by', 'grace'];

describe('holdfast voters', () => {
  it('says who votes', async () => {
    const said = await holdfast(memoryGroup(), ['voters']);
    expect(said).toMatchObject({ exit: 0, err: '' });
    expect(said.out).toMatch(/voter set 0: 3 voters, 2 are a majority\n/);
    expect(said.out).toMatch(/us-west-2 +holdfast-orders-register-1 +votes/);
    expect((await holdfast(memoryGroup(), ['voters', 'list'])).out).toBe(said.out);
  });

  it('three become five, one at a time, under a configuration that lists five already', async () => {
    const group = grown();
    expect((await holdfast(group, ['voters'])).out).toContain('voter set 0: 3 voters');
    const fourth = await holdfast(group, ['voters', 'add', '--region', 'eu-central-1', ...by]);
    expect(fourth).toMatchObject({ exit: 0, err: '' });
    expect(fourth.out).toMatch(/^eu-central-1 votes from now on\.\nvoter set 1: 4 voters, 3 are a majority \(an even number/);
    const fifth = json((await holdfast(group, ['voters', 'add', '--region', 'ap-south-1', ...by, '--json'])).out);
    expect(fifth.inForce).toMatchObject({ number: 2 });
    expect(fifth.voters.map((v) => v.state)).toEqual(['votes', 'votes', 'votes', 'votes', 'votes']);
    expect((await group.value()).because).toBe('grace asked for it (voters add ap-south-1): growing');
    expect((await holdfast(group, ['resume'])).exit).toBe(0);
    const left = await holdfast(group, ['voters', 'remove', '--region', 'eu-west-1', ...by]);
    expect(left.out).toMatch(/^eu-west-1 votes no more\.\nvoter set 3: 4 voters/);
  });

  it('a lost table is replaced by the one that the configuration names next', async () => {
    const group = grown({ 'us-west-2': 2 });
    group.of('us-west-2').rows.isAnswering = false;
    const said = json((await holdfast(group, ['voters', 'replace', '--region', 'us-west-2', ...by, '--json'])).out);
    expect(said.inForce.acceptors).toContainEqual(expect.objectContaining({ region: 'us-west-2', table: 'holdfast-orders-register-2' }));
    expect(said.inForce.acceptors).toHaveLength(3);
    expect(said.voters.every((v) => v.state === 'votes')).toBe(true);
  });

  it.each([
    [['voters', 'grow'], 2, /'grow' is not what voters can do; it may be list, add, remove, replace/],
    [['voters', 'add', '--region', 'eu-central-1'], 2, /voters add needs --reason/],
    [['voters', 'add', ...by], 2, /voters add needs --region REGION/],
    [['voters', 'add', 'eu-central-1', ...by], 2, /'eu-central-1' is too much: voters takes one word and options only/],
    [['voters', '--region', 'us-east-1'], 2, /takes no --region/],
    [['voters', 'add', '--region', 'sa-east-1', ...by], 1, /'sa-east-1' is not in the configuration .*list it, deploy its stack, then ask again\. Nothing was changed/],
    [['voters', 'remove', '--region', 'eu-west-1', ...by], 1, /2 voters would be left.*Nothing was changed/],
    [['status', 'list'], 2, /'list' is too much: status takes options only/],
  ] as const)('%j ends with %i', async (args, exit, says) => {
    const group = grown();
    const said = await holdfast(group, args);
    expect(said.exit).toBe(exit);
    expect(said.err).toMatch(says);
    expect((await group.value()).config.number).toBeUndefined();
  });

  it('says so where too few answer to know who votes', async () => {
    const group = memoryGroup();
    for (const region of ['us-east-1', 'us-west-2']) group.of(region).rows.isAnswering = false;
    expect(await holdfast(group, ['voters'])).toMatchObject({ exit: 1, err: expect.stringMatching(/nobody can say who votes: only 1 of 3/) });
  });
});

describe('a group of five', () => {
  const config = toRuntimeConfig(defineConfig(five));

  it('is founded, paused, resumed and failed over as one of three is, with two regions silent', async () => {
    const group = memoryGroup(noVault, config);
    for (const region of ['us-east-1', 'ap-south-1']) group.of(region).rows.isAnswering = false;
    const before = await holdfast(group, ['status', '--json']);
    expect(JSON.parse(before.out)).toMatchObject({ register: { certainty: 'chosen', silent: ['us-east-1', 'ap-south-1'], voters: { number: 0 }, nextVoters: null, notMoved: [] } });
    expect((await holdfast(group, ['resume'])).exit).toBe(0);
    await group.choose({ state: 'normal' });
    expect(await holdfast(group, ['failover', '--to', 'eu-central-1', '--reason', 'drill'])).toMatchObject({ exit: 0 });
    expect(await group.value()).toMatchObject({ successor: 'eu-central-1', renewable: false });
    group.of('us-west-2').rows.isAnswering = false;
    expect(await holdfast(group, ['pause', '--reason', 'x'])).toMatchObject({ exit: 1, err: expect.stringContaining('needs 3 of 5 regions') });
  });
});

// Why: voters change on real tables, by the command that people type, while a lease is renewed: a fourth joins, a table that was deleted gives way
// to the next one, a voter leaves. Each region is a process of its own, and one of them is dead for a while.
import { setTimeout as delay } from 'node:timers/promises';
import { CreateTableCommand, DeleteTableCommand, PutItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { localAccountId, regionUrl, startRegion, takeSnapshot, type Engine, type EngineRegion, type RunningRegion } from '../../local/engine/ministack.ts';
import { loadPlan } from '../../src/cli/load-config.ts';
import { run } from '../../src/cli/run.ts';
import { connectToStacks } from '../../src/client/connect-to-stacks.ts';
import { registerVotersOf } from '../../src/client/voters-client.ts';
import { defineConfig } from '../../src/config/holdfast-config.ts';
import { toRuntimeConfig, type RuntimeConfig } from '../../src/config/runtime-config.ts';
import { renew } from '../../src/core/failover/register-changes.ts';
import { registerKey } from '../../src/core/register/acceptor-rows.ts';
import { firstRows, joiningRow, type FirstRow } from '../../src/core/rows/first-rows.ts';
import { systemChance } from '../../src/drivers/aws/system-environment.ts';
import { changeRegister, lookAtRegister, seenBallotOf } from '../../src/operations/register.ts';
import { discard, dynamo, install, newRegion } from './engine/engine-fixture.ts';

const least = { group: 'orders', initialRegion: 'us-east-1', service: { name: 'api.orders.example' }, table: { name: 'orders' }, isFenced: true } as const;
const founders = [
  { region: 'us-east-1', role: 'candidate' },
  { region: 'us-west-2', role: 'candidate' },
  { region: 'eu-west-1', role: 'witness' },
] as const;
/** As its owner deploys it later: two more regions, of which one is not up, and the next table of the witness. */
const grown = [{ ...founders[0] }, { ...founders[1] }, { ...founders[2] }, { region: 'eu-central-1', role: 'candidate' }, { region: 'ap-south-1', role: 'witness' }] as const;
const configOf = (regions: readonly { readonly region: string; readonly role: 'candidate' | 'witness'; readonly registerIncarnation?: number }[]): RuntimeConfig =>
  toRuntimeConfig(defineConfig({ ...least, regions: [...regions] }));
const hosts = ['127.0.0.11', '127.0.0.12', '127.0.0.13', '127.0.0.14'];
const renewalsMs = 10;

type Cell = { readonly region: EngineRegion; readonly client: DynamoDBClient; running: RunningRegion };
let engine: Engine;
const cells = new Map<string, Cell>();

function cellOf(name: string): Cell {
  const cell = cells.get(name);
  if (cell === undefined) throw new Error(`${name} is not up`);
  return cell;
}

/** What create-rows does in a region's stack. */
async function deployRegister(name: string, table: string, first: FirstRow | undefined): Promise<void> {
  const { client, region } = cellOf(name);
  if (first === undefined) throw new Error(`no first row of the register in ${name}`);
  await client.send(
    new CreateTableCommand({
      TableName: table,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
    }),
  );
  const row = Object.entries({ pk: first.key.pk, ...first.row }).map(([attribute, value]) => [attribute, { S: String(value) }] as const);
  await client.send(new PutItemCommand({ TableName: table, Item: Object.fromEntries(row), ConditionExpression: 'attribute_not_exists(pk)' }));
  await takeSnapshot(region);
}

beforeAll(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = localAccountId;
  process.env['AWS_SECRET_ACCESS_KEY'] = 'local';
  engine = await install();
  await Promise.all(
    grown.slice(0, hosts.length).map(async ({ region: name }, index) => {
      const region = await newRegion({ region: name, host: hosts[index] ?? '' });
      cells.set(name, { region, client: dynamo(region), running: await startRegion(engine, region) });
    }),
  );
}, 120_000);

let renewing = Promise.resolve(0);
let stop = new AbortController();
afterEach(async () => {
  stop.abort();
  await renewing.catch(() => 0);
});
afterAll(async () => {
  for (const { region, client, running } of cells.values()) {
    client.destroy();
    await discard(region, running);
  }
});

test('a fourth joins, a lost table is replaced, a voter leaves, and the holder renews all the while', async () => {
  const three = configOf(founders);
  for (const { region } of founders) {
    const first = firstRows(three, region, 'us-east-1').find(({ key }) => key.pk === registerKey('orders').pk);
    await deployRegister(region, 'holdfast-orders-register-1', first);
  }
  await deployRegister('eu-central-1', 'holdfast-orders-register-1', joiningRow('orders', 'c'.repeat(32)));
  const endpoints = Object.fromEntries([...cells].map(([name, { region }]) => [name, regionUrl(region)]));
  endpoints['ap-south-1'] = 'http://127.0.0.15:9';

  const connection = connectToStacks(configOf(grown), endpoints);
  const governor = { ...registerVotersOf(connection), region: 'us-east-1' };
  stop = new AbortController();
  let renewals = 0;
  renewing = (async () => {
    for (; !stop.signal.aborted; await delay(renewalsMs)) {
      const sighting = await lookAtRegister(governor);
      const believed = sighting.kind === 'nothing' ? undefined : sighting.voters;
      const outcome = await changeRegister({ ...governor, believed }, seenBallotOf(sighting), (current) => renew({ ...current, renewable: true }, 'us-east-1', 1, systemChance.id()));
      if (outcome.kind === 'refused') throw new Error(`the holder was refused: ${outcome.because}`);
      if (outcome.kind === 'chosen') renewals += 1;
    }
    return renewals;
  })();
  renewing.catch(() => undefined);
  const moreRenewals = async () => {
    const before = renewals;
    await expect.poll(() => renewals, { timeout: 20_000, interval: 50 }).toBeGreaterThan(before + 2);
  };
  const holdfast = async (...words: string[]) => {
    let [out, err] = ['', ''];
    const exit = await run(['voters', ...words, '--json'], {
      connect: async () => connectToStacks(configOf(grown.map((r) => (r.region === 'eu-west-1' && words.includes('replace') ? { ...r, registerIncarnation: 2 } : r))), endpoints),
      loadPlan,
      out: (text) => (out += text),
      err: (text) => (err += text),
      userName: () => 'ada',
      nowMs: () => Date.now(),
      waitForNext: async (ms) => delay(ms, true),
      isTerminal: false,
      isProgressTerminal: false,
    });
    return { exit, out, err };
  };
  const said = (out: string) => JSON.parse(out) as { inForce: { number: number; acceptors: { region: string; table: string }[] }; voters: { region: string; state: string }[] };
  const because = ['--reason', 'a test', '--by', 'ada'];
  await moreRenewals();

  const added = await holdfast('add', '--region', 'eu-central-1', ...because);
  expect(added, added.out).toMatchObject({ exit: 0, err: '' });
  // Of four, three are enough for a renewal: the fourth may be behind it for a moment.
  expect(said(added.out), added.out).toMatchObject({ inForce: { number: 1 }, voters: [{}, {}, {}, { region: 'eu-central-1', state: expect.stringMatching(/^(votes|behind)$/) }] });
  await moreRenewals();

  // The witness dies, and of four three go on; it comes back and its table is gone: its owner deploys the next one.
  const witness = cellOf('eu-west-1');
  witness.running.signal('SIGKILL');
  await witness.running.stopped;
  await moreRenewals();
  witness.running = await startRegion(engine, witness.region);
  await witness.client.send(new DeleteTableCommand({ TableName: 'holdfast-orders-register-1' }));
  await deployRegister('eu-west-1', 'holdfast-orders-register-2', joiningRow('orders', 'e'.repeat(32)));
  const replaced = await holdfast('replace', '--region', 'eu-west-1', ...because);
  expect(replaced, replaced.out).toMatchObject({ exit: 0, err: '' });
  expect(said(replaced.out).inForce).toMatchObject({ number: 3 });
  expect(said(replaced.out).inForce.acceptors.find((a) => a.region === 'eu-west-1')?.table).toBe('holdfast-orders-register-2');
  await moreRenewals();

  const removed = await holdfast('remove', '--region', 'eu-central-1', ...because);
  expect(removed, removed.out).toMatchObject({ exit: 0, err: '' });
  expect(
    said(removed.out)
      .inForce.acceptors.map((a) => a.region)
      .toSorted(),
  ).toEqual(['eu-west-1', 'us-east-1', 'us-west-2']);
  await moreRenewals();

  stop.abort();
  expect(await renewing).toBeGreaterThan(10);
  const end = await lookAtRegister(governor);
  expect(end).toMatchObject({ kind: 'chosen', value: { holder: 'us-east-1', epoch: 1 } });
  // A table that was made anew under an old name has no row, and nothing makes one: it does not vote.
  await expect.poll(async () => said((await holdfast()).out).voters.map((v) => v.state), { timeout: 10_000 }).toEqual(['votes', 'votes', 'votes']);
}, 120_000);

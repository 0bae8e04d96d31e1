// Why: a group whose regions lie in several accounts: the tables that the templates make must let the other accounts' functions vote, read and
// ship, and nothing else, and the product's own driver must reach them by their ARN. The engine judges the resource policy; AWS has not been asked yet.
import { DeleteItemCommand, DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { config as sample } from '../../../holdfast.config.ts';
import { localAccountId, regionUrl, startRegion, type EngineRegion, type RunningRegion } from '../../../local/engine/ministack.ts';
import { rowStoreOf } from '../../../src/client/connect.ts';
import { defineConfig } from '../../../src/config/holdfast-config.ts';
import { tablesOf, toRuntimeConfig } from '../../../src/config/runtime-config.ts';
import { firstRows } from '../../../src/core/rows/first-rows.ts';
import { registerKey } from '../../../src/core/register/acceptor-rows.ts';
import { synthesise, resourcesOf } from '../../infra/synthesised.ts';
import { credentials, deploy, discard, install, newRegion } from './engine-fixture.ts';

const HERS = '222222222222';
const STRANGER = '333333333333';
const WITNESS = 'eu-west-1';
const { vault: _vault, ...withoutVault } = sample;
const config = defineConfig({ ...withoutVault, regions: sample.regions.map((member) => ({ ...member, account: member.region === WITNESS ? localAccountId : HERS })) });
const runtime = toRuntimeConfig(config);

let region: EngineRegion;
let running: RunningRegion;
const clients: DynamoDBClient[] = [];

function clientOf(account: string): DynamoDBClient {
  const client = new DynamoDBClient({
    region: WITNESS,
    endpoint: regionUrl(region),
    credentials: { ...credentials, accessKeyId: account },
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ requestTimeout: 10_000, throwOnRequestTimeout: true }),
  });
  clients.push(client);
  return client;
}

beforeAll(async () => {
  const [engine, { templates }] = await Promise.all([install(), synthesise({ isChecked: false, config })]);
  region = await newRegion({ region: WITNESS });
  running = await startRegion(engine, region);
  const template = templates.get(`Holdfast-orders-${WITNESS}`);
  if (template === undefined) throw new Error('no stack of the witness was made');
  const tables = resourcesOf(template, 'AWS::DynamoDB::Table').map(([id, { Type, Properties }]) => [id, { Type, Properties }] as const);
  await deploy(region, 'tables', { Resources: Object.fromEntries(tables) });
  const owner = clientOf(localAccountId);
  const row = firstRows(runtime, WITNESS, 'us-east-1').find(({ key }) => key.pk === registerKey('orders').pk);
  if (row === undefined) throw new Error('no first row of the register');
  const Item = Object.fromEntries(Object.entries({ pk: row.key.pk, ...row.row }).map(([name, value]) => [name, typeof value === 'number' ? { N: String(value) } : { S: String(value) }]));
  await owner.send(new PutItemCommand({ TableName: `holdfast-orders-register-1`, Item }));
}, 180_000);

afterAll(async () => {
  for (const client of clients) client.destroy();
  await discard(region, running);
});

describe('a witness in an account of its own', () => {
  test('its register table is named by its ARN everywhere, and takes the votes of the other account', async () => {
    expect(runtime.voters.find((v) => v.region === WITNESS)?.registerTable).toBe(`arn:aws:dynamodb:${WITNESS}:${localAccountId}:table/holdfast-orders-register-1`);
    const store = rowStoreOf(runtime, WITNESS, clientOf(HERS));
    expect(await store.get(registerKey('orders'))).toMatchObject({ config: runtime.configId });
    const ballot = `${'9'.repeat(16)}.us-east-1.${'a'.repeat(32)}`;
    const answer = await store.change({
      key: registerKey('orders'),
      set: { promised: ballot },
      when: [{ attribute: 'config', is: '=', value: runtime.configId }],
      mayCreate: false,
    });
    expect(answer).toMatchObject({ kind: 'done', row: { promised: ballot } });
  });

  test('it gives them nothing that no function asks for: not to empty the register, not to list it', async () => {
    const client = clientOf(HERS);
    const { registerTable = '' } = runtime.voters.find((v) => v.region === WITNESS) ?? {};
    await expect(client.send(new DeleteItemCommand({ TableName: registerTable, Key: { pk: { S: registerKey('orders').pk } } }))).rejects.toThrow(/not authorized to perform: dynamodb:DeleteItem/);
    await expect(client.send(new ScanCommand({ TableName: registerTable }))).rejects.toThrow(/not authorized to perform: dynamodb:Scan/);
    await expect(client.send(new PutItemCommand({ TableName: tablesOf(runtime, WITNESS).region, Item: { pk: { S: 'LEASE' }, sk: { S: '#' } } }))).rejects.toThrow(/not authorized/);
  });

  test('a stranger gets nothing at all', async () => {
    await expect(rowStoreOf(runtime, WITNESS, clientOf(STRANGER)).get(registerKey('orders'))).rejects.toThrow(/not authorized to perform: dynamodb:GetItem/);
  });
});

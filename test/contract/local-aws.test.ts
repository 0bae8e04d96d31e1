// The DynamoDB drivers keep the same contracts, against the local engine: one region, tables of this test's own.
import { CreateTableCommand, PutItemCommand, ScanCommand, waitUntilTableExists, type DynamoDBClient, type KeySchemaElement } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRegion, type EngineRegion, type RunningRegion } from '../../local/engine/ministack.ts';
import { DynamoDbDataStore } from '../../src/drivers/aws/dynamodb-data-store.ts';
import { DynamoDbDivergenceStore } from '../../src/drivers/aws/dynamodb-divergence-store.ts';
import { DynamoDbLiveTable } from '../../src/drivers/aws/dynamodb-live-table.ts';
import { DynamoDbLogStore } from '../../src/drivers/aws/dynamodb-log-store.ts';
import { DynamoDbRowStore } from '../../src/drivers/aws/dynamodb-row-store.ts';
import { toItem } from '../../src/drivers/aws/item-image.ts';
import { firstRows } from '../../src/core/rows/first-rows.ts';
import type { RowStore } from '../../src/ports/row-store.ts';
import { policy } from '../core/fixtures.ts';
import { marks, padSequenceNumber } from '../../src/core/log/change-record.ts';
import { discard, dynamo, install, newRegion } from '../local/engine/engine-fixture.ts';
import { dataStoreContract } from './data-store.ts';
import { divergenceStoreContract } from './divergence-store.ts';
import { liveTableContract } from './live-table.ts';
import { logStoreContract } from './log-store.ts';
import { registerContract } from './register.ts';
import { strongUnderTest, tablesUnderTest } from './registers-under-test.ts';
import { rowStoreContract } from './row-store.ts';

const tables = { register: 't-register', region: 't-region', fence: 't-fence', log: 't-log', data: 't-data' };
const acceptorTables = [tables.register, 't-register-2', 't-register-3'] as const;
const fenceShards = 2;
/** Not the first of the alphabet of a table's attributes, and a reserved word: the owner may have called it so. */
const dataKey = 'key';

let region: EngineRegion;
let running: RunningRegion | undefined;
let client: DynamoDBClient;

beforeAll(async () => {
  const engine = await install();
  region = await newRegion();
  running = await startRegion(engine, region);
  // With more time than the drivers' own client has: here it is answers that matter, on a machine that may be busy.
  client = dynamo(region);
  await createTable(tables.register, { pk: 'S' });
  for (const name of acceptorTables.slice(1)) await createTable(name, { pk: 'S' });
  await createTable(tables.region, { pk: 'S', sk: 'S' });
  await createTable(tables.fence, { pk: 'S' });
  await createTable(tables.log, { pk: 'S', sk: 'N' });
  await createTable(tables.data, { [dataKey]: 'S' });
}, 240_000);

afterAll(async () => {
  client?.destroy();
  if (region !== undefined) await discard(region, running);
});

async function createTable(TableName: string, keys: Readonly<Record<string, 'S' | 'N'>>): Promise<void> {
  const KeySchema = Object.keys(keys).map((AttributeName, i): KeySchemaElement => ({ AttributeName, KeyType: i === 0 ? 'HASH' : 'RANGE' }));
  await client.send(
    new CreateTableCommand({
      TableName,
      KeySchema,
      AttributeDefinitions: Object.entries(keys).map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
  await waitUntilTableExists({ client, maxWaitTime: 10, minDelay: 1, maxDelay: 1 }, { TableName });
}

const rows = () => new DynamoDbRowStore(region.region, client, tables);
const data = () => new DynamoDbDataStore(client, { data: tables.data, dataKey, fence: tables.fence, region: tables.region, fenceShards });

rowStoreContract('DynamoDB', rows);

/** A group of its own for each register, so that tables can be shared. */
let groups = 0;
async function found(stores: readonly RowStore[], isEmpty: boolean | undefined): Promise<string> {
  groups += 1;
  const group = `group-${groups}`;
  const [register] = firstRows({ ...policy, group }, region.region, region.region);
  if (register === undefined) throw new Error('there is no first row');
  if (isEmpty !== true) for (const store of stores) await store.change({ key: register.key, set: register.row, when: [], mayCreate: true });
  return group;
}

registerContract(
  'three tables of DynamoDB',
  async (isEmpty) => {
    const stores = policy.voters.map((v, i) => new DynamoDbRowStore(v.region, client, { ...tables, register: acceptorTables[i] ?? '' }));
    return tablesUnderTest(await found(stores, isEmpty), stores);
  },
  { runs: 8, conflicts: false },
);

// One table of one engine, shared by three regions' clients: what a table with multi-Region strong consistency promises. Unproven on AWS.
registerContract(
  'one strongly consistent table of DynamoDB',
  async (isEmpty) => {
    const group = await found([rows()], isEmpty);
    return strongUnderTest(group, (name) => new DynamoDbRowStore(name, dynamo(region), tables));
  },
  { runs: 8, conflicts: true },
);

logStoreContract('DynamoDB', () => new DynamoDbLogStore(region.region, client, tables.log));
dataStoreContract('DynamoDB', async () => ({
  data: data(),
  rows: rows(),
  fenceShards,
  dataKey,
  putOwn: async (_key, image, epoch) => {
    const item = { ...toItem(image), [marks.epoch]: { N: String(epoch) }, [marks.origin]: { S: region.region } };
    await client.send(new PutItemCommand({ TableName: tables.data, Item: item }));
  },
}));
liveTableContract('DynamoDB', async () => ({
  table: new DynamoDbLiveTable(region.region, client, { data: tables.data, dataKey, fence: tables.fence, fenceShards }),
  rows: rows(),
  fenceShards,
  dataKey,
  region: region.region,
  put: async (image) => {
    await client.send(new PutItemCommand({ TableName: tables.data, Item: toItem(image) }));
  },
}));
divergenceStoreContract('DynamoDB', () => ({
  store: new DynamoDbDivergenceStore(client, tables.region),
  listed: async () => {
    const { Items } = await client.send(new ScanCommand({ TableName: tables.region, FilterExpression: 'pk = :pk', ExpressionAttributeValues: { ':pk': { S: 'DIVERGENCE' } }, ConsistentRead: true }));
    return (Items ?? []).map((item) => {
      const [origin = '', epoch = '', sequenceNumber = ''] = item['sk']?.S?.split('#') ?? [];
      const parsed = (name: string): unknown => (item[name]?.S === undefined ? null : JSON.parse(item[name].S));
      return {
        origin,
        epoch: Number(epoch),
        sequenceNumber,
        key: item['itemKey']?.S ?? '',
        theirs: parsed('theirs'),
        ours: parsed('ours'),
        theirsAtMs: Number(item['theirsAtMs']?.N),
        foundAtMs: Number(item['foundAtMs']?.N),
      };
    });
  },
}));

describe('what an applied item carries', () => {
  const stored = async (key: string) => {
    const { Items } = await client.send(
      new ScanCommand({ TableName: tables.data, FilterExpression: '#key = :key', ExpressionAttributeNames: { '#key': dataKey }, ExpressionAttributeValues: { ':key': { S: key } } }),
    );
    return Items?.[0];
  };
  const record = (n: number, change = {}) => ({ key: 'marked', image: { [dataKey]: { S: 'marked' } }, epoch: 7, atMs: 1, sequenceNumber: padSequenceNumber(String(n)), ...change });

  test('epoch, origin and sequence number, so that its own stream shows it as an echo', async () => {
    const store = data();
    expect(await store.apply('us-east-1', 7, [record(1)], [])).toMatchObject({ applied: 1 });
    expect(await stored('marked')).toEqual({ [dataKey]: { S: 'marked' }, [marks.epoch]: { N: '7' }, [marks.origin]: { S: 'us-east-1' }, [marks.sequence]: { S: padSequenceNumber('1') } });
  });

  test('a removal that died between its mark and its end is finished when it is repeated', async () => {
    const store = data();
    await store.apply('us-east-1', 7, [record(2)], []);
    // What the first of its two transactions leaves behind.
    const half = { [dataKey]: { S: 'marked' }, [marks.epoch]: { N: '7' }, [marks.origin]: { S: 'us-east-1' }, [marks.sequence]: { S: padSequenceNumber('3') }, [marks.removing]: { S: 'us-east-1' } };
    await client.send(new PutItemCommand({ TableName: tables.data, Item: half }));
    expect(await store.apply('us-east-1', 7, [record(3, { image: null })], [])).toEqual({ kind: 'done', applied: 1, stale: 0 });
    expect(await stored('marked')).toBeUndefined();
  });

  test('a table whose fence rows are gone takes nothing: it says so, and calls nothing divergent', async () => {
    const store = new DynamoDbDataStore(client, { data: tables.data, dataKey, fence: tables.register, region: tables.region, fenceShards });
    await expect(store.apply('us-east-1', 7, [record(9)], [])).rejects.toMatchObject({ name: expect.stringMatching(/RowMissingError|MalformedError/) });
  });
});

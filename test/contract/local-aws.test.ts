// The DynamoDB drivers keep the same contracts, against the local engine: one region, tables of this test's own.
import {
  CreateTableCommand,
  DeleteItemCommand,
  DescribeTableCommand,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  waitUntilTableExists,
  type CreateTableCommandInput,
  type DynamoDBClient,
  type KeySchemaElement,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRegion, type EngineRegion, type RunningRegion } from '../../local/engine/ministack.ts';
import { DynamoDbChangeStream } from '../../src/drivers/aws/dynamodb-change-stream.ts';
import { DynamoDbDataStore } from '../../src/drivers/aws/dynamodb-data-store.ts';
import { DynamoDbLiveTable } from '../../src/drivers/aws/dynamodb-live-table.ts';
import { DynamoDbLogStore } from '../../src/drivers/aws/dynamodb-log-store.ts';
import { DynamoDbRowStore } from '../../src/drivers/aws/dynamodb-row-store.ts';
import { DynamoDbRowPages } from '../../src/drivers/aws/dynamodb-row-pages.ts';
import { DynamoDbWholeTable } from '../../src/drivers/aws/dynamodb-whole-table.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { toItem } from '../../src/drivers/aws/item-image.ts';
import { fenceKey, leaseKey } from '../../src/core/lease/lease-rows.ts';
import { firstRows } from '../../src/core/rows/first-rows.ts';
import type { RowStore } from '../../src/ports/row-store.ts';
import { policy } from '../core/fixtures.ts';
import { marks, padSequenceNumber } from '../../src/core/log/change-record.ts';
import { DivergenceList } from '../../src/operations/divergence-list.ts';
import { findDivergentKey, readDecision, resolveAll, resolveKey, undoDecision, type DivergenceHome } from '../../src/operations/resolve-divergence.ts';
import { discard, dynamo, install, newRegion, streams } from '../local/engine/engine-fixture.ts';
import { changeStreamContract } from './change-stream.ts';
import { dataStoreContract } from './data-store.ts';
import { divergenceStoreContract } from './divergence-store.ts';
import { liveTableContract } from './live-table.ts';
import { logStoreContract } from './log-store.ts';
import { rowPagesContract } from './row-pages.ts';
import { registerContract } from './register.ts';
import { strongUnderTest, tablesUnderTest } from './registers-under-test.ts';
import { rowStoreContract } from './row-store.ts';
import { wholeTableContract } from './whole-table.ts';

const tables = { register: 't-register', region: 't-region', fence: 't-fence', log: 't-log', data: 't-data' };
const acceptorTables = [tables.register, 't-register-2', 't-register-3'] as const;
const streamed = 't-streamed';
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
  await createTable(streamed, { [dataKey]: 'S' }, { StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' } });
}, 240_000);

afterAll(async () => {
  client?.destroy();
  if (region !== undefined) await discard(region, running);
});

async function createTable(TableName: string, keys: Readonly<Record<string, 'S' | 'N'>>, more: Partial<CreateTableCommandInput> = {}): Promise<void> {
  const KeySchema = Object.keys(keys).map((AttributeName, i): KeySchemaElement => ({ AttributeName, KeyType: i === 0 ? 'HASH' : 'RANGE' }));
  await client.send(
    new CreateTableCommand({
      TableName,
      KeySchema,
      AttributeDefinitions: Object.entries(keys).map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
      BillingMode: 'PAY_PER_REQUEST',
      ...more,
    }),
  );
  await waitUntilTableExists({ client, maxWaitTime: 10, minDelay: 1, maxDelay: 1 }, { TableName });
}

const rows = () => new DynamoDbRowStore(region.region, client, tables);
const data = () => new DynamoDbDataStore(client, { data: tables.data, dataKey, fence: tables.fence, region: tables.region, fenceShards });

rowStoreContract('DynamoDB', rows);
rowPagesContract('DynamoDB', () => ({ rows: rows(), pages: new DynamoDbRowPages(client, tables.region) }));
wholeTableContract('DynamoDB', () => ({
  table: new DynamoDbWholeTable(client, tables.data, dataKey),
  dataKey,
  put: async (image) => {
    await client.send(new PutItemCommand({ TableName: tables.data, Item: toItem(image) }));
  },
}));

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
  table: new DynamoDbLiveTable(region.region, client, { data: tables.data, dataKey, fence: tables.fence, fenceShards, region: tables.region }),
  rows: rows(),
  fenceShards,
  dataKey,
  region: region.region,
  put: async (image) => {
    await client.send(new PutItemCommand({ TableName: tables.data, Item: toItem(image) }));
  },
}));
divergenceStoreContract('DynamoDB', () => ({
  store: new DivergenceList(rows(), sha256),
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

changeStreamContract('DynamoDB', async () => {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: streamed }));
  const of = { streamArn: Table?.LatestStreamArn ?? '', table: streamed, dataKey };
  const Key = (key: string) => ({ [dataKey]: { S: key } });
  return {
    stream: new DynamoDbChangeStream(region.region, streams(region), client, of),
    // The engine has one shard, which never splits.
    shards: 1,
    put: async (key) => void (await client.send(new PutItemCommand({ TableName: streamed, Item: Key(key) }))),
    remove: async (key) => void (await client.send(new DeleteItemCommand({ TableName: streamed, Key: Key(key) }))),
    get: async (key) => (await client.send(new GetItemCommand({ TableName: streamed, Key: Key(key), ConsistentRead: true }))).Item ?? null,
  };
});

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

describe('decisions about divergent items', () => {
  const now = () => Date.now();
  const by = { by: 'grace', reason: 'on the engine', merge: undefined } as const;
  const lost = 'lost-region';
  const item = (key: string, n: number, epoch: number, origin: string) => ({ [dataKey]: { S: key }, n: { N: String(n) }, [marks.epoch]: { N: String(epoch) }, [marks.origin]: { S: origin } });
  const home = (): DivergenceHome => ({
    region: region.region,
    own: rows(),
    pages: new DynamoDbRowPages(client, tables.region),
    live: new DynamoDbLiveTable(region.region, client, { data: tables.data, dataKey, fence: tables.fence, fenceShards, region: tables.region }),
    keyName: dataKey,
    nowMs: now,
    digest: sha256,
  });

  test('are written, undone, and written otherwise; of what was never here the log is told', async () => {
    const open = { epoch: 9, untilAtMs: now() + 600_000 };
    await rows().change({ key: leaseKey, set: { ...open, openEpoch: 9, closedEpoch: 0 }, when: [], mayCreate: true });
    for (let k = 0; k < fenceShards; k += 1) await rows().change({ key: fenceKey(k), set: { ...open, closedThroughMs: 0 }, when: [], mayCreate: true });
    await client.send(new PutItemCommand({ TableName: tables.data, Item: toItem(item('here', 1, 8, lost)) }));
    const found = [
      { origin: lost, record: { key: 'here', image: item('here', 2, 8, lost), epoch: 8, atMs: 5, sequenceNumber: padSequenceNumber('1') }, ours: item('here', 1, 8, lost), foundAtMs: 6 },
      { origin: lost, record: { key: 'made', image: item('made', 3, 8, lost), epoch: 8, atMs: 5, sequenceNumber: padSequenceNumber('2') }, ours: null, foundAtMs: 6 },
    ];
    await new DivergenceList(rows(), sha256).add(found);
    expect(await resolveAll(home(), lost, { ...by, rule: 'last-writer' })).toMatchObject({ decided: 1, asked: 1 });
    expect(await home().live.get('here')).toEqual(item('here', 2, 9, region.region));
    expect(await resolveAll(home(), lost, { ...by, rule: 'ours' })).toMatchObject({ decided: 1, wereDecided: 1, left: [] });
    expect(await home().live.get('made')).toBeNull();
    expect(await undoDecision(home(), await findDivergentKey(home(), lost, 'here'), by)).toMatchObject({ kind: 'decided' });
    expect(await home().live.get('here')).toEqual(item('here', 1, 9, region.region));
    await client.send(new PutItemCommand({ TableName: tables.data, Item: toItem(item('made', 7, 9, region.region)) }));
    expect(await undoDecision(home(), await findDivergentKey(home(), lost, 'made'), by)).toMatchObject({ kind: 'overtaken' });
    expect(await resolveAll(home(), lost, { ...by, rule: 'theirs' })).toMatchObject({ decided: 1, wereDecided: 1 });
    expect(await home().live.get('here')).toEqual(item('here', 2, 9, region.region));
    expect(await home().live.get('made')).toEqual(item('made', 7, 9, region.region));
    expect(await readDecision(home(), await findDivergentKey(home(), lost, 'here'))).toMatchObject({ turn: 3, rule: 'theirs', state: 'done', epoch: 9 });
  });

  test('of two that begin at once, one wins', async () => {
    const record = { key: 'raced', image: item('raced', 2, 8, lost), epoch: 8, atMs: 5, sequenceNumber: padSequenceNumber('3') };
    await new DivergenceList(rows(), sha256).add([{ origin: lost, record, ours: null, foundAtMs: 6 }]);
    const key = await findDivergentKey(home(), lost, 'raced');
    const outcomes = await Promise.allSettled((['ours', 'theirs'] as const).map(async (rule) => resolveKey(home(), key, { ...by, rule })));
    const decided = outcomes.filter((o) => o.status === 'fulfilled' && o.value.kind === 'decided');
    expect(decided.length).toBeLessThanOrEqual(1);
    const again = await resolveKey(home(), await findDivergentKey(home(), lost, 'raced'), { ...by, rule: 'theirs' });
    expect(['decided', 'was-decided']).toContain(again.kind);
    expect(await findDivergentKey(home(), lost, 'raced')).toMatchObject({ state: 'decided' });
  });
});

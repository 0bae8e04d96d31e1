// The local engine keeps the contract of fenced writes: real requests, real conditions, real cancellation reasons.
import { CreateTableCommand, PutItemCommand, waitUntilTableExists, type DynamoDBClient, type KeySchemaElement } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll } from 'vitest';
import { regionUrl, startRegion, type EngineRegion, type RunningRegion } from '../../local/engine/ministack.ts';
import { fenceKey, firstFenceRow, firstLeaseRow, leaseKey } from '../../src/core/lease/lease-rows.ts';
import { DynamoDbRowStore } from '../../src/drivers/aws/dynamodb-row-store.ts';
import { credentials, discard, dynamo, install, newRegion } from '../local/engine/engine-fixture.ts';
import { fencedDocumentsContract } from './fenced-documents.ts';
import type { FencedTables } from './fenced-tables.ts';
import { fencedWritesContract } from './fenced-writes.ts';
import { sameKeyObjectsContract } from './same-key-objects.ts';

const tables = { register: 'w-register', region: 'w-region', fence: 'w-fence', data: 'w-data' };
/** A reserved word: the owner may have called it so. */
const dataKey = 'key';
const fenceShards = 2;

let region: EngineRegion;
let running: RunningRegion | undefined;
let client: DynamoDBClient;
let s3: S3Client;
const bucket = 'w-objects';

beforeAll(async () => {
  const engine = await install();
  region = await newRegion();
  running = await startRegion(engine, region);
  client = dynamo(region);
  s3 = new S3Client({ region: region.region, endpoint: regionUrl(region), credentials, forcePathStyle: true, maxAttempts: 1 });
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  await createTable(tables.region, ['pk', 'sk']);
  await createTable(tables.fence, ['pk']);
  await createTable(tables.data, [dataKey]);
  const numbers = (row: object) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, { N: String(value) }]));
  await client.send(new PutItemCommand({ TableName: tables.region, Item: { pk: { S: leaseKey.pk }, sk: { S: leaseKey.sk ?? '' }, ...numbers(firstLeaseRow) } }));
  for (let k = 0; k < fenceShards; k += 1) await client.send(new PutItemCommand({ TableName: tables.fence, Item: { pk: { S: fenceKey(k).pk }, ...numbers(firstFenceRow) } }));
}, 240_000);

afterAll(async () => {
  client?.destroy();
  s3?.destroy();
  if (region !== undefined) await discard(region, running);
});

async function createTable(TableName: string, keys: readonly string[]): Promise<void> {
  const KeySchema = keys.map((AttributeName, i): KeySchemaElement => ({ AttributeName, KeyType: i === 0 ? 'HASH' : 'RANGE' }));
  await client.send(new CreateTableCommand({ TableName, KeySchema, AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })), BillingMode: 'PAY_PER_REQUEST' }));
  await waitUntilTableExists({ client, maxWaitTime: 10, minDelay: 1, maxDelay: 1 }, { TableName });
}

const subject = (): FencedTables => ({
  client: () => dynamo(region),
  settings: { tables, dataKey, isFenced: true, fenceShards, timing: { gateCacheMs: 1000 } },
  region: region.region,
  change: async (change) => (await new DynamoDbRowStore(region.region, client, tables).change(change)).kind === 'done',
});

fencedWritesContract('the local engine', subject);
fencedDocumentsContract('the local engine', subject);
sameKeyObjectsContract('the local engine', () => ({ s3, bucket }));

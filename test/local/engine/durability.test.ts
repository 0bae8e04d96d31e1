// Why: nothing measured above the engine means anything unless a killed region still has what it acknowledged, and unless its conditions are atomic.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  CreateTableCommand,
  DeleteItemCommand,
  DeleteTableCommand,
  type DynamoDBClient,
  GetItemCommand,
  paginateScan,
  PutItemCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Engine, type EngineRegion, type RunningRegion, regionUrl, startRegion, takeSnapshot } from '../../../local/engine/ministack.ts';
import { credentials, discard, dynamo, install, newRegion, restart } from './engine-fixture.ts';

const writers = 8;
let engine: Engine;
let region: EngineRegion;
let running: RunningRegion | undefined;

beforeAll(async () => {
  engine = await install();
}, 120_000);

afterEach(async () => {
  await discard(region, running);
  running = undefined;
});

async function createTable(client: DynamoDBClient, name: string): Promise<string> {
  const created = await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
    }),
  );
  return created.TableDescription?.LatestStreamArn ?? '';
}

/** Writes pairs in transactions and items by themselves until the region dies; returns the acknowledged keys. */
async function writeUntilDeath(client: DynamoDBClient, prefix: string, onAcknowledged: (count: number) => void): Promise<Set<string>> {
  const acknowledged = new Set<string>();
  async function writer(number: number): Promise<void> {
    for (let index = 0; ; index++) {
      const key = `${prefix}-${number}-${index}`;
      try {
        if (index % 4 === 0) {
          const put = (pk: string) => ({ Put: { TableName: 'orders', Item: { pk: { S: pk } }, ConditionExpression: 'attribute_not_exists(pk)' } });
          await client.send(new TransactWriteItemsCommand({ TransactItems: [put(`${key}-left`), put(`${key}-right`)] }));
          acknowledged.add(`${key}-left`).add(`${key}-right`);
        } else {
          await client.send(new PutItemCommand({ TableName: 'orders', Item: { pk: { S: key }, text: { S: 'x'.repeat(index % 50) } } }));
          acknowledged.add(key);
        }
      } catch {
        return; // never acknowledged
      }
      onAcknowledged(acknowledged.size);
    }
  }
  await Promise.all(Array.from({ length: writers }, (_unused, number) => writer(number)));
  return acknowledged;
}

async function keys(client: DynamoDBClient, table = 'orders'): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const page of paginateScan({ client }, { TableName: table, ConsistentRead: true })) {
    for (const item of page.Items ?? []) found.add(item['pk']?.S ?? '');
  }
  return found;
}

type StreamRecord = { dynamodb: { SequenceNumber: string; Keys: { pk: { S: string } } } };

async function streams(action: string, body: unknown): Promise<Record<string, unknown>> {
  const scope = `${credentials.accessKeyId}/20260101/${region.region}/dynamodb/aws4_request`;
  const response = await fetch(regionUrl(region), {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDBStreams_20120810.${action}`,
      authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(await response.text());
  return Object(await response.json());
}

async function readStream(arn: string): Promise<StreamRecord[]> {
  const shardId = 'shardId-00000000000000000000-00000000';
  const all: StreamRecord[] = [];
  let iterator: unknown = (await streams('GetShardIterator', { StreamArn: arn, ShardId: shardId, ShardIteratorType: 'TRIM_HORIZON' }))['ShardIterator'];
  for (;;) {
    const page = await streams('GetRecords', { ShardIterator: iterator, Limit: 1000 });
    const records = page['Records'];
    if (!Array.isArray(records) || records.length === 0) return all;
    all.push(...records);
    iterator = page['NextShardIterator'];
  }
}

describe('durability', () => {
  test('1,000 acknowledged writes survive SIGKILL in the middle of writing, with their stream, across snapshots', async () => {
    region = await newRegion({ snapshotSeconds: 1 });
    running = await startRegion(engine, region);
    let client = dynamo(region);
    const streamArn = await createTable(client, 'orders');
    await takeSnapshot(region); // the table itself; items need none
    const acknowledged = new Set<string>();
    for (const [life, target] of [
      ['first', 600],
      ['second', 1_000],
    ] as const) {
      const leader = running;
      for (const key of await writeUntilDeath(client, life, (count) => {
        if (acknowledged.size + count >= target) leader.signal('SIGKILL');
      }))
        acknowledged.add(key);
      await leader.stopped;
      running = await startRegion(engine, region);
      client = dynamo(region);
    }

    expect(acknowledged.size).toBeGreaterThanOrEqual(1_000);
    const found = await keys(client);
    expect([...acknowledged].filter((key) => !found.has(key))).toEqual([]);
    const halves = [...found].filter((key) => key.endsWith('-left') !== found.has(key.replace('-left', '-right')) && key.endsWith('-left'));
    expect(halves, 'transactions of which only a part is there').toEqual([]);

    const records = await readStream(streamArn);
    const sequences = records.map((record) => record.dynamodb.SequenceNumber);
    expect(sequences).toEqual([...sequences].sort());
    expect(new Set(sequences).size).toBe(sequences.length);
    expect(new Set(records.map((record) => record.dynamodb.Keys.pk.S))).toEqual(found);
    expect(records.length, 'one record an item').toBe(found.size);
  }, 60_000);

  test('a log that a kill left beside the snapshot which covers it does not bring back what was deleted', async () => {
    region = await newRegion({ snapshotSeconds: 600 });
    running = await startRegion(engine, region);
    const client = dynamo(region);
    await createTable(client, 'orders');
    await createTable(client, 'other');
    await client.send(new PutItemCommand({ TableName: 'orders', Item: { pk: { S: 'of the deleted table' } } }));
    await client.send(new PutItemCommand({ TableName: 'other', Item: { pk: { S: 'deleted item' } } }));
    await client.send(new DeleteItemCommand({ TableName: 'other', Key: { pk: { S: 'deleted item' } } }));
    await client.send(new DeleteTableCommand({ TableName: 'orders' }));
    await createTable(client, 'orders');
    const state = path.join(region.directory, 'state');
    const segments = readdirSync(state)
      .filter((name) => name.startsWith('wal.'))
      .map((name) => [name, readFileSync(path.join(state, name))] as const);
    expect(segments.some(([, content]) => content.length > 0)).toBe(true);
    await takeSnapshot(region);
    running.signal('SIGKILL');
    await running.stopped;
    for (const [name, content] of segments) writeFileSync(path.join(state, name), content);
    running = await startRegion(engine, region);
    expect(await keys(client)).toEqual(new Set());
    expect(await keys(client, 'other')).toEqual(new Set());
  }, 30_000);
});

describe('atomicity', () => {
  test('a transaction whose log was cut off by the kill is not there at all, at whichever byte it was cut', async () => {
    region = await newRegion({ snapshotSeconds: 600 });
    running = await startRegion(engine, region);
    const client = dynamo(region);
    const streamArn = await createTable(client, 'orders');
    await takeSnapshot(region);
    const log = path.join(region.directory, 'state', 'wal.2');
    const put = (pk: string) => ({ Put: { TableName: 'orders', Item: { pk: { S: pk } } } });
    await client.send(new TransactWriteItemsCommand({ TransactItems: [put('whole-left'), put('whole-right')] }));
    const before = readFileSync(log).length;
    expect(before).toBeGreaterThan(0);
    await client.send(new TransactWriteItemsCommand({ TransactItems: [put('cut-left'), put('cut-right')] }));
    const content = readFileSync(log);
    for (const share of [0.3, 0.6, 0.999]) {
      running.signal('SIGKILL');
      await running.stopped;
      for (const name of readdirSync(path.dirname(log))) if (name.startsWith('wal.')) rmSync(path.join(path.dirname(log), name));
      writeFileSync(log, content.subarray(0, before + Math.floor((content.length - before) * share)));
      running = await startRegion(engine, region);
      expect([share, await keys(client)]).toEqual([share, new Set(['whole-left', 'whole-right'])]);
      expect((await readStream(streamArn)).map((record) => record.dynamodb.Keys.pk.S)).toEqual(['whole-left', 'whole-right']);
    }
  }, 40_000);

  test('of 32 racing conditional writers exactly one wins, and none is lost over a restart', async () => {
    region = await newRegion();
    running = await startRegion(engine, region);
    const client = dynamo(region);
    await createTable(client, 'orders');
    const winners: string[] = [];
    for (let round = 0; round < 10; round++) {
      const attempts = await Promise.allSettled(
        Array.from({ length: 32 }, async (_unused, writer) => {
          await client.send(
            new PutItemCommand({
              TableName: 'orders',
              Item: { pk: { S: `round-${round}` }, writer: { N: String(writer) } },
              ConditionExpression: 'attribute_not_exists(pk)',
            }),
          );
          return writer;
        }),
      );
      const won = attempts.filter((attempt) => attempt.status === 'fulfilled');
      expect(won).toHaveLength(1);
      for (const attempt of attempts) if (attempt.status === 'rejected') expect(attempt.reason.name).toBe('ConditionalCheckFailedException');
      winners.push(String(won[0]?.value));
    }
    await takeSnapshot(region);
    running = await restart(engine, region, running);
    for (const [round, winner] of winners.entries()) {
      const item = await dynamo(region).send(new GetItemCommand({ TableName: 'orders', Key: { pk: { S: `round-${round}` } }, ConsistentRead: true }));
      expect(item.Item?.['writer']?.N).toBe(winner);
    }
  }, 30_000);

  test('a transaction whose ConditionCheck fails changes nothing, also when it races with the change of what it checks', async () => {
    region = await newRegion();
    running = await startRegion(engine, region);
    const client = dynamo(region);
    await createTable(client, 'orders');
    await client.send(new PutItemCommand({ TableName: 'orders', Item: { pk: { S: 'FENCE#0' }, epoch: { N: '1' } } }));
    const writes = Array.from({ length: 40 }, async (_unused, index) => {
      if (index === 20) {
        await client.send(
          new UpdateItemCommand({
            TableName: 'orders',
            Key: { pk: { S: 'FENCE#0' } },
            UpdateExpression: 'SET epoch = :two',
            ExpressionAttributeValues: { ':two': { N: '2' } },
          }),
        );
        return false;
      }
      await client.send(
        new TransactWriteItemsCommand({
          TransactItems: [
            { ConditionCheck: { TableName: 'orders', Key: { pk: { S: 'FENCE#0' } }, ConditionExpression: 'epoch = :one', ExpressionAttributeValues: { ':one': { N: '1' } } } },
            { Put: { TableName: 'orders', Item: { pk: { S: `order-${index}` } } } },
          ],
        }),
      );
      return true;
    });
    const settled = await Promise.allSettled(writes);
    const written = await keys(client);
    for (const [index, write] of settled.entries()) {
      if (index === 20) continue;
      expect(written.has(`order-${index}`), `order ${index}`).toBe(write.status === 'fulfilled');
      if (write.status === 'rejected') expect(write.reason.name).toBe('TransactionCanceledException');
    }
    await expect(
      client.send(
        new TransactWriteItemsCommand({
          TransactItems: [
            { ConditionCheck: { TableName: 'orders', Key: { pk: { S: 'FENCE#0' } }, ConditionExpression: 'epoch = :one', ExpressionAttributeValues: { ':one': { N: '1' } } } },
            { Put: { TableName: 'orders', Item: { pk: { S: 'too-late' } } } },
          ],
        }),
      ),
    ).rejects.toMatchObject({ name: 'TransactionCanceledException', CancellationReasons: [{ Code: 'ConditionalCheckFailed' }, { Code: 'None' }] });
    expect((await keys(client)).has('too-late')).toBe(false);
  }, 30_000);
});

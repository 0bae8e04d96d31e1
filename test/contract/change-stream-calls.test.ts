// What the change stream over DynamoDB Streams asks for where a stream has many shards, some closed: the local engine has one, which never splits.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { callTimeoutMs, createDynamoDb } from '../../src/drivers/aws/dynamodb-client.ts';
import { createStreams, DynamoDbChangeStream } from '../../src/drivers/aws/dynamodb-change-stream.ts';
import { errorAnswer, startFakeDynamoDb, type Answer, type Asked } from './fake-dynamodb.ts';

const streamArn = 'arn:aws:dynamodb:us-east-1:111111111111:table/orders/stream/2026-11-28T00:00:00.000';
let fake: Awaited<ReturnType<typeof startFakeDynamoDb>>;
let answer: (asked: Asked) => Answer = () => ({});

beforeEach(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', '111111111111');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
  fake = await startFakeDynamoDb((asked) => answer(asked));
});
afterEach(async () => {
  await fake.stop();
  vi.unstubAllEnvs();
});

const stream = () => new DynamoDbChangeStream('us-east-1', createStreams('us-east-1', fake.url), createDynamoDb('us-east-1', fake.url), { streamArn, table: 'orders', dataKey: 'id' });
const shard = (n: number, isClosed: boolean) => ({ ShardId: `shard-${n}`, SequenceNumberRange: { StartingSequenceNumber: '1', ...(isClosed ? { EndingSequenceNumber: '9' } : {}) } });
const pages =
  (shards: readonly object[][]) =>
  (asked: Asked): Answer => {
    if (asked.action === 'GetShardIterator') return { body: { ShardIterator: `${String(asked.body['ShardId'])} ${String(asked.body['ShardIteratorType'])}` } };
    const at = asked.body['ExclusiveStartShardId'] === undefined ? 0 : Number(asked.body['ExclusiveStartShardId']) + 1;
    return { body: { StreamDescription: { StreamArn: streamArn, Shards: shards[at] ?? [], ...(at + 1 < shards.length ? { LastEvaluatedShardId: String(at) } : {}) } } };
  };

test('the ends of all open shards, of all pages, and of no closed one', async () => {
  answer = pages([[shard(1, true), shard(2, false)], [shard(3, true)], [shard(4, false), shard(5, false)]]);
  expect(await stream().ends()).toEqual([2, 4, 5].map((n) => ({ shard: `shard-${n}`, iterator: `shard-${n} LATEST` })));
  expect(fake.asked.filter((a) => a.action === 'DescribeStream').map((a) => a.body['ExclusiveStartShardId'])).toEqual([undefined, '0', '1']);
});

test('a list that never ends is given up, and calls no shard open', async () => {
  answer = pages(Array.from({ length: 30 }, () => [shard(1, false)]));
  await expect(stream().ends()).rejects.toMatchObject({ name: 'NoQuorumError', retryable: true });
  expect(fake.asked.some((a) => a.action === 'GetShardIterator')).toBe(false);
});

test('one shard that cannot be asked for its end fails the whole: a shard left out would count as read', async () => {
  const all = pages([[shard(1, false), shard(2, false)]]);
  answer = (asked) => (asked.body['ShardId'] === 'shard-2' ? errorAnswer('LimitExceededException') : all(asked));
  await expect(stream().ends()).rejects.toMatchObject({ name: 'LimitExceededException' });
});

test('records in their order, and where to go on; null once the shard is closed', async () => {
  const record = (key: string, eventName: string) => ({ eventName, dynamodb: { Keys: { id: { S: key } }, SequenceNumber: '1' } });
  answer = (asked) => ({ body: { Records: [record('a', 'INSERT'), record('b', 'MODIFY'), record('a', 'REMOVE')], ...(asked.body['ShardIterator'] === 'i1' ? { NextShardIterator: 'i2' } : {}) } });
  const records = [
    { key: 'a', isRemoval: false },
    { key: 'b', isRemoval: false },
    { key: 'a', isRemoval: true },
  ];
  expect(await stream().read('i1')).toEqual({ records, next: 'i2' });
  expect(await stream().read('i2')).toEqual({ records, next: null });
});

test('a marker is an item of this region and epoch, put and then removed', async () => {
  await stream().mark('holdfast-drain#3#0', 3);
  expect(fake.asked).toEqual([
    { action: 'PutItem', body: { TableName: 'orders', Item: { id: { S: 'holdfast-drain#3#0' }, holdfastEpoch: { N: '3' }, holdfastOrigin: { S: 'us-east-1' } } } },
    { action: 'DeleteItem', body: { TableName: 'orders', Key: { id: { S: 'holdfast-drain#3#0' } } } },
  ]);
});

test.each(['ends', 'read', 'mark'] as const)('%s ends though nothing answers, and is asked once', async (what) => {
  answer = () => undefined;
  const began = Date.now();
  const call = { ends: () => stream().ends(), read: () => stream().read('i1'), mark: () => stream().mark('k', 1) }[what];
  await expect(call()).rejects.toThrow();
  expect(Date.now() - began).toBeLessThan(3 * callTimeoutMs);
  expect(fake.asked).toHaveLength(1);
});

// The sick table as a client of DynamoDB sees it: the SDK itself, behind the proxy, against a server that notes what reaches it.
import { createServer, type Server } from 'node:http';
import {
  BatchWriteItemCommand,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startDynamoDbProxy, type DynamoDbProxy } from '../../../local/proxy/dynamodb-proxy.ts';
import { closeServer, listen } from '../../../local/proxy/listen.ts';

type Seen = { readonly operation: string; readonly body: string; readonly host: string | undefined };

let region: Server;
let proxy: DynamoDbProxy;
let client: DynamoDBClient;
let seen: Seen[] = [];

beforeAll(async () => {
  region = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
      seen.push({ operation, body: Buffer.concat(chunks).toString(), host: request.headers.host });
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end(operation === 'GetItem' ? '{"Item":{"id":{"S":"x"}}}' : '{}');
    });
  });
  proxy = await startDynamoDbProxy('127.0.0.1', { host: '127.0.0.1', port: await listen(region, '127.0.0.1', 0) });
  client = new DynamoDBClient({
    endpoint: `http://${proxy.host}:${proxy.port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: '111111111111', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
});
afterAll(async () => {
  client.destroy();
  await proxy.close();
  region.closeAllConnections();
  await closeServer(region);
});
beforeEach(() => {
  proxy.setThrottled(null);
  seen = [];
});

const Key = { id: { S: 'x' } };
const put = (TableName: string) => new PutItemCommand({ TableName, Item: Key });
const fenced = (table: string) =>
  new TransactWriteItemsCommand({
    TransactItems: [{ ConditionCheck: { TableName: 'holdfast-orders-fence', Key, ConditionExpression: 'attribute_exists(id)' } }, { Put: { TableName: table, Item: Key } }],
  });

test('healthy: all passes, byte for byte', async () => {
  await client.send(put('orders'));
  await client.send(fenced('orders'));
  const read = await client.send(new GetItemCommand({ TableName: 'orders', Key }));
  expect(read.Item).toEqual(Key);
  expect(seen.map(({ operation }) => operation)).toEqual(['PutItem', 'TransactWriteItems', 'GetItem']);
  expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ Item: Key, TableName: 'orders' });
});

describe('sick', () => {
  beforeEach(() => proxy.setThrottled('orders'));

  test.each([
    ['PutItem', put('orders')],
    ['PutItem by ARN', put('arn:aws:dynamodb:us-east-1:111111111111:table/orders')],
    ['UpdateItem', new UpdateItemCommand({ TableName: 'orders', Key })],
    ['DeleteItem', new DeleteItemCommand({ TableName: 'orders', Key })],
    ['BatchWriteItem', new BatchWriteItemCommand({ RequestItems: { other: [{ PutRequest: { Item: Key } }], orders: [{ DeleteRequest: { Key } }] } })],
  ])('%s is throttled and does not arrive', async (_, command) => {
    // One union of commands has no common `send`; each is sent by its own.
    const sending: Promise<unknown> =
      command instanceof PutItemCommand
        ? client.send(command)
        : command instanceof UpdateItemCommand
          ? client.send(command)
          : command instanceof DeleteItemCommand
            ? client.send(command)
            : client.send(command);
    await expect(sending).rejects.toMatchObject({
      name: 'ProvisionedThroughputExceededException',
      message: expect.stringContaining('throughput for the table was exceeded'),
      $metadata: { httpStatusCode: 400, requestId: expect.stringMatching(/.{20}/) },
    });
    expect(seen).toEqual([]);
  });

  test('a fenced write is cancelled, with a reason for each item in its place', async () => {
    const error: unknown = await client.send(fenced('orders')).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TransactionCanceledException);
    expect(error).toMatchObject({
      name: 'TransactionCanceledException',
      message: 'Transaction cancelled, please refer cancellation reasons for specific reasons [None, ProvisionedThroughputExceeded]',
      CancellationReasons: [{ Code: 'None' }, { Code: 'ProvisionedThroughputExceeded' }],
    });
    expect(seen).toEqual([]);
  });

  test('a condition check on it is enough', async () => {
    const command = new TransactWriteItemsCommand({
      TransactItems: [{ ConditionCheck: { TableName: 'orders', Key, ConditionExpression: 'attribute_exists(id)' } }],
    });
    await expect(client.send(command)).rejects.toBeInstanceOf(TransactionCanceledException);
  });

  test('reads of it, and writes of every other table, pass: fence, lease and register are well', async () => {
    await client.send(new GetItemCommand({ TableName: 'orders', Key }));
    for (const table of ['holdfast-orders-fence', 'holdfast-orders-region', 'holdfast-orders-register-1', 'orders2', 'my-orders']) {
      await client.send(put(table));
    }
    await client.send(fenced('orders2'));
    expect(seen).toHaveLength(7);
  });

  test('the SDK takes it as a throttling that may be retried', async () => {
    const before = proxy.refusals();
    const retrying = new DynamoDBClient({
      endpoint: `http://${proxy.host}:${proxy.port}`,
      region: 'us-east-1',
      credentials: { accessKeyId: '111111111111', secretAccessKey: 'local' },
      maxAttempts: 2,
    });
    await expect(retrying.send(put('orders'))).rejects.toMatchObject({ $metadata: { attempts: 2 } });
    retrying.destroy();
    expect(proxy.refusals() - before).toBe(2);
  });

  test('healing lets the next write through', async () => {
    proxy.setThrottled(null);
    await client.send(put('orders'));
    expect(seen).toHaveLength(1);
  });
});

test('a region that is gone is a broken connection, not an HTTP answer', async () => {
  const dead = createServer();
  const port = await listen(dead, '127.0.0.1', 0);
  await closeServer(dead);
  const lonely = await startDynamoDbProxy('127.0.0.1', { host: '127.0.0.1', port });
  await expect(fetch(`http://127.0.0.1:${lonely.port}/`)).rejects.toThrow();
  await lonely.close();
});

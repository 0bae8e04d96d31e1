// Why: the sample is what people copy; it must acknowledge nothing that is not in the table, and write nothing without the fence's condition.
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { readFileSync } from 'node:fs';
import { config } from '../../holdfast.config.ts';
import { toRuntimeConfig } from '../../src/config/runtime-config.ts';
import { type Call, type Reply, scriptedDynamoDb } from './scripted-dynamodb.ts';

let untilAtMs: number;
let movedTo: string;
let answerTo: Readonly<Record<string, (call: Call) => Reply>>;
let database: Awaited<ReturnType<typeof scriptedDynamoDb>>;
let handler: typeof import('../../examples/orders/orders.ts').handler;

const leaseRow = () => ({ ok: { Item: { epoch: { N: '3' }, untilAtMs: { N: String(untilAtMs) }, openEpoch: { N: '3' }, closedEpoch: { N: '2' } } } });

beforeAll(async () => {
  database = await scriptedDynamoDb((call) => {
    if (call.action === 'GetItem' && call.body['TableName'] === 'holdfast-orders-region') return leaseRow();
    if (call.action === 'GetItem' && call.body['TableName'] === 'holdfast-orders-fence') return { ok: { Item: { movedTo: { S: movedTo } } } };
    return answerTo[call.action]?.(call) ?? { error: 'UnknownOperationException' };
  });
  const environment = {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_ENDPOINT_URL_DYNAMODB: database.endpoint,
    HOLDFAST_CONFIG: JSON.stringify(toRuntimeConfig(config)),
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await database.stop();
});
beforeEach(async () => {
  untilAtMs = Date.now() + 15_000;
  movedTo = '';
  answerTo = { TransactWriteItems: () => ({ ok: {} }), GetItem: () => ({ ok: {} }) };
  database.calls.length = 0;
  // A fresh copy, as in a new process: the fence keeps the lease row for a second.
  vi.resetModules();
  handler = (await import('../../examples/orders/orders.ts')).handler;
});

async function call(method: string, path: string, body?: string, rawQueryString = '') {
  const event = JSON.stringify({ requestContext: { http: { method, path }, domainName: 'east.example' }, rawPath: path, rawQueryString, isBase64Encoded: false, body });
  const { statusCode, headers, body: text } = await handler(JSON.parse(event));
  return { status: statusCode, headers, body: JSON.parse(text ?? 'null') };
}

describe('PUT /orders/{id}', () => {
  it("answers with region and epoch once the write is in the table, under the fence's condition", async () => {
    expect(await call('PUT', '/orders/a-1', '{"item":"tea"}')).toMatchObject({ status: 200, body: { id: 'a-1', region: 'us-east-1', epoch: 3 } });
    const write = database.calls.find((each) => each.action === 'TransactWriteItems');
    expect(write?.body['TransactItems']).toMatchObject([
      { Put: { TableName: 'orders', Item: { id: { S: 'a-1' }, body: { S: '{"item":"tea"}' }, holdfastEpoch: { N: '3' }, holdfastOrigin: { S: 'us-east-1' } } } },
      { ConditionCheck: { TableName: 'holdfast-orders-fence', ConditionExpression: 'epoch = :epoch AND untilAtMs > closedThroughMs', ExpressionAttributeValues: { ':epoch': { N: '3' } } } },
    ]);
  });

  it('says 503 with Retry-After while closed, and writes nothing', async () => {
    untilAtMs = Date.now() - 1;
    expect(await call('PUT', '/orders/a-1', '{}')).toMatchObject({ status: 503, headers: { 'retry-after': '2' }, body: { region: 'us-east-1' } });
    expect(database.calls.some((each) => each.action === 'TransactWriteItems')).toBe(false);
  });

  it.each<[string, Reply]>([
    ['the fence refuses', { error: 'TransactionCanceledException', more: { CancellationReasons: [{ Code: 'None' }, { Code: 'ConditionalCheckFailed', Item: { epoch: { N: '4' } } }] } }],
    ['the table throttles', { error: 'ProvisionedThroughputExceededException' }],
  ])('says 503, never 200, when %s, and tries once', async (_, reply) => {
    answerTo = { TransactWriteItems: () => reply };
    expect(await call('PUT', '/orders/a-1', '{}')).toMatchObject({ status: 503, headers: { 'retry-after': '2' } });
    expect(database.calls.filter((each) => each.action === 'TransactWriteItems').length).toBe(1);
  });

  it('gives a write no more time than the lease has', async () => {
    untilAtMs = Date.now() + 400;
    answerTo = { TransactWriteItems: () => 'silence' };
    const startedAtMs = performance.now();
    expect((await call('PUT', '/orders/a-1', '{}')).status).toBe(503);
    expect(performance.now() - startedAtMs).toBeLessThan(950);
  });

  it.each(['', 'tea', '[1]', 'null', `{"a":"${'x'.repeat(100_000)}"}`])('refuses a body that is no JSON object or too long (%#)', async (body) => {
    expect((await call('PUT', '/orders/a-1', body)).status).toBe(400);
    expect(database.calls.length).toBe(0);
  });

  it.each(['/orders/', '/orders/a b', '/orders/no#order', `/orders/${'a'.repeat(65)}`, '/other'])('has no order %s', async (path) => {
    expect((await call('PUT', path, '{}')).status).toBe(404);
  });
});

describe('a region that is closed, once another one serves', () => {
  beforeEach(() => {
    untilAtMs = Date.now() - 1;
    movedTo = 'https://west.example';
  });

  it.each(['PUT', 'GET', 'DELETE'])('sends a %s on to it, with path and query as they were, and touches no order', async (method) => {
    const answer = await call(method, '/orders/a-1', '{"item":"tea"}', 'a=1&b=%2F');
    expect(answer).toMatchObject({ status: 307, headers: { location: 'https://west.example/orders/a-1?a=1&b=%2F', 'cache-control': 'no-store' } });
    expect(database.calls.some((each) => each.action === 'TransactWriteItems' || each.body['TableName'] === 'orders')).toBe(false);
  });

  it('never sends a client to itself', async () => {
    movedTo = 'https://east.example';
    expect(await call('PUT', '/orders/a-1', '{}')).toMatchObject({ status: 503, headers: { 'retry-after': '2' } });
  });

  it('answers for its own health all the same', async () => {
    expect((await call('GET', '/healthz')).status).toBe(200);
  });
});

describe('GET /orders/{id}', () => {
  it('answers with what the table has', async () => {
    answerTo = { GetItem: () => ({ ok: { Item: { id: { S: 'a-1' }, body: { S: '{"item":"tea"}' } } } }) };
    expect(await call('GET', '/orders/a-1')).toMatchObject({ status: 200, body: { id: 'a-1', order: { item: 'tea' }, epoch: 3 } });
    expect(database.calls.at(-1)?.body).toMatchObject({ TableName: 'orders', ConsistentRead: true });
  });

  it('knows an order that is not there from a closed region', async () => {
    expect((await call('GET', '/orders/a-1')).status).toBe(404);
  });

  it('says 503 while closed', async () => {
    untilAtMs = 0;
    expect((await call('GET', '/orders/a-1')).status).toBe(503);
  });
});

describe('DELETE /orders/{id}', () => {
  const changes = () => database.calls.filter((each) => each.action === 'TransactWriteItems').map((each) => each.body['TransactItems']);
  const fence = { ConditionCheck: expect.objectContaining({ TableName: 'holdfast-orders-fence', ExpressionAttributeValues: { ':epoch': { N: '3' } } }) };

  it("stamps the order with this epoch, without another region's marks, and then removes it, each under the fence", async () => {
    const stored = { id: { S: 'a-1' }, body: { S: '{"item":"tea"}' }, holdfastEpoch: { N: '2' }, holdfastOrigin: { S: 'us-west-2' }, holdfastSequence: { S: '7' } };
    answerTo = { ...answerTo, GetItem: () => ({ ok: { Item: stored } }) };
    expect(await call('DELETE', '/orders/a-1')).toMatchObject({ status: 200, body: { id: 'a-1', region: 'us-east-1', epoch: 3 } });
    expect(changes()).toEqual([
      [
        {
          Update: {
            TableName: 'orders',
            Key: { id: { S: 'a-1' } },
            UpdateExpression: 'SET #holdfastEpoch = :holdfastEpoch, #holdfastOrigin = :holdfastOrigin REMOVE #holdfastSequence, #holdfastRemoving',
            ConditionExpression: 'attribute_exists(#holdfastKey)',
            ExpressionAttributeNames: expect.objectContaining({ '#holdfastKey': 'id', '#holdfastOrigin': 'holdfastOrigin' }),
            ExpressionAttributeValues: { ':holdfastEpoch': { N: '3' }, ':holdfastOrigin': { S: 'us-east-1' } },
          },
        },
        expect.objectContaining(fence),
      ],
      [{ Delete: { TableName: 'orders', Key: { id: { S: 'a-1' } } } }, expect.objectContaining(fence)],
    ]);
  });

  it('knows an order that is not there, and changes nothing', async () => {
    expect((await call('DELETE', '/orders/a-1')).status).toBe(404);
    expect(changes()).toEqual([]);
  });

  it('says 503, and removes nothing, when the stamp is refused', async () => {
    answerTo = { GetItem: () => ({ ok: { Item: { id: { S: 'a-1' }, body: { S: '{}' } } } }), TransactWriteItems: () => ({ error: 'TransactionCanceledException' }) };
    expect((await call('DELETE', '/orders/a-1')).status).toBe(503);
    expect(changes().length).toBe(1);
  });

  it('says 503 while closed', async () => {
    untilAtMs = 0;
    expect((await call('DELETE', '/orders/a-1')).status).toBe(503);
  });
});

describe('health', () => {
  it('is alive without a database', async () => {
    expect(await call('GET', '/healthz')).toMatchObject({ status: 200 });
    expect(database.calls.length).toBe(0);
  });

  it.each<[string, Reply, number]>([
    ['the condition fails, as it always must', { error: 'ConditionalCheckFailedException' }, 200],
    ['the table throttles', { error: 'ProvisionedThroughputExceededException' }, 503],
    ['the table is gone', { error: 'ResourceNotFoundException' }, 503],
    ['the impossible write succeeds', { ok: {} }, 503],
  ])('is ready or not when %s', async (_, reply, status) => {
    answerTo = { UpdateItem: () => reply };
    expect((await call('GET', '/ready')).status).toBe(status);
    expect(database.calls.at(-1)?.body).toMatchObject({ TableName: 'orders', Key: { id: { S: 'no#order' } }, ConditionExpression: 'attribute_exists(#k)' });
  });
});

describe('what people copy', () => {
  const linesOf = (file: string) => readFileSync(new URL(`../../examples/orders/${file}`, import.meta.url), 'utf8').split('\n');

  it("is short: the service in 120 lines, the stack's own part in 15", () => {
    expect(linesOf('orders.ts').length).toBeLessThanOrEqual(120);
    const stack = linesOf('orders-stack.ts');
    const begin = stack.findIndex((line) => line.includes('super(scope'));
    const statements = stack.slice(begin).filter((line) => /\S/.test(line) && !/^\s*[{}]+\s*$/.test(line));
    expect(statements.length).toBeLessThanOrEqual(15);
  });
});

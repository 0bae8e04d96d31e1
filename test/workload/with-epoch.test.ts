// The service's own writes through the real SDK client, on tables in memory whose clock, lease and network the test moves.
import {
  BatchWriteItemCommand,
  DeleteItemCommand,
  DynamoDBClient,
  ExecuteStatementCommand,
  GetItemCommand,
  PutItemCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  type AttributeValue,
  type TransactWriteItem,
} from '@aws-sdk/client-dynamodb';
import { beforeEach, describe, expect, test } from 'vitest';
import { shardOf } from '../../src/core/lease/fence-shard.ts';
import { WorkloadLab } from '../../src/workload/testing/workload-lab.ts';
import { unfenced, withEpoch } from '../../src/workload/with-epoch.ts';

const [TableName, region] = ['orders', 'us-east-1'];
const tables = { orders: { partitionKey: 'id' }, lines: { partitionKey: 'order', sortKey: 'line' } };
let lab: WorkloadLab;
let client: DynamoDBClient;

beforeEach(() => {
  lab = new WorkloadLab({ tables, region });
  client = withEpoch(new DynamoDBClient(lab.client), lab.settings, { region, tables, clock: lab.clock });
});

const key = (id: string) => ({ id: { S: id } });
const put = (id: string, more: Record<string, AttributeValue> = {}) => new PutItemCommand({ TableName, Item: { ...key(id), ...more } });
const stored = (id: string) => lab.tables.get(TableName, key(id));
const writes = () => lab.network.sent.filter(({ action }) => !['GetItem', 'Query', 'Scan'].includes(action));
const actionsOf = (n: number) => (writes()[n]?.body['TransactItems'] ?? []) as readonly TransactWriteItem[];
const stamp = { holdfastEpoch: { N: '3' }, holdfastOrigin: { S: region } };
/** The writes that wait for a turn of the event loop, until something is done about them. */
const turn = async () => new Promise<void>((resolve) => setImmediate(resolve));
async function until(isSo: () => boolean): Promise<void> {
  for (let turns = 0; turns < 200 && !isSo(); turns += 1) await turn();
  if (!isSo()) throw new Error('it did not come so far');
}

describe('an open region', () => {
  beforeEach(() => lab.open(3));

  test('writes a put as a transaction with the fence row of its own key, stamped with its epoch', async () => {
    await client.send(put('a', { body: { S: 'tea' } }));
    expect(stored('a')).toEqual({ ...key('a'), body: { S: 'tea' }, ...stamp });
    expect(actionsOf(0)).toEqual([
      { Put: { TableName, Item: { ...key('a'), body: { S: 'tea' }, ...stamp } } },
      {
        ConditionCheck: {
          TableName: lab.settings.tables.fence,
          Key: { pk: { S: `FENCE#${shardOf('a', 4)}` } },
          ConditionExpression: 'epoch = :epoch AND untilAtMs > closedThroughMs',
          ExpressionAttributeValues: { ':epoch': { N: '3' } },
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        },
      },
    ]);
  });

  test.each(['a', 'b', 'c', 'd', 'e', 'f', 'g'])('lets the fence row of key %s judge it, and no other', async (id) => {
    await client.send(put(id));
    expect(actionsOf(0).flatMap(({ ConditionCheck }) => ConditionCheck?.Key?.['pk'] ?? [])).toEqual([{ S: `FENCE#${shardOf(id, 4)}` }]);
  });

  test("keeps a put's own condition: it fails as it does without a fence, with the item where that is asked for", async () => {
    await client.send(put('a', { n: { N: '1' } }));
    const again = (more: object) => client.send(new PutItemCommand({ TableName, Item: key('a'), ConditionExpression: 'attribute_not_exists(#i)', ExpressionAttributeNames: { '#i': 'id' }, ...more }));
    await expect(again({})).rejects.toMatchObject({ name: 'ConditionalCheckFailedException', Item: undefined });
    await expect(again({ ReturnValuesOnConditionCheckFailure: 'ALL_OLD' })).rejects.toMatchObject({ name: 'ConditionalCheckFailedException', Item: { n: { N: '1' } } });
    expect(stored('a')).toMatchObject({ n: { N: '1' } });
  });

  test("updates under its own condition, names and values; another region's marks go, its own come", async () => {
    lab.tables.put(TableName, { ...key('a'), n: { N: '1' }, old: { S: 'x' }, holdfastEpoch: { N: '2' }, holdfastOrigin: { S: 'us-west-2' }, holdfastSequence: { S: '7' } });
    const update = (expected: string) =>
      client.send(
        new UpdateItemCommand({
          TableName,
          Key: key('a'),
          UpdateExpression: 'REMOVE #old SET #n = #n + :one, holdfast = :s ADD hits :one',
          ConditionExpression: '#n = :expected',
          ExpressionAttributeNames: { '#n': 'n', '#old': 'old' },
          ExpressionAttributeValues: { ':one': { N: '1' }, ':expected': { N: expected }, ':s': { S: 'set' } },
        }),
      );
    await expect(update('5')).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
    await update('1');
    expect(stored('a')).toEqual({ ...key('a'), n: { N: '2' }, holdfast: { S: 'set' }, hits: { N: '1' }, ...stamp });
  });

  test('creates with an update that has no expression, and stamps it', async () => {
    await client.send(new UpdateItemCommand({ TableName, Key: key('new') }));
    expect(stored('new')).toEqual({ ...key('new'), ...stamp });
  });

  test('removes: the item is stamped first, each under the fence, and the caller’s condition holds for both', async () => {
    lab.tables.put(TableName, { ...key('a'), n: { N: '1' }, holdfastEpoch: { N: '2' }, holdfastOrigin: { S: 'us-west-2' } });
    const remove = (n: string) => client.send(new DeleteItemCommand({ TableName, Key: key('a'), ConditionExpression: 'n = :n', ExpressionAttributeValues: { ':n': { N: n } } }));
    await expect(remove('2')).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
    expect(stored('a')).toMatchObject({ holdfastEpoch: { N: '2' } });
    const images: unknown[] = [];
    lab.network.fate = () => {
      images.push(stored('a'));
      return 'deliver';
    };
    await remove('1');
    expect(images.at(-1)).toEqual({ ...key('a'), n: { N: '1' }, ...stamp });
    expect(stored('a')).toBeUndefined();
    expect(writes().every(({ body }) => JSON.stringify(body).includes('untilAtMs > closedThroughMs'))).toBe(true);
  });

  test('removes what is not there as DynamoDB does: in silence, or by its condition', async () => {
    await client.send(new DeleteItemCommand({ TableName, Key: key('none') }));
    await expect(client.send(new DeleteItemCommand({ TableName, Key: key('none'), ConditionExpression: 'attribute_exists(id)' }))).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
  });

  test('merges the fence into a transaction: one check a fence row, own checks kept, reasons by the caller’s own order', async () => {
    const items: TransactWriteItem[] = [
      { Put: { TableName, Item: key('a') } },
      { Put: { TableName: 'lines', Item: { order: { S: 'a' }, line: { N: '1' } } } },
      { Put: { TableName: 'lines', Item: { order: { S: 'a' }, line: { N: '2' } } } },
      { ConditionCheck: { TableName, Key: key('b'), ConditionExpression: 'attribute_exists(id)', ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } },
    ];
    await expect(client.send(new TransactWriteItemsCommand({ TransactItems: items }))).rejects.toMatchObject({
      name: 'TransactionCanceledException',
      CancellationReasons: [{ Code: 'None' }, { Code: 'None' }, { Code: 'None' }, { Code: 'ConditionalCheckFailed' }],
    });
    lab.tables.put(TableName, key('b'));
    await client.send(new TransactWriteItemsCommand({ TransactItems: items }));
    expect(lab.tables.items('lines').length).toBe(2);
    expect(actionsOf(1).length).toBe(5);
  });

  test('removes within a transaction: what is there is stamped first, what is not is left to the transaction', async () => {
    const old = { n: { N: '1' }, holdfastEpoch: { N: '2' }, holdfastOrigin: { S: 'us-west-2' } };
    lab.tables.put(TableName, { ...key('a'), ...old });
    lab.tables.put('lines', { order: { S: 'a' }, line: { N: '1' }, ...old });
    const items = (expected: string): TransactWriteItem[] => [
      { Delete: { TableName, Key: key('a'), ConditionExpression: 'n = :n', ExpressionAttributeValues: { ':n': { N: expected } } } },
      { Delete: { TableName: 'lines', Key: { order: { S: 'a' }, line: { N: '1' } } } },
      { Delete: { TableName, Key: key('none') } },
      { Put: { TableName, Item: key('b') } },
    ];
    await expect(client.send(new TransactWriteItemsCommand({ TransactItems: items('2') }))).rejects.toMatchObject({
      CancellationReasons: [{ Code: 'ConditionalCheckFailed' }, { Code: 'None' }, { Code: 'None' }, { Code: 'None' }],
    });
    expect(stored('a')).toMatchObject(old);
    const before: unknown[] = [];
    lab.network.fate = ({ body }) => {
      if (JSON.stringify(body).includes('"Delete"')) before.push(stored('a'), ...lab.tables.items('lines'));
      return 'deliver';
    };
    await client.send(new TransactWriteItemsCommand({ TransactItems: items('1') }));
    expect(before).toEqual([expect.objectContaining(stamp), expect.objectContaining(stamp)]);
    expect([stored('a'), stored('b'), ...lab.tables.items('lines')]).toEqual([undefined, { ...key('b'), ...stamp }]);
  });

  test('a removal that the fence refuses half-way has removed nothing', async () => {
    lab.tables.put(TableName, { ...key('a'), holdfastEpoch: { N: '2' } });
    lab.network.fate = ({ body }) => {
      if (JSON.stringify(body).includes('"Delete"')) lab.handOver();
      return 'deliver';
    };
    await expect(client.send(new DeleteItemCommand({ TableName, Key: key('a') }))).rejects.toMatchObject({ name: 'StaleEpochError' });
    expect(stored('a')).toEqual({ ...key('a'), ...stamp });
  });

  test.each([{ N: '7' }, { B: new Uint8Array([1, 2, 3]) }])('fences a key of another type, by its own text: %j', async (id) => {
    await client.send(new PutItemCommand({ TableName, Item: { id } }));
    const text = 'N' in id ? '7' : 'AQID';
    expect(actionsOf(0).at(-1)).toMatchObject({ ConditionCheck: { Key: { pk: { S: `FENCE#${shardOf(text, 4)}` } } } });
  });

  test('refuses before anything is sent what cannot be fenced, and sends it where the caller says so', async () => {
    const batch = () => new BatchWriteItemCommand({ RequestItems: { orders: [{ PutRequest: { Item: key('a') } }] } });
    const refused: (() => Promise<unknown>)[] = [
      async () => client.send(batch()),
      async () => client.send(new ExecuteStatementCommand({ Statement: "INSERT INTO orders VALUE {'id': 'a'}" })),
      async () => client.send(new PutItemCommand({ TableName, Item: key('a'), ReturnValues: 'ALL_OLD' })),
      async () => client.send(new PutItemCommand({ TableName: 'arn:aws:dynamodb:us-east-1:222222222222:table/orders', Item: key('a') })),
      async () => client.send(new PutItemCommand({ TableName: 'unknown', Item: key('a') })),
      async () => client.send(new PutItemCommand({ TableName: lab.settings.tables.fence, Item: { pk: { S: 'FENCE#0' } } })),
      async () => client.send(new PutItemCommand({ TableName, Item: { other: { S: 'a' } } })),
      async () => client.send(new UpdateItemCommand({ TableName, Key: key('a'), AttributeUpdates: {} })),
      async () =>
        client.send(
          new TransactWriteItemsCommand({ TransactItems: [{ ConditionCheck: { TableName: lab.settings.tables.fence, Key: { pk: { S: 'FENCE#0' } }, ConditionExpression: 'epoch = epoch' } }] }),
        ),
      async () => client.send(new TransactWriteItemsCommand({ TransactItems: [{ Put: { TableName, Item: key('a') } }, { Delete: { TableName, Key: key('a') } }] })),
    ];
    for (const refuse of refused) await expect(refuse()).rejects.toMatchObject({ name: 'RefusedError' });
    expect(lab.network.sent).toEqual([]);
    lab.handOver();
    // The tables in memory know no batch: that it came so far is what is asked here.
    await expect(client.send(unfenced(batch()))).rejects.toMatchObject({ name: 'ValidationException' });
    await client.send(unfenced(put('kept')));
    expect(stored('kept')).toEqual(key('kept'));
    await expect(client.send(put('after'))).rejects.toMatchObject({ name: 'FenceClosedError' });
  });

  test.each([
    [96, true],
    [97, false],
  ])('takes a transaction of %i actions over all four fence rows: %s', async (count, isTaken) => {
    const items = Array.from({ length: count }, (_, n) => ({ Put: { TableName, Item: key(`k${n}`) } }));
    const sent = client.send(new TransactWriteItemsCommand({ TransactItems: items }));
    if (isTaken) await sent;
    else await expect(sent).rejects.toMatchObject({ name: 'RefusedError' });
    expect(lab.tables.items(TableName).length).toBe(isTaken ? count : 0);
  });

  test('refuses a client that caches handlers: a mark on one command would cover all', () => {
    expect(() => withEpoch(new DynamoDBClient({ ...lab.client, cacheMiddleware: true }), lab.settings, { region })).toThrow('cacheMiddleware');
  });
});

describe('a region that may not write', () => {
  test('sends nothing while it is not open', async () => {
    lab.take(3);
    await expect(client.send(put('a'))).rejects.toMatchObject({ name: 'FenceClosedError' });
    expect(writes()).toEqual([]);
  });

  test.each([
    ['one millisecond before its deadline', 17_999, true],
    ['at its deadline', 18_000, false],
    ['after it', 18_001, false],
  ])('writes or not %s, also with the lease row read before', async (_, waitedMs, isWritten) => {
    lab.open(3);
    lab.clock.advance(17_500);
    await client.send(put('first'));
    lab.clock.advance(waitedMs - 17_500);
    const sent = client.send(put('a'));
    if (isWritten) await sent;
    else await expect(sent).rejects.toMatchObject({ name: 'FenceClosedError' });
    expect(writes().length).toBe(isWritten ? 2 : 1);
  });

  test('is refused by the fence row itself after a hand-over that its cached lease row does not show', async () => {
    lab.open(3);
    await client.send(put('a'));
    lab.handOver();
    await expect(client.send(put('b'))).rejects.toMatchObject({ name: 'StaleEpochError', epoch: 3 });
    expect(stored('b')).toBeUndefined();
    // The refusal was news: the row is read anew, and nothing more is sent.
    await expect(client.send(put('c'))).rejects.toMatchObject({ name: 'FenceClosedError' });
    expect(writes().length).toBe(2);
  });

  test('sends nothing where its lease row cannot be read, and says so: it is surely not written', async () => {
    lab.open(3);
    lab.network.fate = ({ action }) => (action === 'GetItem' ? { error: 'AccessDeniedException', status: 400 } : 'deliver');
    await expect(client.send(put('a'))).rejects.toMatchObject({ name: 'FenceClosedError', cause: { name: 'AccessDeniedException' } });
    expect(writes()).toEqual([]);
  });

  test('tells a close at the deadline, which a renewal may open again, from one for good', async () => {
    lab.open(3);
    await client.send(put('a'));
    lab.change({ key: { table: 'fence', pk: `FENCE#${shardOf('b', 4)}` }, set: { closedThroughMs: lab.lease().untilAtMs }, when: [], mayCreate: false });
    await expect(client.send(put('b'))).rejects.toMatchObject({ name: 'FenceClosedError', retryable: true });
    lab.clock.advance(1);
    lab.renew();
    await client.send(put('b'));
  });

  test('a missing fence row is said, never written over', async () => {
    lab = new WorkloadLab({ tables, region, fenceShards: 1 });
    client = withEpoch(new DynamoDBClient(lab.client), { ...lab.settings, fenceShards: 2 }, { region, clock: lab.clock });
    lab.open(3);
    const of = ['a', 'b', 'c'].find((id) => shardOf(id, 2) === 1) ?? '';
    await expect(client.send(put(of))).rejects.toMatchObject({ name: 'RowMissingError' });
    expect(lab.tables.items(lab.settings.tables.fence).length).toBe(1);
  });
});

describe('attempts', () => {
  beforeEach(() => lab.open(3));

  test('are each checked: the lease that ended while the SDK waited to try again ends the write, and it is unknown', async () => {
    lab.network.fate = ({ action }) => {
      if (action !== 'TransactWriteItems') return 'deliver';
      lab.clock.advance(18_000);
      return { error: 'InternalServerError', status: 500 };
    };
    await expect(client.send(put('a'))).rejects.toMatchObject({ name: 'WriteUnknownError', epoch: 3, attemptsUnknown: 1 });
    expect(writes().length).toBe(1);
  });

  test('that end in a server’s own error may have been carried out: it is unknown, also when the next one is not sent any more', async () => {
    client = withEpoch(new DynamoDBClient(lab.client), { ...lab.settings, timing: { gateCacheMs: 0 } }, { region, clock: lab.clock });
    lab.network.fate = ({ action }) => (action === 'TransactWriteItems' ? { error: 'InternalServerError', status: 500, isCarriedOut: true } : 'deliver');
    const outcome = client.send(put('a')).catch((error: unknown) => error);
    await until(() => writes().length === 1);
    lab.handOver();
    lab.clock.advance(1);
    expect(await outcome).toMatchObject({ name: 'WriteUnknownError', attemptsUnknown: 1, cause: { name: 'FenceClosedError' } });
    expect(stored('a')).toBeDefined();
  });

  test('are not sent in another epoch than the one they were stamped with', async () => {
    client = withEpoch(new DynamoDBClient(lab.client), { ...lab.settings, timing: { gateCacheMs: 0 } }, { region, clock: lab.clock });
    lab.network.fate = ({ action }) => {
      if (action !== 'TransactWriteItems') return 'deliver';
      lab.handOver();
      lab.open(5);
      lab.clock.advance(1);
      return { error: 'ThrottlingException', status: 400 };
    };
    await expect(client.send(put('a'))).rejects.toMatchObject({ name: 'StaleEpochError', epoch: 3 });
    expect(writes().length).toBe(1);
  });

  test.each([
    ['the attempt’s own limit', 18_000, 1000],
    ['the rest of the lease', 400, 400],
  ])('are aborted after %s', async (_, leaseLeftMs, limitMs) => {
    lab.clock.advance(18_000 - leaseLeftMs);
    lab.network.fate = ({ action }) => (action === 'TransactWriteItems' ? 'hold' : 'deliver');
    const outcome = client.send(put('a')).catch((error: unknown) => error);
    await until(() => writes().length === 1);
    lab.clock.advance(limitMs - 1);
    for (let turns = 0; turns < 20; turns += 1) await turn();
    expect(lab.network.aborted.length).toBe(0);
    lab.clock.advance(1);
    expect(lab.network.aborted.length).toBe(1);
    lab.clock.advance(leaseLeftMs);
    lab.closeAtDeadline();
    expect(await outcome).toMatchObject({ name: 'WriteUnknownError', attemptsUnknown: 1, message: expect.stringContaining('not refused') });
  });

  test('that were aborted may have been carried out: so it is never called refused, and what lands later meets the closed row', async () => {
    for (const [id, isHandedOver] of [
      ['lands', false],
      ['late', true],
    ] as const) {
      lab = new WorkloadLab({ tables, region });
      client = withEpoch(new DynamoDBClient({ ...lab.client, maxAttempts: 1 }), lab.settings, { region, clock: lab.clock });
      lab.open(3);
      lab.network.fate = ({ action }) => (action === 'TransactWriteItems' ? 'hold' : 'deliver');
      const outcome = client.send(put(id)).catch((error: unknown) => error);
      await until(() => writes().length === 1);
      lab.clock.advance(1000);
      expect(await outcome).toMatchObject({ name: 'WriteUnknownError', retryable: false });
      if (isHandedOver) lab.handOver();
      lab.network.letThrough();
      await turn();
      expect(stored(id) === undefined).toBe(isHandedOver);
    }
  });

  test('whose answer is lost are repeated under the same token, and the write is done once', async () => {
    let lost = 0;
    lab.network.fate = ({ action }) => (action === 'TransactWriteItems' && (lost += 1) === 1 ? 'lose-answer' : 'deliver');
    const outcome = client.send(new UpdateItemCommand({ TableName, Key: key('a'), UpdateExpression: 'ADD n :one', ExpressionAttributeValues: { ':one': { N: '1' } } }));
    await until(() => writes().length === 1);
    for (let turns = 0; turns < 20; turns += 1) await turn();
    lab.clock.advance(1000);
    await outcome;
    expect(stored('a')).toMatchObject({ n: { N: '1' } });
    expect(writes().length).toBe(2);
  });

  test('follow the caller’s own signal, and are unknown then too', async () => {
    lab.network.fate = ({ action }) => (action === 'TransactWriteItems' ? 'hold' : 'deliver');
    const stop = new AbortController();
    const outcome = client.send(put('a'), { abortSignal: stop.signal }).catch((error: unknown) => error);
    await until(() => writes().length === 1);
    stop.abort();
    expect(await outcome).toMatchObject({ name: 'WriteUnknownError', cause: { name: 'AbortError' } });
  });

  test('are tried again where only the fence’s row was busy, and keep DynamoDB’s own name where the item was', async () => {
    let busy = 0;
    const cancelled = (...codes: string[]) => ({ error: 'TransactionCanceledException', status: 400, more: { CancellationReasons: codes.map((Code) => ({ Code })) } });
    lab.network.fate = ({ action }) => (action === 'TransactWriteItems' && (busy += 1) <= 2 ? cancelled('None', 'TransactionConflict') : 'deliver');
    await client.send(put('a'));
    expect(writes().length).toBe(3);
    lab.network.fate = ({ action }) => (action === 'TransactWriteItems' ? cancelled('TransactionConflict', 'None') : 'deliver');
    await expect(client.send(put('b'))).rejects.toMatchObject({ name: 'TransactionConflictException' });
    expect(writes().length).toBe(4);
  });
});

describe('where writes are not fenced', () => {
  test('they go as they are, stamped only, whatever the lease says', async () => {
    client = withEpoch(new DynamoDBClient(lab.client), { ...lab.settings, isFenced: false }, { region, clock: lab.clock });
    await client.send(put('a'));
    await client.send(new UpdateItemCommand({ TableName, Key: key('a'), UpdateExpression: 'SET n = :n', ExpressionAttributeValues: { ':n': { N: '1' } } }));
    expect(stored('a')).toEqual({ ...key('a'), n: { N: '1' }, holdfastEpoch: { N: '0' }, holdfastOrigin: { S: region } });
    expect(writes().map(({ action }) => action)).toEqual(['PutItem', 'UpdateItem']);
  });
});

test('reads are left alone, in a closed region too', async () => {
  lab.tables.put(TableName, key('a'));
  expect((await client.send(new GetItemCommand({ TableName, Key: key('a') }))).Item).toEqual(key('a'));
});

// A team's own handler in the lab, as docs/workload.md shows it: paused, overtaken by a hand-over, and with a write that arrives too late.
import { DynamoDBClient, GetItemCommand, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { beforeEach, expect, test } from 'vitest';
import { createFence } from '../../src/workload/fence.ts';
import { WorkloadLab } from '../../src/workload/testing/workload-lab.ts';
import { withEpoch } from '../../src/workload/with-epoch.ts';

let lab: WorkloadLab;
let dynamoDb: DynamoDBClient;
const stored = () => lab.tables.get('orders', { id: { S: 'a' } });

/** What a team would have: it reads, thinks, and writes. */
async function handler(): Promise<number> {
  try {
    const { Item } = await dynamoDb.send(new GetItemCommand({ TableName: 'orders', Key: { id: { S: 'a' } } }));
    const next = String(Number(Item?.['n']?.N ?? 0) + 1);
    await dynamoDb.send(new UpdateItemCommand({ TableName: 'orders', Key: { id: { S: 'a' } }, UpdateExpression: 'SET n = :n', ExpressionAttributeValues: { ':n': { N: next } } }));
    return 200;
  } catch (error) {
    return error instanceof Error && error.name === 'WriteUnknownError' ? 504 : 503;
  }
}

beforeEach(() => {
  lab = new WorkloadLab({ tables: { orders: { partitionKey: 'id' } } });
  dynamoDb = withEpoch(new DynamoDBClient({ ...lab.client, maxAttempts: 1 }), lab.settings, { region: lab.region, clock: lab.clock });
});

test('a handler writes while its region is open, before and after a renewal', async () => {
  lab.open(3);
  expect(await handler()).toBe(200);
  lab.clock.advance(17_000);
  lab.renew();
  lab.clock.advance(17_000);
  expect(await handler()).toBe(200);
  expect(stored()).toMatchObject({ n: { N: '2' }, holdfastEpoch: { N: '3' } });
});

test.each([
  ['longer than the lease', () => lab.clock.advance(18_000)],
  ['while its region hands over', () => lab.handOver()],
  ['while another region takes over', () => lab.seeNewHolder(4)],
])('a handler paused between read and write %s writes nothing', async (_, meanwhile) => {
  lab.open(3);
  // The lease row is read already, so it is not what stops it.
  await dynamoDb.send(new PutItemCommand({ TableName: 'orders', Item: { id: { S: 'a' } } }));
  lab.network.fate = ({ action, body }) => (action === 'GetItem' && body['TableName'] === 'orders' ? 'hold' : 'deliver');
  const outcome = handler();
  await lab.settle();
  meanwhile();
  lab.network.letThrough();
  expect(await outcome).toBe(503);
  expect(stored()).not.toHaveProperty('n');
});

test('a write given up is unknown; after a hand-over it meets the closed row, without one it may land', async () => {
  for (const isHandedOver of [true, false]) {
    lab = new WorkloadLab({ tables: { orders: { partitionKey: 'id' } } });
    dynamoDb = withEpoch(new DynamoDBClient({ ...lab.client, maxAttempts: 1 }), lab.settings, { region: lab.region, clock: lab.clock });
    lab.open(3);
    lab.network.fate = ({ action }) => (action === 'TransactWriteItems' ? 'hold' : 'deliver');
    const outcome = handler();
    await lab.settle();
    lab.clock.advance(1000);
    expect(await outcome).toBe(504);
    if (isHandedOver) lab.handOver();
    lab.network.letThrough();
    await lab.settle();
    expect(stored() === undefined).toBe(isHandedOver);
  }
});

test('a lost answer, a lost request and an error of the service are all the same to the caller: unknown', async () => {
  for (const fate of ['lose-answer', 'lose-request', { error: 'InternalServerError', status: 500 }] as const) {
    lab.open(lab.lease().epoch + 1);
    lab.network.fate = ({ action }) => (action === 'TransactWriteItems' ? fate : 'deliver');
    const outcome = handler();
    await lab.settle();
    lab.clock.advance(1000);
    expect(await outcome).toBe(504);
  }
});

test('a closed region says where the service goes on, once it knows', async () => {
  const fence = createFence(new DynamoDBClient(lab.client), lab.settings, lab.region, lab.clock.nowMs);
  lab.open(3);
  lab.handOver();
  expect(await fence.read()).toMatchObject({ kind: 'closed', movedTo: null });
  lab.moveTo('https://west.example');
  lab.clock.advance(2000);
  expect(await fence.read()).toMatchObject({ kind: 'closed', movedTo: 'https://west.example' });
  expect(lab.row({ table: 'fence', pk: 'FENCE#1' })).toMatchObject({ epoch: 3, closedThroughMs: 9e15, movedTo: 'https://west.example' });
  lab.open(4);
  lab.clock.advance(2000);
  expect(await fence.read()).toMatchObject({ kind: 'open', epoch: 4 });
});

// What the fence permits, and that a service which does not fence its writes is never stopped by it.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFence } from '../../src/workload/fence.ts';
import { scriptedDynamoDb, type Reply } from '../examples/scripted-dynamodb.ts';

let database: Awaited<ReturnType<typeof scriptedDynamoDb>>;
let lease: Reply;
/** The fence row. */
let moved: Reply;
let client: DynamoDBClient;

const row = (untilAtMs: number, openEpoch = 3): Reply => ({ ok: { Item: { epoch: { N: '3' }, untilAtMs: { N: String(untilAtMs) }, openEpoch: { N: String(openEpoch) }, closedEpoch: { N: '0' } } } });
const fence = (isFenced: boolean) => createFence(client, { tables: { region: 'r', fence: 'f' }, isFenced, fenceShards: 2, timing: { gateCacheMs: 1000 } }, 'us-east-1');

beforeEach(async () => {
  moved = { ok: {} };
  database = await scriptedDynamoDb(({ body }) => (body['TableName'] === 'f' ? moved : lease));
  client = new DynamoDBClient({ region: 'us-east-1', endpoint: database.endpoint, maxAttempts: 1, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
});
afterEach(async () => {
  client.destroy();
  await database.stop();
});

test('fenced: open until the deadline, with the condition of the key’s own fence row', async () => {
  lease = row(Date.now() + 10_000);
  const permit = await fence(true).read();
  expect(permit).toMatchObject({ kind: 'open', epoch: 3, stamp: { holdfastEpoch: { N: '3' }, holdfastOrigin: { S: 'us-east-1' } } });
  if (permit.kind !== 'open') return;
  expect(permit.remainingMs()).toBeLessThanOrEqual(10_000);
  const keys = new Set(['a', 'b', 'c', 'd', 'e'].map((key) => permit.checks(key)[0]?.ConditionCheck?.Key?.['pk']?.S));
  expect(keys).toEqual(new Set(['FENCE#0', 'FENCE#1']));
});

test.each([
  ['past its deadline', row(Date.now() - 1)],
  ['not opened in its epoch', row(Date.now() + 10_000, 2)],
])('fenced: closed when the lease is %s', async (_, reply) => {
  lease = reply;
  expect(await fence(true).read()).toMatchObject({ kind: 'closed' });
});

test('fenced: closed, it says where the service goes on, asked once a second at most', async () => {
  lease = row(Date.now() - 1);
  moved = { ok: { Item: { movedTo: { S: 'https://abc.execute-api.us-west-2.amazonaws.com' } } } };
  const asked = fence(true);
  expect(await asked.read()).toMatchObject({ kind: 'closed', movedTo: 'https://abc.execute-api.us-west-2.amazonaws.com' });
  moved = { ok: {} };
  expect(await asked.read()).toMatchObject({ movedTo: 'https://abc.execute-api.us-west-2.amazonaws.com' });
  expect(database.calls.filter(({ body }) => body['TableName'] === 'f')).toEqual([{ action: 'GetItem', body: expect.objectContaining({ Key: { pk: { S: 'FENCE#0' } }, ConsistentRead: true }) }]);
});

test.each<[string, Reply]>([
  ['is empty', { ok: { Item: { movedTo: { S: '' } } } }],
  ['is not there', { ok: { Item: {} } }],
  ['is no URL', { ok: { Item: { movedTo: { S: 'us-west-2' } } } }],
  ['cannot be read', { error: 'InternalServerError' }],
  ['is never answered', 'silence'],
])('fenced: closed, it says that it does not know where the service goes on where that %s', async (_, reply) => {
  lease = row(Date.now() - 1);
  moved = reply;
  expect(await fence(true).read()).toMatchObject({ kind: 'closed', movedTo: null });
});

test('fenced: open, it asks nobody where else the service is', async () => {
  lease = row(Date.now() + 10_000);
  await fence(true).read();
  expect(database.calls.filter(({ body }) => body['TableName'] === 'f')).toEqual([]);
});

test('fenced: a row that cannot be read permits nothing', async () => {
  lease = { error: 'InternalServerError' };
  await expect(fence(true).read()).rejects.toThrow('InternalServerError');
});

test('fenced: a table that never answers permits nothing, within about a second', async () => {
  lease = 'silence';
  const startedAtMs = performance.now();
  await expect(fence(true).read()).rejects.toMatchObject({ name: 'AbortError' });
  expect(performance.now() - startedAtMs).toBeLessThan(4000);
});

test.each([
  ['the lease is over', row(Date.now() - 1), '3'],
  ['the lease row cannot be read', { error: 'InternalServerError' } as const, '0'],
])('not fenced: when %s the service writes all the same, stamped and without a condition', async (_, reply, epoch) => {
  lease = reply;
  const permit = await fence(false).read();
  expect(permit).toMatchObject({ kind: 'open', stamp: { holdfastEpoch: { N: epoch } } });
  expect(permit.kind === 'open' ? permit.checks('a') : undefined).toEqual([]);
});

// The lag brake, through the real client on tables in memory: it refuses writes and no reads, sends nothing, and lets go again.
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { beforeEach, expect, test } from 'vitest';
import { createFence, type Fence } from '../../src/workload/fence.ts';
import { WorkloadLab } from '../../src/workload/testing/workload-lab.ts';
import { withEpoch } from '../../src/workload/with-epoch.ts';

const maxLagMs = 15_000;
let lab: WorkloadLab;
let client: DynamoDBClient;
let fence: Fence;
const put = async () => client.send(new PutItemCommand({ TableName: 'orders', Item: { id: { S: 'a' } } }));
const writes = () => lab.network.sent.filter(({ action }) => action === 'TransactWriteItems').length;
const braked = { name: 'LagExceededError', retryable: true };
/** Time passes as it does in a region: renewed, and looked at by a tick each 5 s as `shipped` says. */
function pass(ms: number, shipped: () => void): void {
  for (let passedMs = 0; passedMs < ms; passedMs += 5000) {
    lab.clock.advance(5000);
    lab.renew();
    shipped();
  }
}

beforeEach(() => {
  lab = new WorkloadLab({ tables: { orders: { partitionKey: 'id' } }, lagBrake: { maxLagMs } });
  const plain = new DynamoDBClient(lab.client);
  fence = createFence(plain, lab.settings, lab.region, lab.clock.nowMs);
  client = withEpoch(plain, lab.settings, { region: lab.region, clock: lab.clock, fence });
  lab.open(3);
});

test('an hour without a write brakes nothing; an hour of writes that are shipped neither', async () => {
  lab.ship();
  await put();
  pass(3_600_000, () => lab.ship());
  await put();
  for (let n = 0; n < 20; n += 1) {
    pass(5000, () => lab.ship());
    await put();
  }
});

test.each([
  [maxLagMs, true],
  [maxLagMs + 1, false],
])('a change unshipped for %i ms: writes are taken: %s; reads always are', async (unshippedMs, isTaken) => {
  lab.ship({ unshippedMs });
  if (isTaken) await put();
  else await expect(put()).rejects.toMatchObject({ ...braked, lagMs: unshippedMs });
  expect(writes()).toBe(isTaken ? 1 : 0);
  await client.send(new GetItemCommand({ TableName: 'orders', Key: { id: { S: 'a' } } }));
  expect(await fence.read()).toMatchObject({ kind: 'open' });
  lab.clock.advance(1001);
  lab.ship();
  await put();
});

test('a look that stands still counts as its age: no tick says anything any more', async () => {
  lab.ship();
  await put();
  pass(maxLagMs, () => {});
  await put();
  pass(5000, () => {});
  await expect(put()).rejects.toMatchObject({ ...braked, message: expect.stringContaining('the last look at the log was at') });
});

test('writes that never reach the log brake, though nothing in it is unshipped; the next that does lets go', async () => {
  lab.ship();
  await put();
  const writtenAtMs = lab.clock.nowMs();
  const stuck = () => lab.ship({ unloggedMs: lab.clock.nowMs() - writtenAtMs + 2000 });
  pass(maxLagMs, stuck);
  await put();
  pass(5000, stuck);
  await expect(put()).rejects.toMatchObject({ ...braked, message: expect.stringContaining('did not reach the log') });
  pass(5000, () => lab.ship());
  await put();
});

test('where nothing was ever looked at, writes wait for the first tick; where the row cannot be read, the last look grows older', async () => {
  await expect(put()).rejects.toMatchObject({ ...braked, lagMs: Number.POSITIVE_INFINITY });
  lab.clock.advance(1001);
  lab.ship();
  await put();
  lab.network.fate = ({ body }) => (JSON.stringify(body).includes('SHIPPED') ? { error: 'InternalServerError', status: 400 } : 'deliver');
  pass(maxLagMs, () => lab.ship());
  await put();
  pass(5000, () => lab.ship());
  await expect(put()).rejects.toMatchObject(braked);
});

test('the lag is judged at each attempt: one that comes to be sent again after it waits no longer for a look', async () => {
  lab.ship();
  const token = (count: number) => ({ getRetryCount: () => count, getRetryDelay: () => 0 });
  const retryStrategy = {
    mode: 'once',
    acquireInitialRetryToken: async () => token(0),
    refreshRetryTokenForRetry: async ({ getRetryCount }: { getRetryCount: () => number }) => {
      if (getRetryCount() > 0) throw new Error('no more');
      lab.clock.advance(1001);
      lab.ship({ unshippedMs: maxLagMs + 1 });
      return token(1);
    },
    recordSuccess: () => undefined,
  };
  client = withEpoch(new DynamoDBClient({ ...lab.client, retryStrategy }), lab.settings, { region: lab.region, clock: lab.clock });
  lab.network.fate = ({ action }) => (action === 'TransactWriteItems' ? { error: 'ThrottlingException', status: 400 } : 'deliver');
  await expect(put()).rejects.toMatchObject(braked);
  expect(writes()).toBe(1);
});

test('without the setting no row is asked for', async () => {
  lab = new WorkloadLab({ tables: { orders: { partitionKey: 'id' } } });
  client = withEpoch(new DynamoDBClient(lab.client), lab.settings, { region: lab.region, clock: lab.clock });
  lab.open(3);
  await put();
  expect(JSON.stringify(lab.network.sent)).not.toContain('SHIPPED');
});

// What the DynamoDB drivers make of answers that no emulator gives on demand: conflicts, throttles, silence. An open outcome is
// thrown, never called a refusal; and every call ends.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { callTimeoutMs, createDynamoDb, createPatientDynamoDb, DateHeaderSamples } from '../../src/drivers/aws/dynamodb-client.ts';
import { DynamoDbDataStore } from '../../src/drivers/aws/dynamodb-data-store.ts';
import { DynamoDbLogStore } from '../../src/drivers/aws/dynamodb-log-store.ts';
import { DynamoDbRowStore } from '../../src/drivers/aws/dynamodb-row-store.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { emptyHead, nextSegment } from '../../src/core/log/segment.ts';
import { padSequenceNumber } from '../../src/core/log/change-record.ts';
import { DivergenceList } from '../../src/operations/divergence-list.ts';
import { errorAnswer, startFakeDynamoDb, type Answer } from './fake-dynamodb.ts';

const key = { table: 'region', pk: 'X', sk: '#' } as const;
const change = { key, set: { n: 1 }, when: [{ attribute: 'n', is: '<', value: 1 } as const], mayCreate: false };
const record = { key: 'k1', image: { id: { S: 'k1' } }, epoch: 1, atMs: 1, sequenceNumber: padSequenceNumber('1') };
const cancelled = (...codes: string[]) => errorAnswer('TransactionCanceledException', { CancellationReasons: codes.map((Code) => ({ Code, Message: Code })) });

let fake: Awaited<ReturnType<typeof startFakeDynamoDb>>;
let answer: (action: string) => Answer = () => ({});

beforeEach(async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', '111111111111');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
  fake = await startFakeDynamoDb((asked) => answer(asked.action));
});
afterEach(async () => {
  await fake.stop();
  vi.unstubAllEnvs();
});

function stores() {
  const client = createDynamoDb('us-east-1', fake.url);
  const rows = new DynamoDbRowStore('us-east-1', client, { register: 't-register', region: 't-region', fence: 't-fence' });
  return {
    client,
    rows,
    log: new DynamoDbLogStore('us-east-1', client, 't-log'),
    data: new DynamoDbDataStore(client, { data: 't-data', dataKey: 'id', fence: 't-fence', region: 't-region', fenceShards: 1 }),
    divergence: new DivergenceList(rows, sha256),
  };
}

describe('a write that met another region changing the same item', () => {
  test('was not carried out, and says so by a name of its own; it is not tried again here', async () => {
    answer = () => errorAnswer('ReplicatedWriteConflictException');
    const { rows } = stores();
    await expect(rows.change(change)).rejects.toMatchObject({
      name: 'WriteConflictError',
      retryable: true,
      message: expect.stringContaining('X was being changed in another region when us-east-1 wrote it'),
    });
    expect(fake.asked).toHaveLength(1);
  });
});

describe('an outcome that is open', () => {
  test.each(['ThrottlingException', 'ProvisionedThroughputExceededException', 'InternalServerError', 'TransactionConflictException', 'ResourceNotFoundException', 'RequestLimitExceeded'])(
    'is thrown by a change, once asked and never tried again: %s',
    async (type) => {
      answer = () => errorAnswer(type);
      const { rows } = stores();
      await expect(rows.change(change)).rejects.toMatchObject({ name: expect.stringContaining(type.replace(/Exception$/, '')) });
      expect(fake.asked).toHaveLength(1);
    },
  );

  test.each([
    ['TransactionConflict', 'None'],
    ['None', 'ThrottlingError'],
    ['ProvisionedThroughputExceeded', 'None'],
    ['None', 'ValidationError'],
  ])('is thrown by a transaction that was cancelled for %s, %s', async (...codes) => {
    answer = () => cancelled(...codes);
    const { rows, log, data } = stores();
    await expect(rows.changeTogether([change], [{ key, when: change.when }])).rejects.toMatchObject({ name: 'TransactionCanceledException' });
    await expect(log.append(emptyHead, nextSegment('us-east-1', emptyHead, [record], sha256))).rejects.toMatchObject({ name: 'TransactionCanceledException' });
    await expect(data.apply('us-east-1', 1, [record], [])).rejects.toMatchObject({ name: 'TransactionCanceledException' });
    expect(fake.asked).toHaveLength(3);
  });

  test('of an apply is thrown also where some condition failed: which records are stale is not certain then', async () => {
    answer = () => cancelled('ConditionalCheckFailed', 'TransactionConflict');
    await expect(stores().data.apply('us-east-1', 1, [record], [])).rejects.toMatchObject({ name: 'TransactionCanceledException' });
  });
});

describe('a condition that failed', () => {
  test('is a refusal, with the row that stands', async () => {
    answer = () => errorAnswer('ConditionalCheckFailedException', { Item: { pk: { S: 'X' }, n: { N: '7' }, text: { S: '7' } } });
    expect(await stores().rows.change(change)).toMatchObject({ kind: 'refused', row: { n: 7, text: '7' } });
    expect(fake.asked[0]?.body).toMatchObject({ ReturnValuesOnConditionCheckFailure: 'ALL_OLD', ReturnValues: 'ALL_NEW', TableName: 't-region' });
  });

  test('of a row that is missing is a refusal without one', async () => {
    answer = () => errorAnswer('ConditionalCheckFailedException');
    expect(await stores().rows.change(change)).toEqual({ kind: 'refused', row: undefined });
  });

  test('of a transaction refuses it, whichever action it was', async () => {
    for (const codes of [
      ['ConditionalCheckFailed', 'None'],
      ['None', 'ConditionalCheckFailed'],
    ]) {
      answer = () => cancelled(...codes);
      expect(await stores().rows.changeTogether([change], [{ key, when: change.when }])).toBe('refused');
      expect(await stores().log.append(emptyHead, nextSegment('us-east-1', emptyHead, [record], sha256))).toBe('refused');
    }
  });
});

describe('every call ends', () => {
  // A stopped process accepts connections (its kernel does) and never answers.
  const silent: [string, Answer][] = [
    ['never answers', undefined],
    ['begins to answer and never ends', { body: { Item: {} }, stall: true }],
  ];
  const limitMs = callTimeoutMs + 500;

  test.each(silent)('within about a second, by throwing, at a server that %s', async (_, how) => {
    answer = () => how;
    const { rows, log, data, divergence } = stores();
    const calls: Record<string, () => Promise<unknown>> = {
      get: () => rows.get(key),
      change: () => rows.change(change),
      changeTogether: () => rows.changeTogether([change], []),
      head: () => log.head('us-east-1'),
      apply: () => data.apply('us-east-1', 1, [record], []),
      add: () => divergence.add([{ origin: 'us-east-1', record, ours: null, foundAtMs: 1 }]),
    };
    const startedAt = performance.now();
    const ended = await Promise.all(
      Object.entries(calls).map(async ([name, call]) => {
        const outcome = await Promise.race([
          call().then(
            () => 'answered',
            () => 'thrown',
          ),
          new Promise<string>((resolve) => setTimeout(resolve, 3 * limitMs, 'hangs')),
        ]);
        return { name, outcome, tookMs: performance.now() - startedAt };
      }),
    );
    expect(ended.filter((e) => e.outcome !== 'thrown')).toEqual([]);
    expect(ended.filter((e) => e.tookMs > limitMs)).toEqual([]);
  });

  test('of a reconciliation: a read that was not answered is sent again, a write is not, and says who was silent', async () => {
    const silentOnce = new Set(['GetItem', 'UpdateItem']);
    answer = (action) => (silentOnce.delete(action) ? undefined : { body: { Item: { pk: { S: 'X' }, sk: { S: '#' } } } });
    const tables = { register: 't-register', region: 't-region', fence: 't-fence' };
    const rows = new DynamoDbRowStore('us-east-1', createDynamoDb('us-east-1', fake.url), tables, createPatientDynamoDb('us-east-1', fake.url));
    const [read, written] = await Promise.allSettled([rows.get(key), rows.change(change)]);
    expect(read).toMatchObject({ status: 'fulfilled', value: { pk: 'X' } });
    expect(written).toMatchObject({ status: 'rejected', reason: { name: 'TimeoutError', message: '127.0.0.1 did not answer within 1000 ms' } });
    expect(fake.asked.map(({ action }) => action).toSorted()).toEqual(['GetItem', 'GetItem', 'UpdateItem']);
  });

  test('at once where nothing listens', async () => {
    const client = createDynamoDb('us-east-1', 'http://127.0.0.1:1');
    const store = new DynamoDbRowStore('us-east-1', client, { register: 'a', region: 'b', fence: 'c' });
    await expect(store.get(key)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('reads', () => {
  test('are strongly consistent, all of them', async () => {
    answer = (action) => (action === 'Query' ? { body: { Items: [] } } : {});
    const { rows, log, data } = stores();
    await rows.get(key);
    await log.head('us-east-1');
    await log.read('us-east-1', 0, 1);
    await log.readBack('us-east-1', 9, 1);
    await data.get('k1');
    expect(fake.asked.map((a) => [a.action, a.body['ConsistentRead']])).toEqual([
      ['GetItem', true],
      ['GetItem', true],
      ['Query', true],
      ['Query', true],
      ['GetItem', true],
    ]);
  });

  test('of a log item that was altered are refused', async () => {
    const good = { sk: { N: '1' }, records: { S: JSON.stringify([record]) }, previousHash: { S: '' }, hash: { S: 'h' } };
    const read = async (item: object) => {
      answer = () => ({ body: { Items: [item] } });
      return stores().log.read('us-east-1', 0, 1);
    };
    expect(await read(good)).toHaveLength(1);
    for (const name of Object.keys(good)) await expect(read({ ...good, [name]: undefined })).rejects.toMatchObject({ name: 'MalformedError', message: expect.stringContaining(`'${name}'`) });
    await expect(read({ ...good, records: { S: '[{}]' } })).rejects.toMatchObject({ name: 'MalformedError' });
  });
});

describe('the Date header', () => {
  test('is noted with our clock around it, for answers and refusals of this client, and forgotten with age', async () => {
    const { client, rows } = stores();
    const samples = new DateHeaderSamples();
    samples.watch(client);
    answer = () => ({ headers: { date: 'Sat, 28 Nov 2026 00:00:07 GMT' } });
    const before = Date.now();
    await rows.get(key);
    const [sample] = samples.recent();
    expect(sample?.dateMs).toBe(Date.parse('2026-11-28T00:00:07Z'));
    expect(sample?.sentAtMs).toBeGreaterThanOrEqual(before);
    expect(sample?.receivedAtMs).toBeGreaterThanOrEqual(sample?.sentAtMs ?? 0);
    answer = () => ({ headers: { date: 'no date' } });
    await rows.get(key);
    expect(samples.recent()).toHaveLength(1);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 30_500 });
    expect(samples.recent()).toEqual([]);
    vi.useRealTimers();
  });

  test('keeps the newest few', async () => {
    const { client, rows } = stores();
    const samples = new DateHeaderSamples();
    samples.watch(client);
    answer = () => ({ headers: { date: new Date().toUTCString() } });
    for (let i = 0; i < 20; i += 1) await rows.get(key);
    expect(samples.recent()).toHaveLength(16);
  });
});

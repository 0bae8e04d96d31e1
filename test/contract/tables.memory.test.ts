// Tables in memory keep the contract that DynamoDB's keep; a table as a source keeps that of all sources; and what the DynamoDB driver makes of
// answers that no emulator gives on demand.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createBulkDynamoDb, DynamoDbTableStore } from '../../src/drivers/aws/dynamodb-backup-table.ts';
import { MemoryTableStore } from '../../src/drivers/memory/memory-table-store.ts';
import { linesOf, lineBytesMax } from '../../src/operations/backup-lines.ts';
import { TableSource } from '../../src/operations/backup-table-source.ts';
import { createWorld, east, live } from '../operations/backup-fixture.ts';
import { backupSourceContract, digestOfLines } from './backup-source.ts';
import { errorAnswer, startFakeDynamoDb, type Answer, type Asked } from './fake-dynamodb.ts';
import { tableStoreContract } from './table-store.ts';

tableStoreContract('memory', () => new MemoryTableStore('us-east-1', 7));

backupSourceContract(
  'a table in memory',
  async () => {
    const world = await createWorld();
    const region = world.region(east);
    await region.open(1, 'us-west-2');
    let targets = 0;
    const put = async (key: string, value: number | null) => {
      world.clock.advance(10);
      await region.put(key, value, 1);
      await region.flush();
    };
    return {
      source: new TableSource(world.portsIn(east)),
      itself: { table: live },
      target: async () => {
        const table = `target-${(targets += 1)}`;
        await region.tables.create(table, 'id');
        return { table };
      },
      fill: async (count) => {
        for (let i = 0; i < count; i += 1) await put(`k${i}`, i * 10 + count);
      },
      change: async () => {
        await put('k0', 999);
        await put('k1', null);
        await put('added', 1);
      },
    };
  },
  digestOfLines,
);

describe('lines', () => {
  async function read(...pieces: (string | Uint8Array)[]): Promise<string[]> {
    async function* content() {
      for (const piece of pieces) yield typeof piece === 'string' ? Buffer.from(piece) : piece;
    }
    const lines: string[] = [];
    for await (const line of linesOf(content())) lines.push(line);
    return lines;
  }
  test('come out of pieces however they were cut, also within a character', async () => {
    const bytes = Buffer.from('ä1\n\n😀2\n3\n');
    for (let cut = 0; cut <= bytes.length; cut += 1)
      for (let to = cut; to <= bytes.length; to += 1) expect(await read(bytes.subarray(0, cut), bytes.subarray(cut, to), bytes.subarray(to))).toEqual(['ä1', '', '😀2', '3']);
    expect(await read()).toEqual([]);
  });
  test('that do not end, are no text, or never come to an end, are damage', async () => {
    await expect(read('a\nb')).rejects.toMatchObject({ name: 'DamagedError', message: expect.stringContaining('middle of a line') });
    await expect(read(new Uint8Array([0xff, 10]))).rejects.toThrow();
    await expect(read(new Uint8Array(lineBytesMax + 1))).rejects.toMatchObject({ name: 'DamagedError', message: expect.stringContaining('longer') });
  });
});

describe('the DynamoDB table store', () => {
  let fake: Awaited<ReturnType<typeof startFakeDynamoDb>>;
  let answer: (asked: Asked) => Answer = () => ({});
  const waits: number[] = [];
  const store = () => new DynamoDbTableStore('us-east-1', createBulkDynamoDb('us-east-1', fake.url), async (ms) => void waits.push(ms));
  const items = (count: number) => Array.from({ length: count }, (_, i) => ({ id: { S: `k${i}` } }));
  const requests = (asked: Asked) => (asked.body['RequestItems'] as Record<string, unknown[]>)['t'] ?? [];

  beforeEach(async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', '111111111111');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'local');
    waits.length = 0;
    fake = await startFakeDynamoDb((asked) => answer(asked));
  });
  afterEach(async () => {
    await fake.stop();
    vi.unstubAllEnvs();
  });

  test('writes in batches of 25', async () => {
    answer = () => ({ body: { UnprocessedItems: {} } });
    await store().write('t', items(51));
    expect(fake.asked.map((a) => requests(a).length).toSorted((a, b) => b - a)).toEqual([25, 25, 1]);
  });

  test('sends again what was left undone, only that, each time later', async () => {
    let calls = 0;
    answer = (asked) => ((calls += 1) <= 3 ? { body: { UnprocessedItems: { t: requests(asked).slice(3) } } } : { body: {} });
    await store().write('t', items(20));
    expect(fake.asked.map((a) => requests(a).length)).toEqual([20, 17, 14, 11]);
    expect(waits).toEqual([50, 100, 200]);
  });

  test('gives up a table that takes nothing, and says how far it came', async () => {
    answer = (asked) => ({ body: { UnprocessedItems: { t: requests(asked).slice(asked.body['first'] === true ? 0 : -5) } } });
    await expect(store().write('t', items(20))).rejects.toMatchObject({ name: 'StepNotReadyError', retryable: true, message: expect.stringContaining('took 15 of 20') });
    expect(Math.max(...waits)).toBe(5000);
  });

  test('reads consistently, page by page, to the end', async () => {
    answer = (asked) => ({ body: asked.body['ExclusiveStartKey'] === undefined ? { Items: [{ id: { S: 'a' } }], LastEvaluatedKey: { id: { S: 'a' } } } : { Items: [{ id: { S: 'b' } }] } });
    const pages = [];
    for await (const page of store().scan('t', 1, 4)) pages.push(page);
    expect(pages).toEqual([[{ id: { S: 'a' } }], [{ id: { S: 'b' } }]]);
    expect(fake.asked.map((a) => a.body)).toEqual([
      { TableName: 't', Segment: 1, TotalSegments: 4, ConsistentRead: true },
      { TableName: 't', Segment: 1, TotalSegments: 4, ConsistentRead: true, ExclusiveStartKey: { id: { S: 'a' } } },
    ]);
  });

  test.each([
    [{ KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }], AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'N' }] }],
    [
      {
        KeySchema: [
          { AttributeName: 'id', KeyType: 'HASH' },
          { AttributeName: 'at', KeyType: 'RANGE' },
        ],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      },
    ],
  ])('refuses a table with another kind of key: %j', async (table) => {
    answer = () => ({ body: { Table: { TableStatus: 'ACTIVE', ...table } } });
    await expect(store().describe('t')).rejects.toMatchObject({ name: 'RefusedError' });
  });

  test('knows a table that is being created from one that is not there', async () => {
    const key = { KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }], AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }] };
    answer = () => ({ body: { Table: { TableStatus: 'CREATING', ...key } } });
    expect(await store().describe('t')).toEqual({ isReady: false, keyName: 'id', bytes: 0 });
    answer = () => errorAnswer('ResourceNotFoundException');
    expect(await store().describe('t')).toBeNull();
    answer = () => errorAnswer('ResourceInUseException');
    await store().create('t', 'id');
  });
});

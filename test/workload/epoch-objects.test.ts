// Objects of an epoch that is over may be put, and are never seen. S3 here is a map behind the real client.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { beforeEach, expect, test } from 'vitest';
import { EpochObjects } from '../../src/workload/epoch-objects.ts';
import { createFence } from '../../src/workload/fence.ts';
import { WorkloadLab } from '../../src/workload/testing/workload-lab.ts';
import { withEpoch } from '../../src/workload/with-epoch.ts';

let lab: WorkloadLab;
let objects: EpochObjects;
let bytes: Map<string, Buffer>;
/** Between the bytes and the manifest. */
let afterPut: () => void;

const etagOf = (body: Buffer) => `"${createHash('md5').update(body).digest('hex')}"`;
const text = async (name: string) => Buffer.from((await objects.get(name))?.body ?? []).toString();
const of = (body: string) => Buffer.from(body);

const s3Handler = {
  metadata: { handlerProtocol: 'memory' },
  handle: async ({ method, path, headers, body }: { method: string; path: string; headers: Record<string, string>; body?: unknown }) => {
    const answer = (statusCode: number, more: Record<string, string> = {}, content: Buffer = Buffer.alloc(0)) => ({ response: { statusCode, headers: more, body: Readable.from([content]) } });
    const stored = bytes.get(path);
    if (method === 'PUT') {
      if (headers['if-none-match'] === '*' && stored !== undefined) return answer(412);
      const content = Buffer.from(body as Uint8Array);
      bytes.set(path, content);
      afterPut();
      return answer(200, { etag: etagOf(content) });
    }
    if (stored === undefined) return answer(404);
    return headers['if-match'] === etagOf(stored) ? answer(200, { etag: etagOf(stored) }, stored) : answer(412);
  },
};

beforeEach(() => {
  lab = new WorkloadLab({ tables: { files: { partitionKey: 'name' } } });
  bytes = new Map();
  afterPut = () => {};
  const fence = createFence(new DynamoDBClient(lab.client), lab.settings, lab.region, lab.clock.nowMs);
  const dynamoDb = withEpoch(new DynamoDBClient(lab.client), lab.settings, { region: lab.region, clock: lab.clock, fence });
  const s3 = new S3Client({
    region: lab.region,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    forcePathStyle: true,
    requestHandler: s3Handler,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  objects = new EpochObjects({ s3, bucket: 'b', prefix: 'files/', dynamoDb, table: 'files', partitionKey: 'name', fence });
  lab.open(3);
});

test('an object is seen once its manifest is written, under its epoch’s prefix; overwriting wants the version that is replaced', async () => {
  const first = await objects.put('a', of('one'), undefined);
  expect(first).toMatchObject({ epoch: 3, key: expect.stringMatching(/^files\/00000003\/a\//) });
  expect(await text('a')).toBe('one');
  await expect(objects.put('a', of('new again'), undefined)).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
  const second = await objects.put('a', of('two'), first);
  await expect(objects.put('a', of('late'), first)).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
  expect(await text('a')).toBe('two');
  expect(await objects.version('a')).toEqual(second);
  expect(await objects.get('none')).toBeUndefined();
});

test('a hand-over between the bytes and the manifest leaves the bytes unseen', async () => {
  const first = await objects.put('a', of('one'), undefined);
  afterPut = () => lab.handOver();
  await expect(objects.put('a', of('stale'), first)).rejects.toMatchObject({ name: 'StaleEpochError' });
  expect(bytes.size).toBe(2);
  expect(await text('a')).toBe('one');
  afterPut = () => {};
  await expect(objects.put('b', of('closed'), undefined)).rejects.toMatchObject({ name: 'FenceClosedError' });
  expect(bytes.size).toBe(2);
});

test('bytes that are not the ones the manifest means are refused, and so are ones that have not come yet', async () => {
  const { key } = await objects.put('a', of('one'), undefined);
  bytes.set(`/b/${key}`, of('other'));
  await expect(objects.get('a')).rejects.toMatchObject({ $metadata: { httpStatusCode: 412 } });
  bytes.clear();
  await expect(objects.get('a')).rejects.toMatchObject({ $metadata: { httpStatusCode: 404 } });
});

test('a prefix without its slash is refused', () => {
  expect(() => new EpochObjects({ prefix: 'files' } as ConstructorParameters<typeof EpochObjects>[0])).toThrow("must end with '/'");
});

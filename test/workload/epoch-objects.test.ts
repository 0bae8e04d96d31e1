// Objects of an epoch that is over may be put, and are never seen. S3 here is a map behind the real client.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { beforeEach, expect, test } from 'vitest';
import { EpochObjects } from '../../src/workload/epoch-objects.ts';
import { createFence } from '../../src/workload/fence.ts';
import { WorkloadLab } from '../../src/workload/testing/workload-lab.ts';
import { withEpoch } from '../../src/workload/with-epoch.ts';
import { MemoryS3 } from './memory-s3.ts';

let lab: WorkloadLab;
let objects: EpochObjects;
let memory: MemoryS3;

const text = async (name: string) => Buffer.from((await objects.get(name))?.body ?? []).toString();
const of = (body: string) => Buffer.from(body);

beforeEach(() => {
  lab = new WorkloadLab({ tables: { files: { partitionKey: 'name' } } });
  memory = new MemoryS3();
  const fence = createFence(new DynamoDBClient(lab.client), lab.settings, lab.region, lab.clock.nowMs);
  const dynamoDb = withEpoch(new DynamoDBClient(lab.client), lab.settings, { region: lab.region, clock: lab.clock, fence });
  const s3 = memory.client(lab.region);
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
  memory.afterPut = () => lab.handOver();
  await expect(objects.put('a', of('stale'), first)).rejects.toMatchObject({ name: 'StaleEpochError' });
  expect(memory.objects.size).toBe(2);
  expect(await text('a')).toBe('one');
  memory.afterPut = () => {};
  await expect(objects.put('b', of('closed'), undefined)).rejects.toMatchObject({ name: 'FenceClosedError' });
  expect(memory.objects.size).toBe(2);
});

test('bytes that are not the ones the manifest means are refused, and so are ones that have not come yet', async () => {
  const { key } = await objects.put('a', of('one'), undefined);
  memory.objects.set(`/b/${key}`, of('other'));
  await expect(objects.get('a')).rejects.toMatchObject({ $metadata: { httpStatusCode: 412 } });
  memory.objects.clear();
  await expect(objects.get('a')).rejects.toMatchObject({ $metadata: { httpStatusCode: 404 } });
});

test('a prefix without its slash is refused', () => {
  expect(() => new EpochObjects({ prefix: 'files' } as ConstructorParameters<typeof EpochObjects>[0])).toThrow("must end with '/'");
});

// What may be concluded where S3 does not answer; the contract itself in memory.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { beforeEach, expect, test } from 'vitest';
import { createFence } from '../../src/workload/fence.ts';
import { SameKeyObjects } from '../../src/workload/same-key-objects.ts';
import { WorkloadLab } from '../../src/workload/testing/workload-lab.ts';
import { sameKeyObjectsContract } from '../contract/same-key-objects.ts';
import { MemoryS3 } from './memory-s3.ts';

const shared = new MemoryS3();
sameKeyObjectsContract('in memory', () => ({ s3: shared.client('us-east-1'), bucket: 'b' }));

let lab: WorkloadLab;
let memory: MemoryS3;
const objects = (maxAttempts = 1) =>
  new SameKeyObjects({ s3: memory.client(lab.region, maxAttempts), bucket: 'b', clock: lab.clock, fence: createFence(new DynamoDBClient(lab.client), lab.settings, lab.region, lab.clock.nowMs) });

beforeEach(() => {
  lab = new WorkloadLab({ tables: { orders: { partitionKey: 'id' } } });
  memory = new MemoryS3();
  lab.open(3);
});

test('a put that was carried out under a lost answer, and refused for that when it was sent again, is unknown', async () => {
  const first = await objects().create('a', Buffer.from('one'));
  memory.troubles = [{ after: 500 }];
  await expect(objects(2).overwrite(first, Buffer.from('two'))).rejects.toMatchObject({ name: 'WriteUnknownError', attemptsUnknown: 2 });
  expect(memory.objects.get('/b/a')?.toString()).toBe('two');
});

test.each([
  [500, 'WriteUnknownError'],
  [403, 'S3ServiceException'],
  [409, 'ObjectChangedError'],
])('S3 says %i: %s', async (instead, name) => {
  const first = await objects().create('a', Buffer.from('one'));
  memory.troubles = [{ instead }];
  const error: unknown = await objects()
    .overwrite(first, Buffer.from('two'))
    .catch((e: unknown) => e);
  if (name === 'S3ServiceException') expect(error).toMatchObject({ $metadata: { httpStatusCode: 403 } });
  else expect(error).toMatchObject({ name });
});

test('it is given up at the end of the lease, and unknown then; after it nothing is sent', async () => {
  const first = await objects().create('a', Buffer.from('one'));
  lab.clock.advance(17_500);
  memory.troubles = ['never answers'];
  const late = objects().overwrite(first, Buffer.from('two'));
  const outcome = expect(late).rejects.toMatchObject({ name: 'WriteUnknownError', epoch: 3 });
  await lab.settle();
  lab.clock.advance(500);
  await outcome;
  await expect(objects().overwrite(first, Buffer.from('three'))).rejects.toMatchObject({ name: 'FenceClosedError' });
  expect(memory.objects.get('/b/a')?.toString()).toBe('one');
});

// Lease-bound credentials on a clock that the test moves: none is ever handed out past its end, which is before the deadline; and the policy says so.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { createFence } from '../../src/workload/fence.ts';
import { leaseCredentials, leasePolicy } from '../../src/workload/lease-credentials.ts';
import { WorkloadLab } from '../../src/workload/testing/workload-lab.ts';
import { alwaysAsync, around } from '../core/property.ts';

const statements = [{ actions: ['dynamodb:PutItem'], resources: ['arn:aws:dynamodb:us-east-1:111122223333:table/orders'] }];
const untilOf = (policy: string): number => Date.parse(JSON.parse(policy).Statement[0].Condition.DateLessThan['aws:CurrentTime']);
let lab: WorkloadLab;
let policies: string[];
/** How long STS takes, and whether it answers. */
let sts: { takesMs: number; fails: boolean };
let provide: ReturnType<typeof leaseCredentials>;

function start(): void {
  lab = new WorkloadLab({ tables: { orders: { partitionKey: 'id' } } });
  policies = [];
  sts = { takesMs: 0, fails: false };
  provide = leaseCredentials({
    fence: createFence(new DynamoDBClient(lab.client), lab.settings, lab.region, lab.clock.nowMs),
    statements,
    nowMs: lab.clock.nowMs,
    assumeRole: async ({ policy, durationSeconds }) => {
      expect(durationSeconds).toBe(900);
      lab.clock.advance(sts.takesMs);
      if (sts.fails) throw new Error('STS is away');
      policies.push(policy);
      return { accessKeyId: policy, secretAccessKey: 's', sessionToken: 't', expiration: new Date(lab.clock.nowMs() + 900_000) };
    },
  });
}
beforeEach(start);

test('the policy allows what was named until a whole second, and nothing without that date', () => {
  expect(JSON.parse(leasePolicy([...statements, { actions: ['s3:PutObject'], resources: ['arn:aws:s3:::b/*'] }], 1_700_000_000_999))).toEqual({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: ['dynamodb:PutItem'], Resource: statements[0]?.resources, Condition: { DateLessThan: { 'aws:CurrentTime': '2023-11-14T22:13:20Z' } } },
      { Effect: 'Allow', Action: ['s3:PutObject'], Resource: ['arn:aws:s3:::b/*'], Condition: { DateLessThan: { 'aws:CurrentTime': '2023-11-14T22:13:20Z' } } },
    ],
  });
  expect(() => leasePolicy([], 0)).toThrow('at least one statement');
  const long = (characters: number) => leasePolicy([{ actions: ['s3:PutObject'], resources: ['x'.repeat(characters)] }], 0);
  const rest = long(0).length;
  expect(long(2048 - rest).length).toBe(2048);
  expect(() => long(2049 - rest)).toThrow('STS takes 2048');
});

test('they are asked for once, renewed with the lease, and end a second before it', async () => {
  lab.open(3);
  const { untilAtMs } = lab.lease();
  const [first] = await Promise.all([provide(), provide(), provide()]);
  expect(first.expiration.getTime()).toBe(Math.floor((untilAtMs - 1000) / 1000) * 1000);
  expect(policies.map(untilOf)).toEqual([first.expiration.getTime()]);
  lab.clock.advance(5000);
  lab.renew();
  expect((await provide()).accessKeyId).toBe(first.accessKeyId);
  lab.clock.advance(5000);
  lab.renew();
  const next = await provide();
  expect(policies.length).toBe(2);
  expect(next.expiration.getTime() - first.expiration.getTime()).toBe(10_000);
});

test('old ones do while STS does not answer, and no longer than they last; a new epoch wants new ones', async () => {
  lab.open(3);
  const first = await provide();
  sts.fails = true;
  lab.clock.advance(12_000);
  lab.renew();
  expect((await provide()).accessKeyId).toBe(first.accessKeyId);
  lab.clock.advance(5000);
  await expect(provide()).rejects.toThrow('STS is away');
  sts.fails = false;
  expect((await provide()).accessKeyId).not.toBe(first.accessKeyId);
  lab.handOver();
  lab.clock.advance(1001);
  await expect(provide()).rejects.toMatchObject({ name: 'FenceClosedError' });
  lab.open(4);
  lab.clock.advance(1001);
  await provide();
  expect(policies.length).toBe(3);
});

const steps = fc.array(
  fc.record({ advanceMs: around(1, 1000, 8000, 16_000, 17_000, 18_000), renew: fc.boolean(), open: fc.boolean(), takesMs: around(0, 1000, 17_000, 18_000), fails: fc.boolean() }),
  { maxLength: 12 },
);

test('whatever the clock, the lease and STS do: none is handed out at or after its end, and none ends after the lease that was the latest', async () => {
  await alwaysAsync(
    fc.asyncProperty(steps, async (drawn) => {
      start();
      lab.open(1);
      let latestMs = lab.lease().untilAtMs;
      for (const { advanceMs, renew, open, takesMs, fails } of drawn) {
        lab.clock.advance(Math.max(0, advanceMs));
        if (open) lab.open(lab.lease().epoch + 1);
        else if (renew) lab.renew();
        latestMs = Math.max(latestMs, lab.lease().untilAtMs);
        sts = { takesMs: Math.max(0, takesMs), fails };
        const given = await provide().catch(() => undefined);
        if (given === undefined) continue;
        expect(given.expiration.getTime()).toBeGreaterThan(lab.clock.nowMs());
        expect(given.expiration.getTime()).toBeLessThanOrEqual(latestMs - 1000);
        expect(untilOf(given.accessKeyId)).toBe(given.expiration.getTime());
      }
    }),
    100,
  );
});

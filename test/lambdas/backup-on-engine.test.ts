// The functions of backup and restore, one after the other as their machines call them, over the real drivers: tables, locked buckets and keys of
// the local engine. One process plays all three regions: it keeps them apart.
import { CreateTableCommand, DeleteItemCommand, ListTablesCommand, PutItemCommand, ScanCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateAliasCommand, CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { CreateBucketCommand, DeleteObjectCommand, GetObjectCommand, GetObjectRetentionCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startRegion, regionUrl, localAccountId, type EngineRegion, type RunningRegion } from '../../local/engine/ministack.ts';
import { config } from '../../holdfast.config.ts';
import { toRuntimeConfig } from '../../src/config/runtime-config.ts';
import type { BackupPlan, PartAnswer } from '../../src/core/backup/backup-plan.ts';
import { DynamoDbLogStore } from '../../src/drivers/aws/dynamodb-log-store.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { nextSegment } from '../../src/core/log/segment.ts';
import { marks, padSequenceNumber, type Image } from '../../src/core/log/change-record.ts';
import { DynamoDbTableStore } from '../../src/drivers/aws/dynamodb-backup-table.ts';
import { tableStoreContract } from '../contract/table-store.ts';
import { credentials, discard, dynamo, install, newRegion } from '../local/engine/engine-fixture.ts';

const runtimeConfig = toRuntimeConfig(config);
const regions = ['us-east-1', 'us-west-2', 'eu-west-1'];
const { tables } = runtimeConfig;

let region: EngineRegion;
let running: RunningRegion | undefined;
let client: DynamoDBClient;

beforeAll(async () => {
  region = await newRegion();
  running = await startRegion(await install(), region);
  client = dynamo(region);
  const endpoint = regionUrl(region);
  for (const name of regions) {
    const s3 = new S3Client({ region: name, endpoint, credentials, forcePathStyle: true });
    await s3.send(
      new CreateBucketCommand({
        Bucket: `holdfast-orders-vault-${localAccountId}-${name}`,
        ObjectLockEnabledForBucket: true,
        ...(name === 'us-east-1' ? {} : { CreateBucketConfiguration: { LocationConstraint: name === 'us-west-2' ? 'us-west-2' : 'eu-west-1' } }),
      }),
    );
    const kms = new KMSClient({ region: name, endpoint, credentials });
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    await kms.send(new CreateAliasCommand({ AliasName: 'alias/holdfast-orders-vault', TargetKeyId: KeyMetadata?.KeyId }));
  }
  for (const [table, keys] of [
    [tables.data, ['id']],
    [tables.region, ['pk', 'sk']],
    [tables.log, ['pk', 'sk']],
  ] as const)
    await client.send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: keys.map((AttributeName, i) => ({ AttributeName, KeyType: i === 0 ? 'HASH' : 'RANGE' }) as const),
        AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: table === tables.log && AttributeName === 'sk' ? 'N' : 'S' }) as const),
      }),
    );
  const number = (n: number) => ({ N: String(n) });
  await client.send(
    new PutItemCommand({
      TableName: tables.region,
      Item: { pk: { S: 'LEASE' }, sk: { S: '#' }, epoch: number(1), openEpoch: number(1), closedEpoch: number(0), untilAtMs: number(Date.now() + 600_000) },
    }),
  );
  const variables = {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_ENDPOINT_URL: endpoint,
    HOLDFAST_CONFIG: JSON.stringify(runtimeConfig),
    HOLDFAST_ACCOUNT: localAccountId,
    ...Object.fromEntries(regions.map((name) => [`HOLDFAST_ENDPOINT_${name.toUpperCase().replaceAll('-', '_')}`, endpoint])),
  };
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
}, 120_000);

afterAll(async () => {
  vi.unstubAllEnvs();
  client?.destroy();
  if (region !== undefined) await discard(region, running);
});

tableStoreContract('DynamoDB', () => new DynamoDbTableStore('us-east-1', client));

let written = 0;
/** A write of the service, and what ship-log makes of it. @returns when it was made */
async function write(key: string, value: string | null): Promise<number> {
  const image: Image | null = value === null ? null : { id: { S: key }, value: { S: value }, tags: { SS: ['b', 'a'] }, [marks.epoch]: { N: '1' }, [marks.origin]: { S: 'us-east-1' } };
  if (value === null) await client.send(new DeleteItemCommand({ TableName: tables.data, Key: { id: { S: key } } }));
  else
    await client.send(
      new PutItemCommand({ TableName: tables.data, Item: { id: { S: key }, value: { S: value }, tags: { SS: ['b', 'a'] }, [marks.epoch]: { N: '1' }, [marks.origin]: { S: 'us-east-1' } } }),
    );
  const atMs = Date.now();
  const log = new DynamoDbLogStore('us-east-1', client, tables.log);
  const head = await log.head('us-east-1');
  await log.append(head, nextSegment('us-east-1', head, [{ key, image, epoch: 1, atMs, sequenceNumber: padSequenceNumber(String((written += 1))) }], sha256));
  return atMs;
}

async function values(table: string): Promise<Record<string, string | undefined>> {
  const { Items } = await client.send(new ScanCommand({ TableName: table, ConsistentRead: true }));
  return Object.fromEntries((Items ?? []).map((item) => [item['id']?.S ?? '', item['value']?.S]).toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)));
}

async function backup(type: string) {
  const { handler: plan } = await import('../../lambdas/plan-backup.ts');
  const { handler: writePart } = await import('../../lambdas/write-backup-part.ts');
  const { handler: commit } = await import('../../lambdas/commit-point.ts');
  const { handler: verify } = await import('../../lambdas/verify-point.ts');
  /** As a state machine hands it on. */
  const json = <T>(value: T): T => JSON.parse(JSON.stringify(value));
  const planned: BackupPlan = json(await plan({ group: 'orders', type, by: 'schedule' }));
  const parts: PartAnswer[] = [];
  for (const piece of planned.pieces) parts.push(json(await writePart({ plan: planned, piece })));
  const committed = await commit({ plan: planned, parts });
  expect(await commit({ plan: planned, parts })).toEqual(committed);
  expect(await verify({ chain: committed.chain, point: committed.point })).toMatchObject({ isVerified: true, items: committed.items });
  return { planned, committed };
}

async function restore(at: number, table: string) {
  const { handler: archive } = await import('../../lambdas/archive-log.ts');
  const { handler: planRestore } = await import('../../lambdas/plan-restore.ts');
  const { handler: createTarget } = await import('../../lambdas/create-target.ts');
  const { handler: restorePart } = await import('../../lambdas/restore-part.ts');
  const { handler: validate } = await import('../../lambdas/validate-restore.ts');
  const { handler: report } = await import('../../lambdas/report-restore.ts');
  await archive({ group: 'orders', force: true });
  const plan = await planRestore({ group: 'orders', at, point: null, into: { table }, select: null, by: 'anna' });
  if (!plan.isTurn) throw new Error(plan.because);
  for (let i = 0; i < 20; i += 1)
    if (
      await createTarget({ plan }).then(
        () => true,
        () => false,
      )
    )
      break;
  const parts = [];
  for (const shard of plan.shards) parts.push(await restorePart({ plan, shard }));
  const validation = await validate({ plan, parts });
  return report({ plan, parts, validation });
}

test('a full backup, an incremental one, the log, and a restore to a moment between two writes', async () => {
  for (let i = 0; i < 60; i += 1) await write(`k${i}`, `first ${i}`);
  const full = await backup('full');
  expect(full.planned).toMatchObject({ acts: true, type: 'full', class: 'yearly' });
  expect(full.committed.items).toBe(60);
  await write('k1', 'second');
  const incremental = await backup('incremental');
  expect(incremental.planned).toMatchObject({ type: 'incremental', parent: { point: full.committed.point } });
  await write('k2', null);
  const before = await values(tables.data);
  // The last record's own moment is not whole yet; one more write ends it.
  await new Promise((resolve) => setTimeout(resolve, 20));
  const atMs = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await write('k3', 'too late');
  const done = await restore(atMs, 'orders-restored');
  expect(done).toMatchObject({ isIdentical: true, items: 59, removed: 1, table: 'orders-restored' });
  expect(await values('orders-restored')).toEqual(before);
  expect(await values('orders-restored')).toMatchObject({ k1: 'second', k3: 'first 3' });
  await expect(restore(atMs + 3_600_000, 'orders-restored-never')).rejects.toMatchObject({ name: 'NotCoveredError', message: expect.stringContaining('covered is') });
  await expect(restore(atMs, 'orders')).rejects.toMatchObject({ name: 'RefusedError' });
});

test('a restore test: a moment drawn, compared, its target gone, its evidence locked in every region', async () => {
  const { handler: planRestore } = await import('../../lambdas/plan-restore.ts');
  const { handler: createTarget } = await import('../../lambdas/create-target.ts');
  const { handler: restorePart } = await import('../../lambdas/restore-part.ts');
  const { handler: validate } = await import('../../lambdas/validate-restore.ts');
  const { handler: report } = await import('../../lambdas/report-restore.ts');
  const { handler: drop } = await import('../../lambdas/drop-target.ts');
  const { handler: record } = await import('../../lambdas/record-restore-test.ts');
  const until = async <T>(step: () => Promise<T>): Promise<T> => {
    for (let i = 0; ; i += 1)
      try {
        return await step();
      } catch (error) {
        if (i > 100 || !(error instanceof Error) || error.name !== 'StepNotReadyError') throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
  };
  // A whole second must lie between the end of the scan and the end of the log.
  for (let i = 0; i < 3; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await write(`late${i}`, 'x');
  }
  const { handler: archive } = await import('../../lambdas/archive-log.ts');
  await archive({ group: 'orders', force: true });
  const before = await tableNames();
  const run = { group: 'orders', by: 'anna', execution: 'restore-test-1', startedAtMs: Date.now() };
  const plan = await planRestore({ ...run, at: null, point: null, into: null, select: null, test: {} });
  if (!plan.isTurn) throw new Error(plan.because);
  expect(plan.into.table).toMatch(/^orders-restored-test-[0-9a-f]{16}$/);
  await until(async () => createTarget({ plan }));
  const parts = [];
  for (const shard of plan.shards) parts.push(await restorePart({ plan, shard }));
  const measured = await report({ plan, parts, validation: await validate({ plan, parts }) });
  expect(await tableNames()).toContain(plan.into.table);
  const dropped = await until(async () => drop(run));
  expect(await tableNames()).toEqual(before);
  const summary = await record({ ...run, test: plan.test, report: measured, dropped, failure: null });
  expect(summary).toMatchObject({ isPassed: true, rtoMs: measured.rtoMs, rpoMs: plan.test?.rpoMs, sites: regions.toSorted() });
  expect(summary.rtoMs).toBeGreaterThan(0);
  for (const name of regions) {
    const s3 = new S3Client({ region: name, endpoint: regionUrl(region), credentials, forcePathStyle: true });
    const key = { Bucket: `holdfast-orders-vault-${localAccountId}-${name}`, Key: summary.evidence ?? '' };
    const object = await s3.send(new GetObjectCommand(key));
    expect(JSON.parse((await object.Body?.transformToString()) ?? '')).toMatchObject({ isPassed: true, outcome: { report: JSON.parse(JSON.stringify(measured)) } });
    const { Retention } = await s3.send(new GetObjectRetentionCommand(key));
    expect(Retention).toMatchObject({ Mode: 'COMPLIANCE' });
    expect(Math.abs((Retention?.RetainUntilDate?.getTime() ?? 0) - run.startedAtMs - 86_400_000)).toBeLessThan(1000);
    await expect(s3.send(new DeleteObjectCommand({ ...key, VersionId: object.VersionId }))).rejects.toThrow();
  }
  // The next one finds nothing left.
  expect(await drop(run)).toMatchObject({ leftovers: [] });
});

async function tableNames(): Promise<readonly string[]> {
  return (await client.send(new ListTablesCommand({}))).TableNames ?? [];
}

// Whether each function's own role suffices for a backup and a restore, and for nothing against what is locked: with AUTH on, where the engine
// enforces roles, sessions and bucket policies. The observer's comparison judges the restored table; its attacks are made with the product's roles.
import { readFileSync } from 'node:fs';
import { CreateTableCommand, DeleteTableCommand, DynamoDBClient, GetItemCommand, ListTablesCommand, PutItemCommand, ScanCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { CreateFunctionCommand, GetFunctionCommand, InvokeCommand, LambdaClient, paginateListFunctions } from '@aws-sdk/client-lambda';
import { DeleteObjectCommand, GetObjectRetentionCommand, ListObjectsV2Command, PutObjectCommand, PutObjectTaggingCommand, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { z } from 'zod';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { config } from '../../../holdfast.config.ts';
import { localAccountId } from '../../../local/engine/ministack.ts';
import { S3Site } from '../../../src/drivers/aws/s3-site.ts';
import { retain } from '../../../src/operations/retention.ts';
import { sha256Hex } from '../../../src/vault/chunk-crypto.ts';
import { SiteSet } from '../../../src/vault/site-set.ts';
import { openVault } from '../../../src/vault/vault.ts';
import { attackVault } from '../../observer/vault-attacks.ts';
import { VaultBucket } from '../../observer/vault-bucket.ts';
import { credentials, eventually } from '../engine/engine-fixture.ts';
import { type AuthorisedGroup, run, startAuthorisedGroup } from './authorised-group.ts';
import { storedZip } from './stored-zip.ts';

const HOME = config.initialRegion;
const AWAY = config.regions.find((member) => member.role === 'candidate' && member.region !== HOME)?.region ?? '';
const ITEMS = 200;
const START_LIMIT_MS = 180_000;
const COMMAND_LIMIT_MS = 120_000;
const QUIET_LIMIT_MS = 30_000;

let group: AuthorisedGroup;
/** When every item was its second text. */
let secondAtMs = 0;
const closers: { destroy(): void }[] = [];

beforeAll(async () => {
  group = await startAuthorisedGroup();
}, START_LIMIT_MS);
afterAll(async () => {
  for (const client of closers) client.destroy();
  await group?.close();
});

function dynamo(region: string): DynamoDBClient {
  const client = new DynamoDBClient({ region, endpoint: group.endpoint, credentials, requestHandler: new NodeHttpHandler({ requestTimeout: 10_000, throwOnRequestTimeout: true }) });
  closers.push(client);
  return client;
}

/** As the service writes: with the marks by which the change log knows epoch and origin. */
async function write(client: DynamoDBClient, text: (n: number) => string): Promise<void> {
  for (let n = 0; n < ITEMS; n += 1) {
    const Item = { id: { S: `order-${n}` }, body: { S: text(n) }, holdfastEpoch: { N: '1' }, holdfastOrigin: { S: HOME } };
    await client.send(new PutItemCommand({ TableName: config.table.name, Item }));
  }
}

async function read(client: DynamoDBClient, TableName: string): Promise<Map<string, string>> {
  const { Items = [] } = await client.send(new ScanCommand({ TableName, ConsistentRead: true }));
  return new Map(Items.map((item) => [item['id']?.S ?? '', item['body']?.S ?? '']));
}

async function tableNames(region: string): Promise<readonly string[]> {
  return (await dynamo(region).send(new ListTablesCommand({}))).TableNames ?? [];
}

async function evidenceIn(region: string): Promise<readonly { readonly key: string }[]> {
  const bucket = new VaultBucket(region, group.endpoint, `holdfast-${config.group}-vault-${localAccountId}-${region}`, credentials);
  try {
    return await bucket.versions('evidence/');
  } finally {
    bucket.close();
  }
}

const holdfast = (...words: string[]) => run(`holdfast ${words.join(' ')}`, ['src/cli/main.ts', ...words, '--wait', '--json'], group.environment);
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('with only their own rights', () => {
  test(
    'the functions ship the log, back up, and restore a second that has passed, here and in the other region',
    async () => {
      const home = dynamo(HOME);
      await write(home, (n) => `first ${n}`);
      await holdfast('backup', '--type', 'full', '--region', HOME);
      await write(home, (n) => `second ${n}`);
      await sleep(1100);
      const atMs = Math.floor(Date.now() / 1000) * 1000 - 1;
      secondAtMs = atMs;
      await sleep(1100);
      await write(home, (n) => `third ${n}`);
      await eventually(
        'the log in the other region',
        async () => ((await read(dynamo(AWAY), config.table.name)).get(`order-${ITEMS - 1}`) === `third ${ITEMS - 1}` ? true : undefined),
        QUIET_LIMIT_MS,
      );
      for (const region of [HOME, AWAY]) {
        const into = `orders-restored-${region}`;
        await holdfast('restore', '--at', new Date(atMs).toISOString(), '--into', into, '--region', region);
        expect(await read(dynamo(region), into)).toEqual(new Map(Array.from({ length: ITEMS }, (_, n) => [`order-${n}`, `second ${n}`])));
      }
      // And as a test, whose machine also drops the table and keeps its evidence.
      const before = await tableNames(AWAY);
      const { result } = z.object({ result: z.object({ isPassed: z.boolean(), items: z.number(), evidence: z.string() }) }).parse(JSON.parse(await holdfast('restore', '--test', '--region', AWAY)));
      expect(result).toMatchObject({ isPassed: true, items: ITEMS });
      expect(await tableNames(AWAY)).toEqual(before);
      for (const region of group.regions) expect((await evidenceIn(region)).map(({ key }) => key)).toEqual([result.evidence]);
      // No region is open here, and it says so; what it does when one is, it does below with its session.
      for (const region of [HOME, AWAY]) expect(await keepRetention(region)).toMatchObject({ acts: false, because: expect.stringContaining('not open') });
      expect(readFileSync(group.logFile, 'utf8')).not.toMatch(/AccessDenied|not authorized/);
    },
    COMMAND_LIMIT_MS,
  );

  test(
    'no function can drop a table, but one of them those of restore tests',
    async () => {
      const roles = await rolesAtHome();
      const ofTest = `${config.table.name}-restored-test-0123456789abcdef`;
      const home = dynamo(HOME);
      await home.send(
        new CreateTableCommand({
          TableName: ofTest,
          KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
          AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
          BillingMode: 'PAY_PER_REQUEST',
        }),
      );
      const dropped: string[] = [];
      // The one that may comes last: what it drops is then there for the others.
      for (const [name, session] of [...roles].toSorted(([a], [b]) => Number(a.endsWith('-drop-target')) - Number(b.endsWith('-drop-target')))) {
        const client = new DynamoDBClient({ region: HOME, endpoint: group.endpoint, credentials: session, maxAttempts: 1 });
        for (const TableName of [config.table.name, `${config.table.name}-restored-${HOME}`, ofTest]) {
          const answer = await client.send(new DeleteTableCommand({ TableName })).then(
            () => 'done',
            (error: unknown) => String(error),
          );
          if (answer === 'done') dropped.push(`${name}: ${TableName}`);
          else expect(answer, name).toMatch(/not authorized|AccessDenied/);
        }
        client.destroy();
      }
      expect(dropped).toEqual([`holdfast-${config.group}-drop-target: ${ofTest}`]);
    },
    COMMAND_LIMIT_MS,
  );

  test(
    'the checks find what differs, tell it, repair it in the other region, and look for what is overdue',
    async () => {
      const home = dynamo(HOME);
      const region = { TableName: `holdfast-${config.group}-region` };
      await home.send(
        new UpdateItemCommand({
          ...region,
          Key: { pk: { S: 'LEASE' }, sk: { S: '#' } },
          UpdateExpression: 'SET epoch = :epoch, openEpoch = :epoch, untilAtMs = :until',
          ExpressionAttributeValues: { ':epoch': { N: '1' }, ':until': { N: String(Date.now() + 3_600_000) } },
        }),
      );
      const s3 = new S3Client({ region: AWAY, endpoint: group.endpoint, credentials, forcePathStyle: true });
      closers.push(s3);
      const Bucket = `holdfast-${config.group}-vault-${localAccountId}-${AWAY}`;
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'packs/' }));
      const [{ Key = '' } = {}] = Contents;
      await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'rubbish', ChecksumAlgorithm: 'SHA256' }));
      const client = new LambdaClient({ region: HOME, endpoint: group.endpoint, credentials });
      closers.push(client);
      const call = async (name: string): Promise<unknown> => {
        const { FunctionError, Payload } = await client.send(new InvokeCommand({ FunctionName: `holdfast-${config.group}-${name}` }));
        const text = Buffer.from(Payload ?? []).toString();
        expect(FunctionError, `${name}: ${text}`).toBeUndefined();
        return JSON.parse(text);
      };
      expect(await call('compare-sites')).toMatchObject({ acts: true, count: 1, differences: [{ name: Key }], silent: [] });
      const { Item } = await home.send(new GetItemCommand({ ...region, Key: { pk: { S: 'COMPARE' }, sk: { S: 'vault' } } }));
      expect(Item?.['isUntold']).toEqual({ N: '0' });
      expect(await call('scrub')).toMatchObject({ acts: true, findings: 1, standing: 0, health: 'healthy' });
      expect(await call('compare-sites')).toMatchObject({ count: 0 });
      expect(await call('check-schedules')).toEqual({ found: [], told: [] });
      expect(await call('rotate-keys')).toMatchObject({ acts: true });
      expect(readFileSync(group.logFile, 'utf8')).not.toMatch(/AccessDenied|not authorized/);
    },
    COMMAND_LIMIT_MS,
  );

  test(
    'the live table is restored in place and back again, through the fence, and the other region follows',
    async () => {
      const home = dynamo(HOME);
      for (let shard = 0; shard < config.fenceShards; shard += 1)
        await home.send(
          new UpdateItemCommand({
            TableName: `holdfast-${config.group}-fence`,
            Key: { pk: { S: `FENCE#${shard}` } },
            UpdateExpression: 'SET epoch = :epoch, untilAtMs = :until',
            ExpressionAttributeValues: { ':epoch': { N: '1' }, ':until': { N: String(Date.now() + 3_600_000) } },
          }),
        );
      const textsOf = (which: string) => new Map(Array.from({ length: ITEMS }, (_, n) => [`order-${n}`, `${which} ${n}`]));
      const follows = async (which: string) =>
        eventually(
          `${which} in the other region`,
          async () => ((await read(dynamo(AWAY), config.table.name)).get(`order-${ITEMS - 1}`) === `${which} ${ITEMS - 1}` ? true : undefined),
          QUIET_LIMIT_MS,
        );
      const report = z.object({ result: z.object({ id: z.string(), inPlace: z.object({ set: z.number(), conflicts: z.number() }) }) });
      const { result } = report.parse(JSON.parse(await holdfast('restore', '--at', new Date(secondAtMs).toISOString(), '--in-place', '--region', HOME)));
      expect(result.inPlace).toEqual({ set: ITEMS, conflicts: 0 });
      expect(await read(home, config.table.name)).toEqual(textsOf('second'));
      await follows('second');
      await holdfast('restore', '--undo', result.id, '--region', HOME);
      expect(await read(home, config.table.name)).toEqual(textsOf('third'));
      await follows('third');
      expect(readFileSync(group.logFile, 'utf8')).not.toMatch(/AccessDenied|not authorized/);
    },
    COMMAND_LIMIT_MS,
  );

  test(
    'no function can delete or unlock what is locked, by its version or by its name',
    async () => {
      const roles = await rolesAtHome();
      expect(roles.size).toBeGreaterThan(10);
      const bucketName = (region: string) => `holdfast-${config.group}-vault-${localAccountId}-${region}`;
      const succeeded: string[] = [];
      const marking = new Set<string>();
      const refusedBy = { policy: 0, lock: 0 };
      for (const [name, session] of roles) {
        for (const region of group.regions) {
          const bucket = new VaultBucket(region, group.endpoint, bucketName(region), credentials);
          const attacker = new VaultBucket(region, group.endpoint, bucketName(region), session);
          const records = await attackVault({ bucket, attacker, nowWallMs: () => Date.now(), isLeavingDamage: false });
          for (const { answer } of records) refusedBy[answer.includes('not authorized') ? 'policy' : 'lock'] += 1;
          succeeded.push(...records.filter(({ isRefused }) => !isRefused).map(({ attack, answer }) => `${name} in ${region}: ${attack}: ${answer}`));
          const [pack] = await bucket.versions('packs/');
          succeeded.push(...(await hides(region, bucketName(region), pack?.key ?? '', session).then((is) => (is ? [`${name} in ${region}: hid a pack behind a delete marker`] : []))));
          if (await marks(region, bucketName(region), pack?.key ?? '', pack?.versionId ?? '', session)) marking.add(name);
          bucket.close();
          attacker.close();
        }
      }
      console.log(`attacks with the roles of ${roles.size} functions: ${refusedBy.policy} refused by policy, ${refusedBy.lock} by the lock`);
      expect(succeeded).toEqual([]);
      // Retention marks what may go; nobody else does.
      expect([...marking]).toEqual([`holdfast-${config.group}-keep-retention`]);
      const session = roles.get(`holdfast-${config.group}-keep-retention`);
      if (session === undefined) throw new Error('keep-retention was not deployed');
      const sites = group.regions.map((name) => {
        const client = new S3Client({ region: name, endpoint: group.endpoint, credentials: session, forcePathStyle: true, maxAttempts: 1 });
        closers.push(client);
        return new S3Site({ name, client, bucket: bucketName(name) });
      });
      const days = { hourly: 1, daily: 1, weekly: 1, monthly: 1, yearly: 1 };
      const done = await retain(await openVault(new SiteSet(sites)), { retentionDays: days, lockDaysMax: 1, lockMode: 'COMPLIANCE', isDryRun: false }, Date.now(), () => undefined);
      expect(done).toMatchObject({ silent: [], unread: 0, pointsGivenUp: 0, packsGivenUp: 0 });
      expect(done.points).toBeGreaterThan(1);
      // With the right to lock for longer and never for shorter, and none to put.
      const [site] = sites;
      const name = (await site?.list('packs/')[Symbol.asyncIterator]().next())?.value?.name ?? '';
      await expect(site?.retire(name, null)).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining('locked') });
      await expect(site?.put('packs/x', Buffer.from('x'), { sha256: sha256Hex(Buffer.from('x')), lock: null })).rejects.toMatchObject({ name: 'AccessDenied' });
      // Writers may set locks, so that it is the lock itself that keeps them from shortening one.
      expect(refusedBy.policy).toBeGreaterThan(refusedBy.lock);
      expect(refusedBy.lock).toBeGreaterThan(0);
    },
    COMMAND_LIMIT_MS,
  );
});

type Session = { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken: string };
const sessionSchema = z.object({ accessKeyId: z.string(), secretAccessKey: z.string(), sessionToken: z.string() });

const thiefZip = storedZip(
  'index.js',
  'exports.handler = async () => ({ accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY, sessionToken: process.env.AWS_SESSION_TOKEN });',
);

let taken: Promise<Map<string, Session>> | undefined;
/** Taken once: what takes them are functions too. */
async function rolesAtHome(): Promise<Map<string, Session>> {
  taken ??= rolesOf(HOME);
  return taken;
}

/** A session of each product function's role: an administrator runs a function of his own under that role, which hands its credentials out. */
async function rolesOf(region: string): Promise<Map<string, Session>> {
  const client = new LambdaClient({ region, endpoint: group.endpoint, credentials });
  closers.push(client);
  const functions = new Map<string, string>();
  for await (const page of paginateListFunctions({ client }, {})) {
    for (const { FunctionName = '', Role = '' } of page.Functions ?? []) functions.set(FunctionName, Role);
  }
  const sessions = new Map<string, Session>();
  for (const [name, Role] of functions) {
    const FunctionName = `thief-of-${name}`;
    await client.send(new CreateFunctionCommand({ FunctionName, Role, Runtime: 'nodejs24.x', Handler: 'index.handler', Code: { ZipFile: thiefZip } }));
    await eventually(`${FunctionName} to be active`, async () => ((await client.send(new GetFunctionCommand({ FunctionName }))).Configuration?.State === 'Active' ? true : undefined));
    const { Payload } = await client.send(new InvokeCommand({ FunctionName }));
    sessions.set(name, sessionSchema.parse(JSON.parse(Buffer.from(Payload ?? []).toString())));
  }
  return sessions;
}

async function keepRetention(region: string): Promise<unknown> {
  const client = new LambdaClient({ region, endpoint: group.endpoint, credentials });
  closers.push(client);
  const { Payload, FunctionError } = await client.send(new InvokeCommand({ FunctionName: `holdfast-${config.group}-keep-retention` }));
  const answer: unknown = JSON.parse(Buffer.from(Payload ?? []).toString());
  if (FunctionError !== undefined) throw new Error(`keep-retention in ${region} failed: ${JSON.stringify(answer)}`);
  return answer;
}

/** Sees the lock, and marks for removal, as retention does with what is free. Nothing sweeps here: the mark itself removes nothing. */
async function marks(region: string, Bucket: string, Key: string, VersionId: string, session: Session): Promise<boolean> {
  const s3 = new S3Client({ region, endpoint: group.endpoint, credentials: session, forcePathStyle: true, maxAttempts: 1 });
  try {
    await s3.send(new PutObjectTaggingCommand({ Bucket, Key, VersionId, Tagging: { TagSet: [{ Key: 'holdfast-expired', Value: 'true' }] } }));
    await s3.send(new GetObjectRetentionCommand({ Bucket, Key, VersionId }));
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === 'AccessDenied') return false;
    throw error;
  } finally {
    s3.destroy();
  }
}

async function hides(region: string, bucket: string, key: string, session: Session): Promise<boolean> {
  const s3 = new S3Client({ region, endpoint: group.endpoint, credentials: session, forcePathStyle: true, maxAttempts: 1 });
  try {
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
    return true;
  } catch {
    return false;
  } finally {
    s3.destroy();
  }
}

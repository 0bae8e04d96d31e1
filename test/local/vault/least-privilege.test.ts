// Whether each function's own role suffices for a backup and a restore, and for nothing against what is locked: with AUTH on, where the engine
// enforces roles, sessions and bucket policies. The observer's comparison judges the restored table; its attacks are made with the product's roles.
import { readFileSync } from 'node:fs';
import { DynamoDBClient, GetItemCommand, PutItemCommand, ScanCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { CreateFunctionCommand, GetFunctionCommand, InvokeCommand, LambdaClient, paginateListFunctions } from '@aws-sdk/client-lambda';
import { DeleteObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { z } from 'zod';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { config } from '../../../holdfast.config.ts';
import { localAccountId } from '../../../local/engine/ministack.ts';
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
      expect(readFileSync(group.logFile, 'utf8')).not.toMatch(/AccessDenied|not authorized/);
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
      expect(readFileSync(group.logFile, 'utf8')).not.toMatch(/AccessDenied|not authorized/);
    },
    COMMAND_LIMIT_MS,
  );

  test(
    'no function can delete or unlock what is locked, by its version or by its name',
    async () => {
      const roles = await rolesOf(HOME);
      expect(roles.size).toBeGreaterThan(10);
      const bucketName = (region: string) => `holdfast-${config.group}-vault-${localAccountId}-${region}`;
      const succeeded: string[] = [];
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
          bucket.close();
          attacker.close();
        }
      }
      console.log(`attacks with the roles of ${roles.size} functions: ${refusedBy.policy} refused by policy, ${refusedBy.lock} by the lock`);
      expect(succeeded).toEqual([]);
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

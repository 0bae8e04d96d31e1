// Why: the demo shows that nobody can alter a backup. That shows something only if the engine's buckets are locked as S3's are, and still are after a SIGKILL.
import { createHash } from 'node:crypto';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketVersioningCommand,
  GetObjectLegalHoldCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Engine, type EngineRegion, type RunningRegion, startRegion, takeSnapshot } from '../../../local/engine/ministack.ts';
import { callsOf, compliance, governance, hour, outcome, s3, soon } from './bucket-fixture.ts';
import { deleteStack, deploy, discard, install, newRegion, restart, type Template } from './engine-fixture.ts';

const Bucket = 'holdfast-test-vault';

let engine: Engine;
let region: EngineRegion;
let running: RunningRegion | undefined;
let client: S3Client;
let put: ReturnType<typeof callsOf>['put'];
let text: ReturnType<typeof callsOf>['text'];
let remove: ReturnType<typeof callsOf>['remove'];
let retain: ReturnType<typeof callsOf>['retain'];

function template(properties: Record<string, unknown>): Template {
  return {
    Resources: {
      Vault: {
        Type: 'AWS::S3::Bucket',
        Properties: {
          BucketName: Bucket,
          ObjectLockEnabled: true,
          VersioningConfiguration: { Status: 'Enabled' },
          ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 1 } } },
          BucketEncryption: { ServerSideEncryptionConfiguration: [{ BucketKeyEnabled: true, ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: 'alias/vault' } }] },
          PublicAccessBlockConfiguration: { BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true },
          LifecycleConfiguration: {
            Rules: [
              { Id: 'packs', Status: 'Enabled', Prefix: 'packs/', ExpirationInDays: 7, NoncurrentVersionExpiration: { NoncurrentDays: 2, NewerNoncurrentVersions: 1 } },
              { Id: 'all', Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 }, ExpiredObjectDeleteMarker: true },
            ],
          },
          ...properties,
        },
      },
      Policy: {
        Type: 'AWS::S3::BucketPolicy',
        Properties: {
          Bucket: { Ref: 'Vault' },
          PolicyDocument: { Version: '2012-10-17', Statement: [{ Effect: 'Deny', Principal: '*', Action: 's3:DeleteObjectVersion', Resource: `arn:aws:s3:::${Bucket}/*` }] },
        },
      },
    },
  };
}

beforeAll(async () => {
  engine = await install();
  region = await newRegion({ snapshotSeconds: 600 }); // so that only the write log can have kept what came after takeSnapshot
  running = await startRegion(engine, region);
  client = s3(region);
  ({ put, text, remove, retain } = callsOf(client, Bucket));
  await deploy(region, 'vault', template({}));
  await takeSnapshot(region);
}, 120_000);

afterAll(async () => {
  await discard(region, running);
});

async function kill(): Promise<void> {
  if (running === undefined) throw new Error('not running');
  running = await restart(engine, region, running);
}

describe('a bucket made by CloudFormation', () => {
  test('has what its template says, also after a SIGKILL', async () => {
    for (const _life of ['first', 'second']) {
      expect((await client.send(new GetObjectLockConfigurationCommand({ Bucket }))).ObjectLockConfiguration).toEqual({
        ObjectLockEnabled: 'Enabled',
        Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 1 } },
      });
      expect((await client.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBe('Enabled');
      expect((await client.send(new GetBucketEncryptionCommand({ Bucket }))).ServerSideEncryptionConfiguration?.Rules).toEqual([
        { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: 'alias/vault' }, BucketKeyEnabled: true },
      ]);
      expect((await client.send(new GetPublicAccessBlockCommand({ Bucket }))).PublicAccessBlockConfiguration).toEqual({
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
      const { Rules } = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
      expect(Rules).toMatchObject([
        { ID: 'packs', Status: 'Enabled', Filter: { Prefix: 'packs/' }, Expiration: { Days: 7 }, NoncurrentVersionExpiration: { NoncurrentDays: 2, NewerNoncurrentVersions: 1 } },
        { ID: 'all', Status: 'Enabled', Expiration: { ExpiredObjectDeleteMarker: true }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } },
      ]);
      expect((await client.send(new GetBucketPolicyCommand({ Bucket }))).Policy).toContain('s3:DeleteObjectVersion');
      await kill();
    }
  }, 30_000);

  test('can never suspend its versions, nor lose its lock by an update of the stack', async () => {
    expect(await outcome(client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Suspended' } })))).toMatch(/^InvalidBucketState/);
    expect(await outcome(client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } })))).toBe('done');
    await expect(deploy(region, 'vault', template({ ObjectLockEnabled: false }), 'UpdateStack')).rejects.toThrow(/UPDATE_ROLLBACK_COMPLETE|ObjectLockEnabled/);
    expect((await client.send(new GetObjectLockConfigurationCommand({ Bucket }))).ObjectLockConfiguration?.ObjectLockEnabled).toBe('Enabled');
    expect((await client.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBe('Enabled');
  });

  test('is not deleted with what is in it, neither by itself nor with its stack', async () => {
    await put('kept', 'kept');
    expect(await outcome(client.send(new DeleteBucketCommand({ Bucket })))).toMatch(/^BucketNotEmpty/);
    expect(await deleteStack(region, 'vault')).toContain('DELETE_FAILED');
    expect(await text('kept')).toBe('kept');
    await deploy(region, 'vault-2', { Resources: { Other: { Type: 'AWS::S3::Bucket', Properties: { BucketName: 'holdfast-test-empty', ObjectLockEnabled: true } } } });
    expect(await deleteStack(region, 'vault-2')).not.toContain('DELETE_FAILED');
    expect(await outcome(client.send(new GetBucketVersioningCommand({ Bucket: 'holdfast-test-empty' })))).toMatch(/^NoSuchBucket/);
  });

  test('a property that is not known here is refused, not dropped', async () => {
    const transitions = template({ BucketName: 'holdfast-test-other', LifecycleConfiguration: { Rules: [{ Status: 'Enabled', Transitions: [{ StorageClass: 'GLACIER', TransitionInDays: 1 }] }] } });
    await expect(deploy(region, 'other', transitions)).rejects.toThrow(/Transitions|ROLLBACK/);
  });
});

describe('locked objects', () => {
  test('attacks are refused, before and after a SIGKILL', async () => {
    const until = soon(2 * hour);
    const locked = await put('packs/locked', 'locked', compliance(until));
    const governed = await put('packs/governed', 'governed', governance(until));
    const held = await put('packs/held', 'held', compliance(until));
    await client.send(new PutObjectLegalHoldCommand({ Bucket, Key: 'packs/held', VersionId: held, LegalHold: { Status: 'ON' } }));
    const byDefault = await put('packs/default', 'default');
    await retain('packs/locked', locked, 'COMPLIANCE', soon(3 * hour)); // extended after the put: the log's last word counts
    for (const _life of ['before', 'after']) {
      const objects = [
        ['packs/locked', locked, 'locked'],
        ['packs/governed', governed, 'governed'],
        ['packs/held', held, 'held'],
        ['packs/default', byDefault, 'default'],
      ] as const;
      for (const [key, version, content] of objects) {
        expect([key, await remove(key, version)]).toEqual([key, expect.stringMatching(/^AccessDenied/)]);
        expect(await text(key, version)).toBe(content);
      }
      const many = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: objects.map(([Key, VersionId]) => ({ Key, VersionId })) } }));
      expect([many.Deleted ?? [], many.Errors?.map((e) => e.Code)]).toEqual([[], ['AccessDenied', 'AccessDenied', 'AccessDenied', 'AccessDenied']]);
      expect(await remove('packs/locked', locked, true)).toMatch(/^AccessDenied/);
      expect(await remove('packs/held', held, true)).toMatch(/^AccessDenied/);
      expect(await retain('packs/locked', locked, 'COMPLIANCE', soon(2.5 * hour))).toMatch(/^AccessDenied/);
      expect(await retain('packs/locked', locked, 'COMPLIANCE', soon(2.5 * hour), true)).toMatch(/^AccessDenied/);
      expect(await retain('packs/locked', locked, 'GOVERNANCE', soon(4 * hour), true)).toMatch(/^AccessDenied/);
      expect(await retain('packs/governed', governed, 'GOVERNANCE', soon(hour))).toMatch(/^AccessDenied/);
      expect(await retain('packs/governed', governed, 'COMPLIANCE', soon(4 * hour))).toMatch(/^AccessDenied/);
      const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'packs/locked', VersionId: locked, ChecksumMode: 'ENABLED' }));
      expect([head.ObjectLockMode, (head.ObjectLockRetainUntilDate?.getTime() ?? 0) > until.getTime(), head.ChecksumSHA256]).toEqual([
        'COMPLIANCE',
        true,
        createHash('sha256').update('locked').digest('base64'),
      ]);
      expect((await client.send(new GetObjectLegalHoldCommand({ Bucket, Key: 'packs/held', VersionId: held }))).LegalHold?.Status).toBe('ON');
      await put('packs/locked', 'over'); // an overwrite is a new version, a plain delete a marker
      await client.send(new DeleteObjectCommand({ Bucket, Key: 'packs/locked' }));
      expect(await text('packs/locked', locked)).toBe('locked');
      await kill();
      expect(await text('packs/locked', locked)).toBe('locked');
    }
    const { Versions, DeleteMarkers } = await client.send(new ListObjectVersionsCommand({ Bucket, Prefix: 'packs/locked' }));
    expect([Versions?.length, DeleteMarkers?.length, Versions?.at(-1)?.VersionId]).toEqual([3, 2, locked]);
    // What an administrator may do, still works: so the refusals above were the locks'.
    expect(await remove('packs/governed', governed, true)).toBe('done');
  }, 60_000);

  test('a lock that has run out no longer holds, and a hold that was taken off neither', async () => {
    const brief = await put('brief', 'brief', compliance(new Date(Date.now() + 3_000)));
    expect(await remove('brief', brief)).toMatch(/^AccessDenied/);
    await client.send(new PutObjectLegalHoldCommand({ Bucket, Key: 'brief', VersionId: brief, LegalHold: { Status: 'ON' } }));
    await new Promise((resolve) => setTimeout(resolve, 3_200));
    expect(await remove('brief', brief)).toMatch(/^AccessDenied/);
    await client.send(new PutObjectLegalHoldCommand({ Bucket, Key: 'brief', VersionId: brief, LegalHold: { Status: 'OFF' } }));
    await kill();
    expect(await remove('brief', brief)).toBe('done');
    await kill();
    expect(await outcome(client.send(new HeadObjectCommand({ Bucket, Key: 'brief' })))).toMatch(/^NotFound/);
  }, 30_000);

  test('a date in the past is refused, and a date or a mode alone; nothing is stored', async () => {
    const past = new Date(Date.now() - 1_000);
    expect(await outcome(put('p', 'p', compliance(past)))).toBe('InvalidArgument: The retain until date must be in the future!');
    expect(await outcome(put('p', 'p', { ObjectLockMode: 'GOVERNANCE' }))).toMatch(/^InvalidArgument: .*must both be supplied/);
    expect(await outcome(put('p', 'p', { ObjectLockRetainUntilDate: soon(hour) }))).toMatch(/^InvalidArgument: .*must both be supplied/);
    expect(await outcome(client.send(new HeadObjectCommand({ Bucket, Key: 'p' })))).toMatch(/^NotFound/);
    const version = await put('p', 'p');
    expect(await retain('p', version, 'GOVERNANCE', past)).toBe('InvalidArgument: The retain until date must be in the future!');
  });

  test('dates are compared as times: a second less, half a second less, the same in other words', async () => {
    const until = new Date(soon(hour).getTime() + 500);
    const version = await put('dates', 'dates', compliance(until));
    expect(await retain('dates', version, 'COMPLIANCE', new Date(until.getTime() - 500))).toMatch(/^AccessDenied/); // written without milliseconds
    expect(await retain('dates', version, 'COMPLIANCE', until)).toBe('done');
    expect(await retain('dates', version, 'COMPLIANCE', new Date(until.getTime() + 500))).toBe('done');
    expect(await retain('dates', version, 'COMPLIANCE', until)).toMatch(/^AccessDenied/);
  });

  test('a copy has the bucket’s default or its own lock, not that of what it was copied from', async () => {
    await put('source', 'source', compliance(soon(2 * hour)));
    await client.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/source` }));
    expect((await client.send(new HeadObjectCommand({ Bucket, Key: 'copy' }))).ObjectLockMode).toBe('GOVERNANCE');
    await client.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/source`, ...compliance(soon(hour)) }));
    expect((await client.send(new HeadObjectCommand({ Bucket, Key: 'copy' }))).ObjectLockMode).toBe('COMPLIANCE');
  });

  test('an upload in parts, which would not be locked, is refused', async () => {
    expect(await outcome(client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'parts' })))).toMatch(/^NotImplemented/);
    expect(await outcome(client.send(new CompleteMultipartUploadCommand({ Bucket, Key: 'parts', UploadId: 'none' })))).toMatch(/^NoSuchUpload/);
  });

  test('a lock that is made after the last snapshot survives for a bucket that was made after it too', async () => {
    const other = 'holdfast-test-late';
    await deploy(region, 'late', { Resources: { Late: { Type: 'AWS::S3::Bucket', Properties: { BucketName: other } } } });
    await takeSnapshot(region);
    await client.send(new PutBucketVersioningCommand({ Bucket: other, VersioningConfiguration: { Status: 'Enabled' } }));
    await client.send(new PutObjectLockConfigurationCommand({ Bucket: other, ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled' } }));
    const { VersionId } = await client.send(new PutObjectCommand({ Bucket: other, Key: 'x', Body: 'x', ...compliance(soon(hour)) }));
    await kill();
    expect((await client.send(new GetObjectLockConfigurationCommand({ Bucket: other }))).ObjectLockConfiguration?.ObjectLockEnabled).toBe('Enabled');
    expect(await outcome(client.send(new DeleteObjectCommand({ Bucket: other, Key: 'x', ...(VersionId === undefined ? {} : { VersionId }) })))).toMatch(/^AccessDenied/);
  }, 30_000);
});

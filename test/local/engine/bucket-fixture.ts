// Why: what the tests of the engine's buckets share: a client, and the calls that attack an object.
import { createHash } from 'node:crypto';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, type PutObjectCommandInput, PutObjectRetentionCommand, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { type EngineRegion, regionUrl } from '../../../local/engine/ministack.ts';
import { credentials } from './engine-fixture.ts';

export const hour = 3_600_000;
/** In whole seconds. */
export const soon = (ms: number): Date => new Date(Math.ceil((Date.now() + ms) / 1000) * 1000);
export const compliance = (until: Date) => ({ ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: until }) as const;
export const governance = (until: Date) => ({ ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: until }) as const;

export function s3(region: EngineRegion): S3Client {
  return new S3Client({
    region: region.region,
    endpoint: regionUrl(region),
    forcePathStyle: true,
    credentials,
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ connectionTimeout: 1_000, requestTimeout: 20_000, throwOnRequestTimeout: true }),
  });
}

/** What the store says: the name of its error and its message, or `done`. */
export async function outcome(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'done',
    (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : String(error)),
  );
}

export function callsOf(client: S3Client, Bucket: string) {
  return {
    put: async (Key: string, Body: string, lock: Partial<PutObjectCommandInput> = {}): Promise<string> => {
      const ChecksumSHA256 = createHash('sha256').update(Body).digest('base64');
      return (await client.send(new PutObjectCommand({ Bucket, Key, Body, ChecksumSHA256, ...lock }))).VersionId ?? '';
    },
    text: async (Key: string, VersionId?: string, Range?: string): Promise<string> => {
      const answer = await client.send(new GetObjectCommand({ Bucket, Key, ...(VersionId === undefined ? {} : { VersionId }), ...(Range === undefined ? {} : { Range }) }));
      return (await answer.Body?.transformToString()) ?? '';
    },
    remove: async (Key: string, VersionId: string, BypassGovernanceRetention = false): Promise<string> => {
      return outcome(client.send(new DeleteObjectCommand({ Bucket, Key, VersionId, ...(BypassGovernanceRetention ? { BypassGovernanceRetention } : {}) })));
    },
    retain: async (Key: string, VersionId: string, Mode: 'GOVERNANCE' | 'COMPLIANCE', RetainUntilDate: Date, BypassGovernanceRetention = false): Promise<string> => {
      const bypass = BypassGovernanceRetention ? { BypassGovernanceRetention } : {};
      return outcome(client.send(new PutObjectRetentionCommand({ Bucket, Key, VersionId, Retention: { Mode, RetainUntilDate }, ...bypass })));
    },
  };
}

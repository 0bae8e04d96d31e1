// The observer's own view of one region's vault bucket, with an administrator's rights. It knows of the format only what anybody sees who
// lists the bucket: packs under `packs/`, manifests under `points/`.
import { createHash } from 'node:crypto';
import { Agent } from 'node:http';
import {
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';

const CONNECTION_TIMEOUT_MS = 1000;
const REQUEST_TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 4;
const PAGES_MAX = 1000;

interface AwsCredentialIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** One version of one object, as it was when it was first looked at. */
export interface Version {
  readonly key: string;
  readonly versionId: string;
  readonly writtenAtMs: number;
}

/** What must not change about a locked version. */
export interface Sight {
  readonly sha256: string;
  readonly mode: string | null;
  readonly untilMs: number | null;
}

/** The store's word about one object of a request for many. */
export class RefusedInBulkError extends Error {
  override readonly name = 'RefusedInBulkError';
}

export class VaultBucket {
  readonly region: string;
  readonly name: string;
  readonly #client: S3Client;

  /** @param credentials absent: those of the environment, an administrator's */
  constructor(region: string, endpoint: string, name: string, credentials?: AwsCredentialIdentity) {
    this.region = region;
    this.name = name;
    this.#client = new S3Client({
      region,
      endpoint,
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: credentials ?? {
        accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? '111111111111',
        secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? 'any',
      },
      requestHandler: new NodeHttpHandler({
        connectionTimeout: CONNECTION_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        throwOnRequestTimeout: true,
        httpAgent: new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX }),
      }),
    });
  }

  close(): void {
    this.#client.destroy();
  }

  /** Every version under the prefix, delete markers left out, oldest first. */
  async versions(prefix: string): Promise<Version[]> {
    const versions: Version[] = [];
    let marker: { KeyMarker?: string; VersionIdMarker?: string } = {};
    for (let pages = 0; pages < PAGES_MAX; pages += 1) {
      const page = await this.#client.send(new ListObjectVersionsCommand({ Bucket: this.name, Prefix: prefix, ...marker }));
      for (const { Key, VersionId, LastModified } of page.Versions ?? []) {
        if (Key !== undefined && VersionId !== undefined) versions.push({ key: Key, versionId: VersionId, writtenAtMs: LastModified?.getTime() ?? 0 });
      }
      if (page.IsTruncated !== true) break;
      marker = { ...(page.NextKeyMarker === undefined ? {} : { KeyMarker: page.NextKeyMarker }), ...(page.NextVersionIdMarker === undefined ? {} : { VersionIdMarker: page.NextVersionIdMarker }) };
    }
    return versions.sort((a, b) => a.writtenAtMs - b.writtenAtMs);
  }

  /** Reads the version whole, and its lock. */
  async look({ key: Key, versionId: VersionId }: Version): Promise<Sight> {
    const target = { Bucket: this.name, Key, VersionId };
    const { Body } = await this.#client.send(new GetObjectCommand(target));
    const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
    const lock = await this.#client.send(new GetObjectRetentionCommand(target)).then(
      ({ Retention }) => Retention,
      () => undefined, // no lock at all
    );
    return { sha256: createHash('sha256').update(bytes).digest('hex'), mode: lock?.Mode ?? null, untilMs: lock?.RetainUntilDate?.getTime() ?? null };
  }

  async deleteVersion({ key, versionId }: Version, isBypassing: boolean): Promise<void> {
    await this.#client.send(new DeleteObjectCommand({ Bucket: this.name, Key: key, VersionId: versionId, ...(isBypassing ? { BypassGovernanceRetention: true } : {}) }));
  }

  /** Rejects where the store names an error for the object: the request as a whole always succeeds. */
  async deleteInBulk({ key: Key, versionId: VersionId }: Version): Promise<void> {
    const { Errors } = await this.#client.send(new DeleteObjectsCommand({ Bucket: this.name, BypassGovernanceRetention: true, Delete: { Objects: [{ Key, VersionId }] } }));
    const [refusal] = Errors ?? [];
    if (refusal !== undefined) throw new RefusedInBulkError(`${refusal.Code ?? 'no code'}: ${refusal.Message ?? 'no message'}`);
  }

  async setLock({ key: Key, versionId: VersionId }: Version, Mode: 'COMPLIANCE' | 'GOVERNANCE', untilMs: number, isBypassing: boolean): Promise<void> {
    const Retention = { Mode, RetainUntilDate: new Date(untilMs) };
    await this.#client.send(new PutObjectRetentionCommand({ Bucket: this.name, Key, VersionId, Retention, ...(isBypassing ? { BypassGovernanceRetention: true } : {}) }));
  }

  async overwrite(key: string, bytes: Uint8Array): Promise<void> {
    await this.#client.send(new PutObjectCommand({ Bucket: this.name, Key: key, Body: bytes }));
  }

  async deleteNewest(key: string): Promise<void> {
    await this.#client.send(new DeleteObjectCommand({ Bucket: this.name, Key: key }));
  }

  async suspendVersioning(): Promise<void> {
    await this.#client.send(new PutBucketVersioningCommand({ Bucket: this.name, VersioningConfiguration: { Status: 'Suspended' } }));
  }

  async deleteBucket(): Promise<void> {
    await this.#client.send(new DeleteBucketCommand({ Bucket: this.name }));
  }
}

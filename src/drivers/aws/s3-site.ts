// A site in S3, or in anything that speaks S3: a bucket, or a prefix in one. Locks are the store's own (Object Lock); nothing here deletes.
import {
  GetObjectCommand,
  GetObjectLegalHoldCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  PutObjectTaggingCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { InvalidConfigError, RefusedError } from '../../core/errors.ts';
import { refuseBadName, refuseBadPrefix, refuseWeakerLock, refuseWhileKept } from '../../core/vault/site-rules.ts';
import { DamagedError } from '../../core/vault/vault-errors.ts';
import type { ObjectLock, ObjectPart, ObjectState, PutAnswer, StoredObject, VaultSite } from '../../ports/vault-site.ts';
import { readBody } from './s3-body.ts';
import { callS3, type Deadline, isNamed, type S3Limits, statusOf, usualLimits } from './s3-calls.ts';
import { givenVersion, S3Listing } from './s3-listing.ts';

type PutOptions = { readonly sha256: string; readonly lock: ObjectLock | null };

/** What carries it goes by the bucket's lifecycle rule (infra/constructs/vault.ts): the only way in which anything leaves. */
const expiredTag = { Key: 'holdfast-expired', Value: 'true' } as const;

/** Whoever can write may have made thousands of versions of a name. */
const headsAtOnce = 8;

export type S3SiteOptions = {
  readonly name: string;
  readonly client: S3Client;
  readonly bucket: string;
  /** Before every name: empty, or ending with `/`. */
  readonly prefix?: string;
  readonly limits?: S3Limits;
  /** By which locks are over. */
  readonly nowMs?: () => number;
};

export class S3Site implements VaultSite {
  readonly name: string;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #limits: S3Limits;
  readonly #listing: S3Listing;
  readonly #nowMs: () => number;
  /** Known to be there; an absent bucket must not look like an empty vault. */
  #isBucketSeen = false;
  #isLockSeen = false;

  constructor({ name, client, bucket, prefix = '', limits = usualLimits, nowMs = () => Date.now() }: S3SiteOptions) {
    if (prefix !== '' && !prefix.endsWith('/')) throw new InvalidConfigError(`The prefix ${prefix} of the site ${name} must end with /`);
    this.name = name;
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#listing = new S3Listing({ client, bucket, prefix, call: async (what, act) => this.#call(what, { isRepeatable: true }, act) });
  }

  async put(name: string, bytes: Uint8Array, options: PutOptions): Promise<PutAnswer> {
    refuseBadName(name);
    await this.#requireLocks(options.lock);
    try {
      return { kind: 'stored', versionId: await this.#write('put', name, bytes, options, true) };
    } catch (error) {
      if (statusOf(error) === 412) return { kind: 'exists' };
      throw error;
    }
  }

  async replace(name: string, bytes: Uint8Array, options: PutOptions): Promise<{ readonly versionId: string | null }> {
    refuseBadName(name);
    await this.#requireLocks(options.lock);
    return { versionId: await this.#write('replace', name, bytes, options, false) };
  }

  async get(name: string, part?: ObjectPart, versionId?: string): Promise<Uint8Array | null> {
    refuseBadName(name);
    if (part !== undefined && part.bytes === 0) return (await this.head(name)) === null ? null : new Uint8Array(0);
    const range = part === undefined ? {} : { Range: `bytes=${part.offset}-${part.offset + part.bytes - 1}` };
    const version = versionId === undefined ? {} : { VersionId: versionId };
    try {
      return await this.#call(`get of ${name}`, { bodyBytes: part?.bytes ?? 0, isRepeatable: true }, async ({ signal, extend }) => {
        const answer = await this.#client.send(new GetObjectCommand({ ...this.#key(name), ...range, ...version }), { abortSignal: signal });
        extend(answer.ContentLength ?? 0);
        const bytes = await readBody(answer.Body, answer.ContentLength, part?.into);
        // Some servers give the whole object where a part was asked for.
        return part === undefined || answer.ContentRange !== undefined ? bytes : bytes.slice(part.offset, part.offset + part.bytes);
      });
    } catch (error) {
      if (statusOf(error) === 416) return new Uint8Array(0);
      if (isNamed(error, 'NoSuchKey', 'NoSuchVersion', 'NotFound')) return null;
      // An id that this store never made, and a delete marker, of which there is nothing to read.
      if (versionId !== undefined && (isNamed(error, 'MethodNotAllowed') || (isNamed(error, 'InvalidArgument') && statusOf(error) === 400))) return null;
      throw error;
    }
  }

  async head(name: string): Promise<ObjectState | null> {
    refuseBadName(name);
    return this.#head(name, undefined);
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    refuseBadPrefix(prefix);
    yield* this.#listing.newest(prefix);
  }

  async versions(name: string): Promise<readonly ObjectState[]> {
    refuseBadName(name);
    const ids = (await this.#listing.versionIds(name)) ?? [undefined];
    const states: ObjectState[] = [];
    for (let index = 0; index < ids.length; index += headsAtOnce) {
      const some = await Promise.all(ids.slice(index, index + headsAtOnce).map(async (id) => this.#head(name, id)));
      states.push(...some.filter((state) => state !== null));
    }
    return states;
  }

  async extendLock(name: string, versionId: string | null, lock: ObjectLock): Promise<void> {
    const state = await this.#headOrRefuse(name, versionId);
    refuseWeakerLock(this.name, name, state.lock, { ...lock, untilMs: wholeSeconds(lock.untilMs) });
    await this.#requireLocks(lock);
    const retention = { Mode: lock.mode, RetainUntilDate: new Date(wholeSeconds(lock.untilMs)) };
    try {
      await this.#call(`extendLock of ${name}`, { isRepeatable: true }, async ({ signal }) =>
        this.#client.send(new PutObjectRetentionCommand({ ...this.#key(name), ...versionOf(versionId), Retention: retention }), { abortSignal: signal }),
      );
    } catch (error) {
      // Stores let nobody turn GOVERNANCE into COMPLIANCE who may not bypass the former: we never may.
      if (statusOf(error) !== 403 || state.lock === null || state.lock.mode === lock.mode) throw error;
      throw new RefusedError(`${this.name} does not let the lock of ${name} become ${lock.mode} while it is ${state.lock.mode}: extend it as ${state.lock.mode}. Nothing was changed`);
    }
  }

  async setHold(name: string, versionId: string | null, isHeld: boolean): Promise<void> {
    await this.#headOrRefuse(name, versionId);
    await this.#requireLocks('a hold');
    await this.#call(`setHold of ${name}`, { isRepeatable: true }, async ({ signal }) =>
      this.#client.send(new PutObjectLegalHoldCommand({ ...this.#key(name), ...versionOf(versionId), LegalHold: { Status: isHeld ? 'ON' : 'OFF' } }), { abortSignal: signal }),
    );
  }

  /** The lock is asked for by name: an answer to a HEAD leaves it out where the caller may not see it, and a tag on what is locked would hide it behind a delete marker. */
  async retire(name: string, versionId: string | null): Promise<void> {
    refuseBadName(name);
    const state = await this.#head(name, versionId ?? undefined);
    if (state === null) return;
    refuseWhileKept(this.name, name, state, this.#nowMs());
    refuseWhileKept(this.name, name, await this.#askLock(name, versionId ?? undefined), this.#nowMs());
    await this.#call(`retire of ${name}`, { isRepeatable: true }, async ({ signal }) =>
      this.#client.send(new PutObjectTaggingCommand({ ...this.#key(name), ...versionOf(versionId), Tagging: { TagSet: [expiredTag] } }), { abortSignal: signal }),
    );
  }

  #key(name: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: `${this.#prefix}${name}` };
  }

  /** @returns the id of the new version, null where the bucket keeps none */
  async #write(method: string, name: string, bytes: Uint8Array, { sha256, lock }: PutOptions, isOnlyIfAbsent: boolean): Promise<string | null> {
    const command = new PutObjectCommand({
      ...this.#key(name),
      Body: bytes,
      ContentLength: bytes.length,
      ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
      ...(isOnlyIfAbsent ? { IfNoneMatch: '*' } : {}),
      ...(lock === null ? {} : { ObjectLockMode: lock.mode, ObjectLockRetainUntilDate: new Date(wholeSeconds(lock.untilMs)) }),
    });
    // The signature covers the body by its hash, which is known; else the SDK would hash the body again (over http) or leave it out (over https).
    command.middlewareStack.add(
      (next) => async (args) => {
        setHeader(args.request, 'x-amz-content-sha256', sha256);
        return next(args);
      },
      { step: 'build', name: 'holdfastKnownHash' },
    );
    try {
      // A replacement that is repeated would be one more version.
      const answer = await this.#call(`${method} of ${name}`, { bodyBytes: bytes.length, isRepeatable: isOnlyIfAbsent }, async ({ signal }) => this.#client.send(command, { abortSignal: signal }));
      return givenVersion(answer.VersionId);
    } catch (error) {
      if (!isNamed(error, 'BadDigest', 'InvalidDigest', 'XAmzContentSHA256Mismatch', 'XAmzContentChecksumMismatch')) throw error;
      throw new DamagedError(`The bytes for ${name} that reached ${this.name} do not have the SHA-256 ${sha256}: it stored nothing`);
    }
  }

  async #head(name: string, versionId: string | undefined): Promise<ObjectState | null> {
    try {
      const answer = await this.#call(`head of ${name}`, { isRepeatable: true }, async ({ signal }) =>
        this.#client.send(new HeadObjectCommand({ ...this.#key(name), ChecksumMode: 'ENABLED', ...(versionId === undefined ? {} : { VersionId: versionId }) }), { abortSignal: signal }),
      );
      this.#isBucketSeen = true;
      const state = stateOf(name, answer);
      // versitygw 1.8 says nothing of the lock of an older version where S3 does.
      return versionId === undefined || state.lock !== null || state.isHeld ? state : { ...state, ...(await this.#askLock(name, versionId)) };
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
      await this.#requireBucket();
      return null;
    }
  }

  async #askLock(name: string, versionId: string | undefined): Promise<{ lock: ObjectLock | null; isHeld: boolean }> {
    const version = { ...this.#key(name), ...versionOf(versionId ?? null) };
    const ask = async <T>(what: string, act: (signal: AbortSignal) => Promise<T>) => {
      try {
        return await this.#call(`${what} of ${name}`, { isRepeatable: true }, async ({ signal }) => act(signal));
      } catch (error) {
        if (isNamed(error, 'NoSuchObjectLockConfiguration', 'InvalidConfigError', 'NotImplemented') || statusOf(error) === 501) return undefined;
        throw error;
      }
    };
    const [retention, hold] = await Promise.all([
      ask('retention', async (abortSignal) => this.#client.send(new GetObjectRetentionCommand(version), { abortSignal })),
      ask('hold', async (abortSignal) => this.#client.send(new GetObjectLegalHoldCommand(version), { abortSignal })),
    ]);
    return { lock: lockOf(retention?.Retention?.Mode, retention?.Retention?.RetainUntilDate), isHeld: hold?.LegalHold?.Status === 'ON' };
  }

  async #headOrRefuse(name: string, versionId: string | null): Promise<ObjectState> {
    refuseBadName(name);
    const state = await this.#head(name, versionId ?? undefined);
    if (state === null) throw new RefusedError(`${this.name} has no ${name}${versionId === null ? '' : ` of version ${versionId}`}: nothing was changed`);
    return state;
  }

  /** The answer to a HEAD does not say whether it is the object or the bucket that is not there. */
  async #requireBucket(): Promise<void> {
    if (this.#isBucketSeen) return;
    try {
      await this.#call('head of the bucket', { isRepeatable: true }, async ({ signal }) => this.#client.send(new HeadBucketCommand({ Bucket: this.#bucket }), { abortSignal: signal }));
    } catch (error) {
      if (statusOf(error) === 404) throw this.#noBucket();
      throw error;
    }
    this.#isBucketSeen = true;
  }

  /** A server that knows no locks may ignore the headers that ask for one, and the object would be there unprotected: so it is asked first, once. */
  async #requireLocks(wanted: ObjectLock | string | null): Promise<void> {
    if (wanted === null || this.#isLockSeen) return;
    try {
      const answer = await this.#call('reading the lock configuration', { isRepeatable: true }, async ({ signal }) =>
        this.#client.send(new GetObjectLockConfigurationCommand({ Bucket: this.#bucket }), { abortSignal: signal }),
      );
      if (answer.ObjectLockConfiguration?.ObjectLockEnabled !== 'Enabled') throw this.#noLocks();
    } catch (error) {
      if (isNamed(error, 'ObjectLockConfigurationNotFoundError', 'NotImplemented') || statusOf(error) === 501) throw this.#noLocks();
      // Who may not ask may still put: S3 itself refuses a lock in a bucket without Object Lock.
      if (statusOf(error) !== 403) throw error;
    }
    this.#isLockSeen = true;
  }

  #noLocks(): InvalidConfigError {
    return new InvalidConfigError(
      `The bucket ${this.#bucket} of the site ${this.name} has no Object Lock, but a lock was asked for; nothing was stored or changed. Use a bucket that was made with Object Lock, or configure the vault without locks`,
    );
  }

  #noBucket(): InvalidConfigError {
    return new InvalidConfigError(`The bucket ${this.#bucket} of the site ${this.name} does not exist: deploy it, or correct the configuration. Nothing was read or written`);
  }

  async #call<T>(what: string, { bodyBytes = 0, isRepeatable }: { readonly bodyBytes?: number; readonly isRepeatable: boolean }, act: (deadline: Deadline) => Promise<T>): Promise<T> {
    const named = `${what} in ${this.name} (bucket ${this.#bucket})`;
    try {
      return await callS3(this.#limits, { what: named, bodyBytes, isRepeatable }, act);
    } catch (error) {
      if (isNamed(error, 'NoSuchBucket')) throw this.#noBucket();
      if (isNamed(error, 'InvalidRequest') && error instanceof Error && /Object ?Lock ?Configuration/i.test(error.message)) throw this.#noLocks();
      if (error instanceof Error && !error.message.startsWith(named)) error.message = `${named}: ${error.message === '' || error.message === 'UnknownError' ? error.name : error.message}`;
      throw error;
    }
  }
}

/** Stores keep dates to the second, or to the millisecond: never to less than was asked for. */
function wholeSeconds(untilMs: number): number {
  return Math.ceil(untilMs / 1000) * 1000;
}

function versionOf(versionId: string | null): { VersionId?: string } {
  return versionId === null ? {} : { VersionId: versionId };
}

function stateOf(name: string, answer: HeadObjectCommandOutput): ObjectState {
  return {
    name,
    bytes: answer.ContentLength ?? 0,
    versionId: givenVersion(answer.VersionId),
    storedAtMs: answer.LastModified?.getTime() ?? null,
    sha256: answer.ChecksumSHA256 === undefined || answer.ChecksumType === 'COMPOSITE' ? null : Buffer.from(answer.ChecksumSHA256, 'base64').toString('hex'),
    lock: lockOf(answer.ObjectLockMode, answer.ObjectLockRetainUntilDate),
    isHeld: answer.ObjectLockLegalHoldStatus === 'ON',
  };
}

function lockOf(mode: string | undefined, until: Date | undefined): ObjectLock | null {
  return (mode === 'GOVERNANCE' || mode === 'COMPLIANCE') && until !== undefined ? { mode, untilMs: until.getTime() } : null;
}

function setHeader(request: unknown, name: string, value: string): void {
  if (typeof request === 'object' && request !== null && 'headers' in request && typeof request.headers === 'object' && request.headers !== null) Object.assign(request.headers, { [name]: value });
}

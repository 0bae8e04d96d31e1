// Objects in S3 that keep their key when they are overwritten. S3 knows no epoch; what it can refuse is an overwrite of anything but the very
// version that was read (`If-Match`). So a region that lost the lease cannot write over what the new one has written; what nobody has written
// since, it can: where that matters, use EpochObjects.
import { GetObjectCommand, PutObjectCommand, S3ServiceException, type PutObjectCommandInput, type S3Client } from '@aws-sdk/client-s3';
import { MalformedError, ObjectChangedError, StaleEpochError, WriteUnknownError } from '../core/errors.ts';
import { systemClock, type WorkloadClock } from './clock.ts';
import { permitToWrite, type Fence } from './fence.ts';

export type SameKeyObjectsOptions = {
  readonly s3: S3Client;
  readonly bucket: string;
  readonly fence: Fence;
  readonly clock?: WorkloadClock;
  /** Longest time of a put with all its attempts, in milliseconds; never beyond the lease. 5000 unless given. */
  readonly timeoutMs?: number;
};

/** A version as it was read or written: what an overwrite replaces. */
export type ReadVersion = {
  readonly key: string;
  readonly etag: string;
  /** This region's epoch at that time. */
  readonly epoch: number;
};

const timeoutMsDefault = 5000;
/** S3 says so before it writes anything: the condition does not hold, another put is under way, or the object is gone. */
const lostStatuses: readonly number[] = [404, 409, 412];

export class SameKeyObjects {
  readonly #options: SameKeyObjectsOptions;

  constructor(options: SameKeyObjectsOptions) {
    this.#options = options;
  }

  /** undefined where there is no such object. @throws FenceClosedError: what is read in no epoch cannot be overwritten in one */
  async read(key: string): Promise<{ readonly body: Uint8Array; readonly version: ReadVersion } | undefined> {
    const { s3, bucket, fence } = this.#options;
    const { epoch } = await permitToWrite(fence);
    try {
      const { Body, ETag } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      if (Body === undefined) throw new MalformedError(`S3 gave no body for ${key}.`);
      return { body: await Body.transformToByteArray(), version: { key, etag: etagOf(key, ETag), epoch } };
    } catch (error) {
      if (error instanceof S3ServiceException && error.name === 'NoSuchKey') return undefined;
      throw error;
    }
  }

  /** A key that is not there yet. @throws as `overwrite` */
  async create(key: string, body: Uint8Array): Promise<ReadVersion> {
    const { epoch } = await permitToWrite(this.#options.fence);
    return this.#put({ Key: key, Body: body, IfNoneMatch: '*' }, epoch);
  }

  /**
   * @param over what is replaced: read or written in the epoch that still is
   * @throws ObjectChangedError, StaleEpochError, FenceClosedError: surely not written; WriteUnknownError: perhaps
   */
  async overwrite(over: ReadVersion, body: Uint8Array): Promise<ReadVersion> {
    const { epoch } = await permitToWrite(this.#options.fence);
    if (epoch !== over.epoch) throw new StaleEpochError(`${over.key} was not overwritten: it was read in epoch ${over.epoch}, and this is epoch ${epoch}. Read it again, and decide anew.`, over.epoch);
    return this.#put({ Key: over.key, Body: body, IfMatch: over.etag }, epoch);
  }

  async #put(put: Pick<PutObjectCommandInput, 'Body' | 'IfMatch' | 'IfNoneMatch'> & { readonly Key: string }, epoch: number): Promise<ReadVersion> {
    const { s3, bucket, fence, clock = systemClock, timeoutMs = timeoutMsDefault } = this.#options;
    const { remainingMs } = await permitToWrite(fence);
    const abort = new AbortController();
    const cancel = clock.after(Math.min(timeoutMs, Math.max(0, remainingMs())), () => abort.abort());
    try {
      const { ETag } = await s3.send(new PutObjectCommand({ Bucket: bucket, ...put }), { abortSignal: abort.signal });
      return { key: put.Key, etag: etagOf(put.Key, ETag), epoch };
    } catch (error) {
      throw conclusion(error, put.Key, epoch);
    } finally {
      cancel();
    }
  }
}

function conclusion(error: unknown, key: string, epoch: number): unknown {
  const { httpStatusCode = 0, attempts = 0 } = error instanceof S3ServiceException ? error.$metadata : {};
  // An attempt before it may have been carried out, and be what this one was refused for.
  if (attempts === 1 && lostStatuses.includes(httpStatusCode))
    return new ObjectChangedError(`${key} was not written: it is not (any more) what was read (S3 says ${httpStatusCode}). Read it again, and decide anew.`);
  if (attempts === 1 && httpStatusCode >= 400 && httpStatusCode < 500) return error;
  const unknown = new WriteUnknownError(`Whether ${key} was written in epoch ${epoch} is unknown (${String(error)}): read it.`, { epoch, attemptsUnknown: Math.max(1, attempts) });
  unknown.cause = error;
  return unknown;
}

function etagOf(key: string, etag: string | undefined): string {
  if (etag === undefined) throw new MalformedError(`S3 gave no ETag for ${key}: it cannot be overwritten on condition.`);
  return etag;
}

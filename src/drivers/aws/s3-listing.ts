// Lists a vault's objects with their version ids, page by page; by names alone on servers that keep no versions.
import { ListObjectsV2Command, type ListObjectVersionsCommandOutput, ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';
import type { StoredObject } from '../../ports/vault-site.ts';
import { type Deadline, isNamed, statusOf } from './s3-calls.ts';

type Call = <T>(what: string, act: (deadline: Deadline) => Promise<T>) => Promise<T>;
export type ListingOptions = { readonly client: S3Client; readonly bucket: string; readonly prefix: string; readonly call: Call };

export class S3Listing {
  readonly #options: ListingOptions;
  #hasVersions = true;

  constructor(options: ListingOptions) {
    this.#options = options;
  }

  /** Ascending; what a delete marker hides is left out. */
  async *newest(prefix: string): AsyncIterable<StoredObject> {
    let last: string | undefined;
    for await (const page of this.#versionPages(prefix)) {
      for (const { Key, Size, VersionId, IsLatest, LastModified } of page.Versions ?? []) {
        // versitygw 1.8 says a second time at the beginning of a page what ended the one before.
        if (Key === undefined || IsLatest !== true || Key === last) continue;
        last = Key;
        yield { name: this.#nameOf(Key), bytes: Size ?? 0, versionId: givenVersion(VersionId), storedAtMs: LastModified?.getTime() ?? null };
      }
    }
    if (!this.#hasVersions) yield* this.#names(prefix);
  }

  /** Newest first, undefined where an object has none; null: the server lists no versions. */
  async versionIds(name: string): Promise<readonly (string | undefined)[] | null> {
    const ids: (string | undefined)[] = [];
    for await (const page of this.#versionPages(name)) {
      for (const { Key, VersionId, IsLatest } of page.Versions ?? []) {
        // Longer names with the same beginning come after it.
        if (Key !== undefined && this.#nameOf(Key) > name) return ids;
        // "null" names an old unversioned object; the current one is reached without an id, also where "null" is not understood.
        if (Key !== undefined) ids.push(IsLatest === true ? (givenVersion(VersionId) ?? undefined) : VersionId);
      }
    }
    return this.#hasVersions ? ids : null;
  }

  async *#versionPages(prefix: string): AsyncIterable<ListObjectVersionsCommandOutput> {
    const { client, bucket, call } = this.#options;
    let next: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
    while (next !== undefined && this.#hasVersions) {
      const from: { KeyMarker?: string; VersionIdMarker?: string } = next;
      let page: ListObjectVersionsCommandOutput;
      try {
        page = await call(`list of ${prefix}`, async ({ signal }) =>
          client.send(new ListObjectVersionsCommand({ Bucket: bucket, Prefix: `${this.#options.prefix}${prefix}`, ...from }), { abortSignal: signal }),
        );
      } catch (error) {
        if (!isNamed(error, 'NotImplemented') && statusOf(error) !== 501) throw error;
        this.#hasVersions = false;
        return;
      }
      yield page;
      next = page.IsTruncated === true ? following(page.NextKeyMarker, page.NextVersionIdMarker, from.KeyMarker, from.VersionIdMarker) : undefined;
    }
  }

  async *#names(prefix: string): AsyncIterable<StoredObject> {
    const { client, bucket, call } = this.#options;
    let token: string | undefined;
    do {
      const from = token === undefined ? {} : { ContinuationToken: token };
      const page = await call(`list of ${prefix}`, async ({ signal }) =>
        client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${this.#options.prefix}${prefix}`, ...from }), { abortSignal: signal }),
      );
      for (const { Key, Size, LastModified } of page.Contents ?? [])
        if (Key !== undefined) yield { name: this.#nameOf(Key), bytes: Size ?? 0, versionId: null, storedAtMs: LastModified?.getTime() ?? null };
      const following = page.IsTruncated === true ? page.NextContinuationToken : undefined;
      if (page.IsTruncated === true && (following === undefined || following === token)) throw stuck(prefix);
      token = following;
    } while (token !== undefined);
  }

  #nameOf(key: string): string {
    return key.slice(this.#options.prefix.length);
  }
}

/** S3 calls the version of an unversioned object "null". */
export function givenVersion(versionId: string | undefined): string | null {
  return versionId === undefined || versionId === 'null' || versionId === '' ? null : versionId;
}

function following(key: string | undefined, version: string | undefined, keyBefore: string | undefined, versionBefore: string | undefined): { KeyMarker: string; VersionIdMarker?: string } {
  if (key === undefined || (key === keyBefore && version === versionBefore)) throw stuck(key ?? '');
  return version === undefined ? { KeyMarker: key } : { KeyMarker: key, VersionIdMarker: version };
}

function stuck(where: string): Error {
  return new Error(`the S3 server says that its list goes on after ${where}, but not where: what was listed is not all`);
}

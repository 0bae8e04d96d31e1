// The port to one site of a vault: a bucket, a prefix in one, or a directory. Nothing here takes away what is locked.

/** Nobody may remove or shorten before `untilMs`. */
export type ObjectLock = { readonly mode: 'GOVERNANCE' | 'COMPLIANCE'; readonly untilMs: number };

export type StoredObject = {
  readonly name: string;
  readonly bytes: number;
  /** null where the site has none. */
  readonly versionId: string | null;
  /** When it was put there, by the site's clock; null where that is not known. */
  readonly storedAtMs: number | null;
};

export type ObjectState = StoredObject & {
  /** As the site knows it without reading the object; null where it does not. Hex. */
  readonly sha256: string | null;
  readonly lock: ObjectLock | null;
  readonly isHeld: boolean;
};

/** Of an object. `into`: memory that the answer may be in, instead of in new memory; until the call has ended it is the driver's. */
export type ObjectPart = { readonly offset: number; readonly bytes: number; readonly into?: Uint8Array | undefined };

export type PutAnswer = { readonly kind: 'stored'; readonly versionId: string | null } | /** There is an object of that name; it was not touched. */ { readonly kind: 'exists' };

/**
 * Contract (test/contract/vault-site.ts):
 * - `put` writes a name that is not there yet (`If-None-Match: *`), whole or not at all, durably, and refuses bytes that do not have `sha256`; of writers side by side one wins.
 * - `replace` writes a new version over a name, for repair only; the old version stays where the site keeps versions (and is set aside where it does not).
 * - `get` gives the newest version, or the one named; a range beyond the end gives what is there; null: no such object.
 * - `list` gives the newest versions in ascending order of name, each once.
 * - `extendLock` only lengthens; a shorter date is refused (RefusedError) and changes nothing. A site without locks keeps the date beside the object.
 * - `retire` gives one version up: the site removes it, at once or in its own time (S3: by the bucket's lifecycle rule for the tag), never while a lock or a hold
 *   stands: then, and where that cannot be told, it throws and changes nothing (a lock or hold: RefusedError). What is not there is given up already. Given up again: the same.
 * - A call that throws may or may not have been carried out, now or later; repeating it is safe.
 * - Every call ends within the driver's time limit, by an answer or by throwing.
 */
export interface VaultSite {
  /** As in the configuration: `us-east-1`, or what a person calls the disk. */
  readonly name: string;
  put(name: string, bytes: Uint8Array, options: { readonly sha256: string; readonly lock: ObjectLock | null }): Promise<PutAnswer>;
  replace(name: string, bytes: Uint8Array, options: { readonly sha256: string; readonly lock: ObjectLock | null }): Promise<{ readonly versionId: string | null }>;
  get(name: string, part?: ObjectPart, versionId?: string): Promise<Uint8Array | null>;
  head(name: string): Promise<ObjectState | null>;
  list(prefix: string): AsyncIterable<StoredObject>;
  /** Every version of a name, newest first. */
  versions(name: string): Promise<readonly ObjectState[]>;
  extendLock(name: string, versionId: string | null, lock: ObjectLock): Promise<void>;
  setHold(name: string, versionId: string | null, isHeld: boolean): Promise<void>;
  retire(name: string, versionId: string | null): Promise<void>;
  /** Of a site in files: where a thread of this machine may read an object by itself. What it cannot read there it asks `get` for. */
  readonly fileOf?: (name: string) => string;
}

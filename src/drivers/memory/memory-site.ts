// A site in memory with versions, locks and holds: for tests, crash injection and examples.
import { createHash } from 'node:crypto';
import { RefusedError } from '../../core/errors.ts';
import { refuseBadName, refuseBadPrefix, refuseWeakerLock, refuseWhileKept } from '../../core/vault/site-rules.ts';
import { DamagedError } from '../../core/vault/vault-errors.ts';
import type { ObjectLock, ObjectPart, ObjectState, PutAnswer, StoredObject, VaultSite } from '../../ports/vault-site.ts';

type Version = { readonly versionId: string; readonly storedAtMs: number; readonly bytes: Uint8Array; readonly sha256: string; lock: ObjectLock | null; isHeld: boolean };
type PutOptions = { readonly sha256: string; readonly lock: ObjectLock | null };

export class MemorySite implements VaultSite {
  readonly name: string;
  /** Newest version last. */
  readonly #objects = new Map<string, Version[]>();
  readonly #nowMs: () => number;
  #versionsMade = 0;

  constructor(name: string, nowMs: () => number = () => Date.now()) {
    this.name = name;
    this.#nowMs = nowMs;
  }

  async put(name: string, bytes: Uint8Array, options: PutOptions): Promise<PutAnswer> {
    this.#check(name, bytes, options.sha256);
    if (this.#objects.has(name)) return { kind: 'exists' };
    return { kind: 'stored', versionId: this.#add(name, bytes, options) };
  }

  async replace(name: string, bytes: Uint8Array, options: PutOptions): Promise<{ readonly versionId: string }> {
    this.#check(name, bytes, options.sha256);
    return { versionId: this.#add(name, bytes, options) };
  }

  async get(name: string, part?: ObjectPart, versionId?: string): Promise<Uint8Array | null> {
    refuseBadName(name);
    const version = this.#find(name, versionId ?? null);
    if (version === undefined) return null;
    return part === undefined ? version.bytes.slice() : version.bytes.slice(part.offset, part.offset + part.bytes);
  }

  async head(name: string): Promise<ObjectState | null> {
    refuseBadName(name);
    const version = this.#find(name, null);
    return version === undefined ? null : stateOf(name, version);
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    refuseBadPrefix(prefix);
    const names = [...this.#objects.keys()].filter((name) => name.startsWith(prefix)).sort();
    for (const name of names) {
      const version = this.#find(name, null);
      if (version !== undefined) yield { name, bytes: version.bytes.length, versionId: version.versionId, storedAtMs: version.storedAtMs };
    }
  }

  async versions(name: string): Promise<readonly ObjectState[]> {
    refuseBadName(name);
    return (this.#objects.get(name) ?? []).map((version) => stateOf(name, version)).reverse();
  }

  async extendLock(name: string, versionId: string | null, lock: ObjectLock): Promise<void> {
    const version = this.#findOrRefuse(name, versionId);
    refuseWeakerLock(this.name, name, version.lock, lock);
    version.lock = lock;
  }

  async setHold(name: string, versionId: string | null, isHeld: boolean): Promise<void> {
    this.#findOrRefuse(name, versionId).isHeld = isHeld;
  }

  async retire(name: string, versionId: string | null): Promise<void> {
    refuseBadName(name);
    const version = this.#find(name, versionId);
    if (version === undefined) return;
    refuseWhileKept(this.name, name, version, this.#nowMs());
    const rest = (this.#objects.get(name) ?? []).filter((each) => each !== version);
    if (rest.length === 0) this.#objects.delete(name);
    else this.#objects.set(name, rest);
  }

  #check(name: string, bytes: Uint8Array, sha256: string): void {
    refuseBadName(name);
    if (createHash('sha256').update(bytes).digest('hex') !== sha256) {
      throw new DamagedError(`The bytes for ${name} do not have the SHA-256 ${sha256}: ${this.name} stored nothing`);
    }
  }

  #add(name: string, bytes: Uint8Array, options: PutOptions): string {
    this.#versionsMade += 1;
    const versionId = `version-${this.#versionsMade}`;
    // A copy (a Buffer's own slice is none): callers reuse their buffers.
    const version = { versionId, storedAtMs: this.#nowMs(), bytes: new Uint8Array(bytes), sha256: options.sha256, lock: options.lock, isHeld: false };
    this.#objects.set(name, [...(this.#objects.get(name) ?? []), version]);
    return versionId;
  }

  #find(name: string, versionId: string | null): Version | undefined {
    const versions = this.#objects.get(name);
    return versionId === null ? versions?.at(-1) : versions?.find((v) => v.versionId === versionId);
  }

  #findOrRefuse(name: string, versionId: string | null): Version {
    refuseBadName(name);
    const version = this.#find(name, versionId);
    if (version === undefined) throw new RefusedError(`${this.name} has no ${name}${versionId === null ? '' : ` of version ${versionId}`}: nothing was changed`);
    return version;
  }
}

function stateOf(name: string, { versionId, storedAtMs, bytes, sha256, lock, isHeld }: Version): ObjectState {
  return { name, bytes: bytes.length, versionId, storedAtMs, sha256, lock, isHeld };
}

// A site in a directory: a disk, a network share, the medium that is carried to the safe. Objects are files under their own
// names, readable with nothing of ours; what is ours lies in folders that begin with a dot, which no object's name can.
//
// A directory cannot enforce a lock: whoever may write to it can remove everything in it. The date is kept beside the object
// (`.locks/<name>.json`), so that expiry honours it and an audit shows it; protection is for the disk's owner to arrange.
import { createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { InvalidConfigError, MalformedError, RefusedError } from '../../core/errors.ts';
import { refuseBadName, refuseBadPrefix, refuseWeakerLock, refuseWhileKept } from '../../core/vault/site-rules.ts';
import { DamagedError } from '../../core/vault/vault-errors.ts';
import type { ObjectLock, ObjectPart, ObjectState, PutAnswer, StoredObject, VaultSite } from '../../ports/vault-site.ts';
import { DurableFiles, isCode, isDirectory, walk } from './durable-files.ts';

type PutOptions = { readonly sha256: string; readonly lock: ObjectLock | null };
type Kept = { readonly lock: ObjectLock | null; readonly isHeld: boolean };

const nothingKept: Kept = { lock: null, isHeld: false };

export class DirectorySite implements VaultSite {
  readonly name: string;
  readonly #root: string;
  readonly #files: DurableFiles;
  readonly #isHashing: boolean;
  readonly #nowMs: () => number;

  /**
   * @param root must exist: a disk that is not mounted must not look like an empty vault, and must not be written beside.
   * @param options.isHashing false: `put` takes the caller's word for the bytes' SHA-256, which saves one hash of all that is stored.
   * @param options.nowMs by which locks are over
   */
  constructor(name: string, root: string, options: { readonly isHashing?: boolean; readonly nowMs?: () => number } = {}) {
    this.name = name;
    this.#root = path.resolve(root);
    this.#files = new DurableFiles(this.#root);
    this.#isHashing = options.isHashing ?? true;
    this.#nowMs = options.nowMs ?? (() => Date.now());
  }

  async put(name: string, bytes: Uint8Array, options: PutOptions): Promise<PutAnswer> {
    await this.#refuse(name, bytes, options.sha256);
    const file = this.#path(name);
    if ((await this.#stat(file)) !== null) return { kind: 'exists' };
    // Before the object: a crash in between leaves a date without an object, never an object without its date.
    await this.#keepLonger(name, options.lock);
    return (await this.#files.create(file, bytes)) === 'created' ? { kind: 'stored', versionId: null } : { kind: 'exists' };
  }

  async replace(name: string, bytes: Uint8Array, options: PutOptions): Promise<{ readonly versionId: null }> {
    await this.#refuse(name, bytes, options.sha256);
    await this.#keepLonger(name, options.lock);
    await this.#files.overwrite(this.#path(name), bytes, path.join(this.#root, '.replaced', name));
    return { versionId: null };
  }

  async get(name: string, part?: ObjectPart, versionId?: string): Promise<Uint8Array | null> {
    refuseBadName(name);
    if (versionId !== undefined) return null; // it has none
    const handle = await open(this.#path(name), 'r').catch(isAbsent);
    if (handle === null) return this.#absent();
    try {
      const { size } = await handle.stat();
      const offset = Math.min(part?.offset ?? 0, size);
      const end = part === undefined ? size : Math.min(offset + part.bytes, size);
      // Not zeroed: what is not filled is cut off.
      const bytes = new Uint8Array(Buffer.allocUnsafeSlow(end - offset).buffer);
      let filled = 0;
      while (filled < bytes.length) {
        const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, offset + filled);
        if (bytesRead === 0) return bytes.subarray(0, filled); // somebody cut it meanwhile: what is there
        filled += bytesRead;
      }
      return bytes;
    } finally {
      await handle.close();
    }
  }

  async head(name: string): Promise<ObjectState | null> {
    refuseBadName(name);
    const file = await this.#stat(this.#path(name));
    if (file === null) return this.#absent();
    return { name, ...file, versionId: null, sha256: null, ...(await this.#kept(name)) };
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    refuseBadPrefix(prefix);
    await this.#requireRoot();
    for await (const name of walk(this.#root, '', prefix)) {
      const file = await this.#stat(this.#path(name));
      if (file !== null) yield { name, ...file, versionId: null };
    }
  }

  async versions(name: string): Promise<readonly ObjectState[]> {
    const state = await this.head(name);
    return state === null ? [] : [state];
  }

  async extendLock(name: string, versionId: string | null, lock: ObjectLock): Promise<void> {
    const kept = await this.#keptOrRefuse(name, versionId);
    refuseWeakerLock(this.name, name, kept.lock, lock);
    await this.#keep(name, { ...kept, lock });
  }

  async setHold(name: string, versionId: string | null, isHeld: boolean): Promise<void> {
    await this.#keep(name, { ...(await this.#keptOrRefuse(name, versionId)), isHeld });
  }

  async retire(name: string, versionId: string | null): Promise<void> {
    const state = await this.head(name);
    if (state === null || versionId !== null) return; // it has no versions
    refuseWhileKept(this.name, name, state, this.#nowMs());
    // What was set aside when it was replaced first, and the date last: of what is not there, a date says nothing.
    await this.#files.remove(path.join(this.#root, '.replaced', name));
    await this.#files.remove(this.#path(name));
    await this.#files.remove(this.#lockFile(name));
  }

  fileOf(name: string): string {
    refuseBadName(name);
    return this.#path(name);
  }

  #path(name: string): string {
    return path.join(this.#root, name);
  }

  async #refuse(name: string, bytes: Uint8Array, sha256: string): Promise<void> {
    refuseBadName(name);
    if (this.#isHashing && createHash('sha256').update(bytes).digest('hex') !== sha256) {
      throw new DamagedError(`The bytes for ${name} do not have the SHA-256 ${sha256}: ${this.name} stored nothing`);
    }
    await this.#requireRoot();
  }

  async #requireRoot(): Promise<void> {
    if (!(await isDirectory(this.#root))) {
      throw new InvalidConfigError(`${this.#root}, the directory of the site ${this.name}, does not exist: make it, or mount the disk that it is on. Nothing was read or written`);
    }
  }

  /** Absent is an answer only where the disk is there. */
  async #absent(): Promise<null> {
    await this.#requireRoot();
    return null;
  }

  async #stat(file: string): Promise<{ readonly bytes: number; readonly storedAtMs: number } | null> {
    const stats = await stat(file).catch(isAbsent);
    return stats?.isFile() === true ? { bytes: stats.size, storedAtMs: stats.mtimeMs } : null;
  }

  #lockFile(name: string): string {
    return path.join(this.#root, '.locks', `${name}.json`);
  }

  async #kept(name: string): Promise<Kept> {
    const file = this.#lockFile(name);
    const text = await readFile(file, 'utf8').catch(isAbsent);
    return text === null ? nothingKept : parseKept(file, text);
  }

  async #keptOrRefuse(name: string, versionId: string | null): Promise<Kept> {
    if (versionId !== null || (await this.head(name)) === null) throw new RefusedError(`${this.name} has no ${name}${versionId === null ? '' : ` of version ${versionId}`}: nothing was changed`);
    return this.#kept(name);
  }

  async #keep(name: string, kept: Kept): Promise<void> {
    await this.#files.overwrite(this.#lockFile(name), Buffer.from(`${JSON.stringify(kept)}\n`), null);
  }

  async #keepLonger(name: string, lock: ObjectLock | null): Promise<void> {
    if (lock === null) return;
    const kept = await this.#kept(name);
    if (kept.lock !== null && kept.lock.untilMs >= lock.untilMs) return;
    await this.#keep(name, { ...kept, lock });
  }
}

function isAbsent(error: unknown): null {
  if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) return null;
  throw error;
}

function parseKept(file: string, text: string): Kept {
  const refuse = (): never => {
    throw new MalformedError(`${file} does not say until when the object beside it is locked: {"lock":{"mode":"COMPLIANCE","untilMs":0},"isHeld":false} was expected`);
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse();
  }
  if (typeof value !== 'object' || value === null || !('lock' in value) || !('isHeld' in value) || typeof value.isHeld !== 'boolean') return refuse();
  const { lock, isHeld } = value;
  if (lock === null) return { lock: null, isHeld };
  if (typeof lock !== 'object' || lock === undefined || !('mode' in lock) || !('untilMs' in lock) || typeof lock.untilMs !== 'number') return refuse();
  if (lock.mode !== 'GOVERNANCE' && lock.mode !== 'COMPLIANCE') return refuse();
  return { lock: { mode: lock.mode, untilMs: lock.untilMs }, isHeld };
}

// Files that are there wholly or not at all, and still there after the power went: written under another name, flushed, given
// their name in one step, and the folder flushed after it.
import { randomUUID } from 'node:crypto';
import { constants, writeSync } from 'node:fs';
import { copyFile, type FileHandle, link, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { RefusedError } from '../../core/errors.ts';

/** Larger writes to a new file cost up to four times the system time, by chance (BACKUP-LIMITS: 64 KiB never did). */
const pieceBytes = 64 * 1024;
/** Written without letting anything else run. */
const turnBytes = 1024 * 1024;
const objectMode = 0o444;
/** What a process that died left half-written is removed after this. */
const leftoverAgeMs = 24 * 3600 * 1000;

export class DurableFiles {
  readonly #root: string;
  readonly #temporary: string;
  readonly #madeFolders = new Set<string>();
  #isSwept = false;

  constructor(root: string) {
    this.#root = root;
    this.#temporary = path.join(root, '.tmp');
  }

  /** Of several that make the same file at once, in whatever processes, one makes it. */
  async create(file: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    const fresh = await this.#write(bytes);
    try {
      await this.#makeFolder(path.dirname(file));
      await link(fresh, file).catch((error: unknown) => this.#linkless(error, fresh, file));
      await flushFolder(path.dirname(file));
      return 'created';
    } catch (error) {
      if (isCode(error, 'EEXIST')) return 'exists';
      throw error;
    } finally {
      await unlink(fresh).catch(ignoreAbsent);
    }
  }

  /** What was there before is put into the folder `aside`, if one is named. */
  async overwrite(file: string, bytes: Uint8Array, aside: string | null): Promise<void> {
    const fresh = await this.#write(bytes);
    try {
      await this.#makeFolder(path.dirname(file));
      if (aside !== null) await this.#setAside(file, aside);
      await rename(fresh, file);
      await flushFolder(path.dirname(file));
    } finally {
      await unlink(fresh).catch(ignoreAbsent);
    }
  }

  /** A file, or a folder with all that is in it; gone after a power cut as well. */
  async remove(file: string): Promise<void> {
    await rm(file, { recursive: true, force: true });
    const folder = path.dirname(file);
    if (await isDirectory(folder)) await flushFolder(folder);
  }

  async #write(bytes: Uint8Array): Promise<string> {
    await this.#makeFolder(this.#temporary);
    await this.#sweep();
    const file = path.join(this.#temporary, randomUUID());
    const handle = await open(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, objectMode);
    try {
      await writeInPieces(handle, bytes);
      await handle.sync();
    } catch (error) {
      await unlink(file).catch(ignoreAbsent);
      throw error;
    } finally {
      await handle.close();
    }
    return file;
  }

  /** FAT and its like have no links. A rename overwrites, so there two processes that make the same file at once are not told apart. */
  async #linkless(error: unknown, fresh: string, file: string): Promise<void> {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].some((code) => isCode(error, code))) throw error;
    const present = await stat(file).catch(ignoreAbsent);
    if (present !== undefined) throw Object.assign(new Error(`${file} exists`), { code: 'EEXIST' });
    await rename(fresh, file);
  }

  async #setAside(file: string, aside: string): Promise<void> {
    if ((await stat(file).catch(ignoreAbsent)) === undefined) return;
    await this.#makeFolder(aside);
    const kept = path.join(aside, randomUUID());
    await link(file, kept).catch(async () => copyFile(file, kept, constants.COPYFILE_EXCL));
    await flushFolder(aside);
  }

  /** Never the root itself: a disk that is not mounted stays missing. */
  async #makeFolder(folder: string): Promise<void> {
    if (folder === this.#root || this.#madeFolders.has(folder)) return;
    const parent = path.dirname(folder);
    await this.#makeFolder(parent);
    try {
      await mkdir(folder);
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error;
      if (!(await isDirectory(folder))) throw new RefusedError(`${folder} is a file: no object's name can go on where another one's ends. Nothing was written`);
    }
    await flushFolder(parent);
    this.#madeFolders.add(folder);
  }

  async #sweep(): Promise<void> {
    if (this.#isSwept) return;
    this.#isSwept = true;
    const nowMs = Date.now();
    for (const name of await readdir(this.#temporary)) {
      const file = path.join(this.#temporary, name);
      const stats = await stat(file).catch(ignoreAbsent);
      if (stats !== undefined && nowMs - stats.mtimeMs > leftoverAgeMs) await unlink(file).catch(ignoreAbsent);
    }
  }
}

/** Names of the files below `folder` that begin with `prefix`, ascending by their bytes as S3 has them; what begins with a dot is not listed. */
export async function* walk(folder: string, above: string, prefix: string): AsyncIterable<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(ignoreAbsent);
  if (entries === undefined) return;
  // A folder sorts as what is in it does: with the slash. So `a-b` comes before `a/b`, and that before `ab`.
  const names = entries.filter((e) => !e.name.startsWith('.') && (e.isFile() || e.isDirectory())).map((e) => `${above}${e.name}${e.isDirectory() ? '/' : ''}`);
  names.sort((a, b) => (a < b ? -1 : 1));
  for (const name of names) {
    if (!name.endsWith('/')) {
      if (name.startsWith(prefix)) yield name;
    } else if (name.startsWith(prefix) || prefix.startsWith(name)) {
      yield* walk(path.join(folder, name.slice(above.length)), name, prefix);
    }
  }
}

export async function isDirectory(folder: string): Promise<boolean> {
  const stats = await stat(folder).catch(ignoreAbsent);
  return stats?.isDirectory() ?? false;
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

async function writeInPieces(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const turnEnd = Math.min(written + turnBytes, bytes.length);
    // Synchronously: a promise for each piece would cost more than the piece.
    while (written < turnEnd) written += writeSync(handle.fd, bytes, written, Math.min(pieceBytes, turnEnd - written), written);
    if (written < bytes.length) await setImmediate();
  }
}

async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function ignoreAbsent(error: unknown): undefined {
  if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) return undefined;
  throw error;
}

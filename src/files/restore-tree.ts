// The tree that a restore makes: folders, files without their content, links, modes and times. It knows the dangers: a name that leads out of the target, a
// link in the way, a folder that is not one.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
} from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { joinPath, partsOf, shown, treeRoot, type EntryName } from './entry-name.ts';
import { writeAttributes } from './extended-attributes.ts';
import type { FileMeta } from './file-meta.ts';
import { whyNot, type Warn } from './file-walk.ts';
import type { TargetFile } from './restore-window.ts';

/** What is set on a file is as exact as Node can say it. */
const nsPerMicrosecond = 1000n;

type Made = { readonly path: EntryName; readonly meta: FileMeta };

export type RestoreTreeOptions = { readonly target: string; readonly isGoingOn: boolean; readonly isOwnerRestored: boolean; readonly warn: Warn };

export class RestoreTree {
  readonly #options: RestoreTreeOptions;
  readonly #folders = new Set<string>();
  readonly #madeFolders: Made[] = [];
  readonly #links: Made[] = [];
  readonly #attributed: Made[] = [];
  skipped = 0;

  constructor(options: RestoreTreeOptions) {
    this.#options = options;
  }

  /** Makes the entry; a file that is to be written comes back. Throws where it must not be or cannot be made. */
  make(meta: FileMeta): TargetFile | null {
    const path = this.#pathOf(meta.name);
    const made = { path, meta };
    if (Object.keys(meta.attributes).length > 0) this.#attributed.push(made);
    switch (meta.type) {
      case 'd':
        this.#makeFolder(made);
        return null;
      case 'l':
      case 'h':
        this.#links.push(made);
        return null;
      case 's':
        this.#options.warn(`${shown(meta.name)} is a socket: only the program that listens on it can make it`);
        return null;
      case 'p':
      case 'b':
      case 'c':
        this.#makeNode(made);
        return null;
      case 'f':
        if (this.#isThere(made)) {
          this.skipped += 1;
          return null;
        }
        return { path, meta, pieces: 0, isMade: false, isBroken: false };
    }
  }

  /** A file that several runs write. */
  makeFile(file: TargetFile): void {
    const descriptor = openSync(file.path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    try {
      file.isMade = true;
      ftruncateSync(descriptor, file.meta.bytes);
    } finally {
      closeSync(descriptor);
    }
  }

  finishFile({ path, meta }: TargetFile): void {
    const descriptor = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW);
    try {
      if (this.#options.isOwnerRestored) fchownSync(descriptor, meta.user, meta.group);
      fchmodSync(descriptor, meta.mode);
      futimesSync(descriptor, secondsOf(meta), secondsOf(meta));
    } finally {
      closeSync(descriptor);
    }
  }

  /** Empty, or a hole. */
  writeWithoutContent(file: TargetFile): void {
    this.makeFile(file);
    this.finishFile(file);
  }

  /** What is not whole must not look as if it were. */
  remove({ path }: TargetFile): void {
    try {
      unlinkSync(path);
    } catch {
      // It was not made.
    }
  }

  /** Links, then attributes, then the folders' modes and times, the innermost first. */
  finish(): void {
    for (const made of this.#links) this.#attempt(made, () => this.#makeLink(made));
    for (const words of writeAttributes(this.#attributed.map(({ path, meta }) => ({ path, attributes: meta.attributes })))) this.#options.warn(words);
    for (const made of this.#madeFolders.toReversed()) {
      this.#attempt(made, () => {
        if (this.#options.isOwnerRestored) lchownSync(made.path, made.meta.user, made.meta.group);
        chmodSync(made.path, made.meta.mode);
        utimesSync(made.path, secondsOf(made.meta), secondsOf(made.meta));
      });
    }
  }

  /** @throws Error where the name leads elsewhere, or through something that is no folder made here. */
  #pathOf(name: EntryName): EntryName {
    if (name === treeRoot) return this.#options.target;
    const parts = partsOf(name);
    if (parts.some((part) => part.length === 0 || part === '.' || part === '..' || Buffer.from(part).includes(0)))
      throw new Error('its name leads out of the target or is none; the point was made by something else, or altered');
    const folder = folderOf(name);
    if (folder !== null && !this.#folders.has(keyOf(folder))) throw new Error('its folder is not there, or is no folder');
    return joinPath(this.#options.target, name);
  }

  #makeFolder(made: Made): void {
    const { path, meta } = made;
    if (meta.name !== treeRoot) {
      const present = lookAt(path);
      if (present === null) mkdirSync(path, 0o700);
      else if (!present.isDirectory()) throw new Error('something else is in its place, which was left as it is');
      this.#folders.add(keyOf(meta.name));
    }
    this.#madeFolders.push(made);
  }

  /** True: the file is there, of this length and time. Something else in its place is removed. */
  #isThere({ path, meta }: Made): boolean {
    const present = this.#options.isGoingOn ? lookAt(path) : null;
    if (present === null) return false;
    if (present.isDirectory()) throw new Error('a folder is in its place, which was left as it is');
    if (present.isFile() && Number(present.size) === meta.bytes && present.mtimeNs / nsPerMicrosecond === meta.mtimeNs / nsPerMicrosecond) return true;
    unlinkSync(path);
    return false;
  }

  #makeLink({ path, meta }: Made): void {
    if (meta.target === null) throw new Error('its entry does not say where it leads');
    const present = this.#options.isGoingOn ? lookAt(path) : null;
    if (present?.isDirectory() === true) throw new Error('a folder is in its place, which was left as it is');
    if (present !== null) unlinkSync(path);
    if (meta.type === 'h') {
      linkSync(this.#pathOf(meta.target), path);
      return;
    }
    symlinkSync(meta.target, path);
    if (this.#options.isOwnerRestored) lchownSync(path, meta.user, meta.group);
    lutimesSync(path, secondsOf(meta), secondsOf(meta));
  }

  /** Node has no call for these. */
  #makeNode({ path, meta }: Made): void {
    if (this.#options.isGoingOn && lookAt(path) !== null) return;
    const device = meta.deviceNumber ?? 0;
    const [major, minor] = [((device >> 8) & 0xfff) | 0, (device & 0xff) | ((device >> 12) & 0xfff00)];
    const ran = spawnSync('mknod', ['--mode=600', '--', Buffer.from(path).toString(), meta.type, ...(meta.type === 'p' ? [] : [String(major), String(minor)])], { encoding: 'utf8' });
    if (ran.error !== undefined || ran.status !== 0) throw new Error(`mknod could not make it: ${ran.error?.message ?? ran.stderr.trim()}`);
    if (this.#options.isOwnerRestored) lchownSync(path, meta.user, meta.group);
    chmodSync(path, meta.mode);
    utimesSync(path, secondsOf(meta), secondsOf(meta));
  }

  #attempt({ meta }: Made, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#options.warn(`${shown(meta.name)} was not restored as it was: ${whyNot(error)}`);
    }
  }
}

/** Half a microsecond more, since Node cuts off what is below one. */
function secondsOf({ mtimeNs }: FileMeta): number {
  return (Number(mtimeNs / nsPerMicrosecond) + 0.5) / 1e6;
}

function lookAt(path: EntryName): BigIntStats | null {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
}

function folderOf(name: EntryName): EntryName | null {
  if (typeof name === 'string') {
    const at = name.lastIndexOf('/');
    return at < 0 ? null : name.slice(0, at);
  }
  const at = name.lastIndexOf(0x2f);
  return at < 0 ? null : name.subarray(0, at);
}

function keyOf(name: EntryName): string {
  return Buffer.from(name).toString('latin1');
}

// Restores a point of files into a directory. Nothing is ever written outside it: names are checked, every folder on the way is one that was made or looked at
// here, and links are made last, when nothing is written any more.
import { readdirSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { RefusedError } from '../core/errors.ts';
import type { DataKey } from '../vault/data-key.ts';
import type { Vault } from '../vault/vault.ts';
import { shown } from './entry-name.ts';
import type { RawEntry } from './entry-stream.ts';
import { readMeta, type FileMeta } from './file-meta.ts';
import { whyNot, type Warn } from './file-walk.ts';
import { RestorePool } from './restore-pool.ts';
import { RestoreTree } from './restore-tree.ts';
import { RestoreWindow, type PlannedRun, type TargetFile } from './restore-window.ts';
import { Selection } from './selection.ts';
import { fileNumbers, wholeNumber, type RestoreDone } from './restore-task.ts';
import { contentLength } from './extent-list.ts';
import type { StoredPoint } from './stored-point.ts';

export type RestoreFilesOptions = {
  readonly vault: Vault;
  readonly key: DataKey;
  readonly point: StoredPoint;
  /** Must exist; everything goes below it. */
  readonly target: string;
  /** Names of entries; with a folder comes what is in it. Empty: all. */
  readonly paths: readonly string[];
  /** The target may have something in it: what has the same length and time is left as it is, other files are replaced. */
  readonly isGoingOn: boolean;
  readonly workers: number;
  /** Workers that were started ahead (startRestoreThreads). */
  readonly threads?: Worker[] | undefined;
  readonly warn: Warn;
  readonly progress: (so: RestoreProgress) => void;
};

export type RestoreProgress = { readonly entries: number; readonly bytes: number };
export type RestoreFilesResult = RestoreProgress & { /** They were there already. */ readonly skipped: number; readonly isOwnerRestored: boolean };

export async function restoreFiles(options: RestoreFilesOptions): Promise<RestoreFilesResult> {
  const { target, isGoingOn } = options;
  if (!isGoingOn && readdirSync(target).length > 0)
    throw new RefusedError(`${target} is not empty, so nothing was restored: name an empty directory, or say --into-existing to go on there and replace what differs`);
  const restore = new FilesRestore(options);
  try {
    return await restore.run();
  } finally {
    await restore.close();
  }
}

class FilesRestore {
  readonly #options: RestoreFilesOptions;
  readonly #selection: Selection;
  readonly #isOwnerRestored = process.getuid?.() === 0;
  readonly #pool: RestorePool;
  readonly #tree: RestoreTree;
  readonly #window = new RestoreWindow();
  /** Files that are not wanted themselves, and the first wanted link to each: there their content goes. */
  readonly #aliases = new Map<string, FileMeta>();
  #entries = 0;
  #bytes = 0;

  constructor(options: RestoreFilesOptions) {
    this.#options = options;
    const { vault, key, workers, threads, target, isGoingOn, warn } = options;
    this.#selection = new Selection(options.paths);
    this.#pool = new RestorePool({ sites: vault.sites, key, workers, threads, isOwnerRestored: this.#isOwnerRestored });
    this.#tree = new RestoreTree({ target, isGoingOn, isOwnerRestored: this.#isOwnerRestored, warn });
  }

  async run(): Promise<RestoreFilesResult> {
    await this.#pass((entry, meta) => this.#take(entry, meta));
    const { unseen } = this.#selection;
    if (unseen.length > 0) this.#options.warn(`the point has no '${unseen.join("', '")}'`);
    if (this.#aliases.size > 0) {
      await this.#pass((entry, meta) => {
        const alias = this.#aliases.get(keyOf(meta));
        if (alias !== undefined) this.#make(entry, { ...meta, name: alias.name });
      });
    }
    this.#tree.finish();
    return { entries: this.#entries, bytes: this.#bytes, skipped: this.#tree.skipped, isOwnerRestored: this.#isOwnerRestored };
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  async #pass(take: (entry: RawEntry, meta: FileMeta) => void): Promise<void> {
    for await (const entries of this.#options.point.entries()) {
      for (const entry of entries) take(entry, readMeta(entry.json.toString()));
      // No worker waits for the end of the list; while they have work, more is gathered, so that what lies together is read together.
      if (this.#window.isFull || (this.#pool.isIdle && this.#window.isWorthARun)) await this.#writeOut();
    }
    await this.#writeOut();
    await this.#pool.finish();
  }

  #take(entry: RawEntry, meta: FileMeta): void {
    if (!this.#selection.has(meta.name)) return;
    if (meta.type !== 'h' || meta.target === null || this.#selection.has(meta.target)) {
      this.#make(entry, meta);
      return;
    }
    const file = keyOf({ name: meta.target });
    const first = this.#aliases.get(file);
    if (first === undefined) this.#aliases.set(file, meta);
    else this.#make(entry, { ...meta, target: first.name });
  }

  #make(entry: RawEntry, meta: FileMeta): void {
    try {
      if (meta.isPartial) throw new Error('the backup was stopped in the middle of it; a later point has it whole');
      if (meta.type === 'f' && contentLength(entry.extents) !== meta.bytes)
        throw new Error(`its extents are ${contentLength(entry.extents)} bytes, its entry says ${meta.bytes}: the point is damaged`);
      const file = this.#tree.make(meta);
      this.#entries += 1;
      if (file === null) return;
      this.#window.add(entry.extents, file);
      if (file.pieces === 0) this.#tree.writeWithoutContent(file);
    } catch (error) {
      this.#options.warn(`${shown(meta.name)} was not restored: ${whyNot(error)}`);
    }
  }

  async #writeOut(): Promise<void> {
    for (const run of this.#window.runs()) {
      for (const [i, file] of run.targets.entries()) if (run.files[i * fileNumbers + wholeNumber] === 0 && !file.isMade && !file.isBroken) this.#makeFile(file);
      await this.#pool.start(async () => this.#settle(run, await this.#pool.restore(run, this.#options.point)));
    }
  }

  #makeFile(file: TargetFile): void {
    file.isBroken = true;
    this.#attempt(file.meta, () => {
      this.#tree.makeFile(file);
      file.isBroken = false;
    });
  }

  #settle(run: PlannedRun, { bytes, failures, damages }: RestoreDone): void {
    this.#bytes += bytes;
    const broken = new Map<number, string>(failures.map(({ file, because }) => [file, because]));
    for (const { chunk, because } of damages) for (const file of run.filesOf(chunk)) broken.set(file, `it is damaged in every site: ${because}`);
    for (const [file, because] of broken) {
      const target = run.targets[file];
      if (target === undefined || target.isBroken) continue;
      target.isBroken = true;
      this.#tree.remove(target);
      this.#options.warn(`${shown(target.meta.name)} was not restored: ${because}`);
    }
    for (const file of run.pieceFiles) {
      file.pieces -= 1;
      if (file.pieces === 0 && file.isMade && !file.isBroken) this.#attempt(file.meta, () => this.#tree.finishFile(file));
    }
    this.#options.progress({ entries: this.#entries, bytes: this.#bytes });
  }

  #attempt(meta: FileMeta, act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#options.warn(`${shown(meta.name)} was not restored: ${whyNot(error)}`);
    }
  }
}

function keyOf({ name }: Pick<FileMeta, 'name'>): string {
  return typeof name === 'string' ? `t${name}` : `b${name.toString('latin1')}`;
}

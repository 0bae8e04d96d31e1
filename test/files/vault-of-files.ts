// A vault in a temporary folder, and the files source over it: for the tests.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { newChain } from '../../src/core/vault/object-names.ts';
import { DirectorySite } from '../../src/drivers/directory/directory-site.ts';
import { backupFiles, type BackupFilesOptions, type BackupFilesResult } from '../../src/files/backup-files.ts';
import { treeRoot } from '../../src/files/entry-name.ts';
import { restoreFiles, type RestoreFilesOptions, type RestoreFilesResult } from '../../src/files/restore-files.ts';
import { openParent } from '../../src/files/parent-point.ts';
import { StoredPoint } from '../../src/files/stored-point.ts';
import { verifyFiles } from '../../src/files/verify-files.ts';
import type { DataKey } from '../../src/vault/data-key.ts';
import { PassphraseWrap } from '../../src/vault/passphrase-wrap.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { createVault, type Vault } from '../../src/vault/vault.ts';

// The workers take it over: without it each translates its TypeScript anew.
enableCompileCache(path.join(import.meta.dirname, '../../node_modules/.cache/holdfast'));

const wrap = new PassphraseWrap('correct horse', { n: 2, r: 1, p: 1 });

export class VaultOfFiles {
  readonly root: string;
  readonly tree: string;
  readonly vault: Vault;
  readonly key: DataKey;
  readonly warnings: string[] = [];
  #chain = newChain('test', Date.now(), randomBytes(4).toString('hex'));
  #targets = 0;

  static async make(sites = 1): Promise<VaultOfFiles> {
    const root = mkdtempSync(path.join(tmpdir(), 'holdfast-files-'));
    const folders = Array.from({ length: sites }, (_, i) => path.join(root, `site-${i}`));
    for (const folder of folders) mkdirSync(folder);
    mkdirSync(path.join(root, 'tree'));
    const vault = await createVault(new SiteSet(folders.map((folder, i) => new DirectorySite(`site-${i}`, folder))), randomBytes);
    return new VaultOfFiles(root, vault, await vault.newKey(wrap, Date.now(), randomBytes, null));
  }

  constructor(root: string, vault: Vault, key: DataKey) {
    this.root = root;
    this.tree = path.join(root, 'tree');
    this.vault = vault;
    this.key = key;
  }

  path(...parts: readonly string[]): string {
    return path.join(this.tree, ...parts);
  }

  async backup(options: Partial<BackupFilesOptions> = {}): Promise<BackupFilesResult> {
    // What changed a moment ago is read again next time; the tests are about what did not.
    await setTimeout(60);
    return backupFiles({
      vault: this.vault,
      key: this.key,
      source: 'test',
      chain: this.#chain,
      roots: [{ name: treeRoot, path: this.tree }],
      parent: await openParent(this.vault, await this.vault.listPoints(), this.key),
      isReadingAll: false,
      workers: 2,
      packBytes: 1024 * 1024,
      zstdLevel: 1,
      class: 'daily',
      lock: null,
      checkpointBytes: 1024 ** 4,
      host: 'test',
      nowMs: Date.now,
      stop: new AbortController().signal,
      warn: (what) => this.warnings.push(what),
      progress: () => {},
      ...options,
    });
  }

  /** Into a new folder, whose path comes back. */
  async restore(options: Partial<RestoreFilesOptions> = {}): Promise<RestoreFilesResult & { readonly target: string }> {
    const target = options.target ?? path.join(this.root, `restored-${this.#targets++}`);
    mkdirSync(target, { recursive: true });
    const result = await restoreFiles({
      vault: this.vault,
      key: this.key,
      point: await this.newest(),
      paths: [],
      isGoingOn: false,
      workers: 2,
      warn: (what) => this.warnings.push(what),
      progress: () => {},
      ...options,
      target,
    });
    return { ...result, target };
  }

  async newest(): Promise<StoredPoint> {
    const newest = (await this.vault.listPoints()).at(-1);
    if (newest === undefined) throw new Error('no point yet');
    return StoredPoint.open(this.vault, newest, this.key);
  }

  async verify(key: DataKey | null = this.key) {
    const newest = (await this.vault.listPoints()).at(-1);
    if (newest === undefined) throw new Error('no point yet');
    return verifyFiles({ vault: this.vault, manifest: await this.vault.readManifest(newest), key, workers: 2, progress: () => {} });
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

// Proves that a point can be restored, by doing all of it but the writing: in every site, every pack is read, each of its chunks opened, decompressed and compared by its
// tag, and every extent of every entry looked up in the packs' own indexes. Without the key it is hashes only. Packs and entries are gone through side by side.
import { setImmediate } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import type { PackRow } from '../core/vault/recovery-point.ts';
import type { DataKey } from '../vault/data-key.ts';
import { SiteSet } from '../vault/site-set.ts';
import type { Manifest, Vault } from '../vault/vault.ts';
import { readMeta } from './file-meta.ts';
import { contentLength } from './extent-list.ts';
import { RestorePool } from './restore-pool.ts';
import { NeededChunks } from './needed-chunks.ts';
import { StoredPoint } from './stored-point.ts';

export type VerifyFilesOptions = {
  readonly vault: Vault;
  readonly manifest: Manifest;
  /** null: without the key. */
  readonly key: DataKey | null;
  readonly workers: number;
  /** Workers that were started ahead (startRestoreThreads). */
  readonly threads?: Worker[] | undefined;
  readonly progress: (so: VerifyProgress) => void;
};

export type VerifyProgress = { readonly packs: number; readonly packsInAll: number; readonly storedBytes: number };
export type VerifyDamage = { readonly site: string; readonly pack: string | null; readonly because: string };
export type VerifyFilesResult = {
  readonly sites: number;
  readonly packs: number;
  readonly entries: number;
  readonly bytes: number;
  readonly storedBytes: number;
  readonly damages: readonly VerifyDamage[];
};

export async function verifyFiles(options: VerifyFilesOptions): Promise<VerifyFilesResult> {
  const { vault, key, workers, threads } = options;
  const pool = new RestorePool({ sites: vault.sites, key, workers, threads, isOwnerRestored: false });
  const total = { sites: 0, packs: 0, entries: 0, bytes: 0, storedBytes: 0 };
  const damages: VerifyDamage[] = [];
  try {
    for (const site of vault.sites.sites) {
      const found = await new SiteVerification(options, new SiteSet([site]), pool).run();
      total.sites += 1;
      total.packs += found.packs;
      total.entries = found.entries;
      total.bytes += found.bytes;
      total.storedBytes += found.storedBytes;
      damages.push(...found.damages.map((damage) => ({ site: site.name, ...damage })));
    }
    return { ...total, damages };
  } finally {
    await pool.close();
  }
}

class SiteVerification {
  readonly #options: VerifyFilesOptions;
  readonly #site: SiteSet;
  readonly #pool: RestorePool;
  readonly #damages: { readonly pack: string | null; readonly because: string }[] = [];
  readonly #needed = new NeededChunks();
  #packs = 0;
  #entries = 0;
  #bytes = 0;
  #storedBytes = 0;

  constructor(options: VerifyFilesOptions, site: SiteSet, pool: RestorePool) {
    this.#options = options;
    this.#site = site;
    this.#pool = pool;
  }

  async run() {
    const { key, manifest } = this.#options;
    await Promise.all([this.#packsOf(manifest.packs), key === null ? undefined : this.#entriesOf(key)]);
    if (key !== null) for (const { pack, because } of this.#needed.wrong()) this.#damages.push({ pack: manifest.packs.find(({ packId }) => packId.startsWith(pack))?.sha256 ?? pack, because });
    return { packs: this.#packs, entries: this.#entries, bytes: this.#bytes, storedBytes: this.#storedBytes, damages: this.#damages };
  }

  /** What cannot even be listed is damage as well: the rest is looked at all the same. */
  async #entriesOf(key: DataKey): Promise<void> {
    const { vault, manifest } = this.#options;
    try {
      const point = await StoredPoint.open(vault, manifest.header, key, this.#site);
      this.#needed.add(point.entryChunks);
      for await (const entries of point.entries()) {
        for (const { json, extents } of entries) {
          this.#entries += 1;
          const meta = readMeta(json.toString());
          if (meta.type === 'f' && contentLength(extents) !== meta.bytes)
            this.#damages.push({ pack: null, because: `entry ${json.toString().slice(0, 200)} has ${contentLength(extents)} bytes of extents` });
          this.#needed.add(extents);
        }
        // The packs have their turn.
        await setImmediate();
      }
    } catch (error) {
      this.#damages.push({ pack: null, because: `the entries cannot be read: ${error instanceof Error ? error.message : String(error)}` });
    }
  }

  async #packsOf(rows: readonly PackRow[]): Promise<void> {
    for (const row of rows) await this.#pool.start(async () => this.#pack(row));
    await this.#pool.finish();
  }

  async #pack(row: PackRow): Promise<void> {
    const done = await this.#pool.verify(row, this.#site);
    if (done === null) this.#damages.push({ pack: row.sha256, because: 'it is not there' });
    else {
      this.#bytes += done.bytes;
      this.#storedBytes += done.storedBytes ?? 0;
      for (const { because } of done.damages) this.#damages.push({ pack: row.sha256, because });
    }
    // Of a pack that is damaged nothing more is said.
    this.#needed.index(row.packId, done?.index ?? null);
    this.#packs += 1;
    this.#options.progress({ packs: this.#packs, packsInAll: this.#options.manifest.packs.length, storedBytes: this.#storedBytes });
  }
}

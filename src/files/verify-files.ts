// Proves that a point can be restored, by doing all of it but the writing: every pack is read and hashed, every chunk that is needed is opened, decompressed and
// compared, in every site. Without the key it is hashes only. A chunk that is an extent by itself is compared by its tag, which the encrypted entry has and which costs
// a tenth of its id; any other by its id. The pack's hash stays although GCM covers the needed chunks: it alone covers the others, the header and the footer.
import type { PackRow } from '../core/vault/recovery-point.ts';
import type { DataKey } from '../vault/data-key.ts';
import { SiteSet } from '../vault/site-set.ts';
import type { Manifest, Vault } from '../vault/vault.ts';
import { readMeta } from './file-meta.ts';
import { contentLength } from './extent-list.ts';
import { RestorePool } from './restore-pool.ts';
import { RestoreWindow } from './restore-window.ts';
import { StoredPoint } from './stored-point.ts';

export type VerifyFilesOptions = {
  readonly vault: Vault;
  readonly manifest: Manifest;
  /** null: without the key. */
  readonly key: DataKey | null;
  readonly workers: number;
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
  const { vault, key, workers } = options;
  const pool = new RestorePool({ sites: vault.sites, key, workers, isOwnerRestored: false });
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

const noChunks = new Uint8Array(0);

class SiteVerification {
  readonly #options: VerifyFilesOptions;
  readonly #site: SiteSet;
  readonly #pool: RestorePool;
  readonly #damages: { readonly pack: string | null; readonly because: string }[] = [];
  /** Packs that are looked at for their chunks; the others are hashed afterwards. */
  readonly #begun = new Set<string>();
  readonly #done = new Set<string>();
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
    if (key !== null) await this.#entriesOf(key);
    for (const row of manifest.packs) if (!this.#begun.has(row.packId)) await this.#pack(row, noChunks);
    await this.#pool.finish();
    return { packs: this.#done.size, entries: this.#entries, bytes: this.#bytes, storedBytes: this.#storedBytes, damages: this.#damages };
  }

  /** What cannot even be listed is damage as well: the rest is looked at all the same. */
  async #entriesOf(key: DataKey): Promise<void> {
    const { vault, manifest } = this.#options;
    const window = new RestoreWindow();
    try {
      const point = await StoredPoint.open(vault, manifest.header, key, this.#site);
      window.add(point.entryChunks, null);
      for await (const entries of point.entries()) {
        for (const { json, extents } of entries) {
          this.#entries += 1;
          const meta = readMeta(json.toString());
          if (meta.type === 'f' && contentLength(extents) !== meta.bytes)
            this.#damages.push({ pack: null, because: `entry ${json.toString().slice(0, 200)} has ${contentLength(extents)} bytes of extents` });
          window.add(extents, null);
        }
        if (window.isFull) await this.#window(window, point);
      }
      await this.#window(window, point);
    } catch (error) {
      this.#damages.push({ pack: null, because: `the entries cannot be read: ${error instanceof Error ? error.message : String(error)}` });
    }
  }

  async #window(window: RestoreWindow, point: StoredPoint): Promise<void> {
    for (const run of window.runs(true)) await this.#pack(point.row(run.pack), run.chunks);
  }

  async #pack(row: PackRow, chunks: Uint8Array): Promise<void> {
    this.#begun.add(row.packId);
    await this.#pool.start(async () => {
      const done = await this.#pool.verify(row, chunks, this.#site);
      if (done === null) this.#damages.push({ pack: row.sha256, because: 'it is not there' });
      else {
        this.#bytes += done.bytes;
        if (!this.#done.has(row.packId)) this.#storedBytes += done.storedBytes ?? 0;
        for (const { because } of done.damages) this.#damages.push({ pack: row.sha256, because });
      }
      this.#done.add(row.packId);
      this.#options.progress({ packs: this.#done.size, packsInAll: this.#options.manifest.packs.length, storedBytes: this.#storedBytes });
    });
  }
}

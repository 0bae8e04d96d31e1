// Verifies points: that everything they need is there and is what it should be, in each site by itself, and that the sites agree. Finds; repairs nothing.
import { fromBase64, toHex } from '../core/vault/bytes.ts';
import { decodeReferences } from '../core/vault/chunk-reference.ts';
import { decodeManifest } from '../core/vault/manifest-layout.ts';
import { manifestName, packName } from '../core/vault/object-names.ts';
import type { ChunkReference, PackRow, PointName } from '../core/vault/recovery-point.ts';
import { DamagedError } from '../core/vault/vault-errors.ts';
import type { VaultSite } from '../ports/vault-site.ts';
import { sha256, sha256Hex } from './chunk-crypto.ts';
import type { DataKey } from './data-key.ts';
import { indexOf, verifyPack, type PackIndex } from './pack-reader.ts';
import { openBody, OpenPoint } from './point-reader.ts';
import { describe, SiteSet } from './site-set.ts';
import { Vault, type Manifest } from './vault.ts';

/** `site`: which one; where it is not one site's alone, all of them, joined by `, `. */
export type Violation = { readonly site: string; readonly name: string; readonly because: string };

/** `packs` and `bytes` were read, each copy counted; `chunks` were opened, once for all copies. */
export type Verified = { readonly packs: number; readonly chunks: number; readonly bytes: number; readonly violations: readonly Violation[] };

export type VerifyOptions = {
  /** null: hashes only. With the key every chunk is opened, its id and tag computed, and every reference of the point compared with the packs' own indexes. */
  readonly key: DataKey | null;
  /** Packs that were verified in their site already (`site/sha256`), so that points that share them do not pay twice; added to. */
  readonly seen?: Set<string>;
  readonly onBytes?: (bytes: number) => void;
};

/** Reads all of a point in every site. What keys lie in the vault is `verifyKeys`. */
export async function verifyPoint(vault: Vault, name: PointName, options: VerifyOptions): Promise<Verified> {
  const run = new Verification(vault, options);
  const manifest = await run.manifests(name);
  if (manifest !== null) {
    await run.parent(manifest);
    for (const row of manifest.packs) await run.pack(row);
    if (options.key !== null) await run.entries(manifest, options.key);
  }
  return run.result();
}

class Verification {
  readonly #vault: Vault;
  readonly #options: VerifyOptions;
  readonly #seen: Set<string>;
  readonly #everywhere: string;
  readonly #violations: Violation[] = [];
  readonly #total = { packs: 0, chunks: 0, bytes: 0 };
  /** By the first 8 bytes of the pack's id. */
  readonly #indexes = new Map<string, PackIndex>();

  constructor(vault: Vault, options: VerifyOptions) {
    this.#vault = vault;
    this.#options = options;
    this.#seen = options.seen ?? new Set();
    this.#everywhere = vault.sites.sites.map((site) => site.name).join(', ');
  }

  result(): Verified {
    return { ...this.#total, violations: this.#violations };
  }

  /** Each site's copy; the one that most of them have, null where none is good. */
  async manifests(name: PointName): Promise<Manifest | null> {
    const { key } = this.#options;
    const found = new Map<string, { readonly manifest: Manifest; readonly sites: string[] }>();
    for (const site of this.#vault.sites.sites) {
      await this.#attempt(site.name, manifestName(name), async () => {
        const manifest = await new Vault(this.#vault.id, new SiteSet([site])).readManifest(name, (copy) => void (key === null || openBody(copy, key)));
        const known = found.get(manifest.sha256);
        if (known === undefined) found.set(manifest.sha256, { manifest, sites: [site.name] });
        else known.sites.push(site.name);
      });
    }
    const [most, ...others] = [...found.values()].toSorted((a, b) => b.sites.length - a.sites.length);
    if (most === undefined) return null;
    const isDisputed = others.some(({ sites }) => sites.length === most.sites.length);
    for (const each of isDisputed ? [most, ...others] : others)
      this.#add(
        each.sites.join(', '),
        manifestName(name),
        `Its manifest is whole, and another one than that in ${this.#vault.sites.sites
          .filter((site) => !each.sites.includes(site.name))
          .map((site) => site.name)
          .join(', ')}.`,
      );
    return most.manifest;
  }

  /** Without its parent the point cannot be restored. */
  async parent({ header }: Manifest): Promise<void> {
    const { chain, parent } = header;
    if (parent === null) return;
    await this.#attempt(this.#everywhere, manifestName({ chain, point: parent.point }), async () => {
      const found = await this.#vault.readManifest({ chain, point: parent.point });
      if (found.sha256 !== parent.sha256) throw new DamagedError(`${header.point} was made after a point with the hash ${parent.sha256}, and ${parent.point} has ${found.sha256}`);
    });
  }

  async pack(row: PackRow): Promise<void> {
    for (const site of this.#vault.sites.sites) {
      const mark = `${site.name}/${row.sha256}`;
      if (this.#seen.has(mark)) continue;
      await this.#attempt(site.name, packName(row.sha256), async () => {
        const bytes = await readPack(site, row);
        // Bytes of one hash are the same in every site: they are opened once.
        this.#total.chunks += verifyPack(bytes, row.sha256, this.#indexes.has(row.packId.slice(0, 16)) ? null : this.#options.key);
        if (this.#options.key !== null) this.#indexes.set(row.packId.slice(0, 16), indexOf(bytes, row.packId, this.#options.key));
        this.#seen.add(mark);
        this.#total.packs += 1;
        this.#total.bytes += bytes.length;
        this.#options.onBytes?.(bytes.length);
      });
    }
  }

  /** Every reference of the entries must be, word for word, a row of its pack's index: then whatever restores reads is what was verified. */
  async entries(manifest: Manifest, key: DataKey): Promise<void> {
    const body = openBody(manifest, key);
    const rows = new Map(manifest.packs.map((row) => [row.packId.slice(0, 16), row]));
    const require = async (reference: ChunkReference, isWhole: boolean) => {
      const pack = toHex(reference.pack);
      const row = rows.get(pack);
      if (row === undefined) throw new DamagedError(`a reference names pack ${pack}…, which is not in the point's table`);
      const index = this.#indexes.get(pack) ?? (await this.#readIndex(row, key));
      this.#indexes.set(pack, index);
      if (!index.has(reference, isWhole)) throw new DamagedError(`a reference to ${pack}… at ${reference.offset} is not in that pack's index`);
    };
    await this.#attempt(this.#everywhere, manifestName(manifest.header), async () => {
      for (const reference of decodeReferences(fromBase64(body.entries.references))) await require(reference, true);
      for await (const entry of new OpenPoint(this.#vault, manifest, body, key).entries())
        for (const extent of entry.extents) if (extent.kind === 'chunk') await require(extent.reference, extent.bytes === extent.reference.rawBytes);
    });
  }

  /** Of a pack that was verified for another point. */
  async #readIndex(row: PackRow, key: DataKey): Promise<PackIndex> {
    let index: PackIndex | undefined;
    const found = await this.#vault.sites.get(packName(row.sha256), {
      sha256: row.sha256,
      check: (bytes) => {
        index = indexOf(bytes, row.packId, key);
      },
    });
    if (found === null || index === undefined) throw new DamagedError(`${packName(row.sha256)} is missing`);
    return index;
  }

  async #attempt(site: string, name: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#add(site, name, describe(error));
    }
  }

  #add(site: string, name: string, because: string): void {
    this.#violations.push({ site, name, because });
  }
}

async function readPack(site: VaultSite, row: PackRow): Promise<Uint8Array> {
  const bytes = await site.get(packName(row.sha256));
  if (bytes === null) throw new DamagedError(`${packName(row.sha256)} is missing`);
  if (bytes.length !== row.bytes) throw new DamagedError(`${packName(row.sha256)} has ${bytes.length} bytes, and the manifest says ${row.bytes}`);
  return bytes;
}

/** One object of a site against its own name, without a key. @throws DamagedError, MalformedError */
export function verifyObject(name: string, bytes: Uint8Array): void {
  const pack = /^packs\/[0-9a-f]{2}\/([0-9a-f]{64})$/.exec(name)?.[1];
  if (pack !== undefined) {
    if (sha256Hex(bytes) !== pack) throw new DamagedError(`${name} has other bytes than its name says`);
    return;
  }
  if (!name.startsWith('points/')) return;
  const { header } = decodeManifest(bytes, sha256);
  if (`points/${header.chain}/${header.point}` !== name) throw new DamagedError(`${name} is the manifest of ${header.chain}/${header.point}`);
}

// Verifies points: that everything they need is there and is what it should be, in each site by itself.
import { fromBase64, toHex } from '../core/vault/bytes.ts';
import { decodeReferences } from '../core/vault/chunk-reference.ts';
import { decodeManifest } from '../core/vault/manifest-layout.ts';
import { EntryDecoder } from '../core/vault/entry-codec.ts';
import { manifestName, packName } from '../core/vault/object-names.ts';
import type { ChunkReference, PackRow, PointName } from '../core/vault/recovery-point.ts';
import { DamagedError } from '../core/vault/vault-errors.ts';
import type { VaultSite } from '../ports/vault-site.ts';
import { openChunk, requireId, sha256, sha256Hex } from './chunk-crypto.ts';
import { deriveKeys, type DataKey } from './data-key.ts';
import { isSameChunk, openPack, verifyPack } from './pack-reader.ts';
import { openBody } from './point-reader.ts';
import { describe, SiteSet } from './site-set.ts';
import { Vault } from './vault.ts';

export type Violation = { readonly site: string; readonly name: string; readonly because: string };

export type Verified = { readonly packs: number; readonly chunks: number; readonly bytes: number; readonly violations: readonly Violation[] };

export type VerifyOptions = {
  /** null: hashes only. With the key every chunk is opened, its id computed, and every reference of the point compared with the packs' own indexes. */
  readonly key: DataKey | null;
  /** Packs that were verified in their site already (`site/sha256`), so that points that share them do not pay twice; added to. */
  readonly seen?: Set<string>;
  readonly onBytes?: (bytes: number) => void;
};

/** Reads all of a point in every site. Finds; repairs nothing. */
export async function verifyPoint(vault: Vault, name: PointName, options: VerifyOptions): Promise<Verified> {
  const seen = options.seen ?? new Set<string>();
  const violations: Violation[] = [];
  const total = { packs: 0, chunks: 0, bytes: 0 };
  for (const site of vault.sites.sites) {
    const alone = new Vault(vault.id, new SiteSet([site]));
    const attempt = async <T>(what: string, act: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await act();
      } catch (error) {
        violations.push({ site: site.name, name: what, because: describe(error) });
        return undefined;
      }
    };
    const manifest = await attempt(manifestName(name), async () => alone.readManifest(name));
    if (manifest === undefined) continue;
    const indexes = new Map<string, readonly ChunkReference[]>();
    for (const row of manifest.packs) {
      await attempt(packName(row.sha256), async () => {
        const isNew = !seen.has(`${site.name}/${row.sha256}`);
        if (!isNew && options.key === null) return;
        const { bytes, chunks } = await readPack(site, row, options.key, isNew);
        if (options.key !== null) indexes.set(row.packId.slice(0, 16), openPack(bytes, options.key).chunks);
        if (!isNew) return;
        seen.add(`${site.name}/${row.sha256}`);
        total.packs += 1;
        total.chunks += chunks;
        total.bytes += bytes.length;
        options.onBytes?.(bytes.length);
      });
    }
    const { key } = options;
    if (key !== null) await attempt(manifestName(name), async () => requireReferences(alone, manifest, key, indexes));
  }
  return { ...total, violations };
}

async function readPack(site: VaultSite, row: PackRow, key: DataKey | null, isNew: boolean): Promise<{ readonly bytes: Uint8Array; readonly chunks: number }> {
  const bytes = await site.get(packName(row.sha256));
  if (bytes === null) throw new DamagedError(`${packName(row.sha256)} is missing`);
  if (bytes.length !== row.bytes) throw new DamagedError(`${packName(row.sha256)} has ${bytes.length} bytes, and the manifest says ${row.bytes}`);
  return { bytes, chunks: isNew ? verifyPack(bytes, row.sha256, key) : 0 };
}

/** Every reference of the entries must be, word for word, a row of its pack's index: then whatever restores reads is what was verified. */
async function requireReferences(vault: Vault, manifest: Awaited<ReturnType<Vault['readManifest']>>, key: DataKey, indexes: ReadonlyMap<string, readonly ChunkReference[]>): Promise<void> {
  const body = openBody(manifest, key);
  const rows = new Map([...indexes].flatMap(([pack, chunks]) => chunks.map((chunk): [string, ChunkReference] => [`${pack}/${chunk.offset}`, chunk])));
  const require = (reference: ChunkReference) => {
    const row = rows.get(`${toHex(reference.pack)}/${reference.offset}`);
    if (row === undefined || !isSameChunk(row, reference)) throw new DamagedError(`a reference to ${toHex(reference.pack)}… at ${reference.offset} is not in that pack's index`);
  };
  const references = decodeReferences(fromBase64(body.entries.references));
  const decoder = new EntryDecoder();
  const keys = deriveKeys(key);
  let entries = 0;
  for (const reference of references) {
    require(reference);
    for (const entry of decoder.push(await readChunk(vault, manifest.packs, reference, keys))) {
      entries += 1;
      for (const extent of entry.extents) if (extent.kind === 'chunk') require(extent.reference);
    }
  }
  decoder.end();
  if (entries !== body.entries.count) throw new DamagedError(`it has ${entries} entries, and says ${body.entries.count}`);
}

async function readChunk(vault: Vault, packs: readonly PackRow[], reference: ChunkReference, keys: ReturnType<typeof deriveKeys>): Promise<Uint8Array> {
  const row = packs.find((each) => each.packId.startsWith(toHex(reference.pack)));
  if (row === undefined) throw new DamagedError(`pack ${toHex(reference.pack)}… is not in its table`);
  const packId = Buffer.from(row.packId, 'hex');
  const sealed = await vault.sites.get(packName(row.sha256), { offset: reference.offset, bytes: reference.storedBytes });
  if (sealed === null) throw new DamagedError(`${packName(row.sha256)} is missing`);
  const plain = openChunk(keys.packKey(packId), packId, reference, sealed);
  requireId(keys, reference, plain);
  return plain;
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

// Commits a point: its parts, whose packs are in a majority of the sites already, become one manifest there.
import { constants, zstdCompressSync } from 'node:zlib';
import { concat, fromBase64, fromHex, toBase64, toHex } from '../core/vault/bytes.ts';
import { addDigests } from '../core/vault/content-digest.ts';
import { encodeManifest, encodeManifestHead } from '../core/vault/manifest-layout.ts';
import { manifestName } from '../core/vault/object-names.ts';
import type { ContentDigest, PackRow, Part, PointBody, PointHeader, PointName } from '../core/vault/recovery-point.ts';
import { RefusedError } from '../core/errors.ts';
import { TooFewSitesError } from '../core/vault/vault-errors.ts';
import type { ObjectLock } from '../ports/vault-site.ts';
import { sealInto, sha256, sha256Hex } from './chunk-crypto.ts';
import { deriveKeys, type DataKey } from './data-key.ts';
import type { Random } from './pack-builder.ts';
import type { SiteSet } from './site-set.ts';

export type PointDraft = {
  readonly sites: SiteSet;
  /** Id of the vault. */
  readonly vault: string;
  readonly key: DataKey;
  readonly header: Omit<PointHeader, 'format' | 'vault' | 'key' | 'salt'>;
  readonly body: Omit<PointBody, 'entries' | 'packVersions' | 'digest'>;
  readonly parts: readonly Part[];
  /** The same draft with the same chance gives the same bytes: a commit that is repeated changes nothing. */
  readonly random: Random;
  readonly lock: ObjectLock | null;
};

export type Committed = { readonly name: PointName; readonly sha256: string; readonly entries: number; readonly bytes: number; readonly storedBytes: number; readonly digest: ContentDigest | null };

const bodyLevel = 3;
const zeroNonce = new Uint8Array(12);

/** @throws TooFewSitesError where a majority has not got it; RefusedError where another manifest has that name */
export async function commitPoint({ sites, vault, key, header, body, parts, random, lock }: PointDraft): Promise<Committed> {
  const salt = random(16);
  const entries = { count: total(parts, (p) => p.entries.count), bytes: total(parts, (p) => p.entries.bytes), references: toBase64(concat(parts.map((p) => fromBase64(p.entries.references)))) };
  const digest = parts.every((p) => p.digest !== null) ? parts.reduce<ContentDigest | null>((sum, p) => (sum === null ? p.digest : p.digest === null ? null : addDigests(sum, p.digest)), null) : null;
  const whole: PointBody = { ...body, entries, digest, packVersions: versionsOf(parts) };
  const head = encodeManifestHead({ format: 1, vault, ...header, key: key.keyId, salt: toHex(salt) }, packsOf(parts));
  const plain = zstdCompressSync(Buffer.from(JSON.stringify(whole)), { params: { [constants.ZSTD_c_compressionLevel]: bodyLevel } });
  const sealed = new Uint8Array(plain.length + 16);
  sealInto(deriveKeys(key).pointKey(salt), zeroNonce, sha256(head), plain, sealed, 0);
  const bytes = encodeManifest(head, sealed, sha256);
  const name = { chain: header.chain, point: header.point };
  const report = await sites.put(manifestName(name), bytes, { sha256: sha256Hex(bytes), lock });
  await requireSame(sites, name, bytes, report.stored, report.existed);
  return { name, sha256: toHex(bytes.subarray(bytes.length - 32)), entries: entries.count, bytes: entries.bytes, storedBytes: total(parts, (p) => p.storedBytes) + bytes.length, digest };
}

/** Where something had the name already it must be this very manifest, from a commit that was interrupted. */
async function requireSame(sites: SiteSet, name: PointName, bytes: Uint8Array, stored: readonly string[], existed: readonly string[]): Promise<void> {
  let others = 0;
  for (const site of sites.sites.filter((s) => existed.includes(s.name))) {
    const found = await site.get(manifestName(name));
    if (found === null || Buffer.compare(found, bytes) !== 0) others += 1;
  }
  if (others === 0) return;
  if (others === existed.length && existed.length === stored.length)
    throw new RefusedError(`There is another point named ${name.chain}/${name.point}. Nothing was overwritten; make the backup again, under a name of its own.`);
  if (stored.length - others < sites.majority)
    throw new TooFewSitesError(
      `${name.chain}/${name.point} is in ${stored.length - others} sites, and ${others} have another manifest of that name, or a damaged one: the point does not count. Make the backup again.`,
    );
}

function total(parts: readonly Part[], of: (part: Part) => number): number {
  return parts.reduce((sum, part) => sum + of(part), 0);
}

function packsOf(parts: readonly Part[]): PackRow[] {
  const packs = new Map<string, PackRow>();
  for (const row of parts.flatMap((part) => part.packs)) packs.set(row.packId, row);
  return [...packs.values()].map(({ packId, sha256: hash, bytes }) => ({ packId: toHex(fromHex(packId)), sha256: hash, bytes }));
}

function versionsOf(parts: readonly Part[]): Record<string, Record<string, string>> {
  const versions: Record<string, Record<string, string>> = {};
  for (const part of parts) for (const [site, packs] of Object.entries(part.packVersions)) versions[site] = { ...versions[site], ...packs };
  return versions;
}

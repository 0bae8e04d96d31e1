// Commits a point: its parts, whose packs are in a majority of the sites already, become one manifest there.
import { constants, zstdCompressSync } from 'node:zlib';
import { concat, fromBase64, fromHex, toBase64, toHex } from '../core/vault/bytes.ts';
import { addDigests } from '../core/vault/content-digest.ts';
import { encodeManifest, encodeManifestHead } from '../core/vault/manifest-layout.ts';
import { manifestName, parsePointName } from '../core/vault/object-names.ts';
import type { ContentDigest, PackRow, Part, PointBody, PointHeader, PointName } from '../core/vault/recovery-point.ts';
import { MalformedError, RefusedError } from '../core/errors.ts';
import { decodeReferences } from '../core/vault/chunk-reference.ts';
import { TooFewSitesError } from '../core/vault/vault-errors.ts';
import type { ObjectLock } from '../ports/vault-site.ts';
import { sealInto, sha256, sha256Hex } from './chunk-crypto.ts';
import { deriveKeys, type DataKey } from './data-key.ts';
import type { Random } from './pack-builder.ts';
import type { PutReport, SiteSet } from './site-set.ts';

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
  const name = { chain: header.chain, point: header.point };
  const named = parsePointName(manifestName(name));
  if (named?.source !== header.source || named.type !== header.type)
    throw new RefusedError(`A point named ${name.chain}/${name.point} cannot be a ${header.type} of '${header.source}': its name says otherwise. Nothing was written.`);
  const salt = random(16);
  const entries = { count: total(parts, (p) => p.entries.count), bytes: total(parts, (p) => p.entries.bytes), references: toBase64(concat(parts.map((p) => fromBase64(p.entries.references)))) };
  const digest = parts.every((p) => p.digest !== null) ? parts.reduce<ContentDigest | null>((sum, p) => (sum === null ? p.digest : p.digest === null ? null : addDigests(sum, p.digest)), null) : null;
  const whole: PointBody = { ...body, entries, digest, packVersions: versionsOf(parts) };
  const packs = packsOf(parts);
  requirePacks(packs, entries.references);
  const head = encodeManifestHead({ format: 1, vault, ...header, key: key.keyId, salt: toHex(salt) }, packs);
  const plain = zstdCompressSync(Buffer.from(JSON.stringify(whole)), { params: { [constants.ZSTD_c_compressionLevel]: bodyLevel } });
  const sealed = new Uint8Array(plain.length + 16);
  sealInto(deriveKeys(key).pointKey(salt), zeroNonce, sha256(head), plain, sealed, 0);
  const bytes = encodeManifest(head, sealed, sha256);
  await requireFree(sites, name, bytes);
  await requireSame(sites, name, bytes, await sites.put(manifestName(name), bytes, { sha256: sha256Hex(bytes), lock }));
  return { name, sha256: toHex(bytes.subarray(bytes.length - 32)), entries: entries.count, bytes: entries.bytes, storedBytes: total(parts, (p) => p.storedBytes) + bytes.length, digest };
}

/** Before anything is written: what has the name already must be this very manifest, of a commit that was interrupted. */
async function requireFree(sites: SiteSet, name: PointName, bytes: Uint8Array): Promise<void> {
  const others = (await sites.copies(manifestName(name))).filter((copy) => copy.bytes !== null && Buffer.compare(copy.bytes, bytes) !== 0);
  if (others.length === 0) return;
  const there = others.map((copy) => copy.site).join(', ');
  throw new RefusedError(`There is another manifest named ${name.chain}/${name.point} in ${there}. Nothing was written over it; make the backup again, under a name of its own.`);
}

/** Two that commit under one name at the same moment both find it free: it counts for whoever a majority has. */
async function requireSame(sites: SiteSet, name: PointName, bytes: Uint8Array, { stored, existed }: PutReport): Promise<void> {
  if (existed.length === 0) return;
  const same = (await sites.copies(manifestName(name))).filter((copy) => existed.includes(copy.site) && copy.bytes !== null && Buffer.compare(copy.bytes, bytes) === 0);
  const mine = stored.length - existed.length + same.length;
  if (mine < sites.majority)
    throw new TooFewSitesError(
      `${name.chain}/${name.point} is in ${mine} of ${sites.sites.length} sites; others have another manifest of that name, or a damaged one. Make the backup again, under a name of its own.`,
    );
}

function total(parts: readonly Part[], of: (part: Part) => number): number {
  return parts.reduce((sum, part) => sum + of(part), 0);
}

/** References name a pack by half its id: two alike, or one that the table lacks, would make a point that cannot be read. */
function requirePacks(packs: readonly PackRow[], references: string): void {
  const halves = new Set(packs.map((row) => row.packId.slice(0, 16)));
  if (halves.size !== packs.length) throw new MalformedError('Two packs of a point begin with the same 8 bytes, by chance. Nothing was written; make the backup again.');
  const missing = decodeReferences(fromBase64(references)).find((reference) => !halves.has(toHex(reference.pack)));
  if (missing !== undefined) throw new MalformedError(`The entries of a point are in pack ${toHex(missing.pack)}…, which none of its parts names. Nothing was written; make the backup again.`);
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

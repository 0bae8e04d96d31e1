// The air gap: points with all that they need are copied to another place, a disk for a safe, and from there into a vault's sites again. Every object is
// verified while it is copied; no key is needed, and none leaves but wrapped.
import { keysPrefix, manifestName, packName, vaultFileName } from '../core/vault/object-names.ts';
import type { PointName } from '../core/vault/recovery-point.ts';
import { DamagedError } from '../core/vault/vault-errors.ts';
import { MalformedError, RefusedError } from '../core/errors.ts';
import type { VaultSite } from '../ports/vault-site.ts';
import { sha256Hex } from '../vault/chunk-crypto.ts';
import { SiteSet } from '../vault/site-set.ts';
import { openVault, parseKeyFile, parseVaultFile, Vault } from '../vault/vault.ts';
import { verifyObject } from '../vault/verify.ts';

export type Copied = { readonly points: number; readonly objects: number; readonly bytes: number /** They were there already, and are the same. */; readonly skipped: number };

export type CopyOptions = { readonly onBytes?: (bytes: number) => void };

/**
 * Copies points, their parents, packs and key files. Stopped and run again, it goes on: what is there is read and compared, not copied.
 * @throws RefusedError where the target is another vault's, DamagedError where no site has a good copy of something, or the target has other bytes
 */
export async function exportPoints(vault: Vault, names: readonly PointName[], to: VaultSite, options: CopyOptions = {}): Promise<Copied> {
  const total = { objects: 0, bytes: 0, skipped: 0 };
  await requireSameVault(vault.id, to);
  const copy = async (name: string): Promise<void> => {
    const bytes = await vault.sites.get(name, { check: (found) => requireGood(vault.id, name, found) });
    if (bytes === null) throw new DamagedError(`${name} is in no site: the export would not be whole. Export other points, or repair first.`);
    if ((await store(to, name, bytes)) === 'exists') total.skipped += 1;
    else options.onBytes?.(bytes.length);
    total.objects += 1;
    total.bytes += bytes.length;
  };
  await copy(vaultFileName);
  const points = await withParents(vault, names);
  const keys = new Set<string>();
  for (const name of points) {
    const { header, packs } = await vault.readManifest(name);
    if (!keys.has(header.key)) for await (const { name: file } of vault.sites.list(`${keysPrefix}${header.key}/`)) await copy(file);
    keys.add(header.key);
    for (const row of packs) await copy(packName(row.sha256));
    // Last, as a backup does it: whatever is interrupted leaves no point that is not whole.
    await copy(manifestName(name));
  }
  return { points: points.length, ...total };
}

/** Copies all of an exported place into the sites, a majority having to take each object. @throws RefusedError where the sites are another vault's */
export async function importVault(from: VaultSite, sites: SiteSet, options: CopyOptions = {}): Promise<Copied> {
  const source = await openVault(new SiteSet([from]));
  const total = { points: 0, objects: 0, bytes: 0, skipped: 0 };
  for (const site of sites.sites) await requireSameVault(source.id, site);
  const copy = async (name: string): Promise<void> => {
    const bytes = await from.get(name);
    if (bytes === null) throw new DamagedError(`${name} was listed in ${from.name} and cannot be read.`);
    requireGood(source.id, name, bytes);
    const report = await sites.put(name, bytes, { sha256: sha256Hex(bytes), lock: null });
    if (report.existed.length === report.stored.length) total.skipped += 1;
    total.objects += 1;
    total.bytes += bytes.length;
    options.onBytes?.(bytes.length);
  };
  await copy(vaultFileName);
  // Manifests last: a point is there only once all that it needs is.
  for (const prefix of [keysPrefix, 'packs/']) for await (const { name } of from.list(prefix)) await copy(name);
  for await (const { name } of from.list('points/')) {
    await copy(name);
    total.points += 1;
  }
  return total;
}

/** A point is restorable only with the whole line above it. Parents first. */
async function withParents(vault: Vault, names: readonly PointName[]): Promise<readonly PointName[]> {
  const lines: PointName[] = [];
  const seen = new Set<string>();
  for (const name of names) {
    const line: PointName[] = [];
    for (let at: PointName | null = name; at !== null && !seen.has(at.point); ) {
      seen.add(at.point);
      line.unshift(at);
      const { header } = await vault.readManifest(at);
      at = header.parent === null ? null : { chain: header.chain, point: header.parent.point };
    }
    lines.push(...line);
  }
  return lines;
}

function requireGood(vault: string, name: string, bytes: Uint8Array): void {
  if (name === vaultFileName) {
    if (parseVaultFile(bytes) !== vault) throw new MalformedError(`${name} names another vault`);
    return;
  }
  if (name.startsWith(keysPrefix) && parseKeyFile(bytes, vault, name) === null) throw new DamagedError(`${name} is no key file of this vault`);
  verifyObject(name, bytes);
}

async function requireSameVault(vault: string, site: VaultSite): Promise<void> {
  const bytes = await site.get(vaultFileName);
  if (bytes === null) return;
  const there = parseVaultFile(bytes);
  if (there !== vault) throw new RefusedError(`${site.name} holds vault ${there}, and this is vault ${vault}. Nothing was copied; choose an empty place.`);
}

async function store(to: VaultSite, name: string, bytes: Uint8Array): Promise<'stored' | 'exists'> {
  const { kind } = await to.put(name, bytes, { sha256: sha256Hex(bytes), lock: null });
  if (kind === 'stored') return kind;
  const there = await to.get(name);
  if (there === null || sha256Hex(there) !== sha256Hex(bytes))
    throw new DamagedError(`${name} is in ${to.name} already, with other bytes. Nothing was overwritten; export into an empty place, or look at what happened to this one.`);
  return 'exists';
}

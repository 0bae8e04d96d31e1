// A vault: its id, its data keys, its points.
import { keyName, keysPrefix, manifestName, parsePointName, pointsPrefix, vaultFileName } from '../core/vault/object-names.ts';
import { toHex } from '../core/vault/bytes.ts';
import { decodeManifest, type DecodedManifest } from '../core/vault/manifest-layout.ts';
import type { PointName, PointType } from '../core/vault/recovery-point.ts';
import { DamagedError, KeyUnavailableError, TooFewSitesError } from '../core/vault/vault-errors.ts';
import { MalformedError, RefusedError } from '../core/errors.ts';
import type { KeyWrap, Wrap } from '../ports/key-wrap.ts';
import type { ObjectLock } from '../ports/vault-site.ts';
import { sha256, sha256Hex } from './chunk-crypto.ts';
import type { DataKey } from './data-key.ts';
import type { Random } from './pack-builder.ts';
import { describe, type SiteSet } from './site-set.ts';

export type PointSummary = PointName & {
  readonly source: string;
  readonly type: PointType;
  readonly atMs: number;
  /** Those that have its manifest. */
  readonly sites: readonly string[];
  /** A majority has it. */
  readonly isCommitted: boolean;
};

export type Manifest = DecodedManifest & { readonly bytes: number };

export type KeyFile = { readonly format: 1; readonly vault: string; readonly key: string; readonly generation: number; readonly wrappedAtMs: number; readonly wraps: readonly Wrap[] };

/** Makes the sites a vault. Sites that are one already are refused; what an interrupted call left behind is completed. @throws RefusedError, TooFewSitesError */
export async function createVault(sites: SiteSet, random: Random): Promise<Vault> {
  const { ids, unreadable } = await vaultIds(sites);
  const [begun] = ids;
  if ((begun !== undefined && begun.sites.length >= sites.majority) || ids.length > 1 || unreadable.length > 0)
    throw new RefusedError(`There is a vault already (${[...ids.map(idText), ...unreadable].join('; ')}). Nothing was changed; open it, or choose another place.`);
  const id = begun?.id ?? toHex(random(16));
  const bytes = Buffer.from(JSON.stringify({ format: 1, vault: id }));
  await sites.put(vaultFileName, bytes, { sha256: sha256Hex(bytes), lock: null });
  return openVault(sites);
}

/** A site that is damaged, or says that it belongs to another vault, is outvoted. @throws RefusedError where there is none, MalformedError where the sites belong to different vaults */
export async function openVault(sites: SiteSet): Promise<Vault> {
  const { ids, unreadable } = await vaultIds(sites);
  const [first, second] = ids;
  if (first === undefined) {
    const places = sites.sites.map((s) => s.name).join(', ');
    if (unreadable.length > 0) throw new MalformedError(`There is something else than a vault of format 1 in ${places} (${unreadable.join('; ')}). Nothing was read or written.`);
    throw new RefusedError(`There is no vault in ${places}, or none of them answers: 'holdfast vault init' makes one.`);
  }
  if (second !== undefined && first.sites.length < sites.majority)
    throw new MalformedError(`The sites belong to different vaults (${ids.map(idText).join('; ')}). Nothing was read or written; name the sites of one vault.`);
  return new Vault(first.id, sites);
}

type VaultId = { readonly id: string; readonly sites: readonly string[] };

function idText({ id, sites }: VaultId): string {
  return `${id} in ${sites.join(', ')}`;
}

/** Which vault the sites say they are, the one that most of them say first. */
async function vaultIds(sites: SiteSet): Promise<{ readonly ids: readonly VaultId[]; readonly unreadable: readonly string[] }> {
  const ids = new Map<string, string[]>();
  const unreadable: string[] = [];
  for (const { site, bytes } of await sites.copies(vaultFileName)) {
    if (bytes === null) continue;
    try {
      const id = parseVaultFile(bytes);
      ids.set(id, [...(ids.get(id) ?? []), site]);
    } catch (error) {
      unreadable.push(`${site}: ${describe(error)}`);
    }
  }
  return { ids: [...ids].map(([id, names]) => ({ id, sites: names })).sort((a, b) => b.sites.length - a.sites.length), unreadable };
}

/** Which vault it says this is. @throws MalformedError */
export function parseVaultFile(bytes: Uint8Array): string {
  const value = parseJson(bytes);
  if (isRecord(value) && value['format'] !== 1) throw new MalformedError(`The vault is of format ${JSON.stringify(value['format'])}; this version reads format 1.`);
  const id = isRecord(value) ? value['vault'] : undefined;
  if (typeof id !== 'string' || !/^[0-9a-f]{32}$/.test(id)) throw new MalformedError(`${vaultFileName} is not what a vault has: it was altered.`);
  return id;
}

export class Vault {
  readonly id: string;
  readonly sites: SiteSet;

  constructor(id: string, sites: SiteSet) {
    this.id = id;
    this.sites = sites;
  }

  /** A fresh data key, wrapped and stored before it is given out. @throws KeyUnavailableError, TooFewSitesError */
  async newKey(wrap: KeyWrap, nowMs: number, random: Random, lock: ObjectLock | null): Promise<DataKey> {
    const key = { keyId: toHex(random(8)), bytes: random(32) };
    await this.#writeKeyFile(key.keyId, 1, await wrap.wrap(this.id, key.keyId, key.bytes), nowMs, lock);
    return key;
  }

  /** Tries every wrap of every generation in every site, the newest first: one that is damaged, or whose KMS does not answer, stands in no other's way. @throws KeyUnavailableError */
  async openKey(keyId: string, wrap: KeyWrap): Promise<DataKey> {
    const files = await this.#keyCopies(keyId);
    const why = new Set<string>();
    for (const file of files.toReversed()) {
      for (const each of file.wraps) {
        const bytes = await wrap.unwrap(this.id, keyId, each).catch((error: unknown) => void why.add(describe(error)));
        if (bytes !== null && bytes !== undefined) return { keyId, bytes };
      }
    }
    if (files.length === 0) throw new KeyUnavailableError(`The vault has no key ${keyId} that can be read.`);
    const kinds = [...new Set(files.flatMap((f) => f.wraps.map((w) => String(w['kind']))))].join(', ');
    const reasons = why.size === 0 ? '' : ` (${[...why].join('; ')})`;
    throw new KeyUnavailableError(`Key ${keyId} does not open with the ${wrap.kind} given: it is wrapped by ${kinds}${reasons}. Nothing was read.`);
  }

  /** The next generation of wraps; nothing that was encrypted changes. @returns its number */
  async rewrapKey(keyId: string, wrap: KeyWrap, newWrap: KeyWrap, nowMs: number, lock: ObjectLock | null): Promise<number> {
    const key = await this.openKey(keyId, wrap);
    const generation = ((await this.keyFiles(keyId)).at(-1)?.generation ?? 0) + 1;
    await this.#writeKeyFile(keyId, generation, await newWrap.wrap(this.id, keyId, key.bytes), nowMs, lock);
    return generation;
  }

  /** Ascending by generation, the first readable copy of each. */
  async keyFiles(keyId: string): Promise<KeyFile[]> {
    const files = new Map<number, KeyFile>();
    for (const file of await this.#keyCopies(keyId)) if (!files.has(file.generation)) files.set(file.generation, file);
    return [...files.values()];
  }

  /** Every readable copy that differs, ascending by generation. */
  async #keyCopies(keyId: string): Promise<KeyFile[]> {
    const files: KeyFile[] = [];
    for await (const object of this.sites.list(`${keysPrefix}${keyId}/`)) {
      const seen = new Set<string>();
      for (const { bytes } of await this.sites.copies(object.name)) {
        const text = bytes === null ? null : Buffer.from(bytes).toString('latin1');
        if (bytes === null || text === null || seen.has(text)) continue;
        seen.add(text);
        const file = parseKeyFile(bytes, this.id, object.name);
        if (file !== null) files.push(file);
      }
    }
    return files.sort((a, b) => a.generation - b.generation);
  }

  /** Ids of the keys that there are. */
  async keyIds(): Promise<string[]> {
    const ids = new Set<string>();
    for await (const object of this.sites.list(keysPrefix)) ids.add(object.name.split('/')[1] ?? '');
    return [...ids];
  }

  /** From names alone, oldest first. */
  async listPoints(filter: { readonly source?: string; readonly chain?: string } = {}): Promise<PointSummary[]> {
    const points: PointSummary[] = [];
    const prefix = filter.chain === undefined ? (filter.source === undefined ? pointsPrefix : `${pointsPrefix}${filter.source}.`) : `${pointsPrefix}${filter.chain}/`;
    for await (const object of this.sites.list(prefix)) {
      const parsed = parsePointName(object.name);
      if (parsed === undefined || (filter.source !== undefined && parsed.source !== filter.source)) continue;
      points.push({ ...parsed, sites: object.sites, isCommitted: object.sites.length >= this.sites.majority });
    }
    return points.sort((a, b) => a.atMs - b.atMs || (a.point < b.point ? -1 : 1));
  }

  /** Needs no key. A copy that is damaged, that is another point's, or that `check` refuses by throwing, is passed over. @throws RefusedError where no site has it, DamagedError */
  async readManifest(name: PointName, check?: (manifest: Manifest) => void): Promise<Manifest> {
    let manifest: Manifest | undefined;
    const decode = (bytes: Uint8Array) => {
      manifest = { ...this.#decode(bytes, name), bytes: bytes.length };
      check?.(manifest);
    };
    const bytes = await this.sites.get(manifestName(name), { check: decode });
    if (bytes === null || manifest === undefined) throw new RefusedError(`There is no point ${name.chain}/${name.point} in any site that answers. 'points' lists those that there are.`);
    return manifest;
  }

  #decode(bytes: Uint8Array, name: PointName): DecodedManifest {
    const manifest = decodeManifest(bytes, sha256);
    const { header } = manifest;
    const named = parsePointName(manifestName(name));
    if (header.vault !== this.id || header.chain !== name.chain || header.point !== name.point || header.type !== named?.type || header.source !== named.source)
      throw new DamagedError(`Under the name ${name.chain}/${name.point} lies the manifest of ${header.chain}/${header.point} of vault ${header.vault}: somebody put it there.`);
    return manifest;
  }

  async #writeKeyFile(keyId: string, generation: number, wraps: readonly Wrap[], nowMs: number, lock: ObjectLock | null): Promise<void> {
    if (wraps.length === 0) throw new KeyUnavailableError(`Nothing wrapped the data key ${keyId}: what is encrypted with it could never be read. It was not stored.`);
    const file: KeyFile = { format: 1, vault: this.id, key: keyId, generation, wrappedAtMs: nowMs, wraps };
    const bytes = Buffer.from(JSON.stringify(file));
    const name = keyName(keyId, generation);
    const { stored, existed } = await this.sites.put(name, bytes, { sha256: sha256Hex(bytes), lock });
    if (existed.length === 0) return;
    const others = (await this.sites.copies(name)).filter((copy) => existed.includes(copy.site) && (copy.bytes === null || Buffer.compare(copy.bytes, bytes) !== 0));
    if (stored.length - others.length < this.sites.majority)
      throw new TooFewSitesError(
        `Somebody else wrapped key ${keyId} anew at the same moment: ${others.map((o) => o.site).join(', ')} have that generation ${generation}. This wrap does not count; wrap again.`,
      );
  }
}

/** null: not a file of the format, or not the one of that name in this vault. */
export function parseKeyFile(bytes: Uint8Array, vault: string, name: string): KeyFile | null {
  const value = parseJson(bytes);
  return isKeyFile(value) && value.vault === vault && /^[0-9a-f]{16}$/.test(value.key) && keyName(value.key, value.generation) === name ? value : null;
}

function isKeyFile(value: unknown): value is KeyFile {
  return (
    isRecord(value) &&
    value['format'] === 1 &&
    typeof value['vault'] === 'string' &&
    typeof value['key'] === 'string' &&
    Number.isSafeInteger(value['generation']) &&
    Array.isArray(value['wraps']) &&
    value['wraps'].every(isRecord)
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

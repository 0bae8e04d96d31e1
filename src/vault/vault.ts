// A vault: its id, its data keys, its points.
import { keyName, keysPrefix, manifestName, parsePointName, pointsPrefix, vaultFileName } from '../core/vault/object-names.ts';
import { toHex } from '../core/vault/bytes.ts';
import { decodeManifest, type DecodedManifest } from '../core/vault/manifest-layout.ts';
import type { PointName, PointType } from '../core/vault/recovery-point.ts';
import { DamagedError, KeyUnavailableError } from '../core/vault/vault-errors.ts';
import { MalformedError, RefusedError } from '../core/errors.ts';
import type { KeyWrap, Wrap } from '../ports/key-wrap.ts';
import type { ObjectLock } from '../ports/vault-site.ts';
import { sha256, sha256Hex } from './chunk-crypto.ts';
import type { DataKey } from './data-key.ts';
import type { Random } from './pack-builder.ts';
import type { SiteSet } from './site-set.ts';

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

/** Makes the sites a vault; sites that are one already are refused. @throws RefusedError, TooFewSitesError */
export async function createVault(sites: SiteSet, random: Random): Promise<Vault> {
  const there = await sites.get(vaultFileName);
  if (there !== null)
    throw new RefusedError(`There is a vault already (${parseVaultFile(there)}) in ${sites.sites.map((s) => s.name).join(', ')}. Nothing was changed; open it, or choose another place.`);
  const id = toHex(random(16));
  const bytes = Buffer.from(JSON.stringify({ format: 1, vault: id }));
  await sites.put(vaultFileName, bytes, { sha256: sha256Hex(bytes), lock: null });
  return openVault(sites);
}

/** @throws RefusedError where there is none, MalformedError where the sites belong to different vaults */
export async function openVault(sites: SiteSet): Promise<Vault> {
  const ids = new Map<string, string[]>();
  for (const site of sites.sites) {
    const id = await site.get(vaultFileName).then(
      (bytes) => (bytes === null ? undefined : parseVaultFile(bytes)),
      () => undefined,
    );
    if (id !== undefined) ids.set(id, [...(ids.get(id) ?? []), site.name]);
  }
  const [first, ...others] = [...ids];
  if (first === undefined) throw new RefusedError(`There is no vault in ${sites.sites.map((s) => s.name).join(', ')}, or none of them answers: 'holdfast vault init' makes one.`);
  if (others.length > 0)
    throw new MalformedError(
      `The sites belong to different vaults (${[...ids].map(([id, names]) => `${id}: ${names.join(', ')}`).join('; ')}). Nothing was read or written; name the sites of one vault.`,
    );
  return new Vault(first[0], sites);
}

function parseVaultFile(bytes: Uint8Array): string {
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

  /** Tries every generation, the newest first. @throws KeyUnavailableError */
  async openKey(keyId: string, wrap: KeyWrap): Promise<DataKey> {
    const files = await this.keyFiles(keyId);
    for (const file of files.toReversed()) {
      for (const each of file.wraps) {
        const bytes = await wrap.unwrap(this.id, keyId, each);
        if (bytes !== null) return { keyId, bytes };
      }
    }
    const kinds = [...new Set(files.flatMap((f) => f.wraps.map((w) => String(w['kind']))))].join(', ');
    throw new KeyUnavailableError(files.length === 0 ? `The vault has no key ${keyId}.` : `Key ${keyId} does not open with the ${wrap.kind} given: it is wrapped by ${kinds}. Nothing was read.`);
  }

  /** The next generation of wraps; nothing that was encrypted changes. @returns its number */
  async rewrapKey(keyId: string, wrap: KeyWrap, newWrap: KeyWrap, nowMs: number, lock: ObjectLock | null): Promise<number> {
    const key = await this.openKey(keyId, wrap);
    const generation = ((await this.keyFiles(keyId)).at(-1)?.generation ?? 0) + 1;
    await this.#writeKeyFile(keyId, generation, await newWrap.wrap(this.id, keyId, key.bytes), nowMs, lock);
    return generation;
  }

  /** Ascending by generation. */
  async keyFiles(keyId: string): Promise<KeyFile[]> {
    const files: KeyFile[] = [];
    for await (const object of this.sites.list(`${keysPrefix}${keyId}/`)) {
      const bytes = await this.sites.get(object.name, { check: (b) => void parseKeyFile(b, this.id, keyId) });
      if (bytes !== null) files.push(parseKeyFile(bytes, this.id, keyId));
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

  /** Needs no key. A copy that is damaged, or that is another point's, is passed over. @throws RefusedError where no site has it, DamagedError */
  async readManifest(name: PointName): Promise<Manifest> {
    const bytes = await this.sites.get(manifestName(name), { check: (b) => void this.#decode(b, name) });
    if (bytes === null) throw new RefusedError(`There is no point ${name.chain}/${name.point} in any site that answers. 'points' lists those that there are.`);
    return { ...this.#decode(bytes, name), bytes: bytes.length };
  }

  #decode(bytes: Uint8Array, name: PointName): DecodedManifest {
    const manifest = decodeManifest(bytes, sha256);
    const { header } = manifest;
    if (header.vault !== this.id || header.chain !== name.chain || header.point !== name.point)
      throw new DamagedError(`Under the name ${name.chain}/${name.point} lies the manifest of ${header.chain}/${header.point} of vault ${header.vault}: somebody put it there.`);
    return manifest;
  }

  async #writeKeyFile(keyId: string, generation: number, wraps: readonly Wrap[], nowMs: number, lock: ObjectLock | null): Promise<void> {
    const file: KeyFile = { format: 1, vault: this.id, key: keyId, generation, wrappedAtMs: nowMs, wraps };
    const bytes = Buffer.from(JSON.stringify(file));
    await this.sites.put(keyName(keyId, generation), bytes, { sha256: sha256Hex(bytes), lock });
  }
}

function parseKeyFile(bytes: Uint8Array, vault: string, keyId: string): KeyFile {
  const value = parseJson(bytes);
  if (!isKeyFile(value) || value.vault !== vault || value.key !== keyId) throw new DamagedError(`A file of key ${keyId} is not what the format says, or of another vault or key.`);
  return value;
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

// A small vault for tests: seeded chance, three sites in memory, points of a few entries, and reading all of it back.
import { createHash } from 'node:crypto';
import { newChain, newPoint } from '../../src/core/vault/object-names.ts';
import type { PointHeader, PointName, PointType } from '../../src/core/vault/recovery-point.ts';
import { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import type { ObjectLock, VaultSite } from '../../src/ports/vault-site.ts';
import type { DataKey } from '../../src/vault/data-key.ts';
import { PartWriter, type FindChunk } from '../../src/vault/part-writer.ts';
import { PassphraseWrap } from '../../src/vault/passphrase-wrap.ts';
import { openPoint } from '../../src/vault/point-reader.ts';
import { commitPoint } from '../../src/vault/point-writer.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import type { Vault } from '../../src/vault/vault.ts';

export type Random = (bytes: number) => Uint8Array;

/** As cheap as scrypt gets: what it costs is not what is tested here. */
export const cheapWrap = new PassphraseWrap('correct horse', { n: 2, r: 1, p: 1 });
export const atMs = Date.UTC(2026, 0, 1);

/** Bytes that never come twice, the same for the same text. */
export function randomFrom(text: string): Random {
  let drawn = 0;
  return (bytes) => {
    drawn += 1;
    return new Uint8Array(createHash('shake256', { outputLength: bytes }).update(`${text} ${drawn}`).digest());
  };
}

/** Whole numbers below a limit, out of such bytes. */
export function below(random: Random, limit: number): number {
  return Buffer.from(random(6)).readUIntBE(0, 6) % limit;
}

export function memorySites(names: readonly string[] = ['a', 'b', 'c'], nowMs: () => number = () => atMs): MemorySite[] {
  return names.map((name) => new MemorySite(name, nowMs));
}

export type Contents = Readonly<Record<string, Uint8Array>>;

export async function* pieces(bytes: Uint8Array, pieceBytes: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

export type Backup = {
  readonly sites: SiteSet;
  readonly vault: Vault;
  readonly key: DataKey;
  readonly random: Random;
  readonly contents: Contents;
  readonly chain?: string;
  readonly point?: string;
  readonly type?: PointType;
  readonly parent?: PointHeader['parent'];
  readonly chunkBytes?: number;
  readonly pieceBytes?: number;
  readonly known?: FindChunk;
  readonly createdAtMs?: number;
  readonly class?: PointHeader['class'];
  readonly lock?: ObjectLock | null;
};

export async function backUp(backup: Backup): Promise<PointName & { readonly sha256: string }> {
  const { sites, vault, key, random, contents, known, type = 'full', parent = null, chunkBytes = 1024, pieceBytes = 700, createdAtMs = atMs, lock = null } = backup;
  const writer = new PartWriter({ sites, key, lock, packBytes: 64 * 1024, zstdLevel: 1, chunkBytes, random, ...(known === undefined ? {} : { known }) });
  for (const [n, content] of Object.entries(contents)) await writer.add({ meta: { n }, content: pieces(content, pieceBytes) });
  const chain = backup.chain ?? newChain('test', createdAtMs, Buffer.from(random(4)).toString('hex'));
  const point = backup.point ?? newPoint(createdAtMs, type, Buffer.from(random(8)).toString('hex'));
  const header = { chain, point, source: 'test', type, parent, createdAtMs, class: backup.class ?? ('hourly' as const), lockedUntilMs: lock?.untilMs ?? null };
  const { sha256 } = await commitPoint({ sites, vault: vault.id, key, header, body: { source: { kind: 'test' }, fromMs: 1, throughMs: 1 }, parts: [await writer.finish(null)], random, lock });
  return { chain, point, sha256 };
}

export async function readBack(vault: Vault, name: PointName, key: DataKey): Promise<Contents> {
  const point = await openPoint(vault, name, key);
  const contents: Record<string, Uint8Array> = {};
  for await (const entry of point.entries()) {
    const parts: Uint8Array[] = [];
    for await (const part of point.content(entry)) parts.push(part.slice());
    contents[String(entry.meta.n)] = Buffer.concat(parts);
  }
  return contents;
}

/** Contents as text that a failing test can show. */
export function shown(contents: Contents): Record<string, string> {
  return Object.fromEntries(Object.entries(contents).map(([name, bytes]) => [name, `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`]));
}

export type Objects = ReadonlyMap<string, Uint8Array>;

export async function objectsOf(site: VaultSite): Promise<Map<string, Uint8Array>> {
  const objects = new Map<string, Uint8Array>();
  for await (const { name } of site.list('')) objects.set(name, (await site.get(name)) ?? new Uint8Array(0));
  return objects;
}

/** A site that holds just these, whatever they are. */
export async function siteOf(name: string, objects: Objects): Promise<MemorySite> {
  const site = new MemorySite(name);
  for (const [object, bytes] of objects) await site.put(object, bytes, { sha256: createHash('sha256').update(bytes).digest('hex'), lock: null });
  return site;
}

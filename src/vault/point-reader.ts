// Reads a point: its entries, and the bytes of each. Every chunk is opened before anything of it is given out; a copy that does not open is
// passed over for another site's.
import { zstdDecompressSync } from 'node:zlib';
import { fromBase64, fromHex, toHex } from '../core/vault/bytes.ts';
import { decodeReferences } from '../core/vault/chunk-reference.ts';
import { EntryDecoder } from '../core/vault/entry-codec.ts';
import { packName } from '../core/vault/object-names.ts';
import type { ChunkReference, Entry, PackRow, PointBody, PointHeader, PointName } from '../core/vault/recovery-point.ts';
import { DamagedError, KeyUnavailableError } from '../core/vault/vault-errors.ts';
import { MalformedError } from '../core/errors.ts';
import { openChunk, requireId, sha256, unseal } from './chunk-crypto.ts';
import { deriveKeys, type DataKey, type DerivedKeys } from './data-key.ts';
import type { FindChunk } from './part-writer.ts';
import type { Manifest, Vault } from './vault.ts';

/** Chunks that lie near one another in a pack are read by one request of at most so much. */
const rangeBytesMax = 8 * 1024 * 1024;
const gapBytesMax = 256 * 1024;
/** What a run may become when it is decompressed. */
const runRawBytesMax = 16 * 1024 * 1024;
/** Opened chunks that are kept, for small contents that share one. */
const cacheBytesMax = 32 * 1024 * 1024;
const holePieceBytes = 1024 * 1024;
const bodyBytesMax = 1024 * 1024 * 1024;

/** @throws KeyUnavailableError where the key is another one, DamagedError where no copy of the manifest is good */
export async function openPoint(vault: Vault, name: PointName, key: DataKey): Promise<OpenPoint> {
  let body: PointBody | undefined;
  // A copy that is whole and does not open was written by somebody without the key: another site's may be right.
  const manifest = await vault.readManifest(name, (copy) => {
    body = openBody(copy, key);
  });
  return new OpenPoint(vault, manifest, body ?? openBody(manifest, key), key);
}

export function openBody(manifest: Manifest, key: DataKey): PointBody {
  const { header, head, sealedBody } = manifest;
  if (header.key !== key.keyId) throw new KeyUnavailableError(`Point ${header.point} wants key ${header.key}, and key ${key.keyId} was given.`);
  const plain = unseal(deriveKeys(key).pointKey(fromHex(header.salt)), new Uint8Array(12), sha256(head), sealedBody);
  if (plain === null)
    throw new DamagedError(`The manifest of ${header.chain}/${header.point} is whole, but does not open with key ${key.keyId}: somebody without the key wrote it, or the key is wrong.`);
  const body = parseBody(plain);
  if (!isBody(body)) throw new MalformedError(`The body of ${header.chain}/${header.point} opens, and has not the fields of format 1 (docs/vault-format.md, 'Manifest'): its writer was broken.`);
  return body;
}

function parseBody(frame: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(zstdDecompressSync(frame, { maxOutputLength: bodyBytesMax })));
  } catch {
    return undefined;
  }
}

function isBody(value: unknown): value is PointBody {
  if (!isRecord(value)) return false;
  const { entries, source, digest, fromMs, throughMs, packVersions } = value;
  const isDigest = digest === null || (isRecord(digest) && isCount(digest['items']) && isCount(digest['bytes']) && typeof digest['sum'] === 'string' && /^[0-9a-f]{64}$/.test(digest['sum']));
  const isEntries = isRecord(entries) && isCount(entries['count']) && isCount(entries['bytes']) && typeof entries['references'] === 'string';
  return isEntries && isDigest && isRecord(source) && typeof source['kind'] === 'string' && isCount(fromMs) && isCount(throughMs) && isRecord(packVersions);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Chunks that are being read. */
type Run = { readonly to: number; readonly opened: Promise<Uint8Array[]> };

export class OpenPoint {
  readonly header: PointHeader;
  readonly body: PointBody;
  readonly packs: readonly PackRow[];
  readonly sha256: string;
  readonly #vault: Vault;
  readonly #keys: DerivedKeys;
  readonly #rows: ReadonlyMap<string, PackRow>;
  readonly #packKeys = new Map<string, Uint8Array>();
  readonly #cache = new Map<string, Uint8Array>();
  #cacheBytes = 0;

  constructor(vault: Vault, manifest: Manifest, body: PointBody, key: DataKey) {
    this.#vault = vault;
    this.header = manifest.header;
    this.body = body;
    this.packs = manifest.packs;
    this.sha256 = manifest.sha256;
    this.#keys = deriveKeys(key);
    this.#rows = new Map(manifest.packs.map((row) => [row.packId.slice(0, 16), row]));
  }

  async *entries(): AsyncIterable<Entry> {
    const decoder = new EntryDecoder();
    let [count, length] = [0, 0];
    for await (const bytes of this.#chunks(decodeReferences(fromBase64(this.body.entries.references)))) {
      length += bytes.length;
      for (const entry of decoder.push(bytes)) {
        count += 1;
        yield entry;
      }
    }
    decoder.end();
    const said = this.body.entries;
    if (count !== said.count || length !== said.bytes)
      throw new DamagedError(`${this.header.point} has ${count} entries in ${length} bytes, and says ${said.count} in ${said.bytes}: its writer was broken.`);
  }

  /** The entry's bytes, in pieces that are views: not to be changed, and to be copied by whoever keeps them. */
  async *content(entry: Pick<Entry, 'extents'>): AsyncIterable<Uint8Array> {
    const chunks = this.#chunks(entry.extents.flatMap((extent) => (extent.kind === 'chunk' ? [extent.reference] : [])))[Symbol.asyncIterator]();
    for (const extent of entry.extents) {
      if (extent.kind === 'hole') {
        for (let left = extent.bytes; left > 0; left -= holePieceBytes) yield new Uint8Array(Math.min(left, holePieceBytes));
        continue;
      }
      const { value, done } = await chunks.next();
      if (done === true) throw new DamagedError(`${this.header.point}: a chunk is missing.`);
      yield value.subarray(extent.offset, extent.offset + extent.bytes);
    }
  }

  /**
   * Every chunk that this point needs, by id: what a next point of the chain need not store again. The tag of what is found is that of an extent,
   * not of the whole chunk. Held in memory: for points of up to some million chunks.
   */
  async dedupIndex(): Promise<FindChunk> {
    const known = new Map<string, ChunkReference>();
    for (const reference of decodeReferences(fromBase64(this.body.entries.references))) known.set(toHex(reference.id), reference);
    for await (const { extents } of this.entries()) for (const extent of extents) if (extent.kind === 'chunk') known.set(toHex(extent.reference.id), extent.reference);
    return (id) => {
      const reference = known.get(toHex(id));
      const pack = reference === undefined ? undefined : this.#rows.get(toHex(reference.pack));
      return reference === undefined || pack === undefined ? undefined : { reference, pack };
    };
  }

  /** In the order of the references; those that follow one another in a pack come by one request, and the next request is under way while a run is used. */
  async *#chunks(references: readonly ChunkReference[]): AsyncIterable<Uint8Array> {
    let ahead: Run | null = null;
    for (let from = 0; from < references.length; ) {
      const first = references[from];
      if (first === undefined) return;
      const cached = this.#cache.get(keyOf(first));
      if (ahead === null && cached !== undefined) {
        this.#cache.delete(keyOf(first));
        this.#cache.set(keyOf(first), cached);
        yield cached;
        from += 1;
        continue;
      }
      const run: Run = ahead ?? this.#startRun(references, from);
      const opened = await run.opened;
      const next = references[run.to];
      ahead = next === undefined || this.#cache.has(keyOf(next)) ? null : this.#startRun(references, run.to);
      yield* opened;
      from = run.to;
    }
  }

  #startRun(references: readonly ChunkReference[], from: number): Run {
    const to = this.#runEnd(references, from);
    const opened = this.#read(references.slice(from, to));
    // Awaited later, or never by a reader who has enough: until then a failure must not count as unhandled.
    opened.catch(() => undefined);
    return { to, opened };
  }

  #runEnd(references: readonly ChunkReference[], from: number): number {
    const start = references[from]?.offset ?? 0;
    let rawBytes = references[from]?.rawBytes ?? 0;
    let to = from + 1;
    for (; to < references.length; to += 1) {
      const [before, next] = [references[to - 1], references[to]];
      if (before === undefined || next === undefined || toHex(next.pack) !== toHex(before.pack) || this.#cache.has(keyOf(next))) break;
      const end = before.offset + before.storedBytes;
      const isNear = next.offset === before.offset || (next.offset >= end && next.offset - end <= gapBytesMax);
      rawBytes += next.rawBytes;
      if (!isNear || rawBytes > runRawBytesMax || next.offset + next.storedBytes - start > rangeBytesMax) break;
    }
    return to;
  }

  /** Sites may each be damaged somewhere else: what no site has in one piece is read chunk by chunk. */
  async #read(run: readonly ChunkReference[]): Promise<Uint8Array[]> {
    try {
      return await this.#readRun(run);
    } catch (error) {
      if (!(error instanceof DamagedError) || run.length <= 1) throw error;
    }
    const opened: Uint8Array[] = [];
    for (const reference of run) opened.push(...(await this.#readRun([reference])));
    return opened;
  }

  async #readRun(run: readonly ChunkReference[]): Promise<Uint8Array[]> {
    const [first] = run;
    const last = run.at(-1);
    if (first === undefined || last === undefined) return [];
    const row = this.#rows.get(toHex(first.pack));
    if (row === undefined) throw new DamagedError(`${this.header.point} names a chunk in pack ${toHex(first.pack)}…, which is not in its table.`);
    const packId = fromHex(row.packId);
    const packKey = this.#packKeys.get(row.packId) ?? this.#keys.packKey(packId);
    this.#packKeys.set(row.packId, packKey);
    let opened: Uint8Array[] = [];
    const open = (bytes: Uint8Array) => {
      opened = run.map((reference) => {
        const plain = openChunk(packKey, packId, reference, bytes.subarray(reference.offset - first.offset, reference.offset - first.offset + reference.storedBytes));
        requireId(this.#keys, reference, plain);
        return plain;
      });
    };
    const found = await this.#vault.sites.get(packName(row.sha256), { offset: first.offset, bytes: last.offset + last.storedBytes - first.offset, check: open });
    if (found === null) throw new DamagedError(`Pack ${row.sha256}, which ${this.header.point} needs, is in no site.`);
    run.forEach((reference, i) => this.#keep(reference, opened[i]));
    return opened;
  }

  #keep(reference: ChunkReference, plain: Uint8Array | undefined): void {
    if (plain === undefined || plain.length > cacheBytesMax / 8 || this.#cache.has(keyOf(reference))) return;
    this.#cache.set(keyOf(reference), plain);
    this.#cacheBytes += plain.length;
    for (const [key, bytes] of this.#cache) {
      if (this.#cacheBytes <= cacheBytesMax) return;
      this.#cache.delete(key);
      this.#cacheBytes -= bytes.length;
    }
  }
}

function keyOf({ pack, offset }: ChunkReference): string {
  return `${toHex(pack)}/${offset}`;
}

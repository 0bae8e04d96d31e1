// Makes a part of a point out of a source's entries: contents into chunks, chunks into packs, packs into the sites. What is held in memory
// is one pack that is filled, two that are on their way, and one bundle of small contents, whatever the size of the source.
import { concat, toHex } from '../core/vault/bytes.ts';
import { encodeReferences } from '../core/vault/chunk-reference.ts';
import { encodeEntry } from '../core/vault/entry-codec.ts';
import { packName } from '../core/vault/object-names.ts';
import { toBase64 } from '../core/vault/bytes.ts';
import type { ChunkReference, ContentDigest, EntryMeta, Extent, PackRow, Part } from '../core/vault/recovery-point.ts';
import { RefusedError } from '../core/errors.ts';
import { chunkBytesMax } from '../core/vault/limits.ts';
import type { SourceEntry } from '../ports/backup-source.ts';
import type { ObjectLock } from '../ports/vault-site.ts';
import { chunkId, chunkTag } from './chunk-crypto.ts';
import { deriveKeys, type DataKey, type DerivedKeys } from './data-key.ts';
import { PackBuilder, type Random, type SealedPack } from './pack-builder.ts';
import type { SiteSet } from './site-set.ts';

/** A chunk that a former point has. */
export type KnownChunk = { readonly reference: ChunkReference; readonly pack: PackRow };
export type FindChunk = (id: Uint8Array) => KnownChunk | undefined;

export type PartWriterOptions = {
  readonly sites: SiteSet;
  readonly key: DataKey;
  readonly lock: ObjectLock | null;
  readonly packBytes: number;
  readonly zstdLevel: number;
  readonly chunkBytes: number;
  readonly random: Random;
  readonly known?: FindChunk;
};

const packsInFlightMax = 2;
/** Entries that wait for a bundle to be full: beyond it the bundle is closed as it is. */
const pendingMax = 4096;
/** Chunks of this part that are looked for among its own; beyond it a repeated one costs its bytes. */
const ownChunksMax = 50_000;
/** The entries go into chunks of about this size. */
const entryChunkBytes = 256 * 1024;

/** A content that waits for the bundle it is in to become a chunk. */
type Pending = { readonly meta: EntryMeta; readonly extents: (Extent | Slice)[] };
type Slice = { readonly kind: 'slice'; readonly offset: number; readonly bytes: number; readonly tag: Uint8Array };

export class PartWriter {
  readonly #options: PartWriterOptions;
  readonly #keys: DerivedKeys;
  readonly #builder: PackBuilder;
  /** The chunk that is filled. */
  #chunk: Uint8Array | null = null;
  readonly #own = new Map<string, ChunkReference>();
  /** First 8 bytes of the pack's id, hex → the pack. */
  readonly #packs = new Map<string, PackRow>();
  readonly #versions: Record<string, Record<string, string>> = {};
  readonly #inFlight: Promise<void>[] = [];
  readonly #entryReferences: ChunkReference[] = [];
  #bundle: Uint8Array[] = [];
  #bundleBytes = 0;
  #pending: Pending[] = [];
  #encoded: Uint8Array[] = [];
  #encodedBytes = 0;
  #count = 0;
  #bytes = 0;
  #storedBytes = 0;

  constructor(options: PartWriterOptions) {
    const { chunkBytes } = options;
    if (!Number.isSafeInteger(chunkBytes) || chunkBytes < 1 || chunkBytes > chunkBytesMax) throw new RefusedError(`Chunks of ${chunkBytes} bytes: they may have 1 to ${chunkBytesMax}.`);
    this.#options = options;
    this.#keys = deriveKeys(options.key);
    this.#builder = new PackBuilder(options.key, options.packBytes, options.zstdLevel, options.random);
  }

  /** Reads the content to its end. @throws TooFewSitesError, and whatever the source throws: the part is then to be made anew */
  async add({ meta, content }: SourceEntry): Promise<void> {
    const extents: (Extent | Slice)[] = [];
    // Copied: the source may use its buffer again.
    const chunk = (this.#chunk ??= new Uint8Array(this.#options.chunkBytes));
    let filled = 0;
    for await (const piece of content ?? []) {
      for (let from = 0; from < piece.length; ) {
        const taken = piece.subarray(from, from + chunk.length - filled);
        chunk.set(taken, filled);
        filled += taken.length;
        from += taken.length;
        if (filled < chunk.length) continue;
        if (isZero(chunk)) addHole(extents, chunk.length);
        else extents.push({ kind: 'chunk', reference: await this.#store(chunk), offset: 0, bytes: chunk.length });
        filled = 0;
      }
    }
    if (filled > 0) extents.push(await this.#intoBundle(chunk.slice(0, filled)));
    this.#count += 1;
    this.#pending.push({ meta, extents });
    if (this.#bundleBytes === 0 || this.#pending.length >= pendingMax) await this.#closeBundle();
  }

  /** @param digest of what was added, where the source has one. */
  async finish(digest: ContentDigest | null): Promise<Part> {
    await this.#closeBundle();
    await this.#cutEntries();
    if (this.#builder.chunks > 0) await this.#ship(this.#builder.seal());
    await Promise.all(this.#inFlight);
    return {
      entries: { count: this.#count, bytes: this.#bytes, references: toBase64(encodeReferences(this.#entryReferences)) },
      packs: [...this.#packs.values()],
      packVersions: this.#versions,
      storedBytes: this.#storedBytes,
      digest,
    };
  }

  async #intoBundle(bytes: Uint8Array): Promise<Slice> {
    if (this.#bundleBytes + bytes.length > this.#options.chunkBytes) await this.#closeBundle();
    const slice = { kind: 'slice' as const, offset: this.#bundleBytes, bytes: bytes.length, tag: chunkTag(this.#keys, bytes) };
    this.#bundle.push(bytes);
    this.#bundleBytes += bytes.length;
    return slice;
  }

  async #closeBundle(): Promise<void> {
    if (this.#bundleBytes === 0) return this.#encodePending(undefined);
    const bundle = concat(this.#bundle);
    this.#bundle = [];
    this.#bundleBytes = 0;
    return this.#encodePending(await this.#store(bundle));
  }

  /** Only one bundle is open at a time, so all that waits is resolved by it. */
  async #encodePending(bundle: ChunkReference | undefined): Promise<void> {
    for (const { meta, extents } of this.#pending) {
      const resolved = extents.flatMap((extent): Extent[] => {
        if (extent.kind !== 'slice') return [extent];
        return bundle === undefined ? [] : [{ kind: 'chunk', reference: { ...bundle, tag: extent.tag }, offset: extent.offset, bytes: extent.bytes }];
      });
      const bytes = encodeEntry({ meta, extents: resolved });
      this.#encoded.push(bytes);
      this.#encodedBytes += bytes.length;
      this.#bytes += bytes.length;
      if (this.#encodedBytes >= entryChunkBytes) await this.#cutEntries();
    }
    this.#pending = [];
  }

  async #cutEntries(): Promise<void> {
    const bytes = concat(this.#encoded);
    this.#encoded = [];
    this.#encodedBytes = 0;
    for (let from = 0; from < bytes.length; from += this.#options.chunkBytes) this.#entryReferences.push(await this.#store(bytes.subarray(from, from + this.#options.chunkBytes)));
  }

  async #store(plain: Uint8Array): Promise<ChunkReference> {
    const id = chunkId(this.#keys, plain);
    const name = toHex(id);
    const own = this.#own.get(name);
    if (own !== undefined) return own;
    const known = this.#options.known?.(id);
    if (known !== undefined) {
      this.#packs.set(toHex(known.reference.pack), known.pack);
      // What is known of it may be the tag of an extent in it.
      return { ...known.reference, tag: chunkTag(this.#keys, plain) };
    }
    if (this.#builder.isFull || !this.#builder.fits(plain.length)) await this.#ship(this.#builder.seal());
    const reference = this.#builder.add(plain, id);
    if (this.#own.size < ownChunksMax) this.#own.set(name, reference);
    return reference;
  }

  async #ship(pack: SealedPack): Promise<void> {
    this.#packs.set(pack.packId.slice(0, 16), pack.row);
    this.#storedBytes += pack.bytes.length;
    while (this.#inFlight.length >= packsInFlightMax) await this.#inFlight.shift();
    const sending = this.#send(pack);
    // Awaited later: until then a failure must not count as unhandled.
    sending.catch(() => undefined);
    this.#inFlight.push(sending);
  }

  async #send({ sha256, bytes }: SealedPack): Promise<void> {
    const { versions } = await this.#options.sites.put(packName(sha256), bytes, { sha256, lock: this.#options.lock });
    for (const [site, version] of Object.entries(versions)) (this.#versions[site] ??= {})[sha256] = version;
  }
}

/** A hole's length is a u32. */
const holeBytesMax = 2 ** 30;

function addHole(extents: (Extent | Slice)[], bytes: number): void {
  const last = extents.at(-1);
  if (last?.kind === 'hole' && last.bytes + bytes <= holeBytesMax) extents[extents.length - 1] = { kind: 'hole', bytes: last.bytes + bytes };
  else extents.push({ kind: 'hole', bytes });
}

/** Compared with itself, one byte further on: as fast as memory. */
function isZero(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && Buffer.compare(bytes.subarray(1), bytes.subarray(0, bytes.length - 1)) === 0;
}

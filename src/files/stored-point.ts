// A point of files as it lies in the vault: its entries in their order, as bytes, and its packs. What a backup takes over from and a restore reads.
import { packName } from '../core/vault/object-names.ts';
import type { PackRow, PointName } from '../core/vault/recovery-point.ts';
import { DamagedError } from '../core/vault/vault-errors.ts';
import { RefusedError } from '../core/errors.ts';
import { openChunk } from '../vault/chunk-crypto.ts';
import { deriveKeys, type DataKey } from '../vault/data-key.ts';
import { openPoint, type OpenPoint } from '../vault/point-reader.ts';
import type { GetOptions, SiteSet } from '../vault/site-set.ts';
import type { Vault } from '../vault/vault.ts';
import type { ChunkSpill } from './chunk-spill.ts';
import { ChunkTable, type SharedChunkTable } from './chunk-table.ts';
import { rawEntries, type RawEntry, type StreamChunk } from './entry-stream.ts';
import { extentBytes } from '../core/vault/entry-codec.ts';
import { referenceBytes } from '../core/vault/chunk-reference.ts';
import { ExtentList, isWholeChunk, packOf, readExtent } from './extent-list.ts';

/** So much of a pack is read at a time. */
const runBytesMax = 8 * 1024 * 1024;

type Spill = Pick<ChunkSpill, 'add'>;

export class StoredPoint {
  readonly point: OpenPoint;
  readonly #sites: SiteSet;
  readonly #keys;
  readonly #rows: ReadonlyMap<bigint, PackRow>;
  /** Of the entry stream's chunks. */
  readonly entryChunks: Uint8Array;

  constructor(point: OpenPoint, sites: SiteSet, key: DataKey) {
    this.point = point;
    this.#sites = sites;
    this.#keys = deriveKeys(key);
    this.#rows = new Map(point.packs.map((row) => [BigInt(`0x${row.packId.slice(0, 16)}`), row]));
    this.entryChunks = extentsOf(Buffer.from(point.body.entries.references, 'base64'));
  }

  static async open(vault: Vault, name: PointName, key: DataKey, sites: SiteSet = vault.sites): Promise<StoredPoint> {
    const point = await openPoint(vault, name, key);
    const { kind } = point.body.source;
    if (kind !== 'files') throw new RefusedError(`${name.point} is a point of kind ${kind}, not of files: restore it with the command of its kind. Nothing was changed`);
    return new StoredPoint(point, sites, key);
  }

  hasPack(pack: bigint): boolean {
    return this.#rows.has(pack);
  }

  row(pack: bigint): PackRow {
    const row = this.#rows.get(pack);
    if (row === undefined)
      throw new DamagedError(
        `An entry of ${this.point.header.point} needs pack ${pack.toString(16).padStart(16, '0')}…, which its manifest does not name: this point cannot be relied on; take an older one`,
      );
    return row;
  }

  get rows(): Iterable<PackRow> {
    return this.#rows.values();
  }

  entries(): AsyncGenerator<RawEntry[]> {
    return rawEntries(this.#stream());
  }

  /** The chunks of the entry stream: known from the beginning. */
  teachEntryChunks(shared: SharedChunkTable): void {
    teach(new ChunkTable(shared), this.entryChunks, null);
  }

  /** The chunks that are an extent by themselves; what small files share is found by the files themselves. What the table has no room for goes into the spill. */
  async teachContentChunks(shared: SharedChunkTable, spill: Spill): Promise<void> {
    const table = new ChunkTable(shared);
    for await (const entries of this.entries()) for (const { extents } of entries) teach(table, extents, spill);
  }

  async *#stream(): AsyncGenerator<StreamChunk> {
    const count = this.entryChunks.length / extentBytes;
    for (let from = 0; from < count; ) {
      const to = this.#runEnd(from, count);
      yield* this.#opened(from, to);
      from = to;
    }
  }

  /** Chunks that follow one another in one pack are read together. */
  #runEnd(from: number, count: number): number {
    const first = chunk(this.entryChunks, from);
    let end = first.offset + first.storedBytes;
    let to = from + 1;
    for (; to < count && packOf(this.entryChunks, to) === packOf(this.entryChunks, from); to++) {
      const next = chunk(this.entryChunks, to);
      if (next.offset !== end || next.offset + next.storedBytes - first.offset > runBytesMax) break;
      end = next.offset + next.storedBytes;
    }
    return to;
  }

  /** One after the other, each when it is asked for. */
  async *#opened(from: number, to: number): AsyncGenerator<StreamChunk> {
    const row = this.row(packOf(this.entryChunks, from));
    const packId = Buffer.from(row.packId, 'hex');
    const packKey = this.#keys.packKey(packId);
    const [first, last] = [chunk(this.entryChunks, from), chunk(this.entryChunks, to - 1)];
    let start = first.offset;
    let bytes = await this.#pack(row, { offset: start, bytes: last.offset + last.storedBytes - start });
    for (let index = from; index < to; index += 1) {
      const extent = chunk(this.entryChunks, index);
      const open = () => openChunk(packKey, packId, extent, bytes.subarray(extent.offset - start, extent.offset - start + extent.storedBytes));
      let plain: Uint8Array;
      try {
        plain = open();
      } catch (error) {
        if (!(error instanceof DamagedError)) throw error;
        // Of the whole pack it is known whether it is damaged, so that a site with a good one is found.
        [start, bytes] = [0, await this.#pack(row, { sha256: row.sha256 })];
        plain = open();
      }
      const at = index * extentBytes;
      yield { bytes: Buffer.from(plain.buffer, plain.byteOffset, plain.length), reference: this.entryChunks.subarray(at, at + referenceBytes) };
    }
  }

  async #pack(row: PackRow, options: GetOptions): Promise<Uint8Array> {
    const bytes = await this.#sites.get(packName(row.sha256), options);
    if (bytes === null) throw new DamagedError(`Pack ${row.sha256}, which ${this.point.header.point} needs, is in none of the sites: take an older point, or bring the site back that has it`);
    return bytes;
  }
}

function teach(table: ChunkTable, extents: Uint8Array, spill: Spill | null): void {
  for (let i = 0; i < extents.length / extentBytes; i++) {
    if (!isWholeChunk(extents, i)) continue;
    const extent = readExtent(extents, i);
    if (extent.pack !== null && !table.add(extent.id, extent)) spill?.add(extent.id, extent);
  }
}

function chunk(extents: Uint8Array, index: number) {
  const extent = readExtent(extents, index);
  if (extent.pack === null) throw new DamagedError('The entry stream of a point names a chunk that has no bytes: this point cannot be relied on; take an older one');
  return extent;
}

/** References as extents that are their whole chunk. */
function extentsOf(references: Buffer): Uint8Array {
  const list = new ExtentList();
  for (let at = 0; at < references.length; at += referenceBytes) list.addReference(references.subarray(at, at + referenceBytes));
  return list.bytes;
}

// Makes a point of entries: writes the entry stream into packs of its own, remembers which packs the entries need, and commits them under a name.
import { randomBytes } from 'node:crypto';
import { newPoint } from '../core/vault/object-names.ts';
import { MalformedError } from '../core/errors.ts';
import type { ChunkReference, PackRow, Part, PointName, PointType, RetentionClass } from '../core/vault/recovery-point.ts';
import type { ObjectLock } from '../ports/vault-site.ts';
import { encodeReference, referenceBytes } from '../core/vault/chunk-reference.ts';
import { chunkId, chunkTag } from '../vault/chunk-crypto.ts';
import { deriveKeys, type DataKey } from '../vault/data-key.ts';
import { PackBuilder } from '../vault/pack-builder.ts';
import { commitPoint } from '../vault/point-writer.ts';
import type { Vault } from '../vault/vault.ts';
import type { ChunkSpill } from './chunk-spill.ts';
import { ChunkTable, type SharedChunkTable } from './chunk-table.ts';
import { EntryStreamWriter, type RawEntry } from './entry-stream.ts';
import { extentBytes } from '../core/vault/entry-codec.ts';
import { isHoleAt, packAt, packOf } from './extent-list.ts';
import type { QueuedEntry } from './file-job.ts';
import { keepLonger } from './keep-longer.ts';
import type { WalkRoot } from './file-walk.ts';
import type { ParentPoint } from './parent-point.ts';
import type { ReadPool } from './read-pool.ts';

export type Committed = { readonly name: PointName; readonly type: PointType; readonly sha256: string; readonly entriesStored: number; readonly manifestBytes: number };

export type CommitterOptions = {
  readonly vault: Vault;
  readonly key: DataKey;
  readonly source: string;
  readonly chain: string;
  readonly roots: readonly WalkRoot[];
  /** What is taken over from; null: everything is read. */
  readonly parent: ParentPoint | null;
  readonly packBytes: number;
  readonly zstdLevel: number;
  readonly class: RetentionClass;
  readonly lock: ObjectLock | null;
  readonly host: string;
  readonly nowMs: () => number;
};

/** What a point consists of, at the moment when it was marked. */
type Mark = { readonly entries: Part['entries']; readonly packs: ReadonlySet<bigint> };

export class PointCommitter {
  readonly #options: CommitterOptions;
  readonly #pool: ReadPool;
  readonly #shared: SharedChunkTable;
  readonly #spill: ChunkSpill;
  readonly #table: ChunkTable;
  readonly #keys;
  readonly #startedAtMs: number;
  readonly #references: Uint8Array[] = [];
  readonly #packs = new Set<bigint>();
  readonly #writer = this.#writerTo(this.#references);
  readonly #puts: Promise<void>[] = [];
  readonly #builder: PackBuilder;
  #parentKnown: Promise<void> | null = null;

  constructor(options: CommitterOptions, pool: ReadPool, shared: SharedChunkTable, spill: ChunkSpill) {
    this.#options = options;
    this.#pool = pool;
    this.#shared = shared;
    this.#spill = spill;
    this.#table = new ChunkTable(shared);
    this.#keys = deriveKeys(options.key);
    this.#builder = new PackBuilder(options.key, options.packBytes, options.zstdLevel, randomBytes);
    this.#startedAtMs = options.nowMs();
    options.parent?.teachEntryChunks(shared);
  }

  /** Before the first file is read: what the parent has need not be stored again. Not before, since most runs read nothing. */
  knowParent(): Promise<void> {
    this.#parentKnown ??= this.#options.parent?.teachContentChunks(this.#shared, this.#spill) ?? Promise.resolve();
    return this.#parentKnown;
  }

  add({ json, extents }: QueuedEntry): void {
    needs(this.#packs, extents, 0, extents.length);
    this.#writer.add(json, extents);
  }

  /** What is in the parent as it is now. */
  repeat(entry: RawEntry): void {
    needs(this.#packs, entry.chunk.bytes, entry.jsonEnd + 4, entry.end);
    this.#writer.repeat(entry);
  }

  /** All entries so far, and `more`, which are in this mark only. */
  mark(more: readonly QueuedEntry[]): Mark {
    this.#writer.cut();
    const packs = new Set(this.#packs);
    const references = [...this.#references];
    const writer = this.#writerTo(references);
    for (const { json, extents } of more) {
      needs(packs, extents, 0, extents.length);
      writer.add(json, extents);
    }
    writer.cut();
    for (const reference of references) packs.add(packOf(reference, 0));
    const bytes = Buffer.concat(references);
    return { entries: { count: this.#writer.count + writer.count, bytes: this.#writer.bytes + writer.bytes, references: bytes.toString('base64') }, packs };
  }

  /** All packs of contents must be in the sites by now. */
  async commit(type: PointType, { entries, packs }: Mark, contentBytes: number): Promise<Committed> {
    const { vault, key, source, chain, parent, nowMs, lock, roots, host } = this.#options;
    this.#seal();
    await Promise.all(this.#puts);
    const rows = this.#rowsOf(packs);
    if (lock !== null)
      await keepLonger(
        vault.sites,
        rows.filter((row) => !this.#pool.rows.has(row.packId.slice(0, 16))),
        lock,
      );
    const atMs = nowMs();
    const part: Part = { entries, packs: rows, packVersions: this.#pool.versions, storedBytes: this.#pool.storedBytes, digest: null };
    const committed = await commitPoint({
      sites: vault.sites,
      vault: vault.id,
      key,
      header: { chain, point: newPoint(atMs, type, randomBytes(8).toString('hex')), source, type, parent: null, createdAtMs: atMs, class: this.#options.class, lockedUntilMs: lock?.untilMs ?? null },
      body: {
        source: { kind: 'files', host, roots: roots.map(({ path }) => path), bytes: contentBytes, base: parent === null ? null : { point: parent.newest.header.point, sha256: parent.newest.sha256 } },
        fromMs: this.#startedAtMs,
        throughMs: atMs,
      },
      parts: [part],
      random: randomBytes,
      lock,
    });
    return { name: committed.name, type, sha256: committed.sha256, entriesStored: entries.count, manifestBytes: committed.storedBytes - part.storedBytes };
  }

  #writerTo(references: Uint8Array[]): EntryStreamWriter {
    return new EntryStreamWriter({ store: (plain) => references.push(this.#store(plain)), repeat: (reference) => references.push(reference) });
  }

  #store(plain: Uint8Array): Uint8Array {
    const id = chunkId(this.#keys, plain);
    const known = this.#table.find(id);
    if (known !== null) return referenceOf({ id, tag: chunkTag(this.#keys, plain), ...known });
    const reference: ChunkReference = this.#builder.add(plain, id);
    this.#table.add(id, reference);
    if (this.#builder.isFull) this.#seal();
    return referenceOf(reference);
  }

  #seal(): void {
    if (this.#builder.chunks > 0) this.#puts.push(this.#pool.put(this.#builder.seal()));
  }

  #rowsOf(packs: ReadonlySet<bigint>): PackRow[] {
    return [...packs].map((pack) => {
      const row = this.#pool.rows.get(hexOf(pack)) ?? this.#options.parent?.row(pack);
      if (row === undefined) throw new MalformedError(`An entry needs pack ${hexOf(pack)}…, which this backup neither wrote nor took over: no point was made of it. Run it again with --full`);
      return row;
    });
  }
}

function referenceOf(reference: ChunkReference): Uint8Array {
  const bytes = new Uint8Array(referenceBytes);
  encodeReference(reference, bytes, 0);
  return bytes;
}

let lastPack = 0n;

function needs(packs: Set<bigint>, bytes: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; at += extentBytes) {
    if (isHoleAt(bytes, at)) continue;
    const pack = packAt(bytes, at);
    if (pack === lastPack && packs.has(pack)) continue;
    packs.add(pack);
    lastPack = pack;
  }
}

/** The first 8 bytes of a pack's id, as hex. */
function hexOf(pack: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(pack);
  return bytes.toString('hex');
}

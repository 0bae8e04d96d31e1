// What a backup goes on from: the newest point, or, where runs were interrupted since the last whole one, their checkpoints and that one. A checkpoint has only what its run
// came to, so that without the older one everything behind it would be read and stored again.
import type { PackRow, PointName } from '../core/vault/recovery-point.ts';
import type { DataKey } from '../vault/data-key.ts';
import type { OpenPoint } from '../vault/point-reader.ts';
import type { Vault } from '../vault/vault.ts';
import type { ChunkSpill } from './chunk-spill.ts';
import type { SharedChunkTable } from './chunk-table.ts';
import { comparePaths, type EntryName } from './entry-name.ts';
import type { RawEntry } from './entry-stream.ts';
import { readMeta } from './file-meta.ts';
import { StoredPoint } from './stored-point.ts';

/** Of checkpoints one after the other without a whole point in between, so many are read: each costs a look at all that it has. */
const checkpointsMax = 3;
const batchEntries = 500;

/** @param points committed ones of one source, oldest first; those of other chains than the newest one's have other keys. null: there is none */
export async function openParent(vault: Vault, points: readonly (PointName & { readonly type: string })[], key: DataKey): Promise<ParentPoint | null> {
  const chain = points.at(-1)?.chain;
  const ofChain = points.filter((point) => point.chain === chain);
  const whole = ofChain.findLastIndex(({ type }) => type !== 'checkpoint');
  const names = [
    ...ofChain
      .slice(whole + 1)
      .slice(-checkpointsMax)
      .reverse(),
    ...ofChain.slice(Math.max(whole, 0), whole + 1),
  ];
  const [newest, ...older] = await Promise.all(names.map((name) => StoredPoint.open(vault, name, key)));
  return newest === undefined ? null : new ParentPoint(newest, older);
}

export class ParentPoint {
  readonly #newest: StoredPoint;
  /** Newest first. */
  readonly #older: readonly StoredPoint[];

  constructor(newest: StoredPoint, older: readonly StoredPoint[]) {
    this.#newest = newest;
    this.#older = older;
  }

  get newest(): OpenPoint {
    return this.#newest.point;
  }

  /** At least so many. */
  get entryCount(): number {
    return Math.max(...this.#all().map(({ point }) => point.body.entries.count));
  }

  /** In their order; of each name what the newest has. */
  entries(): AsyncGenerator<RawEntry[]> {
    return this.#older.length === 0 ? this.#newest.entries() : merged(this.#all());
  }

  /** @throws DamagedError */
  row(pack: bigint): PackRow {
    const has = this.#older.find((point) => point.hasPack(pack));
    return (has ?? this.#newest).row(pack);
  }

  teachEntryChunks(shared: SharedChunkTable): void {
    for (const point of this.#all()) point.teachEntryChunks(shared);
  }

  async teachContentChunks(shared: SharedChunkTable, spill: Pick<ChunkSpill, 'add'>): Promise<void> {
    for (const point of this.#all()) await point.teachContentChunks(shared, spill);
  }

  #all(): StoredPoint[] {
    return [this.#newest, ...this.#older];
  }
}

async function* merged(points: readonly StoredPoint[]): AsyncGenerator<RawEntry[]> {
  const heads = points.map((point) => new Head(point.entries()));
  let batch: RawEntry[] = [];
  for (;;) {
    let first: { readonly name: EntryName; readonly entry: RawEntry } | null = null;
    for (const head of heads) {
      const next = await head.peek();
      if (next !== null && (first === null || comparePaths(next.name, first.name) < 0)) first = next;
    }
    if (first === null) break;
    for (const head of heads) head.skip(first.name);
    batch.push(first.entry);
    if (batch.length === batchEntries) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

/** Where a point's entries are read. */
class Head {
  readonly #batches: AsyncIterator<RawEntry[]>;
  #batch: readonly RawEntry[] = [];
  #at = 0;
  #next: { readonly name: EntryName; readonly entry: RawEntry } | null = null;

  constructor(entries: AsyncIterable<RawEntry[]>) {
    this.#batches = entries[Symbol.asyncIterator]();
  }

  async peek(): Promise<{ readonly name: EntryName; readonly entry: RawEntry } | null> {
    if (this.#next !== null) return this.#next;
    while (this.#at === this.#batch.length) {
      const more = await this.#batches.next();
      if (more.done === true) return null;
      [this.#batch, this.#at] = [more.value, 0];
    }
    const entry = this.#batch[this.#at++];
    if (entry === undefined) return null;
    this.#next = { name: readMeta(entry.json.toString()).name, entry };
    return this.#next;
  }

  skip(name: EntryName): void {
    if (this.#next !== null && comparePaths(this.#next.name, name) === 0) this.#next = null;
  }
}

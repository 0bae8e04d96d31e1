// The change stream of a table in memory: shards over ranges of the keys' hashes, which split as DynamoDB's do.
import { marks, type Image, type StreamEntry } from '../../core/log/change-record.ts';
import { RefusedError } from '../../core/errors.ts';
import type { ChangeStream, ShardEnd, ShardPage } from '../../ports/change-stream.ts';

type Shard = { readonly id: string; readonly parent: string | null; readonly from: number; readonly to: number; readonly entries: StreamEntry[]; isClosed: boolean };

const hashes = 2 ** 32;

export class MemoryChangeStream implements ChangeStream {
  readonly #region: string;
  readonly #shards: Shard[] = [];
  readonly #set: (key: string, image: Image | null) => void;
  readonly #pageRecords: number;

  /** @param set writes into the table, or removes: what that changes comes back by `add` */
  constructor(region: string, shards: number, set: (key: string, image: Image | null) => void, pageRecords = 100) {
    this.#region = region;
    this.#set = set;
    this.#pageRecords = pageRecords;
    for (let i = 0; i < shards; i += 1) this.#open(null, (hashes / shards) * i, (hashes / shards) * (i + 1));
  }

  #open(parent: string | null, from: number, to: number): void {
    this.#shards.push({ id: `shard-${this.#shards.length}`, parent, from, to, entries: [], isClosed: false });
  }

  /** A change of the table. @returns the shard that shows it */
  add(entry: StreamEntry): string {
    const hash = hashOf(entry.key);
    const shard = this.#shards.find((s) => !s.isClosed && s.from <= hash && hash < s.to);
    if (shard === undefined) throw new RefusedError(`No open shard of ${this.#region}'s stream takes ${entry.key}.`);
    shard.entries.push(entry);
    return shard.id;
  }

  /** Closes an open shard; two others go on with its keys. */
  split(id: string): void {
    const shard = this.#of(id);
    if (shard.isClosed) return;
    shard.isClosed = true;
    const middle = (shard.from + shard.to) / 2;
    this.#open(id, shard.from, middle);
    this.#open(id, middle, shard.to);
  }

  /** Every shard with all that it ever had, parents before their children: what an event source mapping delivers. */
  shards(): readonly Readonly<Shard>[] {
    return this.#shards;
  }

  async ends(): Promise<readonly ShardEnd[]> {
    return this.#shards.filter((s) => !s.isClosed).map((s) => ({ shard: s.id, iterator: `${s.id} ${s.entries.length}` }));
  }

  async read(iterator: string): Promise<ShardPage> {
    const [id = '', position = ''] = iterator.split(' ');
    const { entries, isClosed } = this.#of(id);
    const from = Number(position);
    const page = entries.slice(from, from + this.#pageRecords);
    const to = from + page.length;
    return { records: page.map(({ key, newImage }) => ({ key, isRemoval: newImage === null })), next: isClosed && to === entries.length ? null : `${id} ${to}` };
  }

  async mark(key: string, epoch: number): Promise<void> {
    this.#set(key, { id: { S: key }, [marks.epoch]: { N: String(epoch) }, [marks.origin]: { S: this.#region } });
    this.#set(key, null);
  }

  #of(id: string): Shard {
    const found = this.#shards.find((s) => s.id === id);
    if (found === undefined) throw new RefusedError(`${this.#region}'s stream has no shard '${id}'.`);
    return found;
  }
}

/** Spreads keys that differ in their last letter only, over all of the 32 bits. (FNV-1a, then the finalizer of MurmurHash3) */
function hashOf(key: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) h = Math.imul(h ^ key.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

// The protected data of one region: its table with the table's stream, the change logs that it keeps, and its divergence report.
// Everything that is written is judged as it is written.
import type { ChangeRecord, Image, StreamEntry } from '../../src/core/log/change-record.ts';
import type { LogHead, Segment } from '../../src/core/log/segment.ts';
import type { RowCheck } from '../../src/core/rows/row.ts';
import { isMarkerKey } from '../../src/core/failover/hand-over.ts';
import { epochOf } from '../../src/core/log/change-record.ts';
import type { ApplyAnswer } from '../../src/ports/data-store.ts';
import type { LiveTable } from '../../src/ports/live-table.ts';
import type { MemoryDataStore } from '../../src/drivers/memory/memory-data-store.ts';
import { MemoryChangeStream } from '../../src/drivers/memory/memory-change-stream.ts';
import type { MemoryDivergenceStore } from '../../src/drivers/memory/memory-divergence-store.ts';
import type { MemoryLogStore } from '../../src/drivers/memory/memory-log-store.ts';
import type { Product } from './product.ts';
import type { Region } from './region.ts';

/** Which write it is: an epoch has one origin only, and its stream numbers the writes. */
export type Identity = { readonly epoch: number; readonly origin: string; readonly sequence: number };
export type Judges = {
  readonly violate: (invariant: string, what: string) => void;
  /** The newest epoch in which the region's gate was opened. */
  readonly openedEpoch: (region: Region) => number;
  readonly wallMs: (region: Region) => number;
};

/** The service's write that an item is. Not of what a decision wrote: that is another write of the same content. */
export function identityOf(image: Image | null): Identity | undefined {
  const [epoch, sequence, origin] = [text(image, 'holdfastEpoch', 'N'), text(image, 'write', 'N'), text(image, 'holdfastOrigin', 'S')];
  return epoch === undefined || sequence === undefined || origin === undefined ? undefined : { epoch: Number(epoch), origin, sequence: Number(sequence) };
}

export function recordIdentity(origin: string, record: Pick<ChangeRecord, 'epoch' | 'sequenceNumber'>): Identity {
  return { epoch: record.epoch, origin, sequence: Number(record.sequenceNumber) };
}

function text(image: Image | null, name: string, type: 'S' | 'N'): string | undefined {
  const value = image?.[name];
  if (typeof value !== 'object' || value === null) return undefined;
  const found: unknown = Reflect.get(value, type);
  return typeof found === 'string' ? found : undefined;
}

export function nameOf({ epoch, origin, sequence }: Identity): string {
  return `write ${sequence} of ${origin} in epoch ${epoch}`;
}

export class Replica {
  readonly region: Region;
  readonly log: MemoryLogStore;
  readonly data: MemoryDataStore;
  readonly divergence: MemoryDivergenceStore;
  /** As decisions about divergent items write it. */
  readonly live: LiveTable;
  readonly stream: MemoryChangeStream;
  /** Of each key, the last write that was made or applied here, a removal too. */
  readonly standing = new Map<string, Identity>();
  /** By shard of the stream, how many of its entries were delivered to the end. */
  readonly shipped = new Map<string, number>();
  /** Writes that the stream has lost. */
  readonly expired = new Set<string>();
  #changes = 0;
  applied = 0;
  readonly #appliedOnce = new Set<string>();
  readonly #judges: Judges;
  readonly #product: Product;

  constructor(region: Region, product: Product, fenceShards: number, judges: Judges, streamShards = 1) {
    this.region = region;
    this.#product = product;
    this.#judges = judges;
    this.stream = new MemoryChangeStream(region.name, streamShards, (key, image) => this.set(key, image));
    this.log = new product.logStore.MemoryLogStore(region.name);
    this.data = new product.dataStore.MemoryDataStore(region.store, fenceShards);
    this.divergence = new product.divergenceStore.MemoryDivergenceStore();
    const items = { get: (key: string) => this.data.contents().get(key) ?? null, set: async (key: string, image: Image | null) => this.set(key, image) };
    this.live = new product.liveTable.MemoryLiveTable(region.store, items, { keyName: 'id', fenceShards });
  }

  /** What a decision or a hand-over writes: under its own conditions, and into the same stream. */
  set(key: string, image: Image | null): void {
    const before = this.data.contents().get(key) ?? null;
    if (image === null && before === null) return;
    const epoch = epochOf(image ?? before);
    if (image === null) this.data.remove(key);
    else this.data.put(key, image, epoch);
    this.#emit(key, image, before);
    this.standing.set(key, { epoch, origin: this.region.name, sequence: this.#changes });
  }

  /** The service writes; its fence has let it. @returns which write it is */
  write(key: string, epoch: number): Identity {
    const identity = { epoch, origin: this.region.name, sequence: this.#changes + 1 };
    const image = { id: { S: key }, write: { N: String(identity.sequence) }, holdfastEpoch: { N: String(epoch) }, holdfastOrigin: { S: this.region.name } };
    this.data.put(key, image, epoch);
    this.#emit(key, image);
    this.standing.set(key, identity);
    return identity;
  }

  #emit(key: string, newImage: Image | null, oldImage: Image | null = null): void {
    this.#changes += 1;
    this.stream.add({ key, newImage, oldImage, atMs: Math.round(this.#judges.wallMs(this.region)), sequenceNumber: String(this.#changes) });
  }

  async apply(origin: string, epoch: number, records: readonly ChangeRecord[], checks: readonly RowCheck[]): Promise<ApplyAnswer> {
    const before = await Promise.all(records.map((r) => this.data.get(r.key)));
    const answer = await this.data.apply(origin, epoch, records, checks);
    const after = await Promise.all(records.map((r) => this.data.get(r.key)));
    records.forEach((record, i) => {
      if (after[i] !== record.image || before[i] === record.image) return;
      this.standing.set(record.key, recordIdentity(origin, record));
      // The table's stream shows it too, as an echo: an applied removal by its mark.
      if (record.image === null) return this.#emit(record.key, null, { ...before[i], holdfastRemoving: { S: origin } });
      this.#judge(origin, record, record.image, epoch, before[i] ?? null);
      this.#emit(record.key, record.image);
      this.applied += 1;
    });
    return answer;
  }

  #judge(origin: string, record: ChangeRecord, image: Image, epoch: number, before: Image | null): void {
    const { violate, openedEpoch } = this.#judges;
    const name = nameOf(recordIdentity(origin, record));
    if (text(image, 'holdfastOrigin', 'S') === this.region.name) violate('an echo is applied nowhere', `${name} came back to ${this.region.name}`);
    // A write of this region's older epoch that was in flight may land over it: then its log, which comes at least once, puts it back.
    const isPutBack = (before === null ? epoch : epochOf(before)) < epoch;
    // Of a hand-over's marker nothing is left that could tell that it was there.
    if (this.#appliedOnce.has(name) && !isPutBack && !isMarkerKey(record.key)) violate('an echo is applied nowhere', `${name} was applied a second time in ${this.region.name}`);
    this.#appliedOnce.add(name);
    const opened = openedEpoch(this.region);
    if (opened > epoch) violate('no write of an old epoch', `${name} was applied in ${this.region.name}, which had opened in epoch ${opened} without it`);
  }

  async append(head: LogHead, segment: Segment): Promise<'done' | 'refused'> {
    const answer = await this.log.append(head, segment);
    if (answer === 'done' && segment.origin === this.region.name) {
      const echo = segment.records.find((r) => r.image !== null && text(r.image, 'holdfastOrigin', 'S') !== this.region.name);
      if (echo !== undefined) this.#judges.violate('an echo is applied nowhere', `${echo.sequenceNumber} of ${echo.key} was shipped as one of ${this.region.name}'s own`);
    }
    return answer;
  }

  /** What is shipped of these entries. */
  recordsOf(entries: readonly StreamEntry[]): ChangeRecord[] {
    return entries.flatMap((entry) => this.#product.changeRecord.toChangeRecord(entry, this.region.name) ?? []);
  }

  /** The entries that no delivery has dealt with, as what is shipped. */
  pending(): ChangeRecord[] {
    return this.stream.shards().flatMap((shard) => this.recordsOf(shard.entries.slice(this.shipped.get(shard.id) ?? 0)));
  }

  expire(): void {
    for (const record of this.pending()) this.expired.add(nameOf(recordIdentity(this.region.name, record)));
    for (const { id, entries } of this.stream.shards()) this.shipped.set(id, entries.length);
  }

  /** A shard is delivered once all that its parent had was. */
  isReady(parent: string | null): boolean {
    const above = this.stream.shards().find((s) => s.id === parent);
    return above === undefined || (this.shipped.get(above.id) ?? 0) >= above.entries.length;
  }
}

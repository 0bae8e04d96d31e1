// The protected data of one region: its table with the table's stream, the change logs that it keeps, and its divergence report.
// Everything that is written is judged as it is written.
import type { ChangeRecord, Image, StreamEntry } from '../../src/core/log/change-record.ts';
import type { LogHead, Segment } from '../../src/core/log/segment.ts';
import type { RowCheck } from '../../src/core/rows/row.ts';
import type { ApplyAnswer } from '../../src/ports/data-store.ts';
import type { MemoryDataStore } from '../../src/drivers/memory/memory-data-store.ts';
import type { MemoryDivergenceStore } from '../../src/drivers/memory/memory-divergence-store.ts';
import type { MemoryLogStore } from '../../src/drivers/memory/memory-log-store.ts';
import type { Product } from './product.ts';
import type { Region } from './region.ts';

/** Which write an item is: an epoch has one origin only, and its stream numbers the writes. */
export type Identity = { readonly epoch: number; readonly origin: string; readonly sequence: number };
export type Judges = {
  readonly violate: (invariant: string, what: string) => void;
  /** The newest epoch in which the region's gate was opened. */
  readonly openedEpoch: (region: Region) => number;
  readonly wallMs: (region: Region) => number;
};

export function identityOf(image: Image | null): Identity | undefined {
  const [epoch, sequence, origin] = [text(image, 'holdfastEpoch', 'N'), text(image, 'write', 'N'), text(image, 'holdfastOrigin', 'S')];
  return epoch === undefined || sequence === undefined || origin === undefined ? undefined : { epoch: Number(epoch), origin, sequence: Number(sequence) };
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
  readonly stream: StreamEntry[] = [];
  /** Of the stream's entries, those that were delivered to the end. */
  shippedEntries = 0;
  applied = 0;
  readonly #appliedOnce = new Set<string>();
  readonly #judges: Judges;
  readonly #product: Product;

  constructor(region: Region, product: Product, fenceShards: number, judges: Judges) {
    this.region = region;
    this.#product = product;
    this.#judges = judges;
    this.log = new product.logStore.MemoryLogStore(region.name);
    this.data = new product.dataStore.MemoryDataStore(region.store, fenceShards);
    this.divergence = new product.divergenceStore.MemoryDivergenceStore();
  }

  /** The service writes; its fence has let it. @returns which write it is */
  write(key: string, epoch: number): Identity {
    const identity = { epoch, origin: this.region.name, sequence: this.stream.length + 1 };
    const image = { id: { S: key }, write: { N: String(identity.sequence) }, holdfastEpoch: { N: String(epoch) }, holdfastOrigin: { S: this.region.name } };
    this.data.put(key, image, epoch);
    this.#emit(key, image);
    return identity;
  }

  #emit(key: string, newImage: Image): void {
    this.stream.push({ key, newImage, oldImage: null, atMs: Math.round(this.#judges.wallMs(this.region)), sequenceNumber: String(this.stream.length + 1) });
  }

  async apply(origin: string, epoch: number, records: readonly ChangeRecord[], checks: readonly RowCheck[]): Promise<ApplyAnswer> {
    const before = await Promise.all(records.map((r) => this.data.get(r.key)));
    const answer = await this.data.apply(origin, epoch, records, checks);
    const after = await Promise.all(records.map((r) => this.data.get(r.key)));
    records.forEach((record, i) => {
      if (record.image === null || after[i] !== record.image || before[i] === record.image) return;
      this.#judge(record, record.image, epoch, before[i] ?? null);
      // The table's stream shows it too, as an echo.
      this.#emit(record.key, record.image);
      this.applied += 1;
    });
    return answer;
  }

  #judge(record: ChangeRecord, image: Image, epoch: number, before: Image | null): void {
    const { violate, openedEpoch } = this.#judges;
    const identity = identityOf(image);
    if (identity === undefined) return violate('the simulation itself', `an item of ${record.key} has no identity`);
    const name = nameOf(identity);
    if (identity.origin === this.region.name) violate('an echo is applied nowhere', `${name} came back to ${this.region.name}`);
    // A write of this region's older epoch that was in flight may land over it: then its log, which comes at least once, puts it back.
    const isPutBack = (identityOf(before)?.epoch ?? epoch) < epoch;
    if (this.#appliedOnce.has(name) && !isPutBack) violate('an echo is applied nowhere', `${name} was applied a second time in ${this.region.name}`);
    this.#appliedOnce.add(name);
    const opened = openedEpoch(this.region);
    if (opened > epoch) violate('no write of an old epoch', `${name} was applied in ${this.region.name}, which had opened in epoch ${opened} without it`);
  }

  async append(head: LogHead, segment: Segment): Promise<'done' | 'refused'> {
    const answer = await this.log.append(head, segment);
    if (answer === 'done' && segment.origin === this.region.name) {
      const echo = segment.records.map((r) => identityOf(r.image)).find((i) => i !== undefined && i.origin !== this.region.name);
      if (echo !== undefined) this.#judges.violate('an echo is applied nowhere', `${nameOf(echo)} was shipped as one of ${this.region.name}'s own`);
    }
    return answer;
  }

  /** The entries that no delivery has dealt with, as what is shipped. */
  pending(after: number, most: number): ChangeRecord[] {
    return this.stream.slice(after, after + most).flatMap((entry) => this.#product.changeRecord.toChangeRecord(entry, this.region.name) ?? []);
  }
}

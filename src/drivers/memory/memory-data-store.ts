// A protected table in memory, with the same fence condition as in DynamoDB.
import { fenceKey, parseFenceRow, parseLeaseRow, servedNoneAfter } from '../../core/lease/lease-rows.ts';
import { shardOf } from '../../core/lease/fence-shard.ts';
import type { ChangeRecord, Image } from '../../core/log/change-record.ts';
import { holds, type RowCheck } from '../../core/rows/row.ts';
import type { ApplyAnswer, DataStore } from '../../ports/data-store.ts';
import type { RowStore } from '../../ports/row-store.ts';

type Stored = { readonly image: Image; readonly epoch: number; readonly sequence: string | undefined };

export class MemoryDataStore implements DataStore {
  readonly batchMax = 95;
  readonly #rows: RowStore;
  readonly #fenceShards: number;
  readonly #items = new Map<string, Stored>();

  constructor(rows: RowStore, fenceShards: number) {
    this.#rows = rows;
    this.#fenceShards = fenceShards;
  }

  /** A write of the service itself, already judged by its fence. */
  put(key: string, image: Image, epoch: number): void {
    this.#items.set(key, { image, epoch, sequence: undefined });
  }

  /** A removal by the service itself, judged likewise. */
  remove(key: string): void {
    this.#items.delete(key);
  }

  /** What stands in it, by its keys. */
  contents(): Map<string, Image> {
    return new Map([...this.#items].map(([key, { image }]) => [key, image]));
  }

  async get(key: string): Promise<Image | null> {
    return this.#items.get(key)?.image ?? null;
  }

  async stands(_origin: string, record: ChangeRecord): Promise<boolean> {
    const found = this.#items.get(record.key);
    return record.image === null ? found === undefined : found?.epoch === record.epoch && found.sequence === record.sequenceNumber;
  }

  async apply(_origin: string, epoch: number, records: readonly ChangeRecord[], checks: readonly RowCheck[]): Promise<ApplyAnswer> {
    const shards = new Set(records.map((r) => shardOf(r.key, this.#fenceShards)));
    const fences = await Promise.all([...shards].map(async (k) => parseFenceRow(await this.#rows.get(fenceKey(k)))));
    const served = servedNoneAfter(epoch);
    const lease = parseLeaseRow(await this.#rows.get(served.key));
    if (fences.some((f) => f.epoch > epoch && f.untilAtMs !== 0) || !served.when.every((c) => holds(c, lease))) return { kind: 'fenced' };
    const rows = await Promise.all(checks.map(async (check) => ({ check, row: await this.#rows.get(check.key) })));
    if (rows.some(({ check, row }) => row === undefined || !check.when.every((c) => holds(c, row)))) return { kind: 'superseded' };
    const fresh = records.filter((r) => this.#isFresh(r, epoch));
    for (const { key, image, sequenceNumber } of fresh) {
      if (image === null) this.#items.delete(key);
      else this.#items.set(key, { image, epoch, sequence: sequenceNumber });
    }
    return { kind: 'done', applied: fresh.length, stale: records.length - fresh.length };
  }

  #isFresh(record: ChangeRecord, epoch: number): boolean {
    const found = this.#items.get(record.key);
    if (found === undefined) return record.image !== null;
    return found.epoch < epoch || (found.epoch === epoch && found.sequence !== undefined && found.sequence < record.sequenceNumber);
  }
}

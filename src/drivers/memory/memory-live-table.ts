// A protected table in memory as a restore in place writes it, under the conditions of DynamoDB: for tests and the simulation.
import { fenceKey, isFenceOpen, parseFenceRow } from '../../core/lease/lease-rows.ts';
import { shardOf } from '../../core/lease/fence-shard.ts';
import { marks, type Image } from '../../core/log/change-record.ts';
import { holds, type RowCheck } from '../../core/rows/row.ts';
import { itemLine } from '../../core/backup/table-lines.ts';
import type { LiveAnswer, LiveChange, LiveTable } from '../../ports/live-table.ts';
import type { RowStore } from '../../ports/row-store.ts';

/** Where the items are: read and set as the table itself does, so that its stream sees each write. */
export type LiveItems = { readonly get: (key: string) => Image | null; readonly set: (key: string, image: Image | null) => Promise<void> };

export type MemoryLiveSettings = { readonly keyName: string; readonly fenceShards: number };

export class MemoryLiveTable implements LiveTable {
  readonly batchMax = 25;
  readonly #rows: RowStore;
  readonly #items: LiveItems;
  readonly #settings: MemoryLiveSettings;

  constructor(rows: RowStore, items: LiveItems, settings: MemoryLiveSettings) {
    this.#rows = rows;
    this.#items = items;
    this.#settings = settings;
  }

  async get(key: string): Promise<Image | null> {
    return this.#items.get(key);
  }

  async change(epoch: number, changes: readonly LiveChange[], _timeoutMs = 0, checks: readonly RowCheck[] = []): Promise<LiveAnswer> {
    if (!(await this.#isOpen(epoch, changes))) return { kind: 'fenced' };
    if (!(await this.#isCurrent(checks))) return { kind: 'superseded' };
    const refused = changes.filter((c) => !this.#stands(c)).map((c) => c.key);
    for (const change of changes) if (!refused.includes(change.key)) await this.#items.set(change.key, this.#updated(epoch, change));
    const removals = changes.filter((c) => c.wanted === null && !refused.includes(c.key));
    if (removals.length > 0 && !(await this.#isOpen(epoch, removals))) return { kind: 'fenced' };
    if (removals.length > 0 && !(await this.#isCurrent(checks))) return { kind: 'superseded' };
    for (const change of removals) {
      if (this.#stands(change)) await this.#items.set(change.key, null);
      else refused.push(change.key);
    }
    return { kind: 'done', refused };
  }

  async #isOpen(epoch: number, changes: readonly LiveChange[]): Promise<boolean> {
    const shards = new Set(changes.map((c) => shardOf(c.key, this.#settings.fenceShards)));
    const fences = await Promise.all([...shards].map(async (k) => parseFenceRow(await this.#rows.get(fenceKey(k)))));
    return fences.every((fence) => fence.epoch === epoch && isFenceOpen(fence));
  }

  async #isCurrent(checks: readonly RowCheck[]): Promise<boolean> {
    const rows = await Promise.all(checks.map(async (check) => ({ check, row: await this.#rows.get(check.key) })));
    return rows.every(({ check, row }) => row !== undefined && check.when.every((c) => holds(c, row)));
  }

  #stands({ key, seen }: LiveChange): boolean {
    const found = this.#items.get(key);
    if (seen === null || found === null) return seen === found;
    return Object.entries(seen).every(([name, value]) => name in found && itemLine({ a: found[name] }) === itemLine({ a: value }));
  }

  #updated(epoch: number, { key, seen, wanted }: LiveChange): Image {
    const { [marks.sequence]: _sequence, [marks.removing]: _removing, ...found } = this.#items.get(key) ?? {};
    const kept = wanted === null ? found : Object.fromEntries(Object.entries(found).filter(([name]) => name === this.#settings.keyName || name in wanted || !(name in (seen ?? {}))));
    return { ...kept, ...wanted, [marks.epoch]: { N: String(epoch) }, [marks.origin]: { S: this.#rows.region } };
  }
}

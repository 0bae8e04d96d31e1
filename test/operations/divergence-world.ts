// Two candidates with a table, a stream, logs and a list each, and the real shipping, applying and listing between them: what the tests of
// reconciliation play in. The service writes as the real one does; time moves when somebody waits.
import { fenceKey, leaseKey, closedForGood, parseFenceRow, parseLeaseRow } from '../../src/core/lease/lease-rows.ts';
import { marks, padSequenceNumber, toChangeRecord, type Image, type StreamEntry } from '../../src/core/log/change-record.ts';
import { contentLine } from '../../src/core/backup/in-place.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { MemoryChangeStream } from '../../src/drivers/memory/memory-change-stream.ts';
import { MemoryLiveTable } from '../../src/drivers/memory/memory-live-table.ts';
import { MemoryLogStore } from '../../src/drivers/memory/memory-log-store.ts';
import { MemoryRowPages } from '../../src/drivers/memory/memory-row-pages.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { MemoryWholeTable } from '../../src/drivers/memory/memory-whole-table.ts';
import type { ChangeRecord } from '../../src/core/log/change-record.ts';
import { holds, type RowCheck } from '../../src/core/rows/row.ts';
import { applyLog } from '../../src/operations/apply-log.ts';
import { drainEpoch } from '../../src/operations/drain-epoch.ts';
import { DivergenceList } from '../../src/operations/divergence-list.ts';
import type { DivergenceHome } from '../../src/operations/resolve-divergence.ts';
import { shipLog } from '../../src/operations/ship-log.ts';
import type { SignOffPorts } from '../../src/operations/sign-off.ts';
import type { ApplyAnswer, DataStore } from '../../src/ports/data-store.ts';
import type { LiveTable } from '../../src/ports/live-table.ts';
import { servedNoneAfter } from '../../src/core/lease/lease-rows.ts';
import { sightingOf, valueOf } from '../core/fixtures.ts';
import { east, VirtualClock, west } from './group.ts';

export { east, west };
export const fenceShards = 2;
const keyName = 'id';

/** A table of DynamoDB's rules, its stream included. */
class Table implements DataStore {
  readonly batchMax = 20;
  readonly items = new Map<string, Image>();
  readonly stream: StreamEntry[] = [];
  /** The same, as its shards show it. */
  readonly shards: MemoryChangeStream;
  readonly shardOf = new Map<StreamEntry, string>();
  readonly #rows: MemoryRowStore;
  readonly #clock: VirtualClock;

  constructor(rows: MemoryRowStore, clock: VirtualClock) {
    this.shards = new MemoryChangeStream(rows.region, 3, (key, image) => this.set(key, image));
    this.#rows = rows;
    this.#clock = clock;
  }

  set(key: string, newImage: Image | null): void {
    const oldImage = this.items.get(key) ?? null;
    if (newImage === null) this.items.delete(key);
    else this.items.set(key, newImage);
    if (oldImage === null && newImage === null) return;
    const entry = { key, oldImage, newImage, atMs: Math.round(this.#clock.nowMs()), sequenceNumber: String(this.stream.length + 1) };
    this.stream.push(entry);
    this.shardOf.set(entry, this.shards.add(entry));
  }

  async get(key: string): Promise<Image | null> {
    return this.items.get(key) ?? null;
  }

  async stands(origin: string, { key, image, epoch, sequenceNumber }: ChangeRecord): Promise<boolean> {
    const found = this.items.get(key);
    if (found === undefined || image === null) return found === undefined && image === null;
    const isOf = (mark: string, type: 'N' | 'S', value: string) => Object(found[mark])[type] === value;
    return isOf(marks.epoch, 'N', String(epoch)) && isOf(marks.origin, 'S', origin) && isOf(marks.sequence, 'S', sequenceNumber);
  }

  async apply(origin: string, epoch: number, records: readonly ChangeRecord[], _checks: readonly RowCheck[]): Promise<ApplyAnswer> {
    const served = servedNoneAfter(epoch);
    const lease = await this.#rows.get(served.key);
    const fence = await this.#rows.get(fenceKey(0));
    const isFenced = lease === undefined || fence === undefined || !served.when.every((c) => holds(c, lease)) || (Number(fence['epoch']) > epoch && fence['untilAtMs'] !== 0);
    if (isFenced) return { kind: 'fenced' };
    let applied = 0;
    for (const { key, image, sequenceNumber } of records) {
      const found = this.items.get(key);
      const [at, sequence] = [Number(Object(found?.[marks.epoch])['N'] ?? 0), String(Object(found?.[marks.sequence])['S'] ?? '')];
      const isFresh = found === undefined ? image !== null : at < epoch || (at === epoch && sequence !== '' && sequence < sequenceNumber);
      if (!isFresh) continue;
      applied += 1;
      const mark = { [marks.epoch]: { N: String(epoch) }, [marks.origin]: { S: origin }, [marks.sequence]: { S: sequenceNumber } };
      if (image !== null) this.set(key, { ...image, ...mark });
      else {
        this.set(key, { ...found, ...mark, [marks.removing]: { S: origin } });
        this.set(key, null);
      }
    }
    return { kind: 'done', applied, stale: records.length - applied };
  }
}

export class Side {
  readonly name: string;
  readonly rows: MemoryRowStore;
  readonly log: MemoryLogStore;
  readonly table: Table;
  readonly pages: MemoryRowPages;
  readonly live: LiveTable;
  readonly whole: MemoryWholeTable;
  readonly #clock: VirtualClock;
  shipped = 0;
  /** A shard of the stream that is not delivered. */
  stuckShard: string | undefined;
  #stuck: StreamEntry[] = [];

  constructor(name: string, clock: VirtualClock) {
    this.name = name;
    this.#clock = clock;
    this.rows = new MemoryRowStore(name);
    this.log = new MemoryLogStore(name);
    this.table = new Table(this.rows, clock);
    this.pages = new MemoryRowPages(this.rows);
    this.live = new MemoryLiveTable(this.rows, { get: (key) => this.table.items.get(key) ?? null, set: async (key, image) => this.table.set(key, image) }, { keyName, fenceShards });
    this.whole = new MemoryWholeTable(() => this.table.items, 3);
  }

  async setLease(epoch: number, state: 'open' | 'closed' | 'none'): Promise<void> {
    const untilAtMs = state === 'open' ? Number.MAX_SAFE_INTEGER - 1 : 0;
    await this.rows.change({ key: leaseKey, set: { epoch, untilAtMs, openEpoch: state === 'none' ? 0 : epoch, closedEpoch: state === 'closed' ? epoch : 0 }, when: [], mayCreate: true });
    for (let k = 0; k < fenceShards; k += 1)
      await this.rows.change({ key: fenceKey(k), set: { epoch, untilAtMs: untilAtMs - 1, closedThroughMs: state === 'closed' ? closedForGood : 0 }, when: [], mayCreate: true });
  }

  /** A write of the service here; null removes, after the stamp. */
  write(key: string, epoch: number, more: Image | null): void {
    const stamp = { [marks.epoch]: { N: String(epoch) }, [marks.origin]: { S: this.name } };
    if (more !== null) return this.table.set(key, { [keyName]: { S: key }, ...more, ...stamp });
    const found = this.table.items.get(key);
    if (found === undefined) return;
    const { [marks.sequence]: _sequence, ...rest } = found;
    this.table.set(key, { ...rest, ...stamp });
    this.table.set(key, null);
  }

  /** Its stream reaches its own log and the other's, as far as `to`. */
  async ship(other: Side, to = this.table.stream.length): Promise<void> {
    const due = [...this.#stuck, ...this.table.stream.slice(this.shipped, to)];
    this.shipped = Math.max(this.shipped, to);
    const isStuck = (entry: StreamEntry) => this.stuckShard !== undefined && this.table.shardOf.get(entry) === this.stuckShard;
    this.#stuck = due.filter(isStuck);
    const records = due.filter((entry) => !isStuck(entry)).flatMap((entry) => toChangeRecord(entry, this.name) ?? []);
    if (records.length > 0)
      await shipLog(
        this.log,
        records.map((r) => ({ ...r, sequenceNumber: padSequenceNumber(r.sequenceNumber) })),
        [other.log],
        sha256,
      );
  }

  async apply(origin: Side) {
    return applyLog({ own: this.rows, log: this.log, data: this.table, divergence: new DivergenceList(this.rows, sha256), clock: this.#clock, digest: sha256 }, origin.name, 50, []);
  }

  /** What stands here but for marks. */
  contents(): Record<string, string | null> {
    return Object.fromEntries([...this.table.items].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, image]) => [key, contentLine(image)]));
  }
}

export const item = (n: number): Image => ({ n: { N: String(n) } });

/** East was open in epoch 1 and wrote; west has opened epoch 2 without the last of it. */
export async function createDivergence() {
  const clock = new VirtualClock();
  const [a, b] = [new Side(east, clock), new Side(west, clock)];
  await a.setLease(1, 'open');
  await b.setLease(0, 'none');
  const home: DivergenceHome = { region: west, own: b.rows, pages: b.pages, live: b.live, keyName, nowMs: clock.nowMs, digest: sha256 };
  const exchange = async () => {
    await a.ship(b);
    await b.apply(a);
    await b.ship(a);
    await a.apply(b);
  };
  const held = sightingOf(valueOf({ holder: west, epoch: 2, regions: { [east]: { reconciled: false }, [west]: { reconciled: true } } }));
  /** What a tick of east does for its sign-off. */
  const drain = async () => {
    const fences = await Promise.all(Array.from({ length: fenceShards }, async (_, k) => parseFenceRow(await a.rows.get(fenceKey(k)))));
    const wait = async (ms: number) => {
      clock.advance(ms);
      await exchange();
    };
    const ports = { stream: a.table.shards, log: a.log, rowsOf: () => b.rows };
    const governor = { me: east, own: a.rows, clock: { nowMs: clock.nowMs, monotonicMs: clock.monotonicMs, wait }, handOver: ports };
    return drainEpoch(governor, held, { lease: parseLeaseRow(await a.rows.get(leaseKey)), fences });
  };
  const signOff: SignOffPorts = {
    home: { ...home, log: b.log, table: b.whole },
    returned: { region: east, own: a.rows, log: a.log, table: a.whole },
    others: [],
    fenceShards,
    epoch: 2,
    wait: async (ms) => {
      clock.advance(ms);
      await exchange();
      await drain();
    },
  };
  return {
    clock,
    a,
    b,
    home,
    signOff,
    exchange,
    drain,
    /** West takes over with what was shipped, and east's governor finds out. */
    async lose(): Promise<void> {
      await b.apply(a);
      await b.setLease(2, 'open');
      await a.setLease(1, 'closed');
    },
  };
}

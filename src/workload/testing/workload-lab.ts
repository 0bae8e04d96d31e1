// A region in memory around a team's own handler: its tables, Holdfast's rows, and the clock. The handler's client is an ordinary SDK client
// with `lab.client` as its settings; the test says when the lease is renewed, lost, handed over or taken, and which request hangs or is lost.
import {
  closeFenceAtDeadline,
  closeFenceBelow,
  closeFenceOfEpoch,
  closeLeaseForGood,
  extendFence,
  extendLease,
  fenceKey,
  firstFenceRow,
  firstLeaseRow,
  leaseKey,
  openFence,
  openLease,
  parseFenceRow,
  parseLeaseRow,
  raiseFence,
  raiseLease,
} from '../../core/lease/lease-rows.ts';
import { RefusedError } from '../../core/errors.ts';
import { holds, type Row, type RowChange, type RowKey } from '../../core/rows/row.ts';
import { shippingKey } from '../../core/lease/shipping-row.ts';
import type { TableKeys } from '../fenced-write.ts';
import type { EpochSettings } from '../with-epoch.ts';
import type { Item } from './item-values.ts';
import { LabNetwork } from './lab-network.ts';
import { MemoryDynamoDb } from './memory-dynamodb.ts';
import { VirtualClock } from './virtual-clock.ts';

export type LabOptions = {
  readonly region?: string;
  /** The service's tables by name; the first is the configuration's data table. */
  readonly tables: Readonly<Record<string, TableKeys>>;
  readonly fenceShards?: number;
  /** Length of the lease that `open` and `renew` give, in milliseconds. */
  readonly leaseMs?: number;
  /** As in holdfast.config.ts; `ship` says how far the log came. */
  readonly lagBrake?: { readonly maxLagMs: number };
};

const startMs = 1_700_000_000_000;
const settleTurns = 40;

export class WorkloadLab {
  readonly region: string;
  readonly clock = new VirtualClock(startMs);
  readonly tables: MemoryDynamoDb;
  readonly network: LabNetwork;
  /** What `withEpoch` is given in production from HOLDFAST_CONFIG. */
  readonly settings: EpochSettings;
  readonly #leaseMs: number;

  constructor(options: LabOptions) {
    const [[data, keys] = []] = Object.entries(options.tables);
    if (data === undefined || keys === undefined) throw new RefusedError('A lab needs at least one table of the service, with its keys.');
    this.region = options.region ?? 'us-east-1';
    this.#leaseMs = options.leaseMs ?? 18_000;
    this.settings = {
      tables: { region: 'holdfast-lab-region', fence: 'holdfast-lab-fence', log: 'holdfast-lab-log', data },
      dataKey: keys.partitionKey,
      isFenced: true,
      fenceShards: options.fenceShards ?? 4,
      timing: { gateCacheMs: 1000, clockSkewMs: 0 },
      ...(options.lagBrake === undefined ? {} : { lagBrake: options.lagBrake }),
    };
    this.tables = new MemoryDynamoDb({ ...options.tables, [this.settings.tables.region]: { partitionKey: 'pk', sortKey: 'sk' }, [this.settings.tables.fence]: { partitionKey: 'pk' } });
    this.network = new LabNetwork(this.tables);
    this.#put(leaseKey, firstLeaseRow);
    for (const k of this.#shards()) this.#put(fenceKey(k), firstFenceRow);
  }

  /** Settings of the handler's own DynamoDBClient. */
  get client() {
    return { region: this.region, credentials: { accessKeyId: 'lab', secretAccessKey: 'lab' }, requestHandler: this.network };
  }

  /** TakeLease and OpenGate: this region may write in `epoch`, for the length of the lease. */
  open(epoch: number): void {
    this.take(epoch);
    const untilAtMs = this.clock.nowMs() + this.#leaseMs;
    for (const k of this.#shards()) this.change(openFence(k, epoch, untilAtMs));
    this.change(openLease(epoch));
  }

  /** TakeLease alone: the rows carry the epoch, and everything is still closed. */
  take(epoch: number): void {
    for (const k of this.#shards()) this.change(raiseFence(k, epoch));
    this.change(raiseLease(epoch, this.clock.nowMs() + this.#leaseMs));
  }

  renew(): void {
    const { epoch } = this.lease();
    const untilAtMs = this.clock.nowMs() + this.#leaseMs;
    this.change(extendLease(epoch, untilAtMs));
    for (const k of this.#shards()) this.change(extendFence(k, epoch, untilAtMs));
  }

  /** The governor sees the deadline pass: closed, until a renewal opens it again. */
  closeAtDeadline(): void {
    for (const k of this.#shards()) {
      const fence = parseFenceRow(this.row(fenceKey(k)));
      if (fence.untilAtMs <= this.clock.nowMs()) this.change(closeFenceAtDeadline(k, fence));
    }
  }

  /** Hand-over: closed for good, this region will never write in this epoch again. */
  handOver(): void {
    const { epoch } = this.lease();
    this.change(closeLeaseForGood(epoch));
    for (const k of this.#shards()) this.change(closeFenceOfEpoch(k, epoch));
  }

  /** A tick looks how far this region's log is shipped: to its end, but for what is younger than `unshippedMs`; the log holds all but the last `unloggedMs`. */
  ship({ unshippedMs = 0, unloggedMs = 0 } = {}): void {
    const nowMs = this.clock.nowMs();
    this.#put(shippingKey, { lookedAtMs: nowMs, unshippedSinceMs: unshippedMs === 0 ? 0 : nowMs - unshippedMs, loggedThroughMs: nowMs - unloggedMs, shippedSequence: 0 });
  }

  /** Another region is seen to hold `epoch`: everything older is closed for good. */
  seeNewHolder(epoch: number): void {
    this.change(closeLeaseForGood(epoch - 1));
    for (const k of this.#shards()) this.change(closeFenceBelow(k, epoch));
  }

  /** A closed region knows where the service goes on, or no more (''). */
  moveTo(url: string): void {
    for (const k of this.#shards()) this.#put(fenceKey(k), { ...this.row(fenceKey(k)), movedTo: url });
  }

  /** The handler comes as far as it can while the clock stands: so many turns of the event loop. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < settleTurns; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  lease() {
    return parseLeaseRow(this.row(leaseKey));
  }

  /** One of Holdfast's own changes, under its own condition. @returns whether it was made */
  change({ key, set, when }: RowChange): boolean {
    const row = this.row(key);
    if (row === undefined || !when.every((condition) => holds(condition, row))) return false;
    this.#put(key, { ...row, ...set });
    return true;
  }

  row(key: RowKey): Row | undefined {
    const item = this.tables.get(this.#tableOf(key), this.#keyItem(key));
    if (item === undefined) return undefined;
    const attributes = Object.entries(item).filter(([name]) => name !== 'pk' && name !== 'sk');
    return Object.fromEntries(attributes.map(([name, { N, S }]) => [name, N === undefined ? String(S) : Number(N)]));
  }

  #put(key: RowKey, row: Row): void {
    this.tables.put(this.#tableOf(key), {
      ...Object.fromEntries(Object.entries(row).map(([name, value]) => [name, typeof value === 'string' ? { S: value } : { N: String(value) }])),
      ...this.#keyItem(key),
    });
  }

  #tableOf({ table }: RowKey): string {
    return table === 'fence' ? this.settings.tables.fence : this.settings.tables.region;
  }

  #keyItem({ pk, sk }: RowKey): Item {
    return { pk: { S: pk }, ...(sk === undefined ? {} : { sk: { S: sk } }) };
  }

  #shards(): readonly number[] {
    return Array.from({ length: this.settings.fenceShards }, (_, k) => k);
  }
}

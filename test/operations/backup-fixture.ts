// Two regions with a table each, their logs, one vault in three memory sites: what the tests of backup and restore play in. Time moves only when
// it is told to; the service writes as the real one does, and its stream reaches the logs late.
import { createHash } from 'node:crypto';
import { logPositionKey, parseArchiveRow, archiveKey, parseCutRow, recordCut, stillApplied } from '../../src/core/backup/backup-rows.ts';
import type { BackupPlan, BackupRequest, CommittedPoint } from '../../src/core/backup/backup-plan.ts';
import { everything, type Selection } from '../../src/core/backup/selection.ts';
import type { RestoreRequest } from '../../src/core/backup/restore-plan.ts';
import { fenceKey, leaseKey } from '../../src/core/lease/lease-rows.ts';
import { marks, padSequenceNumber, toChangeRecord, type ChangeRecord, type Image, type StreamEntry } from '../../src/core/log/change-record.ts';
import { nextSegment } from '../../src/core/log/segment.ts';
import type { PointName } from '../../src/core/vault/recovery-point.ts';
import { MemoryLiveTable } from '../../src/drivers/memory/memory-live-table.ts';
import { MemoryLogStore } from '../../src/drivers/memory/memory-log-store.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { MemorySite } from '../../src/drivers/memory/memory-site.ts';
import { MemoryTableStore } from '../../src/drivers/memory/memory-table-store.ts';
import { sha256, sha256Bytes } from '../../src/drivers/aws/system-environment.ts';
import { archiveLog } from '../../src/operations/archive-log.ts';
import { commitBackup } from '../../src/operations/backup-commit.ts';
import { TablePoints } from '../../src/operations/backup-facts.ts';
import { writeBackupPart } from '../../src/operations/backup-part.ts';
import { planBackup } from '../../src/operations/backup-plan.ts';
import type { BackupPorts } from '../../src/operations/backup-ports.ts';
import { restorePart } from '../../src/operations/restore-part.ts';
import { planRestore } from '../../src/operations/restore-plan.ts';
import { createTarget } from '../../src/operations/restore-target.ts';
import { reportRestore, validateRestore } from '../../src/operations/restore-validate.ts';
import { catchUp } from '../../src/operations/ship-log.ts';
import type { KeyWrap } from '../../src/ports/key-wrap.ts';
import type { VaultSite } from '../../src/ports/vault-site.ts';
import { SiteSet } from '../../src/vault/site-set.ts';
import { east, VirtualClock, west } from './group.ts';

export { east, west };
export const live = 'orders';
const fenceShards = 2;

/** Wraps nothing: what keys are wrapped with is the engine's affair. */
export const openWrap: KeyWrap = {
  kind: 'test',
  wrap: async (_vault, _keyId, dataKey) => [{ kind: 'test', sealed: Buffer.from(dataKey).toString('base64') }],
  unwrap: async (_vault, _keyId, wrap) => (wrap['kind'] === 'test' ? Buffer.from(String(wrap['sealed']), 'base64') : null),
};

/** Bytes that never come twice, the same in every run. */
export function countingRandom(): (bytes: number) => Uint8Array {
  let drawn = 0;
  return (bytes) => {
    const blocks: Uint8Array[] = [];
    for (let have = 0; have < bytes; have += 32)
      blocks.push(
        createHash('sha256')
          .update(`random ${(drawn += 1)}`)
          .digest(),
      );
    return Buffer.concat(blocks).subarray(0, bytes);
  };
}

/** A table of which a test can do something between two pages of a scan. */
export class WatchedTables extends MemoryTableStore {
  onPage: () => Promise<void> = async () => undefined;
  override async *scan(table: string, segment: number, segments: number): AsyncIterable<readonly Image[]> {
    for await (const page of super.scan(table, segment, segments)) {
      yield page;
      if (table === live) await this.onPage();
    }
  }
}

type Pending = StreamEntry;

export class Region {
  readonly name: string;
  readonly rows: MemoryRowStore;
  readonly log: MemoryLogStore;
  readonly tables: WatchedTables;
  readonly #clock: VirtualClock;
  /** In the stream, and in no log yet. */
  pending: Pending[] = [];
  /** In which epoch each write of this region was really made; a removal's record does not say. */
  readonly epochs = new Map<string, number>();
  /** Of each key, the last write that stands here. */
  readonly orders = new Map<string, string>();
  readonly #opened: { readonly epoch: number; readonly position: number }[] = [];
  #written = 0;

  constructor(name: string, clock: VirtualClock) {
    this.name = name;
    this.#clock = clock;
    this.rows = new MemoryRowStore(name);
    this.log = new MemoryLogStore(name);
    this.tables = new WatchedTables(name, 3);
  }

  async begin(): Promise<void> {
    await this.tables.create(live, 'id');
    await this.tables.describe(live);
    await this.setLease(0, 0);
  }

  async setLease(epoch: number, untilAtMs: number): Promise<void> {
    await this.rows.change({ key: leaseKey, set: { epoch, untilAtMs, openEpoch: epoch, closedEpoch: 0 }, when: [], mayCreate: true });
    for (let k = 0; k < fenceShards; k += 1) await this.rows.change({ key: fenceKey(k), set: { epoch, untilAtMs, closedThroughMs: 0 }, when: [], mayCreate: true });
  }

  /** A write of the service in this region and epoch; null removes. */
  async put(key: string, value: number | null, epoch: number): Promise<void> {
    const oldImage = this.tables.contents(live).get(key) ?? null;
    const newImage = value === null ? null : { id: { S: key }, n: { N: String(value) }, [marks.epoch]: { N: String(epoch) }, [marks.origin]: { S: this.name } };
    await this.#set(key, oldImage, newImage, epoch);
  }

  /** The live table as a restore in place writes it: into the same stream. */
  liveTable(): MemoryLiveTable {
    const items = {
      get: (key: string) => this.tables.contents(live).get(key) ?? null,
      set: async (key: string, image: Image | null) => {
        const old = this.tables.contents(live).get(key) ?? null;
        await this.#set(key, old, image, Number(Object(Object(image ?? old)[marks.epoch])['N']));
      },
    };
    return new MemoryLiveTable(this.rows, items, { keyName: 'id', fenceShards });
  }

  async #set(key: string, oldImage: Image | null, newImage: Image | null, epoch: number): Promise<void> {
    if (newImage === null && oldImage === null) return;
    if (newImage === null) this.tables.remove(live, key);
    else await this.tables.write(live, [newImage]);
    // As a stream of AWS tells times: whole seconds, rounded down.
    const atMs = Math.floor(this.#clock.nowMs() / 1000) * 1000;
    const sequenceNumber = padSequenceNumber(`${(this.#written += 1) * 7}`);
    this.epochs.set(sequenceNumber, epoch);
    this.orders.set(key, `${String(epoch).padStart(3, '0')}/${sequenceNumber}`);
    this.pending.push({ key, newImage, oldImage, atMs, sequenceNumber });
  }

  /** So many records of the stream reach the own log, as one segment; the first of a batch may come again, after what came after them. */
  async flush(count = this.pending.length, again = 0): Promise<void> {
    const entries = this.pending.splice(0, count);
    const records = entries.flatMap((entry) => toChangeRecord(entry, this.name) ?? []);
    for (const batch of [records, ...(again > 0 ? [records.slice(0, again)] : [])]) {
      if (batch.length === 0) continue;
      const head = await this.log.head(this.name);
      await this.log.append(head, nextSegment(this.name, head, batch, sha256));
    }
  }

  /**
   * Applies what it has of another region's log. By the epoch in which each write was really made: what was made in one that this region had
   * ended by opening without it did not survive; of one key, an older one changes nothing.
   */
  async apply(from: Region): Promise<void> {
    const origin = from.name;
    let position = Number((await this.rows.get(logPositionKey(origin)))?.['sequence'] ?? 0);
    for (const segment of await this.log.read(origin, position, 1_000_000)) {
      for (const [i, record] of segment.records.entries()) {
        const sequence = segment.sequence - segment.records.length + 1 + i;
        if (sequence <= position) continue;
        position = sequence;
        const epoch = from.epochs.get(record.sequenceNumber) ?? 0;
        const survived = this.#opened.every((o) => o.epoch <= epoch || sequence <= o.position);
        if (survived) await this.#applyOne(origin, record, epoch);
      }
    }
    await this.rows.change({ key: logPositionKey(origin), set: { sequence: position }, when: [], mayCreate: true });
  }

  async #applyOne(origin: string, record: ChangeRecord, epoch: number): Promise<void> {
    const order = `${String(epoch).padStart(3, '0')}/${record.sequenceNumber}`;
    if (order <= (this.orders.get(record.key) ?? '')) return;
    this.orders.set(record.key, order);
    if (record.image === null) this.tables.remove(live, record.key);
    else await this.tables.write(live, [{ ...record.image, [marks.origin]: { S: origin }, [marks.sequence]: { S: record.sequenceNumber } }]);
  }

  /** This region stands as another does. */
  async become(other: Region): Promise<void> {
    for (const key of this.tables.contents(live).keys()) this.tables.remove(live, key);
    await this.tables.write(live, [...other.tables.contents(live).values()]);
    this.orders.clear();
    for (const [key, order] of other.orders) this.orders.set(key, order);
  }

  /** Opens in an epoch with what it has applied of the other's log: the CUT row, as OpenGate writes it. */
  async open(epoch: number, other: string): Promise<void> {
    await this.setLease(epoch, Number.MAX_SAFE_INTEGER);
    const positions = { [other]: Number((await this.rows.get(logPositionKey(other)))?.['sequence'] ?? 0) };
    const answer = await this.rows.changeTogether([recordCut({ epoch, region: this.name, openedAtMs: this.#clock.nowMs(), positions })], stillApplied(positions));
    if (answer !== 'done') throw new Error('the cut was refused');
    this.#opened.push({ epoch, position: positions[other] ?? 0 });
  }
}

/** What stands in a table but for the mark that only an applied item has. */
export function plain(contents: ReadonlyMap<string, Image>): Record<string, string> {
  return Object.fromEntries(
    [...contents].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, image]) => [key, JSON.stringify({ n: image['n'], epoch: image[marks.epoch], origin: image[marks.origin] })]),
  );
}

export type World = Awaited<ReturnType<typeof createWorld>>;

export async function createWorld(options: { readonly sites?: readonly VaultSite[] } = {}) {
  const clock = new VirtualClock();
  const regions: Readonly<Record<string, Region>> = { [east]: new Region(east, clock), [west]: new Region(west, clock) };
  for (const region of Object.values(regions)) await region.begin();
  const sites = options.sites ?? ['us-east-1', 'us-west-2', 'eu-west-1'].map((name) => new MemorySite(name));
  const random = countingRandom();
  const day = 1;
  const portsIn = (name: string, override: Partial<BackupPorts> = {}): BackupPorts => {
    const region = regions[name];
    if (region === undefined) throw new Error(`no region ${name}`);
    const all = Object.values(regions);
    return {
      me: name,
      settings: {
        group: 'orders',
        source: 'orders',
        table: live,
        keyName: 'id',
        origins: [east, west],
        lockMode: 'COMPLIANCE',
        retentionDays: { hourly: day, daily: day, weekly: day, monthly: day, yearly: day },
        lockDaysMax: day,
        packBytes: 64 * 1024,
        partsMode: 'INLINE',
      },
      own: region.rows,
      log: region.log,
      tables: region.tables,
      sites: new SiteSet([...sites.filter((s) => s.name === name), ...sites.filter((s) => s.name !== name)]),
      otherSites: new SiteSet(sites.filter((s) => s.name !== name)),
      wrap: openWrap,
      cuts: async () => {
        const rows = await Promise.all(all.flatMap((r) => Array.from({ length: 9 }, async (_, epoch) => r.rows.get({ table: 'region', pk: 'CUT', sk: String(epoch).padStart(8, '0') }))));
        return rows.flatMap((row) => (row === undefined ? [] : [parseCutRow(row)]));
      },
      quiet: async () => (await Promise.all(all.map(async (r) => r.rows.get(archiveKey('orders'))))).flatMap((row) => parseArchiveRow(row) ?? []),
      clock,
      random,
      digest: sha256,
      sha256: sha256Bytes,
      ...override,
    };
  };
  /** Points as a cold start knows them. */
  const coldIn = (name: string) => new TablePoints(portsIn(name));
  /** As a function knows them that was called before. */
  const warm = new Map<string, TablePoints>();
  const pointsIn = (name: string) => {
    const points = warm.get(name) ?? coldIn(name);
    warm.set(name, points);
    return points;
  };

  return {
    clock,
    regions,
    region: (name: string): Region => {
      const found = regions[name];
      if (found === undefined) throw new Error(`no region ${name}`);
      return found;
    },
    sites,
    portsIn,
    pointsIn,
    coldIn,
    /** The backup machine in this region. */
    async backup(name: string, type: BackupRequest['type'], by = 'anna'): Promise<CommittedPoint & { readonly because: string }> {
      const [ports, points] = [portsIn(name), pointsIn(name)];
      const plan = await planBackup(ports, points, { group: 'orders', type, by });
      if (!plan.acts) throw new Error(plan.because);
      const parts = [];
      for (const piece of plan.pieces) parts.push(await writeBackupPart(ports, pointsIn(name), plan, piece));
      return { ...(await commitBackup(ports, pointsIn(name), plan, parts)), because: plan.because };
    },
    archive: async (name: string, isForced = false) => archiveLog(portsIn(name), pointsIn(name), isForced),
    /** Copies what one region has of a log to another. */
    ship: async (origin: string, to: string) => catchUp(origin, regions[origin]?.log ?? new MemoryLogStore(origin), regions[to]?.log ?? new MemoryLogStore(to), sha256),
    request: (atMs: number | null, table: string, change: Partial<RestoreRequest> = {}): RestoreRequest => ({
      group: 'orders',
      atMs,
      point: null,
      into: { table },
      select: everything,
      by: 'anna',
      ...change,
    }),
    /** The restore machine in this region, without ArchiveLog. */
    async restore(name: string, request: RestoreRequest, shards?: number) {
      const ports = portsIn(name);
      const planned = await planRestore(ports, pointsIn(name), request);
      const plan = shards === undefined ? planned : { ...planned, shards: Array.from({ length: shards }, (_, id) => ({ id })) };
      for (let i = 0; i < 3; i += 1) await createTarget(ports, plan).catch(() => undefined);
      await createTarget(ports, plan);
      const parts = [];
      for (const { id } of plan.shards) parts.push(await restorePart(ports, pointsIn(name), plan, id));
      const validation = await validateRestore(ports, plan, parts);
      return {
        plan,
        parts,
        report: await reportRestore(ports, plan, parts, validation),
        contents: plain(ports.tables instanceof MemoryTableStore ? ports.tables.contents(request.into.table) : new Map()),
      };
    },
  };
}

export const selecting = (change: Partial<Selection>): Selection => ({ ...everything, ...change });
export const named = ({ chain, point }: PointName): PointName => ({ chain, point });

/** East open in epoch 1, with ten items written and logged. */
export async function started(options: Parameters<typeof createWorld>[0] = {}): Promise<World> {
  const world = await createWorld(options);
  await world.region(east).open(1, west);
  for (let i = 0; i < 10; i += 1) {
    world.clock.advance(1000);
    await world.region(east).put(`k${i}`, i, 1);
  }
  await world.region(east).flush();
  return world;
}

export async function writeEast(world: World, key: string, value: number | null): Promise<void> {
  world.clock.advance(1000);
  await world.region(east).put(key, value, 1);
  await world.region(east).flush();
}

export async function planIn(world: World, type: BackupRequest['type'], name = east, by = 'anna'): Promise<BackupPlan> {
  return planBackup(world.portsIn(name), world.pointsIn(name), { group: 'orders', type, by });
}

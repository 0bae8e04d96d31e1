// What the tests of the change log share: numbered records, logs that fail when they are told to, and a standby that applies.
import { expect } from 'vitest';
import { MemoryDataStore } from '../../src/drivers/memory/memory-data-store.ts';
import { MemoryDivergenceStore } from '../../src/drivers/memory/memory-divergence-store.ts';
import { MemoryLogStore } from '../../src/drivers/memory/memory-log-store.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { padSequenceNumber, type ChangeRecord } from '../../src/core/log/change-record.ts';
import { emptyHead, headAfter, nextSegment, requireChain, type Segment } from '../../src/core/log/segment.ts';
import { firstRows } from '../../src/core/rows/first-rows.ts';
import { applyLog, type LogApplier } from '../../src/operations/apply-log.ts';
import { shipLog } from '../../src/operations/ship-log.ts';
import type { LogStore } from '../../src/ports/log-store.ts';
import type { RowStore } from '../../src/ports/row-store.ts';
import { policy } from '../core/fixtures.ts';
import { east, ireland, VirtualClock, west } from './group.ts';

export function recordOf(n: number, change: Partial<ChangeRecord> = {}): ChangeRecord {
  const key = change.key ?? `k${n}`;
  return { key, image: { id: { S: key }, n: { N: String(n) } }, epoch: 1, atMs: 1000 * n, sequenceNumber: padSequenceNumber(String(n)), ...change };
}

export const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, i) => recordOf(from + i));

/** Passes calls on, unless told to fail. */
export class FailingLog implements LogStore {
  readonly region: string;
  readonly inner: MemoryLogStore;
  fails: (method: keyof LogStore) => 'request' | 'answer' | undefined = () => undefined;
  constructor(region: string) {
    this.region = region;
    this.inner = new MemoryLogStore(region);
  }
  head = async (origin: string) => this.#send('head', async () => this.inner.head(origin));
  append = async (...args: Parameters<LogStore['append']>) => this.#send('append', async () => this.inner.append(...args));
  read = async (...args: Parameters<LogStore['read']>) => this.#send('read', async () => this.inner.read(...args));
  readBack = async (...args: Parameters<LogStore['readBack']>) => this.#send('readBack', async () => this.inner.readBack(...args));
  async #send<T>(method: keyof LogStore, act: () => Promise<T>): Promise<T> {
    const fails = this.fails(method);
    if (fails === 'request') throw new Error(`${this.region} is gone`);
    const answer = await act();
    if (fails === 'answer') throw new Error(`${this.region} did not answer`);
    return answer;
  }
}

export async function recordsIn(log: LogStore, origin = east): Promise<number[]> {
  const segments = await log.read(origin, 0, 1_000_000);
  requireChain(emptyHead, segments, sha256);
  return segments.flatMap((s) => s.records.map((r) => Number(r.sequenceNumber)));
}

export function createLogs() {
  const own = new FailingLog(east);
  const others = [new FailingLog(west), new FailingLog(ireland)];
  const ship = (records: readonly ChangeRecord[]) => shipLog(own, records, others, sha256);
  const [toWest, toIreland] = others;
  if (toWest === undefined || toIreland === undefined) throw new Error('unreachable');
  return { own, others, ship, toWest, toIreland };
}

export function createApplier(options: { own?: RowStore; fences?: { epoch: number; untilAtMs: number } } = {}) {
  const rows = new MemoryRowStore(west, firstRows(policy, west, east));
  const own = options.own ?? rows;
  const log = new MemoryLogStore(west);
  const data = new MemoryDataStore(rows, policy.fenceShards);
  const divergence = new MemoryDivergenceStore();
  const clock = new VirtualClock();
  const applier: LogApplier = { own, log, data, divergence, clock, digest: sha256 };
  let head = emptyHead;
  const segments: Segment[] = [];
  return {
    applier,
    rows,
    log,
    data,
    divergence,
    clock,
    segments,
    async receive(...batches: (readonly ChangeRecord[])[]): Promise<void> {
      for (const records of batches) {
        const segment = nextSegment(east, head, records, sha256);
        expect(await log.append(head, segment)).toBe('done');
        head = headAfter(segment);
        segments.push(segment);
      }
    },
    /** This region opens in this epoch. */
    async openIn(epoch: number, untilAtMs = 10_000): Promise<void> {
      for (const k of [0, 1]) await rows.change({ key: { table: 'fence', pk: `FENCE#${k}` }, set: { epoch, untilAtMs, closedThroughMs: 0 }, when: [], mayCreate: false });
    },
    apply: (pagesMax = 10) => applyLog(applier, east, pagesMax, []),
    position: async () => rows.get({ table: 'region', pk: 'LOG', sk: east }),
  };
}

export function createApplierOver(a: ReturnType<typeof createApplier>, change: RowStore['change']): LogApplier {
  // The position's row is made before the first batch; what moves it is what counts.
  const changeOther: RowStore['change'] = async (c) => (c.key.pk !== 'LOG' || c.set['sequence'] === 0 ? a.rows.change(c) : change(c));
  return { ...a.applier, own: { region: west, get: async (key) => a.rows.get(key), change: changeOther, changeTogether: async () => 'refused' } };
}

export function mapped(log: LogStore, map: (s: Segment) => Segment | undefined): LogStore {
  const all = (segments: Segment[]) => segments.flatMap((s) => map(s) ?? []);
  return {
    region: log.region,
    head: async (o) => log.head(o),
    append: async (h, s) => log.append(h, s),
    read: async (o, a, l) => all(await log.read(o, a, l)),
    readBack: async (o, b, l) => all(await log.readBack(o, b, l)),
  };
}

export function firstOnly(log: LogStore): LogStore {
  return { ...mapped(log, (s) => s), read: async (o, after) => log.read(o, after, 1) };
}

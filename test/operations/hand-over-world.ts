// A group whose first region is asked to hand over: its table's stream with several shards, the mapping that fills its log, and a successor
// that applies it, each of which can be made to stand still.
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { MemoryChangeStream } from '../../src/drivers/memory/memory-change-stream.ts';
import { MemoryLogStore } from '../../src/drivers/memory/memory-log-store.ts';
import { toChangeRecord, type Image } from '../../src/core/log/change-record.ts';
import { nextSegment } from '../../src/core/log/segment.ts';
import { operatorSwitch } from '../../src/core/failover/register-changes.ts';
import { closedForGood, fenceKey, leaseKey } from '../../src/core/lease/lease-rows.ts';
import type { Governor } from '../../src/operations/governor.ts';
import type { Policy } from '../../src/core/policy.ts';
import { maker } from '../core/fixtures.ts';
import { east, opened, ticked, west, type Group } from './group.ts';

export type HandOverWorld = Awaited<ReturnType<typeof createHandOver>>;

export async function createHandOver(options: { readonly shards?: number; readonly policy?: Partial<Policy> } = {}) {
  const group: Group = await opened(options.policy);
  const rules = { isDelivering: true, isApplying: true, onWait: (_count: number): void => undefined, onMark: (_count: number): void => undefined };
  const items = new Map<string, Image>();
  /** Whether every row of the region was closed for good, at each change of the table. */
  const wasClosed: boolean[] = [];
  let [changes, waits] = [0, 0];
  const isClosed = (epoch = 1) => {
    const rows = [0, 1].map((k) => group.store(east).rowOf(fenceKey(k)));
    return Number(group.store(east).rowOf(leaseKey)?.['closedEpoch']) >= epoch && rows.every((r) => r?.['epoch'] === epoch && r['closedThroughMs'] === closedForGood);
  };
  const set = (key: string, image: Image | null) => {
    const oldImage = items.get(key) ?? null;
    if (image === null) items.delete(key);
    else items.set(key, image);
    wasClosed.push(isClosed());
    stream.add({ key, newImage: image, oldImage, atMs: 0, sequenceNumber: String((changes += 1)) });
    if (image === null) rules.onMark(changes);
  };
  const stream = new MemoryChangeStream(east, options.shards ?? 1, set);
  const log = new MemoryLogStore(east);
  const delivered = new Map<string, number>();
  /** As an event source mapping: each shard in order, a child once its parent is delivered to its end. */
  const deliver = async () => {
    for (const { id, parent, entries } of stream.shards()) {
      const above = stream.shards().find((s) => s.id === parent);
      if (above !== undefined && (delivered.get(above.id) ?? 0) < above.entries.length) continue;
      const records = entries.slice(delivered.get(id) ?? 0).flatMap((entry) => toChangeRecord(entry, east) ?? []);
      delivered.set(id, entries.length);
      const head = await log.head(east);
      if (records.length > 0) await log.append(head, nextSegment(east, head, records, sha256));
    }
  };
  const apply = async (through?: number) => {
    const sequence = through ?? (await log.head(east)).sequence;
    await group.store(west).change({ key: { table: 'region', pk: 'LOG', sk: east }, set: { sequence }, when: [], mayCreate: true });
  };
  const clock = {
    nowMs: group.clock.nowMs,
    monotonicMs: group.clock.monotonicMs,
    wait: async (ms: number) => {
      await group.clock.wait(ms);
      waits += 1;
      rules.onWait(waits);
      if (rules.isDelivering) await deliver();
      if (rules.isApplying) await apply();
    },
  };
  const governor: Governor = group.governorOf(east, { clock, handOver: { stream, log, rowsOf: (region) => group.store(region) } });
  const write = (key: string) => set(key, { id: { S: key }, holdfastEpoch: { N: '1' }, holdfastOrigin: { S: east } });
  for (let i = 0; i < 20; i += 1) write(`order-${i}`);
  wasClosed.length = 0;
  await group.rounds(2);
  return {
    group,
    rules,
    items,
    stream,
    log,
    governor,
    wasClosed,
    isClosed,
    write,
    deliver,
    apply,
    ask: () => group.changeRegister((v) => operatorSwitch(v, west, group.policy, maker())),
    tick: async () => ticked(await group.tick(east, governor)),
    waits: () => waits,
  };
}

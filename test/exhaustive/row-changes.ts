// Every sequence of the row changes, of any length, over three epochs and three deadlines: the lease row and one fence row are small
// enough to be explored until nothing new comes. No order of operations is assumed: these properties hold of the changes alone.
import type { FenceRow, LeaseRow } from '../../src/core/lease/lease-rows.ts';
import { holds, type RowChange } from '../../src/core/rows/row.ts';
import type { Product } from '../simulation/product.ts';

const epochs = [1, 2, 3] as const;
const times = [1, 2, 3] as const;

type Rows = {
  readonly lease: LeaseRow;
  readonly fence: FenceRow;
  /** Epochs in which OpenGate opened each row, as bits; the epoch in which each was closed for good. */
  readonly leaseOpened: number;
  readonly fenceOpened: number;
  readonly leaseClosed: number;
  readonly fenceClosed: number;
};

type Named = { readonly name: string; readonly change: RowChange; readonly note?: (rows: Rows) => Partial<Rows> };
export type RowsExplored = { readonly states: number; readonly steps: number; readonly carriedOut: ReadonlySet<string>; readonly wrong: string | undefined };

function changesOf(product: Product, seen: readonly FenceRow[]): Named[] {
  const { leaseRows } = product;
  const named: Named[] = [];
  for (const epoch of epochs) {
    const bit = 1 << epoch;
    named.push({ name: `raise fence to ${epoch}`, change: leaseRows.raiseFence(0, epoch) });
    named.push({ name: `open lease of ${epoch}`, change: leaseRows.openLease(epoch), note: (r) => ({ leaseOpened: r.leaseOpened | bit }) });
    named.push({ name: `close lease for good through ${epoch}`, change: leaseRows.closeLeaseForGood(epoch), note: (r) => ({ leaseClosed: Math.max(r.leaseClosed, epoch) }) });
    named.push({ name: `close fence of ${epoch}`, change: leaseRows.closeFenceOfEpoch(0, epoch), note: (r) => ({ fenceClosed: r.fence.epoch }) });
    named.push({ name: `close fence below ${epoch}`, change: leaseRows.closeFenceBelow(0, epoch), note: (r) => ({ fenceClosed: r.fence.epoch }) });
    for (const time of [0, ...times]) named.push({ name: `raise lease to ${epoch} until ${time}`, change: leaseRows.raiseLease(epoch, time) });
    for (const time of times) {
      named.push({ name: `extend lease of ${epoch} to ${time}`, change: leaseRows.extendLease(epoch, time) });
      named.push({ name: `extend fence of ${epoch} to ${time}`, change: leaseRows.extendFence(0, epoch, time) });
      named.push({ name: `open fence of ${epoch} until ${time}`, change: leaseRows.openFence(0, epoch, time), note: (r) => ({ fenceOpened: r.fenceOpened | bit }) });
    }
  }
  return [...named, ...seen.map((row) => ({ name: `close fence at the deadline ${row.untilAtMs} seen in ${row.epoch}`, change: leaseRows.closeFenceAtDeadline(0, row) }))];
}

export function exploreRows(product: Product): RowsExplored {
  const { leaseRows } = product;
  const seenAtDeadline = epochs.flatMap((epoch) => times.map((untilAtMs) => ({ epoch, untilAtMs, closedThroughMs: 0 })));
  const changes = changesOf(product, seenAtDeadline);
  const first: Rows = { lease: leaseRows.firstLeaseRow, fence: leaseRows.firstFenceRow, leaseOpened: 0, fenceOpened: 0, leaseClosed: 0, fenceClosed: 0 };
  const seen = new Set([JSON.stringify(first)]);
  const frontier: { rows: Rows; path: string }[] = [{ rows: first, path: '' }];
  const carriedOut = new Set<string>();
  let steps = 0;
  for (let at = frontier.pop(); at !== undefined; at = frontier.pop()) {
    for (const named of changes) {
      steps += 1;
      const { rows, isDone } = carryOut(product, at.rows, named);
      if (isDone) carriedOut.add(named.name.replace(/ \d.*/, ''));
      const path = `${at.path} → ${named.name}`;
      const wrong = wrongAfter(product, at.rows, rows, named.name);
      if (wrong !== undefined) return { states: seen.size, steps, carriedOut, wrong: `${wrong}:${path}` };
      const key = JSON.stringify(rows);
      if (seen.has(key)) continue;
      seen.add(key);
      frontier.push({ rows, path });
    }
  }
  return { states: seen.size, steps, carriedOut, wrong: undefined };
}

function carryOut(product: Product, rows: Rows, { change, note }: Named): { rows: Rows; isDone: boolean } {
  const isFence = change.key.table === 'fence';
  const before = isFence ? rows.fence : rows.lease;
  const isDone = change.when.every((condition) => holds(condition, before));
  const after = { ...before, ...change.set };
  const changed: Rows = !isDone ? rows : isFence ? { ...rows, fence: product.leaseRows.parseFenceRow(after) } : { ...rows, lease: product.leaseRows.parseLeaseRow(after) };
  return { rows: isDone && note !== undefined ? { ...changed, ...note(changed) } : changed, isDone };
}

function wrongAfter(product: Product, before: Rows, after: Rows, name: string): string | undefined {
  const { lease, fence } = after;
  const isFenceOpen = product.leaseRows.isFenceOpen(fence);
  const isLeaseOpen = product.leaseRows.isLeaseOpen(lease);
  if (lease.epoch < before.lease.epoch || lease.closedEpoch < before.lease.closedEpoch || fence.epoch < before.fence.epoch) return 'an epoch fell';
  if (lease.openEpoch < before.lease.openEpoch) return 'the open epoch fell';
  if (isLeaseOpen && (after.leaseOpened & (1 << lease.epoch)) === 0) return 'the gate is open in an epoch that OpenGate did not open';
  if (isLeaseOpen && lease.epoch <= after.leaseClosed) return 'the gate is open in an epoch that was closed for good';
  if (isFenceOpen && (after.fenceOpened & (1 << fence.epoch)) === 0) return 'the fence is open in an epoch that OpenGate did not open';
  if (isFenceOpen && fence.epoch <= after.fenceClosed) return 'the fence is open in an epoch that was closed for good';
  if (fence.epoch === before.fence.epoch && fence.untilAtMs < before.fence.untilAtMs) return 'a deadline of the fence moved back';
  if (lease.epoch === before.lease.epoch && lease.untilAtMs < before.lease.untilAtMs) return 'a deadline of the lease moved back';
  if (name.startsWith('close fence below') && fence.closedThroughMs !== before.fence.closedThroughMs && fence.epoch >= Number(name.at(-1))) return 'what was not older was closed for good';
  if (name.startsWith('raise') && fence.epoch > before.fence.epoch && isFenceOpen) return 'a raised fence is open';
  return undefined;
}

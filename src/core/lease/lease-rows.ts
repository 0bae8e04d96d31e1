// The rows that say which epoch may act in this region, and the only changes that may be made to them. Each change carries
// its condition; each condition closes a hole found by exploring the protocol (C1–C6, P1 in the failure model).
import { MalformedError } from '../errors.ts';
import type { Row, RowChange, RowCheck, RowKey } from '../rows/row.ts';

export const leaseKey: RowKey = { table: 'region', pk: 'LEASE', sk: '#' };
export function fenceKey(k: number): RowKey {
  return { table: 'fence', pk: `FENCE#${k}` };
}

/** Later than any deadline: closed with this, only a higher epoch opens the fence again. */
export const closedForGood = 9e15;

export type LeaseRow = { readonly epoch: number; readonly untilAtMs: number; readonly openEpoch: number; readonly closedEpoch: number };
export type FenceRow = { readonly epoch: number; readonly untilAtMs: number; readonly closedThroughMs: number };

export const firstLeaseRow: LeaseRow = { epoch: 0, untilAtMs: 0, openEpoch: 0, closedEpoch: 0 };
export const firstFenceRow: FenceRow = { epoch: 0, untilAtMs: 0, closedThroughMs: 0 };

function count(row: Row | undefined, name: string, where: string): number {
  const value = row?.[name];
  if (typeof value !== 'number') throw new MalformedError(`${where} has no number '${name}': the row is missing or damaged; this region must not act. Never create it by hand.`);
  return value;
}

export function parseLeaseRow(row: Row | undefined): LeaseRow {
  const at = (name: string) => count(row, name, 'The lease row');
  return { epoch: at('epoch'), untilAtMs: at('untilAtMs'), openEpoch: at('openEpoch'), closedEpoch: at('closedEpoch') };
}

export function parseFenceRow(row: Row | undefined): FenceRow {
  const at = (name: string) => count(row, name, 'A fence row');
  return { epoch: at('epoch'), untilAtMs: at('untilAtMs'), closedThroughMs: at('closedThroughMs') };
}

/** Where this region sends clients on to: the service of the region that holds the lease, as far as it is known; empty where it is not, or is this one. */
export function movedToOf(row: Row | undefined): string {
  const url = row?.['movedTo'];
  return typeof url === 'string' ? url : '';
}

/** What the gate answers by, apart from the clock: opened in its own epoch, and not closed for good. */
export function isLeaseOpen(row: LeaseRow): boolean {
  return row.epoch > 0 && row.openEpoch === row.epoch && row.closedEpoch < row.epoch;
}

export function isActingAt(row: LeaseRow, nowMs: number): boolean {
  return isLeaseOpen(row) && nowMs < row.untilAtMs;
}

/** Nothing is accepted in this region's epoch any more: only a higher one opens a row again. */
export function isClosedForGood(lease: LeaseRow, fences: readonly FenceRow[]): boolean {
  return lease.closedEpoch >= lease.epoch && fences.every((fence) => fence.epoch >= lease.epoch && fence.closedThroughMs >= closedForGood);
}

export function isFenceOpen(row: FenceRow): boolean {
  return row.untilAtMs > row.closedThroughMs;
}

/** TakeLease, first: the fence rows get the new epoch, closed; clients are sent nowhere else any more. */
export function raiseFence(k: number, epoch: number): RowChange {
  return { key: fenceKey(k), set: { epoch, untilAtMs: 0, closedThroughMs: 0, movedTo: '' }, when: [{ attribute: 'epoch', is: '<', value: epoch }], mayCreate: false };
}

/** TakeLease, second, once every fence row is confirmed (C6). @param untilAtMs 0 where another invocation repeats it. */
export function raiseLease(epoch: number, untilAtMs: number): RowChange {
  return { key: leaseKey, set: { epoch, untilAtMs }, when: [{ attribute: 'epoch', is: '<', value: epoch }], mayCreate: false };
}

/** A renewal only extends a lease row that already carries its epoch and was not closed for good (C1). */
export function extendLease(epoch: number, untilAtMs: number): RowChange {
  return {
    key: leaseKey,
    set: { untilAtMs },
    when: [
      { attribute: 'epoch', is: '=', value: epoch },
      { attribute: 'closedEpoch', is: '<', value: epoch },
      { attribute: 'untilAtMs', is: '<', value: untilAtMs },
    ],
    mayCreate: false,
  };
}

/** A renewal extends a fence row that OpenGate has opened, also one closed at its deadline; never one still at 0 (P1). */
export function extendFence(k: number, epoch: number, untilAtMs: number): RowChange {
  return {
    key: fenceKey(k),
    set: { untilAtMs },
    when: [
      { attribute: 'epoch', is: '=', value: epoch },
      { attribute: 'untilAtMs', is: '>', value: 0 },
      { attribute: 'untilAtMs', is: '<', value: untilAtMs },
      { attribute: 'closedThroughMs', is: '<', value: untilAtMs },
    ],
    mayCreate: false,
  };
}

/** OpenGate, first. */
export function openFence(k: number, epoch: number, untilAtMs: number): RowChange {
  return {
    key: fenceKey(k),
    set: { untilAtMs },
    when: [
      { attribute: 'epoch', is: '=', value: epoch },
      { attribute: 'closedThroughMs', is: '<', value: untilAtMs },
      { attribute: 'untilAtMs', is: '<', value: untilAtMs },
    ],
    mayCreate: false,
  };
}

/** OpenGate, second, once every fence row is open. */
export function openLease(epoch: number): RowChange {
  return {
    key: leaseKey,
    set: { openEpoch: epoch },
    when: [
      { attribute: 'epoch', is: '=', value: epoch },
      { attribute: 'closedEpoch', is: '<', value: epoch },
    ],
    mayCreate: false,
  };
}

/** Release, first: no renewal of this epoch opens the lease row again (C1). */
export function closeLeaseForGood(epoch: number): RowChange {
  return { key: leaseKey, set: { closedEpoch: epoch }, when: [{ attribute: 'closedEpoch', is: '<', value: epoch }], mayCreate: false };
}

/** Provisional: whoever sees the deadline pass closes through exactly the deadline that it saw. */
export function closeFenceAtDeadline(k: number, seen: FenceRow): RowChange {
  return {
    key: fenceKey(k),
    set: { closedThroughMs: seen.untilAtMs },
    when: [
      { attribute: 'epoch', is: '=', value: seen.epoch },
      { attribute: 'untilAtMs', is: '=', value: seen.untilAtMs },
      { attribute: 'closedThroughMs', is: '<', value: seen.untilAtMs },
    ],
    mayCreate: false,
  };
}

/** A hand-over closes its own epoch for good (C3); nothing but a higher epoch opens it again. */
export function closeFenceOfEpoch(k: number, epoch: number): RowChange {
  return { key: fenceKey(k), set: { closedThroughMs: closedForGood }, when: [{ attribute: 'epoch', is: '=', value: epoch }], mayCreate: false };
}

/** A region that reads a chosen newer holder closes every older epoch (C4), and not whatever it finds (R1). */
export function closeFenceBelow(k: number, chosenEpoch: number): RowChange {
  return { key: fenceKey(k), set: { closedThroughMs: closedForGood }, when: [{ attribute: 'epoch', is: '<', value: chosenEpoch }], mayCreate: false };
}

/** Once a hand-over is released: its successor serves from now on. */
export function moveFenceOfEpoch(k: number, epoch: number, movedTo: string): RowChange {
  return {
    key: fenceKey(k),
    set: { movedTo },
    when: [
      { attribute: 'epoch', is: '=', value: epoch },
      { attribute: 'closedThroughMs', is: '=', value: closedForGood },
    ],
    mayCreate: false,
  };
}

/** After the close, never with it: an address that nobody knows must not hold a close up. Where the close did not come through, a later tick does both. */
export function moveFenceBelow(k: number, chosenEpoch: number, movedTo: string): RowChange {
  return {
    key: fenceKey(k),
    set: { movedTo },
    when: [
      { attribute: 'epoch', is: '<', value: chosenEpoch },
      { attribute: 'closedThroughMs', is: '=', value: closedForGood },
    ],
    mayCreate: false,
  };
}

/**
 * Goes with applying another region's writes of `epoch`: once this region has served in a newer one, the history went on without
 * them. The fence rows alone cannot say so, a take-over sets their times back to 0 (raiseFence).
 */
export function servedNoneAfter(epoch: number): RowCheck {
  return { key: leaseKey, when: [{ attribute: 'openEpoch', is: '<=', value: epoch }] };
}

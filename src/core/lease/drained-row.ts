// Where this region's change log ends for an epoch that it lost, found by markers (docs/switch-over.md, Why the log is at its end): nothing that was
// acknowledged in that epoch or an older one comes after that record. The tick writes it, a sign-off goes by it.
import { MalformedError } from '../errors.ts';
import type { Sighting } from '../register/sighting.ts';
import type { Row, RowChange, RowKey } from '../rows/row.ts';
import { isClosedForGood, type FenceRow, type LeaseRow } from './lease-rows.ts';

export const drainedKey: RowKey = { table: 'region', pk: 'DRAINED', sk: '#' };

/** `sequence`: number of a record of this region's own log. */
export type Drained = { readonly epoch: number; readonly sequence: number };

/** @throws MalformedError */
export function parseDrainedRow(row: Row | undefined): Drained | undefined {
  if (row === undefined) return undefined;
  const { epoch, sequence } = row;
  if (typeof epoch !== 'number' || typeof sequence !== 'number') throw new MalformedError('The row DRAINED cannot be read: it was altered. Delete it; the next tick of that region finds it anew.');
  return { epoch, sequence };
}

/** What is known of an epoch stays true; a tick that froze with an older one says nothing any more. */
export function drainedChange({ epoch, sequence }: Drained): RowChange {
  return { key: drainedKey, set: { epoch, sequence }, when: [{ attribute: 'epoch', is: '<', value: epoch }], mayCreate: true };
}

/** Only a region that waits for its sign-off, and only once nothing can be accepted there any more. One that never held an epoch has nothing to drain. */
export function epochToDrain(me: string, sighting: Sighting, { lease, fences }: { readonly lease: LeaseRow; readonly fences: readonly FenceRow[] }): number | undefined {
  if (sighting.kind !== 'chosen' || sighting.value.holder === me || sighting.value.regions[me]?.reconciled !== false) return undefined;
  return lease.epoch > 0 && isClosedForGood(lease, fences) ? lease.epoch : undefined;
}

// What must be true before a region that returned may become eligible again. Pure: from what was read, all that is missing, each in a sentence that
// says what to do.
import type { Drained } from '../lease/drained-row.ts';
import { closedForGood, isLeaseOpen, type FenceRow, type LeaseRow } from '../lease/lease-rows.ts';

export type ReturnedRegion = {
  readonly region: string;
  readonly holder: string;
  /** The register's. */
  readonly epoch: number;
  readonly lease: LeaseRow;
  readonly fences: readonly FenceRow[];
  /** Undefined where no tick of the returned region has drained an epoch yet. */
  readonly drained: Drained | undefined;
  /** Numbers of last records. Of the returned region's log: its own, and what the holder has dealt with; of the holder's: its own, and what the returned one has. */
  readonly written: number;
  readonly dealtWith: number;
  readonly homeWritten: number;
  readonly homeApplied: number;
};

/** First, and again at the end: only a region that accepts nothing more can be compared. */
export function whyNotClosed({ region, lease, fences, epoch }: Pick<ReturnedRegion, 'region' | 'lease' | 'fences' | 'epoch'>): string[] {
  const missing: string[] = [];
  if (lease.closedEpoch < lease.epoch || lease.epoch >= epoch)
    missing.push(
      `${region} has not closed its epoch ${lease.epoch} for good (closed: ${lease.closedEpoch}): its governor does so once it reads the register; 'holdfast status' shows whether it ticks`,
    );
  // A take-over that died between its fence rows and its lease row left them of an epoch between the two: that is over as well.
  const open = fences.flatMap((fence, k) => (fence.epoch < epoch && fence.closedThroughMs >= closedForGood ? [] : [`FENCE#${k}`]));
  if (open.length > 0)
    missing.push(`${open.join(', ')} of ${region} ${open.length === 1 ? 'is' : 'are'} not closed for good: a write could still be accepted there; its governor closes them at its next tick`);
  return missing;
}

/** What its stream has not brought into its log yet is in nobody's list. A region that never held an epoch accepted nothing. */
export function whyNotDrained({ region, lease, drained }: Pick<ReturnedRegion, 'region' | 'lease' | 'drained'>): string[] {
  if (lease.epoch === 0 || (drained !== undefined && drained.epoch >= lease.epoch)) return [];
  return [
    `${region} has not shown yet that its log holds all it accepted in epoch ${lease.epoch}: its governor drains its stream within a tick or two, by itself; ask again, and if this stays, 'holdfast status' shows whether it ticks, and the log of its function tick says why`,
  ];
}

/** Before anything is compared or listed: until the holder has opened, its runbook may still apply what the returned region had logged. */
export function whyNotOpen(holder: string, epoch: number, lease: LeaseRow): string[] {
  if (isLeaseOpen(lease) && lease.epoch === epoch) return [];
  return [`${holder} holds epoch ${epoch} and has not opened it: what it begins with is not settled; wait until 'holdfast status' says that it serves`];
}

/** Up to its end, and no less far than it was drained: a log that was lost or restored may end before. */
export function whyNotCollected({ region, holder, written, dealtWith, drained }: Pick<ReturnedRegion, 'region' | 'holder' | 'written' | 'dealtWith' | 'drained'>): string[] {
  const end = Math.max(written, drained?.sequence ?? 0);
  return dealtWith >= end ? [] : [`${holder} has dealt with ${dealtWith} of ${end} changes of ${region}'s log: the rest is on its way; 'holdfast status' shows the lag`];
}

export function whyNotApplied({ region, holder, homeWritten, homeApplied }: Pick<ReturnedRegion, 'region' | 'holder' | 'homeWritten' | 'homeApplied'>): string[] {
  return homeApplied >= homeWritten ? [] : [`${region} has applied ${homeApplied} of ${homeWritten} changes of ${holder}'s log: wait until it has caught up; 'holdfast status' shows the lag`];
}

// What must be true before a region that returned may become eligible again. Pure: from what was read, all that is missing, each in a sentence that
// says what to do.
import { closedForGood, isLeaseOpen, type FenceRow, type LeaseRow } from '../lease/lease-rows.ts';

export type ReturnedRegion = {
  readonly region: string;
  readonly holder: string;
  /** The register's. */
  readonly epoch: number;
  readonly lease: LeaseRow;
  readonly fences: readonly FenceRow[];
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
  const open = fences.flatMap((fence, k) => (fence.epoch <= lease.epoch && fence.closedThroughMs >= closedForGood ? [] : [`FENCE#${k}`]));
  if (open.length > 0)
    missing.push(`${open.join(', ')} of ${region} ${open.length === 1 ? 'is' : 'are'} not closed for good: a write could still be accepted there; its governor closes them at its next tick`);
  return missing;
}

/** Before anything is compared or listed: until the holder has opened, its runbook may still apply what the returned region had logged. */
export function whyNotOpen(holder: string, epoch: number, lease: LeaseRow): string[] {
  if (isLeaseOpen(lease) && lease.epoch === epoch) return [];
  return [`${holder} holds epoch ${epoch} and has not opened it: what it begins with is not settled; wait until 'holdfast status' says that it serves`];
}

export function whyNotCollected({ region, holder, written, dealtWith }: Pick<ReturnedRegion, 'region' | 'holder' | 'written' | 'dealtWith'>): string[] {
  return dealtWith >= written ? [] : [`${holder} has dealt with ${dealtWith} of ${written} changes of ${region}'s log: the rest is on its way; 'holdfast status' shows the lag`];
}

export function whyNotApplied({ region, holder, homeWritten, homeApplied }: Pick<ReturnedRegion, 'region' | 'holder' | 'homeWritten' | 'homeApplied'>): string[] {
  return homeApplied >= homeWritten ? [] : [`${region} has applied ${homeApplied} of ${homeWritten} changes of ${holder}'s log: wait until it has caught up; 'holdfast status' shows the lag`];
}

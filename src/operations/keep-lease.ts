// Keeps this region's rows true to the register: renews, repeats a half-done take-over, releases, or closes for good.
import { leaseDuty, overdueFences, type LeaseDuty } from '../core/lease/keep.ts';
import {
  closeFenceAtDeadline,
  closeFenceBelow,
  closeFenceOfEpoch,
  closeLeaseForGood,
  extendFence,
  extendLease,
  fenceKey,
  leaseKey,
  moveFenceBelow,
  movedToOf,
  parseFenceRow,
  parseLeaseRow,
  raiseFence,
  raiseLease,
  type FenceRow,
  type LeaseRow,
} from '../core/lease/lease-rows.ts';
import { release, renew } from '../core/failover/register-changes.ts';
import type { Vantage } from '../core/health/vantage.ts';
import type { Sighting } from '../core/register/sighting.ts';
import { StepNotReadyError } from '../core/errors.ts';
import { registerOf, type Governor } from './governor.ts';
import { seenBallotOf } from './register.ts';

/** `movedTo`: of each fence row, where it sends clients on to. */
export type OwnRows = { readonly lease: LeaseRow; readonly fences: readonly FenceRow[]; readonly movedTo: readonly string[] };

export async function readOwnRows(governor: Pick<Governor, 'own' | 'policy'>): Promise<OwnRows> {
  const [lease, ...fences] = await Promise.all([governor.own.get(leaseKey), ...shards(governor).map((k) => governor.own.get(fenceKey(k)))]);
  return { lease: parseLeaseRow(lease), fences: fences.map((row) => parseFenceRow(row)), movedTo: fences.map((row) => movedToOf(row)) };
}

export function shards(governor: Pick<Governor, 'policy'>): number[] {
  return Array.from({ length: governor.policy.fenceShards }, (_, k) => k);
}

/** `sighting`: what the duty was found from. A hand-over is a work of its own, and not done yet (hand-over.ts). */
export type Kept = { readonly duty: LeaseDuty; readonly sighting: Sighting; readonly outcome: string };

/** @param clockAgrees where false, nothing is renewed; closing is always safe. */
export async function keepLease(governor: Governor, sighting: Sighting, rows: OwnRows, clockAgrees: boolean): Promise<Kept> {
  await closeOverdue(governor, rows);
  const duty = leaseDuty(governor.me, sighting, rows.lease);
  if (duty.kind !== 'renew') return { duty, sighting, outcome: await closeOrRelease(governor, sighting, duty, rows) };
  if (!clockAgrees) return { duty, sighting, outcome: 'not renewed: the clocks disagree' };
  if (duty.repeatTakeLease) await writeTakenRows(governor, duty.epoch, 0);
  const renewed = await renewLease(governor, sighting, duty.epoch);
  if (renewed.kind !== 'refused') return { duty, sighting, outcome: renewed.because };
  const settled: Sighting = { kind: 'chosen', value: renewed.current, ballot: seenBallotOf(sighting), highestPromise: seenBallotOf(sighting), because: renewed.because };
  const next = leaseDuty(governor.me, settled, rows.lease);
  return { duty: next, sighting: settled, outcome: await closeOrRelease(governor, settled, next, rows) };
}

/** Renews by a CAS of its own id; the rows are good from when it *began*, and only if it is known to be chosen. */
export async function renewLease(governor: Governor, sighting: Sighting, epoch: number) {
  const { clock, chance, me } = governor;
  const wallMs = clock.nowMs();
  const monotonicMs = clock.monotonicMs();
  const renewal = chance.id();
  const outcome = await registerOf(governor).change(sighting, (current) => renew(current, me, epoch, renewal));
  if (outcome.kind === 'refused') return { kind: 'refused', current: outcome.current, because: outcome.because } as const;
  if (outcome.kind === 'unknown') return { kind: 'unknown', because: `renewal of unknown outcome extends nothing: ${outcome.because}` } as const;
  const elapsedMs = Math.max(clock.nowMs() - wallMs, clock.monotonicMs() - monotonicMs);
  const untilAtMs = deadlineFrom(governor, clock.nowMs() - elapsedMs);
  await Promise.all([governor.own.change(extendLease(epoch, untilAtMs)), ...shards(governor).map((k) => governor.own.change(extendFence(k, epoch, untilAtMs)))]);
  return { kind: 'renewed', because: `renewed epoch ${epoch} until ${untilAtMs}` } as const;
}

export function deadlineFrom(governor: Pick<Governor, 'policy'>, beganAtMs: number): number {
  return Math.floor(beganAtMs + governor.policy.timing.leaseMs - governor.policy.timing.skewAllowanceMs);
}

/** TakeLease's row writes, in their order: every fence row confirmed closed under the new epoch, then the lease row (C6). */
export async function writeTakenRows(governor: Pick<Governor, 'own' | 'policy'>, epoch: number, untilAtMs: number): Promise<void> {
  await Promise.all(shards(governor).map((k) => governor.own.change(raiseFence(k, epoch))));
  await governor.own.change(raiseLease(epoch, untilAtMs));
}

async function closeOverdue(governor: Governor, rows: OwnRows): Promise<void> {
  const overdue = overdueFences(rows.fences, governor.clock.nowMs());
  await Promise.all(
    overdue.map(async (k) => {
      const row = rows.fences[k];
      if (row !== undefined) await governor.own.change(closeFenceAtDeadline(k, row));
    }),
  );
}

async function closeOrRelease(governor: Governor, sighting: Sighting, duty: LeaseDuty, rows: OwnRows): Promise<string> {
  if (duty.kind === 'close-below') return closeBelow(governor, duty.epoch, rows);
  if (duty.kind === 'release') return releaseLease(governor, sighting, duty.epoch);
  return duty.because;
}

async function closeBelow(governor: Governor, chosenEpoch: number, rows: OwnRows): Promise<string> {
  await Promise.all([governor.own.change(closeLeaseForGood(chosenEpoch - 1)), ...shards(governor).map((k) => governor.own.change(closeFenceBelow(k, chosenEpoch)))]);
  return `closed below epoch ${chosenEpoch} (own rows were of epoch ${rows.lease.epoch})`;
}

/** In this order: lease row, fence rows, the wait for what was read before, then the register (C1–C3). */
async function releaseLease(governor: Governor, sighting: Sighting, epoch: number): Promise<string> {
  const closedAtMs = await closeEpochForGood(governor, epoch);
  await waitForReaders(governor, closedAtMs);
  const outcome = await registerOf(governor).change(sighting, (current) => release(current, governor.me, epoch));
  return outcome.kind === 'chosen' ? `released epoch ${epoch}` : `epoch ${epoch} is closed, but not released: ${outcome.because}`;
}

/** @returns when the lease row was closed, by this invocation's monotonic clock */
export async function closeEpochForGood(governor: Governor, epoch: number): Promise<number> {
  await governor.own.change(closeLeaseForGood(epoch));
  const closedAtMs = governor.clock.monotonicMs();
  await Promise.all(shards(governor).map((k) => closeShardOfEpoch(governor, k, epoch)));
  return closedAtMs;
}

/** Until nobody can go by a lease row that was read before the close (C2). */
export async function waitForReaders({ clock, policy }: Governor, closedAtMs: number): Promise<void> {
  const { gateCacheMs, clockSkewMs, effectMs } = policy.timing;
  // Not even a clock that runs ahead may shorten it; the rows are closed already, so waiting longer is safe.
  const waitMs = gateCacheMs + clockSkewMs + effectMs - (clock.monotonicMs() - closedAtMs);
  if (waitMs > 0) await clock.wait(waitMs);
}

/** A closed region sends its clients on to the region that holds the lease. Written where it is not so yet; the close never waits for it. */
export async function sendClientsOn(governor: Governor, sighting: Sighting, rows: OwnRows, peers: Vantage['peers']): Promise<void> {
  if (sighting.kind !== 'chosen' || sighting.value.holder === governor.me) return;
  const { holder, epoch } = sighting.value;
  const url = peers[holder]?.serviceUrl ?? '';
  await Promise.all(shards(governor).map(async (k) => (rows.movedTo[k] === url ? undefined : governor.own.change(moveFenceBelow(k, epoch, url)))));
}

/** A row that still carries an older epoch is raised first: a zombie of this epoch must meet the close, not a fresh row. */
async function closeShardOfEpoch(governor: Governor, k: number, epoch: number): Promise<void> {
  await governor.own.change(raiseFence(k, epoch));
  const closed = await governor.own.change(closeFenceOfEpoch(k, epoch));
  if (closed.kind === 'refused') {
    throw new StepNotReadyError(`FENCE#${k} of ${governor.me} could not be closed for epoch ${epoch} (it is of epoch ${String(closed.row?.['epoch'])}): not released; the next tick looks again.`);
  }
}

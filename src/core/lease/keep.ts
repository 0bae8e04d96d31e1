// What a region must do with its own rows, from the register it sees: renew, repeat a half-done take-over, release, or
// close for good. Pure.
import type { Sighting } from '../register/sighting.ts';
import type { RegisterValue } from '../register/value.ts';
import { isFenceOpen, type FenceRow, type LeaseRow } from './lease-rows.ts';

export type LeaseDuty =
  | { readonly kind: 'none'; readonly because: string }
  /** Renew this epoch; `repeatTakeLease` where the rows do not carry it yet (a take-over that died half-way, R2). */
  | { readonly kind: 'renew'; readonly epoch: number; readonly repeatTakeLease: boolean; readonly because: string }
  | { readonly kind: 'release'; readonly epoch: number; readonly because: string }
  /** A planned switch-over: revoked, and released only once everything is handed over. */
  | { readonly kind: 'hand-over'; readonly epoch: number; readonly value: RegisterValue; readonly because: string }
  /** A newer holder is chosen: close everything older for good, before anything else. */
  | { readonly kind: 'close-below'; readonly epoch: number; readonly because: string };

export function leaseDuty(me: string, sighting: Sighting, lease: LeaseRow): LeaseDuty {
  if (sighting.kind === 'nothing') return { kind: 'none', because: sighting.because };
  const { value } = sighting;
  if (sighting.kind !== 'chosen') {
    // A value that may never be chosen closes nothing (C4). The holder's CAS finds out, and settles what it meets.
    return value.holder === me ? { kind: 'renew', epoch: value.epoch, repeatTakeLease: false, because: sighting.because } : { kind: 'none', because: sighting.because };
  }
  if (value.holder !== me) return { kind: 'close-below', epoch: value.epoch, because: `${value.holder} holds epoch ${value.epoch}` };
  if (value.released) return { kind: 'none', because: `epoch ${value.epoch} is released` };
  if (!value.renewable && value.planned === true) return { kind: 'hand-over', epoch: value.epoch, value, because: value.because };
  if (!value.renewable) return { kind: 'release', epoch: value.epoch, because: value.because };
  return { kind: 'renew', epoch: value.epoch, repeatTakeLease: lease.epoch < value.epoch, because: `${me} holds epoch ${value.epoch}` };
}

/** The fence rows whose deadline has passed while they stand open: whoever sees it closes them, provisionally. */
export function overdueFences(fences: readonly FenceRow[], nowMs: number): number[] {
  return fences.flatMap((row, k) => (isFenceOpen(row) && row.untilAtMs <= nowMs ? [k] : []));
}

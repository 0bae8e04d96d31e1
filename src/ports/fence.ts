// The port to something that stops a region from acting: its power, network, storage or credentials.
import type { FenceOutcome } from '../core/fences/fence-plan.ts';
import type { UndoPermit } from '../core/fences/undo-permit.ts';

export type FenceTarget = { readonly region: string; readonly epoch: number };

/**
 * Contract (test/contract/fence.ts):
 * - `remember` changes nothing; it says, in the driver's own words, what `undo` will need. It throws where that cannot be read.
 * - `fence` never throws. `confirmed` only after the state was read back, never because a call was accepted; what nobody can tell is `unknown`.
 * - `fence` is idempotent: repeated, after a lost answer too, it changes nothing more and is confirmed.
 * - `undo` brings back what `memo` says, reads it back, and is idempotent; what was stopped when it was remembered is not touched (two epochs may
 *   have remembered the same thing, and their order is not known). It never throws.
 * - Each ends soon after `signal` is aborted: `fence` and `undo` by `unknown`. What was sent by then may still be carried out, within the life of
 *   a request.
 */
export interface Fence {
  remember(target: FenceTarget, signal: AbortSignal): Promise<string>;
  fence(target: FenceTarget, signal: AbortSignal): Promise<FenceOutcome>;
  undo(permit: UndoPermit, memo: string, signal: AbortSignal): Promise<FenceOutcome>;
}

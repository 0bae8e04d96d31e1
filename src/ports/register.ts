// The port to the register: one value of the whole recovery group, read and replaced atomically, over the tables of a majority
// of regions (src/operations/register.ts) or over one strongly consistent global table (src/operations/strong-register.ts).
import type { Sighting } from '../core/register/sighting.ts';
import type { RegisterValue } from '../core/register/value.ts';

export type Proposal = { readonly kind: 'set'; readonly value: RegisterValue } | { readonly kind: 'refuse'; readonly because: string };

export type ChangeOutcome =
  | { readonly kind: 'chosen'; readonly value: RegisterValue }
  /** `current` was chosen, and does not allow the change. */
  | { readonly kind: 'refused'; readonly current: RegisterValue; readonly because: string }
  /** It may have been carried out, or may be yet. Only a later look can tell. */
  | { readonly kind: 'unknown'; readonly because: string };

/**
 * Contract (test/contract/register.ts):
 * - The values that were ever chosen are one chain, each made by `propose` from the one before it; none is lost.
 * - `look` changes nothing and never throws: who cannot tell says `nothing`. A ballot stands for one value, and never comes back.
 * - `change` makes a change at most once, however its calls are lost, repeated or late. `refused` is answered only from a value that
 *   was chosen during the call; what cannot be told is `unknown`.
 * - A row that is missing is never created by either (H3).
 */
export interface Register {
  look(): Promise<Sighting>;
  /** @param seen a look before: by which ballot to begin, and who votes. @param propose may be asked several times; must be pure. */
  change(seen: Sighting, propose: (current: RegisterValue) => Proposal): Promise<ChangeOutcome>;
}

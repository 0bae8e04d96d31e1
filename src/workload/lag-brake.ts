// Refuses fenced writes while more of this region's changes than its owner allows may be in no other region: what a lost region takes with it is
// then bounded by a setting, and paid for with availability.
import { LagExceededError } from '../core/errors.ts';
import { isLogged, lagOf, type Shipping } from '../core/lease/shipping-row.ts';

export type LagBrakeOptions = { readonly region: string; readonly maxLagMs: number; readonly clockSkewMs: number; readonly nowMs: () => number };

export class LagBrake {
  readonly #options: LagBrakeOptions;
  #shipping: Shipping | undefined;
  #writtenSinceMs: number | undefined;

  constructor(options: LagBrakeOptions) {
    this.#options = options;
  }

  /** The row as it was read; where it could not be read, the last one only grows older. */
  saw(shipping: Shipping): void {
    this.#shipping = shipping;
    if (this.#writtenSinceMs !== undefined && isLogged(shipping, this.#writtenSinceMs, this.#options.clockSkewMs)) this.#writtenSinceMs = undefined;
  }

  /** A write that began then was acknowledged: until the log is seen to have come so far, it may be nowhere else. */
  wrote(beganAtMs: number): void {
    this.#writtenSinceMs ??= beganAtMs;
  }

  /** @throws LagExceededError */
  admit(): void {
    const { region, maxLagMs, clockSkewMs, nowMs } = this.#options;
    const { lagMs, because } = lagOf(this.#shipping, this.#writtenSinceMs, { nowMs: nowMs(), clockSkewMs });
    if (lagMs <= maxLagMs) return;
    throw new LagExceededError(
      `The write was not sent: ${lagMs} ms of changes of ${region} may be in no other region, and ${maxLagMs} are allowed (${because}). Answer 503 and retry in a moment; see why the log is not shipped (holdfast status), or take 'lagBrake' out of holdfast.config.ts and deploy.`,
      lagMs,
    );
  }
}

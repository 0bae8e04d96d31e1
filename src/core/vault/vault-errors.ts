// The errors of vault, backup and restore. Apart from ../errors.ts because the failover runbook must list all of those.
import { HoldfastError } from '../errors.ts';

/** Fewer than a majority of the sites took it. What some took is harmless; trying again is safe. */
export class TooFewSitesError extends HoldfastError {
  constructor(message: string) {
    super('TooFewSitesError', message, true);
  }
}

/** Stored bytes are not what they should be, in every site that was asked. Nothing of them was used. */
export class DamagedError extends HoldfastError {
  constructor(message: string) {
    super('DamagedError', message, false);
  }
}

/** No wrap of the data key opens with what was given, or the key does not belong to this vault. */
export class KeyUnavailableError extends HoldfastError {
  constructor(message: string) {
    super('KeyUnavailableError', message, false);
  }
}

/** The time asked for is not covered by what was backed up; the message says what is. Nothing was changed. */
export class NotCoveredError extends HoldfastError {
  constructor(message: string) {
    super('NotCoveredError', message, false);
  }
}

/** What was restored is not what the vault holds. The target is kept for looking at; it must not be used. */
export class NotIdenticalError extends HoldfastError {
  constructor(message: string) {
    super('NotIdenticalError', message, false);
  }
}

/** A person stopped it. Nothing half-made counts; what was stored is used again by the next run. */
export class InterruptedError extends HoldfastError {
  constructor(message: string) {
    super('InterruptedError', message, true);
  }
}

// Every error that Holdfast throws. State machines match errors by name, so each name is a literal string (bundlers
// rename classes), and `retryable` says whether a runbook may try the same step again.

/** What every Holdfast error carries: a literal name, what happened to what and what to do, and whether to try again. */
export class HoldfastError extends Error {
  readonly retryable: boolean;
  constructor(name: string, message: string, retryable: boolean) {
    super(message);
    this.name = name;
    this.retryable = retryable;
  }
}

/** The (epoch, attempt, step) that this call belongs to is over; another one acts. Nothing was changed. */
export class SupersededError extends HoldfastError {
  constructor(message: string) {
    super('SupersededError', message, false);
  }
}

/** The clock of a take-over has not run D + ε yet. `dueInMs` says how long to wait. */
export class LeaseNotDueError extends HoldfastError {
  readonly dueInMs: number;
  constructor(message: string, dueInMs: number) {
    super('LeaseNotDueError', message, true);
    this.dueInMs = dueInMs;
  }
}

/** Fewer than a majority of the voters answered, or the outcome of a write to the register is unknown. */
export class NoQuorumError extends HoldfastError {
  constructor(message: string) {
    super('NoQuorumError', message, true);
  }
}

/** Another region is changing the same item at this moment (strongly consistent global tables only). Nothing was changed. */
export class WriteConflictError extends HoldfastError {
  constructor(message: string) {
    super('WriteConflictError', message, true);
  }
}

/** What a step waits for is not true yet (readiness, the DNS answer, a renewal). */
export class StepNotReadyError extends HoldfastError {
  constructor(message: string) {
    super('StepNotReadyError', message, true);
  }
}

/** This region must not become active: its data or its service is not fit. */
export class TargetUnfitError extends HoldfastError {
  constructor(message: string) {
    super('TargetUnfitError', message, false);
  }
}

/** The region's clocks disagree by more than σ; no decision that counts time can be trusted. */
export class ClockSkewError extends HoldfastError {
  constructor(message: string) {
    super('ClockSkewError', message, false);
  }
}

/** The service does not answer as it should after the gate was opened. */
export class ValidationFailedError extends HoldfastError {
  constructor(message: string) {
    super('ValidationFailedError', message, false);
  }
}

/** A row that the deployment wrote is gone: the table was emptied or restored. It refuses; it is never created again. */
export class RowMissingError extends HoldfastError {
  constructor(message: string) {
    super('RowMissingError', message, false);
  }
}

/** A stored value cannot be read by this version, or is not what it should be. */
export class MalformedError extends HoldfastError {
  constructor(message: string) {
    super('MalformedError', message, false);
  }
}

/** What a person asked for cannot be done, and why. Nothing was changed. */
export class RefusedError extends HoldfastError {
  constructor(message: string) {
    super('RefusedError', message, false);
  }
}

/** Setting or environment that cannot be used; names the field or variable and what it may be. */
export class InvalidConfigError extends HoldfastError {
  constructor(message: string) {
    super('InvalidConfigError', message, false);
  }
}

/** A write was not sent, or was refused by the fence: this region does not hold the lease (any more). */
export class FenceClosedError extends HoldfastError {
  constructor(message: string) {
    super('FenceClosedError', message, true);
  }
}

/** A write was not sent: more of this region's changes than the owner allows may be in no other region (`lagBrake`). */
export class LagExceededError extends HoldfastError {
  readonly lagMs: number;
  constructor(message: string, lagMs: number) {
    super('LagExceededError', message, true);
    this.lagMs = lagMs;
  }
}

/** A write was refused, surely not carried out: its epoch is over in this region, for good. Another region may hold the lease. */
export class StaleEpochError extends HoldfastError {
  readonly epoch: number;
  constructor(message: string, epoch: number) {
    super('StaleEpochError', message, false);
    this.epoch = epoch;
  }
}

/** An object was not written: it is not (any more) what was read. Nothing was changed; read it again. */
export class ObjectChangedError extends HoldfastError {
  constructor(message: string) {
    super('ObjectChangedError', message, false);
  }
}

/** A write was sent and not answered (time-out, lost connection, a server's own error): it may be written here, or be written yet. */
export class WriteUnknownError extends HoldfastError {
  readonly epoch: number;
  /** Attempts that were sent and of which nothing is known. */
  readonly attemptsUnknown: number;
  constructor(message: string, of: { readonly epoch: number; readonly attemptsUnknown: number }) {
    super('WriteUnknownError', message, false);
    this.epoch = of.epoch;
    this.attemptsUnknown = of.attemptsUnknown;
  }
}

// How long a run waits for what. In one place, so that the rehearsal of the observer itself can play in seconds what a demo plays in minutes.

export interface Timings {
  /** Calm writing before the fault. */
  readonly warmUpMs: number;
  readonly calmLimitMs: number;
  /** Between the backup and the fault: what is written then can only be restored from the log. */
  readonly writeAfterBackupMs: number;
  /** How long hang, partition and sick last. */
  readonly heldMs: number;
  readonly openingLimitMs: number;
  readonly firstWriteLimitMs: number;
  /** How long the new region serves before the lost one comes back. */
  readonly serveBeforeReturnMs: number;
  readonly returnLimitMs: number;
  readonly watchAfterReturnMs: number;
  readonly divergenceLimitMs: number;
  readonly divergenceLookMs: number;
  /** After the sign-off and the last write: until both regions hold the same. */
  readonly reconcileLimitMs: number;
}

export const TIMINGS: Timings = {
  warmUpMs: 8000,
  calmLimitMs: 90_000,
  writeAfterBackupMs: 4000,
  heldMs: 60_000,
  openingLimitMs: 120_000,
  firstWriteLimitMs: 60_000,
  serveBeforeReturnMs: 5000,
  returnLimitMs: 60_000,
  watchAfterReturnMs: 20_000,
  divergenceLimitMs: 40_000,
  divergenceLookMs: 2000,
  reconcileLimitMs: 30_000,
};

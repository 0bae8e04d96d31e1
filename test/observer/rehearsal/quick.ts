// A play in seconds, for the stage.
import { TIMINGS } from '../timings.ts';

export const QUICK = {
  ...TIMINGS,
  warmUpMs: 1500,
  writeAfterBackupMs: 1000,
  heldMs: 4500,
  serveBeforeReturnMs: 300,
  watchAfterReturnMs: 1500,
  divergenceLimitMs: 1500,
  divergenceLookMs: 100,
  reconcileLimitMs: 3000,
};

/** Of a whole rehearsal. */
export const REHEARSAL_LIMIT_MS = 90_000;

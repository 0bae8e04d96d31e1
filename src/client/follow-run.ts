// Watching a machine to its end, for every command that waits: the machine goes on whether it is seen or not.
import { describe } from './region-status.ts';
import type { RunEnd, RunState } from './runbook-runs.ts';

const followIntervalMs = 1000;
/** In a row. */
const failedLooksMax = 30;

export type Following = {
  readonly look: () => Promise<RunState>;
  /** Called with each look at a run that has not ended; a string says why it was not seen. */
  readonly seen: (state: Extract<RunState, { readonly kind: 'running' }> | string) => void | Promise<void>;
  /** Between two looks. @returns false when nobody waits any more */
  readonly wait: (ms: number) => Promise<boolean>;
  /** The error for a run that can no longer be watched. */
  readonly lost: (because: string) => Error;
};

/** @returns undefined when nobody waited any more. @throws what `lost` makes, after 30 looks in a row that failed */
export async function followRun({ look, seen, wait, lost }: Following): Promise<RunEnd | undefined> {
  let failedLooks = 0;
  do {
    const state = await look().catch((error: unknown) => describe(error));
    if (typeof state !== 'string' && state.kind !== 'running') return state;
    failedLooks = typeof state === 'string' ? failedLooks + 1 : 0;
    if (typeof state === 'string' && failedLooks >= failedLooksMax) throw lost(state);
    await seen(state);
  } while (await wait(followIntervalMs));
  return undefined;
}

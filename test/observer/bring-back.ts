// Brings a lost region back as a person would, while customers go on: decides about all that is listed and signs off, again until it is done.
import type { CommandRun } from './journal.ts';
import { type Product, reasonOf } from './product.ts';
import { saysMajority, untilDone } from './reconcile.ts';
import type { Waiting } from './wait.ts';
import type { Watch } from './watch.ts';

const REASON = ['--reason', 'the observer brings the region back', '--by', 'observer'];

export interface BroughtBack {
  readonly runs: readonly CommandRun[];
  /** By a majority of the register's tables. */
  readonly isReconciledBefore: boolean | null;
  readonly isReconciledAfter: boolean | null;
}

/** @param rule `theirs` or `ours`, for every key */
export async function bringBack(watch: Watch, product: Product, waiting: Waiting, origin: string, rule: string): Promise<BroughtBack> {
  const { clock, say } = waiting;
  const startedAtMs = clock.nowMs();
  const isReconciledBefore = await saysMajority({ watch, origin });
  const runs: CommandRun[] = [];
  const divergence = async (...words: string[]) => {
    const run = await product.ask(['divergence', ...words, '--region', origin, ...REASON]);
    runs.push(run);
    if (run.exitCode !== 0) say(`holdfast divergence ${words[0]} ended with ${run.exitCode}: ${reasonOf(run)}`);
    return run;
  };
  await untilDone(async () => {
    const resolved = await divergence('resolve', '--all', '--rule', rule);
    return resolved.exitCode === 0 ? divergence('sign-off') : resolved;
  });
  const isReconciledAfter = await saysMajority({ watch, origin });
  say(`${origin} ${isReconciledAfter === true ? 'is back' : 'is NOT back'} after ${((clock.nowMs() - startedAtMs) / 1000).toFixed(1)} s and ${runs.length} commands, decided by '${rule}'`);
  return { runs, isReconciledBefore, isReconciledAfter };
}

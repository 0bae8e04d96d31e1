// Waiting that says what it waits for, and for how long already: nobody should have to guess whether a run is stuck.
import type { Clock } from './clock.ts';
import { sleep } from './clock.ts';

const LOOK_INTERVAL_MS = 20;
const PROGRESS_INTERVAL_MS = 5000;

export interface Waiting {
  readonly clock: Clock;
  readonly say: (line: string) => void;
  /** Aborted when the run is given up: every wait then ends with an error. */
  readonly signal: AbortSignal;
}

/** Resolves with the first non-null result, or with null at the limit. */
export async function waitUntil<T>(waiting: Waiting, what: string, limitMs: number, look: () => T | null, seen: () => string = () => ''): Promise<T | null> {
  const { clock, say, signal } = waiting;
  const startedAtMs = clock.nowMs();
  let saidAtMs = startedAtMs;
  for (;;) {
    signal.throwIfAborted();
    const found = look();
    const now = clock.nowMs();
    if (found !== null) {
      if (saidAtMs !== startedAtMs) say(`${what}: after ${seconds(now - startedAtMs)}`);
      return found;
    }
    if (now - startedAtMs >= limitMs) {
      say(`gave up waiting for ${what} after ${seconds(limitMs)}`);
      return null;
    }
    if (now - saidAtMs >= PROGRESS_INTERVAL_MS) {
      saidAtMs = now;
      const sight = seen();
      say(`waiting for ${what}, ${seconds(now - startedAtMs)} of at most ${seconds(limitMs)}${sight === '' ? '' : ` (${sight})`}`);
    }
    await sleep(LOOK_INTERVAL_MS);
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

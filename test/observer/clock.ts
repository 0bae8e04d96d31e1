// The observer's own clock: monotonic, so that no adjustment of the machine's time can shorten an outage.

export interface Clock {
  /** Milliseconds since the observer started. */
  readonly nowMs: () => number;
  /** Wall time of the start, for people. */
  readonly startedAt: string;
  /** The same in milliseconds since 1970: what a moment is called when the product is asked for it. */
  readonly startedAtWallMs: number;
}

export function startClock(): Clock {
  const origin = performance.now();
  const startedAtWallMs = Date.now();
  return { nowMs: () => performance.now() - origin, startedAt: new Date(startedAtWallMs).toISOString(), startedAtWallMs };
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

// The workload's time as an argument, so that a team's unit tests can stop it and move it.

export type WorkloadClock = {
  readonly nowMs: () => number;
  /** Calls `act` once, `delayMs` later. @returns takes it back */
  readonly after: (delayMs: number, act: () => void) => () => void;
};

export const systemClock: WorkloadClock = {
  nowMs: () => Date.now(),
  after: (delayMs, act) => {
    const timer = setTimeout(act, delayMs);
    return () => clearTimeout(timer);
  },
};

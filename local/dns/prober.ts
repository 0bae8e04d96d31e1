// Runs the health checks of the zone as Route 53 does: several checkers that do not agree on a moment, each with its own count of failures
// in a row, and a check that is healthy while more than 18 % of its checkers say so. Real Route 53 has some sixteen checkers, about two in
// each region that the check names; here there is one for each of them, and at least three.
// Rules from https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
import type { HealthStatus } from './route53-answer.ts';
import type { HealthCheck } from './zone.ts';

export type Clock = {
  now(): number;
  /** Calls once after `ms`; returns how to cancel. */
  after(ms: number, call: () => void): () => void;
};

export type ProbeOutcome = { readonly ok: boolean; readonly because: string };
export type Probe = (check: HealthCheck) => Promise<ProbeOutcome>;

/** A change of a check's state, for the log of whoever watches. */
export type HealthChange = { readonly checkId: string; readonly healthy: boolean; readonly atMs: number; readonly because: string };

export type ProberOptions = {
  readonly checks: readonly HealthCheck[];
  readonly probe: Probe;
  readonly clock: Clock;
  /** A number in [0, 1): the phase of each checker. */
  readonly random: () => number;
  readonly onChange?: (change: HealthChange) => void;
};

export type RunningProber = { health(): HealthStatus; stop(): void };

const HEALTHY_SHARE = 0.18;
const CHECKERS_MIN = 3;

type Checker = { healthy: boolean; streak: number };
type CheckState = { readonly check: HealthCheck; readonly checkers: readonly Checker[]; healthy: boolean };

/** A checker changes its mind after `failureThreshold` answers in a row that disagree with it: failures or successes alike. */
export function afterProbe(checker: Checker, ok: boolean, failureThreshold: number): Checker {
  if (ok === checker.healthy) return { healthy: checker.healthy, streak: 0 };
  const streak = checker.streak + 1;
  return streak >= failureThreshold ? { healthy: ok, streak: 0 } : { healthy: checker.healthy, streak };
}

/** "More than 18 %"; a disabled check is always healthy, and inversion comes last, also then. */
export function verdict(check: Pick<HealthCheck, 'disabled' | 'inverted'>, healthyCheckers: number, checkers: number): boolean {
  const observed = check.disabled || healthyCheckers / checkers > HEALTHY_SHARE;
  return check.inverted ? !observed : observed;
}

export function startProber(options: ProberOptions): RunningProber {
  const { clock, probe, random, onChange } = options;
  const cancels = new Map<string, () => void>();
  let stopped = false;
  const states = options.checks.map((check): CheckState => {
    const checkerCount = Math.max(check.regions.length, CHECKERS_MIN);
    const checkers = Array.from({ length: checkerCount }, (): Checker => ({ healthy: true, streak: 0 }));
    return { check, checkers, healthy: verdict(check, checkerCount, checkerCount) };
  });

  function judge(state: CheckState, because: string): void {
    const healthy = verdict(state.check, state.checkers.filter((checker) => checker.healthy).length, state.checkers.length);
    if (healthy === state.healthy) return;
    state.healthy = healthy;
    onChange?.({ checkId: state.check.id, healthy, atMs: clock.now(), because });
  }

  function schedule(state: CheckState, index: number, dueAtMs: number): void {
    const checker = state.checkers[index];
    if (stopped || checker === undefined) return;
    const key = `${state.check.id}#${index}`;
    const cancel = clock.after(Math.max(0, dueAtMs - clock.now()), () => {
      cancels.delete(key);
      // From begin to begin, so that a slow endpoint does not stretch the interval.
      schedule(state, index, dueAtMs + state.check.intervalSeconds * 1000);
      void probe(state.check).then(
        (outcome) => settle(state, checker, outcome),
        (error: unknown) => settle(state, checker, { ok: false, because: String(error) }),
      );
    });
    cancels.set(key, cancel);
  }

  function settle(state: CheckState, checker: Checker, outcome: ProbeOutcome): void {
    if (stopped) return;
    Object.assign(checker, afterProbe(checker, outcome.ok, state.check.failureThreshold));
    judge(state, outcome.because);
  }

  for (const state of states) {
    if (state.check.disabled) continue;
    for (let index = 0; index < state.checkers.length; index += 1) {
      schedule(state, index, clock.now() + random() * state.check.intervalSeconds * 1000);
    }
  }

  return {
    health: () => Object.fromEntries(states.map((state) => [state.check.id, state.healthy])),
    stop() {
      stopped = true;
      for (const cancel of cancels.values()) cancel();
      cancels.clear();
    },
  };
}

// Time that stands until a test moves it.
import type { WorkloadClock } from '../clock.ts';

type Timer = { readonly dueAtMs: number; readonly act: () => void };

export class VirtualClock implements WorkloadClock {
  #nowMs: number;
  readonly #timers = new Set<Timer>();

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  readonly nowMs = (): number => this.#nowMs;

  readonly after = (delayMs: number, act: () => void): (() => void) => {
    const timer = { dueAtMs: this.#nowMs + delayMs, act };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  /** Calls what falls due on the way, in order. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const [next] = [...this.#timers].filter((timer) => timer.dueAtMs <= untilMs).toSorted((a, b) => a.dueAtMs - b.dueAtMs);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueAtMs);
      next.act();
    }
    this.#nowMs = untilMs;
  }
}

// Progress on stderr for what takes longer than a moment: how much, how fast, how long still.
import type { VaultWorld } from './vault-world.ts';

const [showAfterMs, everyMs] = [2000, 500];

/** `all`: null where nobody knows how much there will be. */
export type Progress = { readonly done: number; readonly all: number | null; readonly more: string };

export class ProgressLine {
  readonly #world: VaultWorld;
  readonly #startedAtMs: number;
  #shownAtMs = 0;
  #isShown = false;

  constructor(world: VaultWorld) {
    this.#world = world;
    this.#startedAtMs = world.nowMs();
  }

  /** It takes long enough for a person to want to know. */
  get isDue(): boolean {
    return this.#world.isTerminal && this.#world.nowMs() - this.#startedAtMs >= showAfterMs;
  }

  show({ done, all, more }: Progress): void {
    const nowMs = this.#world.nowMs();
    const sinceMs = nowMs - this.#startedAtMs;
    if (!this.isDue || nowMs - this.#shownAtMs < everyMs) return;
    this.#shownAtMs = nowMs;
    this.#isShown = true;
    const rate = done / (sinceMs / 1000);
    const left = all === null || rate === 0 ? '' : `, ${timeOf(Math.max(0, all - done) / rate)} left`;
    this.#world.err(`\r\x1b[K${sizeOf(done)}${all === null ? '' : ` of ${sizeOf(all)}`}, ${sizeOf(rate)}/s${left}${more === '' ? '' : `, ${more}`}`);
  }

  end(): void {
    if (this.#isShown) this.#world.err('\r\x1b[K');
    this.#isShown = false;
  }
}

export function sizeOf(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
  let [value, unit] = [bytes, 0];
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000;
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

export function timeOf(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

// Where the machine's time went during the run: a figure missed on two cores must show whether the cores could carry it.
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from './clock.ts';
import { listProcesses, membersOf } from './processes.ts';

const LOOK_INTERVAL_MS = 2000;
/** Node measures how late a timer of this interval fires, interval included. */
const LOOP_RESOLUTION_MS = 10;
/** Linux reports processor time in hundredths of a second to user space. */
const TICKS_PER_SECOND = 100;

export interface CpuLook {
  readonly atMs: number;
  readonly loadAverage1m: number;
  /** Share of all cores that was busy since the last look, 0–1, with what other programs of the machine used. */
  readonly busyShare: number | null;
  /** Cores used since the last look, by region and by the observer itself. */
  readonly coresUsed: Readonly<Record<string, number>>;
}

export class CpuAccount {
  readonly looks: CpuLook[] = [];
  readonly #clock: Clock;
  readonly #pidsByRegion: () => ReadonlyMap<string, readonly number[]>;
  readonly #loopDelay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  #timer: NodeJS.Timeout | null = null;
  #ticks = new Map<string, number>();
  #machine: { busy: number; all: number } | null = null;
  #lastAtMs: number | null = null;
  #ownCpu = process.cpuUsage();

  constructor(clock: Clock, pidsByRegion: () => ReadonlyMap<string, readonly number[]>) {
    this.#clock = clock;
    this.#pidsByRegion = pidsByRegion;
  }

  start(): void {
    this.#loopDelay.enable();
    this.#look();
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#look();
    this.#loopDelay.disable();
  }

  /** How late the observer's own timers were: if this is large, its times are coarse. */
  ownDelayMs(): { p50: number; p99: number; max: number } {
    const ms = (nanoseconds: number) => Math.max(0, Math.round(nanoseconds / 1e5) / 10 - LOOP_RESOLUTION_MS);
    return { p50: ms(this.#loopDelay.percentile(50)), p99: ms(this.#loopDelay.percentile(99)), max: ms(this.#loopDelay.max) };
  }

  #look(): void {
    const atMs = this.#clock.nowMs();
    const elapsedMs = this.#lastAtMs === null ? null : atMs - this.#lastAtMs;
    const processes = listProcesses();
    const seen = new Map<string, number>();
    const coresUsed: Record<string, number> = {};
    for (const [region, listed] of this.#pidsByRegion()) {
      let ticks = 0;
      for (const row of membersOf(listed, processes)) {
        const identity = `${row.pid} ${row.startTicks}`;
        seen.set(identity, row.cpuTicks);
        ticks += row.cpuTicks - (this.#ticks.get(identity) ?? 0);
      }
      if (elapsedMs !== null) coresUsed[region] = rounded(ticks / TICKS_PER_SECOND / (elapsedMs / 1000));
    }
    const own = process.cpuUsage(this.#ownCpu);
    if (elapsedMs !== null) coresUsed['observer'] = rounded((own.user + own.system) / 1e6 / (elapsedMs / 1000));
    this.#ownCpu = process.cpuUsage();
    const machine = readMachine();
    const before = this.#machine;
    const busyShare = before === null || machine.all === before.all ? null : rounded((machine.busy - before.busy) / (machine.all - before.all));
    this.#ticks = seen;
    this.#machine = machine;
    this.#lastAtMs = atMs;
    if (elapsedMs !== null) this.looks.push({ atMs: Math.round(atMs), loadAverage1m: rounded(os.loadavg()[0] ?? 0), busyShare, coresUsed });
  }
}

function readMachine(): { busy: number; all: number } {
  const line = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? '';
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  const all = ticks.reduce((sum, value) => sum + value, 0);
  const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0);
  return { busy: all - idle, all };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

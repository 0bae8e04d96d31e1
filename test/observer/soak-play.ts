// A soak in a torn network: the region that acts loses its majority in one way or another, the other one takes over, the lost one is brought back by
// the product's commands, and that again and again, while two customers write all the time and some link lags. Judged in soak-verdicts.ts.
import { z } from 'zod';
import { bringBack } from './bring-back.ts';
import type { Clock } from './clock.ts';
import { askControl, type ControlRequest } from './control.ts';
import { rtoSeconds } from './figures.ts';
import type { Attempt, Change, CommandRun, DecisionRow, GateSample, ReconciliationJournal, RegisterReading } from './journal.ts';
import { Product } from './product.ts';
import { decisionRows, readBothUntilEqual } from './reconcile.ts';
import { regionEntry, regionTableName } from './regions-file.ts';
import { drawLag, drawTears, makeTear } from './tears.ts';
import { divergentWrites, type Item } from './tables.ts';
import { waitUntil, type Waiting } from './wait.ts';
import { startWatch, type Watch } from './watch.ts';

/** So that half an hour of them is no burden to local regions that keep every row in memory. */
const WRITES_PER_SECOND = 8;
const CHANGES_PER_SECOND = 4;

const decisions = z.object({ decided: z.number() });

export interface SoakTimings {
  readonly calmMs: number;
  readonly calmLimitMs: number;
  /** A tear that did not end the holder's epoch until then becomes a whole one. */
  readonly tearLimitMs: number;
  readonly takeoverLimitMs: number;
  /** How long the new region serves before the network is whole again. */
  readonly serveMs: number;
  readonly settleLimitMs: number;
}

export const SOAK_TIMINGS: SoakTimings = { calmMs: 4000, calmLimitMs: 120_000, tearLimitMs: 60_000, takeoverLimitMs: 150_000, serveMs: 3000, settleLimitMs: 60_000 };

/** One failover and the return of the region that was lost. */
export interface Cycle {
  readonly from: string;
  /** The epoch that `from` held. */
  readonly epoch: number;
  readonly tear: string;
  /** Who acknowledged writes in a later epoch; null where nobody did within the limit. */
  readonly taken: { readonly region: string; readonly epoch: number } | null;
  /** From the last acknowledged write of the old epoch to the first of a later one. */
  readonly rtoSeconds: number | null;
  /** So many divergent orders, by the product's answers. */
  readonly decided: number;
  readonly rule: string;
  readonly runs: readonly CommandRun[];
  /** By a majority of the register's tables, before and after the sign-off. */
  readonly isReconciledBefore: boolean | null;
  readonly isReconciledAfter: boolean | null;
  readonly seconds: number;
}

export interface SoakJournal {
  readonly seed: number;
  readonly minutes: number;
  readonly cycles: readonly Cycle[];
  readonly attempts: readonly Attempt[];
  readonly changes: readonly Change[];
  readonly gateSamples: readonly GateSample[];
  readonly readings: readonly RegisterReading[];
  readonly acceptors: number;
  /** Of all regions: order → the versions that one lost region or another had alone. */
  readonly divergence: ReadonlyMap<string, string>;
  readonly decisions: readonly DecisionRow[];
  readonly tables: ReconciliationJournal['tables'];
}

export interface SoakOptions {
  readonly clock: Clock;
  readonly regionsPath: string;
  readonly product: readonly string[];
  readonly seed: number;
  /** At least so many failovers, and at least so long. */
  readonly failovers: number;
  readonly minutes: number;
  readonly timings: SoakTimings;
  readonly random: () => number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export async function playSoak(options: SoakOptions): Promise<SoakJournal> {
  const { clock, signal, seed } = options;
  const say = (line: string) => options.say(`${(clock.nowMs() / 1000).toFixed(1).padStart(7)} s  ${line}`);
  const watch = startWatch(clock, options.regionsPath, { writesPerSecond: WRITES_PER_SECOND, changesPerSecond: CHANGES_PER_SECOND });
  const soak = new Soak(watch, options, { clock, say, signal });
  try {
    const cycles: Cycle[] = [];
    const startedAtMs = clock.nowMs();
    const kinds = drawTears(options.random);
    while (cycles.length < options.failovers || clock.nowMs() - startedAtMs < options.minutes * 60_000) {
      say(`failover ${cycles.length + 1} of at least ${options.failovers}, ${((clock.nowMs() - startedAtMs) / 60_000).toFixed(1)} of at least ${options.minutes} minutes`);
      const cycle = await soak.cycle(kinds.next().value);
      cycles.push(cycle);
      if (cycle.isReconciledAfter !== true) break; // The next one would have nobody to take over.
    }
    const minutes = (clock.nowMs() - startedAtMs) / 60_000;
    await Promise.all([watch.writer.stop(), watch.reviser.stop()]);
    return {
      seed,
      minutes,
      cycles,
      attempts: watch.writer.attempts,
      changes: watch.reviser.changes,
      gateSamples: watch.sampler.samples,
      readings: watch.reader.readings,
      acceptors: watch.reader.acceptors.length,
      ...(await soak.readAll()),
    };
  } finally {
    await soak.ask({ kind: 'heal' }).catch(() => undefined);
    await watch.stop();
  }
}

class Soak {
  readonly #watch: Watch;
  readonly #options: SoakOptions;
  readonly #waiting: Waiting;
  readonly #product: Product;

  constructor(watch: Watch, options: SoakOptions, waiting: Waiting) {
    this.#watch = watch;
    this.#options = options;
    this.#waiting = waiting;
    this.#product = new Product(waiting.clock, options.product, waiting.signal);
  }

  readonly ask = (request: ControlRequest): Promise<void> => askControl(this.#watch.file.control?.url, request);

  async cycle(kind: Parameters<typeof makeTear>[0]): Promise<Cycle> {
    const { clock, say } = this.#waiting;
    const { random } = this.#options;
    const startedAtMs = clock.nowMs();
    const calm = await this.#calm();
    const others = Object.keys(this.#watch.file.regions).filter((name) => name !== calm.region);
    const tear = makeTear(kind, { random, ask: this.ask, region: calm.region, others });
    say(`${tear.name}, epoch ${calm.epoch}`);
    await tear.begin();
    const taken = await this.#takeover(calm);
    await this.ask({ kind: 'heal' });
    const lag = drawLag(random, Object.keys(this.#watch.file.regions));
    await this.ask(lag);
    say(`the network is whole again, but for ${lag.delayMs} ms from ${lag.from} to ${lag.to}`);
    const rule = random() < 0.5 ? 'theirs' : 'ours';
    const back = taken === null ? null : await bringBack(this.#watch, this.#product, this.#waiting, calm.region, rule);
    return {
      from: calm.region,
      epoch: calm.epoch,
      tear: tear.name,
      taken,
      rtoSeconds: rtoSeconds(this.#watch.writer.attempts, calm.epoch),
      decided: (back?.runs ?? []).reduce((sum, { answer }) => sum + (decisions.safeParse(answer).data?.decided ?? 0), 0),
      rule,
      runs: back?.runs ?? [],
      isReconciledBefore: back?.isReconciledBefore ?? null,
      isReconciledAfter: back?.isReconciledAfter ?? null,
      seconds: (clock.nowMs() - startedAtMs) / 1000,
    };
  }

  /** Once one region has acknowledged writes in its epoch for a while, and the register is calm. */
  async #calm(): Promise<{ region: string; epoch: number }> {
    const { clock } = this.#waiting;
    const { reader, writer } = this.#watch;
    const { calmMs, calmLimitMs } = this.#options.timings;
    let sinceMs: number | null = null;
    const look = () => {
      const value = reader.chosen();
      const last = writer.acknowledged.at(-1);
      const isCalm = value !== null && (value.state === 'normal' || value.state === 'degraded') && last?.epoch === value.epoch && clock.nowMs() - last.answeredAtMs < 1000;
      if (!isCalm || value.holder === null) {
        sinceMs = null;
        return null;
      }
      sinceMs ??= clock.nowMs();
      return clock.nowMs() - sinceMs >= calmMs ? { region: value.holder, epoch: value.epoch } : null;
    };
    const calm = await waitUntil(this.#waiting, `${calmMs / 1000} s of calm writing`, calmLimitMs, look, () => this.#sight());
    if (calm === null) throw new Error(`the regions were never calm, so nothing was torn (${this.#sight()}): does holdfast status say normal?`);
    return calm;
  }

  /** Until another region acknowledges writes in a later epoch; a tear that the holder gets over is made whole. */
  async #takeover(lost: { region: string; epoch: number }): Promise<Cycle['taken']> {
    const { clock, say } = this.#waiting;
    const { writer } = this.#watch;
    const { tearLimitMs, takeoverLimitMs, serveMs } = this.#options.timings;
    const taken = () => writer.acknowledged.findLast((w) => w.epoch > lost.epoch && w.region !== lost.region) ?? null;
    let found = await waitUntil(this.#waiting, 'another region to serve', tearLimitMs, taken, () => this.#sight());
    if (found === null) {
      say(`${lost.region} is isolated as a whole`);
      await this.ask({ kind: 'isolate', region: lost.region });
      found = await waitUntil(this.#waiting, 'another region to serve', takeoverLimitMs, taken, () => this.#sight());
    }
    if (found === null) return null;
    const untilMs = clock.nowMs() + serveMs;
    await waitUntil(this.#waiting, 'the new region to serve a while', serveMs + 1000, () => (clock.nowMs() >= untilMs ? true : null));
    return { region: found.region, epoch: found.epoch };
  }

  #rows(region: string, kind: string, origin: string): Promise<Item[]> {
    return this.#watch.tablesOf(region).readRows(regionTableName(this.#watch.file), kind, origin);
  }

  async readAll(): Promise<Pick<SoakJournal, 'divergence' | 'decisions' | 'tables'>> {
    const { file, writer, reviser } = this.#watch;
    await this.ask({ kind: 'heal' });
    const [home = '', origin = ''] = Object.keys(file.regions).filter((name) => regionEntry(file, name).role === 'candidate');
    const tables = await readBothUntilEqual({ watch: this.#watch, home, origin, limitMs: this.#options.timings.settleLimitMs, waiting: this.#waiting, note: this.#waiting.say });
    const listed: Item[] = [];
    const decisions: DecisionRow[] = [];
    for (const [at, of] of [
      [home, origin],
      [origin, home],
    ] as const) {
      listed.push(...(await this.#rows(at, 'DIVERGENCE', of)));
      decisions.push(...decisionRows(await this.#rows(at, 'DECISION', of), await this.#rows(at, 'DECISION_WROTE', of)));
    }
    return { divergence: new Map([...divergentWrites(writer.run, listed), ...divergentWrites(reviser.run, listed)]), decisions, tables };
  }

  #sight(): string {
    const value = this.#watch.reader.chosen();
    const last = this.#watch.writer.acknowledged.at(-1);
    const register = value === null ? 'no chosen value read' : `${value.state}, holder ${value.holder}, epoch ${value.epoch}`;
    return `register: ${register}; last acknowledged: ${last === undefined ? 'none' : `${last.region} in epoch ${last.epoch}, ${((this.#waiting.clock.nowMs() - last.answeredAtMs) / 1000).toFixed(1)} s ago`}`;
  }
}

// Planned switch-overs, there and back, while two customers write: one goes where a 307 sends it, the other goes by DNS alone. It asks for each
// switch-over as a person would, and reads both tables and the register when all is over. What was seen is judged in switch-verdicts.ts.
import { z } from 'zod';
import { BoundedHttpClient } from './bounded-http-client.ts';
import { bringBack } from './bring-back.ts';
import type { Clock } from './clock.ts';
import { followToRegions } from './following.ts';
import type { Attempt, CommandRun, GateSample, RegisterReading } from './journal.ts';
import { Product, reasonOf } from './product.ts';
import { saysMajority } from './reconcile.ts';
import { regionEntry, registerTableName, regionTableName } from './regions-file.ts';
import type { SwitchFault } from './switch-faults.ts';
import type { Item } from './tables.ts';
import { waitUntil, type Waiting } from './wait.ts';
import { startWatch, type Watch } from './watch.ts';
import { Writer } from './writer.ts';

/** Of each of the two: together half of what the one customer of the other plays writes: what is measured is a gap. */
const WRITES_PER_SECOND = 8;
const CHANGES_PER_SECOND = 2;
/** A refusal has changed nothing: a person asks again. */
const ASKS_MAX = 6;
const ASK_AGAIN_MS = 5000;
const WARM_UP_ACKNOWLEDGED_MIN = 20;
const LOOK_MS = 500;

export interface SwitchTimings {
  readonly calmLimitMs: number;
  /** Calm writing before each switch-over. */
  readonly warmUpMs: number;
  /** After the command's end: until each customer's writes are acknowledged by the new region. */
  readonly arrivalLimitMs: number;
  /** After the last write: until both tables hold the same. */
  readonly settleLimitMs: number;
}

export const SWITCH_TIMINGS: SwitchTimings = { calmLimitMs: 150_000, warmUpMs: 6000, arrivalLimitMs: 90_000, settleLimitMs: 30_000 };

/** One switch-over that was asked for; `epoch` is the one that was given up for it. */
export interface SwitchRecord {
  readonly from: string;
  readonly to: string;
  readonly epoch: number;
  readonly command: CommandRun;
  /** Why the product refused it before, each time with nothing changed. */
  readonly refusals: readonly string[];
  /** What was done to it on the way; null where nothing was. */
  readonly fault: { readonly kind: SwitchFault['kind']; readonly what: string } | null;
  readonly wasToBeStruck: boolean;
  /** Who held in which epoch when it was over; null where that was never calm again. */
  readonly holder: { readonly region: string; readonly epoch: number } | null;
}

/** A region's tables when all was over; null where they could not be read. */
export interface RegionAtEnd {
  readonly region: string;
  readonly orders: readonly Item[] | null;
  readonly divergent: readonly Item[] | null;
  /** By the acceptor of this region. */
  readonly reconciled: boolean | null;
}

export interface SwitchJournal {
  readonly switches: readonly SwitchRecord[];
  readonly following: readonly Attempt[];
  readonly byDns: readonly Attempt[];
  readonly gateSamples: readonly GateSample[];
  readonly readings: readonly RegisterReading[];
  readonly acceptors: number;
  readonly keyName: string;
  readonly regions: readonly RegionAtEnd[];
}

export interface SwitchPlayOptions {
  readonly clock: Clock;
  readonly regionsPath: string;
  readonly product: readonly string[];
  /** In all; each goes to the region that does not hold. */
  readonly switches: number;
  readonly timings: SwitchTimings;
  /** The nth one is done to the nth switch-over. */
  readonly faults: readonly SwitchFault[];
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export async function playSwitches(options: SwitchPlayOptions): Promise<SwitchJournal> {
  const { clock, timings, signal } = options;
  const say = (line: string) => options.say(`${(clock.nowMs() / 1000).toFixed(1).padStart(6)} s  ${line}`);
  const watch = startWatch(clock, options.regionsPath, { writesPerSecond: WRITES_PER_SECOND, changesPerSecond: CHANGES_PER_SECOND });
  const client = new BoundedHttpClient(clock);
  const following = new Writer({ clock, resolver: watch.resolver, client, service: watch.file.service, writesPerSecond: WRITES_PER_SECOND, follow: followToRegions(watch.file) });
  following.start();
  try {
    const run = new SwitchRun(watch, following, new Product(clock, options.product, signal), timings, { clock, say, signal });
    const switches: SwitchRecord[] = [];
    for (let n = 0; n < options.switches; n += 1) switches.push(await run.switchOnce(options.faults[n]));
    await Promise.all([following.stop(), watch.writer.stop(), watch.reviser.stop()]);
    const { keyName, regions } = await run.settle();
    return {
      switches,
      following: following.attempts,
      byDns: watch.writer.attempts,
      gateSamples: watch.sampler.samples,
      readings: watch.reader.readings,
      acceptors: watch.reader.acceptors.length,
      keyName,
      regions,
    };
  } finally {
    await Promise.all([following.stop(), watch.stop()]);
    client.close();
  }
}

const refusal = z.object({ end: z.literal('Refused') });

function isRefused({ exitCode, answer }: CommandRun): boolean {
  return exitCode !== 0 && refusal.safeParse(answer).success;
}

class SwitchRun {
  readonly #watch: Watch;
  readonly #following: Writer;
  readonly #product: Product;
  readonly #timings: SwitchTimings;
  readonly #waiting: Waiting;

  constructor(watch: Watch, following: Writer, product: Product, timings: SwitchTimings, waiting: Waiting) {
    this.#watch = watch;
    this.#following = following;
    this.#product = product;
    this.#timings = timings;
    this.#waiting = waiting;
  }

  async switchOnce(fault: SwitchFault | undefined): Promise<SwitchRecord> {
    const { file } = this.#watch;
    const before = await this.#calm();
    if (before === null) throw new Error(`the regions were never calm, so nothing was switched (${this.#sight()}): does holdfast status say normal?`);
    const to = Object.keys(file.regions).find((name) => name !== before.region && regionEntry(file, name).role === 'candidate');
    if (to === undefined) throw new Error('regions.json names no other candidate to switch to');
    if ((await saysMajority({ watch: this.#watch, origin: to })) === false) {
      // A killed region that lost its epoch: nobody switches over to it before it is signed off. What it had alone stays in the report only.
      await bringBack(this.#watch, this.#product, this.#waiting, to, 'ours');
    }
    this.#waiting.say(`switch-over from ${before.region} to ${to}, epoch ${before.epoch}, ${this.#following.outstanding + this.#watch.writer.outstanding} requests under way`);
    const striking = fault?.arm({ from: before.region, to, epoch: before.epoch, watch: this.#watch, waiting: this.#waiting });
    const { command, refusals } = await this.#ask(to);
    const struck = (await striking?.done) ?? null;
    this.#waiting.say(
      `holdfast switch ended with ${command.exitCode} after ${((command.endedAtMs - command.startedAtMs) / 1000).toFixed(1)} s${command.exitCode === 0 ? '' : `: ${command.said.slice(-300)} ${JSON.stringify(command.answer)}`}`,
    );
    await striking?.heal();
    const after = await this.#calm();
    if (after !== null) this.#waiting.say(`${after.region} holds epoch ${after.epoch}, and both customers write there`);
    return {
      from: before.region,
      to,
      epoch: before.epoch,
      command,
      refusals,
      fault: fault === undefined || struck === null ? null : { kind: fault.kind, what: struck },
      wasToBeStruck: fault !== undefined,
      holder: after,
    };
  }

  async #ask(to: string): Promise<{ command: CommandRun; refusals: string[] }> {
    const refusals: string[] = [];
    for (;;) {
      const command = await this.#product.ask(['switch', '--to', to, '--reason', 'observed', '--wait']);
      if (!isRefused(command) || refusals.length + 1 >= ASKS_MAX) return { command, refusals };
      refusals.push(reasonOf(command));
      this.#waiting.say(`refused, and asked again: ${reasonOf(command)}`);
      const againAtMs = this.#waiting.clock.nowMs() + ASK_AGAIN_MS;
      await waitUntil(this.#waiting, 'asking again', ASK_AGAIN_MS + 1000, () => (this.#waiting.clock.nowMs() >= againAtMs ? true : null));
    }
  }

  /** Once the register says normal or degraded (the standby may look unwell on a busy machine), and the newest writes of both customers are acknowledged by the holder, for a while. */
  async #calm(): Promise<{ region: string; epoch: number } | null> {
    const { clock } = this.#waiting;
    const { reader, writer } = this.#watch;
    let sinceMs: number | null = null;
    const look = () => {
      const value = reader.chosen();
      const customers = [this.#following, writer];
      const isSettled =
        (value?.state === 'normal' || value?.state === 'degraded') &&
        customers.every((c) => c.acknowledged.length >= WARM_UP_ACKNOWLEDGED_MIN && c.acknowledged.at(-1)?.epoch === value.epoch && clock.nowMs() - (c.acknowledged.at(-1)?.answeredAtMs ?? 0) < 1000);
      if (!isSettled || value?.holder === null || value === null) {
        sinceMs = null;
        return null;
      }
      sinceMs ??= clock.nowMs();
      return clock.nowMs() - sinceMs >= this.#timings.warmUpMs ? { region: value.holder, epoch: value.epoch } : null;
    };
    return waitUntil(this.#waiting, `${this.#timings.warmUpMs / 1000} s of calm writing by both customers`, this.#timings.calmLimitMs, look, () => this.#sight());
  }

  /** Until each candidate's table holds every acknowledged write, or the limit: the standby applies what the holder ships. */
  async settle(): Promise<{ keyName: string; regions: RegionAtEnd[] }> {
    const { file, writer } = this.#watch;
    const { clock } = this.#waiting;
    const candidates = Object.keys(file.regions).filter((name) => regionEntry(file, name).role === 'candidate');
    const wanted = [...this.#following.acknowledged, ...writer.acknowledged].map((w) => w.id);
    const untilMs = clock.nowMs() + this.#timings.settleLimitMs;
    for (;;) {
      let keyName = '';
      const regions: RegionAtEnd[] = [];
      for (const region of candidates) {
        const own = this.#watch.tablesOf(region);
        const scanned = await own.scan(file.tableName).catch(() => null);
        keyName = scanned?.keyName ?? keyName;
        const divergent = await Promise.all(candidates.map((origin) => own.readDivergence(regionTableName(file), origin))).catch(() => null);
        const reconciled = await Promise.all(candidates.map((name) => own.readReconciled(registerTableName(file, region), file.group, name))).catch(() => null);
        regions.push({
          region,
          orders: scanned?.items ?? null,
          divergent: divergent?.flat() ?? null,
          reconciled: reconciled === null || reconciled.includes(null) ? null : reconciled.every((is) => is === true),
        });
      }
      const missing = regions.map(({ orders }) => {
        const held = new Set(orders?.map((item) => item[keyName]?.S));
        return wanted.filter((id) => !held.has(id)).length;
      });
      if (missing.every((n) => n === 0) || clock.nowMs() >= untilMs) return { keyName, regions };
      this.#waiting.say(`waiting for ${missing.join(' and ')} acknowledged writes to be in the tables of ${candidates.join(' and ')}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  #sight(): string {
    const value = this.#watch.reader.chosen();
    const last = (w: Writer) => {
      const found = w.acknowledged.at(-1);
      return found === undefined ? 'none' : `${found.region} in epoch ${found.epoch}, ${((this.#waiting.clock.nowMs() - found.answeredAtMs) / 1000).toFixed(1)} s ago`;
    };
    const register = value === null ? 'no chosen value read' : `${value.state}, holder ${value.holder}, epoch ${value.epoch}`;
    return `register: ${register}; last acknowledged: following ${last(this.#following)}, by DNS ${last(this.#watch.writer)}`;
  }
}

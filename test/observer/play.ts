// The order of a run: wait until all is well, strike while writes are under way, watch who takes over, bring the lost region back, watch
// that it stays out, and read the tables a last time. It decides nothing about what was seen: figures.ts and verdicts.ts do.
import { dirname, join } from 'node:path';
import type { Clock } from './clock.ts';
import { ControlPlanesAway, validatedAtMs } from './control-planes.ts';
import { type Fault, makeFault } from './faults.ts';
import { lostWrites } from './figures.ts';
import type { FaultRecord, Journal, StoredWrites } from './journal.ts';
import { VaultRun } from './play-vault.ts';
import { Product } from './product.ts';
import { reconcile } from './reconcile.ts';
import { regionEntry, regionTableName } from './regions-file.ts';
import { divergentWrites, storedWrites } from './tables.ts';
import type { Timings } from './timings.ts';
import { waitUntil, type Waiting } from './wait.ts';
import { startWatch, type Watch } from './watch.ts';

/** A run that strikes before the writes flow would measure nothing. */
const WARM_UP_ACKNOWLEDGED_MIN = 20;
const REREAD_INTERVAL_MS = 500;

export interface Event {
  readonly atMs: number;
  readonly what: string;
}

export interface Played {
  readonly watch: Watch;
  readonly journal: Journal;
  readonly newRegion: string | null;
  readonly openedAtMs: number | null;
  readonly endedAtMs: number;
  readonly events: readonly Event[];
}

export interface PlayOptions {
  readonly clock: Clock;
  readonly regionsPath: string;
  readonly reportPath: string;
  /** The product's command line: the program and its first arguments. */
  readonly product: readonly string[];
  readonly kind: FaultRecord['kind'];
  readonly timings: Timings;
  /** Whether every control plane is away from just before the fault until the lost region is back. */
  readonly isWithoutControlPlane?: boolean;
  /** Whether the lost region is brought back by the product's commands, at the end. */
  readonly isReconciling?: boolean;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

export async function play(options: PlayOptions): Promise<Played> {
  const { clock, signal, timings } = options;
  const events: Event[] = [];
  const say = (line: string) => options.say(`${(clock.nowMs() / 1000).toFixed(1).padStart(6)} s  ${line}`);
  const note = (what: string) => {
    events.push({ atMs: clock.nowMs(), what });
    say(what);
  };
  const watch = startWatch(clock, options.regionsPath);
  const away = options.isWithoutControlPlane === true ? new ControlPlanesAway(clock, options.regionsPath) : null;
  let running: Fault | null = null;
  try {
    const run = new Run(watch, timings, { clock, say, signal }, note);
    const product = new Product(clock, options.product, signal);
    const vault = watch.buckets.length === 0 ? null : new VaultRun({ watch, product, startedAtWallMs: clock.startedAtWallMs, note });
    const struck = await run.waitForFault(vault);
    const fault = makeFault({
      kind: options.kind,
      regionsPath: options.regionsPath,
      region: struck.region,
      heldMs: timings.heldMs,
      restartLogPath: join(dirname(options.reportPath), `restart-${struck.region}.log`),
    });
    running = fault;
    await away?.begin();
    if (away !== null) note('every control plane is away: a call of the observer to one was refused in each region');
    const record: FaultRecord = { ...struck, kind: options.kind, atMs: clock.nowMs() };
    note(`fault ${fault.kind} of ${record.region}, epoch ${record.epoch}, ${watch.writer.outstanding} requests under way`);
    note(await fault.begin());
    const opening = await run.watchOpening(record);
    await run.waitToEnd(fault, record, opening);
    const endedAtMs = clock.nowMs();
    note(await fault.end());
    const returnedAtMs = await run.waitForReturn(record.region, endedAtMs);
    running = null;
    const controlPlanes = away === null ? null : await away.end(await run.waitForValidation(record));
    if (controlPlanes !== null) note(`the control planes are back; ${controlPlanes.refused.length} calls to them were refused`);
    const journal = await run.watchReturn({ fault: record, opening, returnedAtMs, vault, controlPlanes, product: options.isReconciling === true ? product : null });
    return { watch, journal, newRegion: opening?.region ?? null, openedAtMs: opening?.atMs ?? null, endedAtMs: clock.nowMs(), events };
  } finally {
    if (running !== null) await running.undo();
    await away?.undo();
    await watch.stop();
  }
}

/** What a table or the divergence report holds of either customer's orders. */
interface Listed {
  readonly written: StoredWrites;
  readonly revised: StoredWrites;
}

interface Opening {
  readonly region: string;
  readonly atMs: number;
  readonly stored: StoredWrites | null;
}

interface Return {
  readonly fault: FaultRecord;
  readonly opening: Opening | null;
  readonly returnedAtMs: number | null;
  readonly vault: VaultRun | null;
  readonly controlPlanes: Journal['controlPlanes'];
  /** null: what the lost region had alone is left as it is. */
  readonly product: Product | null;
}

class Run {
  readonly #watch: Watch;
  readonly #timings: Timings;
  readonly #waiting: Waiting;
  readonly #note: (what: string) => void;

  constructor(watch: Watch, timings: Timings, waiting: Waiting, note: (what: string) => void) {
    this.#watch = watch;
    this.#timings = timings;
    this.#waiting = waiting;
    this.#note = note;
  }

  /** Resolves in the middle of writing, with a backup made and writes made since: who will be struck, in which epoch. */
  async waitForFault(vault: VaultRun | null): Promise<{ region: string; epoch: number; ballot: string }> {
    const calm = await this.waitForCalm();
    if (vault === null) return calm;
    await vault.backUp();
    await this.#pass('writes that are not in the backup', this.#waiting.clock.nowMs() + this.#timings.writeAfterBackupMs);
    return await this.waitForCalm();
  }

  /** Resolves in the middle of writing, once one region serves and the register is calm: who would be struck, in which epoch. */
  async waitForCalm(): Promise<{ region: string; epoch: number; ballot: string }> {
    const { reader, writer, sampler } = this.#watch;
    const { clock } = this.#waiting;
    const isCalm = () => {
      const value = reader.chosen();
      if (value?.state !== 'normal' || value.holder === null) return null;
      if (clock.nowMs() < this.#timings.warmUpMs || writer.acknowledged.length < WARM_UP_ACKNOWLEDGED_MIN) return null;
      const isServing = sampler.firstOpenAfter(value.holder, clock.nowMs() - 1000) !== null;
      return isServing && writer.outstanding > 0 ? { region: value.holder, epoch: value.epoch, ballot: reader.highestBallot() } : null;
    };
    const calm = await waitUntil(this.#waiting, `${this.#timings.warmUpMs / 1000} s of calm writing before the fault`, this.#timings.calmLimitMs, isCalm, () => this.#sight());
    if (calm === null) throw new Error(`the regions were never calm, so no fault was put in (${this.#sight()}): does holdfast status say normal?`);
    return calm;
  }

  /** Waits for another region to open, and reads its table at that moment. */
  async watchOpening(fault: FaultRecord): Promise<Opening | null> {
    const { writer, sampler, file } = this.#watch;
    const others = Object.keys(file.regions).filter((name) => name !== fault.region && regionEntry(file, name).role === 'candidate');
    const opened = await waitUntil(
      this.#waiting,
      'another region to open',
      this.#timings.openingLimitMs,
      () => {
        const write = writer.acknowledged.findLast((w) => w.epoch > fault.epoch);
        if (write !== undefined) return write.region;
        return others.find((name) => sampler.firstOpenAfter(name, fault.atMs) !== null) ?? null;
      },
      () => this.#sight(),
    );
    if (opened === null) return null;
    const atMs = this.#waiting.clock.nowMs();
    this.#note(`${opened} opened`);
    const stored = (await this.#scan(opened))?.written ?? null;
    this.#note(stored === null ? `the table of ${opened} could not be read` : `the table of ${opened} held ${stored.size} of this run's writes`);
    return { region: opened, atMs, stored };
  }

  /** Until the fault has lasted its time and, where it must, the new region has served for a while. */
  async waitToEnd(fault: Fault, record: FaultRecord, opening: Opening | null): Promise<void> {
    const { writer } = this.#watch;
    const { clock } = this.#waiting;
    if (fault.endsAfterTakeover && opening !== null) {
      const firstWrite = () => writer.acknowledged.find((w) => w.epoch > record.epoch) ?? null;
      const first = await waitUntil(this.#waiting, 'the first write of the new epoch', this.#timings.firstWriteLimitMs, firstWrite, () => this.#sight());
      if (first !== null) {
        this.#note(`first write acknowledged by ${first.region} in epoch ${first.epoch}`);
        await this.#pass('the new region to serve a while', first.answeredAtMs + this.#timings.serveBeforeReturnMs);
      }
    }
    await this.#pass(`the fault to have lasted ${fault.lastsMs / 1000} s`, record.atMs + fault.lastsMs);
    this.#note(`${fault.kind} ends after ${((clock.nowMs() - record.atMs) / 1000).toFixed(1)} s`);
  }

  /** Until the region's own gate answers again: an open port alone may belong to a process that still reads its state. */
  async waitForReturn(region: string, sinceMs: number): Promise<number | null> {
    const { sampler } = this.#watch;
    const reread = setInterval(() => this.#watch.reread(), REREAD_INTERVAL_MS);
    try {
      const answer = () => sampler.firstAnswerAfter(region, sinceMs)?.answeredAtMs ?? null;
      const atMs = await waitUntil(this.#waiting, `the gate of ${region} to answer again`, this.#timings.returnLimitMs, answer, () => this.#sight());
      if (atMs !== null) this.#note(`${region} is back`);
      return atMs;
    } finally {
      clearInterval(reread);
    }
  }

  /** Null where the failover is never complete. */
  async waitForValidation(fault: FaultRecord): Promise<number | null> {
    const { reader } = this.#watch;
    const isComplete = () => validatedAtMs(reader.readings, reader.acceptors.length, fault);
    return await waitUntil(this.#waiting, 'the failover to be validated', this.#timings.openingLimitMs, isComplete, () => this.#sight());
  }

  /** Watches the returned region, waits for the divergence report, stops writing, and reads everything a last time. */
  async watchReturn({ fault, opening, returnedAtMs, vault, controlPlanes, product }: Return): Promise<Journal> {
    const { writer, reviser, sampler, reader } = this.#watch;
    const { clock } = this.#waiting;
    const since = returnedAtMs ?? clock.nowMs();
    const lost = () => (opening?.stored ? lostWrites(writer.attempts, fault.epoch, opening.stored) : []);
    let divergence: Listed = { written: new Map(), revised: new Map() };
    while (opening !== null) {
      divergence = await this.#divergence(opening.region, fault.region);
      const missing = lost().filter((w) => !divergence.written.has(w.id)).length;
      if (missing === 0 || clock.nowMs() - since > this.#timings.divergenceLimitMs) break;
      await this.#pass(`${missing} of ${lost().length} lost writes to appear in the divergence report`, clock.nowMs() + this.#timings.divergenceLookMs);
    }
    this.#note(`the divergence report lists ${lost().filter((w) => divergence.written.has(w.id)).length} of ${lost().length} lost writes`);
    if (vault !== null && opening !== null) {
      await vault.attack(opening.region, (region) => region !== fault.region || returnedAtMs !== null);
      await vault.restore(opening.region, fault);
    }
    await this.#pass(`${fault.region} to have been watched for ${this.#timings.watchAfterReturnMs / 1000} s after its return`, since + this.#timings.watchAfterReturnMs);
    await Promise.all([writer.stop(), reviser.stop()]);
    const atEnd = opening === null ? null : await this.#scan(opening.region);
    if (opening !== null) divergence = await this.#divergence(opening.region, fault.region);
    // Judged as it was, whatever is written from here on.
    const [attempts, changes] = [[...writer.attempts], [...reviser.changes]];
    const reconciliation =
      product === null || opening === null
        ? null
        : await reconcile({ watch: this.#watch, product, waiting: this.#waiting, note: this.#note, limitMs: this.#timings.reconcileLimitMs, home: opening.region, origin: fault.region });
    await sampler.stop();
    reader.stop();
    return {
      attempts,
      gateSamples: sampler.samples,
      readings: reader.readings,
      acceptors: reader.acceptors.length,
      fault,
      returnedAtMs,
      atOpening: opening?.stored ?? null,
      atEnd: atEnd?.written ?? null,
      divergence: divergence.written,
      revised: { changes, atEnd: atEnd?.revised ?? null, divergence: divergence.revised },
      vault: vault?.journal() ?? null,
      controlPlanes,
      reconciliation,
    };
  }

  async #pass(what: string, untilMs: number): Promise<void> {
    const { clock } = this.#waiting;
    const left = untilMs - clock.nowMs();
    if (left > 0)
      await waitUntil(
        this.#waiting,
        what,
        left + 1000,
        () => (clock.nowMs() >= untilMs ? true : null),
        () => this.#sight(),
      );
  }

  async #scan(region: string): Promise<Listed | null> {
    try {
      const { keyName, items } = await this.#watch.tablesOf(region).scan(this.#watch.file.tableName);
      return { written: storedWrites(this.#watch.writer.run, keyName, items), revised: storedWrites(this.#watch.reviser.run, keyName, items) };
    } catch (error) {
      this.#note(`reading the table of ${region} failed: ${String(error)}`);
      return null;
    }
  }

  async #divergence(region: string, origin: string): Promise<Listed> {
    try {
      const items = await this.#watch.tablesOf(region).readDivergence(regionTableName(this.#watch.file), origin);
      return { written: divergentWrites(this.#watch.writer.run, items), revised: divergentWrites(this.#watch.reviser.run, items) };
    } catch (error) {
      this.#note(`reading the divergence report of ${region} failed: ${String(error)}`);
      return { written: new Map(), revised: new Map() };
    }
  }

  #sight(): string {
    const value = this.#watch.reader.chosen();
    const register = value === null ? 'no chosen value read' : `${value.state}, holder ${value.holder}, epoch ${value.epoch}`;
    const answer = this.#watch.resolver.answers.at(-1)?.answer ?? 'none yet';
    const last = this.#watch.writer.attempts.findLast((a) => a.kind === 'write');
    return `register: ${register}; DNS: ${answer}; ${this.#watch.writer.acknowledged.length} writes acknowledged, the last one ${last?.kind === 'write' ? last.outcome : 'not sent'}`;
  }
}

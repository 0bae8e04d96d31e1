// One run: regions, clients and faults, until enough registers have a long history or the time is over; then one file of all calls.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../simulation/random.ts';
import { Clients } from './clients.ts';
import { makeFaults, type Fault } from './faults.ts';
import { joinRecordings, type Call } from './recording.ts';
import { configId, regionNames, registerTable, type Regions } from './regions.ts';

export type RunOptions = {
  readonly seed: number;
  readonly minutes: number;
  /** Stop after so many; absent: only when the time is over. */
  readonly histories: number | undefined;
  /** That a register must have before the next one takes its place. */
  readonly callsMin: number;
  readonly clients: number;
  readonly workers: number;
  /** Registers worked on at the same time. */
  readonly registers: number;
  readonly source: string;
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
};

export type RunResult = { readonly calls: readonly Call[]; readonly faults: readonly Fault[]; readonly complete: number; readonly defects: readonly string[]; readonly seconds: number };

const lookMs = 250;
const progressMs = 30_000;
/** Rows are written before a register's turn comes: a region that is down must not keep the clients waiting. */
const createdAhead = 8;

export async function runTorture(regions: Regions, options: RunOptions): Promise<RunResult> {
  const recordings = mkdtempSync(join(tmpdir(), 'holdfast-torture-calls-'));
  const originNs = process.hrtime.bigint();
  const nowNs = () => Number(process.hrtime.bigint() - originNs);
  const rotation = new Rotation(regions, options);
  const faults: Fault[] = [];
  const defects: string[] = [];
  const hurting = new AbortController();
  let clients: Clients | undefined;
  let faulty: Promise<void> | undefined;
  try {
    await rotation.fill();
    clients = new Clients(
      {
        clients: options.clients,
        workers: options.workers,
        regions: regionNames,
        configId,
        registerTable,
        endpoints: regions.endpoints,
        source: options.source,
        recordings,
        seed: options.seed,
        originNs,
      },
      { onCalled: (key, result) => rotation.called(key, result), onDefect: (what) => defects.push(what) },
    );
    clients.work(rotation.active);
    faulty = makeFaults({ regions, clients, random: new Random(options.seed), nowNs, answered: () => rotation.answered, signal: hurting.signal }, (fault) => faults.push(fault));
    await Promise.race([
      untilDone(
        rotation,
        clients,
        options,
        () => summary(rotation, faults),
        () => defects.length > 0,
      ),
      faulty,
    ]);
    hurting.abort();
    await faulty;
    await clients.end();
    return { calls: joinRecordings(recordings), faults, complete: rotation.complete, defects, seconds: nowNs() / 1e9 };
  } finally {
    hurting.abort();
    // A region that is just being started again must be there before the regions are ended.
    await faulty?.catch(() => undefined);
    await clients?.kill();
    rmSync(recordings, { recursive: true, force: true });
  }
}

/** @param hasDefect what no fault explains ends the run at once: it would go on in every call. */
async function untilDone(rotation: Rotation, clients: Clients, options: RunOptions, told: () => string, hasDefect: () => boolean): Promise<void> {
  const startedAtMs = performance.now();
  const endsAtMs = startedAtMs + options.minutes * 60_000;
  let tellsAtMs = startedAtMs + progressMs;
  while (performance.now() < endsAtMs && !hasDefect() && rotation.complete < (options.histories ?? Number.POSITIVE_INFINITY)) {
    // Whoever ends it early has what was recorded judged all the same.
    if (options.signal.aborted) return;
    await delay(lookMs);
    if (await rotation.fill()) clients.work(rotation.active);
    if (performance.now() < tellsAtMs) continue;
    tellsAtMs += progressMs;
    options.log(`${Math.round((performance.now() - startedAtMs) / 1000)} s: ${told()}`);
  }
}

function summary(rotation: Rotation, faults: readonly Fault[]): string {
  return `${rotation.answered} calls answered, ${rotation.complete} histories complete; ${tellFaults(faults)}`;
}

export function tellFaults(faults: readonly Fault[]): string {
  const count = (kind: Fault['kind'], ofClients: boolean) => faults.filter((f) => f.kind === kind && f.what.startsWith('client ') === ofClients).length;
  return `regions: ${count('kill', false)} kills, ${count('stop', false)} stops, ${count('pause', false)} pauses; clients: ${count('kill', true)} kills, ${count('stop', true)} stops`;
}

/** Which registers are worked on: one whose history is long enough makes room for a new one. */
class Rotation {
  readonly #regions: Regions;
  readonly #options: RunOptions;
  readonly #calls = new Map<string, number>();
  #active: readonly string[] = [];
  readonly #created: string[] = [];
  #creating: Promise<void> | undefined;
  #failure: Error | undefined;
  #names = 0;
  complete = 0;
  answered = 0;

  constructor(regions: Regions, options: RunOptions) {
    this.#regions = regions;
    this.#options = options;
  }

  get active(): readonly string[] {
    return this.#active;
  }

  called(key: string, result: 'ok' | 'fail' | 'unknown'): void {
    this.#calls.set(key, (this.#calls.get(key) ?? 0) + 1);
    if (result !== 'unknown') this.answered += 1;
  }

  /** Says whether the registers to work on have changed. */
  async fill(): Promise<boolean> {
    if (this.#failure !== undefined) throw this.#failure;
    const going = this.#active.filter((key) => (this.#calls.get(key) ?? 0) < this.#options.callsMin);
    this.complete += this.#active.length - going.length;
    const missing = this.#options.registers - going.length;
    // Only at the beginning is the first one waited for.
    const wanted = missing + createdAhead - this.#created.length;
    if (wanted > 0) this.#creating ??= this.#create(wanted).finally(() => (this.#creating = undefined));
    if (this.#active.length === 0) await this.#creating;
    const fresh = this.#created.splice(0, missing);
    const isChanged = fresh.length > 0 || going.length < this.#active.length;
    this.#active = [...going, ...fresh];
    return isChanged;
  }

  async #create(count: number): Promise<void> {
    try {
      for (let i = 0; i < count; i += 1) {
        // With the seed in it: the recordings of several runs can be judged as one.
        const key = `torture-${this.#options.seed}-${String((this.#names += 1)).padStart(5, '0')}`;
        await this.#regions.createRegister(key);
        this.#created.push(key);
      }
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    }
  }
}

export function writeRecording(path: string, result: RunResult): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, result.calls.map((call) => `${JSON.stringify(call)}\n`).join(''));
  writeFileSync(faultsFile(path), result.faults.map((fault) => `${JSON.stringify(fault)}\n`).join(''));
}

export function readFaults(path: string): Fault[] {
  if (!existsSync(faultsFile(path))) return [];
  const lines = readFileSync(faultsFile(path), 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line): Fault => JSON.parse(line));
}

function faultsFile(path: string): string {
  return `${path}.faults`;
}

// The client processes of a run: started, told what to work on, stopped, killed and replaced.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { localAccountId } from '../../local/engine/ministack.ts';
import type { ClientOptions, FromClient, ToClient } from './messages.ts';

const program = join(import.meta.dirname, 'client.ts');
/** Calls under way end within their own time limit; a client that needs longer is killed, and its calls are of unknown outcome. */
const endWithinMs = 10_000;

export type ClientPlan = Omit<ClientOptions, 'name' | 'region' | 'recording' | 'seed' | 'originNs'> & {
  readonly clients: number;
  readonly regions: readonly string[];
  readonly recordings: string;
  readonly seed: number;
  readonly originNs: bigint;
};

export type Events = {
  readonly onCalled: (key: string, result: 'ok' | 'fail' | 'unknown') => void;
  readonly onDefect: (what: string) => void;
};

export class Clients {
  readonly #plan: ClientPlan;
  readonly #events: Events;
  readonly #slots: (ChildProcess | undefined)[];
  #keys: readonly string[] = [];
  #started = 0;
  #isEnding = false;

  constructor(plan: ClientPlan, events: Events) {
    this.#plan = plan;
    this.#events = events;
    this.#slots = Array.from({ length: plan.clients }, () => undefined);
    for (const slot of this.#slots.keys()) this.#start(slot);
  }

  get count(): number {
    return this.#slots.length;
  }

  #start(slot: number): void {
    const { clients: _, regions, recordings, seed, originNs, ...rest } = this.#plan;
    const number = (this.#started += 1);
    const name = `c${slot}.${number}`;
    const region = regions[slot % regions.length];
    if (region === undefined) throw new RangeError('A run needs regions.');
    const options: ClientOptions = { ...rest, name, region, recording: join(recordings, `${name}.jsonl`), seed: seed * 1000 + number, originNs: String(originNs) };
    const startedAtNs = process.hrtime.bigint();
    // Nothing of our own AWS settings, proxies or Node options.
    const env = { PATH: process.env['PATH'], AWS_ACCESS_KEY_ID: localAccountId, AWS_SECRET_ACCESS_KEY: 'local', NODE_COMPILE_CACHE: join(recordings, 'compile-cache') };
    const child = fork(program, [JSON.stringify(options)], { env, execArgv: ['--disable-warning=ExperimentalWarning'] });
    this.#slots[slot] = child;
    child.on('message', (message: FromClient) => {
      if (message.kind === 'ready') this.#compareClocks(name, startedAtNs, BigInt(message.atNs));
      else if (message.kind === 'called') this.#events.onCalled(message.key, message.result);
      else this.#events.onDefect(message.what);
    });
    child.on('error', (error) => this.#events.onDefect(`client ${name}: ${error.message}`));
    child.on('exit', (code) => {
      // One that was killed has no code.
      if (code !== null && code !== 0) this.#events.onDefect(`client ${name} ended by itself with code ${code}`);
    });
    send(child, { kind: 'work', keys: this.#keys });
  }

  /** An order between the calls of two processes means something only if both read one clock. */
  #compareClocks(name: string, startedAtNs: bigint, clientNs: bigint): void {
    if (clientNs < startedAtNs || clientNs > process.hrtime.bigint()) this.#events.onDefect(`client ${name} reads another monotonic clock than the run: its times say nothing here`);
  }

  work(keys: readonly string[]): void {
    this.#keys = keys;
    for (const child of this.#slots) if (child !== undefined) send(child, { kind: 'work', keys });
  }

  signal(slot: number, name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#slots[slot]?.kill(name);
  }

  /** Kills one in the middle of whatever it does, and starts another in its place. */
  async replace(slot: number): Promise<void> {
    await end(this.#slots[slot], 'SIGKILL');
    if (!this.#isEnding) this.#start(slot);
  }

  /** Lets the calls under way end. */
  async end(): Promise<void> {
    this.#isEnding = true;
    const running = this.#slots.filter((child) => child !== undefined && !hasEnded(child)).flatMap((child) => child ?? []);
    for (const child of running) {
      child.kill('SIGCONT');
      send(child, { kind: 'end' });
    }
    await Promise.race([Promise.all(running.map((child) => once(child, 'exit'))), delay(endWithinMs)]);
    await this.kill();
  }

  async kill(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#slots.map((child) => end(child, 'SIGKILL')));
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function end(child: ChildProcess | undefined, signal: 'SIGKILL'): Promise<void> {
  if (child === undefined || hasEnded(child)) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

function send(child: ChildProcess, message: ToClient): void {
  // One that ends at this moment has nobody to hear it; that is no error of the run.
  if (child.connected) child.send(message, () => undefined);
}

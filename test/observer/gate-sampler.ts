// Asks the gates of all candidates, every 50 ms, whether they say 200: the eye that would see two regions active at once.
import { BoundedHttpClient, type Exchange } from './bounded-http-client.ts';
import type { Clock } from './clock.ts';
import { countsAsVerdict, GATE_SAMPLE_INTERVAL_MS } from './figures.ts';
import type { GateSample } from './journal.ts';

export interface GateTarget {
  readonly region: string;
  readonly address: string;
  readonly port: number;
  readonly host: string;
  readonly path: string;
}

/** Where to send the question: a gate that has no address of its own (a host name of AWS) is asked at its region's endpoint, by its Host. */
export function gateTarget(region: string, gateUrl: string, endpoint: string): GateTarget {
  const gate = new URL(gateUrl);
  const isAddress = /^[\d.]+$/.test(gate.hostname) || gate.hostname === 'localhost';
  const server = isAddress ? gate : new URL(endpoint);
  return { region, address: server.hostname, port: Number(server.port || 80), host: gate.host, path: gate.pathname + gate.search };
}

export class GateSampler {
  readonly samples: GateSample[] = [];
  /** Questions that were not asked because four to the same gate were still open. */
  readonly heldBack = new Map<string, number>();
  readonly #clock: Clock;
  readonly #client: BoundedHttpClient;
  #targets: readonly GateTarget[];
  #timer: NodeJS.Timeout | null = null;
  #nextAtMs = 0;
  readonly #underWay = new Set<Promise<void>>();

  constructor(clock: Clock, client: BoundedHttpClient, targets: readonly GateTarget[]) {
    this.#clock = clock;
    this.#client = client;
    this.#targets = targets;
  }

  start(): void {
    this.#nextAtMs = this.#clock.nowMs();
    this.#schedule();
  }

  /** The first answer of any kind to a question that this gate was asked after `sinceMs`: its region lives. */
  firstAnswerAfter(region: string, sinceMs: number): GateSample | null {
    return this.samples.find((s) => s.region === region && s.sentAtMs >= sinceMs && s.status !== null) ?? null;
  }

  /** After a restart a region's gate may have moved. */
  retarget(targets: readonly GateTarget[]): void {
    this.#targets = targets;
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    await Promise.all(this.#underWay);
  }

  /** The first 200 that counts, to a question that this gate was asked after `sinceMs`. */
  firstOpenAfter(region: string, sinceMs: number): GateSample | null {
    return this.samples.find((s) => s.region === region && s.sentAtMs >= sinceMs && s.verdict === 'open' && countsAsVerdict(s)) ?? null;
  }

  #schedule(): void {
    const now = this.#clock.nowMs();
    // A late timer skips what it missed rather than asking twice at once.
    while (this.#nextAtMs <= now) this.#nextAtMs += GATE_SAMPLE_INTERVAL_MS;
    this.#timer = setTimeout(() => {
      for (const target of this.#targets) this.#ask(target);
      this.#schedule();
    }, this.#nextAtMs - now);
  }

  #ask(target: GateTarget): void {
    if (!this.#client.hasRoom(target.address, target.port)) {
      this.heldBack.set(target.region, (this.heldBack.get(target.region) ?? 0) + 1);
      return;
    }
    const work = this.#client.exchange({ address: target.address, port: target.port, host: target.host, method: 'GET', path: target.path }).then((exchange) => {
      this.samples.push(judgeSample(target.region, exchange));
    });
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }
}

/** Anything but 200 and 503 (a 429 for too many questions, a 502 of whoever stands before it) is not the gate's own word. */
function verdictOf(status: number | null): GateSample['verdict'] {
  if (status === 200) return 'open';
  return status === 503 ? 'shut' : 'none';
}

export function judgeSample(region: string, exchange: Exchange): GateSample {
  const sent = { region, sentAtMs: exchange.sentAtMs, status: exchange.status };
  switch (exchange.result) {
    case 'answered':
      return { ...sent, answeredAtMs: exchange.settledAtMs, verdict: verdictOf(exchange.status) };
    case 'refused':
      return { ...sent, answeredAtMs: exchange.settledAtMs, verdict: 'shut' };
    case 'broken':
    case 'timed-out':
      return { ...sent, answeredAtMs: null, verdict: 'none' };
  }
}

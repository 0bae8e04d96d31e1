// The customer: writes orders the way a client of the service would (own DNS, plain HTTP) and remembers each thing it was promised.
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { BoundedHttpClient, type Exchange } from './bounded-http-client.ts';
import type { Clock } from './clock.ts';
import type { CachingResolver } from './dns-client.ts';
import { exchangeFollowing, type Follow } from './following.ts';
import type { AcknowledgedWrite, Attempt } from './journal.ts';

const SEQUENCE_DIGITS = 7;
/** One read for so many writes. */
const WRITES_PER_READ = 6;

const acknowledgement = z.object({ id: z.string(), region: z.string(), epoch: z.number() });

export interface WriterOptions {
  readonly clock: Clock;
  readonly resolver: CachingResolver;
  readonly client: BoundedHttpClient;
  readonly service: { readonly name: string; readonly port: number };
  readonly writesPerSecond: number;
  /** Where a write is sent on by a 307, this client goes; without it a 307 is a refusal. */
  readonly follow?: Follow;
}

export class Writer {
  /** Ids of this run: `obs-<8 hex>-<7 digits>`, of one width, so that none is the beginning of another. */
  readonly run = `obs-${randomBytes(4).toString('hex')}`;
  readonly attempts: Attempt[] = [];
  readonly acknowledged: AcknowledgedWrite[] = [];
  /** Writes that were due while the limit of outstanding requests was reached, or while no address was known. */
  heldBack = 0;
  readonly #options: WriterOptions;
  #sequence = 0;
  #lastAddress: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.#due(), 1000 / this.#options.writesPerSecond);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await Promise.all(this.#underWay);
  }

  get outstanding(): number {
    return this.#underWay.size;
  }

  #due(): void {
    const { resolver, client, service } = this.#options;
    const address = resolver.current();
    if (address === null) {
      this.heldBack += 1;
      return;
    }
    if (this.#lastAddress !== null && this.#lastAddress !== address) client.renew(this.#lastAddress, service.port);
    this.#lastAddress = address;
    if (!client.hasRoom(address, service.port)) {
      this.heldBack += 1;
      return;
    }
    this.#sequence += 1;
    const isReadDue = this.#sequence % WRITES_PER_READ === 0;
    this.#track(this.#write(address, this.#sequence));
    if (isReadDue && client.hasRoom(address, service.port)) this.#track(this.#read(address));
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  async #write(address: string, n: number): Promise<void> {
    const { client, service } = this.#options;
    const id = `${this.run}-${String(n).padStart(SEQUENCE_DIGITS, '0')}`;
    const text = `words of ${id} ${randomBytes(6).toString('hex')}`;
    const body = JSON.stringify({ n, text });
    const exchange = await exchangeFollowing(client, { address, port: service.port, host: service.name, method: 'PUT', path: `/orders/${id}`, body }, this.#options.follow);
    const attempt = judgeWrite(id, text, address, exchange);
    this.attempts.push(attempt);
    if (attempt.kind === 'write' && attempt.outcome === 'acknowledged') this.acknowledged.push(attempt);
  }

  async #read(address: string): Promise<void> {
    const { client, service } = this.#options;
    const known = this.acknowledged[Math.floor(Math.random() * this.acknowledged.length)];
    if (known === undefined) return;
    const exchange = await client.exchange({ address, port: service.port, host: service.name, method: 'GET', path: `/orders/${known.id}` });
    this.attempts.push({
      kind: 'read',
      id: known.id,
      address,
      sentAtMs: exchange.sentAtMs,
      answeredAtMs: exchange.result === 'answered' ? exchange.settledAtMs : null,
      status: exchange.status,
    });
  }
}

/** What an exchange promised. Only a 200 that names this very id is an acknowledgement; only what certainly was not done is refused. */
export function judgeWrite(id: string, text: string, address: string, exchange: Exchange): Attempt {
  const common = { kind: 'write', id, text, address, sentAtMs: exchange.sentAtMs } as const;
  if (exchange.result !== 'answered' || exchange.status === null) {
    const outcome = exchange.result === 'refused' ? 'refused' : 'unknown';
    return { ...common, outcome, answeredAtMs: null, status: null, because: exchange.because };
  }
  const answered = { ...common, answeredAtMs: exchange.settledAtMs, status: exchange.status } as const;
  if (exchange.status === 200) {
    const promise = readAcknowledgement(exchange.body);
    if (promise?.id === id) return { ...answered, outcome: 'acknowledged', region: promise.region, epoch: promise.epoch };
    return { ...answered, outcome: 'unknown', because: `200 without this id, a region and an epoch: ${exchange.body.slice(0, 200)}` };
  }
  // A 5xx answer, Retry-After or not, may come from a service that does not know itself whether it wrote. A 307 says that it is done elsewhere or nowhere.
  const isRefusal = exchange.status === 307 || (exchange.status >= 400 && exchange.status < 500);
  return { ...answered, outcome: isRefusal ? 'refused' : 'unknown', because: `${exchange.status} ${exchange.body.slice(0, 120)}` };
}

function readAcknowledgement(body: string): z.infer<typeof acknowledgement> | null {
  try {
    return acknowledgement.safeParse(JSON.parse(body)).data ?? null;
  } catch {
    return null;
  }
}

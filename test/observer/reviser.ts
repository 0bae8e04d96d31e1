// A second customer: overwrites and removes orders, so that the state at one moment is not the state at another. Apart from the writer, whose
// orders are written once: what is said of those needs no order of changes.
import { randomBytes } from 'node:crypto';
import type { BoundedHttpClient } from './bounded-http-client.ts';
import type { CachingResolver } from './dns-client.ts';
import type { Change } from './journal.ts';
import { judgeWrite } from './writer.ts';

const SEQUENCE_DIGITS = 7;
/** So many orders, so that each is changed every few seconds. */
const SLOTS = 40;
/** One change in so many is a removal, where there is something to remove. */
const CHANGES_PER_REMOVAL = 5;

export interface ReviserOptions {
  readonly resolver: CachingResolver;
  /** Of its own: what it has outstanding is its own limit. */
  readonly client: BoundedHttpClient;
  readonly service: { readonly name: string; readonly port: number };
  readonly changesPerSecond: number;
}

/** An order that is changed by one request at a time, so that its changes have an order. */
interface Slot {
  readonly id: string;
  isThere: boolean;
  isBusy: boolean;
}

export class Reviser {
  /** Ids of this run: `rev-<8 hex>-<7 digits>`. */
  readonly run = `rev-${randomBytes(4).toString('hex')}`;
  readonly changes: Change[] = [];
  readonly #options: ReviserOptions;
  readonly #slots: Slot[] = [];
  #orders = 0;
  #due = 0;
  #timer: NodeJS.Timeout | null = null;
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: ReviserOptions) {
    this.#options = options;
    for (let index = 0; index < SLOTS; index += 1) this.#slots.push(this.#newSlot());
  }

  start(): void {
    this.#timer = setInterval(() => this.#change(), 1000 / this.#options.changesPerSecond);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await Promise.all(this.#underWay);
  }

  #newSlot(): Slot {
    this.#orders += 1;
    return { id: `${this.run}-${String(this.#orders).padStart(SEQUENCE_DIGITS, '0')}`, isThere: false, isBusy: false };
  }

  #change(): void {
    const { resolver, client, service } = this.#options;
    const address = resolver.current();
    if (address === null || !client.hasRoom(address, service.port)) return;
    this.#due += 1;
    const index = this.#due % SLOTS;
    const slot = this.#slots[index];
    if (slot === undefined || slot.isBusy) return;
    slot.isBusy = true;
    const work = this.#send(slot, address, slot.isThere && Math.random() < 1 / CHANGES_PER_REMOVAL).then((outcome) => {
      slot.isBusy = false;
      // Nobody can say in which order a change of unknown outcome and a later one take effect: that order is left alone.
      if (outcome === 'unknown') this.#slots[index] = this.#newSlot();
    });
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  async #send(slot: Slot, address: string, isRemoval: boolean): Promise<Change['outcome']> {
    const { client, service } = this.#options;
    const { id } = slot;
    const words = `words of ${id} ${randomBytes(6).toString('hex')}`;
    const method = isRemoval ? 'DELETE' : 'PUT';
    const body = isRemoval ? {} : { body: JSON.stringify({ text: words }) };
    const exchange = await client.exchange({ address, port: service.port, host: service.name, method, path: `/orders/${id}`, ...body });
    const attempt = judgeWrite(id, words, address, exchange);
    if (attempt.kind !== 'write') return 'unknown';
    const { outcome, sentAtMs, answeredAtMs } = attempt;
    if (outcome === 'acknowledged') slot.isThere = !isRemoval;
    // 404: what this region has no longer, after a failover, may be written again.
    if (isRemoval && attempt.status === 404) slot.isThere = false;
    this.changes.push({ id, text: isRemoval ? null : words, outcome, sentAtMs, answeredAtMs });
    return outcome;
  }
}

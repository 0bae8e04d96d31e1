// Every order that a seed draws of the calls of a few proposers and operators while voters change: no clock, no lease, only the register,
// so that thousands of schedules take a minute. Each proposer appends a word to the value; what was acknowledged must stand in the
// end, once, in the order in which everybody was told.
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import type { Acceptor } from '../../src/core/register/configuration.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import type { RowChange, RowKey } from '../../src/core/rows/row.ts';
import type { VotersAsked } from '../../src/operations/change-voters.ts';
import type { RegisterVoters } from '../../src/operations/voting-set.ts';
import type { RowStore } from '../../src/ports/row-store.ts';
import { policyOf } from './history.ts';
import type { Product } from './product.ts';
import { Random } from './random.ts';

const names = ['us-east-1', 'us-west-2', 'eu-west-1', 'eu-central-1', 'ap-south-1'] as const;
const genesis = `${'0'.repeat(16)}.genesis.${'0'.repeat(32)}`;
const picksMax = 6000;
const actorsMost = 6;

type Pending = { readonly actor: number; readonly region: string; readonly run: () => void; readonly lose: (() => void) | undefined };

/** Sees to it that nothing happens but what it picks. */
class Scheduler {
  readonly random: Random;
  readonly pending: Pending[] = [];
  /** Actors whose calls wait until the others have ended. */
  readonly stalled = new Set<number>();
  /** actor>region: what that actor asks there does not arrive. */
  readonly cut = new Set<string>();
  picks = 0;

  constructor(random: Random) {
    this.random = random;
  }

  call<T>(actor: number, region: string, act: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let isGivenUp = false;
      const giveUp = () => {
        isGivenUp = true;
        reject(new Error('no answer'));
      };
      this.pending.push({
        actor,
        region,
        run: () =>
          void act().then(
            (answer) => {
              if (!isGivenUp) this.pending.push({ actor, region, run: () => resolve(answer), lose: giveUp });
            },
            (error: unknown) => reject(error instanceof Error ? error : new Error(String(error))),
          ),
        lose: () => {
          giveUp();
          // It arrives later all the same, or never.
          if (this.random.chance(0.7)) this.pending.push({ actor: -1, region, run: () => void act().catch(() => undefined), lose: undefined });
        },
      });
    });
  }

  /** One thing that may happen now, and what follows from it until everybody waits again. */
  async step(): Promise<boolean> {
    const { random, pending } = this;
    const able = pending.filter((p) => !this.stalled.has(p.actor) && !this.cut.has(`${p.actor}>${p.region}`));
    const from = able.length > 0 && !random.chance(0.05) ? able : pending;
    if (from.length === 0) return false;
    this.picks += 1;
    if (random.chance(0.01)) this.#weather();
    // What arrives late arrives late.
    const timely = from.filter((p) => p.actor >= 0);
    const chosen = random.pick(timely.length > 0 && random.chance(0.95) ? timely : from);
    pending.splice(pending.indexOf(chosen), 1);
    const isLost = chosen.lose !== undefined && (random.chance(0.02) || this.cut.has(`${chosen.actor}>${chosen.region}`));
    if (isLost) chosen.lose?.();
    else chosen.run();
    await new Promise((resolve) => setImmediate(resolve));
    return true;
  }

  /** The actors fall into two parties, each of which sees some regions alone, and some together with the other; or all see all again. */
  #weather(): void {
    this.cut.clear();
    if (this.random.chance(0.3)) return;
    const parties = Array.from({ length: actorsMost }, () => this.random.below(2));
    for (const region of names) {
      const seenBy = this.random.below(3);
      for (const [actor, party] of parties.entries()) if (seenBy !== 2 && seenBy !== party) this.cut.add(`${actor}>${region}`);
    }
  }
}

type Told = { readonly by: string; readonly words: readonly string[] };

export type ScheduleResult = { readonly violation: string | undefined; readonly acknowledged: number; readonly sets: number };

export async function runSchedule(product: Product, seed: number): Promise<ScheduleResult> {
  const random = new Random(seed);
  const scheduler = new Scheduler(random);
  const world = new Tables(product, random, scheduler);
  const told: Told[] = [];
  const acknowledged: string[] = [];
  const appended = (word: string) => (current: RegisterValue) => ({ kind: 'set' as const, value: { ...current, auditHead: `${current.auditHead},${word}` } });
  const { register } = product;

  const proposer = async (actor: number) => {
    for (let i = 0; i < 3; i += 1) {
      const word = `${actor}.${i}`;
      const voters = world.votersOf(actor, random.pick(names));
      const looks = random.chance(0.6);
      const sighting = looks ? await register.lookAtRegister(voters) : { kind: 'nothing' as const, because: '' };
      if (sighting.kind === 'chosen') told.push({ by: `a look of ${actor}`, words: wordsOf(sighting.value) });
      if (random.chance(0.15)) scheduler.stalled.add(actor);
      const believed = sighting.kind === 'nothing' ? undefined : sighting.voters;
      const outcome = await register.changeRegister({ ...voters, believed }, register.seenBallotOf(sighting), random.chance(0.85) ? appended(word) : () => ({ kind: 'refuse', because: 'a look' }));
      if (outcome.kind === 'unknown') continue;
      const value = outcome.kind === 'chosen' ? outcome.value : outcome.current;
      told.push({ by: word, words: wordsOf(value) });
      if (outcome.kind === 'chosen') acknowledged.push(word);
    }
  };
  const operator = async (actor: number, asks: readonly VotersAsked[]) => {
    for (const asked of asks) {
      world.prepare(asked);
      for (let i = 0; i < 3; i += 1) {
        const ports = { voters: world.votersOf(actor, 'operator'), candidates: names, digest: sha256, wait: async () => undefined, because: '' };
        const isDone = await product.changeVoters.changeVoters(ports, asked).then(
          () => true,
          () => false,
        );
        if (isDone && asked.kind === 'add' && random.chance(0.15)) world.empty(asked.region);
        if (isDone) break;
      }
    }
  };

  const actors = [operator(0, world.draw()), ...(random.chance(0.3) ? [operator(1, world.draw())] : []), ...[2, 3, 4, 5].map(proposer)];
  let isOver = false;
  void Promise.allSettled(actors).then(() => (isOver = true));
  while (scheduler.picks < picksMax && (await scheduler.step()) && !isOver) if (scheduler.stalled.size > 0 && random.chance(0.01)) scheduler.stalled.clear();
  // All that is late arrives; then a last one looks.
  scheduler.cut.clear();
  scheduler.stalled.clear();
  while (scheduler.picks < 2 * picksMax && (await scheduler.step()));
  const last = await world.last();
  // Where a table was lost and another one forgot, too few may be left: then nothing was decided wrongly. One alone leaves a majority.
  const violation = last === undefined && world.losses > 1 ? undefined : judge(last, told, acknowledged);
  return { violation, acknowledged: acknowledged.length, sets: last?.config.number ?? 0 };
}

function wordsOf(value: RegisterValue): string[] {
  return value.auditHead.split(',').slice(1);
}

function judge(last: RegisterValue | undefined, told: readonly Told[], acknowledged: readonly string[]): string | undefined {
  if (last === undefined) return 'nobody can decide any more';
  const words = wordsOf(last);
  if (new Set(words).size !== words.length) return `something stands twice: ${words.join(' ')}`;
  const lost = acknowledged.find((w) => !words.includes(w));
  if (lost !== undefined) return `${lost} was acknowledged and is lost: ${words.join(' ')}`;
  const other = told.find((t) => t.words.some((w, i) => words[i] !== w));
  return other === undefined ? undefined : `${other.by} was told '${other.words.join(' ')}', and what stands is '${words.join(' ')}'`;
}

/** The acceptors of all regions, which come and go. */
class Tables {
  readonly #product: Product;
  readonly #random: Random;
  readonly #scheduler: Scheduler;
  readonly #founders = policyOf({ regions: 3, fenceShards: 1 });
  readonly #tables = new Map<string, RowStore>();
  losses = 0;
  readonly #deployed = new Map<string, number>(names.map((name) => [name, 1]));

  constructor(product: Product, random: Random, scheduler: Scheduler) {
    this.#product = product;
    this.#random = random;
    this.#scheduler = scheduler;
    const founders = this.#founders.voters.map((v) => v.region);
    for (const name of names) {
      const row = founders.includes(name) ? product.firstRows.firstRows(this.#founders, name, names[0]).slice(0, 1) : [this.#joining()];
      this.#tables.set(`${name}/register-1`, new product.rows.MemoryRowStore(name, row));
    }
  }

  #joining() {
    return this.#product.firstRows.joiningRow(this.#founders.group, this.#random.hex(32));
  }

  draw(): VotersAsked[] {
    const add = (region: string): VotersAsked => ({ kind: 'add', region, table: 'register-1' });
    const remove = (region: string): VotersAsked => ({ kind: 'remove', region });
    const replace = (region: string): VotersAsked => ({ kind: 'replace', region, table: 'register-2' });
    const founder = names[this.#random.below(3)] ?? names[0];
    return this.#random.pick([
      [add(names[3]), add(names[4])],
      [add(names[3]), remove(names[2]), add(names[4])],
      [add(names[3]), add(names[4]), remove(names[2]), remove(names[1])],
      [replace(founder)],
      [replace(founder), add(names[3])],
    ]);
  }

  /** Deploys the table that an ask is about; the old one of a replacement is often gone before. */
  prepare(asked: VotersAsked): void {
    if (asked.kind !== 'replace' || this.#tables.has(`${asked.region}/${asked.table}`)) return;
    if (this.#random.chance(0.5)) {
      this.losses += 1;
      this.#tables.delete(`${asked.region}/register-${this.#deployed.get(asked.region)}`);
    }
    this.#tables.set(`${asked.region}/${asked.table}`, new this.#product.rows.MemoryRowStore(asked.region, [this.#joining()]));
    this.#deployed.set(asked.region, 2);
  }

  /** The table of a voter is emptied and written anew, as by a stack that was deleted and made again: it has forgotten (H3). */
  empty(region: string): void {
    this.losses += 1;
    this.#tables.set(`${region}/register-1`, new this.#product.rows.MemoryRowStore(region, [this.#joining()]));
  }

  votersOf(actor: number, me: string): RegisterVoters {
    const stores = new Map<string, RowStore>();
    const reach = ({ region, table }: Acceptor): RowStore => {
      const name = `${region}/${table}`;
      const made = stores.get(name) ?? this.#network(actor, region, name);
      stores.set(name, made);
      return made;
    };
    const deployed = this.#random.chance(0.5) ? names.slice(0, 3) : names;
    const acceptors = deployed.map((region) => reach({ region, table: `register-${this.#deployed.get(region)}` }));
    const { group, configId } = this.#founders;
    // Half of them know one table a region only.
    const known = this.#random.chance(0.5) ? { reach } : {};
    return { group, configId: deployed.length === 3 ? configId : 'deployed later', region: me, acceptors, chance: { id: () => this.#random.hex(32) }, ...known };
  }

  #network(actor: number, region: string, name: string): RowStore {
    const send = <T>(act: (rows: RowStore) => Promise<T>): Promise<T> =>
      this.#scheduler.call(actor, region, async () => {
        const rows = this.#tables.get(name);
        if (rows === undefined) throw new Error(`there is no table ${name}`);
        return act(rows);
      });
    return {
      region,
      get: (key: RowKey) => send((rows) => rows.get(key)),
      change: (change: RowChange) => send((rows) => rows.change(change)),
      changeTogether: (changes, checks) => send((rows) => rows.changeTogether(changes, checks)),
    };
  }

  /** What stands in the end: chosen, with all acceptors there, at once and unhindered. */
  async last(): Promise<RegisterValue | undefined> {
    const direct = ({ region, table }: Acceptor) => this.#tables.get(`${region}/${table}`);
    const acceptors = names.flatMap((region) => direct({ region, table: `register-${this.#deployed.get(region)}` }) ?? []);
    const { group, configId } = this.#founders;
    const voters: RegisterVoters = { group, configId, region: 'last', acceptors, chance: { id: () => this.#random.hex(32) }, reach: direct };
    const { register } = this.#product;
    for (let i = 0; i < 5; i += 1) {
      const sighting = await register.lookAtRegister(voters);
      const believed = sighting.kind === 'nothing' ? undefined : sighting.voters;
      const outcome = await register.changeRegister({ ...voters, believed }, sighting.kind === 'nothing' ? genesis : register.seenBallotOf(sighting), (current) => ({ kind: 'set', value: current }));
      if (outcome.kind === 'chosen') return outcome.value;
    }
    return undefined;
  }
}

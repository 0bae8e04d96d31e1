// The protected data in all regions, and the real operations that carry it from one to the others: the stream wakes the shipping,
// a new segment wakes the applying, each tick ships what was missed, and Synchronise applies to the end.
import type { RunbookInput } from '../../src/core/failover/runbook.ts';
import type { Sighting } from '../../src/core/register/sighting.ts';
import type { LogApplier } from '../../src/operations/apply-log.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import type { Governor, HandOverPorts } from '../../src/operations/governor.ts';
import type { LogStore } from '../../src/ports/log-store.ts';
import { governorOf, type Ports } from './governor-ports.ts';
import { handOverPorts } from './hand-over-ports.ts';
import type { Product } from './product.ts';
import { identityOf, nameOf, recordIdentity, Replica, type Identity } from './replica.ts';
import type { Invocation, Region } from './region.ts';

/** The service's keys are k0 and so on. */
export const keys = 12;
const batchMax = 20;
const applyPagesMax = 20;
const deliverEveryMs = 1200;

type Shard = ReturnType<Replica['stream']['shards']>[number];
type Acknowledged = Identity & { readonly key: string };

export class DataPlane {
  readonly #ports: Ports;
  readonly #product: Product;
  readonly #replicas: readonly Replica[];
  readonly #acknowledged: Acknowledged[] = [];
  /** By region: what stood in its table when a person signed it off, for better or worse. */
  readonly #signedOff = new Map<Region, Set<string>>();
  readonly #handedOver: { readonly origin: string; readonly epoch: number }[] = [];
  /** Regions in which applying has been woken and has not begun. */
  readonly #woken = new Set<Region>();

  constructor(ports: Ports, product: Product, streamShards = 1) {
    this.#ports = ports;
    this.#product = product;
    const { world, policy, invariants } = ports;
    const judges = {
      violate: (invariant: string, what: string) => world.violate(invariant, what),
      openedEpoch: (region: Region) => invariants.openedEpoch(region),
      wallMs: (region: Region) => region.wallAt(world.nowMs),
    };
    this.#replicas = world.regions.map((region) => new Replica(region, product, policy.fenceShards, judges, streamShards));
  }

  begin(): void {
    for (const region of this.#ports.world.regions) if (region.isCandidate) for (const shard of this.replicaOf(region).stream.shards()) this.#deliveries(region, shard);
  }

  /** For the account of a history. */
  get applied(): number {
    return this.#replicas.reduce((sum, r) => sum + r.applied, 0);
  }

  write(region: Region, number: number, epoch: number): void {
    const key = `k${number % keys}`;
    this.#acknowledged.push({ ...this.replicaOf(region).write(key, epoch), key });
  }

  replicaOf(region: Region): Replica {
    const replica = this.#replicas[region.index];
    if (replica === undefined) throw new RangeError(`There is no region ${region.index}.`);
    return replica;
  }

  /** One of the shards of a region's stream closes, and two others go on. */
  split(region: Region): void {
    const { stream } = this.replicaOf(region);
    const open = stream.shards().filter((s) => !s.isClosed);
    const before = stream.shards().length;
    stream.split(open[this.#ports.world.random.below(open.length)]?.id ?? '');
    for (const shard of stream.shards().slice(before)) this.#deliveries(region, shard);
  }

  /** A shard of a region's stream: a batch at a time, again until it is dealt with, sometimes once more, cut otherwise. */
  #deliveries(region: Region, shard: Shard): void {
    const { world } = this.#ports;
    const { random, weather } = world;
    const replica = this.replicaOf(region);
    const again = () => world.queue.after(deliverEveryMs * (0.5 + random.next()), () => this.#deliveries(region, shard));
    const shipped = replica.shipped.get(shard.id) ?? 0;
    if (shard.isClosed && shipped === shard.entries.length) return undefined;
    const from = random.chance(weather.twice) ? Math.max(0, shipped - 7) : shipped;
    if (!region.isUp || Math.max(region.hostsFrozenUntilMs, region.streamStopsUntilMs) > world.nowMs || shard.entries.length === from || !replica.isReady(shard.parent)) return again();
    const to = Math.min(shard.entries.length, from + batchMax);
    const records = replica.recordsOf(shard.entries.slice(from, to));
    const invocation = world.invoke(region, 'ship');
    const { life } = region;
    // A batch whose function died or never ends comes again after the function's time limit.
    let isEnded = false;
    const end = (): void => {
      if (isEnded) return;
      isEnded = true;
      again();
    };
    world.queue.after(20_000, end);
    const shipping = records.length === 0 ? Promise.resolve() : this.#product.shipLog.shipLog(this.logOf(invocation, region), records, this.#others(invocation), fullDigest);
    return void shipping.then(
      () => {
        if (life === region.life) replica.shipped.set(shard.id, Math.max(replica.shipped.get(shard.id) ?? 0, to));
        end();
      },
      (error: unknown) => {
        world.note(region, () => `ship: ${String(error).replace(/ \(.*/, '').slice(0, 100)}`);
        end();
      },
    );
  }

  /** Part of each tick of a candidate: brings the other regions' copies of its own log to the end. */
  async shipBehind(region: Region): Promise<void> {
    const invocation = this.#ports.world.invoke(region, 'ship behind');
    await this.#product.shipLog.shipBehind(this.logOf(invocation, region), this.#others(invocation), fullDigest);
  }

  async dataAgeMs(governor: Governor, invocation: Invocation): Promise<number> {
    const log = this.logOf(invocation, invocation.region);
    const origins = this.#ports.world.regions.filter((r) => r.isCandidate && r !== invocation.region);
    const lags = await Promise.all(origins.map((origin) => this.#product.applyLog.measureLag(governor.own, log, origin.name, governor.clock.nowMs())));
    return Math.max(0, ...lags.map((lag) => lag.ageMs));
  }

  synchronise(governor: Governor, invocation: Invocation, input: RunbookInput): Promise<{ readonly isComplete: boolean }> {
    return this.#product.synchronise.synchroniseStep(governor, input, this.#applier(governor, invocation), this.#others(invocation));
  }

  compare(governor: Governor, invocation: Invocation, sighting: Sighting): Promise<void> {
    return this.#product.compareBegun.compareBegun(governor, this.#applier(governor, invocation), sighting);
  }

  #wake(region: Region, laterMs: number): void {
    const { world } = this.#ports;
    if (!region.isCandidate || this.#woken.has(region)) return;
    this.#woken.add(region);
    world.queue.after(laterMs, () => {
      this.#woken.delete(region);
      if (!region.isUp || region.hostsFrozenUntilMs > world.nowMs) return this.#wake(region, 2000);
      const invocation = world.invoke(region, 'apply');
      const applier = this.#applier(governorOf(this.#ports, invocation), invocation);
      const origins = world.regions.filter((r) => r.isCandidate && r !== region);
      // It is woken again whether it ended or died; a second one beside it must change nothing.
      if (world.random.chance(world.weather.stepTwice)) this.#wake(region, world.random.next() * 3000);
      // One whose function died or never ends comes again after the function's time limit, as from any stream.
      let isEnded = false;
      world.queue.after(20_000, () => (isEnded ? undefined : this.#wake(region, 0)));
      return void Promise.all(origins.map((origin) => this.#product.applyLog.applyLog(applier, origin.name, applyPagesMax, []))).then(
        (results) => {
          isEnded = true;
          const divergent = results.reduce((sum, r) => sum + r.divergent, 0);
          if (divergent > 0) world.note(region, () => `apply: ${divergent} writes are divergent`);
        },
        (error: unknown) => {
          isEnded = true;
          world.note(region, () => `apply: ${String(error).replace(/ \(.*/, '').slice(0, 100)}`);
          this.#wake(region, 1000 + world.random.next() * 2000);
        },
      );
    });
  }

  #applier(governor: Governor, invocation: Invocation): LogApplier {
    const replica = this.replicaOf(invocation.region);
    const call = <T>(what: string, act: () => Promise<T>) => this.#ports.world.call({ from: invocation, to: invocation.region, what, act });
    return {
      own: governor.own,
      log: this.logOf(invocation, invocation.region),
      data: {
        batchMax: replica.data.batchMax,
        apply: (origin, epoch, records, checks) => call('apply data', () => replica.apply(origin, epoch, records, checks)),
        stands: (origin, record) => call('get data', () => replica.data.stands(origin, record)),
        get: (key) => call('get data', () => replica.data.get(key)),
      },
      divergence: {
        add: (divergences) =>
          call('list divergence', async () => {
            await replica.divergence.add(divergences);
            await new this.#product.divergenceList.DivergenceList(invocation.region.store, fullDigest).add(divergences);
          }),
      },
      clock: governor.clock,
      digest: fullDigest,
    };
  }

  #others(invocation: Invocation): LogStore[] {
    return this.#ports.world.regions.filter((r) => r !== invocation.region).map((to) => this.logOf(invocation, to));
  }

  logOf(from: Invocation, to: Region): LogStore {
    const { world } = this.#ports;
    const replica = this.replicaOf(to);
    const call = <T>(what: string, act: () => Promise<T>) => world.call({ from, to, what, act });
    return {
      region: to.name,
      head: (origin) => call('get log', () => replica.log.head(origin)),
      read: (origin, after, limit) => call('get log', () => replica.log.read(origin, after, limit)),
      readBack: (origin, before, limit) => call('get log', () => replica.log.readBack(origin, before, limit)),
      append: (head, segment) =>
        call('append log', async () => {
          const answer = await replica.append(head, segment);
          if (answer === 'done') this.#wake(to, 50 + world.random.next() * 450);
          return answer;
        }),
    };
  }

  /** What a tick of this invocation hands its data over with. */
  handOver(invocation: Invocation): HandOverPorts {
    const { region } = invocation;
    const replica = this.replicaOf(region);
    return handOverPorts(this.#ports, invocation, { stream: replica.stream, set: (key, image) => replica.set(key, image), log: this.logOf(invocation, region) });
  }

  /** At the release of a planned switch-over: what was acknowledged is all there, where it is to be served from. No fault can excuse it. */
  judgeHandedOver({ holder, epoch, successor }: RegisterValue): void {
    const { world } = this.#ports;
    const region = world.regions.find((r) => r.name === successor);
    if (region === undefined) return;
    this.#handedOver.push({ origin: holder, epoch });
    const { standing } = this.replicaOf(region);
    for (const write of this.#acknowledged) {
      if (write.origin !== holder || write.epoch !== epoch) continue;
      const found = standing.get(write.key);
      if (found !== undefined && (found.epoch > epoch || (found.epoch === epoch && found.sequence >= write.sequence))) continue;
      return world.violate('a planned switch-over leaves nothing behind', `${nameOf(write)} (${write.key}) was acknowledged, and is not in ${region.name} as ${holder} releases epoch ${epoch} to it`);
    }
  }

  /** What was handed over is divergent nowhere. */
  #judgeNothingLate(): void {
    const late = this.#replicas.flatMap((replica) =>
      replica.divergence
        .listed()
        .filter(({ origin, record }) => this.#handedOver.some((h) => h.origin === origin && h.epoch === record.epoch) && !record.sequenceNumber.startsWith('compared'))
        .map((d) => ({ d, replica })),
    );
    const [first] = late;
    if (first !== undefined)
      this.#ports.world.violate(
        'a planned switch-over leaves nothing behind',
        `${nameOf(recordIdentity(first.d.origin, first.d.record))} (${first.d.record.key}) is divergent in ${first.replica.region.name}, and was handed over`,
      );
  }

  get replicas(): readonly Replica[] {
    return this.#replicas;
  }

  /** A person says that what stands in this region's table may stay there: they have looked at it, or chosen to go on with it. */
  signedOff(region: Region): void {
    this.#signedOff.set(region, new Set([...(this.#signedOff.get(region) ?? []), ...[...this.replicaOf(region).standing.values()].map(nameOf)]));
  }

  /**
   * Signed off upon a comparison: what it accepted in epochs that are over is in its log, and so in somebody's list or table, and comes from nowhere else any
   * more. A proposal that was frozen may come when the region serves again, in a later epoch than the proposal's.
   */
  async judgeDrained(region: Region, registerEpoch: number): Promise<void> {
    const replica = this.replicaOf(region);
    const waiting = replica
      .pending()
      .filter((record) => record.epoch < registerEpoch && this.#acknowledged.some((w) => w.origin === region.name && w.epoch === record.epoch && w.sequence === Number(record.sequenceNumber)));
    const logged = new Set<string>();
    for (const segment of await replica.log.read(region.name, 0, Number.MAX_SAFE_INTEGER)) for (const record of segment.records) logged.add(record.sequenceNumber);
    const late = waiting.find((record) => !logged.has(record.sequenceNumber));
    if (late !== undefined)
      this.#ports.world.violate(
        'nothing comes after a sign-off',
        `${nameOf(recordIdentity(region.name, late))} (${late.key}) was acknowledged, and waits in the stream of ${region.name} as that is signed off: nobody has decided about it`,
      );
  }

  async positionOf(of: Region, origin: Region): Promise<number> {
    const row = await of.store.get({ table: 'region', pk: 'LOG', sk: origin.name });
    return Number(row?.['sequence'] ?? 0);
  }

  /** At the end: each acknowledged write is in the holder's table, or something later of its key is, or it is listed, or it can be yet. */
  async judgeEnd(holder: Region): Promise<void> {
    const { world } = this.#ports;
    this.#judgeNothingLate();
    const table = this.replicaOf(holder);
    const listed = new Set(this.#replicas.flatMap(listedNames));
    const yetToCome = await this.#yetToCome(holder);
    for (const write of this.#acknowledged) {
      const found = table.standing.get(write.key);
      const isThere = found !== undefined && (found.epoch > write.epoch || (found.epoch === write.epoch && found.sequence >= write.sequence));
      if (isThere || listed.has(nameOf(write)) || yetToCome.has(nameOf(write))) continue;
      return world.violate(
        'nothing acknowledged is lost in silence',
        `${nameOf(write)} (${write.key}) is neither in ${holder.name}'s table (${found === undefined ? 'nothing there' : nameOf(found)}) nor in a divergence report nor in a log that it has yet to apply`,
      );
    }
    const listedElsewhere = new Set(this.#replicas.filter((r) => r.region !== holder).flatMap(listedNames));
    for (let k = 0; k < keys; k += 1) {
      const found = table.standing.get(`k${k}`);
      // In the holder's own report it may be as well: applied, and listed when the batch came again because its position was not saved yet.
      if (found === undefined || found.origin === holder.name || !listedElsewhere.has(nameOf(found))) continue;
      if (this.#signedOff.get(holder)?.has(nameOf(found)) === true) continue;
      if (this.#ports.invariants.hasUnopenedBeginning()) continue;
      world.violate(
        'no write of an old epoch',
        `${nameOf(found)} (k${k}) stands in ${holder.name}, which holds epoch ${this.#ports.invariants.register.newest.value.epoch}, and is listed as divergent elsewhere`,
      );
    }
  }

  /** The writes that are in a stream, or in any region's log beyond what the holder has dealt with; what a stream has lost, until its region is compared. */
  async #yetToCome(holder: Region): Promise<Set<string>> {
    const names = new Set<string>();
    for (const origin of this.#replicas) {
      for (const record of origin.pending()) names.add(nameOf(recordIdentity(origin.region.name, record)));
      if (this.#ports.invariants.register.newest.value.regions[origin.region.name]?.reconciled === false) for (const name of origin.expired) names.add(name);
      const after = await this.positionOf(holder, origin.region);
      for (const copy of this.#replicas) {
        for (const segment of await copy.log.read(origin.region.name, after, Number.MAX_SAFE_INTEGER))
          for (const record of segment.records) names.add(nameOf(recordIdentity(origin.region.name, record)));
      }
    }
    return names;
  }
}

/** By their numbers; of what a comparison found, by what the service wrote into the item. */
function listedNames(replica: Replica): string[] {
  return replica.divergence.listed().flatMap(({ origin, record }) => {
    const identity = record.sequenceNumber.startsWith('compared') ? identityOf(record.image) : recordIdentity(origin, record);
    return identity === undefined ? [] : [nameOf(identity)];
  });
}

/** Stands for SHA-256 where nobody tries to make two texts of one hash. (FNV-1a, twice) */
export function fullDigest(content: string): string {
  let [a, b] = [0x811c9dc5, 0x01234567];
  for (let i = 0; i < content.length; i += 1) {
    const code = content.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x5bd1e995);
  }
  return `${(a >>> 0).toString(16).padStart(8, '0')}${(b >>> 0).toString(16).padStart(8, '0')}`.padStart(64, '0');
}

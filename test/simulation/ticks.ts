// The scheduler's part: a slot each T in each region, sometimes missed, sometimes delivered twice or late.
import type { Sighting } from '../../src/core/register/sighting.ts';
import type { LogApplier } from '../../src/operations/apply-log.ts';
import type { Governor, HandOverPorts } from '../../src/operations/governor.ts';
import type { DataPlane } from './data-plane.ts';
import type { Invariants } from './invariants.ts';
import { governorOf, type Ports } from './governor-ports.ts';
import type { Product } from './product.ts';
import type { Invocation, Region } from './region.ts';

/** A slot's second message comes this much later at most. */
const lateMsMax = 120_000;
const minuteMs = 60_000;

/**
 * What a hand-over adds at most, and a drain: forty looks in its eight seconds, at up to eight shards and the log, three verdicts a look in eight of them; nine rounds
 * of markers for up to eight shards, each written and removed; its row changes and four changes of the register.
 */
const handOverCallsMax = 40 * (8 + 2 + 1) + 8 * 5 + 9 * 34 * 2 + 260;

/** What a tick may cost at most, whatever happens; the same on a calm day and on the worst. */
export function callsMaxOf(voters: number, candidates: number, fenceShards: number, isChangingVoters = false): number {
  const look = isChangingVoters ? 2 * voters : voters;
  // While voters change: an acceptor that was away is moved and asked again, one that joins is seeded, the others are read and moved.
  const changeRegister = isChangingVoters ? 4 * 3 * voters + voters + voters + 2 * voters : 4 * voters + voters;
  const seeing = 1 + look + (1 + fenceShards) + 1 + 1;
  const watching = voters + 2 * candidates + 1;
  const closing = fenceShards + Math.max(fenceShards + 1 + changeRegister + 1 + fenceShards, 1 + 2 * fenceShards + changeRegister);
  const renewThenClose = fenceShards + fenceShards + 1 + 2 * changeRegister + 2 + 2 * fenceShards;
  const deciding = look + 1 + changeRegister;
  const telling = 1 + 1 + 2 + fenceShards;
  return seeing + watching + Math.max(closing, renewThenClose) + deciding + telling;
}

export class Ticks {
  readonly #ports: Ports;
  readonly #product: Product;
  readonly #invariants: Invariants;
  readonly #callsMax: number;
  ticked = 0;
  /** Where histories have protected data. */
  data: DataPlane | undefined;
  /** Where histories have protected data, or somebody switches over. */
  handOver: ((invocation: Invocation) => HandOverPorts) | undefined;

  constructor(ports: Ports, product: Product) {
    this.#ports = ports;
    this.#product = product;
    this.#invariants = ports.invariants;
    const { voters, fenceShards } = ports.policy;
    this.#callsMax = callsMaxOf(voters.length, voters.filter((v) => v.role === 'candidate').length, fenceShards, ports.isChangingVoters === true);
  }

  begin(): void {
    for (const region of this.#ports.world.regions) this.#slot(region);
  }

  #slot(region: Region): void {
    const { world, policy } = this.#ports;
    const { tickMs } = policy.timing;
    const slot = Math.floor(region.wallAt(world.nowMs) / tickMs);
    const nextAtMs = region.trueAt((slot + 1) * tickMs);
    world.queue.at(nextAtMs + world.random.next() * 300, () => {
      const { random, weather } = world;
      const isMissed = random.chance(weather.tickMissed) || !this.#isQueued(region, slot + 1);
      if (!isMissed) this.#deliver(region, slot + 1);
      // The gate is the second clock: it ticks when the last one is older than 1.5 T.
      else if (random.chance(0.8)) world.queue.after(2500 + random.next() * 1200, () => this.#deliver(region, slot + 1));
      if (random.chance(weather.tickTwice)) world.queue.after(random.next() * random.pick([300, 6000, lateMsMax]), () => this.#deliver(region, slot + 1));
      this.#slot(region);
    });
  }

  /** By the last fire of the region's schedule: each in its minute, and as far apart as that allows (H6). */
  #isQueued(region: Region, slot: number): boolean {
    const { world, policy } = this.#ports;
    const minute = Math.floor(world.nowMs / minuteMs);
    const firedAtMs = [minute, minute - 1].map((m) => m * minuteMs + (m % 2 === 0 ? 500 : minuteMs - 500)).find((atMs) => atMs <= world.nowMs);
    return firedAtMs === undefined || slot <= (this.#product.slot.slotsAhead(region.wallAt(firedAtMs), policy.timing.tickMs).at(-1) ?? 0);
  }

  #deliver(region: Region, slot: number): void {
    const { world } = this.#ports;
    if (!region.isUp || region.silentUntilMs > world.nowMs) return;
    if (region.hostsFrozenUntilMs > world.nowMs) {
      // The queue keeps a message until somebody takes it; the tick itself drops what is late.
      if (world.random.chance(0.3)) world.queue.at(region.hostsFrozenUntilMs + world.random.next() * 200, () => this.#deliver(region, slot));
      return;
    }
    this.#tick(region, slot);
  }

  /** What lambdas/tick.ts adds to a tick where there is data; its calls are counted apart, they depend on what is behind. */
  async #dataAgeMs(region: Region): Promise<number | null> {
    if (this.data === undefined || !region.isCandidate) return null;
    const invocation = this.#ports.world.invoke(region, 'data age');
    this.data.shipBehind(region).catch(() => undefined);
    return this.data.dataAgeMs(governorOf(this.#ports, invocation), invocation).catch(() => null);
  }

  /** The same: how much there is to compare depends on what came late. */
  async #compare(region: Region, sighting: Sighting): Promise<void> {
    if (!region.isCandidate) return;
    const invocation = this.#ports.world.invoke(region, 'compare');
    const governor = governorOf(this.#ports, invocation);
    return this.data === undefined ? this.#product.compareBegun.compareBegun(governor, this.#noData(governor, region), sighting) : this.data.compare(governor, invocation, sighting);
  }

  #noData({ own, clock, digest }: Governor, region: Region): LogApplier {
    const { logStore, dataStore, divergenceStore } = this.#product;
    const data = new dataStore.MemoryDataStore(region.store, this.#ports.policy.fenceShards);
    return { own, clock, digest, data, log: new logStore.MemoryLogStore(region.name), divergence: new divergenceStore.MemoryDivergenceStore() };
  }

  #tick(region: Region, slot: number): void {
    const { world } = this.#ports;
    const invocation = world.invoke(region, 'tick');
    const handOver = this.handOver?.(invocation);
    const governor = { ...governorOf(this.#ports, invocation), ...(handOver === undefined ? {} : { handOver }) };
    this.#product.tick
      .tick(
        governor,
        slot,
        async () => this.#dataAgeMs(region),
        async (sighting) => this.#compare(region, sighting),
      )
      .then(
        (report) => {
          const isHandingOver = report.kind === 'ticked' && (report.drain !== '' || /handed over|as planned|taken back/.test(report.lease));
          this.#invariants.tickEnded(region, invocation.calls, this.#callsMax + (isHandingOver ? handOverCallsMax : 0));
          if (report.kind !== 'ticked') return;
          this.ticked += 1;
          world.queue.mixText(report.lease);
          world.queue.mixText(report.outcome);
          world.queue.mixText(report.drain);
          const closed = /^closed below epoch (\d+)/.exec(report.lease);
          if (closed?.[1] !== undefined) this.#invariants.closedBelow(region, Number(closed[1]));
          const { decision, outcome } = report;
          world.note(
            region,
            () =>
              [
                `tick: ${this.#invariants.beliefs(region).join(', ')}; ${report.lease.replace(/ \(\S+: \w+Error.*/, '')}`,
                ...(decision.kind === 'nothing' ? [] : [`${decision.kind}: ${decision.because}`]),
                ...(outcome === '' ? [] : [`→ ${outcome}`]),
                ...(report.drain === '' ? [] : [report.drain.slice(0, 140)]),
              ].join(' · '),
            decision.kind === 'nothing' && outcome === '' && report.drain === '' && /^(renewed|closed below|witness)/.test(report.lease),
          );
        },
        (error: unknown) => world.note(region, () => `tick failed: ${String(error)}`),
      );
  }
}

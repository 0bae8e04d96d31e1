// What stands in front of the protected data in a candidate region: a gate host that answers Route 53, and a service that writes
// through the fence. Both go by the lease row that they read up to a second ago.
import type { LeaseRow } from '../../src/core/lease/lease-rows.ts';
import type { RowChange } from '../../src/core/rows/row.ts';
import type { DataPlane } from './data-plane.ts';
import type { Ports } from './governor-ports.ts';
import type { Product } from './product.ts';
import type { Invocation, Region } from './region.ts';

/** How a gate goes by its row; mutants.ts replaces it. */
export type GateRule = {
  /** @param ageMs since the read was *sent*: a row is as old as its question, or a slow answer outlives a release's wait. */
  readonly mayReuse: (ageMs: number, cacheMs: number, row: LeaseRow) => boolean;
  readonly verdict: (isActing: (row: LeaseRow, nowMs: number) => boolean, row: LeaseRow, nowMs: number, verdictWhenRead: boolean, isReady: boolean) => boolean;
};

/** What the database compares as a write arrives, beside what the writer knew as it sent it; mutants.ts replaces it. */
export type WriteRule = { readonly isFenced: boolean; readonly item: (epoch: number) => RowChange['when'] };

export const soundGate: GateRule = {
  mayReuse: (ageMs, cacheMs) => ageMs >= 0 && ageMs <= cacheMs,
  verdict: (isActing, row, nowMs) => isActing(row, nowMs),
};

/** The fence row judges it; the item itself says nothing about an insert (H10). */
export const soundWrite: WriteRule = { isFenced: true, item: () => [] };

type Cached = { readonly row: LeaseRow; readonly sentAtWallMs: number; readonly verdict: boolean };

const checkEveryMs = 700;
const writeShare = 0.35;
/** Of writes: sent, and carried out this much later at most. */
const inFlightMsMax = 60_000;

export class Service {
  readonly #ports: Ports;
  readonly #product: Product;
  readonly #gate: GateRule;
  readonly #writeRule: WriteRule;
  /** Where histories have protected data. */
  data: DataPlane | undefined;
  #writes = 0;

  constructor(ports: Ports, product: Product, gate: GateRule, writeRule: WriteRule) {
    this.#ports = ports;
    this.#product = product;
    this.#gate = gate;
    this.#writeRule = writeRule;
  }

  begin(region: Region): void {
    const { world } = this.#ports;
    const host = world.invoke(region, 'gate');
    let cached: Cached | undefined;
    const wallMs = () => region.wallAt(world.nowMs) + host.offsetMs;
    const check = () => {
      if (host.life !== region.life || host.isDead) return;
      if (region.hostsFrozenUntilMs > world.nowMs) return world.queue.at(region.hostsFrozenUntilMs + world.random.next() * 100, check);
      if (cached !== undefined && this.#gate.mayReuse(wallMs() - cached.sentAtWallMs, this.#ports.policy.timing.gateCacheMs, cached.row)) this.#answer(region, host, cached, wallMs());
      else {
        const sentAtWallMs = wallMs();
        this.#read(region, host, (row) => {
          cached = { row, sentAtWallMs, verdict: this.#product.leaseRows.isActingAt(row, wallMs()) };
          if (this.#gate.mayReuse(wallMs() - sentAtWallMs, this.#ports.policy.timing.gateCacheMs, row)) this.#answer(region, host, cached, wallMs());
        });
      }
      return world.queue.after(checkEveryMs * (0.5 + world.random.next()), check);
    };
    check();
  }

  /** A read that fails means 503: nothing to do. A calm candidate that is shut is read in one event, nothing hangs on when. */
  #read(region: Region, host: Invocation, then: (row: LeaseRow) => void): void {
    const { world } = this.#ports;
    if (region.throttledTable === 'region' || region.throttledTable === 'all' || world.random.chance(world.weather.lost)) return;
    world.queue.after(world.delay(region, region), () => {
      if (!region.isUp || region.storeFrozenUntilMs > world.nowMs) return;
      void region.store.get(this.#product.leaseRows.leaseKey).then((row) => {
        // A row that is gone is a gate that is shut: nothing to answer by.
        if (row === undefined) return;
        const lease = this.#product.leaseRows.parseLeaseRow(row);
        if (!this.#product.leaseRows.isLeaseOpen(lease)) return then(lease);
        const slow = world.random.chance(0.1) ? world.random.next() * 990 : 0;
        return world.queue.after(world.delay(region, region) + slow, () => world.resume(host, () => then(lease)));
      });
    });
  }

  #answer(region: Region, host: Invocation, cached: Cached, nowWallMs: number): void {
    const { world, policy, invariants } = this.#ports;
    const isActing = this.#gate.verdict(this.#product.leaseRows.isActingAt, cached.row, nowWallMs, cached.verdict, !region.isSick);
    if (!isActing) return;
    const { epoch } = cached.row;
    world.queue.after(world.random.next() * policy.timing.effectMs, () => {
      if (!host.isGone && host.frozenUntil() <= world.nowMs) invariants.answeredOk(region, epoch);
    });
    if (world.random.chance(writeShare)) this.#write(region, epoch);
  }

  /** Sent now, by the cached deadline; what the fence row says when it arrives is what counts. */
  #write(region: Region, epoch: number): void {
    const { world, policy, invariants } = this.#ports;
    this.#writes += 1;
    const number = this.#writes;
    const k = number % policy.fenceShards;
    const isLate = world.random.chance(0.05);
    const arrive = (): void => {
      if (!region.isUp) return;
      if (region.storeFrozenUntilMs > world.nowMs) return world.queue.at(region.storeFrozenUntilMs + world.random.next() * 50, arrive);
      const put = { key: { table: 'region', pk: 'DATA', sk: '#' } as const, set: { holdfastEpoch: epoch, number }, when: this.#writeRule.item(epoch), mayCreate: true };
      const check = { key: this.#product.leaseRows.fenceKey(k), when: [{ attribute: 'epoch', is: '=', value: epoch } as const, { attribute: 'untilAtMs', is: '>', to: 'closedThroughMs' } as const] };
      return void region.store.changeTogether([put], this.#writeRule.isFenced ? [check] : []).then((outcome) => {
        if (outcome !== 'done') return;
        invariants.writeAccepted(region, epoch);
        this.data?.write(region, number, epoch);
      });
    };
    world.queue.after(isLate ? world.random.next() * inFlightMsMax : world.random.next() * 300, arrive);
  }
}

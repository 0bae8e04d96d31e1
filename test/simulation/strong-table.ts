// The register's one global table with multi-Region strong consistency, in the simulated network: a cell that is atomic, and a replica of it
// in each region that answers while its region reaches another one. What AWS promises of it is taken at its word (docs/decisions/0019).
import type { Row, RowChange, RowKey } from '../../src/core/rows/row.ts';
import type { ChangeAnswer, RowStore } from '../../src/ports/row-store.ts';
import type { Ports } from './governor-ports.ts';
import { asWrittenBy } from './newer-version.ts';
import type { Product } from './product.ts';
import type { Invocation, Region } from './region.ts';

export class StrongTable {
  readonly #product: Product;
  readonly #cell: RowStore;
  /** Writes that are on their way between the regions now. */
  readonly #writing = new Map<Region, number>();
  conflicts = 0;

  constructor(product: Product, group: string, first: Row) {
    this.#product = product;
    this.#cell = new product.rows.MemoryRowStore('everywhere', [{ key: { table: 'register', pk: `REGISTER#${group}` }, row: first }]);
  }

  registerFor(ports: Ports, invocation: Invocation) {
    const { world, policy } = ports;
    return this.#product.strongRegister.strongRegister({
      group: policy.group,
      region: invocation.region.name,
      replicas: [this.#replica(ports, invocation)],
      chance: { id: () => world.random.hex(32) },
    });
  }

  #replica(ports: Ports, from: Invocation): RowStore {
    // What the proposal is made from: the row that its proposer was given.
    let given = '';
    const call = <T>(what: string, act: () => Promise<T>) => ports.world.call({ from, to: from.region, what, act });
    return {
      region: from.region.name,
      get: async (key) => {
        const row = await call('get register', () => this.#read(ports, from.region, key));
        given = String(row?.['acceptedBallot']);
        return row;
      },
      change: (change) => {
        const parent = given;
        return call('accept register', () => this.#write(ports, from, change, parent));
      },
      changeTogether: async () => Promise.reject(new Error('a strongly consistent table has no transactions')),
    };
  }

  async #read(ports: Ports, at: Region, key: RowKey): Promise<Row | undefined> {
    await this.#acrossRegions(ports, at);
    const row = await this.#cell.get(key);
    await this.#acrossRegions(ports, at);
    return row;
  }

  async #write(ports: Ports, from: Invocation, proposed: RowChange, parent: string): Promise<ChangeAnswer> {
    const { region } = from;
    if ([...this.#writing].some(([other, writes]) => other !== region && writes > 0)) {
      this.conflicts += 1;
      throw new this.#product.errors.WriteConflictError('the row is being changed in another region: nothing was written');
    }
    this.#count(region, 1);
    try {
      await this.#acrossRegions(ports, region);
      const answer = await this.#commit(ports, from, proposed, parent);
      await this.#acrossRegions(ports, region);
      return answer;
    } finally {
      this.#count(region, -1);
    }
  }

  async #commit(ports: Ports, from: Invocation, proposed: RowChange, parent: string): Promise<ChangeAnswer> {
    const { world, invariants, policy } = ports;
    const isNewer = from.region.newerUntilMs > world.nowMs;
    const change = isNewer ? { ...proposed, set: { ...proposed.set, acceptedValue: asWrittenBy(from.region, world.nowMs, String(proposed.set['acceptedValue'])) } } : proposed;
    const answer = await this.#cell.change(change);
    if (answer.kind === 'refused') return answer;
    // To the history of the register it is as if all voters had promised and accepted at once.
    const ballot = String(change.set['acceptedBallot']);
    for (const _ of policy.voters) invariants.register.promised(ballot, parent);
    for (const region of world.regions) invariants.rowChanged(region, change, answer.row, from);
    return answer;
  }

  /** @throws as the SDK does where the region does not reach another one; on the way back the write was carried out all the same. */
  async #acrossRegions({ world }: Ports, at: Region): Promise<void> {
    const reached = world.regions.filter((r) => r !== at && r.isUp && r.storeFrozenUntilMs <= world.nowMs && !world.isCut(at, r) && !world.isCut(r, at));
    const [nearestMs] = reached.map((r) => world.delay(at, r)).toSorted((a, b) => a - b);
    await new Promise<void>((resolve) => world.queue.after(nearestMs ?? 0, resolve));
    if (nearestMs === undefined || world.random.chance(world.weather.lost)) throw Object.assign(new Error(`${at.name} reaches no other region`), { name: 'InternalServerError' });
  }

  #count(region: Region, by: number): void {
    this.#writing.set(region, (this.#writing.get(region) ?? 0) + by);
  }
}

// A region that returned, as a person's commands see it and as they are judged: both regions through the network, every decision held against what
// was decided upon, and at the end both tables against each other.
import { contentLine } from '../../src/core/backup/in-place.ts';
import { parseDivergenceRow, parseDivergentKey } from '../../src/core/divergence/divergence-rows.ts';
import { MemoryRowPages } from '../../src/drivers/memory/memory-row-pages.ts';
import { MemoryWholeTable } from '../../src/drivers/memory/memory-whole-table.ts';
import type { Governor } from '../../src/operations/governor.ts';
import type { SignOffPorts } from '../../src/operations/sign-off.ts';
import type { LiveAnswer, LiveChange } from '../../src/ports/live-table.ts';
import type { RowPages } from '../../src/ports/row-pages.ts';
import type { RowStore } from '../../src/ports/row-store.ts';
import type { WholeTable } from '../../src/ports/whole-table.ts';
import { fullDigest, keys, type DataPlane } from './data-plane.ts';
import type { Ports } from './governor-ports.ts';
import { nameOf, type Identity, type Replica } from './replica.ts';
import type { Invocation, Region } from './region.ts';

export class Reconciliation {
  readonly #ports: Ports;
  readonly #data: DataPlane;
  /** Divergent keys that were decided, for the account of a history. */
  decided = 0;
  /** A region that was signed off without the one that holds the lease was compared with nobody. */
  readonly uncompared = new Set<string>();

  constructor(ports: Ports, data: DataPlane) {
    this.#ports = ports;
    this.#data = data;
  }

  /** What the commands of a person are given: both regions, through the network, from where that person's call is made. */
  ports(governor: Governor, invocation: Invocation, ready: Region, holder: Region): SignOffPorts {
    const { world, policy } = this.#ports;
    const { value } = this.#ports.invariants.register.newest;
    const [own, returned] = [this.#voterOf(governor, holder), this.#voterOf(governor, ready)];
    const call = <T>(to: Region, what: string, act: () => Promise<T>) => world.call({ from: invocation, to, what, act });
    const [here, there] = [this.#data.replicaOf(holder), this.#data.replicaOf(ready)];
    return {
      home: {
        region: holder.name,
        own: this.#listing(own, here),
        pages: this.#pages(call, holder),
        live: {
          batchMax: here.live.batchMax,
          get: (key) => call(holder, 'get data', () => here.live.get(key)),
          change: (...args) => call(holder, 'change data', () => this.#decided(here, args[1], () => here.live.change(...args))),
        },
        keyName: 'id',
        nowMs: () => holder.wallAt(world.nowMs),
        digest: fullDigest,
        log: this.#data.logOf(invocation, holder),
        table: wholeTable(call, here),
      },
      returned: { region: ready.name, own: returned, log: this.#data.logOf(invocation, ready), table: wholeTable(call, there) },
      others: world.regions.filter((r) => r.isCandidate && r !== ready && r !== holder).map((r) => ({ region: r.name, own: this.#voterOf(governor, r), pages: this.#pages(call, r) })),
      fenceShards: policy.fenceShards,
      epoch: value.epoch,
      begunEpoch: value.begun?.epoch,
      wait: (ms) => world.wait(invocation, ms),
    };
  }

  #voterOf(governor: Governor, region: Region): RowStore {
    const own = governor.voters[region.index];
    if (own === undefined) throw new RangeError('There is no such region.');
    return own;
  }

  /** What a comparison lists is kept for the judge too: rows may be lost by a fault. */
  #listing(own: RowStore, replica: Replica): RowStore {
    return {
      region: own.region,
      get: (key) => own.get(key),
      changeTogether: (changes, checks) => own.changeTogether(changes, checks),
      change: async (change) => {
        const answer = await own.change(change);
        if (change.key.pk === 'DIVERGENCE' && answer.kind === 'done') {
          const { origin, epoch, sequenceNumber, key, theirs, ours, theirsAtMs, foundAtMs } = parseDivergenceRow({ ...answer.row, sk: change.key.sk ?? '' });
          await replica.divergence.add([{ origin, record: { key, image: theirs, epoch, atMs: theirsAtMs ?? 0, sequenceNumber }, ours, foundAtMs }]);
        }
        return answer;
      },
    };
  }

  /** A decision is a person's about what was shown: what it writes over must be what some decision about the key was made upon, or has written. */
  async #decided(replica: Replica, changes: readonly LiveChange[], write: () => Promise<LiveAnswer>): Promise<LiveAnswer> {
    const { region } = replica;
    const before = replica.data.contents();
    const answer = await write();
    for (const { key } of changes) {
      const item = before.get(key) ?? null;
      if (answer.kind !== 'done' || answer.refused.includes(key) || (item !== null && 'holdfastResolving' in item)) continue;
      const decisions = region.store.list('region', 'DECISION').filter((row) => row['itemKey'] === key);
      const wrote = region.store.list('region', 'DECISION_WROTE').filter((row) => row['itemKey'] === key);
      // Where a fault has taken the rows there is nothing to judge by.
      if (decisions.length === 0) continue;
      const isUndo = decisions[0]?.['rule'] === 'undo';
      const known = [...wrote.map((row) => row['wrote']), ...(isUndo ? [] : decisions.map((row) => row['before']))].map((text) => (typeof text === 'string' ? contentLine(JSON.parse(text)) : null));
      if (!known.includes(contentLine(item)))
        this.#ports.world.violate(
          'a decision writes over nothing newer',
          `${isUndo ? 'an undo' : 'a decision'} about ${key} was written over ${contentLine(item)} in ${region.name}, upon which nobody had decided`,
        );
    }
    return answer;
  }

  #pages(call: Calls, region: Region): RowPages {
    return { page: (pk, prefix, after, limit) => call(region, 'get region', () => new MemoryRowPages(region.store).page(pk, prefix, after, limit)) };
  }

  /** At a sign-off: what was decided about a key was decided about the last late write of it. What another person's comparison lists just now is another matter. */
  judgeDecided(ready: Region, holder: Region): void {
    const { world } = this.#ports;
    // Lists of others are taken over at any time.
    if (world.regions.filter((r) => r.isCandidate).length > 2) return;
    for (const row of holder.store.list('region', 'DIVERGENT_KEY')) {
      const { origin, key, state, decided, newest } = parseDivergentKey({ ...row, sk: String(row['sk']).replace(/^#/, '') });
      if (origin === ready.name && state === 'decided' && decided !== newest && !newest.includes('compared'))
        world.violate('a decision is about the last late write', `${key} of ${ready.name} has a later late write than the one that was decided about, and ${ready.name} is signed off`);
    }
  }

  /** At the end: a reconciled region has what the active one has, but for what is on its way to it. */
  async judgeReconciled(holder: Region): Promise<void> {
    const { world, invariants } = this.#ports;
    const { regions } = invariants.register.newest.value;
    // Among three candidates the logs of two others are on their way to each.
    if (world.regions.filter((r) => r.isCandidate).length > 2) return;
    const here = this.#data.replicaOf(holder).data.contents();
    for (const region of world.regions) {
      if (!region.isCandidate || region === holder || regions[region.name]?.reconciled !== true || this.uncompared.has(region.name)) continue;
      const there = this.#data.replicaOf(region).data.contents();
      const coming = await this.#keysToCome(holder, region);
      const differing = Array.from({ length: keys }, (_, k) => `k${k}`).find((key) => !coming.has(key) && contentLine(here.get(key) ?? null) !== contentLine(there.get(key) ?? null));
      if (differing === undefined) continue;
      const [ours, theirs] = [holder, region].map((r) => this.#data.replicaOf(r).standing.get(differing));
      const told = (of: Identity | undefined) => (of === undefined ? 'nothing' : nameOf(of));
      return world.violate(
        'a reconciled region has what the active one has',
        `${differing} is ${told(theirs)} in ${region.name}, which is reconciled, and ${told(ours)} in ${holder.name}, and nothing of it is on its way`,
      );
    }
  }

  /** Keys of the holder's writes that are in its stream, or in some copy of its log beyond what the region has dealt with. */
  async #keysToCome(holder: Region, region: Region): Promise<Set<string>> {
    const origin = this.#data.replicaOf(holder);
    const found = new Set(origin.pending().map((record) => record.key));
    const after = await this.#data.positionOf(region, holder);
    for (const copy of this.#data.replicas) for (const segment of await copy.log.read(holder.name, after, Number.MAX_SAFE_INTEGER)) for (const record of segment.records) found.add(record.key);
    return found;
  }
}

type Calls = <T>(to: Region, what: string, act: () => Promise<T>) => Promise<T>;

function wholeTable(call: Calls, replica: Replica): WholeTable {
  const inner = new MemoryWholeTable(() => replica.data.contents());
  return {
    keysMax: inner.keysMax,
    async *pages() {
      // Few enough for one page, which is read in one call.
      yield await call(replica.region, 'get data', async () => [...replica.data.contents()].map(([key, image]) => ({ key, image })));
    },
    getMany: (many) => call(replica.region, 'get data', () => inner.getMany(many)),
  };
}

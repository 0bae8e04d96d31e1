// Voters join, leave and are replaced in the middle of everything else: the real `holdfast voters`, asked by people who die, freeze, ask
// twice, and ask again until it is done.
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import type { VotersAsked } from '../../src/operations/change-voters.ts';
import type { Plan, VoterFault } from './faults.ts';
import { governorOf, type Ports } from './governor-ports.ts';
import type { Product } from './product.ts';
import type { Random } from './random.ts';
import type { Region } from './region.ts';

/** Of histories. */
export const votersShare = 0.15;
/** With those that may join: they are deployed from the beginning. */
export const deployedRegions = 5;

const fromMs = 40_000;
/** A person who is not told that it is done asks again, this often at most. */
const askedMost = 8;
/** Whoever brings a region back waits until its removal is in force, so long at most. */
const [waitMs, waitsMost] = [2000, 60] as const;

export function withVoterFaults(random: Random, plan: Plan): Plan {
  const faults = drawChanges(random, plan.regions);
  const last = Math.max(...faults.map((f) => f.atMs));
  // A lost or forgotten acceptor is one fault; of three voters no other one may be lost as well, or no majority is left.
  const isFragile = plan.regions === 3 && faults.some((f) => f.kind === 'replace');
  return {
    ...plan,
    voters: faults,
    faults: plan.faults.map((f) => {
      if (f.kind !== 'crash' || f.state === undefined) return f;
      const { state: _state, ...kept } = f;
      return kept;
    }),
    calmFromMs: Math.max(plan.calmFromMs, last + 30_000),
    lostForGood: isFragile ? null : plan.lostForGood,
    ...(plan.newer === undefined ? {} : { newer: { ...plan.newer, untilMs: Number.MAX_SAFE_INTEGER } }),
  };
}

function drawChanges(random: Random, founders: 3 | 5): VoterFault[] {
  let atMs = random.between(fromMs, 120_000);
  const change = (kind: VoterFault['kind'], region: number, isLost = false): VoterFault => {
    const fault = { atMs: Math.round(atMs), kind, region, isLost, people: random.chance(0.3) ? 2 : 1 } as const;
    atMs += random.chance(0.5) ? random.next() * 3000 : random.between(3000, 60_000);
    return fault;
  };
  const shapes =
    founders === 3
      ? [
          () => [change('add', 3)],
          () => [change('add', 3), change('add', 4)],
          () => [change('add', 3), change('add', 4), change('remove', 2), change('remove', 4)],
          () => [change('add', 3), change('remove', 2), change('add', 4), change('add', 2)],
          () => [change('replace', random.below(3), random.chance(0.7))],
          () => [change('replace', random.below(3), random.chance(0.7)), change('add', 3)],
        ]
      : [() => [change('remove', 4), change('remove', 2)], () => [change('remove', 4), change('add', 4)], () => [change('replace', random.below(5), random.chance(0.7))]];
  return random.pick(shapes)();
}

export function describeVoterFault({ atMs, kind, region, isLost, people }: VoterFault, names: readonly string[]): string {
  return `${(atMs / 1000).toFixed(1)} s: voters ${kind} ${names[region]}${isLost ? ', its table is lost' : ''}${people === 2 ? ', by two people' : ''}`;
}

export class VoterFaults {
  readonly #ports: Ports;
  readonly #product: Product;

  constructor(ports: Ports, product: Product) {
    this.#ports = ports;
    this.#product = product;
  }

  play(faults: readonly VoterFault[]): void {
    for (const fault of faults) this.#ports.world.queue.at(fault.atMs, () => this.#begin(fault));
  }

  #begin(fault: VoterFault, waits = 0): void {
    const { world } = this.#ports;
    const region = world.regions[fault.region];
    if (region === undefined) throw new RangeError(`There is no region ${fault.region}.`);
    // The table by which it votes is not taken away from those who know one table a region only (docs/runbooks/voters.md).
    if (fault.kind === 'add' && this.#votes(region)) {
      if (waits < waitsMost) world.queue.after(waitMs, () => this.#begin(fault, waits + 1));
      return;
    }
    world.note(region, () => `### voters ${fault.kind}`);
    if (fault.isLost) this.#lose(region);
    // Whoever notices deploys a new table first.
    world.queue.after(fault.isLost ? world.random.between(1000, 15_000) : 0, () => {
      if (fault.kind === 'replace' || (fault.kind === 'add' && this.#hasVoted(region))) this.#deploy(region);
      const asked: VotersAsked = fault.kind === 'remove' ? { kind: 'remove', region: region.name } : { kind: fault.kind, region: region.name, table: region.registerTable };
      for (let person = 0; person < fault.people; person += 1) this.#ask(asked, { isDone: false }, 1);
    });
  }

  #lose(region: Region): void {
    region.registers.set(region.registerTable, null);
    this.#ports.world.note(region, () => `### ${region.registerTable} is gone`);
  }

  #votes(region: Region): boolean {
    return this.#ports.invariants.register.newest.value.config.acceptors.some((a) => a.region === region.name && a.table === region.registerTable);
  }

  #hasVoted(region: Region): boolean {
    return this.#ports.invariants.register.chosen.some(({ value }) => value.config.acceptors.some((a) => a.region === region.name && a.table === region.registerTable));
  }

  #deploy(region: Region): void {
    const { world, policy } = this.#ports;
    const table = `register-${Number(region.registerTable.slice('register-'.length)) + 1}`;
    const others = this.#product.firstRows.firstRows(policy, region.name, region.name).filter((r) => r.key.table === 'register' && r.key.pk.startsWith('VANTAGE'));
    region.registers.set(table, new this.#product.rows.MemoryRowStore(region.name, [this.#product.firstRows.joiningRow(policy.group, world.random.hex(32)), ...others]));
    region.registerTable = table;
    world.note(region, () => `### ${table} is deployed`);
  }

  /** Once, and again some time later unless it is known to be done; whoever froze meanwhile may go on beside it. */
  #ask(asked: VotersAsked, state: { isDone: boolean }, times: number): void {
    const { world } = this.#ports;
    if (state.isDone) return;
    void this.#change(asked, state);
    if (times < askedMost) world.queue.after(world.random.between(5000, 30_000), () => this.#ask(asked, state, times + 1));
  }

  async #change(asked: VotersAsked, state: { isDone: boolean }): Promise<void> {
    const { world, policy } = this.#ports;
    const up = world.regions.filter((r) => r.isUp);
    if (up.length === 0) return;
    const invocation = world.invoke(world.random.pick(up), 'voters');
    const { me, chance, voters, reach, clock } = governorOf(this.#ports, invocation);
    const ports = {
      voters: { group: policy.group, configId: policy.configId, region: me, acceptors: voters, chance, reach },
      candidates: policy.voters.filter((v) => v.role === 'candidate').map((v) => v.region),
      digest: sha256,
      wait: (ms: number) => clock.wait(ms),
      because: `voters ${asked.kind} ${asked.region}`,
    };
    try {
      const { inForce } = await this.#product.changeVoters.changeVoters(ports, asked);
      state.isDone = true;
      world.queue.mixText(inForce.id);
      world.note(null, () => `voters ${asked.kind} ${asked.region}: set ${inForce.number ?? 0} is in force (${inForce.acceptors.map((a) => a.region).join(', ')})`);
    } catch (error) {
      world.note(null, () => `voters ${asked.kind} ${asked.region}: ${String(error)}`);
    }
  }
}

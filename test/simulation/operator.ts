// The person at the command line: starts the group, asks for switch-overs, pauses, and signs divergence reports off. Every answer
// that the register gives them is held against what was really chosen.
import { leaseKey } from '../../src/core/lease/lease-rows.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import type { SignOffPorts } from '../../src/operations/sign-off.ts';
import type { ChangeOutcome, Proposal } from '../../src/ports/register.ts';
import type { DataPlane } from './data-plane.ts';
import { governorOf, type Ports } from './governor-ports.ts';
import { asWrittenBy } from './newer-version.ts';
import type { Product } from './product.ts';
import type { Reconciliation } from './reconciliation.ts';
import type { Region } from './region.ts';

const signOffEveryMs = 10_000;
const undoShare = 0.3;
/** Of sign-offs: asked for before anything is decided. */
const tooEarlyShare = 0.5;

export class Operator {
  readonly #ports: Ports;
  readonly #product: Product;
  /** Both where histories have protected data. */
  data: DataPlane | undefined;
  reconciliation: Reconciliation | undefined;
  #asked = 0;
  #pausedUntilMs = 0;

  constructor(ports: Ports, product: Product) {
    this.#ports = ports;
    this.#product = product;
  }

  begin(): void {
    this.#resumes();
    this.#signOffs();
  }

  pause(forMs: number): void {
    this.#asked += 1;
    const reason = `look ${this.#asked}`;
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#ports.world.nowMs + forMs);
    void this.#change((value) => this.#product.registerChanges.pause(value, 'operator', reason, 1));
  }

  /** @param people so many at once, each in a region of their own and with a target of their own as far as there are enough. */
  failover(people: number): void {
    const { world, policy } = this.#ports;
    const first = world.random.below(policy.voters.length);
    for (let person = 0; person < people; person += 1) {
      this.#asked += 1;
      const asked = this.#asked;
      const maker = { by: `operator ${asked}`, atMs: 1, because: `asked for, ${asked}`, evidence: '', digest: () => String(asked).padStart(64, '0') };
      const propose = (value: RegisterValue) => {
        const targets = world.regions.filter((r) => r.isCandidate && r.name !== value.holder && value.regions[r.name]?.reconciled === true);
        const target = targets[(first + person) % Math.max(1, targets.length)]?.name ?? value.holder;
        return this.#product.registerChanges.operatorFailover(value, target, policy, maker);
      };
      world.queue.after(person === 0 ? 0 : world.random.next() * 100, () => void this.#change(propose, first + person));
    }
  }

  /** Planned: to a region that may be asked, whichever that is; what is not well, the product finds out by itself. */
  switchOver(): void {
    const { world, policy } = this.#ports;
    this.#asked += 1;
    const asked = this.#asked;
    const maker = { by: `operator ${asked}`, atMs: 1, because: `asked for, ${asked}`, evidence: '', digest: () => String(asked).padStart(64, '0') };
    const first = world.random.below(policy.voters.length);
    void this.#change((value) => {
      const targets = world.regions.filter((r) => r.isCandidate && r.name !== value.holder && value.regions[r.name]?.reconciled === true);
      return this.#product.registerChanges.operatorSwitch(value, targets[first % Math.max(1, targets.length)]?.name ?? value.holder, policy, maker);
    }, first);
  }

  /** Reads again and again by a change that is always refused: what it is shown must have been chosen (C8). */
  audit(endMs: number): void {
    const { world } = this.#ports;
    if (world.nowMs >= endMs) return;
    void this.#change(() => ({ kind: 'refuse', because: 'only a look' }));
    world.queue.after(world.random.between(300, 2500), () => this.audit(endMs));
  }

  /** A pause that is over is ended, also one that the register took late; the group's first start is the same. */
  #resumes(): void {
    const { world, invariants } = this.#ports;
    world.queue.after(world.random.between(500, 4000), () => {
      if (invariants.register.newest.value.paused !== null && world.nowMs >= this.#pausedUntilMs) void this.#change((value) => this.#product.registerChanges.resume(value));
      this.#resumes();
    });
  }

  /** A region that is not reconciled: what it alone had is decided, and it is signed off. */
  #signOffs(): void {
    const { world, invariants } = this.#ports;
    world.queue.after(signOffEveryMs * (0.5 + world.random.next()), () => {
      const { value } = invariants.register.newest;
      const ready = world.regions.find((r) => r.isUp && value.regions[r.name]?.reconciled === false && r.name !== value.holder && invariants.isClosedBelow(r, value.epoch));
      if (ready !== undefined) void this.#signOff(ready, value).catch((error: unknown) => world.note(ready, () => `sign-off: ${String(error).slice(0, 140)}`));
      this.#signOffs();
    });
  }

  async #signOff(ready: Region, value: RegisterValue): Promise<void> {
    const { world } = this.#ports;
    const holder = world.regions.find((r) => r.name === value.holder);
    // Where the holder is dead, or came back without its rows, there is nothing to wait for: to serve with what is there is then the person's choice.
    const isThere = holder?.isUp === true && (await holder.store.get(leaseKey)) !== undefined;
    const compared = isThere ? this.reconciliation : undefined;
    if (compared !== undefined && holder !== undefined && !(await this.#reconcile(compared, ready, holder))) return;
    const maker = { by: 'operator', atMs: 1, because: 'signed off', evidence: '', digest: () => '5'.repeat(64) };
    const found = { region: ready.name, holder: value.holder, epoch: value.epoch };
    await this.#change((current) => {
      const proposed = this.#product.registerChanges.signOff(current, found, maker);
      // From when it is proposed: it may be chosen at any time from then on.
      if (proposed.kind === 'set') {
        this.reconciliation?.uncompared[compared === undefined ? 'add' : 'delete'](ready.name);
        this.data?.signedOff(ready);
        if (compared !== undefined && holder !== undefined) {
          void this.data?.judgeDrained(ready, proposed.value.epoch);
          compared.judgeDecided(ready, holder);
        }
      }
      return proposed;
    });
  }

  /** By the real commands, with rules by chance and now and then a change of mind. @returns whether nothing is missing */
  async #reconcile(reconciliation: Reconciliation, ready: Region, holder: Region): Promise<boolean> {
    const { world } = this.#ports;
    const { random } = world;
    const up = world.regions.filter((r) => r.isUp);
    const from = up[random.below(Math.max(1, up.length))];
    if (from === undefined) return false;
    const invocation = world.invoke(from, 'operator');
    const ports = reconciliation.ports(governorOf(this.#ports, invocation), invocation, ready, holder);
    const { resolveAll, divergentKeys, undoDecision } = this.#product.resolveDivergence;
    const ruling = (rule: 'ours' | 'theirs' | 'last-writer') => ({ by: 'operator', reason: 'simulated', rule, merge: undefined });
    if (random.chance(tooEarlyShare) && (await this.#isNothingMissing(ready, ports, 0))) return true;
    const first = await resolveAll(ports.home, ready.name, ruling(random.pick(['ours', 'theirs', 'last-writer'] as const)));
    if (random.chance(undoShare)) {
      for await (const keys of divergentKeys(ports.home.pages, ready.name)) {
        const key = keys.find((k) => k.state === 'decided');
        if (key !== undefined) await undoDecision(ports.home, key, ruling('ours'));
      }
    }
    const rest = await resolveAll(ports.home, ready.name, ruling(random.pick(['ours', 'theirs'] as const)));
    reconciliation.decided += first.decided + rest.decided;
    return this.#isNothingMissing(ready, ports, first.decided + rest.decided);
  }

  async #isNothingMissing(ready: Region, ports: SignOffPorts, decided: number): Promise<boolean> {
    const { missing } = await this.#product.signOff.examineReturned(ports);
    this.#ports.world.note(ready, () => `reconciling ${ready.name}: ${decided} keys decided; ${missing.length === 0 ? 'nothing is missing' : missing.join('; ').slice(0, 200)}`);
    return missing.length === 0;
  }

  /** @param from which of the regions that are up; by chance when left out. */
  #change(propose: (current: RegisterValue) => Proposal, from?: number): Promise<void> {
    // Nothing that a person asks may throw; if it does, this history proves nothing.
    return this.#ask(propose, from).catch((error: unknown) => this.#ports.world.violate('the simulation itself', String(error)));
  }

  async #ask(propose: (current: RegisterValue) => Proposal, from = this.#ports.world.random.below(5)): Promise<void> {
    const { world, policy } = this.#ports;
    const up = world.regions.filter((r) => r.isUp);
    const region = up[from % Math.max(1, up.length)];
    if (region === undefined) return;
    const governor = governorOf(this.#ports, world.invoke(region, 'operator'));
    const voters = { group: policy.group, configId: policy.configId, region: governor.me, acceptors: governor.voters, chance: governor.chance, reach: governor.reach };
    const sighting = await (governor.register?.look() ?? this.#product.register.lookAtRegister(voters));
    const outcome = await (governor.register?.change(sighting, propose) ?? this.#product.register.changeRegister(voters, this.#product.register.seenBallotOf(sighting), propose));
    world.queue.mixText(outcome.kind);
    this.#judge(region, outcome);
    world.note(null, () => `operator: ${outcome.kind}${outcome.kind === 'chosen' ? '' : `: ${outcome.because}`}`);
  }

  #judge(region: Region, outcome: ChangeOutcome): void {
    const { world, invariants } = this.#ports;
    if (outcome.kind === 'unknown') return;
    const value = outcome.kind === 'chosen' ? outcome.value : outcome.current;
    const text = this.#product.registerValue.serializeRegisterValue(value);
    // The region may have been rolled back to this version since it wrote.
    if (!invariants.register.chosenTexts.has(asWrittenBy(region, 0, text)) && !invariants.register.chosenTexts.has(text)) {
      world.violate('answers fit what was chosen', `a change was answered '${outcome.kind}' with a value that was never chosen: ${JSON.stringify(value).slice(0, 200)}`);
    }
  }
}

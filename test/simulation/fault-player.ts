// Plays a plan of faults on the simulated world.
import type { DataPlane } from './data-plane.ts';
import type { Executions } from './executions.ts';
import { armedMsMax, calm, type Fault, type Plan, type StateAfter, type When } from './faults.ts';
import type { Operator } from './operator.ts';
import type { Invocation, Region } from './region.ts';
import type { Service } from './service.ts';
import type { World } from './world.ts';

export class FaultPlayer {
  readonly #world: World;
  readonly #executions: Executions;
  readonly #operator: Operator;
  readonly #service: Service;
  /** Where histories have protected data. */
  data: DataPlane | undefined;
  /** The region that the register names now. */
  readonly #holder: () => number;

  constructor(world: World, executions: Executions, operator: Operator, service: Service, holder: () => number) {
    this.#holder = holder;
    this.#world = world;
    this.#executions = executions;
    this.#operator = operator;
    this.#service = service;
  }

  play(plan: Plan): void {
    const { queue } = this.#world;
    for (const fault of plan.faults) {
      if (fault.kind === 'crash' && fault.state?.kind === 'old') this.#remember(fault.region, fault.atMs - fault.state.ageMs);
      queue.at(fault.atMs, () => this.#begin(fault));
    }
    const { lostForGood } = plan;
    if (lostForGood !== null) queue.at(plan.calmFromMs + 1, () => this.#crash(lostForGood));
  }

  #region(index: number): Region {
    const region = this.#world.regions[index];
    if (region === undefined) throw new RangeError(`There is no region ${index}.`);
    return region;
  }

  #begin(fault: Fault): void {
    const world = this.#world;
    const { queue } = world;
    const until = (end: () => void) => queue.after(fault.forMs, end);
    const where = 'region' in fault ? this.#region(fault.region) : null;
    world.note(where, () => `### ${fault.kind} for ${(fault.forMs / 1000).toFixed(1)} s`);
    const endMs = fault.atMs + fault.forMs;
    switch (fault.kind) {
      case 'crash':
        return this.#inTheMiddle(fault, fault.when, () => {
          this.#crash(fault.region);
          queue.at(endMs, () => this.#restart(fault.region, fault.executions, fault.state));
        });
      case 'pause':
        return this.#inTheMiddle(fault, fault.when, () => this.#freeze(this.#region(fault.region), endMs - queue.nowMs, fault.withStore));
      case 'cut':
        return this.#inTheMiddle(fault, fault.when, () => this.#cut(fault.links, endMs, fault.flapMs));
      case 'stall':
        return this.#inTheMiddle({ region: this.#holder(), forMs: fault.forMs }, fault.when, (invocation) => {
          if (invocation !== undefined) world.stall(invocation, Math.max(0, endMs - queue.nowMs));
        });
      case 'die':
        return this.#inTheMiddle(fault, fault.when, (invocation) => invocation !== undefined && world.kill(invocation));
      case 'freeze':
        return this.#inTheMiddle(fault, fault.when, (invocation) => invocation !== undefined && world.stall(invocation, Math.max(0, endMs - queue.nowMs)));
      case 'sick': {
        const region = this.#region(fault.region);
        region.isSick = true;
        return until(() => void (region.isSick = false));
      }
      case 'throttle': {
        const region = this.#region(fault.region);
        region.throttledTable = fault.table;
        return until(() => void (region.throttledTable = null));
      }
      case 'rough':
        world.weather = fault.weather;
        return until(() => void (world.weather = calm));
      case 'operator':
        if (fault.action === 'audit') return this.#operator.audit(endMs);
        return this.#inTheMiddle({ region: this.#holder(), forMs: fault.forMs }, fault.when ?? null, () => {
          if (fault.action === 'pause') return this.#operator.pause(fault.forMs);
          return this.#operator.failover(fault.action === 'two failovers' ? 2 : 1);
        });
      case 'step':
        return this.#atStep(fault, endMs);
      case 'stream': {
        const region = this.#region(fault.region);
        region.streamStopsUntilMs = Math.max(region.streamStopsUntilMs, endMs);
        return;
      }
      case 'expire':
        return this.data?.replicaOf(this.#region(fault.region)).expire();
      case 'switch':
        return this.#inTheMiddle({ region: this.#holder(), forMs: fault.forMs }, fault.when ?? null, () => this.#operator.switchOver());
      case 'split':
        return this.#inTheMiddle(fault, fault.when ?? null, () => this.data?.split(this.#region(fault.region)));
      case 'silent': {
        const region = this.#region(fault.region);
        region.silentUntilMs = Math.max(region.silentUntilMs, endMs);
        return;
      }
      case 'redrive':
        return this.#executions.redrive();
    }
  }

  #atStep(fault: Extract<Fault, { kind: 'step' }>, endMs: number): void {
    const world = this.#world;
    const armed = {
      step: fault.step,
      moment: fault.moment,
      fire: (region: Region) => {
        world.note(region, () => `### strikes ${fault.moment} ${fault.step}`);
        if (fault.strike === 'pause') return this.#freeze(region, endMs - world.nowMs, false);
        if (fault.strike === 'cut') return this.#cut(linksOf(region.index, world.regions.length), endMs, 0);
        this.#crash(region.index);
        world.queue.at(endMs, () => this.#restart(region.index, fault.executions));
      },
    };
    world.armedSteps.push(armed);
    world.queue.at(endMs, () => {
      const index = world.armedSteps.indexOf(armed);
      if (index >= 0) world.armedSteps.splice(index, 1);
    });
  }

  /** What the region's tables hold then, for a restore to it. */
  #remember(index: number, atMs: number): void {
    this.#world.queue.at(Math.max(0, atMs), () => {
      const region = this.#region(index);
      region.remembered = region.store.snapshot();
    });
  }

  #inTheMiddle(fault: { readonly region: number; readonly forMs: number }, when: When, strike: (invocation: Invocation | undefined) => void): void {
    if (when === null) return strike(undefined);
    const world = this.#world;
    const region = this.#region(fault.region);
    const armed = {
      region,
      ...when,
      fire: (invocation: Invocation | undefined) => {
        world.note(region, () => (invocation === undefined ? '### strikes, nothing met' : `### strikes at '${when.what}' ${when.phase}`));
        strike(invocation);
      },
    };
    world.armed.push(armed);
    world.queue.after(when.by === undefined ? Math.min(armedMsMax, fault.forMs / 2) : fault.forMs, () => {
      const index = world.armed.indexOf(armed);
      if (index >= 0) world.armed.splice(index, 1)[0]?.fire(undefined);
    });
  }

  #crash(index: number): void {
    const region = this.#region(index);
    region.isUp = false;
    region.life += 1;
    this.#world.note(region, () => '### dead');
  }

  #restart(index: number, executions: 'resume' | 'lost', state?: StateAfter): void {
    const region = this.#region(index);
    if (state !== undefined) this.#alter(region, state);
    if (region.isUp) return;
    region.isUp = true;
    this.#world.note(region, () => '### restarted');
    this.#executions.restarted(region, executions);
    if (region.isCandidate) this.#service.begin(region);
  }

  #alter(region: Region, state: StateAfter): void {
    const tables = state.tables === 'register' ? (['register'] as const) : (['register', 'region', 'fence'] as const);
    const rows = state.kind === 'old' ? (region.remembered ?? new Map()) : new Map();
    for (const table of tables) region.store.restore(table, rows);
    this.#world.note(region, () => `### ${state.tables} rows are ${state.kind === 'old' ? `those of ${(state.ageMs / 1000).toFixed(0)} s before` : 'gone'}`);
  }

  #freeze(region: Region, forMs: number, withStore: boolean): void {
    const nowMs = this.#world.nowMs;
    const untilMs = Math.max(region.hostsFrozenUntilMs, nowMs + forMs);
    region.hostsFrozenTotalMs += untilMs - Math.max(nowMs, region.hostsFrozenUntilMs);
    region.hostsFrozenUntilMs = untilMs;
    if (withStore) region.storeFrozenUntilMs = Math.max(region.storeFrozenUntilMs, untilMs);
  }

  #cut(links: readonly (readonly [number, number])[], endMs: number, flapMs: number): void {
    const world = this.#world;
    const set = (isCut: boolean) => links.forEach(([from, to]) => world.cut(from, to, isCut));
    set(true);
    const downMs = flapMs > 0 ? Math.min(flapMs, endMs - world.nowMs) : endMs - world.nowMs;
    world.queue.after(downMs, () => {
      set(false);
      if (flapMs > 0 && world.nowMs + flapMs < endMs) world.queue.after(flapMs, () => this.#cut(links, endMs, flapMs));
    });
  }
}

function linksOf(region: number, regions: number): (readonly [number, number])[] {
  return Array.from({ length: regions }, (_, other) => other)
    .filter((other) => other !== region)
    .flatMap((other) => [[region, other] as const, [other, region] as const]);
}

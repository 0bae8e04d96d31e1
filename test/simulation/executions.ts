// The part of Step Functions: one execution a name, each step invoked with its time limit and its retries, sometimes twice.
// The states and retries are those of statemachines/failover.asl.json, without the data's own steps.
import type { RunbookInput, Step } from '../../src/core/failover/runbook.ts';
import type { RegisterValue } from '../../src/core/register/value.ts';
import type { Governor } from '../../src/operations/governor.ts';
import type { DataPlane } from './data-plane.ts';
import { governorOf, type Ports } from './governor-ports.ts';
import type { Product } from './product.ts';
import type { Invocation, Region } from './region.ts';

/** `life`: of its region, when it was last carried on. */
type Execution = { readonly name: string; readonly input: RunbookInput; step: number; isOver: boolean; life: number };
type StepRun = (governor: Governor, invocation: Invocation) => Promise<unknown>;

const stepLimitMs = 20_000;
/** A second invocation of a step comes this much later at most. */
const stepLateMsMax = 240_000;
const neverRetried = ['SupersededError', 'TargetUnfitError', 'ClockSkewError', 'ValidationFailedError', 'RowMissingError', 'MalformedError', 'RefusedError', 'InvalidConfigError'];
const retries: Readonly<Record<string, { readonly everyMs: number; readonly most: number; readonly backoff: number }>> = {
  LeaseNotDueError: { everyMs: 1000, most: 60, backoff: 1 },
  NoQuorumError: { everyMs: 1000, most: 30, backoff: 1 },
  StepNotReadyError: { everyMs: 2000, most: 30, backoff: 1 },
  other: { everyMs: 1000, most: 3, backoff: 2 },
};
const order = ['TakeLease', 'Synchronise', 'OpenGate', 'ValidateService', 'Report'] as const;

export class Executions {
  readonly #ports: Ports;
  readonly #product: Product;
  /** Where histories have protected data. */
  data: DataPlane | undefined;
  readonly #byRegion = new Map<string, Map<string, Execution>>();

  /** Where histories carry no data, Synchronise only takes its time. */
  synchroniseMsMax = 3000;

  constructor(ports: Omit<Ports, 'startRunbook'>, product: Product) {
    this.#ports = { ...ports, startRunbook: (region, name, input) => this.start(region, name, input) };
    this.#product = product;
  }

  get ports(): Ports {
    return this.#ports;
  }

  start(region: Region, name: string, input: RunbookInput): 'started' | 'exists' {
    const known = this.#byRegion.get(region.name) ?? new Map<string, Execution>();
    this.#byRegion.set(region.name, known);
    if (known.has(name)) return 'exists';
    const execution: Execution = { name, input, step: 0, isOver: false, life: region.life };
    known.set(name, execution);
    this.#ports.world.note(region, () => `${name} starts`);
    void this.#execute(region, execution);
    return 'started';
  }

  /** After a crash: either the service carries its executions on, or they are gone and only their names are known. */
  restarted(region: Region, executions: 'resume' | 'lost'): void {
    if (executions === 'lost') return;
    for (const execution of this.#byRegion.get(region.name)?.values() ?? []) {
      if (!execution.isOver) void this.#execute(region, execution);
    }
  }

  /** Somebody starts an old one again, from its beginning or from where it ended: whatever has happened since, it must do nothing. */
  redrive(): void {
    const { world } = this.#ports;
    const old = world.regions
      .filter((r) => r.isUp)
      .flatMap((region) => [...(this.#byRegion.get(region.name)?.values() ?? [])].filter((e) => e.isOver || e.life !== region.life).map((e) => ({ region, e })));
    if (old.length === 0) return;
    const { region, e } = world.random.pick(old);
    const again = { ...e, step: world.random.chance(0.5) ? 0 : Math.min(e.step, order.length - 1), isOver: false };
    world.note(region, () => `${e.name} is redriven from ${order[again.step]}`);
    void this.#execute(region, again);
  }

  async #execute(region: Region, execution: Execution): Promise<void> {
    const { input } = execution;
    const { world } = this.#ports;
    const { life } = region;
    execution.life = life;
    let validation: object | null = null;
    const steps: Readonly<Record<(typeof order)[number], StepRun>> = {
      TakeLease: (governor) => this.#product.takeLease.takeLeaseStep(governor, input),
      Synchronise: async (governor, invocation) => {
        if (this.data !== undefined) return this.data.synchronise(governor, invocation, input);
        await this.#product.currentLease.beginStep(governor, input, 'Synchronise');
        await this.#product.currentLease.requireHeld(governor, input);
        return governor.clock.wait(this.#ports.world.random.next() * this.synchroniseMsMax);
      },
      OpenGate: (governor) => this.#product.openGate.openGateStep(governor, input),
      ValidateService: (governor) => this.#product.validateService.validateServiceStep(governor, input),
      Report: (governor) =>
        this.#product.report.reportStep(governor, input, { takenAtMs: null, openedAtMs: null, applied: null, loss: null, approval: null, dns: null, dnsFailure: null, validation, failure: null }),
    };
    for (; execution.step < order.length; execution.step += 1) {
      const name = order[execution.step] ?? 'Report';
      world.stepReached(region, name, 'before');
      if (life !== region.life) return;
      const ended = await this.#withRetries(region, input, name, steps[name]);
      world.stepReached(region, name, 'after');
      if (life !== region.life) return;
      if (ended === 'ok' && name === 'ValidateService') validation = {};
      if (ended === 'ok') continue;
      if (ended === 'SupersededError') break;
      if (name === 'ValidateService') continue;
      if (name !== 'Report') await this.#withRetries(region, input, 'AbandonAttempt', (governor) => this.#product.abandonAttempt.abandonAttemptStep(governor, input, `${name}: ${ended}`));
      break;
    }
    execution.isOver = true;
    this.#ports.world.note(region, () => `${execution.name} ends at ${order[execution.step] ?? 'the end'}`);
  }

  async #withRetries(region: Region, input: RunbookInput, step: Step, run: StepRun): Promise<string> {
    const { world } = this.#ports;
    const used = new Map<string, number>();
    for (;;) {
      const ended = await this.#once(region, input, step, run);
      if (ended === 'ok' || neverRetried.includes(ended)) return ended;
      const kind = retries[ended] === undefined ? 'other' : ended;
      const retry = retries[kind];
      const count = (used.get(kind) ?? 0) + 1;
      if (retry === undefined || count > retry.most) return ended;
      used.set(kind, count);
      await this.#pause(region, retry.everyMs * retry.backoff ** (count - 1) + world.random.next() * 100);
    }
  }

  /** The service of a dead region goes on after its restart only by `restarted`; that of a frozen one when it thaws. */
  #pause(region: Region, ms: number): Promise<void> {
    const { world } = this.#ports;
    const { life } = region;
    return new Promise((resolve) => {
      const wake = () => {
        if (life !== region.life) return;
        if (region.storeFrozenUntilMs > world.nowMs) return world.queue.at(region.storeFrozenUntilMs, wake);
        resolve();
      };
      world.queue.after(ms, wake);
    });
  }

  async #once(region: Region, input: RunbookInput, step: Step, run: StepRun): Promise<string> {
    const { world } = this.#ports;
    await this.#pause(region, 5 + world.random.next() * 30);
    const limit = this.#pause(region, stepLimitMs).then(() => 'States.Timeout');
    if (world.random.chance(world.weather.stepTwice)) {
      const laterMs = world.random.next() * (world.random.chance(0.7) ? 3000 : stepLateMsMax);
      world.queue.after(laterMs, () => void (region.isUp && this.#invoke(region, input, step, run)));
    }
    return Promise.race([this.#invoke(region, input, step, run), limit]);
  }

  /** An invocation whose time limit has passed runs on all the same: a zombie, which must not matter. */
  async #invoke(region: Region, input: RunbookInput, step: Step, run: StepRun): Promise<string> {
    const { world, invariants } = this.#ports;
    const invocation = world.invoke(region, step);
    invocation.isOverAlready = isOver(invariants.register.newest.value, input);
    try {
      await run(governorOf(this.#ports, invocation), invocation);
      world.note(region, () => `${step} done`);
      return 'ok';
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      if (name !== 'LeaseNotDueError') world.note(region, () => `${step}: ${name}: ${message}`);
      return name;
    }
  }
}

/** Neither reserved nor held any more, or taken by another one: what such an execution does from here on must change nothing. */
function isOver(value: RegisterValue, { epoch, attempt, target }: RunbookInput): boolean {
  const isHeld = value.holder === target && value.epoch === epoch && value.attempt === attempt;
  const isReserved = value.successor === target && value.epoch === epoch - 1 && value.attempt === attempt;
  return !isHeld && !isReserved;
}

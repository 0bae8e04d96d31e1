// The simulated world: regions, what lies between them, and the one way in which anything waits for anything.
import type { Step } from '../../src/core/failover/runbook.ts';
import { calm, freezeMsMax, lateMsMax, type CallKind, type Phase, type StepMoment, type Weather } from './faults.ts';
import { EventQueue } from './event-queue.ts';
import type { Random } from './random.ts';
import { Invocation, type Region } from './region.ts';

/** `isCalm`: of what goes on all the time; a long row of such is told in one line. */
export type Note = { readonly atMs: number; readonly region: number | null; readonly text: string; readonly isCalm: boolean };
export type Violation = { readonly invariant: string; readonly what: string; readonly atMs: number };

/** A call ends within this, by an answer or by throwing (the contract of RowStore). */
export const callLimitMs = 1000;

/** Within this, all that waited for a frozen invocation reaches it. */
const thawMs = 20;

const regionsMax = 16;

function linkOf(from: number, to: number): number {
  return from * regionsMax + to;
}

class CallError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

export type Call<T> = {
  readonly from: Invocation;
  readonly to: Region;
  readonly what: string;
  readonly act: () => T | Promise<T>;
  readonly onDelivered?: (answer: T, sentAtMs: number, actedAtMs: number) => void;
};

export class World {
  readonly queue = new EventQueue();
  readonly random: Random;
  readonly regions: Region[] = [];
  weather: Weather = calm;
  /** By link: how many faults cut it. */
  readonly #cuts = new Map<number, number>();
  violation: Violation | undefined;
  /** Faults that wait for a call to come into the middle of. */
  readonly armed: { readonly region: Region; readonly what: CallKind; readonly phase: Phase; readonly by?: string; readonly fire: (invocation: Invocation | undefined) => void }[] = [];
  /** Faults that wait for an execution to come to a step. */
  readonly armedSteps: { readonly step: Step; readonly moment: StepMoment; readonly fire: (region: Region) => void }[] = [];
  readonly isRecording: boolean;
  readonly notes: Note[] = [];
  readonly skewMs: number;

  constructor(random: Random, isRecording: boolean, skewMs: number) {
    this.random = random;
    this.isRecording = isRecording;
    this.skewMs = skewMs;
  }

  get nowMs(): number {
    return this.queue.nowMs;
  }

  note(region: Region | null, text: () => string, isCalm = false): void {
    if (this.isRecording) this.notes.push({ atMs: this.nowMs, region: region?.index ?? null, text: text(), isCalm });
  }

  /** The first one counts: what follows may be its consequence. */
  violate(invariant: string, what: string): void {
    this.violation ??= { invariant, what, atMs: this.nowMs };
  }

  cut(from: number, to: number, isCut: boolean): void {
    const link = linkOf(from, to);
    const cuts = (this.#cuts.get(link) ?? 0) + (isCut ? 1 : -1);
    if (cuts === 0) this.#cuts.delete(link);
    else this.#cuts.set(link, cuts);
  }

  isCut(from: Region, to: Region): boolean {
    return this.#cuts.size > 0 && (this.#cuts.get(linkOf(from.index, to.index)) ?? 0) > 0;
  }

  invoke(region: Region, kind: string): Invocation {
    return new Invocation(region, kind, (this.random.next() - 0.5) * this.skewMs, this.nowMs, this.random.chance(0.6));
  }

  /** Lets an invocation go on with something that has happened: now, when it thaws, or never. */
  resume(invocation: Invocation, run: () => void): void {
    if (invocation.isGone) return;
    const untilMs = invocation.frozenUntil();
    if (untilMs > this.nowMs) return this.queue.at(untilMs + this.random.next() * thawMs, () => this.resume(invocation, run));
    if (this.weather.freeze > 0 && this.random.chance(this.weather.freeze)) {
      this.#freeze(invocation);
      return this.queue.at(invocation.frozenUntilMs, () => this.resume(invocation, run));
    }
    if (this.weather.die > 0 && this.random.chance(this.weather.die)) {
      return this.kill(invocation);
    }
    run();
  }

  #freeze(invocation: Invocation): void {
    const [leastMs, mostMs] = this.random.pick([
      [500, 5000],
      [5000, 25_000],
      [25_000, freezeMsMax],
    ] as const);
    this.stall(invocation, this.random.between(leastMs, mostMs));
  }

  stall(invocation: Invocation, forMs: number): void {
    invocation.frozenUntilMs = this.nowMs + forMs;
    invocation.frozenMs += forMs;
    this.note(invocation.region, () => `${invocation.kind} freezes for ${(forMs / 1000).toFixed(1)} s`);
  }

  kill(invocation: Invocation): void {
    if (invocation.isDead) return;
    invocation.isDead = true;
    this.note(invocation.region, () => `${invocation.kind} dies`);
  }

  /** What lies in wait for calls of this kind strikes. */
  #passes(invocation: Invocation, what: string, phase: Phase): void {
    const hot = this.weather.freezeAt;
    if (hot !== null && hot.phase === phase && hot.what === what && invocation.frozenUntil() <= this.nowMs && this.random.chance(hot.share)) this.#freeze(invocation);
    const deadly = this.weather.dieAt;
    if (deadly !== null && deadly.phase === phase && deadly.what === what && this.random.chance(deadly.share)) this.kill(invocation);
    if (this.armedSteps.length > 0 && phase === 'acted' && what === 'change fence') this.stepReached(invocation.region, invocation.kind, 'half-way');
    if (this.armed.length === 0) return;
    const struck = this.armed.filter((a) => a.region === invocation.region && a.what === what && a.phase === phase && (a.by ?? invocation.kind) === invocation.kind);
    for (const fault of struck) this.armed.splice(this.armed.indexOf(fault), 1)[0]?.fire(invocation);
  }

  stepReached(region: Region, step: string, moment: StepMoment): void {
    const index = this.armedSteps.findIndex((a) => a.step === step && a.moment === moment);
    if (index >= 0) this.armedSteps.splice(index, 1)[0]?.fire(region);
  }

  wait(invocation: Invocation, ms: number): Promise<void> {
    return new Promise((resolve) => this.queue.after(Math.max(0, ms), () => this.resume(invocation, resolve)));
  }

  /** One way, without what is lost or late. */
  delay(from: Region, to: Region): number {
    const base = from === to ? 1 + this.random.next() * 4 : 8 + ((from.index * 7 + to.index * 7) % 4) * 12 + this.random.next() * 15;
    return this.random.chance(this.weather.slow) ? base + this.random.next() * 900 : base;
  }

  call<T>(call: Call<T>): Promise<T> {
    const { from, to } = call;
    from.calls += 1;
    const sentAtMs = this.nowMs;
    return new Promise((resolve, reject) => {
      let isTimed = false;
      const timeOut = () => {
        if (isTimed) return;
        isTimed = true;
        const error = () => reject(new CallError('TimeoutError', `${call.what} in ${to.name}: no answer in ${callLimitMs} ms`));
        this.queue.at(sentAtMs + callLimitMs, () =>
          this.resume(from, () => {
            // Thawed long after the limit: answers that came meanwhile may be seen before the timer is.
            if (from.answersFirst && this.nowMs > sentAtMs + callLimitMs + 1) this.queue.after(thawMs, () => this.resume(from, error));
            else error();
          }),
        );
      };
      const answer = (settle: () => void) =>
        this.resume(from, () => {
          // Thawed with both the answer and the time limit there.
          if (this.nowMs - sentAtMs > callLimitMs && !from.answersFirst) return timeOut();
          settle();
        });
      const arrive = (isAnswered: boolean) => {
        if (!to.isUp) return isAnswered ? timeOut() : undefined;
        if (to.storeFrozenUntilMs > this.nowMs) {
          if (isAnswered) timeOut();
          return this.queue.at(to.storeFrozenUntilMs + this.random.next() * 50, () => arrive(isAnswered));
        }
        if (to.throttledTable !== null && (to.throttledTable === 'all' || call.what.endsWith(to.throttledTable)) && this.random.chance(0.9)) {
          if (isAnswered) this.queue.after(this.delay(to, from.region), () => answer(() => reject(new CallError('ThrottlingException', `${call.what} in ${to.name}: rate exceeded`))));
          return undefined;
        }
        const actedAtMs = this.nowMs;
        this.#passes(from, call.what, 'acted');
        const acted = (result: T): void => {
          if (!isAnswered) return;
          const backMs = this.delay(to, from.region);
          if (this.isCut(to, from.region) || (from.region !== to && this.random.chance(this.weather.lost))) return timeOut();
          if (this.nowMs + backMs - sentAtMs > callLimitMs) timeOut();
          this.queue.after(backMs, () => {
            this.#passes(from, call.what, 'answered');
            answer(() => {
              call.onDelivered?.(result, sentAtMs, actedAtMs);
              resolve(result);
            });
          });
        };
        const failed = (error: unknown): void => answer(() => reject(error instanceof Error ? error : new Error(String(error))));
        let result: T | Promise<T>;
        try {
          result = call.act();
        } catch (error) {
          return failed(error);
        }
        return result instanceof Promise ? void result.then(acted, failed) : acted(result);
      };
      this.#passes(from, call.what, 'sent');
      this.#send(call, arrive, timeOut);
    });
  }

  #send<T>(call: Call<T>, arrive: (isAnswered: boolean) => void, timeOut: () => void): void {
    const { random, weather } = this;
    const { to, from, what } = call;
    if (this.isCut(from.region, to) || (from.region !== to && random.chance(weather.lost))) return timeOut();
    if (!to.isUp && random.chance(0.3)) return timeOut();
    const frozenForMs = from.frozenUntil() - this.nowMs;
    const isLate = (weather.late > 0 && random.chance(weather.late)) || (weather.lateAt?.what === what && random.chance(weather.lateAt.share));
    // Who freezes in the middle of sending may have its request carried out at any time until it thaws, and no time limit runs meanwhile.
    if (frozenForMs > 0 && random.chance(0.7)) this.queue.after(random.chance(0.5) ? random.next() * frozenForMs : frozenForMs - Math.min(frozenForMs, random.next() * 3000), () => arrive(true));
    else {
      this.queue.after(isLate ? random.next() * (random.chance(0.5) ? 10_000 : lateMsMax) : this.delay(from.region, to), () => {
        if (isLate) timeOut();
        arrive(true);
      });
    }
    if (random.chance(weather.twice)) this.queue.after(random.next() * (random.chance(0.5) ? 2000 : lateMsMax), () => arrive(false));
  }
}

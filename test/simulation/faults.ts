// What goes wrong in a history, drawn from its seed before it begins: a list that can be shown, and shortened one by one.
import type { Random } from './random.ts';

export const callKinds = ['get register', 'prepare register', 'accept register', 'get region', 'change region', 'change fence'] as const;
export type CallKind = (typeof callKinds)[number];
export type Phase = 'sent' | 'acted' | 'answered';
export type HotSpot = { readonly what: CallKind; readonly phase: Phase; readonly share: number };

export type Weather = {
  /** Of requests and answers, each way. */
  readonly lost: number;
  /** Of requests: carried out up to `lateMsMax` later, long after the caller gave up. */
  readonly late: number;
  /** Of requests: carried out a second time, later. */
  readonly twice: number;
  /** Of answers: the invocation that gets it freezes first, for 1 s to `freezeMsMax`. */
  readonly freeze: number;
  /** Calls of one kind at which invocations freeze much more often, as they send them or as they are answered. */
  readonly freezeAt: HotSpot | null;
  /** Calls of one kind at which invocations die much more often. */
  readonly dieAt: HotSpot | null;
  /** Requests of one kind that are much more often late. */
  readonly lateAt: HotSpot | null;
  /** Of answers: the invocation that gets it dies. */
  readonly die: number;
  /** Of calls: slow, up to about the call's limit each way. */
  readonly slow: number;
  /** Of slots: delivered again, a little later. */
  readonly tickTwice: number;
  readonly tickMissed: number;
  /** Of steps: invoked a second time beside the first. */
  readonly stepTwice: number;
};

export const calm: Weather = { lost: 0.0005, late: 0, twice: 0.002, freeze: 0, freezeAt: null, dieAt: null, lateAt: null, die: 0, slow: 0.002, tickTwice: 0.05, tickMissed: 0.01, stepTwice: 0.05 };
export const lateMsMax = 90_000;
export const freezeMsMax = 90_000;
/** How long a fault waits for the call that it is meant to hit; then it comes anyway. */
export const armedMsMax = 6000;

/** The call of the region in the middle of which a fault comes, or null: whenever it is. `by` waits for a tick or a step of this name, for as long as the fault would last. */
export type When = { readonly what: CallKind; readonly phase: Phase; readonly by?: string } | null;

export type Fault = { readonly atMs: number; readonly forMs: number } & (
  | { readonly kind: 'crash'; readonly region: number; readonly executions: 'resume' | 'lost'; readonly when: When }
  | { readonly kind: 'pause'; readonly region: number; readonly withStore: boolean; readonly when: When }
  | { readonly kind: 'cut'; readonly region: number; readonly when: When; readonly links: readonly (readonly [number, number])[]; readonly flapMs: number; readonly shape: string }
  /** One invocation of the region that holds the lease then freezes in the middle of that call; the others go on. */
  | { readonly kind: 'stall'; readonly when: NonNullable<When> }
  /** One invocation of the region dies, or freezes until the fault ends, in the middle of that call; the others go on. */
  | { readonly kind: 'die' | 'freeze'; readonly region: number; readonly when: NonNullable<When> }
  | { readonly kind: 'sick'; readonly region: number }
  | { readonly kind: 'throttle'; readonly region: number; readonly table: 'register' | 'region' | 'fence' | 'all' }
  | { readonly kind: 'rough'; readonly weather: Weather }
  | { readonly kind: 'operator'; readonly action: 'failover' | 'pause' | 'audit' }
);

export type Plan = {
  readonly regions: 3 | 5;
  readonly fenceShards: number;
  readonly faults: readonly Fault[];
  /** When the last fault that ends has ended. */
  readonly calmFromMs: number;
  /** Dead from `calmFromMs` on and for good, or null. */
  readonly lostForGood: number | null;
  /** Of the skew that is assumed; more than 1 breaks the assumption on purpose. */
  readonly skewFactor: number;
  /** From `calmFromMs` to an open gate, where so little goes wrong that it must be quicker than after the worst. */
  readonly serviceWithinMs?: number;
  /** Nothing in this plan is a reason to shut the gate once it is open. */
  readonly isCalm?: boolean;
};

/** A group starts, opens for the first time, and has some calm seconds. */
const faultsFromMs = 40_000;
const roundMs = (ms: number) => Math.round(ms);

export function drawPlan(random: Random, regions: 3 | 5, skewFactor = 1): Plan {
  const candidates = regions === 3 ? 2 : 3;
  const count = 2 + random.below(5);
  const faults: Fault[] = [];
  let atMs = faultsFromMs;
  for (let i = 0; i < count; i += 1) {
    const fault = drawFault(random, roundMs(atMs), regions, candidates);
    faults.push(fault);
    // Half of the faults begin while the one before still goes on.
    atMs += random.chance(0.5) ? random.between(0, 20_000) : fault.forMs + random.between(0, 60_000);
  }
  if (random.chance(0.5)) faults.push(drawRough(random, faultsFromMs, 60_000 + random.next() * 240_000));
  if (random.chance(0.35)) faults.push(...drawSwitchOvers(random));
  if (random.chance(0.35)) faults.push(...drawRelay(random, candidates));
  if (random.chance(0.3)) faults.push({ kind: 'operator', action: 'audit', atMs: faultsFromMs, forMs: roundMs(random.between(60_000, 240_000)) });
  const calmFromMs = Math.max(...faults.map((f) => f.atMs + f.forMs));
  const lostForGood = random.chance(0.3) ? random.below(regions) : null;
  return { regions, fenceShards: 1 + random.below(2), faults: faults.toSorted((a, b) => a.atMs - b.atMs), calmFromMs, lostForGood, skewFactor };
}

/** A person who switches back and forth, often just as some invocation stalls: releases, take-overs and returns in one history. */
function drawSwitchOvers(random: Random): Fault[] {
  const everyMs = random.between(15_000, 60_000);
  return Array.from({ length: 2 + random.below(4) }, (_, i) => roundMs(faultsFromMs + i * everyMs + random.next() * 5000)).flatMap((atMs): Fault[] => {
    const failover = { kind: 'operator', action: 'failover', atMs: atMs + roundMs(random.between(1000, 8000)), forMs: 1000 } as const;
    const what = random.chance(0.5) ? 'accept register' : random.pick(callKinds);
    const stall = {
      kind: 'stall',
      atMs,
      forMs: roundMs(random.chance(0.6) ? random.between(10_000, 20_000) : random.between(4000, 60_000)),
      when: { what, phase: random.pick(['sent', 'acted', 'answered'] as const) },
    } as const;
    return random.chance(0.6) ? [stall, failover] : [failover];
  });
}

/** One candidate is away for a while, and just as it is back another one goes. */
function drawRelay(random: Random, candidates: number): Fault[] {
  // Region 0 holds the lease at first, so that the one that is away is mostly its challenger.
  const region = random.chance(0.7) ? 1 : random.below(candidates);
  const other = random.chance(0.7) && region !== 0 ? 0 : (region + 1) % candidates;
  const atMs = roundMs(random.chance(0.6) ? faultsFromMs + random.next() * 5000 : random.between(faultsFromMs, 200_000));
  const forMs = roundMs(random.between(8000, 24_000));
  const away: Fault = { kind: 'pause', atMs, forMs, region, withStore: random.chance(0.2), when: random.chance(0.5) ? { what: 'get register', phase: 'sent' } : drawWhen(random) };
  const laterMs = roundMs(atMs + forMs + random.between(-5000, 3000));
  const next = random.chance(0.5)
    ? ({ kind: 'crash', atMs: laterMs, forMs: roundMs(random.between(30_000, 80_000)), region: other, executions: 'resume', when: drawWhen(random) } as const)
    : ({
        kind: 'cut',
        atMs: laterMs,
        forMs: roundMs(random.between(30_000, 80_000)),
        region: other,
        when: drawWhen(random),
        shape: 'isolated',
        flapMs: 0,
        links: [0, 1, 2, 3, 4].filter((r) => r !== other).flatMap((r) => [[other, r] as const, [r, other] as const]),
      } as const);
  return [away, next];
}

function drawWhen(random: Random): When {
  return random.chance(0.7)
    ? { what: random.chance(0.4) ? random.pick(['get register', 'accept register'] as const) : random.pick(callKinds), phase: random.pick(['sent', 'acted', 'answered'] as const) }
    : null;
}

function drawFault(random: Random, atMs: number, regions: number, candidates: number): Fault {
  const region = random.chance(0.7) ? random.below(candidates) : random.below(regions);
  const forMs = roundMs(random.chance(0.5) ? random.between(500, 30_000) : random.between(20_000, 100_000));
  const kind = random.next();
  if (kind < 0.15) return { kind: 'crash', atMs, forMs, region, executions: random.chance(0.5) ? 'resume' : 'lost', when: drawWhen(random) };
  if (kind < 0.33) return { kind: 'pause', atMs, forMs, region, withStore: random.chance(0.4), when: drawWhen(random) };
  if (kind < 0.53) return drawCut(random, atMs, forMs, region, regions);
  if (kind < 0.63) return { kind: 'sick', atMs, forMs: roundMs(random.between(25_000, 90_000)), region: random.below(candidates) };
  if (kind < 0.71) return { kind: 'throttle', atMs, forMs, region, table: random.pick(['register', 'region', 'fence', 'all'] as const) };
  if (kind < 0.83) return drawRough(random, atMs, forMs);
  return { kind: 'operator', atMs, forMs: roundMs(random.between(1000, 30_000)), action: random.chance(0.8) ? 'failover' : 'pause' };
}

function drawCut(random: Random, atMs: number, forMs: number, region: number, regions: number): Fault {
  const others = Array.from({ length: regions }, (_, r) => r).filter((r) => r !== region);
  const shapes = {
    isolated: others.flatMap((r) => [[region, r] as const, [r, region] as const]),
    deaf: others.map((r) => [r, region] as const),
    mute: others.map((r) => [region, r] as const),
    partial: [[region, random.pick(others)] as const].flatMap(([a, b]) => [[a, b] as const, [b, a] as const]),
    'one way': [[region, random.pick(others)] as const],
  };
  const shape = random.pick(['isolated', 'isolated', 'deaf', 'mute', 'partial', 'one way'] as const);
  return { kind: 'cut', atMs, forMs, region, when: drawWhen(random), links: shapes[shape], shape, flapMs: random.chance(0.3) ? roundMs(random.between(300, 8000)) : 0 };
}

function drawRough(random: Random, atMs: number, forMs: number): Fault {
  const hotSpot = (phases: readonly Phase[]): HotSpot | null => (random.chance(0.6) ? { what: random.pick(callKinds), phase: random.pick(phases), share: random.between(0.03, 0.3) } : null);
  const some = (most: number) => (random.chance(0.6) ? random.next() * most : 0);
  return {
    kind: 'rough',
    atMs,
    forMs: roundMs(forMs),
    weather: {
      lost: some(0.15),
      late: some(0.08),
      twice: some(0.1),
      freeze: some(0.02),
      freezeAt: hotSpot(['sent', 'answered']),
      dieAt: random.chance(0.4) ? hotSpot(['acted', 'answered']) : null,
      lateAt: hotSpot(['sent']),
      die: some(0.02),
      slow: some(0.3),
      tickTwice: some(0.5),
      tickMissed: some(0.3),
      stepTwice: some(0.6),
    },
  };
}

export function describeFault(fault: Fault, names: readonly string[]): string {
  const from = `${(fault.atMs / 1000).toFixed(1)} s, for ${(fault.forMs / 1000).toFixed(1)} s: ${fault.kind}`;
  switch (fault.kind) {
    case 'crash':
      return `${from} of ${names[fault.region]}${inTheMiddleOf(fault.when)} (executions ${fault.executions})`;
    case 'pause':
      return `${from} of ${names[fault.region]}'s hosts${fault.withStore ? ' and store' : ''}${inTheMiddleOf(fault.when)}`;
    case 'cut':
      return `${from} (${fault.shape}${fault.flapMs > 0 ? `, flapping each ${fault.flapMs} ms` : ''})${inTheMiddleOf(fault.when)} ${fault.links.map(([a, b]) => `${names[a]}→${names[b]}`).join(' ')}`;
    case 'stall':
      return `${from} of one invocation of the holder${inTheMiddleOf(fault.when)}`;
    case 'die':
    case 'freeze':
      return `${from} of one invocation of ${names[fault.region]}${inTheMiddleOf(fault.when)}`;
    case 'sick':
      return `${from}: readiness fails in ${names[fault.region]}`;
    case 'throttle':
      return `${from}: table '${fault.table}' of ${names[fault.region]}`;
    case 'rough':
      return `${from} ${JSON.stringify(fault.weather, (_, v: unknown) => (typeof v === 'number' ? Number(v.toFixed(4)) : v))}`;
    case 'operator':
      return `${from} ${fault.action}`;
  }
}

function inTheMiddleOf(when: When): string {
  return when === null ? '' : `, when '${when.what}'${when.by === undefined ? '' : ` of ${when.by}`} is ${when.phase}`;
}

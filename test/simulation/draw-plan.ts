// Draws what goes wrong in a history from its seed, before it begins.
import { callKinds, type Fault, type HotSpot, type Phase, type Plan, type StateAfter, type When } from './faults.ts';
import type { Random } from './random.ts';
import { votersShare, withVoterFaults } from './voter-faults.ts';

/** A group starts, opens for the first time, and has some calm seconds. */
const faultsFromMs = 40_000;
const roundMs = (ms: number) => Math.round(ms);

/** Of histories: the data is carried as well, which takes half as long again. */
const dataShare = 0.25;
/** Of histories: an assumption is broken on purpose, to see that it is said. */
const beyondShare = 0.02;

export function drawPlan(random: Random, regions: 3 | 5, skewFactor?: number, driftFactor?: number): Plan {
  const candidates = regions === 3 ? 2 : 3;
  const beyond = random.chance(beyondShare) ? random.pick(['skew', 'drift', 'old state'] as const) : null;
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
  if (random.chance(0.3)) faults.push(...drawStepStrikes(random));
  if (random.chance(0.35)) faults.push(...drawRedrives(random, Math.max(...faults.map((f) => f.atMs + f.forMs))));
  const hasData = random.chance(dataShare);
  if (hasData && random.chance(0.5))
    faults.push({ kind: 'stream', atMs: faultsFromMs + roundMs(random.next() * 120_000), forMs: roundMs(random.between(5000, 120_000)), region: random.chance(0.7) ? 0 : random.below(candidates) });
  if (beyond === 'old state')
    faults.push({ ...drawCrash(random, faultsFromMs + roundMs(random.next() * 60_000), roundMs(random.between(500, 20_000)), random.below(candidates)), state: drawOldState(random) });
  const calmFromMs = Math.max(...faults.map((f) => f.atMs + f.forMs));
  const sorted = onlyOneForgets(faults).toSorted((a, b) => a.atMs - b.atMs);
  const plan: Plan = {
    regions,
    fenceShards: 1 + random.below(2),
    faults: sorted,
    calmFromMs,
    lostForGood: drawLoss(random, sorted, regions),
    skewFactor: skewFactor ?? (beyond === 'skew' ? random.between(3, 40) : 1),
    driftFactor: driftFactor ?? (beyond === 'drift' ? random.between(50, 500) : 1),
    hasData,
    ...(random.chance(0.3) ? { newer: drawNewer(random, regions, calmFromMs) } : {}),
  };
  return random.chance(votersShare) ? withVoterFaults(random, plan) : plan;
}

/** An acceptor that forgot counts as lost: of three regions no other one may be lost as well, or no majority is left. */
function drawLoss(random: Random, faults: readonly Fault[], regions: 3 | 5): number | null {
  if (!random.chance(0.3)) return null;
  const region = random.below(regions);
  const forgot = faults.find((f) => f.kind === 'crash' && f.state !== undefined);
  return regions === 3 && forgot !== undefined && 'region' in forgot ? forgot.region : region;
}

function onlyOneForgets(faults: readonly Fault[]): Fault[] {
  let hasForgotten = false;
  return faults.map((fault): Fault => {
    if (fault.kind !== 'crash' || fault.state === undefined) return fault;
    const { state, ...kept } = fault;
    const isKept = hasForgotten;
    hasForgotten = true;
    return isKept ? kept : { ...kept, state };
  });
}

function drawNewer(random: Random, regions: number, calmFromMs: number): NonNullable<Plan['newer']> {
  const some = Array.from({ length: regions }, (_, r) => r).filter(() => random.chance(0.5));
  // Rolled back in the middle, or there to stay.
  return { regions: some.length === 0 ? [random.below(regions)] : some, untilMs: random.chance(0.5) ? roundMs(random.next() * calmFromMs) : Number.MAX_SAFE_INTEGER };
}

function drawOldState(random: Random): StateAfter {
  return { kind: 'old', tables: random.pick(['register', 'all'] as const), ageMs: roundMs(random.between(1000, 60_000)) };
}

/** A failover whose target is struck between two steps, or in the middle of one; often the next target too. */
function drawStepStrikes(random: Random): Fault[] {
  const atMs = roundMs(random.between(faultsFromMs, 160_000));
  const strike = (fromMs: number): Fault => {
    const moment = random.pick(['before', 'half-way', 'after'] as const);
    return {
      kind: 'step',
      atMs: fromMs,
      forMs: roundMs(random.between(30_000, 110_000)),
      step: moment === 'half-way' ? random.pick(['TakeLease', 'OpenGate', 'OpenGate'] as const) : random.pick(['TakeLease', 'Synchronise', 'OpenGate', 'ValidateService', 'Report'] as const),
      moment,
      strike: random.pick(['crash', 'crash', 'pause', 'cut'] as const),
      executions: random.chance(0.5) ? 'resume' : 'lost',
    };
  };
  const failover = { kind: 'operator', action: 'failover', atMs: atMs + roundMs(random.next() * 5000), forMs: 1000 } as const;
  return [strike(atMs), failover, ...(random.chance(0.4) ? [strike(atMs + roundMs(random.next() * 30_000))] : [])];
}

function drawRedrives(random: Random, untilMs: number): Fault[] {
  return Array.from({ length: 1 + random.below(4) }, () => ({ kind: 'redrive', atMs: roundMs(random.between(faultsFromMs, untilMs)), forMs: 0 }) as const);
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
  if (kind < 0.15) return drawCrash(random, atMs, forMs, region);
  if (kind < 0.33) return { kind: 'pause', atMs, forMs, region, withStore: random.chance(0.4), when: drawWhen(random) };
  if (kind < 0.53) return drawCut(random, atMs, forMs, region, regions);
  if (kind < 0.63) return { kind: 'sick', atMs, forMs: roundMs(random.between(25_000, 90_000)), region: random.below(candidates) };
  if (kind < 0.71) return { kind: 'throttle', atMs, forMs, region, table: random.pick(['register', 'region', 'fence', 'all'] as const) };
  if (kind < 0.83) return drawRough(random, atMs, forMs);
  const action = random.pick(['failover', 'failover', 'two failovers', 'two failovers', 'pause'] as const);
  return { kind: 'operator', atMs, forMs: roundMs(random.between(1000, 30_000)), action, when: random.chance(0.5) ? null : drawWhen(random) };
}

function drawCrash(random: Random, atMs: number, forMs: number, region: number): Extract<Fault, { kind: 'crash' }> {
  const crash = { kind: 'crash', atMs, forMs, region, executions: random.chance(0.5) ? 'resume' : 'lost', when: drawWhen(random) } as const;
  return random.chance(0.15) ? { ...crash, state: { kind: 'forgotten', tables: random.chance(0.75) ? 'register' : 'all' } } : crash;
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

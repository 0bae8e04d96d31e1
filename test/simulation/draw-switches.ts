// Planned switch-overs, there and back, and what goes wrong in the middle of them: drawn after everything else, from a stream of their own.
import { callKinds, handOverCalls, type Fault, type Plan, type When } from './faults.ts';
import type { Random } from './random.ts';

/** Of histories; and of those, the ones that carry data because of it. */
const switchShare = 0.2;
const dataShare = 0.4;
const fromMs = 40_000;
const roundMs = (ms: number) => Math.round(ms);

export function withSwitches(random: Random, plan: Plan): Plan {
  if (!random.chance(switchShare)) return plan;
  const candidates = plan.regions === 3 ? 2 : 3;
  const everyMs = random.between(20_000, 70_000);
  const firstMs = fromMs + random.next() * 30_000;
  const switches = Array.from({ length: 1 + random.below(4) }, (_, i) => roundMs(firstMs + i * everyMs + random.next() * 5000));
  const faults = [...plan.faults, ...switches.flatMap((atMs) => drawSwitch(random, atMs, candidates))].toSorted((a, b) => a.atMs - b.atMs);
  return {
    ...plan,
    faults,
    calmFromMs: Math.max(plan.calmFromMs, ...faults.map((f) => f.atMs + f.forMs)),
    hasData: plan.hasData === true || random.chance(dataShare),
    streamShards: 1 + random.below(4),
  };
}

/** A switch-over, and more often than not something that strikes in the middle of it. */
function drawSwitch(random: Random, atMs: number, candidates: number): Fault[] {
  const asked: Fault = { kind: 'switch', atMs, forMs: 12_000, when: random.chance(0.3) ? { what: random.pick(callKinds), phase: drawPhase(random) } : null };
  const strikes = Array.from({ length: random.below(3) }, () => drawStrike(random, atMs, candidates));
  return random.chance(0.3)
    ? [
        asked,
        ...strikes,
        { kind: 'split', atMs, forMs: 12_000, region: random.below(candidates), when: { what: random.pick(['list stream', 'mark data'] as const), phase: drawPhase(random), by: 'tick' } },
      ]
    : [asked, ...strikes];
}

function drawPhase(random: Random): NonNullable<When>['phase'] {
  return random.pick(['sent', 'acted', 'answered'] as const);
}

function drawStrike(random: Random, fromMs_: number, candidates: number): Fault {
  const atMs = fromMs_ + roundMs(random.next() * 3000);
  const region = random.below(candidates);
  const when: NonNullable<When> = {
    what: random.chance(0.6) ? random.pick(handOverCalls) : random.pick(['accept register', 'change fence', 'get region'] as const),
    phase: drawPhase(random),
    by: 'tick',
  };
  const forMs = roundMs(random.chance(0.5) ? random.between(8000, 25_000) : random.between(3000, 90_000));
  const others = [0, 1, 2, 3, 4].filter((r) => r !== region);
  const isolated = others.flatMap((r) => [[region, r] as const, [r, region] as const]);
  const partial = [others[random.below(2)] ?? 1].flatMap((r) => [[region, r] as const, [r, region] as const]);
  return random.pick([
    () => ({ kind: 'stall', atMs, forMs, when }) as const,
    () => ({ kind: 'die', atMs, forMs: 12_000, region, when }) as const,
    () => ({ kind: 'crash', atMs, forMs, region, executions: random.chance(0.5) ? 'resume' : 'lost', when }) as const,
    () => ({ kind: 'pause', atMs, forMs, region, withStore: random.chance(0.3), when }) as const,
    () => ({ kind: 'cut', atMs, forMs, region, when, links: random.chance(0.5) ? isolated : partial, shape: 'in a hand-over', flapMs: 0 }) as const,
    () => ({ kind: 'silent', atMs, forMs, region }) as const,
    () => ({ kind: 'stream', atMs, forMs, region }) as const,
    () => ({ kind: 'operator', action: 'failover', atMs: atMs + roundMs(random.next() * 9000), forMs: 1000 }) as const,
    () =>
      ({
        kind: 'step',
        atMs,
        forMs,
        step: random.pick(['TakeLease', 'TakeLease', 'Synchronise', 'OpenGate'] as const),
        moment: random.pick(['before', 'after'] as const),
        strike: random.pick(['crash', 'pause', 'cut'] as const),
        executions: 'resume',
      }) as const,
  ])();
}

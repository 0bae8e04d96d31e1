// Why: the relations that keep two regions from acting at once are checked at their limits, and the computed figures against an independent
// count of the same random delays.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TimeBudgetInput, refusals, timeBudget } from '../../src/core/budget/time-budget.ts';

const DEFAULTS: TimeBudgetInput = {
  tickMs: 5000,
  leaseMs: 20_000,
  skewAllowanceMs: 2000,
  clockSkewMs: 500,
  driftPpm: 200,
  effectMs: 500,
  gateCacheMs: 1000,
  ttlSeconds: 15,
  checkIntervalSeconds: 10,
  checkFailures: 1,
};

const refusedFields = (change: Partial<TimeBudgetInput>) => refusals(timeBudget({ ...DEFAULTS, ...change })).map((finding) => finding.field);

describe('timeBudget', () => {
  it('finds the production defaults good, with room', () => {
    expect(new Set(timeBudget(DEFAULTS).findings.map((finding) => finding.kind))).toEqual(new Set(['holds']));
  });

  it.each<[string, Partial<TimeBudgetInput>, Partial<TimeBudgetInput>]>([
    // 2ε ≥ 2 · 500 + 500 + 0.0002 · (40000 + ε): ε = 755 is the first whole number that holds.
    ['skewAllowanceMs', { skewAllowanceMs: 754 }, { skewAllowanceMs: 755 }],
    ['leaseMs', { leaseMs: 16_999 }, { leaseMs: 17_000 }],
    ['tickMs', { tickMs: 2999 }, { tickMs: 3000 }],
    ['gateCacheMs', { gateCacheMs: 1001 }, { gateCacheMs: 1000 }],
    ['driftPpm', { driftPpm: -1 }, { driftPpm: 0 }],
    ['effectMs', { effectMs: Number.NaN }, { effectMs: 0 }],
  ])('refuses %s just beyond its limit, not at it', (field, beyond, at) => {
    expect(refusedFields(beyond)).toContain(field);
    expect(refusedFields(at)).toEqual([]);
  });

  it('calls an allowance thin that holds once but not twice over', () => {
    const kind = (skewAllowanceMs: number) => timeBudget({ ...DEFAULTS, skewAllowanceMs }).findings.find((finding) => finding.field === 'skewAllowanceMs')?.kind;
    expect([kind(754), kind(755), kind(1508), kind(1509)]).toEqual(['refused', 'thin', 'thin', 'holds']);
  });

  it('accepts no allowance for which a holder and a challenger could overlap', () => {
    // The holder stops at begin + D − ε on its clock, up to σ late, rate up to ρ slow, heard `effect` later; the challenger starts
    // D + ε after its look, up to σ early, rate up to ρ fast. Its look cannot be earlier than the holder's begin.
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3000 }),
        fc.integer({ min: 0, max: 2000 }),
        fc.integer({ min: 0, max: 2000 }),
        fc.integer({ min: 0, max: 5000 }),
        fc.integer({ min: 15_000, max: 60_000 }),
        (skewAllowanceMs, clockSkewMs, effectMs, driftPpm, leaseMs) => {
          const accepted = refusals(timeBudget({ ...DEFAULTS, skewAllowanceMs, clockSkewMs, effectMs, driftPpm, leaseMs })).every((finding) => finding.field !== 'skewAllowanceMs');
          const rate = driftPpm / 1e6;
          const holderHeardAtMs = leaseMs - skewAllowanceMs + clockSkewMs + rate * leaseMs + effectMs;
          const challengerActsAtMs = leaseMs + skewAllowanceMs - clockSkewMs - rate * (leaseMs + skewAllowanceMs);
          expect(accepted).toBe(challengerActsAtMs >= holderHeardAtMs - 1e-6);
        },
      ),
      { seed: 20261124, numRuns: 2000 },
    );
  });

  it('computes the delays as a count of 200,000 random ones does', () => {
    const budget = timeBudget(DEFAULTS);
    const random = lehmer(20261124);
    const decided: number[] = [];
    const answered: number[] = [];
    for (let n = 0; n < 200_000; n += 1) {
      const seenLater = random() * 5000 - random() * 5000;
      decided.push(22_000 + seenLater + 1500);
      answered.push(22_000 + seenLater + 1500 + 2500 + 3000 + random() * 10_000 + random() * 15_000);
    }
    const at = (values: number[], share: number) => values.sort((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
    expect(Math.abs(at(decided, 0.5) - budget.killedToDecided.p50Ms)).toBeLessThan(60);
    expect(Math.abs(at(decided, 0.99) - budget.killedToDecided.p99Ms)).toBeLessThan(60);
    expect(Math.abs(at(answered, 0.5) - budget.killedToAnsweredElsewhere.p50Ms)).toBeLessThan(120);
    expect(Math.abs(at(answered, 0.99) - budget.killedToAnsweredElsewhere.p99Ms)).toBeLessThan(200);
  });

  it('stays within the bars of the production timing', () => {
    const budget = timeBudget(DEFAULTS);
    expect(budget.killedToDecided.p50Ms).toBeLessThanOrEqual(25_000);
    expect(budget.killedToDecided.p99Ms).toBeLessThanOrEqual(30_000);
    expect(budget.killedToAnsweredElsewhere.p50Ms).toBeLessThanOrEqual(42_000);
  });

  it('adds a whole interval for each further check of the threshold', () => {
    const [one, three] = [timeBudget(DEFAULTS), timeBudget({ ...DEFAULTS, checkFailures: 3 })];
    expect(three.killedToAnsweredElsewhere.p50Ms - one.killedToAnsweredElsewhere.p50Ms).toBeCloseTo(20_000, 0);
    expect(three.killedToDecided).toEqual(one.killedToDecided);
  });
});

/** Park and Miller's generator: the same sequence everywhere. */
function lehmer(seed: number): () => number {
  let state = seed % 2_147_483_647;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

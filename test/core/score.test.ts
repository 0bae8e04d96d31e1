// The score ranks targets and nothing else.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rankTargets, scoreTarget } from '../../src/core/failover/score.ts';
import { east, ireland, verdictOf, west } from './fixtures.ts';
import { always, around } from './property.ts';

const parts = fc.record({
  health: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: null }),
  latencyMs: fc.option(around(200), { nil: null }),
  dataAgeMs: fc.option(around(60_000), { nil: null }),
});

describe('scoreTarget', () => {
  test('stays in [0, 1], and is 0 where nothing is known', () => {
    always(
      fc.property(parts, (p) => {
        const score = scoreTarget(p);
        expect(score).toBeGreaterThanOrEqual(0);
        expect(score).toBeLessThanOrEqual(1);
      }),
    );
    expect(scoreTarget({ health: null, latencyMs: null, dataAgeMs: null })).toBe(0);
  });

  test('never falls when a part gets better', () => {
    always(
      fc.property(parts, (p) => {
        if (p.health !== null) expect(scoreTarget({ ...p, health: Math.min(1, p.health + 0.1) })).toBeGreaterThanOrEqual(scoreTarget(p));
        if (p.latencyMs !== null) expect(scoreTarget({ ...p, latencyMs: p.latencyMs + 1 })).toBeLessThanOrEqual(scoreTarget(p));
        if (p.dataAgeMs !== null) expect(scoreTarget({ ...p, dataAgeMs: p.dataAgeMs + 1 })).toBeLessThanOrEqual(scoreTarget(p));
      }),
    );
  });

  test.each([
    [{ health: 1, latencyMs: 0, dataAgeMs: 0 }, 1],
    [{ health: 0.5, latencyMs: 100, dataAgeMs: 30_000 }, 0.5],
    [{ health: 1, latencyMs: 200, dataAgeMs: 60_000 }, 0.4 / 0.7],
    [{ health: 0.6, latencyMs: null, dataAgeMs: null }, 0.6],
    [{ health: 1, latencyMs: 400, dataAgeMs: null }, 0.4 / 0.6],
  ])('weighs what is known: %j → %f', (p, expected) => {
    expect(scoreTarget(p)).toBeCloseTo(expected, 12);
  });
});

test('rankTargets: the best first, ties by name, everyone once', () => {
  const ranked = (...verdicts: ReturnType<typeof verdictOf>[]) => rankTargets(verdicts).map((v) => v.region);
  expect(ranked(verdictOf(west), verdictOf(east))).toEqual([east, west]);
  expect(ranked(verdictOf(east, { health: 0.9 }), verdictOf(west))).toEqual([west, east]);
  expect(ranked(verdictOf(east), verdictOf(west, { health: 0.1, priority: 2 }), verdictOf(ireland, { health: 0, priority: 1 }))).toEqual([ireland, west, east]);
  always(
    fc.property(fc.array(parts, { maxLength: 5 }), (all) => {
      const verdicts = all.map((p, i) => verdictOf(`r${i}`, p));
      const sorted = rankTargets(verdicts);
      expect(new Set(sorted)).toEqual(new Set(verdicts));
      for (let i = 1; i < sorted.length; i += 1) {
        const [a, b] = [sorted[i - 1], sorted[i]];
        if (a !== undefined && b !== undefined) expect(scoreTarget(a) > scoreTarget(b) || (scoreTarget(a) === scoreTarget(b) && a.region < b.region)).toBe(true);
      }
    }),
  );
});

// Retention against a model of another make: seven years, day by day, asking of each point and pack whether anything that must be restorable today needs it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classOfNew } from '../../../src/core/backup/point-class.ts';
import { extensionOf, judgeLock, livesOf, packLivesOf, type KeptPoint, type RetentionDays } from '../../../src/core/retention/lives.ts';
import type { PointType, RetentionClass } from '../../../src/core/vault/recovery-point.ts';

const day = 86_400_000;
const hour = 3_600_000;
const start = Date.UTC(2020, 1, 27); // two days before a leap day; week 53 ends that year
const usual: RetentionDays = { hourly: 7, daily: 30, weekly: 90, monthly: 365, yearly: 2555 };

/** The model: what a person with a calendar would say. No lives are computed ahead; each day everything is looked at anew. */
function neededOn(points: readonly KeptPoint[], days: RetentionDays, atMs: number): { points: Set<string>; packs: Set<string> } {
  const needed = new Set<string>();
  const need = (name: string | null): void => {
    if (name === null || needed.has(name)) return;
    needed.add(name);
    need(points.find((p) => p.point === name)?.parent ?? null);
  };
  for (const p of points) if (p.createdAtMs <= atMs && (p.isHeld || (atMs - p.createdAtMs) / day < days[p.class])) need(p.point);
  return { points: needed, packs: new Set(points.filter((p) => needed.has(p.point)).flatMap((p) => p.packs)) };
}

type Plan = { readonly gapHours: number; readonly type: 'full' | 'incremental'; readonly isHeld: boolean; readonly shares: number };

/** A history: fulls and what hangs on them, at odd times, some days missed, packs shared along a chain. */
function historyOf(plans: readonly Plan[]): KeptPoint[] {
  const points: (KeptPoint & { readonly type: PointType; readonly atMs: number; readonly chain: string })[] = [];
  let atMs = start;
  for (const [i, plan] of plans.entries()) {
    atMs += Math.round(plan.gapHours * hour);
    const last = points.at(-1);
    const type = last === undefined ? 'full' : plan.type;
    const named = points.map((p) => ({ chain: p.chain, point: p.point, source: 's', type: p.type, atMs: p.atMs, sites: ['a'], isCommitted: true }));
    const parent = type === 'full' ? null : (last?.point ?? null);
    const shared = parent === null ? [] : (last?.packs ?? []).slice(-plan.shares);
    points.push({ point: `p${i}`, parent, createdAtMs: atMs, class: classOfNew(named, type, atMs), isHeld: plan.isHeld, packs: [...shared, `pack${i}`], type, atMs, chain: 'c' });
  }
  return points;
}

const gaps = fc.oneof(fc.constantFrom(1, 24, 24 - 1 / 3600, 24 + 1 / 3600, 12, 168, 0.999, 24 * 31, 24 * 366), fc.double({ min: 0.1, max: 24 * 40, noNaN: true }));
const plans = fc.array(fc.record({ gapHours: gaps, type: fc.constantFrom<Plan['type']>('full', 'incremental'), isHeld: fc.boolean(), shares: fc.nat(3) }), { minLength: 1, maxLength: 30 });
const held = plans.map((all) => all.map((plan, i) => ({ ...plan, isHeld: plan.isHeld && i % 7 === 3 })));

describe('retention over seven years of days', () => {
  it('keeps on each day what the model needs, and nothing else', () => {
    fc.assert(
      fc.property(held, fc.integer({ min: 0, max: day - 1 }), (history, offsetMs) => {
        const points = historyOf(history);
        // Every boundary of the rules and its two neighbours, and days in between: seven years of all 2,557 days would only repeat them.
        const edges = points.flatMap((p) => Object.values(usual).flatMap((days) => [-1, 0, 1].map((by) => p.createdAtMs + days * day + by)));
        const days = Array.from({ length: 120 }, (_, i) => start + Math.floor((i * 2557) / 120) * day + offsetMs);
        for (const atMs of [...edges, ...days]) {
          const made = points.filter((p) => p.createdAtMs <= atMs);
          const model = neededOn(made, usual, atMs);
          const lives = livesOf(made, usual);
          expect(new Set([...lives].flatMap(([point, untilMs]) => (untilMs > atMs ? [point] : [])))).toEqual(model.points);
          expect(new Set([...packLivesOf(made, lives)].flatMap(([pack, untilMs]) => (untilMs > atMs ? [pack] : [])))).toEqual(model.packs);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('keeps of seven years of hourly and daily points the numbers that the classes say, and not thousands', () => {
    // Fulls each day, an incremental each hour, for a year and a half; then the same classes decide the rest.
    const names: { chain: string; point: string; source: string; type: PointType; atMs: number; sites: string[]; isCommitted: true }[] = [];
    const points: KeptPoint[] = [];
    let full = '';
    for (let h = 0; h < 24 * 540; h += 1) {
      const atMs = start + h * hour;
      const type: PointType = h % 24 === 0 ? 'full' : 'incremental';
      // Only points of the last 400 days can share a period with a new one.
      const recent = names.slice(-400);
      const point = `p${h}`;
      const of = type === 'full' ? classOfNew(recent, type, atMs) : 'hourly';
      if (type === 'full') {
        names.push({ chain: 'c', point, source: 's', type, atMs, sites: ['a'], isCommitted: true });
        full = point;
      }
      points.push({ point, parent: type === 'full' ? null : full, createdAtMs: atMs, class: of, isHeld: false, packs: [point] });
    }
    const now = start + 24 * 540 * hour;
    const gone = new Set([...livesOf(points, usual)].flatMap(([point, untilMs]) => (untilMs <= now ? [point] : [])));
    const counted: Partial<Record<RetentionClass, number>> = {};
    for (const p of points) if (!gone.has(p.point)) counted[p.class] = (counted[p.class] ?? 0) + 1;
    expect(counted.hourly).toBeLessThanOrEqual(7 * 23);
    expect(counted.daily).toBeLessThanOrEqual(30);
    expect(counted.weekly).toBeLessThanOrEqual(14);
    expect(counted.monthly).toBeLessThanOrEqual(13);
    expect(counted.yearly).toBe(2);
  });

  it('a parent lives as long as the longest line below it, in whatever order they are listed', () => {
    fc.assert(
      fc.property(held, (history) => {
        const points = historyOf(history);
        const forwards = livesOf(points, usual);
        expect(livesOf(points.toReversed(), usual)).toEqual(forwards);
        for (const p of points) if (p.parent !== null) expect(forwards.get(p.parent)).toBeGreaterThanOrEqual(forwards.get(p.point) ?? 0);
      }),
    );
  });
});

describe('locks', () => {
  const point = (of: RetentionClass): KeptPoint => ({ point: 'p', parent: null, createdAtMs: start, class: of, isHeld: false, packs: ['old', 'new'] });

  it('are made longer where they are shorter than the need by more than a day, to the need, never beyond the most', () => {
    expect(extensionOf(null, start + day, start, 365)).toBe(start + day);
    expect(extensionOf(start, start + day, start, 365)).toBe(start + day);
    expect(extensionOf(start + 29 * day, start + 30 * day, start, 365)).toBeNull();
    expect(extensionOf(start + 29 * day - 1, start + 30 * day, start, 365)).toBe(start + 30 * day);
    expect(extensionOf(start + 60 * day, start + 30 * day, start, 365)).toBeNull();
    expect(extensionOf(null, start, start, 365)).toBeNull();
    // Beyond the most, in steps of a twelfth.
    expect(extensionOf(start + 335 * day, Infinity, start, 365)).toBeNull();
    expect(extensionOf(start + 335 * day - 1, Infinity, start, 365)).toBe(start + 365 * day);
    expect(extensionOf(start + 6 * day, Infinity, start, 7)).toBeNull();
  });

  it('cost an object a call for each change of its need, not one a day', () => {
    let lockedUntilMs = start;
    const calls: number[] = [];
    for (let d = 0; d < 365; d += 1) {
      const nowMs = start + d * day;
      // A month's point needs it from the hundredth day on, and a hold from the two-hundredth.
      const needed = d < 100 ? start + 120 * day : d < 200 ? start + 465 * day : Infinity;
      const untilMs = extensionOf(lockedUntilMs, needed, nowMs, 365);
      if (untilMs !== null) calls.push(d);
      lockedUntilMs = Math.max(lockedUntilMs, untilMs ?? 0);
      expect(judgeLock('x', lockedUntilMs, needed, nowMs, 365)).toBeNull();
    }
    expect(calls).toEqual([0, 100, 200, 231, 262, 293, 324, 355]);
  });

  it('that are missing, too short or too long are found', () => {
    const judged = (locked: number | null, needed: number) => judgeLock('x', locked, needed, start, 365)?.what ?? 'right';
    expect(judged(null, start + day)).toBe('unlocked');
    expect(judged(start, start + day)).toBe('unlocked');
    expect(judged(start + 5 * day, start + 30 * day)).toBe('too short');
    expect(judged(start + 29 * day, start + 30 * day)).toBe('right');
    expect(judged(start + 29 * day - 1, start + 30 * day)).toBe('too short');
    expect(judged(start + 365 * day, start + 4000 * day)).toBe('right');
    expect(judged(start + 366 * day, start + 30 * day)).toBe('right');
    expect(judged(start + 366 * day + 1, start + 30 * day)).toBe('too long');
    expect(judged(null, start)).toBe('right');
  });

  it('a pack is needed by the longest of its points', () => {
    const lives = packLivesOf(
      [point('hourly'), { ...point('monthly'), point: 'q', packs: ['old'] }],
      new Map([
        ['p', 5],
        ['q', 9],
      ]),
    );
    expect([lives.get('old'), lives.get('new')]).toEqual([9, 5]);
  });
});

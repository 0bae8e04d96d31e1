// Expiry against a model of another make: no lives are computed, the question of each moment is asked anew of every point.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expiredAt, neededLives, orphanDays, type RetainedPoint } from '../../../src/core/retention/expiry.ts';
import { usualRetentionDays as days } from '../../../src/core/retention/lives.ts';
import { retentionClasses } from '../../../src/core/vault/recovery-point.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const start = Date.UTC(2020, 1, 27);

const kindOf = ({ type }: RetainedPoint) => (type === 'checkpoint' ? 'c' : type === 'snapshot' ? 's' : 'x');

/** Could a backup that begins at a moment go on from it, or is it in the newest of its kind's stead? */
function isTip(p: RetainedPoint, points: readonly RetainedPoint[], atMs: number): boolean {
  const isNewer = (q: RetainedPoint) => q.createdAtMs > p.createdAtMs || (q.createdAtMs === p.createdAtMs && q.point > p.point);
  return p.isCommitted && !points.some((q) => q.isCommitted && q.source === p.source && kindOf(q) === kindOf(p) && isNewer(q) && q.storedAtMs !== null && q.storedAtMs <= atMs);
}

/** What comes after a full and makes it whole. */
function closingOf(chain: string, points: readonly RetainedPoint[]): string | null {
  const after = points.filter((q) => q.chain === chain && q.parent !== null && q.isCommitted).toSorted((a, b) => a.createdAtMs - b.createdAtMs || (a.point < b.point ? -1 : 1));
  const since = (after[0]?.createdAtMs ?? 0) + 15 * minute;
  const late = after.filter((q) => q.createdAtMs >= since);
  return (late.find((q) => q.type !== 'log') ?? late[0] ?? after.at(-1))?.point ?? null;
}

function keptAt(points: readonly RetainedPoint[], atMs: number): ReadonlySet<string> {
  const kept = new Set<string>();
  const keep = (name: string | null): void => {
    const p = points.find((each) => each.point === name);
    if (p === undefined || kept.has(p.point)) return;
    kept.add(p.point);
    keep(p.parent);
    if (p.type === 'full' || p.type === 'snapshot') keep(closingOf(p.chain, points));
  };
  for (const p of points) {
    const isWanted = p.isHeld || (atMs - p.createdAtMs) / day < days[p.class] || (p.lockedUntilMs ?? 0) > atMs;
    if (isWanted || isTip(p, points, atMs)) keep(p.point);
  }
  return kept;
}

const plan = fc.record({
  gapMs: fc.oneof(fc.constantFrom(0, minute, 15 * minute - 1, 15 * minute, 15 * minute + 1, hour, day, 7 * day, 30 * day, 366 * day), fc.integer({ min: 1, max: 40 * day })),
  type: fc.constantFrom('full', 'incremental', 'differential', 'log', 'log', 'snapshot', 'checkpoint'),
  of: fc.constantFrom(...retentionClasses),
  source: fc.constantFrom('a', 'b'),
  isHeld: fc.integer({ min: 0, max: 19 }).map((n) => n === 7),
  isCommitted: fc.integer({ min: 0, max: 9 }).map((n) => n !== 3),
  writingMs: fc.oneof(fc.constantFrom(0, 1, 6 * day, null), fc.integer({ min: 0, max: 3 * day })),
  lockDays: fc.constantFrom(null, null, 1, 400),
  parentBack: fc.nat(2),
});
type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;

function historyOf(plans: readonly Plan[]): RetainedPoint[] {
  const points: RetainedPoint[] = [];
  let atMs = start;
  for (const [i, p] of plans.entries()) {
    atMs += p.gapMs;
    const line = points.filter((q) => q.source === p.source && q.type !== 'checkpoint');
    const chain = line.at(-1)?.chain;
    const isAlone = p.type === 'full' || p.type === 'snapshot' || chain === undefined;
    const isMark = p.type === 'checkpoint';
    const inChain = points.filter((q) => q.chain === chain);
    const parent = isAlone || isMark ? null : (inChain.at(-1 - p.parentBack)?.point ?? inChain[0]?.point ?? null);
    const type = isMark ? 'checkpoint' : isAlone && p.type !== 'snapshot' ? 'full' : p.type;
    points.push({
      point: `p${String(i).padStart(2, '0')}`,
      chain: isMark ? `m${i}` : isAlone ? `c${i}` : (chain ?? ''),
      parent,
      source: p.source,
      type,
      class: p.of,
      createdAtMs: atMs,
      isHeld: p.isHeld,
      isCommitted: p.isCommitted,
      storedAtMs: p.writingMs === null ? null : atMs + p.writingMs,
      lockedUntilMs: p.lockDays === null ? null : atMs + p.lockDays * day,
      packs: [`pack${i}`, ...(points.find((q) => q.point === parent)?.packs.slice(0, 2) ?? [])],
    });
  }
  return points;
}

describe('expiry', () => {
  it('gives up at each moment what was kept at none of the last seven days, children before parents', () => {
    fc.assert(
      fc.property(fc.array(plan, { minLength: 1, maxLength: 14 }), (plans) => {
        const points = historyOf(plans);
        const ends = points.flatMap((p) => [...Object.values(days).map((d) => p.createdAtMs + d * day), p.storedAtMs ?? 0, p.lockedUntilMs ?? 0]);
        const last = points.at(-1)?.createdAtMs ?? 0;
        const moments = [...new Set(ends.flatMap((at) => [-1, 0, 1].map((by) => at + by)))].filter((at) => at + orphanDays * day >= last);
        for (const atMs of moments) {
          const kept = keptAt(points, atMs);
          const due = expiredAt(points, [], true, days, atMs + orphanDays * day).points.flatMap((group) => group.map(({ point }) => point));
          expect(due.toSorted(), `at ${atMs - start}`).toEqual(points.map(({ point }) => point).filter((point) => !kept.has(point)));
          for (const { point, parent } of points) if (parent !== null && due.includes(parent)) expect(due.indexOf(point)).toBeLessThan(due.indexOf(parent));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('the newest of each source stays for ever, and its whole line', () => {
    fc.assert(
      fc.property(fc.array(plan, { minLength: 1, maxLength: 14 }), (plans) => {
        const points = historyOf(plans).map((p) => ({ ...p, isHeld: false, storedAtMs: p.createdAtMs }));
        const due = new Set(expiredAt(points, [], true, days, start + 100 * 366 * day).points.flatMap((group) => group.map(({ point }) => point)));
        for (const source of ['a', 'b']) {
          let at = points.findLast((p) => p.source === source && p.isCommitted);
          for (; at !== undefined; at = points.find((p) => p.point === at?.parent)) expect(due.has(at.point)).toBe(false);
        }
      }),
    );
  });

  it('what only keeps a backup going asks for no lock', () => {
    const [point] = historyOf([{ gapMs: 0, type: 'full', of: 'daily', source: 'a', isHeld: false, isCommitted: true, writingMs: 0, lockDays: null, parentBack: 0 }]);
    if (point === undefined) throw new Error('one point was asked for');
    expect(neededLives([point], days).get(point.point)).toBe(start + 30 * day);
    expect(expiredAt([point], [], true, days, start + 10_000 * day).points).toEqual([]);
  });

  it('packs go when no manifest that is there names them, and they are a week old in every copy', () => {
    fc.assert(
      fc.property(fc.array(plan, { minLength: 1, maxLength: 8 }), fc.integer({ min: 0, max: 400 * day }), (plans, laterMs) => {
        const points = historyOf(plans);
        const nowMs = (points.at(-1)?.createdAtMs ?? 0) + laterMs;
        const named = [...new Set(points.flatMap((p) => p.packs))];
        const stored = [
          ...named.map((sha256) => ({ sha256, storedAtMs: 0 })),
          ...[-1, 0, 1].map((by) => ({ sha256: `orphan ${by}`, storedAtMs: nowMs - orphanDays * day + by })),
          { sha256: 'undated', storedAtMs: null },
        ];
        expect(expiredAt(points, stored, true, days, nowMs).packs).toEqual(['orphan -1', 'orphan 0']);
        expect(expiredAt(points, stored, false, days, nowMs).packs).toEqual([]);
        expect(expiredAt([], stored, true, days, nowMs).packs).toEqual([]);
      }),
    );
  });
});

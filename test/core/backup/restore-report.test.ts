// What a restore reports: its measures, and what a person must know of it; how many workers fill a target; which targets there are.
import { describe, expect, test } from 'vitest';
import { shardsFor, shardsMax, whyNotInto, type RestorePlan, type RestoredPart } from '../../../src/core/backup/restore-plan.ts';
import { restoreReport } from '../../../src/core/backup/restore-report.ts';
import { everything } from '../../../src/core/backup/selection.ts';

const sum = '1'.padStart(64, '0');
const plan: RestorePlan = {
  id: 'r',
  group: 'orders',
  by: 'anna',
  source: 'orders',
  table: 'orders',
  keyName: 'id',
  atMs: 500_000,
  isExact: true,
  chain: 'c',
  base: { point: 'full', sha256: sum },
  deltas: [{ point: 'log', sha256: sum }],
  key: 'k',
  cuts: [{ epoch: 1, region: 'east', openedAtMs: 1000, positions: {} }],
  shards: [{ id: 0 }, { id: 1 }],
  epoch: null,
  into: { table: 'orders-restored' },
  select: everything,
  startedAtMs: 900_000,
  coveredFromMs: 100_000,
  coveredThroughMs: 600_000,
  test: null,
};
const part = (items: number, newestAtMs: number | null): RestoredPart => ({ items, removed: 1, bytes: items * 10, digest: { items, bytes: items * 10, sum }, newestAtMs });
const validation = { isIdentical: true, digest: { items: 7, bytes: 70, sum }, validatedAtMs: 912_000 };
const report = (change: Partial<RestorePlan> = {}, parts = [part(3, 490_000), part(4, null)]) => restoreReport({ ...plan, ...change }, parts, validation, 913_000);
const issues = (change: Partial<RestorePlan> = {}) => report(change).issues.map((i) => [i.severity, i.what.slice(0, 20)]);

describe('the report', () => {
  test('measures from the plan to the validated target, and back to the newest record restored', () => {
    expect(report()).toMatchObject({ rtoMs: 12_000, rpoMs: 10_000, newestAtMs: 490_000, items: 7, removed: 2, bytes: 70, points: ['full', 'log'], sum, issues: [] });
    expect(report({}, [part(3, null), part(4, null)])).toMatchObject({ rpoMs: null, newestAtMs: null });
  });

  test.each<[string, Partial<RestorePlan>, string[][]]>([
    ['a scan that no log covers', { isExact: false }, [['warning', 'No log covers the fu']]],
    ['a failover between the full backup and the moment', { cuts: [{ epoch: 2, region: 'west', openedAtMs: 500_000, positions: {} }] }, [['info', 'west took over in ep']]],
    ['a failover just after the moment', { cuts: [{ epoch: 2, region: 'west', openedAtMs: 500_001, positions: {} }] }, [['warning', 'west took over in ep']]],
    ['one at the limit', { cuts: [{ epoch: 2, region: 'west', openedAtMs: 620_000, positions: {} }] }, [['warning', 'west took over in ep']]],
    ['one beyond it', { cuts: [{ epoch: 2, region: 'west', openedAtMs: 620_001, positions: {} }] }, []],
    ['a moment that had just passed', { startedAtMs: 529_999 }, [['info', 'The moment is less t']]],
    ['one that had settled', { startedAtMs: 530_000 }, []],
  ])('names %s', (_, change, expected) => {
    expect(issues(change)).toEqual(expected);
  });

  test('of nothing says so', () => {
    expect(report({}, [part(0, null), part(0, null)]).issues).toEqual([expect.objectContaining({ severity: 'warning', what: 'Nothing was restored.', remedy: expect.stringContaining('everything') })]);
  });
});

test('workers are as many as the log or the items want, within bounds', () => {
  const [log, items] = [64 * 1024 * 1024, 256 * 1024 * 1024];
  expect([shardsFor(0, 0), shardsFor(items, log), shardsFor(items + 1, 0), shardsFor(0, 2 * log + 1), shardsFor(1e15, 1e15)]).toEqual([1, 1, 2, 3, shardsMax]);
});

test('a target is named after the table it was made from, and is never that table', () => {
  expect(whyNotInto('orders', 'orders')).toContain('live table');
  expect(whyNotInto('holdfast-orders-region', 'orders')).toContain("begin with 'orders-restored'");
  expect([whyNotInto('orders-restored', 'orders'), whyNotInto('orders-restored-2', 'orders')]).toEqual([null, null]);
});

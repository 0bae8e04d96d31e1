// What a restore test draws: always what is covered, every region in its turn, and the same again from the same names; and what its evidence says of itself.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coveredSeconds, drawMoment, leftoversIn, regionOnDay, secondsIn, testIdOf, whyNotItsTurn, whyNotTestTarget } from '../../../src/core/backup/restore-test.ts';
import { evidenceText, isPassed, parseTestOutcome, whatIsWrongWithEvidence, type Evidence, type TestOutcome } from '../../../src/core/backup/test-evidence.ts';
import { evidenceName, parseEvidenceName } from '../../../src/core/vault/object-names.ts';
import { sha256 } from '../../../src/drivers/aws/system-environment.ts';
import { always, around } from '../property.ts';

const dayMs = 86_400_000;
const regions = ['us-east-1', 'us-west-2', 'eu-west-1', 'eu-central-1', 'ap-south-1'];

/** Spans as chains have them: apart, one in the other, touching, shorter than a second, and with edges beside whole seconds. */
const spans = fc.array(
  fc.record({ fromMs: around(1000, 5000, 3_600_000), length: around(1, 1000, 60_000) }).map(({ fromMs, length }) => ({ fromMs, throughMs: fromMs + length })),
  { minLength: 1, maxLength: 5 },
);

describe('the moment', () => {
  test('is a whole second within what is covered, whatever the seed; none where no whole second is', () => {
    always(
      fc.property(spans, fc.string(), fc.nat(50), (covered, seed, draw) => {
        const atMs = drawMoment(coveredSeconds(covered), seed, draw, sha256);
        const holds = (ms: number) => covered.some((span) => span.fromMs <= ms && ms <= span.throughMs);
        if (atMs === null) expect(covered.every((span) => Math.ceil(span.fromMs / 1000) * 1000 > span.throughMs)).toBe(true);
        else expect([atMs % 1000, holds(atMs)], `${atMs}`).toEqual([0, true]);
      }),
    );
    expect(drawMoment([], 'seed', 0, sha256)).toBeNull();
  });

  test('is any of them: the first, the last, each about as often, seconds of two chains once', () => {
    const covered = coveredSeconds([
      { fromMs: 1000, throughMs: 4000 },
      { fromMs: 3001, throughMs: 5999 },
      { fromMs: 9000, throughMs: 9999 },
      { fromMs: 9100, throughMs: 9900 },
    ]);
    expect(covered).toEqual([
      { from: 1, through: 5 },
      { from: 9, through: 9 },
    ]);
    expect(secondsIn(covered)).toBe(6);
    const counts = new Map<number, number>();
    for (let draw = 0; draw < 6000; draw += 1) {
      const atMs = drawMoment(covered, 'even', draw, sha256) ?? -1;
      counts.set(atMs, (counts.get(atMs) ?? 0) + 1);
    }
    expect([...counts.keys()].toSorted((a, b) => a - b)).toEqual([1000, 2000, 3000, 4000, 5000, 9000]);
    // Six standard deviations of 1000.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(175);
  });

  test('is the same again from the same seed', () => {
    const covered = coveredSeconds([{ fromMs: 0, throughMs: 10 ** 9 }]);
    expect(drawMoment(covered, 'a', 3, sha256)).toBe(drawMoment(covered, 'a', 3, sha256));
    expect(new Set([drawMoment(covered, 'a', 0, sha256), drawMoment(covered, 'a', 1, sha256), drawMoment(covered, 'b', 0, sha256)]).size).toBe(3);
  });
});

describe('the region', () => {
  test('is one, the same for all that ask on that day, in whatever order they know the candidates', () => {
    always(
      fc.property(fc.shuffledSubarray(regions, { minLength: 2 }), fc.integer({ min: 0, max: 40_000 }), fc.nat(dayMs - 1), fc.nat(dayMs - 1), (candidates, day, a, b) => {
        const request = (ms: number) => ({ group: 'orders', execution: 'x', by: 'schedule', startedAtMs: day * dayMs + ms });
        const acting = candidates.filter((me, i) => whyNotItsTurn(request(i % 2 === 0 ? a : b), i % 2 === 0 ? candidates : candidates.toReversed(), me, sha256) === null);
        expect(acting).toHaveLength(1);
      }),
    );
  });

  test('each has its turn: in a year of Sundays, and in a quarter of days', () => {
    always(
      fc.property(fc.shuffledSubarray(regions, { minLength: 2 }), fc.integer({ min: 0, max: 30_000 }), fc.constantFrom('orders', 'billing', 'stock'), (candidates, day, group) => {
        for (const step of [1, 7]) {
          const seen = Array.from({ length: 100 }, (_, i) => regionOnDay(candidates, group, (day + i * step) * dayMs, sha256));
          expect(new Set(seen), `from day ${day}`).toEqual(new Set(candidates));
        }
      }),
    );
  });

  test('a person is not asked whose turn it is', () => {
    const request = { group: 'orders', execution: 'x', startedAtMs: dayMs };
    const other = regions.find((region) => region !== regionOnDay(regions, 'orders', dayMs, sha256)) ?? '';
    expect(whyNotItsTurn({ ...request, by: 'anna' }, regions, other, sha256)).toBeNull();
    expect(whyNotItsTurn({ ...request, by: 'schedule' }, regions, other, sha256)).toContain('tests on this day');
  });
});

describe('the target', () => {
  test('is that of the test, which nobody else may have', () => {
    const id = '0123456789abcdef';
    expect(whyNotTestTarget('orders-restored-test-1', 'orders', null)).toContain('dropped');
    expect(whyNotTestTarget('orders-restored-1', 'orders', null)).toBeNull();
    expect(whyNotTestTarget('orders-restored-test', 'orders', null)).toBeNull();
    expect(whyNotTestTarget(`orders-restored-test-${id}`, 'orders', { id })).toBeNull();
    for (const table of ['orders', 'orders-restored-1', 'orders-restored-test-fedcba9876543210']) expect(whyNotTestTarget(table, 'orders', { id }), table).toContain('nothing else');
  });

  test('is another one for another run, region, or time', () => {
    const run = { group: 'orders', execution: 'run-1', startedAtMs: 1 };
    const ids = [testIdOf(run, 'a', sha256), testIdOf(run, 'b', sha256), testIdOf({ ...run, execution: 'run-2' }, 'a', sha256), testIdOf({ ...run, startedAtMs: 2 }, 'a', sha256)];
    expect(new Set(ids).size).toBe(4);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{16}$/);
  });

  test('is left over only a day after its test, not dropped yet, and by its own name', () => {
    const row = { sk: 'evidence/a', table: 'orders-restored-test-1', begunAtMs: 1000 };
    const left = (change: object, nowMs = 1000 + dayMs) => leftoversIn([{ ...row, ...change }], 'orders', nowMs).map(({ table }) => table);
    expect(left({})).toEqual(['orders-restored-test-1']);
    expect(left({}, 999 + dayMs)).toEqual([]);
    expect(left({ droppedAtMs: 5 })).toEqual([]);
    for (const table of ['orders', 'orders-restored-1', 'holdfast-orders-region']) expect(left({ table }), table).toEqual([]);
    expect(leftoversIn([{ sk: 'evidence/a', recordedAtMs: 1 }], 'orders', 10 * dayMs)).toEqual([]);
  });
});

describe('the evidence', () => {
  const outcome: TestOutcome = {
    group: 'orders',
    by: 'schedule',
    execution: 'run-1',
    startedAtMs: Date.UTC(2026, 10, 29, 10, 30),
    test: null,
    report: null,
    dropped: null,
    failure: { step: 'PlanRestore', error: 'NotCoveredError', cause: 'größer "1"\n' },
  };
  const evidence: Evidence = { format: 1, kind: 'restore-test', vault: 'a'.repeat(32), source: 'orders', region: 'us-east-1', id: '0123456789abcdef', isPassed: false, outcome };
  const name = 'evidence/20261129T103000000Z-restore-test-0123456789abcdef.json';
  const judge = (text: string, where = name, vault = evidence.vault) => whatIsWrongWithEvidence(text, JSON.parse(text), vault, where, sha256);

  test('is named by when its test began and by its id', () => {
    expect(evidenceName('restore-test', outcome.startedAtMs, evidence.id)).toBe(name);
    expect(parseEvidenceName(name)).toEqual({ kind: 'restore-test', atMs: outcome.startedAtMs });
    for (const wrong of ['evidence/20261329T103000000Z-restore-test-0123456789abcdef.json', `${name}x`, `x${name}`, name.replace('restore-test', 'other'), name.replace('0123', '012')])
      expect(parseEvidenceName(wrong), wrong).toBeUndefined();
    expect(() => evidenceName('restore-test', 0, '../x')).toThrow(/16 hex/);
  });

  test('says what it must be: no letter of it can be another', () => {
    const text = evidenceText(evidence, sha256);
    expect(judge(text)).toBeNull();
    for (let i = 0; i < text.length; i += 1) {
      const other = `${text.slice(0, i)}${text[i] === '1' ? '2' : '1'}${text.slice(i + 1)}`;
      let wrong: string | null;
      try {
        wrong = judge(other);
      } catch {
        wrong = 'no JSON';
      }
      expect(wrong, other).not.toBeNull();
    }
    expect(judge(`${text} `)).toContain('SHA-256');
    expect(judge(text, name.replace('T1030', 'T1031'))).toContain('another test');
    expect(judge(text, name, 'b'.repeat(32))).toContain('another vault');
    expect(judge('[]')).toContain('no object');
  });

  test('a test has passed where all of it did', () => {
    const report = { isIdentical: true, id: 'r', rtoMs: 1, items: 1, bytes: 1, atMs: 1 };
    const test = { id: '0'.repeat(16), execution: 'x', startedAtMs: 1, seed: 's', seconds: 1, skipped: [], uncovered: [], newestMs: 1, rpoMs: 1, itemsLeast: 0, itemsMost: 1 };
    const dropped = { table: 't', leftovers: [], endedAtMs: 1 };
    const good = parseTestOutcome({ ...outcome, failure: null, report, test, dropped });
    expect(isPassed(good)).toBe(true);
    expect(isPassed({ ...good, dropped: null })).toBe(false);
    expect(isPassed({ ...good, report: null })).toBe(false);
    expect(isPassed({ ...good, failure: outcome.failure })).toBe(false);
    expect(isPassed(parseTestOutcome({ ...good, report: { ...report, isIdentical: false } }))).toBe(false);
  });
});

// From probes to verdicts: k of n at each vantage point, majorities of the voters, and what is stale counts for nobody.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addProbes, emptyVantage, emptyWindow, parseVantage, windowLength, type CandidateWindow, type Outcome, type ProbeResult, type Vantage } from '../../src/core/health/vantage.ts';
import { freshVantages, healthyAfter, isSteady, judgeCandidates, judgeWindow, staleAfterTicks } from '../../src/core/health/verdict.ts';
import { policySchema } from '../../src/config/settings.ts';
import { east, ireland, policy, sydney, west } from './fixtures.ts';
import { always, around } from './property.ts';

const ok: ProbeResult = { outcome: 'ok', latencyMs: 12, because: '' };
const failed = (because = 'it burns'): ProbeResult => ({ outcome: 'failed', latencyMs: 1500, because });
const outcomes = fc.array(fc.constantFrom<Outcome[]>('ok', 'failed'), { maxLength: windowLength });

function windowOf(liveness: readonly Outcome[], readiness: readonly Outcome[] = liveness, score = 1): CandidateWindow {
  return { ...emptyWindow(), liveness, readiness, score };
}
function vantageOf(region: string, candidates: Vantage['candidates'], change: Partial<Vantage> = {}): Vantage {
  return { ...emptyVantage(region), count: 7, candidates, ...change };
}

describe('judgeWindow', () => {
  test('says failing exactly at k failures among the last n, wherever they lie', () => {
    always(
      fc.property(outcomes, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 4 }), (seen, failures, more) => {
        const trigger = { failures, of: failures + more };
        const count = seen.slice(-trigger.of).filter((o) => o === 'failed').length;
        expect(judgeWindow(seen, trigger) === 'failing').toBe(count >= failures);
      }),
    );
  });

  test.each<[Outcome[], string]>([
    [[], 'unknown'],
    [['ok'], 'unknown'],
    [['ok', 'ok'], 'healthy'],
    [['failed', 'failed', 'ok', 'failed'], 'failing'],
    [['failed', 'failed', 'ok', 'ok'], 'healthy'],
    [['failed', 'ok', 'failed', 'ok'], 'unknown'],
    [['failed', 'failed', 'failed', 'ok'], 'failing'],
    [['failed', 'failed', 'failed', 'ok', 'ok'], 'healthy'],
  ])('%j is %s with 3 of 4', (seen, expected) => {
    expect(judgeWindow(seen, { failures: 3, of: 4 })).toBe(expected);
  });

  test('healthy needs the last two in a row', () => {
    always(
      fc.property(outcomes, (seen) => {
        if (judgeWindow(seen, { failures: 3, of: 4 }) === 'healthy') expect(seen.slice(-healthyAfter)).toEqual(['ok', 'ok']);
      }),
    );
  });

  test('a trigger that the settings allow can fire: the window is as long as the longest of them', () => {
    const window = Array.from({ length: 100 }).reduce<CandidateWindow>((w) => addProbes(w, failed(), failed()), emptyWindow());
    for (const failures of [windowLength - 1, windowLength, windowLength + 1, 100]) {
      const isAllowed = policySchema.safeParse({ liveness: { failures, of: 100 } }).success;
      if (isAllowed) expect(judgeWindow(window.liveness, { failures, of: 100 }), `${failures} of 100`).toBe('failing');
    }
  });
});

describe('addProbes', () => {
  test('keeps the newest outcomes, and the score s·0.9 or s·0.9 + 0.1, always in [0, 1]', () => {
    always(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.boolean()), { maxLength: 2 * windowLength + 1 }), (rounds) => {
        let window = emptyWindow();
        for (const [live, ready] of rounds) {
          const before = window;
          window = addProbes(window, live ? ok : failed('dead'), ready ? ok : failed('not ready'));
          expect(window.score).toBeCloseTo(before.score * 0.9 + (live && ready ? 0.1 : 0), 12);
          expect(window.score).toBeGreaterThanOrEqual(0);
          expect(window.score).toBeLessThanOrEqual(1);
          expect(window.because).toBe(!live ? 'dead' : !ready ? 'not ready' : '');
          expect(window.latencyMs).toBe(ready ? 12 : before.latencyMs);
        }
        const last = (which: 0 | 1) => rounds.slice(-windowLength).map((r): Outcome => (r[which] ? 'ok' : 'failed'));
        expect(window.liveness).toEqual(last(0));
        expect(window.readiness).toEqual(last(1));
      }),
    );
  });
});

describe('freshVantages', () => {
  const staleMs = staleAfterTicks * 5000;
  const nowMs = 1_000_000;
  const mineSeeing = (sinceMs: number) => vantageOf(west, {}, { peers: { [east]: { count: 7, sinceMs, serviceUrl: null } } });
  const regionsAt = (sinceMs: number) => freshVantages(mineSeeing(sinceMs), [vantageOf(east, {}), vantageOf(ireland, {})], nowMs, 5000).map((v) => v.region);

  test.each([
    [staleMs - 1, [west, east]],
    [staleMs, [west, east]],
    [staleMs + 1, [west]],
  ])('counts a peer whose count changed %i ms ago: %j; one never seen to change does not count', (ageMs, expected) => {
    expect(regionsAt(nowMs - ageMs)).toEqual(expected);
  });

  test('what was seen in the future (the wall clock was set back) says nothing', () => {
    expect(regionsAt(nowMs + 3_600_000)).toEqual([west]);
  });

  test('counts the reader itself once, whatever a row says', () => {
    const mine = vantageOf(west, {}, { peers: { [west]: { count: 7, sinceMs: nowMs, serviceUrl: null } } });
    expect(freshVantages(mine, [vantageOf(west, {})], nowMs, 5000)).toHaveLength(1);
  });
});

describe('isSteady', () => {
  const trigger = { failures: 3, of: 4 };
  test.each<[Outcome[], boolean]>([
    [['ok', 'ok'], false],
    [['ok', 'ok', 'ok'], true],
    [['failed', 'failed', 'ok', 'ok'], false],
    [['failed', 'ok', 'ok', 'ok'], true],
    [['ok', 'ok', 'failed', 'ok'], true],
    [['ok', 'ok', 'ok', 'ok'], true],
  ])('%j: %j with 3 of 4', (seen, expected) => {
    expect(isSteady(seen, trigger)).toBe(expected);
  });

  test('beside a window that condemns, two probes of the same ticks told them apart, whatever the trigger; one alone may be their order', () => {
    const tick = fc.tuple(fc.constantFrom<Outcome[]>('ok', 'failed'), fc.constantFrom<Outcome[]>('ok', 'failed'));
    always(
      fc.property(fc.array(tick, { maxLength: windowLength }), fc.integer({ min: 2, max: 6 }), fc.integer({ min: 0, max: 4 }), (ticks, failures, more) => {
        const trigger = { failures, of: failures + more };
        const [holder, target] = [ticks.map(([h]) => h), ticks.map(([, t]) => t)];
        if (judgeWindow(holder, trigger) !== 'failing' || !isSteady(target, trigger)) return;
        expect(ticks.slice(-trigger.of).filter(([h, t]) => h === 'failed' && t === 'ok').length).toBeGreaterThanOrEqual(2);
      }),
    );
  });

  test('of a candidate: where it is so at both levels; failing, where it is so at one', () => {
    const well: Outcome[] = ['ok', 'ok', 'ok', 'ok'];
    const back: Outcome[] = ['failed', 'failed', 'ok', 'ok'];
    const bad: Outcome[] = ['failed', 'failed', 'failed', 'ok'];
    const judge = (...windows: CandidateWindow[]) =>
      judgeCandidates(
        windows.map((w, i) => vantageOf(`v${i}`, { [west]: w })),
        policy,
      ).find((v) => v.region === west);
    expect(judge(windowOf(well), windowOf(back), windowOf(well, back), windowOf(back, well))).toMatchObject({ steadyAt: ['v0'], failingAt: [] });
    expect(judge(windowOf(well), windowOf(well, bad), windowOf(bad, well))).toMatchObject({ steadyAt: ['v0'], failingAt: ['v1', 'v2'] });
  });
});

describe('judgeCandidates', () => {
  const good: Outcome[] = ['ok', 'ok', 'ok', 'ok'];
  const bad: Outcome[] = ['failed', 'failed', 'failed', 'failed'];
  const mixed: Outcome[] = ['ok', 'failed', 'ok', 'failed'];
  const five = { ...policy, voters: [...policy.voters, { region: sydney, role: 'candidate' as const, registerTable: 't' }, { region: 'eu-north-1', role: 'witness' as const, registerTable: 't' }] };

  test('a verdict needs a majority of all voters; the missing and the undecided count for neither side', () => {
    always(
      fc.property(fc.array(fc.constantFrom('good', 'bad', 'mixed', 'blind'), { maxLength: 5 }), fc.constantFrom(policy, five), (views, group) => {
        fc.pre(views.length <= group.voters.length);
        const windows: Record<string, Vantage['candidates']> = { good: { [east]: windowOf(good) }, bad: { [east]: windowOf(bad) }, mixed: { [east]: windowOf(mixed) } };
        const vantages = views.map((view, i) => vantageOf(`r${i}`, windows[view] ?? {}));
        const verdict = judgeCandidates(vantages, group).find((v) => v.region === east);
        const need = (group.voters.length + 1) / 2;
        const tally = (view: string) => views.filter((v) => v === view).length;
        const expected = tally('bad') >= need ? 'failing' : tally('good') >= need ? 'healthy' : 'unknown';
        expect(verdict?.liveness.kind).toBe(expected);
        expect(verdict?.readiness.kind).toBe(expected);
      }),
    );
  });

  test('liveness and readiness are judged apart, each by its own trigger', () => {
    const vantages = [west, ireland].map((r) => vantageOf(r, { [east]: windowOf(good, bad) }));
    const [verdict] = judgeCandidates(vantages, policy);
    expect(verdict).toMatchObject({ region: east, liveness: { kind: 'healthy' }, readiness: { kind: 'failing' } });
    expect(verdict?.readiness.because).toBe('readiness of us-east-1: 0 of 3 vantage points say healthy, 2 failing');
    const patient = { ...policy, policy: { ...policy.policy, readiness: { failures: 5, of: 6 } } };
    expect(judgeCandidates(vantages, patient)[0]?.readiness.kind).toBe('unknown');
  });

  test('health is the lower median of the scores, latency of the latencies, and data age is what the region says of itself', () => {
    const seen = (score: number, latencyMs: number | null) => ({ [east]: { ...windowOf(good, good, score), latencyMs } });
    const judge = (...vantages: Vantage[]) => judgeCandidates(vantages, policy)[0];
    expect(judge(vantageOf(west, seen(0.2, 30)), vantageOf(ireland, seen(0.9, null)), vantageOf(east, seen(0.5, 10), { dataAgeMs: 77 }))).toMatchObject({ health: 0.5, latencyMs: 10, dataAgeMs: 77 });
    expect(judge(vantageOf(west, seen(0.2, null)), vantageOf(ireland, seen(0.9, null)))).toMatchObject({ health: 0.2, latencyMs: null, dataAgeMs: null });
    expect(judge(vantageOf(west, {}))).toMatchObject({ health: null, latencyMs: null, dataAgeMs: null });
  });

  test('judges every candidate and no witness', () => {
    expect(judgeCandidates([], policy).map((v) => v.region)).toEqual([east, west]);
  });
});

describe('parseVantage', () => {
  const vantage = vantageOf(east, { [west]: windowOf(['ok', 'failed']) }, { peers: { [west]: { count: 3, sinceMs: 5, serviceUrl: null } }, dataAgeMs: null, serviceUrl: 'https://x.example' });

  test('reads back what was written', () => {
    expect(parseVantage(east, JSON.stringify(vantage))).toEqual(vantage);
  });

  test.each([
    '',
    'null',
    '[]',
    '{}',
    ...[
      { count: 1.5 },
      { count: '7' },
      { region: 1 },
      { candidates: [] },
      { candidates: { x: {} } },
      { candidates: { x: { ...emptyWindow(), liveness: ['fine'] } } },
      { candidates: { x: { ...emptyWindow(), score: '1' } } },
      { serviceUrl: 1 },
      { dataAgeMs: 'old' },
      { peers: { x: { count: 1 } } },
      { peers: null },
    ].map((wrong) => JSON.stringify({ ...vantage, ...wrong })),
  ])('refuses a malformed observation, and says that it counts as unknown: %s', (json) => {
    expect(() => parseVantage(east, json)).toThrow(expect.objectContaining({ name: 'MalformedError', message: expect.stringContaining('us-east-1') }));
  });

  test("refuses the observation of another region in this region's row: no one votes twice", () => {
    expect(() => parseVantage(west, JSON.stringify(vantage))).toThrow(expect.objectContaining({ name: 'MalformedError' }));
  });
});

test('the limits that a vantage point is stale at do not move with the length of a tick', () => {
  always(
    fc.property(around(staleAfterTicks * 1000, staleAfterTicks * 60_000), fc.constantFrom(1000, 5000, 60_000), (ageMs, tickMs) => {
      const mine = vantageOf(west, {}, { peers: { [east]: { count: 7, sinceMs: 10_000_000 - ageMs, serviceUrl: null } } });
      expect(freshVantages(mine, [vantageOf(east, {})], 10_000_000, tickMs).length).toBe(ageMs <= 3 * tickMs ? 2 : 1);
    }),
  );
});

// The comparison that a point-in-time restore is judged by: over made-up journals of a store whose true history is known, it never accuses a
// right restore, and never lets a wrong one pass where the journal leaves no doubt.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Change } from './journal.ts';
import { behindSeconds, changedSince, compareRestored, standingAt, statesAt, unaccountedChanges } from './restored-state.ts';

/** A whole second of the wall clock, which the observer's clock calls 0. */
const START = 1_795_000_000_000;
const SLACK_MS = 50;

const put = (id: string, text: string, sentAtMs: number, answeredAtMs = sentAtMs + 10, outcome: Change['outcome'] = 'acknowledged'): Change => ({
  id,
  text,
  outcome,
  sentAtMs,
  answeredAtMs: outcome === 'acknowledged' ? answeredAtMs : null,
});
const remove = (id: string, sentAtMs: number, outcome: Change['outcome'] = 'acknowledged'): Change => ({ ...put(id, '', sentAtMs, undefined, outcome), text: null });
const at = (ms: number) => ({ atWallMs: START + ms, startedAtWallMs: START });
const table = (...pairs: [id: string, text: string][]) => new Map(pairs.map(([id, text]) => [id, JSON.stringify({ id: { S: id }, body: { S: JSON.stringify({ text }) } })]));

describe('standingAt', () => {
  test.each([
    ['answered, with the slack, just before it', put('a', 'x', 1000, 1949), 1999, 'in'],
    ['answered, with the slack, at it', put('a', 'x', 1000, 1949), 1999, 'in'],
    ['answered, with the slack, just after it', put('a', 'x', 1000, 1950), 1999, 'either'],
    ['sent in the next second, the slack in this one', put('a', 'x', 2049), 1999, 'either'],
    ['sent in the next second, the slack too', put('a', 'x', 2050), 1999, 'out'],
    ['sent later in a second that began at it', put('a', 'x', 2800), 2000, 'either'],
    ['sent later in a second that began just after it', put('a', 'x', 2800), 1999, 'out'],
    ['of unknown outcome, sent long before', put('a', 'x', 10, 20, 'unknown'), 60_000, 'either'],
    ['of unknown outcome, sent after', put('a', 'x', 61_000, 0, 'unknown'), 59_999, 'out'],
    ['refused', put('a', 'x', 10, 20, 'refused'), 60_000, 'out'],
  ] as const)('a change %s', (_, change, atMs, standing) => {
    expect(standingAt(change, at(atMs))).toBe(standing);
  });
});

describe('statesAt', () => {
  const statesOf = (changes: readonly Change[], atMs: number) => [...(statesAt(changes, at(atMs)).get('a') ?? [])];

  test('the last change that is certain, and those that may have come after it', () => {
    const history = [put('a', 'one', 1100), put('a', 'two', 3100), remove('a', 5100), put('a', 'three', 7100)];
    expect([999, 1999, 3999, 5999, 7999].map((ms) => statesOf(history, ms))).toEqual([[null], ['one'], ['two'], [null], ['three']]);
    expect(statesOf(history, 5105)).toEqual(['two', null]);
  });

  test('an unknown change may come at any time after it was sent, or never', () => {
    const history = [put('a', 'one', 1100), put('a', 'ghost', 2100, 0, 'unknown'), put('a', 'two', 3100)];
    expect(statesOf(history, 1999)).toEqual(['one']);
    expect(statesOf(history, 60_000)).toEqual(['ghost', 'two']);
  });

  test('of changes that overlap either may be the last', () => {
    const history = [put('a', 'one', 1000, 1200), put('a', 'two', 1100, 1300), put('a', 'three', 1199, 1210)];
    expect(statesOf(history, 60_000)).toEqual(['one', 'two', 'three']);
    expect(statesOf([put('a', 'one', 1000, 1200), put('a', 'two', 1200, 1300)], 60_000)).toEqual(['two']);
  });
});

describe('compareRestored', () => {
  const history = [put('a', 'a1', 1000), put('a', 'a2', 8000), put('b', 'b1', 1000), remove('b', 3000), put('c', 'c1', 1000), put('d', 'd1', 8000)];
  const compare = (...pairs: [string, string][]) => compareRestored(history, at(5999), table(...pairs));

  test('a right table, and each way in which one can be wrong', () => {
    expect(compare(['a', 'a1'], ['c', 'c1'])).toEqual({ orders: 2, right: 2, ambiguous: 0, missing: [], extra: [], wrong: [] });
    expect(compare(['a', 'a1'])).toMatchObject({ missing: ['c'], extra: [], wrong: [] });
    expect(compare(['a', 'a2'], ['c', 'c1'])).toMatchObject({ missing: [], extra: [], wrong: ['a'] }); // of a later moment
    expect(compare(['a', 'a1'], ['b', 'b1'], ['c', 'c1'])).toMatchObject({ missing: [], extra: ['b'], wrong: [] }); // a removal forgotten
    expect(compare(['a', 'a1'], ['c', 'c1'], ['d', 'd1'])).toMatchObject({ missing: [], extra: ['d'], wrong: [] });
    expect(compare(['a', 'a1'], ['c', 'c1'], ['e', 'e1'])).toMatchObject({ missing: [], extra: ['e'], wrong: [] }); // never written
    expect(compare()).toMatchObject({ missing: ['a', 'c'], extra: [], wrong: [] });
  });

  test('how far behind it is: since the oldest change that it lacks, and not at all where it is only ahead', () => {
    const behind = (...pairs: [string, string][]) => behindSeconds(history, at(5999), table(...pairs));
    expect(behind(['a', 'a1'], ['c', 'c1'])).toBe(0);
    expect(behind(['a', 'a1'])).toBeCloseTo(4.989, 6);
    expect(behind(['a', 'a1'], ['b', 'b1'], ['c', 'c1'])).toBeCloseTo(2.989, 6);
    expect(behind(['a', 'a2'], ['c', 'c1'])).toBeCloseTo(4.989, 6);
  });

  test('orders that changed since', () => {
    expect(changedSince(history, table(['a', 'a1'], ['c', 'c1']), table(['a', 'a2'], ['c', 'c1'], ['d', 'd1']))).toBe(2);
  });
});

test('a change is accounted for by its state, by a later one that shows, or by the divergence report', () => {
  const history = [put('a', 'a1', 1000), put('a', 'a2', 2000), remove('a', 3000), put('a', 'a4', 4000, 0, 'unknown')];
  const lost = (atEnd: ReturnType<typeof table>, listed = new Map<string, string>()) => unaccountedChanges(history, atEnd, listed).map(({ text }) => text);
  expect(lost(table())).toEqual([]); // removed, as acknowledged
  expect(lost(table(['a', 'a4']))).toEqual([]); // the unknown one came
  expect(lost(table(['a', 'a1']))).toEqual(['a2', null]);
  expect(lost(table(['a', 'a1']), new Map([['a', 'a2']]))).toEqual([]);
  expect(lost(table(['a', 'a2']))).toEqual([null]);
  expect(lost(table(['a', 'else']))).toEqual(['a1', 'a2', null]);
  expect(unaccountedChanges([put('a', 'a1', 1000, 0, 'refused')], table(), new Map())).toEqual([]);
  expect(unaccountedChanges([put('a', 'a1', 1000)], table(), new Map())).toHaveLength(1);
});

/** What really happened, which only the generator knows: when each change took effect, if ever. */
interface True {
  readonly change: Change;
  readonly effectAtMs: number | null;
}

const step = fc.record({
  key: fc.constantFrom('k1', 'k2', 'k3', 'k4'),
  gapMs: fc.constantFrom(0, 1, 7, 240, 900, 1000, 2600),
  latencyMs: fc.constantFrom(1, 3, 40, 400),
  effect: fc.double({ min: 0, max: 1, noNaN: true }),
  isRemoval: fc.boolean(),
  fate: fc.constantFrom('acknowledged', 'acknowledged', 'acknowledged', 'acknowledged', 'refused', 'done', 'lost', 'late'),
});

/** The store's clock is beside the observer's by less than the slack. */
const storeClockMs = fc.constantFrom(-SLACK_MS + 1, -1, 0, 1, SLACK_MS - 1);

const historyOf = (steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[]): True[] => {
  let now = 0;
  return steps.map(({ key, gapMs, latencyMs, effect, isRemoval, fate }, index) => {
    now += gapMs;
    const outcome = fate === 'acknowledged' || fate === 'refused' ? fate : 'unknown';
    const text = isRemoval ? null : `words of ${key} number ${index}.`;
    const change: Change = { id: key, text, outcome, sentAtMs: now, answeredAtMs: outcome === 'unknown' ? null : now + latencyMs };
    const lateMs = fate === 'late' ? 5000 : 0;
    const effectAtMs = fate === 'refused' || fate === 'lost' ? null : now + latencyMs * effect + lateMs;
    return { change, effectAtMs };
  });
};

/** A point-in-time restore that does everything right: the changes in the order of their effects, each stamped with its whole second. */
function restore(history: readonly True[], atWallMs: number, clockMs: number): Map<string, string> {
  const done = history.flatMap(({ change, effectAtMs }) => (effectAtMs === null ? [] : [{ change, effectAtMs }])).sort((a, b) => a.effectAtMs - b.effectAtMs);
  const state = new Map<string, string>();
  for (const { change, effectAtMs } of done) {
    if (Math.floor((START + effectAtMs + clockMs) / 1000) * 1000 > atWallMs) continue;
    if (change.text === null) state.delete(change.id);
    else state.set(change.id, JSON.stringify({ body: { S: change.text } }));
  }
  return state;
}

const moment = fc.tuple(fc.nat({ max: 25 }), fc.constantFrom(-1, 0, 1, 500)).map(([second, ms]) => START + second * 1000 + ms);

test('a right restore is never accused, whatever the times, the clocks and the unknown outcomes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), moment, storeClockMs, (steps, atWallMs, clockMs) => {
      const history = historyOf(steps);
      const comparison = compareRestored(
        history.map(({ change }) => change),
        { atWallMs, startedAtWallMs: START },
        restore(history, atWallMs, clockMs),
      );
      expect(comparison).toMatchObject({ missing: [], extra: [], wrong: [] });
    }),
    { numRuns: 2000 },
  );
});

test('where the journal leaves no doubt, any other state of an order is found', () => {
  let found = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 3, maxLength: 25 }), moment, fc.nat(), (steps, atWallMs, choice) => {
      const history = historyOf(steps);
      const changes = history.map(({ change }) => change);
      const moment = { atWallMs, startedAtWallMs: START };
      const certain = [...statesAt(changes, moment)].filter(([, states]) => states.size === 1);
      const [id, states] = certain[choice % Math.max(certain.length, 1)] ?? [];
      if (id === undefined || states === undefined) return;
      const restored = restore(history, atWallMs, 0);
      for (const other of [null, ...changes.filter((change) => change.id === id).map((change) => change.text)]) {
        if (states.has(other)) continue;
        const wrong = new Map(restored);
        if (other === null) wrong.delete(id);
        else wrong.set(id, JSON.stringify({ body: { S: other } }));
        const { missing, extra, wrong: contents } = compareRestored(changes, moment, wrong);
        expect([...missing, ...extra, ...contents]).toEqual([id]);
        found += 1;
      }
    }),
    { numRuns: 1000 },
  );
  expect(found).toBeGreaterThan(500);
});

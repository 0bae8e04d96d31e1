// The region's clocks against each other, at σ − 1, σ, σ + 1; and the slots that the region's ticks are numbered by.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkClock } from '../../src/core/clock/clock-check.ts';
import { parseSlots, slotOf } from '../../src/core/clock/slot.ts';
import { always, around } from './property.ts';

const skewMs = 500;
/** What a server whose clock is `offsetMs` ahead of ours answers: whole seconds of its own time, read between sending and receiving. */
function sampleOf(offsetMs: number, sentAtMs: number, readAfterMs: number, tookMs: number) {
  return { dateMs: Math.floor((sentAtMs + readAfterMs + offsetMs) / 1000) * 1000, sentAtMs, receivedAtMs: sentAtMs + tookMs };
}

describe('checkClock', () => {
  const times = fc.array(fc.tuple(fc.integer({ min: 1_000_000, max: 1_010_000 }), fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 300 })), { minLength: 1, maxLength: 8 });

  test('never accuses clocks that differ by at most σ', () => {
    always(
      fc.property(
        times,
        fc.oneof(
          around(skewMs),
          around(skewMs).map((n) => -n),
        ),
        (calls, offsetMs) => {
          fc.pre(Math.abs(offsetMs) <= skewMs);
          const samples = calls.map(([sentAtMs, a, b]) => sampleOf(offsetMs, sentAtMs, a, a + b));
          expect(checkClock(samples, skewMs).kind).toBe('agree');
        },
      ),
    );
  });

  test('finds a difference of more than σ and a second at once, whatever the sample', () => {
    always(
      fc.property(times, fc.integer({ min: 1801, max: 100_000 }), fc.boolean(), (calls, far, isAhead) => {
        const samples = calls.map(([sentAtMs, a, b]) => sampleOf(isAhead ? far : -far, sentAtMs, a, a + b));
        expect(checkClock(samples, skewMs).kind).toBe('disagree');
      }),
    );
  });

  test('finds σ + 1 ms where a sample stands at the turn of a second, and not σ', () => {
    // The answer took no time and was read in the first, or last, millisecond of its second.
    expect([499, 500, 501].map((offset) => checkClock([sampleOf(offset, 1_000_000 - offset, 0, 0)], skewMs).kind)).toEqual(['agree', 'agree', 'disagree']);
    expect([499, 500, 501, 502].map((offset) => checkClock([sampleOf(-offset, 1_000_999 + offset, 0, 0)], skewMs).kind)).toEqual(['agree', 'agree', expect.any(String), 'disagree']);
  });

  test('several samples that each agree may disagree together', () => {
    const early = { dateMs: 1_000_000, sentAtMs: 1_000_400, receivedAtMs: 1_000_400 };
    const late = { dateMs: 1_001_000, sentAtMs: 1_000_500, receivedAtMs: 1_000_500 };
    expect(checkClock([early], skewMs).kind).toBe('agree');
    expect(checkClock([late], skewMs).kind).toBe('agree');
    expect(checkClock([early, late], 499).kind).toBe('disagree');
    // What came in before may not be contradicted by what comes later either: offset < −400 and offset ≥ 500.
    expect(checkClock([{ dateMs: 1_000_000, sentAtMs: 1_001_401, receivedAtMs: 1_001_401 }, late], skewMs).kind).toBe('disagree');
  });

  test('without a sample it is unknown, which forbids nothing', () => {
    expect(checkClock([], skewMs).kind).toBe('unknown');
  });
});

describe('slots', () => {
  test('are numbered by the region itself: at the turn of one', () => {
    expect([4999, 5000, 9999, 10_000].map((ms) => slotOf(ms, 5000))).toEqual([0, 1, 1, 2]);
  });

  test('are read from a queue event and from one message', () => {
    expect(parseSlots({ Records: [{ body: '{"slot":7}' }, { body: '{"slot":8,"more":1}' }] })).toEqual([7, 8]);
    expect(parseSlots({ slot: 0 })).toEqual([0]);
    expect(parseSlots({ Records: [] })).toEqual([]);
  });

  test.each([
    [undefined],
    [null],
    ['7'],
    [7],
    [{}],
    [{ slot: '7' }],
    [{ slot: -1 }],
    [{ slot: 1.5 }],
    [{ slot: 2 ** 53 }],
    [{ slot: null }],
    [{ Records: [{}] }],
    [{ Records: [null] }],
    [{ Records: [{ body: 'x' }] }],
    [{ Records: [{ body: '7' }] }],
    [{ Records: [{ body: 7 }] }],
    [{ Records: 'x' }],
  ])('malformed, they are dropped with a sentence: %j', (event) => {
    expect(() => parseSlots(event)).toThrow(expect.objectContaining({ name: 'MalformedError', message: expect.stringMatching(/needs \{"slot": <whole number>\}/) }));
  });
});

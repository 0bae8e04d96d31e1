// Each figure against cases worked out by hand, at limit − 1, limit and limit + 1, and against a slow reckoning of the same definition.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as figures from './figures.ts';
import type { AcknowledgedWrite, Attempt, FaultRecord, GateSample, RegisterReading } from './journal.ts';

const EAST = 'us-east-1';
const WEST = 'us-west-2';
const WITNESS = 'eu-west-1';
const fault: FaultRecord = { kind: 'kill', region: EAST, atMs: 10_000, epoch: 3, ballot: '0000000000000005' };

function write(n: number, answeredAtMs: number, epoch: number, more: Partial<AcknowledgedWrite> = {}): AcknowledgedWrite {
  const region = epoch <= fault.epoch ? EAST : WEST;
  const id = `obs-00000000-${String(n).padStart(7, '0')}`;
  return { kind: 'write', outcome: 'acknowledged', id, text: `words of ${n}.`, address: '127.0.0.1', sentAtMs: answeredAtMs - 10, answeredAtMs, status: 200, region, epoch, ...more };
}

function unanswered(n: number, sentAtMs: number): Attempt {
  return {
    kind: 'write',
    outcome: 'unknown',
    id: `obs-00000000-${String(n).padStart(7, '0')}`,
    text: `words of ${n}.`,
    address: '127.0.0.1',
    sentAtMs,
    answeredAtMs: null,
    status: null,
    because: 'no answer',
  };
}

function reading(region: string, atMs: number, ballot: number, more: Partial<RegisterReading> = {}): RegisterReading {
  return { region, atMs, ballot: String(ballot).padStart(16, '0'), state: 'normal', holder: EAST, epoch: 3, attempt: 1, successor: null, ...more };
}

function sample(region: string, sentAtMs: number, verdict: GateSample['verdict'], answerMs: number | null = 5): GateSample {
  const status = verdict === 'open' ? 200 : verdict === 'shut' ? 503 : null;
  return { region, sentAtMs, answeredAtMs: answerMs === null ? null : sentAtMs + answerMs, status, verdict };
}

const stored = (...writes: AcknowledgedWrite[]) => new Map(writes.map((w) => [w.id, `{"text":{"S":"${w.text}"}}`]));

describe('chosenReadings', () => {
  test('a ballot is chosen when a majority of different tables has shown it, at the moment of the last needed sighting', () => {
    const readings = [reading(EAST, 100, 1), reading(EAST, 150, 1), reading(WEST, 200, 1), reading(WEST, 250, 1), reading(WITNESS, 300, 1)];
    expect(figures.chosenReadings(readings, 3).map((r) => r.atMs)).toEqual([200]);
  });

  test('one table alone chooses nothing, and neither do two with different ballots', () => {
    expect(figures.chosenReadings([reading(EAST, 100, 1), reading(WEST, 100, 2)], 3)).toEqual([]);
  });

  test('five acceptors need three', () => {
    const two = [reading('a', 1, 7), reading('b', 2, 7)];
    expect(figures.chosenReadings(two, 5)).toEqual([]);
    expect(figures.chosenReadings([...two, reading('c', 3, 7)], 5).map((r) => r.atMs)).toEqual([3]);
  });

  test('the order in which readings were noted does not matter', () => {
    const readings = [reading(WEST, 200, 1), reading(EAST, 100, 1)];
    expect(figures.chosenReadings(readings, 3).map((r) => r.atMs)).toEqual([200]);
  });
});

describe('detectSeconds', () => {
  const failing = { state: 'failing-over', successor: WEST };

  test("counts to the majority's sighting; the first sighting is a figure of its own", () => {
    const readings = [reading(WEST, 34_000, 9, failing), reading(WITNESS, 34_250, 9, failing)];
    expect(figures.detectSeconds(readings, 3, fault)).toBe(24.25);
    expect(figures.detectFirstSightingSeconds(readings, fault)).toBe(24);
  });

  test('a value that was never at a majority is not a decision', () => {
    const readings = [reading(WEST, 34_000, 9, failing), reading(WITNESS, 34_250, 10, { state: 'degraded' })];
    expect(figures.detectSeconds(readings, 3, fault)).toBeNull();
  });

  test('an old failing-over value at a table that lagged behind is not a decision', () => {
    const stale = [reading(WEST, 11_000, 5, failing), reading(WITNESS, 11_000, 4, failing), reading(EAST, 11_250, 5, failing)];
    expect(figures.detectFirstSightingSeconds(stale, fault)).toBeNull();
    expect(figures.detectSeconds(stale, 3, fault)).toBeNull();
    expect(figures.detectFirstSightingSeconds([reading(WEST, 11_000, 6, failing)], fault)).toBe(1);
  });

  test('a decision from before the fault is not its detection; the first after it is', () => {
    const readings = [reading(WEST, 9000, 7, failing), reading(WEST, 12_000, 8, failing), reading(WEST, 13_000, 9, failing)];
    expect(figures.detectFirstSightingSeconds(readings, fault)).toBe(2);
  });

  test('other states do not count', () => {
    expect(figures.detectFirstSightingSeconds([reading(WEST, 12_000, 8, { state: 'degraded' })], fault)).toBeNull();
  });
});

describe('rtoSeconds', () => {
  test('last acknowledgement of the lost epoch to the first of a later one', () => {
    const attempts = [write(1, 9000, 3), write(2, 10_500, 3), unanswered(3, 11_000), write(4, 52_000, 4), write(5, 51_000, 4)];
    expect(figures.rtoSeconds(attempts, 3)).toBe(40.5);
  });

  test('a stale write that comes later does not shorten the outage', () => {
    expect(figures.rtoSeconds([write(1, 10_000, 3), write(2, 50_000, 4), write(3, 70_000, 3)], 3)).toBe(40);
  });

  test('is unknown when either side was never seen', () => {
    expect(figures.rtoSeconds([write(1, 10_000, 3)], 3)).toBeNull();
    expect(figures.rtoSeconds([write(1, 50_000, 4)], 3)).toBeNull();
    expect(figures.rtoSeconds([unanswered(1, 10_000)], 3)).toBeNull();
  });
});

describe('lost writes', () => {
  const kept = write(1, 9000, 3);
  const lostFirst = write(2, 9400, 3);
  const lostSecond = write(3, 9900, 3);
  const shippedLast = write(4, 10_000, 3);
  const later = write(5, 50_000, 4);
  const attempts = [later, shippedLast, lostSecond, lostFirst, kept, unanswered(6, 9950)];
  const atOpening = stored(kept, shippedLast);

  test('only acknowledged writes of the lost epoch that are missing, oldest first', () => {
    expect(figures.lostWrites(attempts, 3, atOpening)).toEqual([lostFirst, lostSecond]);
  });

  test('rpo runs from the oldest lost to the last acknowledged of that epoch, lost or not', () => {
    expect(figures.rpoSeconds(attempts, 3, atOpening)).toBeCloseTo(0.6);
    expect(figures.rpoSeconds(attempts, 3, stored(kept, lostFirst, lostSecond, shippedLast))).toBe(0);
    expect(figures.rpoSeconds([], 3, atOpening)).toBe(0);
  });

  test("a divergence row counts only with the lost region's version in it", () => {
    const empty = new Map([[lostSecond.id, '']]);
    expect(figures.divergentWritesFound([lostFirst, lostSecond], new Map([...stored(lostFirst), ...empty]))).toEqual([lostFirst]);
  });

  test('unaccounted is what is in neither place, of any epoch, or there with another content', () => {
    expect(figures.unaccountedWrites(attempts, stored(kept, shippedLast, later), stored(lostFirst))).toEqual([lostSecond]);
    expect(figures.unaccountedWrites(attempts, stored(kept, shippedLast), stored(lostFirst, lostSecond))).toEqual([later]);
    const altered = new Map([[kept.id, '{"text":{"S":"other words"}}']]);
    expect(figures.unaccountedWrites([kept], altered, new Map())).toEqual([kept]);
  });

  test('a lost write that is there at the end was merged by itself', () => {
    expect(figures.writesMergedLater([lostFirst, lostSecond], stored(kept, lostSecond))).toEqual([lostSecond]);
  });
});

describe('dualActiveMs', () => {
  const end = (atMs: number) => [sample(EAST, atMs, 'shut'), sample(WEST, atMs, 'shut')];

  test('one open gate after the other is no overlap', () => {
    const samples = [sample(EAST, 0, 'open'), sample(WEST, 0, 'shut'), sample(EAST, 50, 'shut'), sample(WEST, 50, 'open'), ...end(100)];
    expect(figures.dualActiveMs(samples)).toBe(0);
    expect(figures.dualActiveSpans(samples)).toEqual([]);
  });

  test('two open gates count from question to question, and say who and when', () => {
    const samples = [0, 50].flatMap((atMs) => [sample(EAST, atMs, 'open'), sample(WEST, atMs, 'open')]);
    expect(figures.dualActiveMs([...samples, ...end(100)])).toBe(100);
    expect(figures.dualActiveSpans([...samples, ...end(100)])).toEqual([{ fromMs: 0, toMs: 100, regions: [EAST, WEST] }]);
  });

  test.each([
    [figures.GATE_ANSWER_LIMIT_MS - 1, 50],
    [figures.GATE_ANSWER_LIMIT_MS, 50],
    [figures.GATE_ANSWER_LIMIT_MS + 1, 0],
  ])('an answer after %i ms contributes %i ms', (answerMs, expected) => {
    expect(figures.dualActiveMs([sample(EAST, 0, 'open', answerMs), sample(WEST, 0, 'open'), ...end(50)])).toBe(expected);
  });

  test('a late 503 does not end what a counted 200 said, a counted one does', () => {
    const both = [sample(EAST, 0, 'open'), sample(WEST, 0, 'open')];
    const after = (answerMs: number) => [sample(EAST, 50, 'shut', answerMs), sample(WEST, 50, 'open'), ...end(100)];
    expect(figures.dualActiveMs([...both, ...after(figures.GATE_ANSWER_LIMIT_MS + 1)])).toBe(100);
    expect(figures.dualActiveMs([...both, ...after(5)])).toBe(50);
  });

  test('what is no verdict does not end what a 200 said, however soon it came', () => {
    const samples = [sample(EAST, 0, 'open'), sample(WEST, 0, 'open'), sample(EAST, 50, 'none', 5), sample(WEST, 50, 'open'), ...end(100)];
    expect(figures.dualActiveMs(samples)).toBe(100);
  });

  test('a 200 stands for two intervals at most when nothing follows', () => {
    const west = [0, 50, 100, 150, 200].map((atMs) => sample(WEST, atMs, 'open'));
    expect(figures.dualActiveMs([sample(EAST, 0, 'open'), sample(EAST, 50, 'none', null), ...west])).toBe(figures.GATE_HOLD_MS);
  });

  test('gates that only answer every other time, in turns, are still seen', () => {
    const samples = [sample(EAST, 0, 'open'), sample(WEST, 50, 'open'), sample(EAST, 100, 'open'), sample(WEST, 150, 'open'), ...end(200)];
    expect(figures.dualActiveMs(samples)).toBe(150);
  });

  test('the time is the same as counted millisecond by millisecond', () => {
    const verdict = fc.constantFrom<GateSample['verdict']>('open', 'shut', 'none');
    const answer = fc.constantFrom(1, figures.GATE_ANSWER_LIMIT_MS, figures.GATE_ANSWER_LIMIT_MS + 1);
    const series = (region: string) =>
      fc.array(fc.record({ gap: fc.constantFrom(49, 50, 51, 99, 100, 101, 130), verdict, answer }), { maxLength: 12 }).map((steps) => {
        let atMs = 0;
        return steps.map((step) => {
          atMs += step.gap;
          return sample(region, atMs, step.verdict, step.verdict === 'none' ? null : step.answer);
        });
      });
    fc.assert(
      fc.property(series(EAST), series(WEST), (east, west) => {
        const says200 = (own: readonly GateSample[], atMs: number) => {
          const verdicts = own.filter((s) => s.verdict !== 'none' && s.answeredAtMs !== null && s.answeredAtMs - s.sentAtMs <= 250 && s.sentAtMs <= atMs);
          const newest = verdicts.at(-1);
          return newest?.verdict === 'open' && atMs < newest.sentAtMs + 100;
        };
        let expected = 0;
        for (let atMs = 0; atMs < 2000; atMs += 1) if (says200(east, atMs) && says200(west, atMs)) expected += 1;
        expect(figures.dualActiveMs([...west, ...east])).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });
});

describe('stale writes and the lost region', () => {
  const taken = { holder: WEST, epoch: 4, state: 'failing-over' };
  const readings = [reading(EAST, 1000, 5), reading(WEST, 1000, 5), reading(WEST, 35_000, 9, taken), reading(WITNESS, 35_200, 9, taken)];

  test('an epoch is over when a later one is chosen, or a write was acknowledged in it, whichever was seen first', () => {
    expect(figures.epochOverAtMs(readings, 3, [], 3)).toBe(35_200);
    expect(figures.epochOverAtMs(readings, 3, [write(1, 35_100, 4)], 3)).toBe(35_100);
    expect(figures.epochOverAtMs(readings, 3, [write(1, 36_000, 4)], 3)).toBe(35_200);
    expect(figures.epochOverAtMs(readings, 3, [], 4)).toBeNull();
  });

  test('a write acknowledged after that is stale: in flight if it was sent before, forbidden if after', () => {
    const before = write(1, 35_200, 3);
    const inFlight = write(2, 35_201, 3, { sentAtMs: 35_199 });
    const sentAtTheEnd = write(3, 35_300, 3, { sentAtMs: 35_200 });
    const current = write(4, 60_000, 4);
    const stale = figures.staleEpochWrites(readings, 3, [before, inFlight, sentAtTheEnd, current]);
    expect(stale).toEqual({ inFlight: [inFlight], sentAfter: [sentAtTheEnd] });
  });

  test("a counted 200 of the lost gate after that is serving again; a frozen one, an earlier one, another's are not", () => {
    const again = sample(EAST, 70_000, 'open');
    const samples = [again, sample(EAST, 10_000, 'open', 60_000), sample(EAST, 35_190, 'open', 10), sample(WEST, 70_000, 'open'), sample(EAST, 70_050, 'shut')];
    expect(figures.gateOpenAfterEpochOver(samples, EAST, 35_200)).toEqual([again]);
  });

  test('a write by a region that does not hold the epoch which it names is found', () => {
    const wrong = write(1, 60_000, 4, { region: EAST });
    const unknownEpoch = write(2, 60_000, 9, { region: EAST });
    expect(figures.writesByNonHolder(readings, 3, [wrong, unknownEpoch, write(3, 60_000, 4), write(4, 2000, 3)])).toEqual([wrong]);
  });
});

test('acknowledged writes are those alone, by the time of their answers', () => {
  const read: Attempt = { kind: 'read', id: 'x', address: '127.0.0.1', sentAtMs: 1, answeredAtMs: 2, status: 200 };
  expect(figures.acknowledgedWrites([write(2, 20, 3), read, unanswered(3, 5), write(1, 10, 3)]).map((w) => w.answeredAtMs)).toEqual([10, 20]);
});

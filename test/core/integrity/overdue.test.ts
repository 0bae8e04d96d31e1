// Schedules and their misses, against a calendar that is not ours: each minute of years, as `Date` counts them.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { earlyMs, overdue, tellAgainMs, toldAfter, toTell } from '../../../src/core/integrity/overdue.ts';
import { nextDue, readSchedule, type Schedule } from '../../../src/core/integrity/schedule.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;
const runs = Number(process.env['HOLDFAST_RUNS'] ?? 300);

function scheduleOf(text: string): Schedule {
  const read = readSchedule(text);
  if (read.kind === 'refused') throw new Error(read.because);
  return read.schedule;
}

type Field = { readonly text: string; readonly has: (n: number) => boolean };

/** A field with what it means, said the other way round: by a predicate. */
function field(low: number, high: number): fc.Arbitrary<Field> {
  const number = fc.integer({ min: low, max: high });
  const part: fc.Arbitrary<Field> = fc.oneof(
    fc.constant({ text: '*', has: () => true }),
    number.map((n) => ({ text: String(n), has: (m: number) => m === n })),
    fc.tuple(number, number).map(([a, b]) => ({ text: `${Math.min(a, b)}-${Math.max(a, b)}`, has: (m: number) => m >= Math.min(a, b) && m <= Math.max(a, b) })),
    fc.tuple(number, fc.integer({ min: 1, max: 20 })).map(([from, step]) => ({ text: `${from}/${step}`, has: (m: number) => m >= from && (m - from) % step === 0 })),
    fc.integer({ min: 1, max: 20 }).map((step) => ({ text: `*/${step}`, has: (m: number) => (m - low) % step === 0 })),
  );
  return fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => ({ text: parts.map(({ text }) => text).join(','), has: (m) => parts.some(({ has }) => has(m)) }));
}

const always: Field = { text: '?', has: () => true };
const crons = fc
  .record({ minute: field(0, 59), hour: field(0, 23), day: field(1, 31), month: field(1, 12), weekday: field(1, 7), isByDay: fc.boolean() })
  .map(({ minute, hour, day, month, weekday, isByDay }) => {
    const [d, w] = isByDay ? [day, always] : [always, weekday];
    return {
      text: `cron(${minute.text} ${hour.text} ${d.text} ${month.text} ${w.text} *)`,
      isDue: (atMs: number) => {
        const at = new Date(atMs);
        return minute.has(at.getUTCMinutes()) && hour.has(at.getUTCHours()) && d.has(at.getUTCDate()) && month.has(at.getUTCMonth() + 1) && w.has(at.getUTCDay() + 1);
      },
    };
  })
  // 31 February and its like, which are refused.
  .filter(({ text }) => readSchedule(text).kind === 'read');

// From 1970 to 2103, also around the ends of months and leap days.
const moments = fc.oneof(
  fc.integer({ min: 0, max: 4_200_000_000_000 }),
  fc.tuple(fc.integer({ min: 1971, max: 2103 }), fc.integer({ min: 0, max: 12 }), fc.constantFrom(-minuteMs, -1, 0, 1, minuteMs)).map(([year, month, off]) => Date.UTC(year, month, 1) + off),
);

describe('a schedule', () => {
  it('is due next when the calendar first says so', () => {
    fc.assert(
      fc.property(crons, moments, ({ text, isDue }, afterMs) => {
        const due = nextDue(scheduleOf(text), afterMs);
        if (due === null) return true;
        expect(due, text).toBeGreaterThan(afterMs);
        expect(isDue(due), `${text} at ${new Date(due).toISOString()}`).toBe(true);
        // Nothing before it, as far as a test has time to look.
        const from = (Math.floor(afterMs / minuteMs) + 1) * minuteMs;
        const missed = (low: number, high: number) => {
          for (let at = low; at < high; at += minuteMs) if (isDue(at)) return `${text} at ${new Date(at).toISOString()}`;
          return undefined;
        };
        expect(missed(from, Math.min(due, from + dayMs)) ?? missed(Math.max(from, due - dayMs), due)).toBeUndefined();
        return true;
      }),
      { numRuns: runs, seed: Number(process.env['HOLDFAST_SEED'] ?? 20261128) },
    );
  });

  it('is read with names, leap days and rates', () => {
    expect(nextDue(scheduleOf('cron(0 0 29 FEB ? *)'), Date.UTC(2096, 1, 29))).toBe(Date.UTC(2104, 1, 29));
    expect(nextDue(scheduleOf('cron(30 6 ? * MON-FRI *)'), Date.UTC(2026, 10, 27, 6, 30))).toBe(Date.UTC(2026, 10, 30, 6, 30));
    expect(nextDue(scheduleOf('cron(0 12 ? * sun *)'), Date.UTC(2026, 10, 28))).toBe(Date.UTC(2026, 10, 29, 12));
    expect([scheduleOf('rate(1 minute)'), scheduleOf('rate(6 hours)'), scheduleOf('rate(2 days)')].map((s) => nextDue(s, 7))).toEqual([60_007, 21_600_007, 172_800_007]);
  });

  it.each([
    ['daily', 'neither'],
    ['rate(0 hours)', 'neither'],
    ['rate(1 week)', 'neither'],
    ['at(2026-11-28T00:00:00)', 'neither'],
    ['cron(0 0 * * ?)', 'six fields'],
    ['cron(0 0 * * ? * *)', 'six fields'],
    ['cron(0 0 * * ? 2026)', 'year'],
    ['cron(0 0 * * * *)', 'exactly one'],
    ['cron(0 0 ? * ? *)', 'exactly one'],
    ['cron(60 0 * * ? *)', 'the minutes'],
    ['cron(0 24 * * ? *)', 'the hours'],
    ['cron(0 5-2 * * ? *)', 'the hours'],
    ['cron(0 */0 * * ? *)', 'the hours'],
    ['cron(0 1-2-3 * * ? *)', 'the hours'],
    ['cron(0 1/2/3 * * ? *)', 'the hours'],
    ['cron(0 , * * ? *)', 'the hours'],
    ['cron(0 0 0 * ? *)', 'the day of month'],
    ['cron(0 0 L * ? *)', 'the day of month'],
    ['cron(0 0 15W * ? *)', 'the day of month'],
    ['cron(0 0 * 13 ? *)', 'the month'],
    ['cron(0 0 ? * 2#1 *)', 'the day of week'],
    ['cron(0 0 ? * 0 *)', 'the day of week'],
    ['cron(0 0 31 4,6 ? *)', 'never due'],
  ])('%s is refused by name', (text, why) => {
    const read = readSchedule(text);
    expect(read.kind === 'refused' ? read.because : 'read').toContain(why);
  });
});

describe('overdue', () => {
  it('is what was due after the newest and before the margin, and nothing else', () => {
    fc.assert(
      fc.property(
        crons,
        moments,
        fc.integer({ min: 1, max: 2 * 24 * 60 }).map((minutes) => minutes * minuteMs),
        fc.integer({ min: -1, max: 1 }),
        fc.integer({ min: 0, max: 180 }).map((minutes) => minutes * minuteMs),
        ({ text, isDue }, newestAtMs, passedMs, off, marginMs) => {
          const nowMs = newestAtMs + passedMs + off;
          const [found] = overdue([{ what: 'x', schedule: scheduleOf(text), marginMs, newestAtMs }], 0, nowMs);
          let first: number | undefined;
          for (let at = Math.ceil((newestAtMs + earlyMs) / minuteMs) * minuteMs; at + marginMs < nowMs && first === undefined; at += minuteMs) if (isDue(at)) first = at;
          expect(found?.dueAtMs, text).toBe(first);
          if (found !== undefined) expect(found.lateMs).toBe(nowMs - found.dueAtMs);
        },
      ),
      { numRuns: runs, seed: Number(process.env['HOLDFAST_SEED'] ?? 20261128) },
    );
  });

  it('of a rate begins one margin after its time, to the millisecond', () => {
    const expected = (newestAtMs: number | null) => [{ what: 'log', schedule: scheduleOf('rate(1 minute)'), marginMs: 600_000, newestAtMs }];
    expect(overdue(expected(1_000_000), 0, 1_000_000 + 660_000)).toEqual([]);
    expect(overdue(expected(1_000_000), 0, 1_000_000 + 660_001)).toMatchObject([{ what: 'log', dueAtMs: 1_060_000, lateMs: 600_001 }]);
    // Nothing was expected before somebody looked; what never was is due from then on.
    expect(overdue(expected(null), 5_000_000, 5_000_000 + 660_000)).toEqual([]);
    expect(overdue(expected(null), 5_000_000, 5_000_000 + 660_001)).toMatchObject([{ newestAtMs: null, because: expect.stringContaining('there is none') }]);
    expect(overdue(expected(1_000_000), 5_000_000, 5_000_000 + 660_000)).toEqual([]);
  });

  it('counts what was made up to a minute before it was due', () => {
    const at = Date.UTC(2026, 10, 28);
    const found = (newestAtMs: number) => overdue([{ what: 'full', schedule: scheduleOf('cron(0 0 * * ? *)'), marginMs: 0, newestAtMs }], 0, at + 1);
    expect(found(at - earlyMs)).toHaveLength(1);
    expect(found(at - earlyMs + 1)).toEqual([]);
    expect(found(at)).toEqual([]);
  });

  it('is told once for a miss, once more each day, and anew for the next miss', () => {
    const miss = { what: 'full', newestAtMs: 5, dueAtMs: 10, lateMs: 1, because: 'full' };
    const first = toTell([miss], [{}], 100);
    expect(first).toEqual([miss]);
    const told = toldAfter([miss], first, {}, 100);
    expect(told).toEqual({ full: 100 });
    // By whichever region: the other one is silent then, and its row says nothing that it did not tell.
    expect(toTell([miss], [{}, told], 100 + tellAgainMs - 1)).toEqual([]);
    expect(toldAfter([miss], [], {}, 200)).toEqual({});
    expect(toTell([miss], [told], 100 + tellAgainMs)).toEqual([miss]);
    expect(toldAfter([miss], [], told, 200)).toEqual(told);
    expect(toldAfter([], [], told, 200)).toEqual({});
    // What a region that was away had made before people were told is the same miss; what was made after it began another.
    for (const newestAtMs of [null, 99, 100]) expect(toTell([{ ...miss, newestAtMs }], [told], 200)).toEqual([]);
    expect(toTell([{ ...miss, newestAtMs: 101 }], [told], 200)).toHaveLength(1);
    expect(toldAfter([{ ...miss, newestAtMs: 101 }], [], told, 200)).toEqual({});
  });
});

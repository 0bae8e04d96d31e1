// Schedules as EventBridge Scheduler writes them, in UTC: when one is due next. A schedule that cannot be read here is refused when the
// configuration is loaded: a miss of it could not be noticed. Pure.
import { civilOf, dayMs } from '../backup/moment.ts';

export type Schedule =
  | { readonly kind: 'rate'; readonly everyMs: number }
  /** What may be; days of the week from 1, Sunday. */
  | { readonly kind: 'cron'; readonly minutes: Allowed; readonly hours: Allowed; readonly days: Allowed; readonly months: Allowed; readonly weekdays: Allowed };

type Allowed = ReadonlySet<number>;

export type ReadSchedule = { readonly kind: 'read'; readonly schedule: Schedule } | { readonly kind: 'refused'; readonly because: string };

const units: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: dayMs };
const monthNames = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const weekdayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
/** From one 29 February to the next are up to eight years. */
const daysLooked = 9 * 366;

export function readSchedule(text: string): ReadSchedule {
  const [, count, unit] = /^rate\((\d{1,6}) (minute|hour|day)s?\)$/.exec(text) ?? [];
  const unitMs = unit === undefined ? undefined : units[unit];
  if (unitMs !== undefined && Number(count) > 0) return { kind: 'read', schedule: { kind: 'rate', everyMs: Number(count) * unitMs } };
  const [, fields] = /^cron\((.+)\)$/.exec(text) ?? [];
  if (fields === undefined) return refused(`'${text}' is neither 'rate(N minutes|hours|days)' nor 'cron(minutes hours day-of-month month day-of-week year)'`);
  const [minute = '', hour = '', day = '', month = '', weekday = '', year, ...more] = fields.split(' ');
  if (year === undefined || more.length > 0) return refused(`'${text}' does not have six fields: minutes, hours, day of month, month, day of week, year`);
  if (year !== '*') return refused(`the year of '${text}' must be *: a schedule that ends would be missed for ever after`);
  if ((day === '?') === (weekday === '?')) return refused(`of day of month and day of week in '${text}' exactly one must be ?`);
  const schedule = {
    kind: 'cron',
    minutes: allowed(minute, 0, 59, []),
    hours: allowed(hour, 0, 23, []),
    days: allowed(day === '?' ? '*' : day, 1, 31, []),
    months: allowed(month, 1, 12, monthNames),
    weekdays: allowed(weekday === '?' ? '*' : weekday, 1, 7, weekdayNames),
  } as const;
  const { minutes, hours, days, months, weekdays } = schedule;
  for (const [what, found] of [
    ['minutes', minutes],
    ['hours', hours],
    ['day of month', days],
    ['month', months],
    ['day of week', weekdays],
  ] as const)
    if (found === null) return refused(`the ${what} of '${text}' must be *, numbers, ranges (1-5), steps (*/15) or lists of these; L, W and # are not read`);
  if (minutes === null || hours === null || days === null || months === null || weekdays === null) return refused(`'${text}' cannot be read`);
  const read = { kind: 'cron', minutes, hours, days, months, weekdays } as const;
  return nextDue(read, 0) === null ? refused(`'${text}' is never due: there is no such day`) : { kind: 'read', schedule: read };
}

function refused(because: string): ReadSchedule {
  return { kind: 'refused', because };
}

/** null: it cannot be read. */
function allowed(field: string, low: number, high: number, names: readonly string[]): Allowed | null {
  const found = new Set<number>();
  const numberOf = (word: string) => {
    const named = names.indexOf(word.toUpperCase());
    return named === -1 ? (/^\d{1,2}$/.test(word) ? Number(word) : Number.NaN) : named + low;
  };
  for (const part of field.split(',')) {
    const [span = '', step, ...tooMany] = part.split('/');
    const [from = '', to, ...more] = span.split('-');
    const first = from === '*' && to === undefined ? low : numberOf(from);
    // `5/10`: from 5 on, each tenth.
    const last = from === '*' || (to === undefined && step !== undefined) ? high : numberOf(to ?? from);
    const each = step === undefined ? 1 : /^\d{1,2}$/.test(step) ? Number(step) : 0;
    if (tooMany.length > 0 || more.length > 0 || !(first >= low && first <= last && last <= high && each >= 1)) return null;
    for (let n = first; n <= last; n += each) found.add(n);
  }
  return found;
}

/** The first time after `afterMs` at which it is due. A rate has no fixed hour: it is due so long after the last time. null: never. */
export function nextDue(schedule: Schedule, afterMs: number): number | null {
  if (schedule.kind === 'rate') return afterMs + schedule.everyMs;
  const firstMinute = Math.floor(afterMs / 60_000) + 1;
  const firstDay = Math.floor((firstMinute * 60_000) / dayMs);
  for (let day = firstDay; day < firstDay + daysLooked; day += 1) {
    const { month, day: dayOfMonth } = civilOf(day);
    // The first day of 1970 was a Thursday, the fifth day of its week.
    if (!schedule.months.has(month) || !schedule.days.has(dayOfMonth) || !schedule.weekdays.has(((day + 4) % 7) + 1)) continue;
    for (let minute = day === firstDay ? firstMinute - day * 1440 : 0; minute < 1440; minute += 1) {
      if (schedule.hours.has(Math.floor(minute / 60)) && schedule.minutes.has(minute % 60)) return day * dayMs + minute * 60_000;
    }
  }
  return null;
}

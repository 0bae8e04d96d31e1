// Moments as people write them and as calendars count them, in UTC and without a clock.

export type Civil = { readonly year: number; readonly month: number; readonly day: number };

export const dayMs = 86_400_000;

/** The date of a day counted from 1970: Howard Hinnant's days-to-civil algorithm. */
export function civilOf(days: number): Civil {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor((dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const m = Math.floor((5 * dayOfYear + 2) / 153);
  const month = m < 10 ? m + 3 : m - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day: dayOfYear - Math.floor((153 * m + 2) / 5) + 1 };
}

/** `2026-11-28T03:00:00.000Z` */
export function time(ms: number): string {
  if (!Number.isFinite(ms)) return 'no time';
  const days = Math.floor(ms / dayMs);
  const rest = Math.floor(ms - days * dayMs);
  const { year, month, day } = civilOf(days);
  const digits = (n: number, length = 2) => String(n).padStart(length, '0');
  return `${digits(year, 4)}-${digits(month)}-${digits(day)}T${digits(Math.floor(rest / 3_600_000))}:${digits(Math.floor(rest / 60_000) % 60)}:${digits(Math.floor(rest / 1000) % 60)}.${digits(rest % 1000, 3)}Z`;
}

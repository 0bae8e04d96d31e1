// What should have happened by now and did not: a backup that was never made says nothing, so it is its absence that is looked for. Pure.
import { time } from '../backup/moment.ts';
import { nextDue, type Schedule } from './schedule.ts';

export type Expected = {
  readonly what: string;
  readonly schedule: Schedule;
  /** It is late only so long after it was due: to run takes time. */
  readonly marginMs: number;
  /** The newest that there is; null: none. */
  readonly newestAtMs: number | null;
};

export type Overdue = { readonly what: string; readonly newestAtMs: number | null; readonly dueAtMs: number; readonly lateMs: number; readonly because: string };

/** What was made up to so long before it was due counts for it: clocks differ a little. */
export const earlyMs = 60_000;

/** @param sinceMs from when on it was expected at all: before that nothing was due */
export function overdue(expected: readonly Expected[], sinceMs: number, nowMs: number): Overdue[] {
  return expected.flatMap(({ what, schedule, marginMs, newestAtMs }) => {
    const lastMs = Math.max(sinceMs, newestAtMs ?? sinceMs);
    const dueAtMs = nextDue(schedule, schedule.kind === 'cron' ? lastMs + earlyMs - 1 : lastMs);
    if (dueAtMs === null || nowMs <= dueAtMs + marginMs) return [];
    const newest = newestAtMs === null ? 'there is none' : `the newest is of ${time(newestAtMs)}`;
    return [{ what, newestAtMs, dueAtMs, lateMs: nowMs - dueAtMs, because: `${what}: due at ${time(dueAtMs)}, and ${newest}` }];
  });
}

/** When a region told people of what is missed, by its name: once for each miss, and again each day that it lasts. */
export type Told = Readonly<Record<string, number>>;

export const tellAgainMs = 24 * 3_600_000;

/**
 * Of what is overdue, what nobody was told of. What was made after people were told ended that miss: this is another one.
 * @param told by each region that answers, the own one among them
 */
export function toTell(found: readonly Overdue[], told: readonly Told[], nowMs: number): Overdue[] {
  return found.filter(({ what, newestAtMs }) => !told.some((by) => isSameMiss(by[what], newestAtMs) && nowMs - (by[what] ?? 0) < tellAgainMs));
}

/** The own row afterwards: what is no longer overdue is forgotten, so that the next miss is told. */
export function toldAfter(found: readonly Overdue[], tellingNow: readonly Overdue[], before: Told, nowMs: number): Told {
  return Object.fromEntries(
    found.flatMap(({ what, newestAtMs }) => {
      if (tellingNow.some((each) => each.what === what)) return [[what, nowMs]];
      const toldAtMs = before[what];
      return toldAtMs !== undefined && isSameMiss(toldAtMs, newestAtMs) ? [[what, toldAtMs]] : [];
    }),
  );
}

function isSameMiss(toldAtMs: number | undefined, newestAtMs: number | null): boolean {
  return toldAtMs !== undefined && (newestAtMs === null || newestAtMs <= toldAtMs);
}

// What a table must hold at a moment in time by the journal alone, and how a restored one differs from it. Point-in-time restore is worth
// what this comparison is worth: it knows nothing of how a restore is made, only what was promised to a client, and when.
import type { Attempt, Change, StoredWrites } from './journal.ts';

/** Times in streams are whole seconds, rounded down, on AWS and here: a change counts as made at any time from the begin of its second on. */
const STAMP_MS = 1000;
/** The observer's clock against that of whoever stamps the changes: on one machine, between two adjustments of its time. */
const CLOCK_SLACK_MS = 50;

/** An order's text, or null where there is no such order. */
export type State = string | null;

export interface Moment {
  /** Milliseconds since 1970. */
  readonly atWallMs: number;
  /** What the observer's clock calls 0. */
  readonly startedAtWallMs: number;
}

export interface Comparison {
  /** Orders that the observer had anything to do with before the moment, or found in the table. */
  readonly orders: number;
  /** Orders of which the restored table holds a state that it may hold. */
  readonly right: number;
  /** Orders that may rightly be in more than one state: a change was under way, or its outcome is unknown. */
  readonly ambiguous: number;
  readonly missing: readonly string[];
  readonly extra: readonly string[];
  readonly wrong: readonly string[];
}

export function changesOf(attempts: readonly Attempt[]): Change[] {
  const changes: Change[] = [];
  for (const attempt of attempts) {
    if (attempt.kind === 'write') changes.push(attempt);
  }
  return changes;
}

/** Whether a change must be in the state at the moment, may not be, or can be either. */
export function standingAt(change: Change, { atWallMs, startedAtWallMs }: Moment): 'in' | 'out' | 'either' {
  if (change.outcome === 'refused') return 'out';
  const earliestStampMs = Math.floor((startedAtWallMs + change.sentAtMs - CLOCK_SLACK_MS) / STAMP_MS) * STAMP_MS;
  if (earliestStampMs > atWallMs) return 'out';
  if (change.outcome === 'unknown' || change.answeredAtMs === null) return 'either';
  return startedAtWallMs + change.answeredAtMs + CLOCK_SLACK_MS <= atWallMs ? 'in' : 'either';
}

/** For each order that was changed, every state in which it may be at the moment. */
export function statesAt(changes: readonly Change[], moment: Moment): Map<string, ReadonlySet<State>> {
  const states = new Map<string, ReadonlySet<State>>();
  for (const [id, own] of Map.groupBy(changes, (change) => change.id)) states.set(id, statesOf(own, moment));
  return states;
}

function statesOf(changes: readonly Change[], moment: Moment): ReadonlySet<State> {
  const certain = changes.filter((change) => standingAt(change, moment) === 'in');
  const possible = changes.filter((change) => standingAt(change, moment) !== 'out');
  const states = new Set<State>(possible.filter((change) => !certain.some((other) => isAfter(other, change))).map((change) => change.text));
  if (certain.length === 0) states.add(null);
  return states;
}

/** Whether `later` surely took effect after `earlier`: one with an unknown outcome may take effect at any time. */
export function isAfter(later: Change, earlier: Change): boolean {
  return earlier.outcome === 'acknowledged' && earlier.answeredAtMs !== null && later.sentAtMs >= earlier.answeredAtMs;
}

export function compareRestored(changes: readonly Change[], moment: Moment, stored: StoredWrites): Comparison {
  const states = statesAt(changes, moment);
  const found = { missing: new Array<string>(), extra: new Array<string>(), wrong: new Array<string>() };
  let right = 0;
  let orders = 0;
  let ambiguous = 0;
  for (const id of new Set([...states.keys(), ...stored.keys()])) {
    const allowed = states.get(id) ?? new Set<State>([null]);
    if (allowed.size > 1) ambiguous += 1;
    const item = stored.get(id);
    if (item !== undefined || allowed.size > 1 || !allowed.has(null)) orders += 1;
    if (isOneOf(allowed, item)) right += item === undefined ? 0 : 1;
    else if (item === undefined) found.missing.push(id);
    else (allowed.size === 1 && allowed.has(null) ? found.extra : found.wrong).push(id);
  }
  return { orders, right, ambiguous, ...found };
}

function isOneOf(allowed: ReadonlySet<State>, item: string | undefined): boolean {
  return item === undefined ? allowed.has(null) : [...allowed].some((text) => text !== null && item.includes(text));
}

/** How far the restored table is behind the moment, in seconds: from the answer to the oldest change that must be in it and is not, to the moment. */
export function behindSeconds(changes: readonly Change[], moment: Moment, stored: StoredWrites): number {
  const { missing, extra, wrong } = compareRestored(changes, moment, stored);
  const behind = new Set([...missing, ...extra, ...wrong]);
  let oldestMs = moment.atWallMs;
  for (const [id, own] of Map.groupBy(changes, (change) => change.id)) {
    if (!behind.has(id)) continue;
    const certain = own.filter((change) => standingAt(change, moment) === 'in').sort((a, b) => a.sentAtMs - b.sentAtMs);
    const item = stored.get(id);
    const held = certain.findLastIndex((change) => (change.text === null ? item === undefined : (item?.includes(change.text) ?? false)));
    const first = certain[held + 1]?.answeredAtMs;
    if (first !== null && first !== undefined) oldestMs = Math.min(oldestMs, moment.startedAtWallMs + first);
  }
  return (moment.atWallMs - oldestMs) / 1000;
}

/** Orders whose state in the restored table is not the one that they have later on: how much a point in time meant in this run. */
export function changedSince(changes: readonly Change[], restored: StoredWrites, later: StoredWrites): number {
  let changed = 0;
  for (const [id, own] of Map.groupBy(changes, (change) => change.id)) {
    if (stateIn(own, restored.get(id)) !== stateIn(own, later.get(id))) changed += 1;
  }
  return changed;
}

function stateIn(changes: readonly Change[], item: string | undefined): State {
  return changes.find(({ text }) => text !== null && item?.includes(text))?.text ?? null;
}

/**
 * Acknowledged changes that went lost in silence: the order is at the end in an earlier state, and the divergence report does not list the change.
 * For a removal it must list the order.
 */
export function unaccountedChanges(changes: readonly Change[], atEnd: StoredWrites, divergence: StoredWrites): Change[] {
  return [...Map.groupBy(changes, (change) => change.id)].flatMap(([id, own]) => {
    const made = own.filter(({ outcome }) => outcome !== 'refused').sort((a, b) => a.sentAtMs - b.sentAtMs);
    const item = atEnd.get(id);
    const state = made.findLastIndex(({ text }) => (text === null ? item === undefined : (item?.includes(text) ?? false)));
    const listed = divergence.get(id);
    return made.slice(state + 1).filter(({ outcome, text }) => outcome === 'acknowledged' && !(text === null ? listed !== undefined : (listed?.includes(text) ?? false)));
  });
}

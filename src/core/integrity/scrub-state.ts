// Where the scrub is and what it found that still stands: the row SCRUB of a region. A round in another region goes on from the newest row. Pure.
import { isCount, isFields, isText, listOf } from '../backup/payload.ts';
import { MalformedError } from '../errors.ts';
import type { Row, RowChange, RowKey } from '../rows/row.ts';
import { nextShare, shares } from './shares.ts';

export type Violation = {
  readonly site: string;
  readonly name: string;
  readonly what: string;
  /** 'failed' may still be repaired; 'lost': every site answered, and none has it whole. */
  readonly outcome: 'failed' | 'lost';
  readonly foundAtMs: number;
  readonly because: string;
  /** Chains of which a point needs it, where it is lost. */
  readonly chains: readonly string[];
};

export type Round = { readonly startedAtMs: number; readonly endedAtMs: number; readonly objects: number; readonly bytes: number; readonly repaired: number; readonly silent: readonly string[] };

export type ScrubState = {
  /** The share that is next, and the name in it after which to go on; '' from its beginning. */
  readonly share: number;
  readonly after: string;
  readonly roundStartedAtMs: number;
  /** Of the round under way. */
  readonly objects: number;
  readonly bytes: number;
  readonly repaired: number;
  /** Sites that did not answer for something in this round: they were not read in full. */
  readonly silent: readonly string[];
  /** The last whole round; null before the first. */
  readonly lastRound: Round | null;
  readonly standing: readonly Violation[];
  /** Found in this round so far and not repaired. */
  readonly found: number;
  /** How many stand in all: the list is bounded. Of those beyond it, some may count twice until the round ends. */
  readonly standingCount: number;
  /** People could not be told yet of all that stands. */
  readonly isUntold: boolean;
  readonly atMs: number;
  readonly region: string;
};

/** So many violations are kept by name; more than that are counted for as long as their share is not scrubbed again. */
export const standingMax = 200;

export function firstState(region: string, nowMs: number): ScrubState {
  return {
    share: 0,
    after: '',
    roundStartedAtMs: nowMs,
    objects: 0,
    bytes: 0,
    repaired: 0,
    silent: [],
    lastRound: null,
    standing: [],
    found: 0,
    standingCount: 0,
    isUntold: false,
    atMs: nowMs,
    region,
  };
}

export type StepResult = {
  readonly share: number;
  /** The last name that was looked at where the share is not done; null: it is. */
  readonly resumeAfter: string | null;
  readonly objects: number;
  readonly bytes: number;
  readonly repaired: number;
  readonly silent: readonly string[];
  readonly violations: readonly Violation[];
};

/** What stands after a step: of what the step looked at, only what it found; of the rest, what stood before. */
export function advance(state: ScrubState, step: StepResult, region: string, nowMs: number): ScrubState {
  const prefix = shares[step.share] ?? '';
  const wasSeen = ({ name }: Violation) => name.startsWith(prefix) && name > state.after && (step.resumeAfter === null || name <= step.resumeAfter);
  const kept = state.standing.filter((violation) => !wasSeen(violation));
  const uncounted = state.standingCount - state.standing.length;
  const all = lostFirst([...kept, ...step.violations]);
  const done = { objects: state.objects + step.objects, bytes: state.bytes + step.bytes, repaired: state.repaired + step.repaired, silent: [...new Set([...state.silent, ...step.silent])].sort() };
  const found = state.found + step.violations.length;
  const shared = { found, standing: all.slice(0, standingMax), standingCount: all.length + uncounted, isUntold: state.isUntold || step.violations.length > 0, atMs: nowMs, region };
  if (step.resumeAfter !== null) return { ...state, ...done, ...shared, share: step.share, after: step.resumeAfter };
  const share = nextShare(step.share);
  if (share !== 0) return { ...state, ...done, ...shared, share, after: '' };
  // By now everything was looked at.
  const standingCount = Math.max(found, all.length);
  return {
    ...shared,
    found: 0,
    standingCount,
    share,
    after: '',
    roundStartedAtMs: nowMs,
    objects: 0,
    bytes: 0,
    repaired: 0,
    silent: [],
    lastRound: { startedAtMs: state.roundStartedAtMs, endedAtMs: nowMs, ...done },
  };
}

/** Names that were looked at out of their turn: of them stands only what was found now. */
export function settleNames(state: ScrubState, names: readonly string[], found: Pick<StepResult, 'repaired' | 'violations'>, region: string, nowMs: number): ScrubState {
  const kept = state.standing.filter(({ name }) => !names.includes(name));
  const all = lostFirst([...kept, ...found.violations]);
  const standingCount = state.standingCount - state.standing.length + all.length;
  return { ...state, repaired: state.repaired + found.repaired, standing: all.slice(0, standingMax), standingCount, isUntold: state.isUntold || found.violations.length > 0, atMs: nowMs, region };
}

/** What is lost breaks chains: it is the last to be dropped from the list. */
function lostFirst(violations: readonly Violation[]): Violation[] {
  return violations.toSorted((a, b) => Number(b.outcome === 'lost') - Number(a.outcome === 'lost'));
}

/** Whether the round would not end in its period at this pace: the step then goes on with the next share. */
export function isBehind(state: ScrubState, periodMs: number, nowMs: number): boolean {
  return state.share / shares.length < (nowMs - state.roundStartedAtMs) / periodMs;
}

export const scrubKey: RowKey = { table: 'region', pk: 'SCRUB', sk: 'vault' };

/** One step at a time: the claim is over when the step is, or its time. */
export function claimScrub(nowMs: number, untilMs: number): RowChange {
  return { key: scrubKey, set: { claimedUntilMs: untilMs }, when: [{ attribute: 'claimedUntilMs', is: '<=', value: nowMs }], mayCreate: true };
}

export function scrubbed(state: ScrubState, claimedUntilMs: number): RowChange {
  return { key: scrubKey, set: { state: JSON.stringify(state), atMs: state.atMs, claimedUntilMs: 0 }, when: [{ attribute: 'claimedUntilMs', is: '=', value: claimedUntilMs }], mayCreate: false };
}

/** Between shares, so that what was done is not done again where the step dies. */
export function scrubbedSoFar(state: ScrubState, claimedUntilMs: number): RowChange {
  return { key: scrubKey, set: { state: JSON.stringify(state), atMs: state.atMs }, when: [{ attribute: 'claimedUntilMs', is: '=', value: claimedUntilMs }], mayCreate: false };
}

/** A step that failed; what it did before that is in the row already. */
export function scrubGivenUp(claimedUntilMs: number): RowChange {
  return { key: scrubKey, set: { claimedUntilMs: 0 }, when: [{ attribute: 'claimedUntilMs', is: '=', value: claimedUntilMs }], mayCreate: false };
}

/** null where there is none. @throws MalformedError */
export function parseScrubRow(row: Row | undefined): ScrubState | null {
  if (row === undefined || row['state'] === undefined) return null;
  const state = parsed(row['state']);
  if (!isScrubState(state)) throw new MalformedError('The row SCRUB cannot be read: it was altered. Delete it: the scrub begins a new round.');
  return state;
}

function parsed(text: unknown): unknown {
  try {
    return typeof text === 'string' ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}

function isScrubState(v: unknown): v is ScrubState {
  return (
    isFields(v) &&
    isCount(v['share']) &&
    v['share'] < shares.length &&
    typeof v['after'] === 'string' &&
    [v['roundStartedAtMs'], v['objects'], v['bytes'], v['repaired'], v['found'], v['standingCount'], v['atMs']].every(isCount) &&
    (v['lastRound'] === null || isRound(v['lastRound'])) &&
    isNames(v['silent']) &&
    typeof v['isUntold'] === 'boolean' &&
    isViolations(v['standing']) &&
    isText(v['region'])
  );
}

function isRound(v: unknown): boolean {
  return isFields(v) && [v['startedAtMs'], v['endedAtMs'], v['objects'], v['bytes'], v['repaired']].every(isCount) && isNames(v['silent']);
}

function isViolation(v: unknown): v is Violation {
  return isFields(v) && [v['site'], v['name'], v['what'], v['because']].every(isText) && (v['outcome'] === 'failed' || v['outcome'] === 'lost') && isCount(v['foundAtMs']) && isNames(v['chains']);
}

const isNames = listOf(isText);
const isViolations = listOf(isViolation);

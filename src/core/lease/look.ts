// The challenger's clocks of a region. A clock belongs to (epoch, renewal id), is dated when the answers of the look were
// in, and survives other changes of the value (C7). A row of the region keeps it; memory is only a cache of that row.
import { MalformedError } from '../errors.ts';
import type { Row, RowChange, RowKey } from '../rows/row.ts';
import type { Sighting } from '../register/sighting.ts';
import { genesisBallot } from '../register/ballot.ts';
import { reservedEpoch, type RegisterValue } from '../register/value.ts';

export type Look = {
  /** Raised by one at each write, so that of two invocations only one advances the row. */
  readonly version: number;
  readonly ballot: string;
  readonly epoch: number;
  readonly renewal: string;
  readonly sinceMs: number;
  readonly attemptEpoch: number;
  readonly attempt: number;
  readonly attemptSinceMs: number;
};

export const lookKey: RowKey = { table: 'region', pk: 'LOOK', sk: '#' };
export const firstLook: Look = { version: 0, ballot: genesisBallot, epoch: 0, renewal: '', sinceMs: 0, attemptEpoch: 0, attempt: 0, attemptSinceMs: 0 };

export function parseLook(row: Row | undefined): Look {
  if (row === undefined)
    throw new MalformedError('The look row is missing: this region cannot judge how long a lease was not renewed. It was written when the tables were created; never create it by hand.');
  const number = (name: string): number => {
    const value = row[name];
    if (typeof value !== 'number') throw new MalformedError(`The look row has no number '${name}': it is damaged; this region does not challenge.`);
    return value;
  };
  const text = (name: string): string => {
    const value = row[name];
    if (typeof value !== 'string') throw new MalformedError(`The look row has no text '${name}': it is damaged; this region does not challenge.`);
    return value;
  };
  return {
    version: number('version'),
    ballot: text('ballot'),
    epoch: number('epoch'),
    renewal: text('renewal'),
    sinceMs: number('sinceMs'),
    attemptEpoch: number('attemptEpoch'),
    attempt: number('attempt'),
    attemptSinceMs: number('attemptSinceMs'),
  };
}

/**
 * The clocks after a look whose answers were in at `answeredAtMs`. A value under a lower ballot than seen before is an old
 * acceptor's and changes nothing, unless it is chosen: the higher one was then never chosen (its acceptor may be dead for good); a clock that starts in the future (the wall clock was set back) starts again.
 */
export function advanceLook(look: Look, sighting: Sighting, answeredAtMs: number): Look {
  if (sighting.kind === 'nothing' || (sighting.kind !== 'chosen' && sighting.ballot < look.ballot)) return look;
  const { value, ballot } = sighting;
  const isSameRenewal = look.epoch === value.epoch && look.renewal === value.renewal && look.sinceMs <= answeredAtMs;
  const isSameAttempt = look.attemptEpoch === reservedEpoch(value) && look.attempt === value.attempt && look.attemptSinceMs <= answeredAtMs;
  return {
    version: look.version + 1,
    ballot,
    epoch: value.epoch,
    renewal: value.renewal,
    sinceMs: isSameRenewal ? look.sinceMs : answeredAtMs,
    attemptEpoch: reservedEpoch(value),
    attempt: value.attempt,
    attemptSinceMs: isSameAttempt ? look.attemptSinceMs : answeredAtMs,
  };
}

export function lookChange(next: Look): RowChange {
  return { key: lookKey, set: { ...next }, when: [{ attribute: 'version', is: '<', value: next.version }], mayCreate: false };
}

/** How long this renewal has been seen, or undefined when the clock is not for it. Times are wall times of this region. */
export function renewalSeenForMs(look: Look, value: { readonly epoch: number; readonly renewal: string }, nowMs: number): number | undefined {
  return look.epoch === value.epoch && look.renewal === value.renewal && look.sinceMs <= nowMs ? nowMs - look.sinceMs : undefined;
}

/**
 * How long this attempt has been seen, from its reservation through its take-over. An attempt belongs to the epoch that it
 * reaches for: by the epoch that stands, the first attempt of a new failover would look as old as the last one.
 */
export function attemptSeenForMs(look: Look, value: Pick<RegisterValue, 'epoch' | 'successor' | 'attempt'>, nowMs: number): number | undefined {
  return look.attemptEpoch === reservedEpoch(value) && look.attempt === value.attempt && look.attemptSinceMs <= nowMs ? nowMs - look.attemptSinceMs : undefined;
}

// What the state at a moment consists of: which records of the logs count for it, and which of two records of one key is the
// later one (docs/vault-format.md, *Tables*).
import type { Cut } from '../vault/recovery-point.ts';

/** A record of an archived log, but for its image. */
export type RecordPlace = {
  readonly origin: string;
  /** Its number in the origin's log. */
  readonly sequence: number;
  /** As it carries it; of a removal it is that of the item's last write, and 0 where a service writes none. */
  readonly epoch: number;
  readonly atMs: number;
  readonly sequenceNumber: string;
};

/** A stream's times are whole seconds, rounded down: a write just after the opening must not seem older than it. */
const streamTimeStepMs = 1000;

/**
 * The epoch in which a record was made: the one that it carries, or the last one in which its region had opened by then,
 * whichever is later. A removal carries the epoch of the write that it removes, which may be another region's.
 */
export function epochOf(record: RecordPlace, cuts: readonly Cut[]): number {
  let epoch = record.epoch;
  for (const cut of cuts) {
    const isBefore = Math.floor(cut.openedAtMs / streamTimeStepMs) * streamTimeStepMs <= record.atMs;
    if (cut.region === record.origin && isBefore && cut.epoch > epoch) epoch = cut.epoch;
  }
  return epoch;
}

/** Whether a record belongs to the state at `atMs`: it was made by then, and no region had opened by then without it. */
export function countsAt(record: RecordPlace, cuts: readonly Cut[], atMs: number): boolean {
  if (record.atMs > atMs) return false;
  const epoch = epochOf(record, cuts);
  return !cuts.some((cut) => {
    const applied = cut.positions[record.origin];
    return cut.openedAtMs <= atMs && cut.epoch > epoch && cut.region !== record.origin && applied !== undefined && record.sequence > applied;
  });
}

/**
 * The records of many keys, in whatever order they come: of each key the one that overrides the others. Of each origin its own newest first, and then the
 * latest of those: numbers within an origin and times between origins need not agree, so that comparing all with all would depend on the order.
 */
export class LatestRecords<T extends RecordPlace & { readonly key: string }> {
  readonly #cuts: readonly Cut[];
  readonly #ofOrigins = new Map<string, Map<string, T>>();

  constructor(cuts: readonly Cut[]) {
    this.#cuts = cuts;
  }

  add(record: T): void {
    const newest = this.#ofOrigins.get(record.origin) ?? new Map<string, T>();
    if (newest.size === 0) this.#ofOrigins.set(record.origin, newest);
    this.#keepLater(newest, record);
  }

  all(): ReadonlyMap<string, T> {
    const latest = new Map<string, T>();
    for (const newest of this.#ofOrigins.values()) for (const record of newest.values()) this.#keepLater(latest, record);
    return latest;
  }

  #keepLater(kept: Map<string, T>, record: T): void {
    const known = kept.get(record.key);
    if (known === undefined || isLater(record, known, this.#cuts)) kept.set(record.key, record);
  }
}

/** Of two records of one key that count: whether `a` overrides `b`. Numbers of two streams cannot be compared; times can. */
export function isLater(a: RecordPlace, b: RecordPlace, cuts: readonly Cut[]): boolean {
  const [epochA, epochB] = [epochOf(a, cuts), epochOf(b, cuts)];
  if (epochA !== epochB) return epochA > epochB;
  if (a.origin !== b.origin) return a.atMs !== b.atMs ? a.atMs > b.atMs : a.origin > b.origin;
  // A batch may have been logged twice: of one key, the stream's own number rises, the log's need not.
  if (a.sequenceNumber !== b.sequenceNumber) return a.sequenceNumber > b.sequenceNumber;
  return a.sequence > b.sequence;
}

/** Cuts of several points and rows as one list, one an epoch, in the order of their epochs. */
export function mergeCuts(...lists: readonly (readonly Cut[])[]): Cut[] {
  const byEpoch = new Map<number, Cut>();
  for (const cut of lists.flat()) if (!byEpoch.has(cut.epoch)) byEpoch.set(cut.epoch, cut);
  return [...byEpoch.values()].toSorted((a, b) => a.epoch - b.epoch);
}

// Segments: some records of one chain, named by the number of their last record, each holding the hash of the one before.
import { MalformedError } from '../errors.ts';
import type { ChangeRecord } from './change-record.ts';

export type Segment = {
  readonly origin: string;
  /** Number of its last record in this chain; its first is `sequence - records.length + 1`. */
  readonly sequence: number;
  readonly records: readonly ChangeRecord[];
  readonly previousHash: string;
  readonly hash: string;
};

/**
 * Longest JSON of a segment's records, in characters. A DynamoDB item holds 400 KB; what is longer than that as JSON cannot be
 * shipped: the store refuses it, the stream's batch is tried again, and the lag alarm rings.
 */
export const segmentBytesMax = 300_000;

export type LogHead = {
  /** Number of the last record in the chain; 0 for an empty one. */
  readonly sequence: number;
  readonly hash: string;
};

export const emptyHead: LogHead = { sequence: 0, hash: '' };

export function hashOf(origin: string, sequence: number, previousHash: string, records: readonly ChangeRecord[], digest: (text: string) => string): string {
  return digest(JSON.stringify([origin, sequence, previousHash, records]));
}

export function nextSegment(origin: string, head: LogHead, records: readonly ChangeRecord[], digest: (text: string) => string): Segment {
  const sequence = head.sequence + records.length;
  return { origin, sequence, records, previousHash: head.hash, hash: hashOf(origin, sequence, head.hash, records, digest) };
}

export function headAfter(segment: Segment): LogHead {
  return { sequence: segment.sequence, hash: segment.hash };
}

/** Each record with its number in the chain. */
export function sequencesOf(segments: readonly Segment[]): Map<ChangeRecord, number> {
  return new Map(segments.flatMap((s) => s.records.map((record, index) => [record, s.sequence - s.records.length + 1 + index] as const)));
}

/** The records that none of these segments holds: a stream delivers a batch again, perhaps cut differently. */
export function unseenRecords(recent: readonly Segment[], records: readonly ChangeRecord[]): ChangeRecord[] {
  const seen = new Set(recent.flatMap((s) => s.records.map((r) => r.sequenceNumber)));
  return records.filter((r) => !seen.has(r.sequenceNumber));
}

/**
 * @param before the head that the first segment must follow; undefined where it is not known.
 * @throws MalformedError when the segments are not one unbroken chain: nothing of them may be kept or applied.
 */
export function requireChain(before: LogHead | undefined, segments: readonly Segment[], digest: (text: string) => string): void {
  let head = before;
  for (const segment of segments) {
    const { origin, sequence, previousHash, records } = segment;
    const isLinked = head === undefined || (head.hash === previousHash && head.sequence === sequence - records.length);
    if (!isLinked || segment.hash !== hashOf(origin, sequence, previousHash, records, digest)) {
      throw new MalformedError(
        `Segment ${sequence} of ${origin}'s change log does not follow record ${head?.sequence ?? 'unknown'}: it was altered, or what lies between has expired. Nothing of it was taken in; the region must be compared in full.`,
      );
    }
    head = headAfter(segment);
  }
}

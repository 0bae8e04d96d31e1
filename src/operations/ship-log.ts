// Ships a batch of the data table's stream. The origin numbers it first, in its own copy of its log; every other region then
// gets the same segments in the same order, so that any copy can be continued from any other.
import { NoQuorumError } from '../core/errors.ts';
import type { ChangeRecord } from '../core/log/change-record.ts';
import { headAfter, nextSegment, requireChain, segmentBytesMax, unseenRecords } from '../core/log/segment.ts';
import type { Digest } from '../ports/environment.ts';
import type { LogStore } from '../ports/log-store.ts';

export type Shipped = { readonly region: string; readonly outcome: 'shipped' | 'failed'; readonly segments: number; readonly because: string };

const appendTriesMax = 5;
const segmentsPerPage = 20;
/** So many of the last segments are searched for a batch that comes again. */
const recentSegments = 5;

/**
 * A region that misses a batch while another takes it gets it from the next batch, or from the next tick (`shipBehind`).
 * @throws NoQuorumError when no other region has the batch: the stream must deliver it again.
 */
export async function shipLog(own: LogStore, records: readonly ChangeRecord[], destinations: readonly LogStore[], digest: Digest): Promise<Shipped[]> {
  await appendOwn(own, records, digest);
  const results = await shipBehind(own, destinations, digest);
  if (results.every((r) => r.outcome === 'failed')) {
    throw new NoQuorumError(`${records.length} changes of ${own.region} were shipped to no region (${results.map((r) => `${r.region}: ${r.because}`).join('; ')}). The stream delivers them again.`);
  }
  return results;
}

/** Brings every destination to the end of this region's own log, in parallel; one that fails holds up no other. */
export async function shipBehind(own: LogStore, destinations: readonly LogStore[], digest: Digest): Promise<Shipped[]> {
  return Promise.all(
    destinations.map(async (store): Promise<Shipped> => {
      try {
        return { region: store.region, outcome: 'shipped', segments: await catchUp(own.region, own, store, digest), because: '' };
      } catch (error) {
        return { region: store.region, outcome: 'failed', segments: 0, because: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
      }
    }),
  );
}

/**
 * What was appended already (a batch comes again, perhaps cut differently) is left out, as far back as the last segments go. What slips through is applied
 * once all the same, but where a later removal was applied in between: that takes a function that froze before its first call, for as many segments.
 * Several shards of the stream append to one chain. Whoever loses the race for its head looks at what came in between: a function that froze with
 * a batch finds there what was delivered again and shipped, and would bring back what was removed since.
 */
async function appendOwn(own: LogStore, records: readonly ChangeRecord[], digest: Digest): Promise<void> {
  let head = await own.head(own.region);
  let left = unseenRecords(await own.readBack(own.region, Number.MAX_SAFE_INTEGER, recentSegments), records);
  for (let refused = 0; left.length > 0; ) {
    const part = firstPart(left);
    const segment = nextSegment(own.region, head, part, digest);
    if ((await own.append(head, segment)) === 'done') {
      head = headAfter(segment);
      left = left.slice(part.length);
      refused = 0;
      continue;
    }
    refused += 1;
    if (refused === appendTriesMax) throw new NoQuorumError(`The own change log of ${own.region} was appended to by others ${appendTriesMax} times in a row. The stream delivers the batch again.`);
    for (let newer = await own.read(own.region, head.sequence, segmentsPerPage); newer.length > 0; newer = await own.read(own.region, head.sequence, segmentsPerPage)) {
      left = unseenRecords(newer, left);
      head = newer.reduce((_, s) => headAfter(s), head);
    }
  }
}

/** As many as fit one segment; at least one. */
function firstPart(records: readonly ChangeRecord[]): readonly ChangeRecord[] {
  let bytes = 0;
  const end = records.findIndex((record, i) => {
    bytes += JSON.stringify(record).length;
    return i > 0 && bytes > segmentBytesMax;
  });
  return end < 0 ? records : records.slice(0, end);
}

/** Copies to `to` what it lacks of `origin`'s log, in order. Another copier may be faster: then its segments are there. @returns segments copied */
export async function catchUp(origin: string, from: LogStore, to: LogStore, digest: Digest): Promise<number> {
  let copied = 0;
  for (;;) {
    let head = await to.head(origin);
    const segments = await from.read(origin, head.sequence, segmentsPerPage);
    if (segments.length === 0) return copied;
    requireChain(head, segments, digest);
    for (const segment of segments) {
      if ((await to.append(head, segment)) === 'refused') break;
      head = headAfter(segment);
      copied += 1;
    }
  }
}

// Each tick writes down how far this region's own log is shipped, for the lag brake of its service.
import { parseShipping, shippingChange, shippingKey, type Shipping } from '../core/lease/shipping-row.ts';
import type { Clock } from '../ports/environment.ts';
import type { LogStore } from '../ports/log-store.ts';
import type { RowStore } from '../ports/row-store.ts';

/** Segments that are searched for the oldest unshipped change; shards of the stream append them in any order of time. */
const segmentsMax = 20;

/** Safe is what one other region has: a failover gathers it from there. One that does not answer took nothing back of what it was seen to have. */
export async function noteShipping(own: RowStore, log: LogStore, others: readonly LogStore[], clock: Pick<Clock, 'nowMs'>): Promise<Shipping> {
  const lookedAtMs = Math.floor(clock.nowMs());
  const [before, heads] = await Promise.all([own.get(shippingKey).then(parseShipping), Promise.allSettled(others.map(async (other) => other.head(log.region)))]);
  const shippedSequence = Math.max(before?.shippedSequence ?? 0, ...heads.map((head) => (head.status === 'fulfilled' ? head.value.sequence : 0)));
  const [unshipped, newest] = await Promise.all([log.read(log.region, shippedSequence, segmentsMax), log.readBack(log.region, Number.MAX_SAFE_INTEGER, 1)]);
  const timesOf = (segments: typeof unshipped) => segments.flatMap(({ records }) => records.map(({ atMs }) => atMs));
  const unshippedSinceMs = unshipped.length === 0 ? 0 : Math.max(1, Math.min(...timesOf(unshipped)));
  const shipping: Shipping = { lookedAtMs, unshippedSinceMs, loggedThroughMs: Math.max(before?.loggedThroughMs ?? 0, ...timesOf(unshipped), ...timesOf(newest)), shippedSequence };
  await own.change(shippingChange(shipping));
  return shipping;
}

// How far this region's own change log is safe in another region, as a row that the service reads beside its lease row: what the lag brake goes
// by. A row of its own: nothing here touches an epoch, a deadline or a close.
import { MalformedError } from '../errors.ts';
import type { Row, RowChange, RowKey } from '../rows/row.ts';

export const shippingKey: RowKey = { table: 'region', pk: 'SHIPPED', sk: '#' };

export type Shipping = {
  /** When the looking began: of what was written after it, nothing is known. */
  readonly lookedAtMs: number;
  /** When the oldest change was made that no other region has; 0: there was none in the log. */
  readonly unshippedSinceMs: number;
  /** When the newest change was made that reached the log; 0 for an empty one. */
  readonly loggedThroughMs: number;
  /** Number of the last record that another region was seen to have. It stays true when that region cannot be asked any more. */
  readonly shippedSequence: number;
};

export function parseShipping(row: Row | undefined): Shipping | undefined {
  if (row === undefined) return undefined;
  const at = (name: string): number => {
    const value = row[name];
    if (typeof value !== 'number') throw new MalformedError(`The row SHIPPED has no number '${name}': it is damaged. Delete it; the next tick writes it anew.`);
    return value;
  };
  return { lookedAtMs: at('lookedAtMs'), unshippedSinceMs: at('unshippedSinceMs'), loggedThroughMs: at('loggedThroughMs'), shippedSequence: at('shippedSequence') };
}

/** Only a later look replaces one: a tick that froze with an old look says nothing any more. */
export function shippingChange(shipping: Shipping): RowChange {
  return { key: shippingKey, set: { ...shipping }, when: [{ attribute: 'lookedAtMs', is: '<', value: shipping.lookedAtMs }], mayCreate: true };
}

/** What a writer goes by. */
export type LagClocks = { readonly nowMs: number /** σ */; readonly clockSkewMs: number };

/** DynamoDB's streams tell the time of a change in whole seconds, rounded down. */
const streamTimeMs = 1000;

/**
 * How old the oldest change may be that is in no other region, by what is known; what is not known counts as its age.
 * @param writtenSinceMs of an acknowledged write of this process, of which it is not known that it reached the log
 */
export function lagOf(shipping: Shipping | undefined, writtenSinceMs: number | undefined, { nowMs, clockSkewMs }: LagClocks): { readonly lagMs: number; readonly because: string } {
  if (shipping === undefined) return { lagMs: Number.POSITIVE_INFINITY, because: 'no tick of this region has looked how far its log is shipped' };
  const ageOf = (atMs: number) => nowMs - atMs + clockSkewMs;
  // Two clocks of one region differ by σ at most: a look from the future would seem fresh for ever.
  if (ageOf(shipping.lookedAtMs) < 0) return { lagMs: Number.POSITIVE_INFINITY, because: `the last look at the log is of a later time than now (${shipping.lookedAtMs}): the clocks disagree` };
  const found = [{ lagMs: ageOf(shipping.lookedAtMs), because: `the last look at the log was at ${shipping.lookedAtMs}` }];
  if (shipping.unshippedSinceMs > 0) found.push({ lagMs: ageOf(shipping.unshippedSinceMs), because: `a change of ${shipping.unshippedSinceMs} is in no other region` });
  if (writtenSinceMs !== undefined && !isLogged(shipping, writtenSinceMs, clockSkewMs)) found.push({ lagMs: ageOf(writtenSinceMs), because: `a write of ${writtenSinceMs} did not reach the log` });
  return found.reduce((worst, each) => (each.lagMs > worst.lagMs ? each : worst));
}

/** Whether the log may hold a write that began then. False is certain: nothing so late has reached it. */
export function isLogged(shipping: Shipping, writtenAtMs: number, clockSkewMs: number): boolean {
  return shipping.loggedThroughMs > writtenAtMs - clockSkewMs - streamTimeMs;
}

// What the lag brake may believe: it never says less than the truth, and says little where there is nothing to ship.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lagOf, parseShipping, shippingChange, type Shipping } from '../../src/core/lease/shipping-row.ts';
import { holds } from '../../src/core/rows/row.ts';
import { always, around } from './property.ts';

const nowMs = 1_700_000_000_000;
const skewMs = 500;
const idle: Shipping = { lookedAtMs: nowMs - 5000, unshippedSinceMs: 0, loggedThroughMs: nowMs - 3_600_000, shippedSequence: 7 };
const lag = (shipping: Shipping | undefined, writtenSinceMs?: number) => lagOf(shipping, writtenSinceMs, { nowMs, clockSkewMs: skewMs }).lagMs;

test.each([
  ['no writes for an hour', idle, undefined, 5500],
  ['a change that no other region has', { ...idle, unshippedSinceMs: nowMs - 60_000 }, undefined, 60_500],
  ['no look for a minute, whatever it said', { ...idle, lookedAtMs: nowMs - 60_000 }, undefined, 60_500],
  ['a write that nothing in the log is as late as', idle, nowMs - 60_000, 60_500],
  ['a write that the log may hold', { ...idle, loggedThroughMs: nowMs - 60_000 }, nowMs - 60_000, 5500],
  ['a look of later than now', { ...idle, lookedAtMs: nowMs + 501 }, undefined, Number.POSITIVE_INFINITY],
  ['a look of σ later than now', { ...idle, lookedAtMs: nowMs + 500 }, undefined, 0],
  ['no look at all', undefined, undefined, Number.POSITIVE_INFINITY],
])('%s', (_, shipping, writtenSinceMs, expected) => {
  expect(lag(shipping, writtenSinceMs)).toBe(expected);
});

/** A region's true history: writes, each logged at some time or never, shipped at some time or never; times before now. */
const ages = around(0, 1, 499, 500, 501, 999, 1000, 1001, 5000, 30_000);
const write = fc.record({ atMs: ages, loggedAfterMs: fc.option(ages), shippedAfterMs: fc.option(ages) });

test('never less than the age of the oldest unshipped write of this process that it was told of', () => {
  always(
    fc.property(fc.array(write, { maxLength: 6 }), ages, fc.integer({ min: -skewMs, max: skewMs }), (drawn, lookAgeMs, skew) => {
      const lookMs = nowMs - lookAgeMs;
      const writes = drawn.map(({ atMs, loggedAfterMs, shippedAfterMs }) => {
        const at = nowMs - atMs;
        const loggedAt = loggedAfterMs === null ? Number.POSITIVE_INFINITY : at + loggedAfterMs;
        return { at, loggedAt, shippedAt: shippedAfterMs === null ? Number.POSITIVE_INFINITY : loggedAt + shippedAfterMs };
      });
      const seen = writes.filter(({ loggedAt }) => loggedAt <= lookMs);
      const streamTime = (at: number) => Math.floor(at / 1000) * 1000;
      const unshipped = seen.filter(({ shippedAt }) => shippedAt > lookMs).map(({ at }) => streamTime(at));
      const shipping = {
        lookedAtMs: lookMs + skew,
        unshippedSinceMs: unshipped.length === 0 ? 0 : Math.min(...unshipped),
        loggedThroughMs: Math.max(0, ...seen.map(({ at }) => streamTime(at))),
        shippedSequence: 0,
      };
      // What reached the log; what did not is known only where nothing later did.
      const latestLogged = Math.max(0, ...seen.map(({ at }) => at));
      const lost = writes.filter(({ shippedAt, at, loggedAt }) => shippedAt > nowMs && (loggedAt <= lookMs || at > lookMs || at > latestLogged + skewMs + 1000));
      const told = Math.min(
        Number.POSITIVE_INFINITY,
        ...writes
          .filter(({ at }) => at <= nowMs)
          .map(({ at }) => at + skew)
          .filter((at) => shipping.loggedThroughMs <= at - skewMs - 1000),
      );
      const said = lag(shipping, Number.isFinite(told) ? told : undefined);
      for (const { at } of lost) expect(said).toBeGreaterThanOrEqual(nowMs - at);
    }),
  );
});

test('a look is replaced by a later one only, and read back whole', () => {
  const row = { ...idle };
  const isMade = (lookedAtMs: number) => shippingChange({ ...idle, lookedAtMs }).when.every((condition) => holds(condition, row));
  expect([idle.lookedAtMs - 1, idle.lookedAtMs, idle.lookedAtMs + 1].map((at) => isMade(at))).toEqual([false, false, true]);
  expect(parseShipping(shippingChange(idle).set)).toEqual(idle);
  expect(parseShipping(undefined)).toBeUndefined();
  expect(() => parseShipping({ lookedAtMs: 1 })).toThrow("no number 'unshippedSinceMs'");
});

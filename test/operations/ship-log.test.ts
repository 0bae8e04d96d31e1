// Shipping: in order to wherever it can be, once, and one chain everywhere.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { nextSegment, segmentBytesMax } from '../../src/core/log/segment.ts';
import { catchUp, shipBehind } from '../../src/operations/ship-log.ts';
import type { LogStore } from '../../src/ports/log-store.ts';
import { alwaysAsync, around } from '../core/property.ts';
import { createLogs, recordOf, recordsIn, upTo } from './change-log-fixture.ts';
import { east, ireland, west } from './group.ts';

describe('shipLog', () => {
  test('numbers a batch in the own log and copies it to every other region', async () => {
    const { own, others, ship } = createLogs();
    expect(await ship(upTo(3))).toEqual([west, ireland].map((region) => ({ region, outcome: 'shipped', segments: 1, because: '' })));
    await ship(upTo(2, 4));
    for (const log of [own, ...others]) {
      expect(await recordsIn(log)).toEqual([1, 2, 3, 4, 5]);
      expect(await log.head(east)).toEqual(await own.head(east));
    }
  });

  test('of a batch that comes again, whole or cut differently, adds nothing', async () => {
    const { own, ship } = createLogs();
    await ship(upTo(4));
    await ship(upTo(4));
    await ship(upTo(4, 3));
    expect(await recordsIn(own)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('heals a region that missed earlier batches: all of it, in order', async () => {
    const { ship, toWest } = createLogs();
    toWest.fails = () => 'request';
    expect(await ship(upTo(2))).toMatchObject([{ region: west, outcome: 'failed', because: 'Error: us-west-2 is gone' }, { outcome: 'shipped' }]);
    await ship(upTo(2, 3));
    toWest.fails = () => undefined;
    expect(await ship(upTo(1, 5))).toMatchObject([{ outcome: 'shipped', segments: 3 }, { segments: 1 }]);
    expect(await recordsIn(toWest)).toEqual([1, 2, 3, 4, 5]);
  });

  test('heals also where more segments are missing than one page reads', async () => {
    const { ship, toWest } = createLogs();
    toWest.fails = () => 'request';
    for (let n = 1; n <= 45; n += 1) await ship([recordOf(n)]);
    toWest.fails = () => undefined;
    await ship([recordOf(46)]);
    expect(await recordsIn(toWest)).toEqual(Array.from({ length: 46 }, (_, i) => i + 1));
  });

  // Found by a partition that healed under load: the last batch reached the witness only, and a closed region writes no more.
  test('a region that missed the last batch of all gets it without a further one', async () => {
    const { own, others, ship, toWest } = createLogs();
    toWest.fails = () => 'request';
    await ship(upTo(3));
    toWest.fails = () => undefined;
    expect(await shipBehind(own, others, sha256)).toMatchObject([
      { region: west, outcome: 'shipped', segments: 1 },
      { region: ireland, segments: 0 },
    ]);
    expect(await recordsIn(toWest)).toEqual([1, 2, 3]);
  });

  test('is thrown back to the stream where no other region has it; the same batch again is not doubled', async () => {
    const { own, others, ship, toWest } = createLogs();
    for (const log of others) log.fails = () => 'request';
    await expect(ship(upTo(2))).rejects.toMatchObject({ name: 'NoQuorumError', retryable: true, message: expect.stringContaining('us-east-1 were shipped to no region') });
    for (const log of others) log.fails = () => undefined;
    await ship(upTo(2));
    expect(await recordsIn(own)).toEqual([1, 2]);
    expect(await recordsIn(toWest)).toEqual([1, 2]);
  });

  test('whose answer is lost is neither lost nor doubled', async () => {
    const { own, ship, toWest } = createLogs();
    let once = true;
    own.fails = (method) => (method === 'append' && once ? ((once = false), 'answer') : undefined);
    await expect(ship(upTo(2))).rejects.toThrow('did not answer');
    toWest.fails = (method) => (method === 'append' ? 'answer' : undefined);
    await ship(upTo(2));
    toWest.fails = () => undefined;
    await ship(upTo(1, 3));
    expect(await recordsIn(own)).toEqual([1, 2, 3]);
    expect(await recordsIn(toWest)).toEqual([1, 2, 3]);
  });

  test('of two shards at once: each record once, one chain, the same everywhere', async () => {
    const { own, others, ship } = createLogs();
    await Promise.all([ship(upTo(3)), ship(upTo(3, 101)), ship(upTo(2, 201))]);
    const records = await recordsIn(own);
    expect(records.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 101, 102, 103, 201, 202]);
    await ship(upTo(1, 301));
    for (const log of others) expect(await recordsIn(log)).toEqual([...records, 301]);
  });

  // Found by the simulation: what was removed since came back in the standby.
  test.each(['answered', 'sent'] as const)('of a function that froze with a batch (%s), which was delivered again and shipped with more after it, adds nothing', async (moment) => {
    const { own, ship } = createLogs();
    const [frozen, thaw] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let isFirst = true;
    const freeze = async (): Promise<void> => {
      if (!isFirst) return;
      isFirst = false;
      frozen.resolve();
      await thaw.promise;
    };
    if (moment === 'answered') own.readBack = async (...given) => own.inner.readBack(...given).then(async (answer) => freeze().then(() => answer));
    else own.append = async (...given) => freeze().then(() => own.inner.append(...given));
    const slow = ship(upTo(3));
    await frozen.promise;
    await ship(upTo(3));
    for (let n = 4; n <= 40; n += 1) await ship(upTo(1, n));
    thaw.resolve();
    await slow;
    expect(await recordsIn(own)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
  });

  test('gives up on a head that others move five times in a row, and the stream delivers it again', async () => {
    const { own, ship } = createLogs();
    let n = 1000;
    const append = own.append;
    own.append = async (head, segment) => {
      const stands = await own.inner.head(east);
      n += 1;
      await own.inner.append(stands, nextSegment(east, stands, [recordOf(n)], sha256));
      return append(head, segment);
    };
    await expect(ship(upTo(1))).rejects.toMatchObject({ name: 'NoQuorumError', message: expect.stringContaining('5 times in a row') });
  });

  test('splits a batch at the longest segment, and drops nothing', async () => {
    await alwaysAsync(
      fc.asyncProperty(fc.array(around(segmentBytesMax / 2, segmentBytesMax), { minLength: 1, maxLength: 5 }), async (sizes) => {
        const { own, ship } = createLogs();
        const base = JSON.stringify(recordOf(1, { image: { x: { S: '' } } })).length;
        await ship(sizes.map((size, i) => recordOf(i + 1, { key: `k${i + 1}`, image: { x: { S: 'x'.repeat(Math.max(0, size - base)) } } })));
        expect(await recordsIn(own)).toEqual(sizes.map((_, i) => i + 1));
        for (const s of await own.read(east, 0, 1000)) if (s.records.length > 1) expect(s.records.reduce((sum, r) => sum + JSON.stringify(r).length, 0)).toBeLessThanOrEqual(segmentBytesMax);
      }),
      30,
    );
  });

  test('refuses to copy a chain with a hole, or one that was altered', async () => {
    const { own, ship, toWest } = createLogs();
    await ship(upTo(1));
    await ship(upTo(1, 2));
    toWest.fails = () => 'request';
    await ship(upTo(1, 3));
    await ship(upTo(1, 4));
    toWest.fails = () => undefined;
    const holed: LogStore = {
      region: east,
      head: own.head,
      append: own.append,
      readBack: own.readBack,
      read: async (o, after, limit) => (await own.read(o, after, limit)).filter((s) => s.sequence !== 3),
    };
    await expect(catchUp(east, holed, toWest, sha256)).rejects.toMatchObject({ name: 'MalformedError' });
    const altered: LogStore = { ...holed, read: async (o, after, limit) => (await own.read(o, after, limit)).map((s) => ({ ...s, records: s.records.map((r) => ({ ...r, key: 'other' })) })) };
    await expect(catchUp(east, altered, toWest, sha256)).rejects.toMatchObject({ name: 'MalformedError' });
    expect(await recordsIn(toWest)).toEqual([1, 2]);
    expect(await catchUp(east, own, toWest, sha256)).toBe(2);
  });

  test('whatever fails in between, a batch that comes until it succeeds is everywhere once, in one chain', async () => {
    await alwaysAsync(
      fc.asyncProperty(fc.array(fc.constantFrom('none', 'request', 'answer'), { maxLength: 40 }), fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }), async (plan, sizes) => {
        const { own, others, ship, toIreland } = createLogs();
        const script = [...plan];
        const next = () => {
          const fault = script.shift();
          return fault === 'request' || fault === 'answer' ? fault : undefined;
        };
        for (const log of [own, ...others]) log.fails = next;
        let n = 1;
        for (const size of sizes) {
          const batch = upTo(size, n);
          n += size;
          // The stream delivers a batch until it is taken.
          for (let tries = 0; tries < 60; tries += 1)
            if (
              await ship(batch).then(
                () => true,
                () => false,
              )
            )
              break;
        }
        script.length = 0;
        await ship(upTo(1, n));
        for (const log of [own, ...others]) expect(await recordsIn(log)).toEqual(Array.from({ length: n }, (_, i) => i + 1));
        expect(await toIreland.head(east)).toEqual(await own.head(east));
      }),
      150,
    );
  });
});

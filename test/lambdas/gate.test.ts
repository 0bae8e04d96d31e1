// The gate answers for the whole region: 200 only by a row that says so and a clock that agrees, at the moment of the answer.
import { describe, expect, test, vi } from 'vitest';
import type { Answer, Asked } from '../contract/fake-dynamodb.ts';
import { errorAnswer } from '../contract/fake-dynamodb.ts';
import { coldStart, gateToken, runtimeConfig, setNow } from './function-fixture.ts';

const now = Date.parse('2026-11-28T00:00:00Z');
const { tickMs, gateCacheMs } = runtimeConfig.timing;
const load = () => import('../../lambdas/gate.ts');
const number = (n: number) => ({ N: String(n) });
const open = { epoch: 4, untilAtMs: now + 18_000, openEpoch: 4, closedEpoch: 3 };

type Rows = { lease: Record<string, number> | undefined; claimedAtMs: number; answerLease?: Answer; invoke?: () => Answer | Promise<Answer> };

async function gate(change: Partial<Rows> = {}) {
  setNow(now);
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const rows: Rows = { lease: open, claimedAtMs: now - 1000, ...change };
  const answer = (asked: Asked): Answer | Promise<Answer> => {
    if (asked.action.includes('/invocations')) return rows.invoke === undefined ? { status: 202 } : rows.invoke();
    const pk = (asked.body['Key'] as { pk: { S: string } }).pk.S;
    if (pk === 'TICK') return { body: { Item: { slot: number(1), claimedAtMs: number(rows.claimedAtMs) } } };
    if ('answerLease' in rows) return rows.answerLease;
    return { body: rows.lease === undefined ? {} : { Item: Object.fromEntries(Object.entries(rows.lease).map(([name, n]) => [name, number(n)])) } };
  };
  const { module, asked } = await coldStart(load, answer);
  const ask = async () => {
    const { statusCode, body } = await module.handler({ rawPath: `/gate/${gateToken}` });
    return { statusCode, ...JSON.parse(body) };
  };
  const leaseReads = () => asked.filter((a) => (a.body['Key'] as { pk?: { S: string } } | undefined)?.pk?.S === 'LEASE').length;
  const invocations = () => asked.filter((a) => a.action.includes('/invocations'));
  return { ask, rows, asked, module, leaseReads, invocations };
}

describe('the gate', () => {
  test('is open while the region holds and has opened', async () => {
    expect(await (await gate()).ask()).toEqual({ statusCode: 200, region: 'us-east-1', epoch: 4 });
  });

  test.each([
    ['never opened', { ...open, openEpoch: 3 }],
    ['closed for good', { ...open, closedEpoch: 4 }],
    ['at its deadline', { ...open, untilAtMs: now }],
    ['of no epoch', { epoch: 0, untilAtMs: now + 18_000, openEpoch: 0, closedEpoch: -1 }],
    ['missing', undefined],
    ['damaged', { epoch: 4, untilAtMs: now + 18_000, openEpoch: 4 }],
  ])('is shut where the row is %s', async (_, lease) => {
    expect(await (await gate({ lease })).ask()).toMatchObject({ statusCode: 503, region: 'us-east-1' });
  });

  test.each([
    ['is refused', errorAnswer('ProvisionedThroughputExceededException')],
    ['is not answered', undefined],
    ['is not finished', { body: { Item: {} }, stall: true }],
  ])('is shut where the read %s, and answers in time', async (_, answerLease) => {
    const g = await gate({ answerLease });
    const startedAt = performance.now();
    const answered = await Promise.race([g.ask(), new Promise<string>((resolve) => setTimeout(resolve, 2500, 'no answer'))]);
    expect(answered).toMatchObject({ statusCode: 503, error: 'the lease row cannot be read' });
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });

  test.each([undefined, '/', '/gate', '/gate/', '/gate/other', `/gate/${gateToken}/`, `/gate/${gateToken}x`, `//gate/${gateToken}`])(
    'knows no other path, and reads nothing for it: %s',
    async (rawPath) => {
      const g = await gate();
      expect(await g.module.handler(rawPath === undefined ? {} : { rawPath })).toMatchObject({ statusCode: 404 });
      expect(g.asked).toEqual([]);
    },
  );

  test('reads its row at most once in the time of its cache, and then again', async () => {
    const g = await gate();
    for (const ms of [0, 1, gateCacheMs - 1, gateCacheMs]) {
      setNow(now + ms);
      await g.ask();
      expect(g.leaseReads(), `after ${ms} ms`).toBe(1);
    }
    setNow(now + gateCacheMs + 1);
    await g.ask();
    expect(g.leaseReads()).toBe(2);
  });

  test('sees a close within the time of its cache (C2)', async () => {
    const g = await gate();
    expect(await g.ask()).toMatchObject({ statusCode: 200 });
    g.rows.lease = { ...open, closedEpoch: 4 };
    setNow(now + gateCacheMs + 1);
    expect(await g.ask()).toMatchObject({ statusCode: 503 });
  });

  test('compares the clock at every answer, also by a cached row: never the verdict (C9)', async () => {
    const g = await gate({ lease: { ...open, untilAtMs: now + 500 } });
    const at = async (ms: number) => {
      setNow(now + ms);
      return (await g.ask()).statusCode;
    };
    expect([await at(0), await at(499), await at(500), await at(501)]).toEqual([200, 200, 503, 503]);
    expect(g.leaseReads()).toBe(1);
  });

  test('reads anew where its wall clock was set back: the age of its row is unknown', async () => {
    const g = await gate();
    await g.ask();
    setNow(now - 60_000);
    await g.ask();
    expect(g.leaseReads()).toBe(2);
  });

  test('keeps nothing of a read that failed', async () => {
    const g = await gate({ answerLease: errorAnswer('InternalServerError') });
    expect(await g.ask()).toMatchObject({ statusCode: 503 });
    delete g.rows.answerLease;
    expect(await g.ask()).toMatchObject({ statusCode: 200 });
  });

  test('forbids caching', async () => {
    const g = await gate();
    expect((await g.module.handler({ rawPath: `/gate/${gateToken}` })).headers).toMatchObject({ 'cache-control': 'no-store' });
  });
});

describe('the second clock', () => {
  test.each([
    [1.5 * tickMs - 1, 0],
    [1.5 * tickMs, 0],
    [1.5 * tickMs + 1, 1],
  ])('asks for a tick when the last one is older than 1.5 T: %i ms → %i', async (ageMs, asked) => {
    const g = await gate({ claimedAtMs: now - ageMs });
    expect(await g.ask()).toMatchObject({ statusCode: 200 });
    expect(g.invocations().map((i) => i.body)).toEqual(asked === 0 ? [] : [{ slot: Math.floor(now / tickMs) }]);
    if (asked === 1) expect(g.invocations()[0]?.action).toContain('holdfast-orders-tick');
  });

  test('asks once a slot, and also while its region is not active', async () => {
    const g = await gate({ claimedAtMs: now - 60_000, lease: { ...open, closedEpoch: 4 } });
    await g.ask();
    await g.ask();
    expect(g.invocations()).toHaveLength(1);
    setNow(now + tickMs);
    await g.ask();
    expect(g.invocations()).toHaveLength(2);
  });

  test('answers as ever where the tick cannot be asked for', async () => {
    const g = await gate({ claimedAtMs: now - 60_000, invoke: () => ({ status: 500, body: { message: 'no' } }) });
    expect(await g.ask()).toMatchObject({ statusCode: 200 });
  });

  test('answers in time where Lambda hangs: the gate is not held up by its second duty', async () => {
    const g = await gate({ claimedAtMs: now - 60_000, invoke: () => undefined });
    const answered = await Promise.race([g.ask(), new Promise<string>((resolve) => setTimeout(resolve, 2500, 'no answer'))]);
    expect(answered).toMatchObject({ statusCode: 200 });
  });

  test('does not answer by a row that grew old while it asked for the tick (C2)', async () => {
    // The row was read; asking for the tick took three seconds; meanwhile the region released, and another one opened.
    const g = await gate({ claimedAtMs: now - 60_000 });
    g.rows.invoke = () => {
      setNow(now + gateCacheMs + 2001);
      g.rows.lease = { ...open, closedEpoch: 4 };
      return { status: 202 };
    };
    expect(await g.ask()).toMatchObject({ statusCode: 503 });
  });
});

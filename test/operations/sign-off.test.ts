// Whether a region that returned is reconciled: everything that may be missing is found, and said.
import { describe, expect, test } from 'vitest';
import { fenceKey, leaseKey } from '../../src/core/lease/lease-rows.ts';
import { findDivergentKey, resolveAll, resolveKey, viewDivergentKey } from '../../src/operations/resolve-divergence.ts';
import { examineReturned, listDifferences } from '../../src/operations/sign-off.ts';
import { createDivergence, east, item } from './divergence-world.ts';

const ours = { by: 'grace', reason: 'looked', rule: 'ours', merge: undefined } as const;
const missing = async (t: Awaited<ReturnType<typeof createDivergence>>) => (await examineReturned(t.signOff)).missing;

/** East wrote 'late' after west had begun; everything has arrived. */
async function returned() {
  const t = await createDivergence();
  for (const key of ['early', 'late', 'removed']) t.a.write(key, 1, item(0));
  await t.a.ship(t.b);
  await t.lose();
  t.a.write('late', 1, item(1));
  t.a.write('removed', 1, null);
  t.b.write('early', 2, item(5));
  return t;
}

describe('a region that returned', () => {
  test('is reconciled once every key is decided and both tables are equal', async () => {
    const t = await returned();
    await t.exchange();
    expect(await missing(t)).toEqual([expect.stringMatching(/^2 divergent keys of us-east-1 are not decided \('\w+', '\w+'\): /)]);
    await resolveAll(t.home, east, ours);
    expect(await examineReturned(t.signOff)).toEqual({ missing: [], decidedKeys: 2, comparedItems: 2 });
    expect(t.a.contents()).toEqual(t.b.contents());
  });

  test('with nothing divergent is reconciled as it is', async () => {
    const t = await createDivergence();
    t.a.write('k', 1, item(0));
    await t.a.ship(t.b);
    await t.lose();
    expect(await examineReturned(t.signOff)).toEqual({ missing: [], decidedKeys: 0, comparedItems: 1 });
  });

  test.each([
    ['its lease row is not closed', async (t) => t.a.rows.change({ key: leaseKey, set: { closedEpoch: 0 }, when: [], mayCreate: false }), /has not closed its epoch 1 for good/],
    ['its lease row is of an epoch that is not over', async (t) => t.a.setLease(2, 'closed'), /has not closed its epoch 2/],
    [
      'a fence row is closed at its deadline only',
      async (t) => t.a.rows.change({ key: fenceKey(1), set: { closedThroughMs: 5 }, when: [], mayCreate: false }),
      /FENCE#1 of us-east-1 is not closed for good/,
    ],
    ['its log is not at its end there', async (t) => t.a.ship(t.b), /us-west-2 has dealt with 3 of \d changes of us-east-1's log/],
  ] satisfies [string, (t: Awaited<ReturnType<typeof returned>>) => Promise<unknown>, RegExp][])('is not where %s', async (_, change, says) => {
    const t = await returned();
    await change(t);
    expect(await missing(t)).toEqual([expect.stringMatching(says)]);
  });

  test('is not while it has not applied what was written since', async () => {
    const t = await returned();
    await t.exchange();
    await resolveAll(t.home, east, ours);
    await t.b.ship(t.a);
    const stuck = { ...t.signOff, wait: async (ms: number) => t.clock.advance(ms) };
    expect((await examineReturned(stuck)).missing).toEqual([expect.stringMatching(/us-east-1 has applied \d of \d changes of us-west-2's log/)]);
    expect(await missing(t)).toEqual([]);
  });
});

describe('what no log told of', () => {
  test('is found by comparing, listed, and decided like the rest', async () => {
    const t = await returned();
    // Its stream has lost it all.
    t.a.shipped = t.a.table.stream.length;
    await t.b.ship(t.a);
    await t.a.apply(t.b);
    expect(await missing(t)).toEqual([expect.stringMatching(/^2 items differ that no log told of/)]);
    const view = await viewDivergentKey(t.home, await findDivergentKey(t.home, east, 'late'));
    expect(view).toMatchObject({ write: { theirs: item(1), theirsAtMs: null, sequenceNumber: expect.stringMatching(/^compared-/) }, ours: item(0), isWrittenSince: false });
    expect(await resolveKey(t.home, view, { ...ours, rule: 'theirs' })).toMatchObject({ kind: 'decided' });
    expect(await resolveKey(t.home, await findDivergentKey(t.home, east, 'removed'), { ...ours, rule: 'theirs' })).toMatchObject({ kind: 'decided', isRemoval: true });
    expect(await missing(t)).toEqual([]);
    expect(t.b.contents()).toMatchObject({ late: expect.stringContaining('"1"') });
    expect(t.a.contents()).toEqual(t.b.contents());
  });

  test('is none of what the service writes and removes meanwhile', async () => {
    const t = await returned();
    await t.exchange();
    await resolveAll(t.home, east, ours);
    let n = 0;
    const busy = {
      ...t.signOff,
      wait: async (ms: number) => {
        t.b.write('hot', 2, item((n += 1)));
        t.b.write(`new${n}`, 2, item(n));
        if (n > 2) t.b.write(`new${n - 2}`, 2, null);
        t.b.write('early', 2, n % 2 === 0 ? null : item(n));
        await t.signOff.wait(ms);
        t.b.write('hot', 2, item(-n));
      },
    };
    t.b.write('hot', 2, item(0));
    t.b.write('early', 2, null);
    expect(await examineReturned(busy)).toMatchObject({ missing: [], comparedItems: expect.any(Number) });
    expect(n).toBeGreaterThan(0);
  });

  test('nor of what only waits to be applied: then it is behind', async () => {
    const t = await returned();
    await t.exchange();
    await resolveAll(t.home, east, ours);
    await t.exchange();
    // West's stream stands still.
    t.b.write('early', 2, item(6));
    const { found, missing: behind } = await listDifferences({ ...t.signOff, wait: async (ms) => t.clock.advance(ms) });
    expect({ found, behind }).toEqual({ found: 0, behind: [expect.stringContaining("us-east-1 lacks what us-west-2 wrote to 'early'")] });
  });
});

test('a third candidate that lists what nobody decided is named', async () => {
  const t = await returned();
  await t.exchange();
  await resolveAll(t.home, east, ours);
  const third = await returned();
  await third.exchange();
  third.b.write('late', 2, item(0));
  const others = [{ region: 'eu-central-1', pages: third.b.pages }];
  expect((await examineReturned({ ...t.signOff, others })).missing).toEqual([]);
  third.a.write('more', 1, item(1));
  await third.exchange();
  expect((await examineReturned({ ...t.signOff, others })).missing).toEqual([expect.stringMatching(/eu-central-1 lists 1 divergent keys of us-east-1/)]);
});

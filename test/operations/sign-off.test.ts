// Whether a region that returned is reconciled: everything that may be missing is found, and said.
import { describe, expect, test } from 'vitest';
import { closedForGood, fenceKey, leaseKey } from '../../src/core/lease/lease-rows.ts';
import { findDivergentKey, resolveAll, resolveKey, viewDivergentKey } from '../../src/operations/resolve-divergence.ts';
import { examineReturned, listDifferences } from '../../src/operations/sign-off.ts';
import { marks, padSequenceNumber, toChangeRecord } from '../../src/core/log/change-record.ts';
import { createDivergence, east, item, Side, west } from './divergence-world.ts';

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

  test('is not while a decision is cut off between its note and its end', async () => {
    const t = await returned();
    await t.exchange();
    const { live } = t.home;
    const dying = { ...t.home, live: { batchMax: live.batchMax, get: async (key: string) => live.get(key), change: async () => Promise.reject(new Error('died')) } };
    await expect(resolveKey(dying, await findDivergentKey(t.home, east, 'late'), ours)).rejects.toThrow('died');
    await resolveKey(t.home, await findDivergentKey(t.home, east, 'removed'), ours);
    expect(await missing(t)).toEqual([expect.stringMatching(/^1 divergent keys of us-east-1 are not decided \('late'\)/)]);
    await resolveAll(t.home, east, ours);
    expect(await missing(t)).toEqual([]);
  });

  test('is reconciled though a take-over of its died between its fence rows and its lease row, in an epoch that is over', async () => {
    const t = await createDivergence();
    t.a.write('k', 1, item(0));
    await t.a.ship(t.b);
    await t.lose();
    await t.a.rows.change({ key: fenceKey(1), set: { epoch: 2, untilAtMs: 0, closedThroughMs: closedForGood }, when: [], mayCreate: false });
    await t.b.setLease(3, 'open');
    expect((await examineReturned({ ...t.signOff, epoch: 3 })).missing).toEqual([]);
    await t.a.rows.change({ key: fenceKey(1), set: { epoch: 3 }, when: [], mayCreate: false });
    expect((await examineReturned({ ...t.signOff, epoch: 3 })).missing).toEqual([expect.stringMatching(/FENCE#1 of us-east-1 is not closed for good/)]);
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
    ['its lease row is of an epoch that is not over', async (t) => t.a.rows.change({ key: leaseKey, set: { epoch: 2, closedEpoch: 2 }, when: [], mayCreate: false }), /has not closed its epoch 2/],
    [
      'a fence row is closed at its deadline only',
      async (t) => t.a.rows.change({ key: fenceKey(1), set: { closedThroughMs: 5 }, when: [], mayCreate: false }),
      /FENCE#1 of us-east-1 is not closed for good/,
    ],
    ['the holder has not opened its epoch yet', async (t) => t.b.rows.change({ key: leaseKey, set: { openEpoch: 1 }, when: [], mayCreate: false }), /us-west-2 holds epoch 2 and has not opened it/],
  ] satisfies [string, (t: Awaited<ReturnType<typeof returned>>) => Promise<unknown>, RegExp][])('is not where %s', async (_, change, says) => {
    const t = await returned();
    await change(t);
    expect(await missing(t)).toEqual([expect.stringMatching(says)]);
  });

  test.each([false, true])('is not where the holder has not dealt with its log to the end, nor to where it was drained (its end is lost: %s)', async (isLost) => {
    const t = await returned();
    await t.exchange();
    await resolveAll(t.home, east, ours);
    await t.drain();
    await t.b.rows.change({ key: { table: 'region', pk: 'LOG', sk: east }, set: { sequence: 3 }, when: [], mayCreate: false });
    const log = { read: t.a.log.read.bind(t.a.log), head: async (origin: string) => (!isLost ? t.a.log.head(origin) : { origin, sequence: 3, hash: '' }) };
    const stuck = { ...t.signOff, returned: { ...t.signOff.returned, log }, wait: async (ms: number) => t.clock.advance(ms) };
    expect((await examineReturned(stuck)).missing).toEqual([expect.stringMatching(/us-west-2 has dealt with 3 of \d\d? changes of us-east-1's log/)]);
  });

  test('is not while it has not applied what was written since', async () => {
    const t = await returned();
    await t.exchange();
    await t.drain();
    await resolveAll(t.home, east, ours);
    await t.b.ship(t.a);
    const stuck = { ...t.signOff, wait: async (ms: number) => t.clock.advance(ms) };
    expect((await examineReturned(stuck)).missing).toEqual([expect.stringMatching(/us-east-1 has applied \d of \d changes of us-west-2's log/)]);
    expect(await missing(t)).toEqual([]);
  });
});

test('a service that writes all the time keeps no region out: it is always a little behind', async () => {
  const t = await returned();
  await t.exchange();
  await resolveAll(t.home, east, ours);
  await t.exchange();
  let n = 0;
  // Whenever somebody looks how far the open region's log is, there is one more write in it that the other one has not applied.
  const head = async (origin: string) => {
    if (origin === west) {
      await t.a.apply(t.b);
      t.b.write(`new-${(n += 1)}`, 2, item(n));
      await t.b.ship(t.a);
    }
    return t.b.log.head(origin);
  };
  expect((await examineReturned({ ...t.signOff, home: { ...t.signOff.home, log: { head } } })).missing).toEqual([]);
  expect(n).toBeGreaterThan(2);
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

  test('is missing for everybody, whoever listed it: two ask at once', async () => {
    const t = await returned();
    t.a.shipped = t.a.table.stream.length;
    await t.b.ship(t.a);
    await t.a.apply(t.b);
    let other: readonly string[] = [];
    // The second begins, compares and lists, while the first waits to look again.
    const first = {
      ...t.signOff,
      wait: async (ms: number) => {
        if (other.length === 0) other = (await examineReturned(t.signOff)).missing;
        await t.signOff.wait(ms);
      },
    };
    expect((await examineReturned(first)).missing).toEqual([expect.stringMatching(/^2 divergent keys of us-east-1 are not decided/)]);
    expect(other).toEqual([expect.stringMatching(/^2 items differ that no log told of/)]);
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

describe('what its stream has not brought into its log yet', () => {
  /** A late write waits in one shard of east's stream; west has overwritten its key since, and everything else is decided and equal. */
  async function waiting() {
    const t = await returned();
    t.a.stuckShard = t.a.table.shardOf.get(t.a.table.stream.findLast((entry) => entry.key === 'late') ?? fail());
    t.b.write('late', 2, item(9));
    await t.exchange();
    await resolveAll(t.home, east, ours);
    await t.exchange();
    expect(t.a.contents()).toEqual(t.b.contents());
    return t;
  }
  const fail = () => {
    throw new Error('There is no such write.');
  };

  test('is waited for: a late write of a key that was overwritten since is listed before the sign-off, not after it', async () => {
    const t = await waiting();
    expect(await t.drain()).toMatch(/^epoch 1 is not drained yet: \d shards of the stream are not in the log up to their markers yet; the next tick goes on/);
    const beganAtMs = t.clock.nowMs();
    const stuck = { ...t.signOff, wait: async (ms: number) => t.clock.advance(ms) };
    expect((await examineReturned(stuck)).missing).toEqual([expect.stringMatching(/^us-east-1 has not shown yet that its log holds all it accepted in epoch 1: its governor drains its stream/)]);
    expect(t.clock.nowMs() - beganAtMs).toBe(60_000);
    t.a.stuckShard = undefined;
    expect(await missing(t)).toEqual([expect.stringMatching(/^\d divergent keys of us-east-1 are not decided \(.*'late'/)]);
    await resolveAll(t.home, east, ours);
    expect(await missing(t)).toEqual([]);
  });

  test('and comes within the minute: nobody has to ask again', async () => {
    const t = await waiting();
    let looks = 0;
    const patient = {
      ...t.signOff,
      wait: async (ms: number) => {
        if ((looks += 1) === 5) t.a.stuckShard = undefined;
        await t.signOff.wait(ms);
      },
    };
    expect((await examineReturned(patient)).missing).toEqual([expect.stringMatching(/^\d divergent keys of us-east-1 are not decided/)]);
  });

  test('of an older epoch than the last is not enough', async () => {
    const t = await returned();
    await t.exchange();
    await resolveAll(t.home, east, ours);
    await t.drain();
    await t.a.setLease(2, 'closed');
    await t.b.setLease(3, 'open');
    const stuck = { ...t.signOff, epoch: 3, wait: async (ms: number) => t.clock.advance(ms) };
    expect((await examineReturned(stuck)).missing).toEqual([expect.stringMatching(/^us-east-1 has not shown yet that its log holds all it accepted in epoch 2/)]);
  });

  test('a marker whose writer died before it removed it is no difference', async () => {
    const t = await returned();
    await t.exchange();
    await resolveAll(t.home, east, ours);
    await t.exchange();
    t.a.write('holdfast-drain#1#77', 1, {});
    t.b.table.set('holdfast-drain#1#78', { id: { S: 'holdfast-drain#1#78' }, [marks.epoch]: { N: '1' }, [marks.origin]: { S: east } });
    expect(await missing(t)).toEqual([]);
  });

  test.each([
    ['markers that came after those that proved it hold nothing up', 'holdfast-drain#1#99', []],
    ['a change that came while both tables were compared does', 'after', [expect.stringMatching(/^us-east-1's log went on by 1 changes while it was compared: ask again/)]],
  ])('%s', async (_, key, says) => {
    const t = await returned();
    await t.exchange();
    await resolveAll(t.home, east, ours);
    const table = {
      keysMax: t.a.whole.keysMax,
      getMany: t.a.whole.getMany.bind(t.a.whole),
      async *pages() {
        yield* t.a.whole.pages();
        t.a.write(key, 1, item(1));
        await t.exchange();
        t.a.table.items.delete(key);
      },
    };
    const found = await examineReturned({ ...t.signOff, returned: { ...t.signOff.returned, table } });
    expect(found.missing.filter((m) => !m.includes('divergent keys'))).toEqual(says);
  });
});

describe('what a third candidate lists of the returned region', () => {
  /** The third one's list has `more`, which no log brought to west. */
  async function listedElsewhere() {
    const t = await returned();
    await t.exchange();
    await resolveAll(t.home, east, ours);
    const third = await returned();
    await third.exchange();
    third.b.write('late', 2, item(0));
    const others = [{ region: central, own: third.b.rows, pages: third.b.pages }];
    return { t, third, signOff: { ...t.signOff, others } };
  }

  test('is taken over where it is new here, and decided like the rest', async () => {
    const { t, third, signOff } = await listedElsewhere();
    expect((await examineReturned(signOff)).missing).toEqual([]);
    third.a.write('more', 1, item(1));
    await third.exchange();
    expect((await examineReturned(signOff)).missing).toEqual([expect.stringMatching(/^1 divergent keys of us-east-1 are not decided \('more'\)/)]);
    expect(await resolveAll(t.home, east, { ...ours, rule: 'theirs' })).toMatchObject({ decided: 1 });
    expect(t.b.contents()).toMatchObject({ more: expect.stringContaining('"1"') });
    expect((await examineReturned(signOff)).missing).toEqual([]);
  });

  test('and was decided there, while that region was open, asks nobody again', async () => {
    const { third, signOff } = await listedElsewhere();
    third.a.write('more', 1, item(1));
    await third.exchange();
    await resolveAll(third.home, east, ours);
    expect((await examineReturned(signOff)).missing).toEqual([]);
  });

  test('is waited for where that region does not answer', async () => {
    const { signOff } = await listedElsewhere();
    const silent = { page: async () => Promise.reject(new Error('Connection timed out')) };
    const others = signOff.others.map((other) => ({ ...other, pages: silent }));
    expect((await examineReturned({ ...signOff, others })).missing).toEqual([expect.stringMatching(/^the divergence list of eu-central-1 could not be read \(Error: Connection timed out\)/)]);
  });
});

/**
 * East held epoch 3, west holds 4. Central never held one. Of east's log west dealt with three records, and central with all but the third;
 * the fourth and fifth the newest epoch began without (docs/decisions/0020).
 */
async function thirdRegion() {
  const t = await createDivergence();
  const third = new Side(central, t.clock);
  for (const key of ['wests', 'removed']) t.b.write(key, 2, item(0));
  for (const [key, n] of [
    ['both', 0],
    ['lag', 0],
    ['lag', 1],
  ] as const)
    t.a.write(key, 3, item(n));
  t.a.write('wests', 3, item(1));
  t.a.write('both', 3, item(1));
  const records = t.a.table.stream.flatMap((entry) => toChangeRecord(entry, east) ?? []).map((r) => ({ ...r, sequenceNumber: padSequenceNumber(r.sequenceNumber) }));
  await t.b.setLease(2, 'closed');
  await third.setLease(0, 'none');
  await t.b.ship(third);
  await third.apply(t.b);
  await t.b.table.apply(east, 3, records.slice(0, 3), []);
  for (const record of records) if (record !== records[2]) await third.table.apply(east, 3, [record], []);
  await third.table.apply(east, 3, [{ key: 'removed', image: null, epoch: 3, atMs: 0, sequenceNumber: padSequenceNumber('9') }], []);
  await t.b.setLease(4, 'open');
  await third.setLease(0, 'closed');
  const signOff = {
    ...t.signOff,
    returned: { region: central, own: third.rows, log: third.log, table: third.whole },
    epoch: 4,
    begunEpoch: 4,
    wait: async (ms: number) => {
      t.clock.advance(ms);
      await t.b.ship(third);
      await third.apply(t.b);
    },
  };
  return { ...t, third, signOff };
}

const central = 'eu-central-1';

describe('a third candidate that holds what the newest epoch began without', () => {
  test('is compared, and nothing of it passes for on its way', async () => {
    const t = await thirdRegion();
    expect((await examineReturned(t.signOff)).missing).toEqual([expect.stringMatching(/^4 items differ that no log told of/)]);
  });

  test('the last writer of a key is told by its own epoch and number, whoever wrote it', async () => {
    const t = await thirdRegion();
    await examineReturned(t.signOff);
    expect(await resolveAll(t.home, central, { ...ours, rule: 'last-writer' })).toMatchObject({ decided: 4 });
    expect(await missing(t)).toEqual([]);
    expect(t.b.contents()).toEqual({ both: expect.stringContaining('"1"'), lag: expect.stringContaining('"1"'), wests: expect.stringContaining('"1"') });
    expect(t.third.contents()).toEqual(t.b.contents());
  });
});

// Deciding divergent keys: what each rule writes, that it reaches the region that returned, and that nothing newer is ever written over.
import { describe, expect, test } from 'vitest';
import { unionOfSets } from '../../src/core/divergence/merges.ts';
import type { DivergenceRule } from '../../src/core/divergence/rules.ts';
import { marks, padSequenceNumber, type Image } from '../../src/core/log/change-record.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { DivergenceList } from '../../src/operations/divergence-list.ts';
import { findDivergentKey, readDecision, resolveAll, resolveKey, undoDecision, viewDivergentKey, type DivergenceHome } from '../../src/operations/resolve-divergence.ts';
import { createDivergence, east, item, west } from './divergence-world.ts';

const asked = { by: 'grace', reason: 'looked at it' };
const ruling = (rule: DivergenceRule) => ({ ...asked, rule, merge: unionOfSets });

/** Six keys of every kind: written there only, here too, made there, removed there, removed here, made there and removed here. */
async function sixKinds() {
  const world = await createDivergence();
  const { a, b } = world;
  for (const key of ['there', 'both', 'gone-there', 'gone-here']) a.write(key, 1, item(0));
  await a.ship(b);
  await world.lose();
  for (const [key, image] of [
    ['there', item(1)],
    ['both', item(1)],
    ['made', item(1)],
    ['gone-there', null],
    ['gone-here', item(1)],
  ] as const)
    a.write(key, 1, image);
  a.write('there', 1, item(2));
  b.write('both', 2, item(9));
  b.write('gone-here', 2, null);
  await world.exchange();
  const decide = async (key: string, rule: DivergenceRule, home: DivergenceHome = world.home) => resolveKey(home, await findDivergentKey(home, east, key), ruling(rule));
  return { ...world, decide, keys: ['there', 'both', 'made', 'gone-there', 'gone-here'] };
}

describe('a divergent key', () => {
  test('is shown with both versions, the last of theirs, and whether it was written here since', async () => {
    const { home } = await sixKinds();
    const view = async (key: string) => viewDivergentKey(home, await findDivergentKey(home, east, key));
    expect(await view('there')).toMatchObject({ write: { theirs: item(2), epoch: 1, origin: east }, ours: item(0), isWrittenSince: false, isDecided: false });
    expect(await view('both')).toMatchObject({ write: { theirs: item(1) }, ours: item(9), isWrittenSince: true });
    expect(await view('made')).toMatchObject({ ours: null, isWrittenSince: null });
    expect(await view('gone-there')).toMatchObject({ write: { theirs: null }, ours: item(0), isWrittenSince: false });
    await expect(findDivergentKey(home, east, 'nowhere')).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining('Nothing was changed') });
  });

  test.each(['ours', 'theirs'] as const)("decided '%s' stands so in both regions, whatever stood there", async (rule) => {
    const t = await sixKinds();
    const before = t.b.contents();
    for (const key of t.keys) expect(await t.decide(key, rule)).toMatchObject({ kind: 'decided', key });
    expect(t.b.contents()).toEqual(
      rule === 'ours'
        ? before
        : { there: `{"id":{"S":"there"},"n":{"N":"2"}}`, both: `{"id":{"S":"both"},"n":{"N":"1"}}`, made: `{"id":{"S":"made"},"n":{"N":"1"}}`, 'gone-here': `{"id":{"S":"gone-here"},"n":{"N":"1"}}` },
    );
    await t.exchange();
    expect(t.a.contents()).toEqual(t.b.contents());
    expect(await t.decide('there', 'theirs')).toEqual({ kind: 'was-decided', key: 'there' });
  });

  test('is written as new history: in the epoch and of the region that is open', async () => {
    const { b, decide } = await sixKinds();
    await decide('there', 'theirs');
    expect(b.table.items.get('there')).toEqual({ id: { S: 'there' }, ...item(2), [marks.epoch]: { N: '2' }, [marks.origin]: { S: west } });
  });

  test("by 'last-writer' goes to the later epoch, by 'ask' to a person, and where nothing tells, to a person too", async () => {
    const t = await sixKinds();
    expect(await t.decide('there', 'ask')).toMatchObject({ kind: 'ask' });
    expect(await t.decide('there', 'last-writer')).toMatchObject({ kind: 'decided', because: expect.stringContaining('theirs is the later') });
    expect(await t.decide('both', 'last-writer')).toMatchObject({ kind: 'decided', because: expect.stringContaining('later epoch') });
    expect(await t.decide('gone-there', 'last-writer')).toMatchObject({ kind: 'decided', isRemoval: true });
    expect(await t.decide('made', 'last-writer')).toMatchObject({ kind: 'ask' });
    expect([t.b.table.items.get('there'), t.b.table.items.get('both')]).toMatchObject([item(2), item(9)]);
  });

  test('by a merge has both', async () => {
    const world = await createDivergence();
    const tags = (...of: string[]) => ({ tags: { SS: of } });
    world.a.write('k', 1, tags('old', 'kept'));
    await world.a.ship(world.b);
    await world.lose();
    world.a.write('k', 1, tags('kept', 'theirs'));
    await world.a.ship(world.b);
    await world.b.apply(world.a);
    world.b.write('k', 2, tags('old', 'kept', 'ours'));
    expect(await resolveKey(world.home, await findDivergentKey(world.home, east, 'k'), ruling('merge'))).toMatchObject({ kind: 'decided', because: 'merged by union-of-sets' });
    expect(world.b.table.items.get('k')).toMatchObject(tags('kept', 'ours', 'theirs'));
  });

  test('by a merge function that forgets the key, or makes another item of it, is left to a person', async () => {
    const { home, b } = await sixKinds();
    const both = await findDivergentKey(home, east, 'both');
    const merges = [
      { name: 'forgets', isCommutative: false, merge: (theirs: Image, ours: Image) => (theirs === ours ? ours : { n: { N: '3' } }) },
      { name: 'renames', isCommutative: false, merge: (theirs: Image, ours: Image) => (theirs === ours ? ours : { ...ours, id: { S: 'other' } }) },
    ];
    for (const merge of merges) expect(await resolveKey(home, both, { ...ruling('merge'), merge })).toMatchObject({ kind: 'ask', because: "the merge function changed its key 'id'" });
    expect(b.contents()).toMatchObject({ both: expect.stringContaining('"9"') });
    expect(b.contents()).not.toHaveProperty('other');
  });

  test('with a later write of theirs after the decision asks again', async () => {
    const t = await sixKinds();
    await t.decide('there', 'ours');
    t.a.table.items.get('there');
    t.a.write('there', 1, item(3));
    await t.a.ship(t.b);
    await t.b.apply(t.a);
    expect(await viewDivergentKey(t.home, await findDivergentKey(t.home, east, 'there'))).toMatchObject({ isDecided: false, write: { theirs: item(3) } });
    expect(await t.decide('there', 'theirs')).toMatchObject({ kind: 'decided' });
    await t.exchange();
    expect(t.a.contents()['there']).toBe(t.b.contents()['there']);
  });
});

test('two versions that do not fit one row are listed all the same, and ours is read where it stands', async () => {
  const t = await createDivergence();
  const long = (c: string) => ({ text: { S: c.repeat(200_000) } });
  t.a.write('long', 1, long('a'));
  await t.a.ship(t.b);
  await t.lose();
  t.a.write('long', 1, long('b'));
  await t.exchange();
  const key = await findDivergentKey(t.home, east, 'long');
  const row = await t.b.rows.get({ table: 'region', pk: 'DIVERGENCE', sk: key.row });
  expect(JSON.stringify(row).length).toBeLessThan(400_000);
  expect(row).toMatchObject({ oursLeftOut: expect.any(Number) });
  expect(await viewDivergentKey(t.home, key)).toMatchObject({ write: { theirs: long('b') }, ours: long('a') });
  expect(await resolveKey(t.home, key, ruling('last-writer'))).toMatchObject({ kind: 'decided' });
  await t.exchange();
  expect(t.a.contents()).toEqual(t.b.contents());
});

describe('what came in between', () => {
  test.each(['ours', 'theirs'] as const)("'%s' writes nothing over an item that the service wrote since it was read, and asks again", async (rule) => {
    const t = await sixKinds();
    const late: DivergenceHome = { ...t.home, live: { ...bound(t.home), get: async (key) => readThenWritten(key) } };
    let reads = 0;
    async function readThenWritten(key: string) {
      const found = await t.home.live.get(key);
      // After the decision was noted, before it is written.
      if ((reads += 1) === 2) t.b.write(key, 2, item(77));
      return found;
    }
    expect(await t.decide('there', rule, late)).toMatchObject({ kind: 'overtaken' });
    expect(t.b.table.items.get('there')).toMatchObject(item(77));
    expect(await findDivergentKey(t.home, east, 'there')).toMatchObject({ state: 'undecided', turn: 1 });
    expect(await readDecision(t.home, await findDivergentKey(t.home, east, 'there'))).toMatchObject({ state: 'overtaken', by: 'grace' });
    expect(await t.decide('there', rule)).toMatchObject({ kind: 'decided' });
  });

  test('an attribute that the service adds meanwhile is in no condition, and found by the reading back', async () => {
    const t = await sixKinds();
    const adding: DivergenceHome = {
      ...t.home,
      live: {
        ...bound(t.home),
        change: async (...args) => {
          t.b.table.set('there', { ...t.b.table.items.get('there'), added: { S: 'by the service' } });
          return t.home.live.change(...args);
        },
      },
    };
    expect(await t.decide('there', 'theirs', adding)).toMatchObject({ kind: 'overtaken' });
    expect(await viewDivergentKey(t.home, await findDivergentKey(t.home, east, 'there'))).toMatchObject({ isDecided: false, ours: { added: { S: 'by the service' } } });
  });

  test('a late write that is listed after a later one is history: the last stays the last', async () => {
    const t = await createDivergence();
    const list = new DivergenceList(t.b.rows, sha256);
    const write = (n: number, epoch = 1) => ({
      origin: east,
      record: { key: 'k', image: { id: { S: 'k' }, ...item(n) }, epoch, atMs: n, sequenceNumber: padSequenceNumber(String(n)) },
      ours: null,
      foundAtMs: 9,
    });
    await t.lose();
    for (const found of [write(10), write(9), write(11), write(2)]) await list.add([found]);
    expect(await viewDivergentKey(t.home, await findDivergentKey(t.home, east, 'k'))).toMatchObject({ write: { theirs: item(11) } });
    await list.add([write(12, 0)]);
    expect(await viewDivergentKey(t.home, await findDivergentKey(t.home, east, 'k'))).toMatchObject({ write: { theirs: item(11) } });
  });

  test('a person decides upon what was shown, and on nothing else', async () => {
    const t = await sixKinds();
    const { seen } = await viewDivergentKey(t.home, await findDivergentKey(t.home, east, 'there'));
    t.b.write('there', 2, item(5));
    expect(await resolveKey(t.home, await findDivergentKey(t.home, east, 'there'), { ...ruling('theirs'), seen })).toMatchObject({ kind: 'overtaken' });
    expect(t.b.table.items.get('there')).toMatchObject(item(5));
  });

  test('where the region is not open nothing is written, and what was noted is carried out later', async () => {
    const t = await sixKinds();
    const closing: DivergenceHome = {
      ...t.home,
      live: {
        ...bound(t.home),
        change: async (...args) => {
          await t.b.setLease(2, 'closed');
          return t.home.live.change(...args);
        },
      },
    };
    await expect(t.decide('there', 'theirs', closing)).rejects.toMatchObject({ name: 'FenceClosedError' });
    expect(t.b.table.items.get('there')).toMatchObject(item(0));
    await expect(t.decide('both', 'theirs')).rejects.toMatchObject({ name: 'FenceClosedError' });
    await t.b.setLease(4, 'open');
    // 'ours' was asked for now; what was noted before is carried out first.
    expect(await t.decide('there', 'ours')).toEqual({ kind: 'was-decided', key: 'there' });
    expect(t.b.table.items.get('there')).toMatchObject({ ...item(2), [marks.epoch]: { N: '4' } });
  });
});

test('a write that arrives when its decision has ended, and was undone, changes nothing', async () => {
  const t = await sixKinds();
  const sent: Parameters<DivergenceHome['live']['change']>[] = [];
  const keeping: DivergenceHome = { ...t.home, live: { ...bound(t.home), change: async (...args) => (sent.push(args), t.home.live.change(...args)) } };
  await t.decide('there', 'theirs', keeping);
  await undoDecision(t.home, await findDivergentKey(t.home, east, 'there'), asked);
  for (const args of sent) expect(await t.home.live.change(...args)).toEqual({ kind: 'superseded' });
  expect(sent).toHaveLength(1);
  expect(t.b.table.items.get('there')).toMatchObject(item(0));
});

describe('an undo', () => {
  test.each(['ours', 'theirs'] as const)("of '%s' writes what stood before, and asks again", async (rule) => {
    const t = await sixKinds();
    const before = t.b.contents();
    for (const key of t.keys) await t.decide(key, rule);
    for (const key of t.keys) expect(await undoDecision(t.home, await findDivergentKey(t.home, east, key), asked)).toMatchObject({ kind: 'decided', because: `undone: '${rule}' of grace` });
    expect(t.b.contents()).toEqual(before);
    await t.exchange();
    expect(t.a.contents()).toEqual(t.b.contents());
    expect(await findDivergentKey(t.home, east, 'made')).toMatchObject({ state: 'undone', turn: 2 });
    await expect(undoDecision(t.home, await findDivergentKey(t.home, east, 'made'), asked)).rejects.toMatchObject({ name: 'RefusedError' });
    expect(await t.decide('there', 'last-writer')).toMatchObject({ kind: 'ask', because: expect.stringContaining('undone') });
    expect(await t.decide('there', 'theirs')).toMatchObject({ kind: 'decided' });
  });

  test('writes nothing over what the service wrote since, and the decision stands', async () => {
    const t = await sixKinds();
    await t.decide('there', 'theirs');
    t.b.write('there', 2, item(50));
    const key = await findDivergentKey(t.home, east, 'there');
    expect(await undoDecision(t.home, key, asked)).toMatchObject({ kind: 'overtaken', because: expect.stringContaining('newer than the decision') });
    expect(t.b.table.items.get('there')).toMatchObject(item(50));
    expect(await findDivergentKey(t.home, east, 'there')).toMatchObject({ state: 'decided', turn: 2 });
    // Were it as it was decided again, the decision before could still be undone.
    t.b.write('there', 2, item(2));
    expect(await undoDecision(t.home, await findDivergentKey(t.home, east, 'there'), asked)).toMatchObject({ kind: 'decided' });
    expect(t.b.table.items.get('there')).toMatchObject(item(0));
  });
});

describe('killed', () => {
  test('at any call, a ruling for all goes on where it is repeated, and both regions end equal', async () => {
    for (let dies = 1; ; dies += 1) {
      const t = await sixKinds();
      let calls = 0;
      const step = async <T>(act: () => Promise<T>): Promise<T> => {
        calls += 1;
        if (calls > dies) throw new Error('killed');
        const answer = await act();
        if (calls === dies) throw new Error('killed');
        return answer;
      };
      const dying: DivergenceHome = {
        ...t.home,
        own: {
          region: west,
          get: async (k) => step(async () => t.home.own.get(k)),
          change: async (c) => step(async () => t.home.own.change(c)),
          changeTogether: async (...args) => step(async () => t.home.own.changeTogether(...args)),
        },
        live: { ...bound(t.home), get: async (k) => step(async () => t.home.live.get(k)), change: async (...args) => step(async () => t.home.live.change(...args)) },
      };
      const survived = await resolveAll(dying, east, ruling('theirs')).then(
        () => true,
        () => false,
      );
      const rest = await resolveAll(t.home, east, ruling('theirs'));
      expect(rest.decided + rest.wereDecided).toBe(5);
      await t.exchange();
      expect(t.b.contents(), `killed after call ${dies}`).toMatchObject({ there: `{"id":{"S":"there"},"n":{"N":"2"}}`, made: `{"id":{"S":"made"},"n":{"N":"1"}}` });
      expect(t.a.contents(), `killed after call ${dies}`).toEqual(t.b.contents());
      if (survived) break;
      expect(dies).toBeLessThan(200);
    }
  });
});

test('keys that are decided already do not stand in the way of the others: eight of those go at a time', async () => {
  const t = await createDivergence();
  await t.lose();
  const keys = Array.from({ length: 40 }, (_, n) => `late-${n}`);
  for (const key of keys) t.a.write(key, 1, item(1));
  await t.exchange();
  for (const key of keys.slice(0, 32)) await resolveKey(t.home, await findDivergentKey(t.home, east, key), ruling('theirs'));
  let [underWay, most] = [0, 0];
  const get = async (key: string) => {
    most = Math.max(most, (underWay += 1));
    await new Promise((resolve) => setImmediate(resolve));
    underWay -= 1;
    return t.home.live.get(key);
  };
  expect(await resolveAll({ ...t.home, live: { ...bound(t.home), get } }, east, ruling('theirs'))).toEqual({ decided: 8, wereDecided: 32, asked: 0, overtaken: 0, left: [] });
  expect(most).toBe(8);
});

describe('a call that is not answered', () => {
  const fail = async () => Promise.reject(new Error('Request aborted'));

  test('leaves its key and no other, and the next time goes on with it', async () => {
    const t = await sixKinds();
    const flaky: DivergenceHome = { ...t.home, live: { ...bound(t.home), get: async (key) => (key === 'made' ? fail() : t.home.live.get(key)) } };
    const said = await resolveAll(flaky, east, ruling('theirs'));
    expect(said).toMatchObject({ decided: 4, overtaken: 1, left: [{ key: 'made', because: expect.stringMatching(/^no answer \(Request aborted\): repeat the command/) }] });
    expect(await resolveAll(t.home, east, ruling('theirs'))).toMatchObject({ decided: 1, wereDecided: 4, left: [] });
  });

  test('ends the command where no key was answered', async () => {
    const t = await sixKinds();
    await expect(resolveAll({ ...t.home, live: { ...bound(t.home), get: fail } }, east, ruling('theirs'))).rejects.toThrow('Request aborted');
  });
});

function bound(home: DivergenceHome): DivergenceHome['live'] {
  const { live } = home;
  return { batchMax: live.batchMax, get: async (key) => live.get(key), change: async (...args) => live.change(...args) };
}

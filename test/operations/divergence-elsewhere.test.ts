// Several lists as one: each key once, by its last late write; a list that does not answer is named and keeps nobody waiting.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { divergentKeyKey } from '../../src/core/divergence/divergence-rows.ts';
import { padSequenceNumber } from '../../src/core/log/change-record.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { MemoryRowPages } from '../../src/drivers/memory/memory-row-pages.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { collectElsewhere, collectKey, mergedKeys, type ListOfRegion, type MergedKey, type Unread } from '../../src/operations/divergence-elsewhere.ts';
import { DivergenceList } from '../../src/operations/divergence-list.ts';
import { findDivergentKey, resolveAll, viewDivergentKey } from '../../src/operations/resolve-divergence.ts';
import { alwaysAsync } from '../core/property.ts';
import { createDivergence, east, item } from './divergence-world.ts';

type Written = { readonly key: string; readonly n: number; readonly isDecided?: boolean };

async function listOf(region: string, written: readonly Written[], pageRows = 2): Promise<ListOfRegion & { readonly rows: MemoryRowStore }> {
  const rows = new MemoryRowStore(region);
  const list = new DivergenceList(rows, sha256);
  await list.add(
    written.map(({ key, n }) => ({ origin: east, record: { key, image: { id: { S: key }, ...item(n) }, epoch: 1, atMs: n, sequenceNumber: padSequenceNumber(String(n)) }, ours: null, foundAtMs: 1 })),
  );
  for (const { key, isDecided } of written) {
    if (isDecided !== true) continue;
    const name = divergentKeyKey(east, key, sha256);
    await rows.change({ key: name, set: { state: 'decided', decided: String((await rows.get(name))?.['newest']) }, when: [], mayCreate: false });
  }
  const pages = new MemoryRowPages(rows);
  return { region, own: rows, rows, pages: { page: (pk, prefix, after) => pages.page(pk, prefix, after, pageRows) } };
}

const silent = (region: string): ListOfRegion => {
  const fail = async () => Promise.reject(new Error('Connection timed out'));
  return { region, own: { get: fail }, pages: { page: fail } };
};

async function merge(home: ListOfRegion, others: readonly ListOfRegion[], after: string | null = null) {
  const found: MergedKey[] = [];
  const unread: Unread[] = [];
  for await (const merged of mergedKeys(home, others, east, after, (one) => unread.push(one))) found.push(merged);
  return { found, unread, keys: found.map(({ key, list, isOpen }) => [key.key, list.region, isOpen] as const).toSorted((a, b) => (a[0] < b[0] ? -1 : 1)) };
}

describe('lists of three regions as one', () => {
  test('have each key once, from where its last late write is listed, and what was decided anywhere is decided', async () => {
    const home = await listOf('b', [
      { key: 'both', n: 1 },
      { key: 'later', n: 1, isDecided: true },
      { key: 'home', n: 1 },
      { key: 'older', n: 5, isDecided: true },
      { key: 'since', n: 1 },
    ]);
    const other = await listOf('c', [
      { key: 'both', n: 1 },
      { key: 'later', n: 2 },
      { key: 'other', n: 3 },
      { key: 'done', n: 3, isDecided: true },
      { key: 'older', n: 4 },
      { key: 'since', n: 9, isDecided: true },
    ]);
    const { keys, unread } = await merge(home, [other]);
    expect(keys).toEqual([
      ['both', 'b', true],
      ['done', 'c', false],
      ['home', 'b', true],
      ['later', 'c', true],
      ['older', 'b', false],
      ['other', 'c', true],
      // Decided there upon a later write; the one that is listed here waits all the same.
      ['since', 'b', true],
    ]);
    expect(unread).toEqual([]);
  });

  test('go on without one that is silent, and say so once; the open one must answer', async () => {
    const home = await listOf('b', [
      { key: 'k', n: 1 },
      { key: 'l', n: 1 },
      { key: 'm', n: 1 },
    ]);
    const { found, unread } = await merge(home, [silent('c')]);
    expect(found).toHaveLength(3);
    expect(unread).toEqual([{ region: 'c', because: 'Error: Connection timed out' }]);
    await expect(merge(silent('b'), [home])).rejects.toThrow('Connection timed out');
  });

  test('in any number and any pages are each key by its last write, in order, and go on after any of them', async () => {
    const lists = fc.array(fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), n: fc.integer({ min: 1, max: 4 }) }), { maxLength: 8 }), { minLength: 1, maxLength: 4 });
    await alwaysAsync(
      fc.asyncProperty(lists, fc.integer({ min: 1, max: 3 }), async (written, pageRows) => {
        const [home, ...others] = await Promise.all(written.map(async (one, i) => listOf(`r${i}`, one, pageRows)));
        if (home === undefined) return;
        const { found } = await merge(home, others);
        const newest = new Map<string, number>();
        for (const { key, n } of written.flat()) newest.set(key, Math.max(n, newest.get(key) ?? 0));
        expect(Object.fromEntries(found.map(({ key }) => [key.key, Number(key.newest.split('#')[1])]))).toEqual(Object.fromEntries(newest));
        expect(found.map(({ sk }) => sk)).toEqual([...newest.keys()].map((key) => String(divergentKeyKey(east, key, sha256).sk)).toSorted((x, y) => (x < y ? -1 : 1)));
        const [first] = found;
        if (first !== undefined) expect((await merge(home, others, first.sk)).found.map(({ sk }) => sk)).toEqual(found.slice(1).map(({ sk }) => sk));
      }),
      60,
    );
  });
});

describe('what only another list has', () => {
  async function home() {
    const t = await createDivergence();
    t.a.write('here', 1, item(0));
    await t.a.ship(t.b);
    await t.lose();
    t.b.write('far', 2, item(7));
    return t;
  }

  test('is taken over with what stands here, once, and decided here', async () => {
    const t = await home();
    const other = await listOf('c', [
      { key: 'far', n: 3 },
      { key: 'done', n: 4, isDecided: true },
    ]);
    for (let n = 0; n < 2; n += 1) expect(await collectElsewhere(t.home, [other], east)).toEqual([]);
    expect(await viewDivergentKey(t.home, await findDivergentKey(t.home, east, 'far'))).toMatchObject({ write: { theirs: item(3), epoch: 1, theirsAtMs: 3 }, ours: item(7), isWrittenSince: true });
    await collectKey(t.home, [other], east, 'done');
    await expect(findDivergentKey(t.home, east, 'done')).rejects.toMatchObject({ name: 'RefusedError' });
    expect(await resolveAll(t.home, east, { by: 'grace', reason: 'looked', rule: 'theirs', merge: undefined })).toMatchObject({ decided: 1 });
    expect(t.b.contents()['far']).toContain('"3"');
    await collectElsewhere(t.home, [other], east);
    expect(await findDivergentKey(t.home, east, 'far')).toMatchObject({ state: 'decided' });
  });

  test('asks again where the other list has a later write than was decided here', async () => {
    const t = await home();
    await collectElsewhere(t.home, [await listOf('c', [{ key: 'far', n: 3 }])], east);
    await resolveAll(t.home, east, { by: 'grace', reason: 'looked', rule: 'ours', merge: undefined });
    await collectKey(t.home, [await listOf('c', [{ key: 'far', n: 9 }])], east, 'far');
    expect(await viewDivergentKey(t.home, await findDivergentKey(t.home, east, 'far'))).toMatchObject({ isDecided: false, write: { theirs: item(9) } });
  });

  test('is not known where that region is silent, for one key or all', async () => {
    const t = await home();
    const unread = [{ region: 'c', because: 'Error: Connection timed out' }];
    expect(await collectElsewhere(t.home, [silent('c')], east)).toEqual(unread);
    expect(await collectKey(t.home, [silent('c')], east, 'far')).toEqual(unread);
    const halfSilent = { ...(await listOf('c', [{ key: 'far', n: 3 }])), own: silent('c').own };
    expect(await collectElsewhere(t.home, [halfSilent], east)).toEqual(unread);
  });
});

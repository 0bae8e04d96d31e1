// Long reports in flat memory: the stores are made up as they are asked, so that what grows is the operation's own.
//   HOLDFAST_DIVERGENT_KEYS=1000000 vitest run test/operations/divergence-size.test.ts
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { divergentKeyKey } from '../../src/core/divergence/divergence-rows.ts';
import { marks, type Image } from '../../src/core/log/change-record.ts';
import type { Row, RowKey } from '../../src/core/rows/row.ts';
import { collectElsewhere, mergedKeys, type ListOfRegion } from '../../src/operations/divergence-elsewhere.ts';
import { compareTables } from '../../src/operations/compare-tables.ts';
import { resolveAll, type DivergenceHome } from '../../src/operations/resolve-divergence.ts';
import type { KeyedImage, WholeTable } from '../../src/ports/whole-table.ts';
import { east, west } from './group.ts';

const keys = Number(process.env['HOLDFAST_DIVERGENT_KEYS'] ?? 20_000);
const grownBytesMax = 32 * 1024 * 1024;
const looksApart = 50;
const pageRows = 200;
const hash = (text: string) => text.padStart(64, '0').slice(-64);
const image = (key: string, n: number, epoch: number, origin: string): Image => ({ id: { S: key }, n: { N: String(n) }, [marks.epoch]: { N: String(epoch) }, [marks.origin]: { S: origin } });

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

/** What is really held, above the beginning: looked at now and then, after what nobody holds was collected. */
function heapWatch() {
  const held = () => {
    if (typeof collect === 'function') collect();
    return process.memoryUsage().heapUsed;
  };
  const first = held();
  let [most, looks] = [0, 0];
  return { look: () => void ((looks += 1) % looksApart === 1 && (most = Math.max(most, held() - first))), grownBytes: () => most };
}

function said(what: string, grownBytes: number, beganAtMs: number): void {
  console.log(
    `${what} of ${keys} keys: at most ${(grownBytes / 1024 / 1024).toFixed(1)} MiB held more than at the beginning, the process ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB at its peak, ${((performance.now() - beganAtMs) / 1000).toFixed(1)} s`,
  );
}

/** A report of `keys` keys. It remembers only what was written last. */
function madeUp(): { readonly home: DivergenceHome; readonly written: () => number } {
  let written = 0;
  const recent = new Map<string, Row | Image>();
  const remember = (name: string, value: Row | Image) => {
    recent.delete(name);
    recent.set(name, value);
    const [oldest] = recent.keys();
    if (recent.size > 1000 && oldest !== undefined) recent.delete(oldest);
  };
  const nameOf = (key: RowKey) => `${key.pk} ${key.sk}`;
  const first = (key: RowKey): Row | undefined => {
    if (key.pk === 'LEASE') return { epoch: 2, untilAtMs: 2e15, openEpoch: 2, closedEpoch: 0 };
    const n = /#k(\d+)$/.exec(key.sk ?? '')?.[1];
    return key.pk === 'DIVERGENCE' && n !== undefined ? { itemKey: `k${n}`, theirs: JSON.stringify(image(`k${n}`, 1, 1, east)), theirsAtMs: 1, foundAtMs: 2 } : undefined;
  };
  const own: DivergenceHome['own'] = {
    region: west,
    get: async (key) => (recent.get(nameOf(key)) as Row | undefined) ?? first(key),
    change: async ({ set }) => ({ kind: 'done', row: set }),
    changeTogether: async (changes) => {
      for (const { key, set } of changes) remember(nameOf(key), { ...recent.get(nameOf(key)), ...set } as Row);
      return 'done';
    },
  };
  const page: DivergenceHome['pages']['page'] = async (_pk, _prefix, after, limit) => {
    const from = after === null ? 0 : Number(after);
    const rows = Array.from({ length: Math.min(limit, keys - from) }, (_, i): Row => {
      const key = `k${from + i}`;
      return { sk: divergentKeyKey(east, key, hash).sk ?? '', itemKey: key, newest: '1#1', row: `${east}#1#${key}` };
    });
    return { rows, next: from + rows.length < keys ? String(from + rows.length) : null };
  };
  const live: DivergenceHome['live'] = {
    batchMax: 25,
    get: async (key) => (recent.get(key) as Image | undefined) ?? null,
    change: async (epoch, changes) => {
      for (const { key, wanted } of changes) remember(key, { ...wanted, [marks.epoch]: { N: String(epoch) }, [marks.origin]: { S: west } });
      written += changes.length;
      return { kind: 'done', refused: [] };
    },
  };
  return { home: { region: west, own, pages: { page }, live, keyName: 'id', nowMs: () => 1e15, digest: hash }, written: () => written };
}

/** Of every key, or of every other one. */
function madeUpList(region: string, step: number): ListOfRegion {
  const page: ListOfRegion['pages']['page'] = async (_pk, _prefix, after, limit) => {
    const from = after === null ? 0 : Number(after);
    const to = Math.min(from + limit * step, keys);
    const rows = Array.from({ length: Math.ceil((to - from) / step) }, (_, i): Row => {
      const key = `k${from + i * step}`;
      return { sk: divergentKeyKey(east, key, hash).sk ?? '', itemKey: key, newest: '1#1', row: `${east}#1#${key}` };
    });
    return { rows, next: to < keys ? String(to) : null };
  };
  const get: ListOfRegion['own']['get'] = async ({ sk }) => {
    const key = /#(k\d+)$/.exec(sk ?? '')?.[1] ?? '';
    return { itemKey: key, theirs: JSON.stringify(image(key, 1, 1, east)), theirsAtMs: 1, foundAtMs: 2 };
  };
  return { region, own: { get }, pages: { page } };
}

function madeUpTable(origin: string, n: number): WholeTable {
  return {
    keysMax: 100,
    async *pages() {
      for (let from = 0; from < keys; from += pageRows)
        yield Array.from({ length: Math.min(pageRows, keys - from) }, (_, i): KeyedImage => ({ key: `k${from + i}`, image: image(`k${from + i}`, n, 1, origin) }));
    },
    getMany: async (asked) => new Map(asked.map((key) => [key, image(key, n, 1, origin)])),
  };
}

describe('many divergent keys', { timeout: 600_000 }, () => {
  test('are decided a page at a time', async () => {
    const { home, written } = madeUp();
    const [heap, beganAtMs] = [heapWatch(), performance.now()];
    const done = await resolveAll(home, east, { by: 'grace', reason: 'all', rule: 'theirs', merge: undefined }, heap.look);
    said('resolve', heap.grownBytes(), beganAtMs);
    expect(done).toMatchObject({ decided: keys, asked: 0, overtaken: 0, left: [] });
    expect(written()).toBe(keys);
    expect(heap.grownBytes()).toBeLessThan(grownBytesMax);
  });

  test('are shown as one list of three, and taken over a page at a time', async () => {
    const [heap, beganAtMs] = [heapWatch(), performance.now()];
    const others = [madeUpList('eu-west-1', 1), madeUpList('eu-central-1', 1)];
    let shown = 0;
    for await (const { isOpen } of mergedKeys(madeUpList(west, 2), others, east, null, () => undefined)) {
      shown += isOpen ? 1 : 0;
      if (shown % pageRows === 0) heap.look();
    }
    said('one list of three', heap.grownBytes(), beganAtMs);
    expect(shown).toBe(keys);
    let takenOver = 0;
    const { home } = madeUp();
    const own: DivergenceHome['own'] = {
      ...home.own,
      change: async ({ key, set }) => {
        if (key.pk === 'DIVERGENT_KEY') takenOver += 1;
        if (takenOver % pageRows === 0) heap.look();
        return { kind: 'done', row: set };
      },
    };
    const unread = await collectElsewhere({ ...home, own, pages: madeUpList(west, 2).pages }, others, east);
    said('taking over what two other lists have', heap.grownBytes(), beganAtMs);
    expect(unread).toEqual([]);
    expect(takenOver).toBe(Math.floor(keys / 2));
    expect(heap.grownBytes()).toBeLessThan(grownBytesMax);
  });

  test('are compared and listed some at a time', async () => {
    const [heap, beganAtMs] = [heapWatch(), performance.now()];
    let listed = 0;
    const tables = { home: madeUpTable(west, 1), returned: madeUpTable(east, 2), holder: west, lostEpoch: 1, wait: async () => undefined, untilApplied: async () => undefined };
    const compared = await compareTables(tables, async (differences) => {
      listed += differences.length;
      heap.look();
    });
    said('compare', heap.grownBytes(), beganAtMs);
    expect(compared).toEqual({ items: keys, differing: keys, behind: [] });
    expect(listed).toBe(keys);
    expect(heap.grownBytes()).toBeLessThan(grownBytesMax);
  });
});

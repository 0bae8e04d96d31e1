// The memory drivers keep the contracts that the AWS drivers keep: what the simulation says of them holds there.
import { describe, expect, test } from 'vitest';
import type { Image } from '../../src/core/log/change-record.ts';
import { FaultyRowStore, type RowFault } from '../../src/drivers/faulty/faulty-row-store.ts';
import { MemoryChangeStream } from '../../src/drivers/memory/memory-change-stream.ts';
import { MemoryDataStore } from '../../src/drivers/memory/memory-data-store.ts';
import { MemoryDivergenceStore } from '../../src/drivers/memory/memory-divergence-store.ts';
import { MemoryLiveTable } from '../../src/drivers/memory/memory-live-table.ts';
import { MemoryLogStore } from '../../src/drivers/memory/memory-log-store.ts';
import { MemoryRowStore } from '../../src/drivers/memory/memory-row-store.ts';
import { parseDivergenceRow } from '../../src/core/divergence/divergence-rows.ts';
import { sha256 } from '../../src/drivers/aws/system-environment.ts';
import { MemoryRowPages } from '../../src/drivers/memory/memory-row-pages.ts';
import { MemoryWholeTable } from '../../src/drivers/memory/memory-whole-table.ts';
import { DivergenceList } from '../../src/operations/divergence-list.ts';
import { changeStreamContract } from './change-stream.ts';
import { dataStoreContract } from './data-store.ts';
import { divergenceStoreContract } from './divergence-store.ts';
import { liveTableContract } from './live-table.ts';
import { logStoreContract } from './log-store.ts';
import { rowPagesContract } from './row-pages.ts';
import { rowStoreContract } from './row-store.ts';
import { wholeTableContract } from './whole-table.ts';

rowStoreContract('memory', () => new MemoryRowStore('us-east-1'));
rowStoreContract('faulty over memory, without a fault', () => new FaultyRowStore(new MemoryRowStore('us-east-1'), () => undefined));
logStoreContract('memory', () => new MemoryLogStore('us-east-1'));
divergenceStoreContract('memory', () => {
  const store = new MemoryDivergenceStore();
  const listed = async () =>
    store.listed().map(({ origin, record, ours, foundAtMs }) => ({
      origin,
      epoch: record.epoch,
      sequenceNumber: record.sequenceNumber,
      key: record.key,
      theirs: record.image,
      ours,
      theirsAtMs: record.atMs,
      foundAtMs,
    }));
  return { store, listed };
});
divergenceStoreContract('rows in memory', () => {
  const rows = new MemoryRowStore('us-east-1');
  return { store: new DivergenceList(rows, sha256), listed: async () => rows.list('region', 'DIVERGENCE').map((row) => ({ ...parseDivergenceRow(row), theirsAtMs: Number(row['theirsAtMs']) })) };
});
rowPagesContract('memory', () => {
  const rows = new MemoryRowStore('us-east-1');
  return { rows, pages: new MemoryRowPages(rows) };
});
wholeTableContract('memory', () => {
  const items = new Map<string, Image>();
  return { table: new MemoryWholeTable(() => items, 3), dataKey: 'id', put: async (image) => void items.set(String(Object(image['id'])['S']), image) };
});
for (const shards of [1, 4]) {
  changeStreamContract(`memory, shards: ${shards}`, async () => {
    const items = new Map<string, Image>();
    let changes = 0;
    const set = (key: string, image: Image | null) => {
      const oldImage = items.get(key) ?? null;
      if (image === null) items.delete(key);
      else items.set(key, image);
      stream.add({ key, newImage: image, oldImage, atMs: 0, sequenceNumber: String((changes += 1)) });
    };
    const stream = new MemoryChangeStream('us-east-1', shards, set, 3);
    return {
      stream,
      shards,
      put: async (key) => set(key, { id: { S: key } }),
      remove: async (key) => set(key, null),
      get: async (key) => items.get(key) ?? null,
      split: async (shard) => stream.split(shard),
    };
  });
}
dataStoreContract('memory', async () => {
  const rows = new MemoryRowStore('us-west-2');
  const data = new MemoryDataStore(rows, 2);
  return { data, rows, fenceShards: 2, dataKey: 'id', putOwn: async (key, image, epoch) => data.put(key, image, epoch) };
});

liveTableContract('memory', async () => {
  const rows = new MemoryRowStore('us-east-1');
  const items = new Map<string, Image>();
  const set = async (key: string, image: Image | null) => void (image === null ? items.delete(key) : items.set(key, image));
  return {
    table: new MemoryLiveTable(rows, { get: (key) => items.get(key) ?? null, set }, { keyName: 'id', fenceShards: 3 }),
    rows,
    fenceShards: 3,
    dataKey: 'id',
    region: 'us-east-1',
    put: async (image) => set(String(Object(image['id'])['S']), image),
  };
});

describe('the faulty row store', () => {
  const key = { table: 'region', pk: 'X', sk: '#' } as const;
  const raise = (n: number) => ({ key, set: { n }, when: [{ attribute: 'n', is: '<', value: n } as const], mayCreate: false });
  function create(fault: RowFault | undefined) {
    const memory = new MemoryRowStore('us-east-1', [{ key, row: { n: 0 } }]);
    return { memory, store: new FaultyRowStore(memory, () => fault), n: async () => (await memory.get(key))?.['n'] };
  }

  test('loses a request: not carried out, and thrown as an unknown outcome', async () => {
    const t = create({ kind: 'lose-request' });
    await expect(t.store.change(raise(1))).rejects.toMatchObject({ name: 'TimeoutError', message: expect.stringContaining('X in us-east-1') });
    await expect(t.store.get(key)).rejects.toThrow();
    await expect(t.store.changeTogether([raise(1)], [])).rejects.toThrow();
    expect(await t.n()).toBe(0);
    expect(t.store.calls.map((c) => c.method)).toEqual(['change', 'get', 'changeTogether']);
  });

  test('loses an answer: carried out, and thrown', async () => {
    const t = create({ kind: 'lose-answer' });
    await expect(t.store.change(raise(1))).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(await t.n()).toBe(1);
  });

  test('holds a request, or its answer, until it is told to', async () => {
    for (const kind of ['hold-request', 'hold-answer'] as const) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const t = create({ kind, until: promise });
      let isAnswered = false;
      const call = t.store.change(raise(1)).then((a) => ((isAnswered = true), a));
      await Promise.resolve();
      await Promise.resolve();
      expect([isAnswered, await t.n()]).toEqual([false, kind === 'hold-answer' ? 1 : 0]);
      resolve();
      expect((await call).kind).toBe('done');
      expect(await t.n()).toBe(1);
    }
  });

  test('delivers late what its caller gave up, and twice what it was asked once', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const late = create({ kind: 'late', until: promise });
    await expect(late.store.change(raise(1))).rejects.toThrow();
    const twice = create({ kind: 'repeat', until: promise });
    expect((await twice.store.change(raise(1))).kind).toBe('done');
    await twice.memory.change({ ...raise(0), set: { n: 0 }, when: [] });
    expect([await late.n(), await twice.n()]).toEqual([0, 0]);
    resolve();
    await Promise.all([late.store.delivered(), twice.store.delivered()]);
    expect([await late.n(), await twice.n()]).toEqual([1, 1]);
  });
});

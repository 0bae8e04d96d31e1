import { afterEach, describe, expect, it } from 'vitest';
import { startThreads, WorkerPool } from '../../src/files/worker-pool.ts';
import type { ThreadTask } from './thread-worker.ts';

const file = new URL('thread-worker.ts', import.meta.url);
const openTask: ThreadTask = { gates: new Int32Array(new SharedArrayBuffer(4)).fill(1), gate: 0 };
const pools: { close(): Promise<void> }[] = [];

function poolOf(options: { readonly count: number; readonly threads?: ReturnType<typeof startThreads> }): WorkerPool<ThreadTask, number> {
  const pool = new WorkerPool<ThreadTask, number>({ file, setup: () => ({}), onNews: () => {}, ...options });
  pools.push(pool);
  return pool;
}

afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close();
});

describe('tasks of one lane', () => {
  it('wait for the worker that is at it while there is something else to do', async () => {
    const pool = poolOf({ count: 2 });
    const names = ['a1', 'b1', 'a2', 'b2', 'a3', 'b3'] as const;
    const gates = new Int32Array(new SharedArrayBuffer(4 * names.length));
    const open = (...some: readonly (typeof names)[number][]) => {
      for (const name of some) {
        Atomics.store(gates, names.indexOf(name), 1);
        Atomics.notify(gates, names.indexOf(name));
      }
    };
    const ended: string[] = [];
    const runs = new Map(
      names.map((name, gate) => [
        name,
        pool.run({ gates, gate }, { lane: name[0] }).then((thread) => {
          ended.push(name);
          return thread;
        }),
      ]),
    );
    // Two are handed to each worker at once. The one that has the b's may go on, the other stands at a1.
    open('b1', 'b2', 'b3', 'a3');
    const [b1, b2, b3] = await Promise.all([runs.get('b1'), runs.get('b2'), runs.get('b3'), runs.get('a3')]);
    expect(ended).toEqual(['b1', 'b2', 'b3', 'a3']);
    expect([b2, b3]).toEqual([b1, b1]);
    open('a1', 'a2');
    const [a1, a2] = await Promise.all([runs.get('a1'), runs.get('a2')]);
    expect(a1).not.toBe(b1);
    expect(a2).toBe(a1);
  });

  it('are anybody’s where there is nothing else to do', async () => {
    const pool = poolOf({ count: 2 });
    const threads = await Promise.all(Array.from({ length: 4 }, async () => pool.run(openTask, { lane: 'only' })));
    expect(new Set(threads).size).toBe(2);
  });
});

describe('a task that no worker has yet', () => {
  it('can be done here, the last one first; what a worker has cannot', async () => {
    const pool = poolOf({ count: 1 });
    const gates = new Int32Array(new SharedArrayBuffer(16));
    const runs = [0, 1, 2, 3].map(async (gate) => pool.run({ gates, gate }));
    // Two are with the worker.
    expect([pool.runHere(({ gate }) => -gate), pool.runHere(({ gate }) => -gate), pool.runHere(() => 0)]).toEqual([true, true, false]);
    expect(await Promise.all(runs.slice(2))).toEqual([-2, -3]);
    for (const gate of [0, 1]) {
      Atomics.store(gates, gate, 1);
      Atomics.notify(gates, gate);
    }
    const [first = 0, second] = await Promise.all(runs);
    expect(first).toBeGreaterThan(0);
    expect(second).toBe(first);
  });
});

describe('threads that were started ahead', () => {
  it('are the pool’s workers', async () => {
    const ahead = startThreads(file, 2);
    const ids = ahead.map(({ threadId }) => threadId);
    const pool = poolOf({ count: 2, threads: ahead });
    const found = await Promise.all(Array.from({ length: 8 }, async () => pool.run(openTask)));
    expect(ahead).toEqual([]);
    expect(found.every((id) => ids.includes(id))).toBe(true);
  });
});

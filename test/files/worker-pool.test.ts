import { afterEach, describe, expect, it } from 'vitest';
import { startThreads, WorkerPool } from '../../src/files/worker-pool.ts';
import type { ThreadTask } from './thread-worker.ts';

const file = new URL('thread-worker.ts', import.meta.url);
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
  it('stay with one worker while the others have something else to do', async () => {
    const pool = poolOf({ count: 2 });
    // Those of one lane take a hundred times as long: whoever has done the short ones would take the others' tasks.
    const tasks = Array.from({ length: 40 }, (_, i) => ({ lane: i % 2, task: { loops: i % 2 === 0 ? 1_000_000 : 10_000 } }));
    const threads = [new Set<number>(), new Set<number>()];
    const left = [20, 20];
    await Promise.all(
      tasks.map(async ({ lane, task }) => {
        const thread = await pool.run(task, { lane });
        // The rest of a lane is anybody's once the other lane is done.
        if ((left[1 - lane] ?? 0) > 0) threads[lane]?.add(thread);
        left[lane] = (left[lane] ?? 0) - 1;
      }),
    );
    expect(threads.map(({ size }) => size)).toEqual([1, 1]);
    expect([...(threads[0] ?? [])]).not.toEqual([...(threads[1] ?? [])]);
  });

  it('are anybody’s where there is nothing else to do', async () => {
    const pool = poolOf({ count: 2 });
    const threads = await Promise.all(Array.from({ length: 20 }, async () => pool.run({ loops: 1_000_000 }, { lane: 'only' })));
    expect(new Set(threads).size).toBe(2);
  });
});

describe('threads that were started ahead', () => {
  it('are the pool’s workers', async () => {
    const ahead = startThreads(file, 2);
    const ids = ahead.map(({ threadId }) => threadId);
    const pool = poolOf({ count: 2, threads: ahead });
    const found = await Promise.all(Array.from({ length: 8 }, async () => pool.run({ loops: 1000 })));
    expect(ahead).toEqual([]);
    expect(found.every((id) => ids.includes(id))).toBe(true);
  });
});

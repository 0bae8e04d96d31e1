// Which process of a region is named first: outsiders signal the group by it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { groupPids, leaderFirst } from '../../../local/engine/process-group.ts';

test('the leader is first, also where the numbers of processes began anew after it', () => {
  expect(leaderFirst(32_760, [5, 17, 32_760, 32_761])).toEqual([32_760, 5, 17, 32_761]);
  expect(leaderFirst(7, [7, 8])).toEqual([7, 8]);
  expect(leaderFirst(7, [8, 9])).toEqual([8, 9]);
});

test('a living group is its leader and its children, a group that is gone is nobody', async () => {
  const child = spawn('sh', ['-c', 'sleep 60 & echo started; wait'], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(child, 'exit');
  await once(child.stdout, 'data');
  const { pid = 0 } = child;
  const seen = groupPids(pid);
  process.kill(-pid, 'SIGKILL');
  expect(seen[0]).toBe(pid);
  expect(seen).toHaveLength(2);
  await ended;
  await expect.poll(() => groupPids(pid)).toEqual([]);
});

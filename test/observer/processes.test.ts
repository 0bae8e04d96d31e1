// Signals that must reach every process of a region: tried on a real group with children, of which one has left its parent.
import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, describe, expect, test } from 'vitest';
import { continueRegion, killRegion, listProcesses, membersOf, parseStat, type ProcessRow, stopRegion } from './processes.ts';

const started: ChildProcess[] = [];
afterEach(() => {
  for (const { pid } of started.splice(0)) {
    try {
      // One of them is in a session of its own.
      if (pid !== undefined) for (const member of membersOf([pid], listProcesses())) process.kill(member.pid, 'SIGKILL');
    } catch {
      // gone already, as it should be
    }
  }
});

/** A leader with a child, a grandchild whose parent has gone, and one in a session of its own. */
async function startRegion(): Promise<number> {
  const child = spawn('sh', ['-c', 'sleep 300 & (sleep 301 &) ; setsid sleep 302 & sleep 303'], { detached: true, stdio: 'ignore' });
  started.push(child);
  const { pid } = child;
  if (pid === undefined) throw new Error('sh did not start');
  while (membersOf([pid], listProcesses()).length < 5) await new Promise((resolve) => setTimeout(resolve, 5));
  return pid;
}

const row = (pid: number, parent: number, group: number): ProcessRow => ({ pid, parent, group, state: 'S', startTicks: 1, cpuTicks: 0 });

describe('membersOf', () => {
  const processes = [row(1, 0, 1), row(10, 1, 10), row(11, 10, 10), row(12, 1, 10), row(13, 11, 13), row(14, 13, 13), row(20, 1, 20), row(30, 10, 30), row(31, 30, 30)];

  test('are the listed, their groups, and all descendants, groups of their own included', () => {
    expect(membersOf([10], processes, 20).map((p) => p.pid)).toEqual([10, 11, 12, 13, 14, 30, 31]);
  });

  test('listing a member that leads no group does not take its group along', () => {
    expect(membersOf([11], processes, 20).map((p) => p.pid)).toEqual([11, 13, 14]);
  });

  test('never the observer itself, nor what started it', () => {
    expect(membersOf([10], processes, 31).map((p) => p.pid)).toEqual([11, 12, 13, 14]);
  });
});

test('parseStat is not confused by a command with brackets and spaces', () => {
  const line = '77 (a) b (c) T 5 70 70 0 -1 4194560 100 0 0 0 12 34 0 0 20 0 1 0 9876 1000 50';
  expect(parseStat(line)).toEqual({ pid: 77, parent: 5, group: 70, state: 'T', cpuTicks: 46, startTicks: 9876 });
});

describe('signals', () => {
  const states = (pids: readonly number[]) => {
    const rows = new Map(listProcesses().map((p) => [p.pid, p.state]));
    return pids.map((pid) => rows.get(pid) ?? 'gone');
  };

  test('stop reaches all, continue wakes all, kill leaves none', async () => {
    const leader = await startRegion();
    const stopped = await stopRegion(() => [leader]);
    expect(stopped.pids.length).toBeGreaterThanOrEqual(5);
    for (const state of states(stopped.pids)) expect(['T', 'D']).toContain(state); // D: caught in vfork
    await continueRegion(() => [leader]);
    expect(states(stopped.pids)).not.toContain('T');
    await killRegion(() => [leader]);
    for (const state of states(stopped.pids)) expect(['gone', 'Z']).toContain(state);
  });

  test('a process that was started while the others were being stopped does not escape', async () => {
    const leader = await startRegion();
    const late = spawn('sleep', ['304'], { detached: true, stdio: 'ignore' });
    started.push(late);
    let asked = 0;
    // regions.json names it only from the second reading on, as it would for one that was born between.
    const result = await stopRegion(() => {
      asked += 1;
      return asked < 2 || late.pid === undefined ? [leader] : [leader, late.pid];
    });
    expect(result.pids).toContain(late.pid);
    expect(states(late.pid === undefined ? [] : [late.pid])).toEqual(['T']);
  });
});

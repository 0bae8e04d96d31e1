// Why: "the region is gone" means that every process of it is gone. A region is a process group; this file finds, signals and recognises it.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

export type ProcessRecord = { readonly pid: number; readonly startedAt: string };
export type GroupSignal = 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM';

type Listed = { readonly pid: number; readonly group: number; readonly isDead: boolean; readonly startTicks: string };

const hasProc = existsSync('/proc/self/stat');

function readStat(pid: number): Listed | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined; // it ended while we looked
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' '); // the name in parentheses may contain spaces
  return { pid, group: Number(fields[2]), isDead: /^[ZX]/.test(fields[0] ?? ''), startTicks: fields[19] ?? '' };
}

function ps(...parameters: readonly string[]): string {
  try {
    return execFileSync('ps', [...parameters], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' }, stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return ''; // ps ends with 1 when it finds nothing
  }
}

/** What tells a process from a later one with the same number; undefined if it is not running. `started_at` in launcher.py gives the same text. */
export function startedAt(pid: number): string | undefined {
  if (!hasProc) return ps('-o', 'lstart=', '-p', String(pid)).trim() || undefined;
  const listed = readStat(pid);
  if (listed === undefined || listed.isDead) return undefined;
  return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${listed.startTicks}`;
}

/** Whether the recorded process still runs and leads its group. Only then may the group be signalled: the number may belong to a stranger by now. */
export function processGroupAlive(pid: number, recordedStart: string): boolean {
  return recordedStart !== '' && startedAt(pid) === recordedStart && groupPids(pid).includes(pid);
}

/** Every live process of a group, its leader first; a zombie is not one. */
export function groupPids(group: number): number[] {
  return leaderFirst(group, listGroup(group));
}

/** By number it need not be first: numbers begin anew after the largest, and then a child's is smaller. */
export function leaderFirst(group: number, pids: readonly number[]): number[] {
  return pids.toSorted((a, b) => Number(b === group) - Number(a === group));
}

function listGroup(group: number): number[] {
  if (hasProc) {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => readStat(Number(name)))
      .filter((listed) => listed !== undefined)
      .filter((listed) => listed.group === group && !listed.isDead)
      .map((listed) => listed.pid);
  }
  return ps('-A', '-o', 'pid=,pgid=,stat=')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, pgid, state]) => Number(pgid) === group && !(state ?? '').startsWith('Z'))
    .map(([pid]) => Number(pid));
}

/** Signals the whole group; a group that is gone already is not an error. */
export function signalGroup(group: number, name: GroupSignal): void {
  try {
    process.kill(-group, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

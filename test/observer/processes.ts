// Finds and signals every process of a region: those that the harness lists, the process groups that they lead, and their descendants.
// A list goes stale while it is read (Lambda workers start and end), so signals go out in rounds until a whole round finds nothing left.
import { readdirSync, readFileSync } from 'node:fs';
import { sleep } from './clock.ts';

const ROUNDS_MAX = 40;
const ROUND_PAUSE_MS = 25;

export interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** One letter of /proc: R running, S sleeping, T stopped, Z dead and not yet collected, … */
  readonly state: string;
  /** Start time in clock ticks: with the pid, the process's identity. */
  readonly startTicks: number;
  readonly cpuTicks: number;
}

/** Bit of SIGSTOP (19) in the masks of /proc/<pid>/status. */
const SIGSTOP_BIT = 1n << 18n;

export function listProcesses(): ProcessRow[] {
  let names: string[];
  try {
    names = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    throw new Error("the observer finds a region's processes in /proc, which this machine does not have: run it on Linux");
  }
  return names.flatMap((name) => {
    try {
      return [parseStat(readFileSync(`/proc/${name}/stat`, 'utf8'))];
    } catch {
      return []; // it ended while we looked
    }
  });
}

/** One line of /proc/<pid>/stat; the command, in brackets, may itself contain brackets and spaces. */
export function parseStat(line: string): ProcessRow {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const number = (index: number) => Number(fields[index]);
  return {
    pid: Number.parseInt(line, 10),
    state: fields[0] ?? '?',
    parent: number(1),
    group: number(2),
    cpuTicks: number(11) + number(12),
    startTicks: number(19),
  };
}

/** The listed processes, the members of groups that a listed one leads, and all their descendants; never the observer or what started it. */
export function membersOf(listed: readonly number[], processes: readonly ProcessRow[], self: number = process.pid): ProcessRow[] {
  const roots = new Set(listed);
  const members = new Set(processes.filter((p) => roots.has(p.pid) || roots.has(p.group)).map((p) => p.pid));
  for (let grown = true; grown; ) {
    grown = false;
    for (const p of processes) {
      if (!members.has(p.pid) && members.has(p.parent)) {
        members.add(p.pid);
        grown = true;
      }
    }
  }
  const parents = new Map(processes.map((p) => [p.pid, p.parent]));
  for (let pid: number | undefined = self; pid !== undefined && pid > 0; pid = parents.get(pid)) members.delete(pid);
  return processes.filter((p) => members.has(p.pid));
}

export interface SignalResult {
  /** Every process that was signalled. */
  readonly pids: readonly number[];
  readonly rounds: number;
}

/** SIGKILLs all; resolves when none is left. `listed` is asked again each round. */
export function killRegion(listed: () => readonly number[]): Promise<SignalResult> {
  return signalUntil('SIGKILL', listed, (p) => 'ZX'.includes(p.state));
}

/** SIGSTOPs all; resolves when every one is stopped and a further round finds no new one. */
export function stopRegion(listed: () => readonly number[]): Promise<SignalResult> {
  return signalUntil('SIGSTOP', listed, (p) => 'TtZX'.includes(p.state) || (p.state === 'D' && isStopPending(p.pid)));
}

/** SIGCONTs all; resolves when none is stopped any more. */
export function continueRegion(listed: () => readonly number[]): Promise<SignalResult> {
  return signalUntil('SIGCONT', listed, (p) => p.state !== 'T' && !isStopPending(p.pid));
}

/**
 * A process caught in vfork sleeps in the kernel until its child, now stopped, has become another program: it never shows as stopped, but
 * with SIGSTOP waiting for it, it runs no instruction of its own before SIGCONT. (The engine starts Lambda workers in just this way.)
 */
function isStopPending(pid: number): boolean {
  try {
    const pending = [...readFileSync(`/proc/${pid}/status`, 'utf8').matchAll(/^(?:SigPnd|ShdPnd):\s*([0-9a-f]+)$/gm)];
    return pending.some(([, mask]) => (BigInt(`0x${mask}`) & SIGSTOP_BIT) !== 0n);
  } catch {
    return true; // it ended while we looked
  }
}

async function signalUntil(signal: NodeJS.Signals, listed: () => readonly number[], isDone: (row: ProcessRow) => boolean): Promise<SignalResult> {
  const known = new Map<number, number>(); // pid → start time: a reused pid is somebody else
  let quiet = 0;
  for (let round = 1; round <= ROUNDS_MAX; round += 1) {
    const processes = listProcesses();
    const alive = new Set(processes.map((p) => `${p.pid} ${p.startTicks}`));
    const knownStill = [...known].filter(([pid, startTicks]) => alive.has(`${pid} ${startTicks}`)).map(([pid]) => pid);
    const members = membersOf([...listed(), ...knownStill], processes);
    for (const member of members) known.set(member.pid, member.startTicks);
    const left = members.filter((p) => !isDone(p));
    if (left.length === 0) {
      quiet += 1;
      // Two quiet rounds: a child born between two lines of one reading shows in the next.
      if (quiet === 2) return { pids: [...known.keys()], rounds: round };
    } else {
      quiet = 0;
      // Group leaders first, and their groups as one signal: what would start another worker goes first.
      for (const p of left.filter((row) => row.pid === row.group)) send(-p.pid, signal);
      for (const p of left.filter((row) => row.pid !== row.group)) send(p.pid, signal);
    }
    await sleep(ROUND_PAUSE_MS);
  }
  throw new Error(`${signal} did not take hold of every process of the region in ${ROUNDS_MAX} rounds: look at regions.json, which lists ${listed().join(', ')}`);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

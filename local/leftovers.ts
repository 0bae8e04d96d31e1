// Ends the programs that a killed harness left behind (a deployment, an observer), each with its process group, by the list that it kept.
// The regions are not in it: they write themselves down, and end by themselves when their harness dies (engine/).
import { z } from 'zod';
import { signalGroup } from './engine/process-group.ts';
import { readJsonIfThere, replaceFile } from './files.ts';
import { identify, isAlive, processIdentity, type ProcessIdentity } from './process-identity.ts';

const recorded = z.array(processIdentity.extend({ what: z.string() }));
export type RecordedProcess = z.output<typeof recorded>[number];

const GONE_WITHIN_MS = 5_000;
const LOOK_MS = 20;

async function untilGone(identity: ProcessIdentity): Promise<void> {
  const deadline = performance.now() + GONE_WITHIN_MS;
  while (isAlive(identity)) {
    if (performance.now() > deadline) throw new Error(`process ${identity.pid} does not end after SIGKILL; look at it with: ps -p ${identity.pid}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Returns what was ended, for the log. */
export async function endLeftovers(path: string): Promise<readonly RecordedProcess[]> {
  const read = recorded.safeParse(readJsonIfThere(path));
  if (!read.success) return [];
  const alive = read.data.filter(isAlive);
  for (const { pid } of alive) signalGroup(pid, 'SIGKILL');
  await Promise.all(alive.map(untilGone));
  return alive;
}

export type ProcessRecords = { add(pid: number, what: string): void; drop(pid: number): void };

/** The list itself: written before and after each change of who runs. */
export function processRecords(path: string): ProcessRecords {
  const running = new Map<number, RecordedProcess>();
  const write = (): void => replaceFile(path, `${JSON.stringify([...running.values()])}\n`);
  return {
    add(pid, what) {
      running.set(pid, { ...identify(pid), what });
      write();
    },
    drop(pid) {
      if (running.delete(pid)) write();
    },
  };
}

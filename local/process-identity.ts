// A process id alone names nobody: it is given away again. With the time at which the process started it is an identity, so that a later
// start of the harness ends what an earlier one left, and never a stranger.
import { z } from 'zod';
import { startedAt } from './engine/process-group.ts';

export const processIdentity = z.object({ pid: z.number().int().positive(), startedAt: z.string().min(1) });
export type ProcessIdentity = z.output<typeof processIdentity>;

export function isAlive(identity: ProcessIdentity): boolean {
  return startedAt(identity.pid) === identity.startedAt;
}

export function identify(pid: number): ProcessIdentity {
  const since = startedAt(pid);
  if (since === undefined) throw new Error(`process ${pid} is gone before it could be recorded`);
  return { pid, startedAt: since };
}

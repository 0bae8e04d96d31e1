// A worker that says which thread it is, as soon as the task's gate is open.
import { threadId } from 'node:worker_threads';

/** Open: the number at that place is not 0. */
export type ThreadTask = { readonly gates: Int32Array; readonly gate: number };

export function begin(): (task: ThreadTask) => number {
  return ({ gates, gate }) => {
    Atomics.wait(gates, gate, 0);
    return threadId;
  };
}

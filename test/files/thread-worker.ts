// A worker that says which thread it is, after so much work.
import { threadId } from 'node:worker_threads';

export type ThreadTask = { readonly loops: number };

export function begin(): (task: ThreadTask) => number {
  return ({ loops }) => {
    const memory = new Uint8Array(4096);
    for (let i = 0; i < loops; i++) memory[i % 4096] = i & 255;
    return threadId;
  };
}

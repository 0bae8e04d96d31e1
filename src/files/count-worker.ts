// Adds up what there is to back up, beside the backup: only so that a person sees how long it will take.
import { parentPort } from 'node:worker_threads';
import { walk, type WalkRoot } from './file-walk.ts';

export type CountRequest = { readonly roots: readonly WalkRoot[] };

parentPort?.on('message', ({ ticket, roots }: CountRequest & { readonly ticket: number }) => {
  let result = 0;
  for (const { stat } of walk(roots, () => {})) if (stat.isFile()) result += Number(stat.size);
  parentPort?.postMessage({ ticket, result });
});

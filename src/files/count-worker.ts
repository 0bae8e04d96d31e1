// Adds up what there is to back up, beside the backup: only so that a person sees how long it will take.
import { walk, type WalkRoot } from './file-walk.ts';

export type CountRequest = { readonly roots: readonly WalkRoot[] };

export function begin(): (request: CountRequest) => number {
  return ({ roots }) => {
    let bytes = 0;
    for (const { stat, type } of walk(roots, () => {})) if (type === 'f') bytes += Number(stat.size);
    return bytes;
  };
}

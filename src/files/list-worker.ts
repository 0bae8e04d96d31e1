// The thread that lists trees for a backup (listing.ts), and what it sends.
import type { EntryName } from './entry-name.ts';
import { fileTypes } from './file-meta.ts';
import { walk, type Found, type WalkRoot } from './file-walk.ts';

export type ListSetup = { readonly roots: readonly WalkRoot[] };
/** For the next batch; an empty one is the end. */
export type ListRequest = Readonly<Record<string, never>>;

/** Columns instead of objects: what a thread sends is copied. `numbers`: `statFields` of each; `types`: by their place in `fileTypes`. */
export type SentBatch = {
  readonly names: readonly SentName[];
  readonly paths: readonly SentName[];
  readonly types: Uint8Array;
  readonly numbers: BigInt64Array;
  readonly targets: readonly (readonly [index: number, target: SentName])[];
  readonly warnings: readonly string[];
};

/** A Buffer arrives as what it is made of. */
export type SentName = string | Uint8Array;

export const statFields = ['dev', 'ino', 'mode', 'nlink', 'uid', 'gid', 'rdev', 'size', 'mtimeNs', 'ctimeNs'] as const;
const batchEntries = 500;

export function begin({ roots }: ListSetup): () => SentBatch {
  const warnings: string[] = [];
  const entries = walk(roots, (what) => warnings.push(what));
  return () => {
    const found = takeBatch(entries);
    const numbers = new BigInt64Array(found.length * statFields.length);
    const types = new Uint8Array(found.length);
    const targets: [number, EntryName][] = [];
    for (const [i, { stat, type, target }] of found.entries()) {
      let at = i * statFields.length;
      for (const field of statFields) numbers[at++] = stat[field];
      types[i] = fileTypes.indexOf(type);
      if (target !== null) targets.push([i, target]);
    }
    return { names: found.map(({ name }) => name), paths: found.map(({ path }) => path), types, numbers, targets, warnings: warnings.splice(0) };
  };
}

export function takeBatch(entries: Iterator<Found>): Found[] {
  const found: Found[] = [];
  while (found.length < batchEntries) {
    const next = entries.next();
    if (next.done === true) break;
    found.push(next.value);
  }
  return found;
}

// Lists a tree in the order of entry-name.ts: a folder before what is in it. Links are not followed; what cannot be listed is a warning, never silence.
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { compareNames, joinPath, shown, textOrBytes, treeRoot, type EntryName } from './entry-name.ts';

export type Found = { readonly name: EntryName /** On disk. */; readonly path: EntryName; readonly stat: BigIntStats; readonly target: EntryName | null };

/** A place to start from: the entry's name there, and where it is on disk. */
export type WalkRoot = { readonly name: EntryName; readonly path: string };

export type Warn = (what: string) => void;

export function* walk(roots: readonly WalkRoot[], warn: Warn): Generator<Found> {
  for (const root of roots) yield* below(root.name, root.path, warn);
}

function* below(name: EntryName, path: EntryName, warn: Warn): Generator<Found> {
  const found = look(name, path, warn);
  if (found === null) return;
  yield found;
  if (!found.stat.isDirectory()) return;
  const inside = name === treeRoot ? '' : name;
  for (const child of namesIn(path, warn)) yield* below(joinPath(inside, child), joinPath(path, child), warn);
}

function look(name: EntryName, path: EntryName, warn: Warn): Found | null {
  try {
    const stat = lstatSync(path, { bigint: true });
    return { name, path, stat, target: stat.isSymbolicLink() ? textOrBytes(readlinkSync(path, { encoding: 'buffer' })) : null };
  } catch (error) {
    warn(`${shown(path)} was not backed up: ${whyNot(error)}`);
    return null;
  }
}

function namesIn(path: EntryName, warn: Warn): EntryName[] {
  try {
    const names = readdirSync(path, { encoding: 'utf8' });
    // U+FFFD stands for what is no UTF-8 (or for itself): look again, at the bytes.
    const isText = !names.some((name) => name.includes('\ufffd'));
    return isText ? names.sort() : readdirSync(path, { encoding: 'buffer' }).map(textOrBytes).sort(compareNames);
  } catch (error) {
    warn(`what is in ${shown(path)} was not backed up: ${whyNot(error)}`);
    return [];
  }
}

export function whyNot(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// Lists a tree in the order of entry-name.ts: a folder before what is in it. Links are not followed; what cannot be listed is a warning, never silence.
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { compareNames, joinPath, shown, textOrBytes, treeRoot, type EntryName } from './entry-name.ts';
import { typeOf, type FileStat, type FileType } from './file-meta.ts';

export type Found = { readonly name: EntryName /** On disk. */; readonly path: EntryName; readonly stat: FileStat; readonly type: FileType; readonly target: EntryName | null };

/** A place to start from: the entry's name there, and where it is on disk. */
export type WalkRoot = { readonly name: EntryName; readonly path: string };

export type Warn = (what: string) => void;

export function* walk(roots: readonly WalkRoot[], warn: Warn): Generator<Found> {
  for (const root of roots) {
    const found = look(root.name, root.path, warn);
    if (found !== null) yield* from(found, warn);
  }
}

function* from(top: Found, warn: Warn): Generator<Found> {
  yield top;
  if (top.type !== 'd') return;
  const inside = top.name === treeRoot ? '' : top.name;
  for (const child of namesIn(top.path, warn)) {
    const found = look(joinPath(inside, child), joinPath(top.path, child), warn);
    if (found === null) continue;
    // A generator for each folder, not for each file.
    if (found.type === 'd') yield* from(found, warn);
    else yield found;
  }
}

function look(name: EntryName, path: EntryName, warn: Warn): Found | null {
  try {
    const stat = lstatSync(path, { bigint: true });
    const type = typeOf(stat);
    return { name, path, stat, type, target: type === 'l' ? textOrBytes(readlinkSync(path, { encoding: 'buffer' })) : null };
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

// Lists a tree in the order of entry-name.ts: a folder before what is in it. Links are not followed; what cannot be listed is a warning, never silence.
// Names come first, folder by folder; what each is, is looked at apart from that, so that threads can share the looking.
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { compareNames, joinPath, partsOf, shown, textOrBytes, treeRoot, type EntryName } from './entry-name.ts';
import { typeOf, type FileStat, type FileType } from './file-meta.ts';

export type Found = { readonly name: EntryName /** On disk. */; readonly path: EntryName; readonly stat: FileStat; readonly type: FileType; readonly target: EntryName | null };

/** A place to start from: the entry's name there, and where it is on disk. */
export type WalkRoot = { readonly name: EntryName; readonly path: string };

/** Some of the names in a folder, in their order; `children` null: the place itself. `hasFolder`: the last of them is a folder, and what is in it comes next. */
export type NameRun = { readonly name: EntryName; readonly path: EntryName; readonly children: readonly EntryName[] | null; readonly hasFolder: boolean };

/** Where an entry's file is on disk. */
export function pathOf(name: EntryName, roots: readonly WalkRoot[]): EntryName {
  const [only] = roots;
  if (roots.length === 1 && only?.name === treeRoot) return name === treeRoot ? only.path : joinPath(only.path, name);
  const parts = partsOf(name);
  const own = roots.find((root) => root.name === parts[0]);
  const root = own ?? roots.find((each) => each.name === treeRoot);
  if (root === undefined) throw new Error(`${shown(name)} is below none of what is backed up`);
  return parts.slice(own === undefined ? 0 : 1).reduce(joinPath, root.path);
}

export type Warn = (what: string) => void;

const runNamesMax = 500;

export function* walk(roots: readonly WalkRoot[], warn: Warn): Generator<Found> {
  for (const run of nameRuns(roots, warn)) yield* lookAt(run, warn);
}

/** All names in these trees, without a look at any but the folders. */
export function* nameRuns(roots: readonly WalkRoot[], warn: Warn): Generator<NameRun> {
  for (const { name, path } of roots) {
    const hasFolder = isFolder(path);
    yield { name, path, children: null, hasFolder };
    if (hasFolder) yield* runsIn(name, path, warn);
  }
}

/** What these names are. A folder that was none when it was named is listed as well, here. */
export function* lookAt({ name, path, children, hasFolder }: NameRun, warn: Warn): Generator<Found> {
  const inside = name === treeRoot ? '' : name;
  const last = children === null ? 0 : children.length - 1;
  for (let i = 0; i <= last; i += 1) {
    const child = children?.[i];
    const found = child === undefined ? look(name, path, warn) : look(joinPath(inside, child), joinPath(path, child), warn);
    if (found === null) continue;
    yield found;
    if (found.type === 'd' && !(hasFolder && i === last)) for (const run of runsIn(found.name, found.path, warn)) yield* lookAt(run, warn);
  }
}

function* runsIn(name: EntryName, path: EntryName, warn: Warn): Generator<NameRun> {
  const inside = name === treeRoot ? '' : name;
  const { names, folders } = namesIn(path, warn);
  let from = 0;
  for (const [i, child] of names.entries()) {
    const hasFolder = folders.has(child);
    if (!hasFolder && i + 1 - from < runNamesMax && i + 1 < names.length) continue;
    yield { name, path, children: names.slice(from, i + 1), hasFolder };
    from = i + 1;
    // A generator for each folder, not for each file.
    if (hasFolder) yield* runsIn(joinPath(inside, child), joinPath(path, child), warn);
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

type Names = { readonly names: readonly EntryName[] /** Those of them that are folders, as far as is known. */; readonly folders: ReadonlySet<EntryName> };

function namesIn(path: EntryName, warn: Warn): Names {
  try {
    const found = readdirSync(path, { encoding: 'utf8', withFileTypes: true });
    // U+FFFD stands for what is no UTF-8 (or for itself): look again, at the bytes.
    if (found.some(({ name }) => name.includes('\ufffd'))) return bytesIn(path);
    return { names: found.map(({ name }) => name).sort(), folders: new Set(found.flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))) };
  } catch (error) {
    warn(`what is in ${shown(path)} was not backed up: ${whyNot(error)}`);
    return { names: [], folders: new Set() };
  }
}

function bytesIn(path: EntryName): Names {
  const found = readdirSync(path, { encoding: 'buffer', withFileTypes: true }).map((entry) => ({ name: textOrBytes(entry.name), isFolder: entry.isDirectory() }));
  return { names: found.map(({ name }) => name).sort(compareNames), folders: new Set(found.flatMap(({ name, isFolder: is }) => (is ? [name] : []))) };
}

function isFolder(path: EntryName): boolean {
  try {
    return lstatSync(path).isDirectory();
  } catch {
    return false; // Looking at it says why.
  }
}

export function whyNot(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

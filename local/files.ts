// Files that others read while they are written: whole or not at all.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/** Written beside and renamed into place, so that a reader never sees half of it. */
export function replaceFile(path: string, text: string): void {
  const beside = `${path}.${process.pid}.part`;
  writeFileSync(beside, text);
  renameSync(beside, path);
}

/** Null where there is none. */
export function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Parsed, or null where there is none or it is not JSON: whoever wrote it died in between, before renaming was used. */
export function readJsonIfThere(path: string): unknown {
  const text = readIfThere(path);
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

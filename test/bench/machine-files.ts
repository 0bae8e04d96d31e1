// Files of this machine (programs, libraries, documents) as material: no generator makes bytes that compress as real ones do. In an order that depends on their names only.
import { createHash } from 'node:crypto';
import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const roots = ['/usr/bin', '/usr/lib', '/usr/share/doc', '/usr/share/man', '/usr/share/info', '/usr/share/perl', '/usr/include', '/usr/local/lib', '/Library/Documentation'] as const;
const fileBytesMax = 64 * 1024 * 1024;

export type MachineFile = { readonly path: string; readonly bytes: number };

/** Readable regular files, as many as there are up to `bytesMax` together, a whole number of blocks each. */
export function machineFiles(bytesMax: number, blockBytes: number): MachineFile[] {
  const found = roots.flatMap((root) => listed(root)).map((path) => ({ path, order: createHash('sha256').update(path).digest('hex') }));
  const taken: MachineFile[] = [];
  let sum = 0;
  for (const { path } of found.toSorted((a, b) => (a.order < b.order ? -1 : 1))) {
    const bytes = readableBytes(path);
    const blocks = Math.ceil(bytes / blockBytes) * blockBytes;
    if (bytes === 0 || bytes > fileBytesMax || sum + blocks > bytesMax) continue;
    sum += blocks;
    taken.push({ path, bytes });
  }
  return taken;
}

/** Symbolic links are not followed: some lead back to where one is. */
function listed(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? listed(path) : entry.isFile() ? [path] : [];
    });
  } catch {
    return [];
  }
}

function readableBytes(path: string): number {
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).size;
  } catch {
    return 0;
  }
}

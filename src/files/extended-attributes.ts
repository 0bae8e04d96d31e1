// Extended attributes. Node has no call for them; where `getfattr` and `setfattr` are installed, one process reads or writes them for a whole tree, and where
// they are not, a backup says that they were not kept.
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { shown, type EntryName } from './entry-name.ts';
import type { WalkRoot } from './file-walk.ts';

const outputBytesMax = 1024 * 1024 * 1024;

export type Attributes = {
  readonly areKept: boolean;
  /** Nothing has any, as far as is known. */
  readonly areNone: boolean;
  readonly of: (path: EntryName) => Readonly<Record<string, string>> | undefined;
};

const notKept: Attributes = { areKept: false, areNone: true, of: () => undefined };

/** Of everything in these trees: name → base64. */
export function readAttributes(roots: readonly WalkRoot[]): Attributes {
  if (!isInstalled('getfattr')) return notKept;
  const ran = spawn()('getfattr', ['--recursive', '--physical', '--no-dereference', '--dump', '--match=-', '--encoding=base64', '--absolute-names', '--', ...roots.map(({ path }) => path)], {
    encoding: 'latin1',
    maxBuffer: outputBytesMax,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (ran.error !== undefined) return notKept;
  const byPath = parseDump(ran.stdout);
  return { areKept: true, areNone: byPath.size === 0, of: (path) => (byPath.size === 0 ? undefined : byPath.get(Buffer.from(path).toString('latin1'))) };
}

/** What `getfattr --dump` prints: `# file: path`, then `name=0sbase64` lines, then an empty one. Bytes as Latin-1. */
export function parseDump(text: string): Map<string, Record<string, string>> {
  const byPath = new Map<string, Record<string, string>>();
  let attributes: Record<string, string> | null = null;
  for (const line of text.split('\n')) {
    if (line.startsWith('# file: ')) {
      attributes = {};
      byPath.set(unescape(line.slice('# file: '.length)), attributes);
      continue;
    }
    const at = line.indexOf('=');
    if (attributes === null || at < 0) continue;
    const value = line.slice(at + 1);
    attributes[unescape(line.slice(0, at))] = value.startsWith('0s') ? value.slice(2) : '';
  }
  return byPath;
}

/** Sets them; what was refused or could not be done comes back as words. */
export function writeAttributes(files: readonly { readonly path: EntryName; readonly attributes: Readonly<Record<string, string>> }[]): string[] {
  if (files.length === 0) return [];
  const dump = files.map(({ path, attributes }) => {
    const lines = Object.entries(attributes).map(([name, value]) => `${escape(name)}=0s${value}`);
    return `# file: ${escape(Buffer.from(path).toString('latin1'))}\n${lines.join('\n')}\n`;
  });
  const ran = spawn()('setfattr', ['--no-dereference', '--restore=-'], { input: Buffer.from(dump.join('\n'), 'latin1'), encoding: 'utf8', maxBuffer: outputBytesMax });
  if (ran.error !== undefined) return [`extended attributes of ${files.length} files were not restored: setfattr is not installed (package attr)`];
  return ran.status === 0 ? [] : ran.stderr.split('\n').flatMap((line) => (line === '' ? [] : [`an extended attribute was not restored: ${shown(line)}`]));
}

/** Looked for before Node's part that starts programs is loaded, which takes longer than all else in a backup of what did not change. */
function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '/usr/bin:/bin').split(path.delimiter).some((folder) => {
    try {
      accessSync(path.join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function spawn() {
  return process.getBuiltinModule('node:child_process').spawnSync;
}

function escape(latin1: string): string {
  return latin1.replaceAll(/[\\\n\r=]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

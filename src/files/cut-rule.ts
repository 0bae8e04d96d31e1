// Where a file's content is cut. Fixed cuts cost nothing and suit what is changed in place: disk images, databases, anything made of pages. They
// lose what follows an insertion: dumps, logs, archives are cut where their content says. Whichever is chosen, the content is right.
import { readSync } from 'node:fs';

export type CutRule = 'fixed' | 'content';

export const fixedChunkBytes = 1024 * 1024;
const pageBytes = 4096;
const fixedFileBytesMin = 16 * 1024 * 1024;
const tarMagicAt = 257;
const head = Buffer.alloc(pageBytes);

/**
 * Fixed where the file is large, is whole pages long and begins neither as text nor as a tar archive (whose members shift by whole blocks).
 * A dump or a log is whole pages long once in 4096; an image always.
 */
export function cutRuleOf(file: number, fileBytes: number): CutRule {
  if (fileBytes < fixedFileBytesMin || fileBytes % pageBytes !== 0) return 'content';
  const bytes = readSync(file, head, 0, pageBytes, 0);
  if (bytes < pageBytes || head.toString('latin1', tarMagicAt, tarMagicAt + 5) === 'ustar') return 'content';
  return isText(head) ? 'content' : 'fixed';
}

/** No byte that no text has: controls other than tab, line feed, form feed and carriage return. */
function isText(bytes: Buffer): boolean {
  return bytes.every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 12 || byte === 13);
}

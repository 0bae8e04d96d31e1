// Contents of a table's points as lines, out of bytes that come in any pieces, and back, in pieces of a bounded size.
import { DamagedError } from '../core/vault/vault-errors.ts';

/** No item and no record is longer: an item holds 400 KB, and JSON writes a byte in at most six characters. */
export const lineBytesMax = 8 * 1024 * 1024;

const newline = 10;

/** Lines of a content, as text, without their ends. @throws DamagedError for one that never ends. */
export async function* linesOf(content: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  for await (const piece of content) {
    let from = 0;
    for (let at = piece.indexOf(newline); at !== -1; at = piece.indexOf(newline, from)) {
      yield decoder.decode(join(rest, piece.subarray(from, at)));
      rest = [];
      restBytes = 0;
      from = at + 1;
    }
    if (from < piece.length) {
      // The piece may be a view of a buffer that is used again.
      rest.push(piece.slice(from));
      restBytes += piece.length - from;
      if (restBytes > lineBytesMax) throw new DamagedError(`A line of a table's point is longer than ${lineBytesMax} bytes: it is not what this source wrote. Nothing of it was used.`);
    }
  }
  if (restBytes > 0) throw new DamagedError(`A content of a table's point ends in the middle of a line (${restBytes} bytes of it): something is missing. Nothing of it was used.`);
}

function join(parts: readonly Uint8Array[], last: Uint8Array): Uint8Array {
  return parts.length === 0 ? last : Buffer.concat([...parts, last]);
}

/** Lines as one piece of bytes; each ends with a newline. */
export function bytesOf(lines: readonly string[]): Uint8Array {
  return Buffer.from(lines.map((line) => `${line}\n`).join(''), 'utf8');
}

// Names of entries: text where they are UTF-8, else bytes, and the order in which a tree is listed and stored. Two trees in this order are compared
// side by side, without either being in memory.

/** Text, or the bytes of a name that is no UTF-8. Relative, `/` between. */
export type EntryName = string | Buffer;

/** The entry of the folder that was backed up itself; what is in it has no folder in front of its name. */
export const treeRoot = '.';

const slash = 0x2f;

/** Below a folder: text by its code units, then names that are no text by their bytes. */
export function compareNames(a: EntryName, b: EntryName): number {
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  if (typeof a === 'string') return -1;
  if (typeof b === 'string') return 1;
  return Buffer.compare(a, b);
}

/** A folder before what is in it, and all that is in it before what follows it. */
export function comparePaths(a: EntryName, b: EntryName): number {
  if (a === treeRoot || b === treeRoot) return a === b ? 0 : a === treeRoot ? -1 : 1;
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b);
  const [left, right] = [partsOf(a), partsOf(b)];
  for (const [i, part] of left.entries()) {
    const other = right[i];
    if (other === undefined) return 1;
    const order = compareNames(part, other);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  const least = Math.min(a.length, b.length);
  for (let i = 0; i < least; i++) {
    const [left, right] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (left === right) continue;
    if (left === slash) return -1;
    if (right === slash) return 1;
    return left - right;
  }
  return a.length - b.length;
}

export function joinPath(folder: EntryName, name: EntryName): EntryName {
  if (folder.length === 0) return name;
  if (typeof folder === 'string' && typeof name === 'string') return `${folder}/${name}`;
  return Buffer.concat([Buffer.from(folder), Buffer.of(slash), Buffer.from(name)]);
}

export function partsOf(name: EntryName): EntryName[] {
  if (typeof name === 'string') return name.split('/');
  const parts: EntryName[] = [];
  for (let from = 0; from <= name.length; ) {
    const next = name.indexOf(slash, from);
    const to = next < 0 ? name.length : next;
    parts.push(textOrBytes(name.subarray(from, to)));
    from = to + 1;
  }
  return parts;
}

/** Text where these bytes are UTF-8. */
export function textOrBytes(bytes: Buffer): EntryName {
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : bytes;
}

/** For people: what is no text is shown escaped. */
export function shown(name: EntryName): string {
  const text = typeof name === 'string' ? name : name.toString('latin1');
  // oxlint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

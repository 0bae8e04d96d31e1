// The JSON of a file's entry (docs/vault-format.md, *Entries*), made from what the system says of it and read again, strictly.
import { constants, type BigIntStats } from 'node:fs';
import { MalformedError } from '../core/errors.ts';
import type { EntryName } from './entry-name.ts';

export const fileTypes = ['f', 'd', 'l', 'h', 'p', 's', 'b', 'c'] as const;
export type FileType = (typeof fileTypes)[number];

export type FileMeta = {
  readonly name: EntryName;
  readonly type: FileType;
  readonly mode: number;
  readonly user: number;
  readonly group: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint | null;
  readonly inode: string | null;
  readonly bytes: number;
  readonly target: EntryName | null;
  readonly deviceNumber: number | null;
  readonly attributes: Readonly<Record<string, string>>;
  /** What was there when a backup was stopped half-way (a checkpoint): not the file. */
  readonly isPartial: boolean;
};

const { S_IFMT, S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFSOCK, S_IFBLK } = constants;
const typeOfBits: Readonly<Record<number, FileType>> = { [S_IFREG]: 'f', [S_IFDIR]: 'd', [S_IFLNK]: 'l', [S_IFIFO]: 'p', [S_IFSOCK]: 's', [S_IFBLK]: 'b' };

export function typeOf({ mode }: Pick<FileStat, 'mode'>): FileType {
  return typeOfBits[Number(mode) & S_IFMT] ?? 'c';
}

/** What is of interest of what the system says of a file. */
export type FileStat = Pick<BigIntStats, 'dev' | 'ino' | 'mode' | 'nlink' | 'uid' | 'gid' | 'rdev' | 'size' | 'mtimeNs' | 'ctimeNs'>;

/** The same for all names of one file. */
export function fileOf({ dev, ino }: Pick<FileStat, 'dev' | 'ino'>): string {
  return `${dev}:${ino}`;
}

/** Times of files step by up to 10 ms (the kernel's tick): what changed since so shortly before a look at it may change again unseen. */
const settledMs = 50;
const nsPerMs = 1_000_000n;

/** What changed by then has a time of change that a further change after `lookedAtMs` will not have. */
export function settledByNs(lookedAtMs: number): bigint {
  return BigInt(Math.floor(lookedAtMs) - settledMs + 1) * nsPerMs;
}

export type MetaSource = {
  readonly name: EntryName;
  readonly type: FileType;
  readonly stat: FileStat;
  /** Of a link. */
  readonly target: EntryName | null;
  readonly attributes: Readonly<Record<string, string>> | undefined;
};

/**
 * Always the same fields in the same order: an unchanged file has the same JSON, byte by byte. Put together by hand, since this runs for every file of every backup.
 * `fresh`: not settled; then no time of change is kept, and the next backup reads it again.
 */
export function metaJson({ name, type, stat, target, attributes }: MetaSource, bytes: number, state: 'settled' | 'fresh' | 'partial' = 'settled'): string {
  let json = typeof name === 'string' ? `{"n":${JSON.stringify(name)}` : `{"nb":"${name.toString('base64')}"`;
  json += `,"t":"${type}","m":${Number(stat.mode) & 0o7777},"u":${Number(stat.uid)},"g":${Number(stat.gid)},"mt":"${stat.mtimeNs}"`;
  if (state === 'partial') json += ',"partial":true';
  else if (state === 'settled') json += `,"ct":"${stat.ctimeNs}","i":"${stat.ino}","dv":"${stat.dev}"`;
  if (type === 'f') json += `,"s":${bytes}`;
  if (target !== null) json += typeof target === 'string' ? `,"to":${JSON.stringify(target)}` : `,"tob":"${target.toString('base64')}"`;
  if (type === 'b' || type === 'c') json += `,"r":${stat.rdev}`;
  if (attributes !== undefined) json += `,"x":${JSON.stringify(attributes)}`;
  return `${json}}`;
}

/** Behind the name in an entry's JSON, and, since a name's own quotes are escaped, nowhere before. */
export const afterName = Buffer.from('","t":"');
const beforeText = '{"n":"';

/** The name in the JSON that is there, without reading the rest of it. */
export function nameIn(bytes: Buffer, from: number, to: number): EntryName {
  const end = bytes.indexOf(afterName, from);
  const text = end < 0 || end >= to ? '' : bytes.toString('utf8', from, end);
  if (text.startsWith(beforeText) && !text.includes('\\')) return text.slice(beforeText.length);
  const fields: unknown = text === '' ? null : JSON.parse(`${text}"}`);
  const name = isRecord(fields) ? nameOf(fields, 'n', 'nb') : null;
  if (name === null) throw malformed(bytes.toString('utf8', from, to), 'its name (n) is missing');
  return name;
}

export function readMeta(json: string): FileMeta {
  const fields: unknown = JSON.parse(json);
  if (!isRecord(fields)) throw malformed(json, 'it is no object');
  const number = (name: string) => {
    const n = fields[name];
    if (typeof n !== 'number' || !Number.isSafeInteger(n) || n < 0) throw malformed(json, `${name} is no whole number`);
    return n;
  };
  const digits = (name: string) => {
    const text = fields[name];
    if (typeof text !== 'string' || !/^-?\d{1,20}$/.test(text)) throw malformed(json, `${name} is no number as text`);
    return text;
  };
  const name = nameOf(fields, 'n', 'nb');
  const type = fileTypes.find((t) => t === fields['t']);
  if (name === null || type === undefined) throw malformed(json, 'its name (n) or type (t) is missing or unknown');
  return {
    name,
    type,
    mode: number('m') & 0o7777,
    user: number('u'),
    group: number('g'),
    mtimeNs: BigInt(digits('mt')),
    ctimeNs: fields['ct'] !== undefined ? BigInt(digits('ct')) : null,
    inode: fields['i'] !== undefined ? digits('i') : null,
    bytes: type === 'f' ? number('s') : 0,
    target: nameOf(fields, 'to', 'tob'),
    deviceNumber: fields['r'] !== undefined ? number('r') : null,
    attributes: attributesOf(fields['x']),
    isPartial: fields['partial'] === true,
  };
}

function nameOf(fields: Readonly<Record<string, unknown>>, text: string, bytes: string): EntryName | null {
  const [asText, asBytes] = [fields[text], fields[bytes]];
  if (typeof asText === 'string') return asText;
  return typeof asBytes === 'string' ? Buffer.from(asBytes, 'base64') : null;
}

/** Its own fields only matter: no field of an entry has the name of something that every object has. */
function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function attributesOf(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).flatMap(([name, text]: [string, unknown]) => (typeof text === 'string' ? [[name, text] as const] : [])));
}

function malformed(json: string, because: string): MalformedError {
  return new MalformedError(`An entry cannot be read as a file: ${because} in ${json.slice(0, 200)}. Nothing was made of it`);
}

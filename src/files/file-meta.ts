// The JSON of a file's entry (docs/vault-format.md, *Entries*), made from what the system says of it and read again, strictly.
import type { BigIntStats } from 'node:fs';
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

export function typeOf(stat: BigIntStats): FileType {
  if (stat.isFile()) return 'f';
  if (stat.isDirectory()) return 'd';
  if (stat.isSymbolicLink()) return 'l';
  if (stat.isFIFO()) return 'p';
  if (stat.isSocket()) return 's';
  return stat.isBlockDevice() ? 'b' : 'c';
}

/** What is of interest of what the system says of a file. */
export type FileStat = Pick<BigIntStats, 'dev' | 'ino' | 'mode' | 'nlink' | 'uid' | 'gid' | 'rdev' | 'size' | 'mtimeNs' | 'ctimeNs'>;

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
 * `fresh`: changed so shortly before that a further change could have the same time; then no time of change is kept, and the next backup reads it again.
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
  const named = (text: string, bytes: string): EntryName | null => {
    const [asText, asBytes] = [fields[text], fields[bytes]];
    if (typeof asText === 'string') return asText;
    return typeof asBytes === 'string' ? Buffer.from(asBytes, 'base64') : null;
  };
  const name = named('n', 'nb');
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
    target: named('to', 'tob'),
    deviceNumber: fields['r'] !== undefined ? number('r') : null,
    attributes: attributesOf(fields['x']),
    isPartial: fields['partial'] === true,
  };
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

// A manifest, byte by byte: header and pack table that anyone may read, a sealed body, and the hash of all of it.
import { MalformedError } from '../errors.ts';
import { concat, fromHex, isEqual, magicOf, toHex, viewOf } from './bytes.ts';
import { manifestBytesMax, packBytesMax, packsOfPointMax } from './limits.ts';
import { type PackRow, type PointHeader, pointTypes, retentionClasses } from './recovery-point.ts';
import { DamagedError } from './vault-errors.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

const magic = magicOf('HFPOINT');
const rowBytes = 52;
const hashBytes = 32;

/** Everything before the body's length: what the body is bound to. Rows are put in order. */
export function encodeManifestHead(header: PointHeader, packs: readonly PackRow[]): Uint8Array {
  const json = encodeUtf8(JSON.stringify(header));
  const rows = packs.map((row) => ({ ...row, key: row.packId })).sort((a, b) => (a.key < b.key ? -1 : 1));
  if (rows.length > packsOfPointMax) throw new MalformedError(`A point needs ${rows.length} packs; the most is ${packsOfPointMax}. Split the source.`);
  const table = new Uint8Array(4 + rows.length * rowBytes);
  const view = viewOf(table);
  view.setUint32(0, rows.length, true);
  rows.forEach((row, i) => {
    const at = 4 + i * rowBytes;
    table.set(fromHex(row.packId), at);
    table.set(fromHex(row.sha256), at + 16);
    view.setUint32(at + 48, row.bytes, true);
  });
  return concat([magic, u32(json.length), json, table]);
}

/** @param sha256 of bytes, 32 bytes */
export function encodeManifest(head: Uint8Array, body: Uint8Array, sha256: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  const bytes = concat([head, u32(body.length), body]);
  if (bytes.length + hashBytes > manifestBytesMax) throw new MalformedError(`A manifest of ${bytes.length} bytes is larger than ${manifestBytesMax}. Split the source.`);
  return concat([bytes, sha256(bytes)]);
}

export type DecodedManifest = {
  readonly header: PointHeader;
  readonly packs: readonly PackRow[];
  /** What the body is bound to. */
  readonly head: Uint8Array;
  readonly sealedBody: Uint8Array;
  /** Its last 32 bytes, hex. */
  readonly sha256: string;
};

/** Checks the hash first, so that nothing damaged is looked at further. @throws DamagedError, MalformedError */
export function decodeManifest(bytes: Uint8Array, sha256: (bytes: Uint8Array) => Uint8Array): DecodedManifest {
  if (bytes.length < 8 + 4 + 4 + 4 + hashBytes || !isEqual(bytes.subarray(0, 8), magic))
    throw new DamagedError(`${bytes.length} bytes are no manifest of format 1: they do not begin with HFPOINT, 1.`);
  const end = bytes.length - hashBytes;
  const hash = bytes.subarray(end);
  if (!isEqual(sha256(bytes.subarray(0, end)), hash)) throw new DamagedError('A manifest does not have the hash that it ends with: it was damaged or cut.');
  const view = viewOf(bytes);
  const headerBytes = view.getUint32(8, true);
  const tableAt = 12 + headerBytes;
  if (tableAt + 4 > end) throw misfit('header', headerBytes, end);
  const rows = view.getUint32(tableAt, true);
  const bodyAt = tableAt + 4 + rows * rowBytes;
  if (rows > packsOfPointMax || bodyAt + 4 > end) throw misfit('table', rows, end);
  const bodyBytes = view.getUint32(bodyAt, true);
  if (bodyAt + 4 + bodyBytes !== end) throw misfit('body', bodyBytes, end);
  const packs = Array.from({ length: rows }, (_, i) => {
    const at = tableAt + 4 + i * rowBytes;
    return { packId: toHex(bytes.subarray(at, at + 16)), sha256: toHex(bytes.subarray(at + 16, at + 48)), bytes: view.getUint32(at + 48, true) };
  });
  const isOrdered = packs.every((row, i) => i === 0 || (packs[i - 1]?.packId ?? '') < row.packId);
  if (!isOrdered || packs.some((row) => row.bytes > packBytesMax)) throw new MalformedError('The pack table of a manifest is not in order, or names a pack that is too large.');
  return { header: parseHeader(bytes.subarray(12, tableAt)), packs, head: bytes.subarray(0, bodyAt), sealedBody: bytes.subarray(bodyAt + 4, end), sha256: toHex(hash) };
}

function misfit(what: string, length: number, bytes: number): MalformedError {
  return new MalformedError(`The ${what} of a manifest says ${length}, which does not fit into ${bytes} bytes.`);
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
}

function parseHeader(bytes: Uint8Array): PointHeader {
  const value = parseJson(bytes);
  if (isRecord(value) && value['format'] !== 1) throw new MalformedError(`A manifest is of format ${JSON.stringify(value['format'])}; this version reads format 1. Use a newer one.`);
  if (!isHeader(value)) throw new MalformedError("The header of a manifest has not the fields of format 1 (docs/vault-format.md, 'Manifest').");
  return value;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes));
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isHeader(value: unknown): value is PointHeader {
  if (!isRecord(value)) return false;
  const text = (name: string, pattern: RegExp) => typeof value[name] === 'string' && pattern.test(value[name]);
  const parent = value['parent'];
  const isParent = parent === null || (isRecord(parent) && typeof parent['point'] === 'string' && typeof parent['sha256'] === 'string' && /^[0-9a-f]{64}$/.test(parent['sha256']));
  const locked = value['lockedUntilMs'];
  return (
    text('vault', /^[0-9a-f]{32}$/) &&
    text('source', /^[a-z0-9_-]{1,64}$/) &&
    text('chain', /./) &&
    text('point', /./) &&
    pointTypes.some((t) => t === value['type']) &&
    text('key', /^[0-9a-f]{16}$/) &&
    text('salt', /^[0-9a-f]{32}$/) &&
    isParent &&
    isTime(value['createdAtMs']) &&
    retentionClasses.some((c) => c === value['class']) &&
    (locked === null || isTime(locked))
  );
}

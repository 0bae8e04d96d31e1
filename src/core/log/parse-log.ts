// Strict reading of what a log table holds: a log that cannot be read whole is not applied at all.
import { MalformedError } from '../errors.ts';
import type { ChangeRecord, Image } from './change-record.ts';

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);
const isImage = (v: unknown): v is Image => isObject(v);

function isChangeRecord(v: unknown): v is ChangeRecord {
  return (
    isObject(v) &&
    typeof v['key'] === 'string' &&
    (v['image'] === null || isImage(v['image'])) &&
    Number.isSafeInteger(v['epoch']) &&
    typeof v['atMs'] === 'number' &&
    typeof v['sequenceNumber'] === 'string'
  );
}

/** @throws MalformedError */
export function parseChangeRecords(json: string): ChangeRecord[] {
  const raw = parse(json);
  if (!Array.isArray(raw) || !raw.every(isChangeRecord))
    throw new MalformedError('The records of a change log cannot be read: they were altered. Nothing of them was applied; compare them with the same log in another region.');
  return raw;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

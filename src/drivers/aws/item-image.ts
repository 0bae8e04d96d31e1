// Items as DynamoDB's JSON (what a stream's record carries, what a log keeps) and as the SDK has them. The two differ in
// binary attributes only: base64 text there, bytes here.
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { MalformedError } from '../../core/errors.ts';
import type { Image } from '../../core/log/change-record.ts';

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);

export function toImage(item: Readonly<Record<string, AttributeValue>>): Image {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, toJson(value)]));
}

function toJson(value: AttributeValue): unknown {
  if (value.B !== undefined) return { B: base64(value.B) };
  if (value.BS !== undefined) return { BS: value.BS.map(base64) };
  if (value.L !== undefined) return { L: value.L.map(toJson) };
  if (value.M !== undefined) return { M: toImage(value.M) };
  return { ...value };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

/** @throws MalformedError when it is not an item. */
export function toItem(image: Image): Record<string, AttributeValue> {
  return Object.fromEntries(Object.entries(image).map(([name, value]) => [name, toAttribute(name, value)]));
}

function toAttribute(name: string, json: unknown): AttributeValue {
  const [type, value] = isObject(json) ? (Object.entries(json)[0] ?? []) : [];
  const texts = Array.isArray(value) && value.every((v) => typeof v === 'string') ? value : undefined;
  if (type === 'S' && typeof value === 'string') return { S: value };
  if (type === 'N' && typeof value === 'string') return { N: value };
  if (type === 'BOOL' && typeof value === 'boolean') return { BOOL: value };
  if (type === 'NULL') return { NULL: true };
  if (type === 'B' && typeof value === 'string') return { B: Buffer.from(value, 'base64') };
  if (type === 'SS' && texts !== undefined) return { SS: texts };
  if (type === 'NS' && texts !== undefined) return { NS: texts };
  if (type === 'BS' && texts !== undefined) return { BS: texts.map((t) => Buffer.from(t, 'base64')) };
  if (type === 'L' && Array.isArray(value)) return { L: value.map((v) => toAttribute(name, v)) };
  if (type === 'M' && isObject(value)) return { M: toItem(value) };
  throw new MalformedError(`Attribute '${name}' of a logged item has no known type: the log was altered. Nothing of it was applied.`);
}

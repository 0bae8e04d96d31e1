// The lines that a table's recovery points hold: items, and records of logs (docs/vault-format.md, *Tables*). One item has one
// line, whatever the order in which DynamoDB gives its attributes and the members of its sets.
import { MalformedError } from '../errors.ts';
import type { ChangeRecord, Image } from '../log/change-record.ts';
import { canonicalJson } from '../vault/canonical-json.ts';
import { isCount, isFields, isText } from './payload.ts';
import type { RecordPlace } from './state-at.ts';
import { sealedOf, type SealedImage } from './subject-lines.ts';

const setTypes = ['SS', 'NS', 'BS'];

/** Sets have no order: theirs is made the text's. Everything else is as DynamoDB gave it. */
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (!isFields(value)) return value;
  const entries = Object.entries(value);
  const [only] = entries;
  // An attribute value has one member, its type; an attribute named SS has an object under it, never a list.
  if (entries.length === 1 && only !== undefined && setTypes.includes(only[0]) && Array.isArray(only[1])) return { [only[0]]: only[1].map(String).toSorted() };
  return Object.fromEntries(entries.map(([name, inner]) => [name, ordered(inner)]));
}

export function itemLine(image: Image): string {
  return canonicalJson(ordered(image));
}

/** @param sealed what stands in the image's place where it is about a person */
export function recordLine(record: ChangeRecord, sequence: number, sealed: SealedImage | null = null): string {
  const { atMs, epoch, image, key, sequenceNumber } = record;
  return canonicalJson({ atMs, epoch, image: sealed ?? (image === null ? null : ordered(image)), key, sequence, sequenceNumber });
}

/** @throws MalformedError for an item that has no text key */
export function sealedItemLine(image: Image, { sealed, subject }: SealedImage, keyName: string): string {
  return canonicalJson({ key: keyOf(image, keyName), sealed, subject });
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** The item of a line, and the value of its key. @throws MalformedError */
export function parseItemLine(line: string, keyName: string): { readonly key: string; readonly image: Image } {
  const image = parse(line);
  return { key: keyOf(image, keyName), image: isFields(image) ? image : {} };
}

/** As it is stored: what is about a person is sealed still. @throws MalformedError */
export function parseStoredItem(line: string, keyName: string): { readonly key: string; readonly sealed: SealedImage | null } {
  const image = parse(line);
  const sealed = sealedOf(image);
  const key = sealed !== null && isFields(image) ? image['key'] : keyOf(image, keyName);
  if (typeof key !== 'string') throw new MalformedError('A sealed line of the items has no key: it was not written by this source. Nothing of it was restored.');
  return { key, sealed };
}

function keyOf(image: unknown, keyName: string): string {
  const attribute = isFields(image) ? image[keyName] : undefined;
  const key = isFields(attribute) ? attribute['S'] : undefined;
  if (typeof key !== 'string')
    throw new MalformedError(`A line of the items is no item with a text key '${keyName}': it was not written by this source, or its key has another name. Nothing of it was restored.`);
  return key;
}

export type ArchivedRecord = RecordPlace & { readonly key: string; readonly image: Image | null };

/** @throws MalformedError */
export function parseRecordLine(line: string, origin: string): ArchivedRecord {
  const raw = parse(line);
  if (isFields(raw)) {
    const { atMs, epoch, image, key, sequence, sequenceNumber } = raw;
    const isWhole = typeof atMs === 'number' && isCount(epoch) && isCount(sequence) && typeof key === 'string' && isText(sequenceNumber);
    if (isWhole && (image === null || isFields(image))) return { origin, atMs, epoch, image, key, sequence, sequenceNumber };
  }
  throw new MalformedError(`A line of ${origin}'s archived log is no record: it was not written by this source. Nothing of it was restored.`);
}

const digits = (n: number, length: number) => String(n).padStart(length, '0');

export function itemsName(segment: number): string {
  return `items/${digits(segment, 4)}`;
}

export function changesName(origin: string, first: number, last: number): string {
  return `changes/${origin}/${digits(first, 16)}-${digits(last, 16)}`;
}

export type TableEntryName = { readonly kind: 'items' } | { readonly kind: 'changes'; readonly origin: string; readonly first: number; readonly last: number };

/** @throws MalformedError for a name that a table's point never has. */
export function parseEntryName(name: unknown): TableEntryName {
  const text = typeof name === 'string' ? name : '';
  if (/^items\/\d{4}$/.test(text)) return { kind: 'items' };
  const [, origin, first, last] = /^changes\/([^/]+)\/(\d{16})-(\d{16})$/.exec(text) ?? [];
  if (origin !== undefined) return { kind: 'changes', origin, first: Number(first), last: Number(last) };
  throw new MalformedError(`A table's recovery point has no entry named '${text}': it is of another kind of source, or of a newer version. Nothing of it was restored.`);
}

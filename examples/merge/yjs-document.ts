// A merge function by a CRDT: one attribute of each item holds a Yjs document, and what both sides wrote into it is kept. Registered in
// holdfast.config.ts: divergence: { rule: 'merge', merge: yjsAttribute('body') }
import * as Y from 'yjs';
import { unionOfSets, type MergeFunction } from '../../src/core/divergence/merges.ts';
import type { Image } from '../../src/core/log/change-record.ts';

/**
 * @param attribute binary (B), as `Y.encodeStateAsUpdate` gives it. An item without it keeps the other side's.
 * @param rest of all other attributes; commutative
 * @throws where the attribute holds something else: then a person decides
 */
export function yjsAttribute(attribute: string, rest: MergeFunction = unionOfSets): MergeFunction {
  return {
    name: `yjs ${attribute}, ${rest.name}`,
    isCommutative: rest.isCommutative,
    merge(theirs, ours, base) {
      const others = rest.merge(without(attribute, theirs), without(attribute, ours), base === null ? null : without(attribute, base));
      const documents = [theirs, ours].flatMap((item) => (item[attribute] === undefined ? [] : [updateOf(attribute, item[attribute])]));
      return documents.length === 0 ? others : { ...others, [attribute]: { B: Buffer.from(mergeDocuments(documents)).toString('base64') } };
    },
  };
}

/** The same bytes in whatever order: a document writes its state by client, and garbage is collected in each the same. */
export function mergeDocuments(updates: readonly Uint8Array[]): Uint8Array {
  const [first, ...more] = updates;
  if (first !== undefined && more.every((update) => Buffer.compare(update, first) === 0)) return first;
  const document = new Y.Doc();
  for (const update of updates) Y.applyUpdate(document, update);
  return Y.encodeStateAsUpdate(document);
}

function updateOf(attribute: string, value: unknown): Uint8Array {
  const bytes = typeof value === 'object' && value !== null && 'B' in value ? value.B : undefined;
  if (typeof bytes !== 'string') throw new TypeError(`'${attribute}' is not binary, so it is no Yjs document: decide 'ours' or 'theirs'`);
  return Buffer.from(bytes, 'base64');
}

function without(attribute: string, { [attribute]: _document, ...rest }: Image): Image {
  return rest;
}

// A part as a state machine hands it on: JSON that must be whole, since a manifest is made of it.
import type { PackRow, Part } from '../vault/recovery-point.ts';
import { isCount, isDigest, isFields, isText, listOf, orNull, PayloadReader } from './payload.ts';

export const isRow = (v: unknown): v is PackRow => isFields(v) && isText(v['packId']) && isText(v['sha256']) && isCount(v['bytes']);
const isEntries = (v: unknown): v is Part['entries'] => isFields(v) && isCount(v['count']) && isCount(v['bytes']) && typeof v['references'] === 'string';
const isTexts = (v: unknown): v is Readonly<Record<string, string>> => isFields(v) && Object.values(v).every((t) => typeof t === 'string');
const isVersions = (v: unknown): v is Part['packVersions'] => isFields(v) && Object.values(v).every(isTexts);

/** @throws MalformedError */
export function partOf(raw: unknown): Part {
  const from = new PayloadReader('CommitPoint (a part)', raw);
  return {
    entries: from.take('entries', isEntries, '{count, bytes, references}'),
    packs: from.take('packs', listOf(isRow), 'a list of packs'),
    packVersions: from.take('packVersions', isVersions, 'version ids by site and pack'),
    storedBytes: from.count('storedBytes'),
    digest: from.take('digest', orNull(isDigest), 'null, or a digest'),
  };
}

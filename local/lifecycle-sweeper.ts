// Why: the engine stores lifecycle rules and never runs them. This applies those of one bucket as S3 would at a given time, so that expiry can be
// shown here. It deletes as S3's own lifecycle does, by asking the store, which refuses what is locked or held: that is the point of the exercise.
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLifecycleConfigurationCommand,
  GetObjectTaggingCommand,
  type LifecycleRule,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { EngineError } from './engine/engine-error.ts';

const dayMs = 24 * 3600 * 1000;
const deletionsMax = 1000;

/** A version or a delete marker of one name. */
export type Version = { readonly id: string; readonly isMarker: boolean; readonly modifiedAtMs: number };
type Rule = {
  readonly prefix: string;
  /** Only objects that carry it; null: all. */
  readonly tag: { readonly Key: string; readonly Value: string } | null;
  readonly days: number | null;
  readonly dateMs: number | null;
  readonly isMarkerExpired: boolean;
  readonly noncurrentDays: number | null;
  readonly noncurrentKept: number;
};
type Due = { readonly hides: boolean; readonly removes: readonly string[] };
type Swept = {
  /** Names that a delete marker now hides, versions that are gone, and versions that were due but are locked or held. */
  readonly hidden: readonly string[];
  readonly removed: readonly { readonly name: string; readonly versionId: string }[];
  readonly locked: readonly { readonly name: string; readonly versionId: string }[];
};

/** Applies the bucket's rules once, as S3 would in its daily run after `nowMs`. The locks go by the store's own clock. */
export async function sweepBucket(client: S3Client, bucket: string, nowMs: number): Promise<Swept> {
  const rules = await readRules(client, bucket);
  const hidden: string[] = [];
  const due: { Key: string; VersionId: string }[] = [];
  for await (const [name, versions] of versionsByName(client, bucket)) {
    const { hides, removes } = dueOf(await rulesOf(client, bucket, name, versions, rules), versions, nowMs);
    due.push(...removes.map((id) => ({ Key: name, VersionId: id })));
    if (!hides) continue;
    await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: name }));
    hidden.push(name);
  }
  const removed: { name: string; versionId: string }[] = [];
  const locked: { name: string; versionId: string }[] = [];
  for (let index = 0; index < due.length; index += deletionsMax) {
    const Objects = due.slice(index, index + deletionsMax);
    const { Errors = [] } = await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }));
    const failed = new Map(Errors.map((error) => [`${error.Key} ${error.VersionId}`, error]));
    for (const { Key, VersionId } of Objects) {
      const error = failed.get(`${Key} ${VersionId}`);
      if (error !== undefined && error.Code !== 'AccessDenied') throw new EngineError(`Lifecycle of ${bucket}: ${Key} (version ${VersionId}) could not be removed: ${error.Code} ${error.Message}`);
      (error === undefined ? removed : locked).push({ name: Key, versionId: VersionId });
    }
  }
  return { hidden, removed, locked };
}

/** Tags belong to a version; those of the current one are asked for. (The engine does not tell those of a version that a marker hides, and AWS would.) */
async function rulesOf(client: S3Client, bucket: string, name: string, versions: readonly Version[], rules: readonly Rule[]): Promise<readonly Rule[]> {
  const fitting = rules.filter((rule) => name.startsWith(rule.prefix));
  const [current] = versions;
  if (fitting.every((rule) => rule.tag === null)) return fitting;
  const { TagSet = [] } = current === undefined || current.isMarker ? {} : await client.send(new GetObjectTaggingCommand({ Bucket: bucket, Key: name, VersionId: current.id }));
  return fitting.filter(({ tag }) => tag === null || TagSet.some(({ Key, Value }) => Key === tag.Key && Value === tag.Value));
}

/**
 * What is due of one name; versions newest first, as listed. As AWS documents it (User Guide: *Expiring objects*, *Lifecycle configuration elements*):
 * an expiration puts a delete marker over the current version, also over a locked one, and removes a marker that stands alone; a version is noncurrent
 * since its successor was made; times are rounded up to the next midnight UTC; what a rule keeps in number is kept of the newest.
 */
export function dueOf(rules: readonly Rule[], versions: readonly Version[], nowMs: number): Due {
  const [current, ...noncurrent] = versions;
  if (current === undefined) return { hides: false, removes: [] };
  const isExpired = rules.some((rule) => (rule.days !== null && isDue(current.modifiedAtMs, rule.days, nowMs)) || (rule.dateMs !== null && rule.dateMs <= nowMs));
  const removes = new Set<string>();
  const isLoneMarker = current.isMarker && noncurrent.length === 0;
  if (isLoneMarker && (isExpired || rules.some((rule) => rule.isMarkerExpired))) removes.add(current.id);
  for (const rule of rules) {
    const { noncurrentDays } = rule;
    if (noncurrentDays === null) continue;
    noncurrent.forEach((version, index) => {
      const successor = versions[index];
      if (index >= rule.noncurrentKept && successor !== undefined && isDue(successor.modifiedAtMs, noncurrentDays, nowMs)) removes.add(version.id);
    });
  }
  return { hides: isExpired && !current.isMarker, removes: [...removes] };
}

function isDue(sinceMs: number, days: number, nowMs: number): boolean {
  return Math.ceil((sinceMs + days * dayMs) / dayMs) * dayMs <= nowMs;
}

async function readRules(client: S3Client, bucket: string): Promise<Rule[]> {
  try {
    const { Rules = [] } = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }));
    return Rules.filter((rule) => rule.Status === 'Enabled').map((rule) => readRule(bucket, rule));
  } catch (error) {
    if (error instanceof Error && error.name === 'NoSuchLifecycleConfiguration') return [];
    throw error;
  }
}

function readRule(bucket: string, rule: LifecycleRule): Rule {
  const { Filter: filter = {}, Expiration: expiration, NoncurrentVersionExpiration: noncurrent } = rule;
  const isUnknown =
    (rule.Transitions ?? []).length > 0 ||
    (rule.NoncurrentVersionTransitions ?? []).length > 0 ||
    Object.entries(filter).some(([name, value]) => name !== 'Prefix' && name !== 'Tag' && value !== undefined);
  if (isUnknown) throw new EngineError(`Lifecycle of ${bucket}: the rule ${rule.ID ?? ''} has more than a prefix or a tag, and expirations, which is all that is applied here.`);
  return {
    prefix: filter.Prefix ?? rule.Prefix ?? '',
    tag: filter.Tag?.Key === undefined ? null : { Key: filter.Tag.Key, Value: filter.Tag.Value ?? '' },
    days: expiration?.Days ?? null,
    dateMs: expiration?.Date?.getTime() ?? null,
    isMarkerExpired: expiration?.ExpiredObjectDeleteMarker === true,
    noncurrentDays: noncurrent?.NoncurrentDays ?? null,
    noncurrentKept: noncurrent?.NewerNoncurrentVersions ?? 0,
  };
}

/** Each name with its versions and markers, newest first. */
async function* versionsByName(client: S3Client, bucket: string): AsyncIterable<readonly [string, readonly Version[]]> {
  let name: string | undefined;
  let versions: Version[] = [];
  let from: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
  while (from !== undefined) {
    const page: ListObjectVersionsCommandOutput = await client.send(new ListObjectVersionsCommand({ Bucket: bucket, ...from }));
    const entries = [...(page.Versions ?? []).map((version) => ({ ...version, isMarker: false })), ...(page.DeleteMarkers ?? []).map((marker) => ({ ...marker, isMarker: true }))];
    // The two lists each have S3's order; together: by name, newest first, and of one instant the latest first.
    entries.sort((a, b) => compare(a.Key ?? '', b.Key ?? '') || (b.LastModified?.getTime() ?? 0) - (a.LastModified?.getTime() ?? 0) || Number(b.IsLatest === true) - Number(a.IsLatest === true));
    for (const { Key = '', VersionId = 'null', LastModified, isMarker } of entries) {
      if (name !== undefined && Key !== name) {
        yield [name, versions];
        versions = [];
      }
      name = Key;
      versions.push({ id: VersionId, isMarker, modifiedAtMs: LastModified?.getTime() ?? 0 });
    }
    from =
      page.IsTruncated === true && page.NextKeyMarker !== undefined
        ? { KeyMarker: page.NextKeyMarker, ...(page.NextVersionIdMarker === undefined ? {} : { VersionIdMarker: page.NextVersionIdMarker }) }
        : undefined;
  }
  if (name !== undefined) yield [name, versions];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

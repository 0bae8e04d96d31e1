// Why: expiry must be able to remove what is due and nothing else; what is locked stays whatever a rule says.
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectTaggingCommand,
  S3Client,
  type LifecycleRule,
} from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EngineRegion, type RunningRegion, regionUrl, startRegion } from '../../../local/engine/ministack.ts';
import { dueOf, sweepBucket, type Version } from '../../../local/lifecycle-sweeper.ts';
import { credentials, discard, install, newRegion } from './engine-fixture.ts';

const hour = 3_600_000;
const day = 24 * hour;
const rule = { prefix: '', tag: null, days: null, dateMs: null, isMarkerExpired: false, noncurrentDays: null, noncurrentKept: 0 };
const at = (id: string, hours: number, isMarker = false): Version => ({ id, isMarker, modifiedAtMs: hours * hour });

describe('what is due', () => {
  test('an expiration hides the current version from the midnight after its days on', () => {
    const due = (nowMs: number, hours = 10) => dueOf([{ ...rule, days: 3 }], [at('a', hours)], nowMs);
    expect([due(4 * day - 1), due(4 * day), due(4 * day + 1)].map((d) => d.hides)).toEqual([false, true, true]);
    expect([due(3 * day - 1, 0), due(3 * day, 0)].map((d) => d.hides)).toEqual([false, true]); // made at midnight
    expect(due(400 * day).removes).toEqual([]);
  });

  test('a marker hides once; when it stands alone it goes', () => {
    const days = { ...rule, days: 3 };
    expect(dueOf([days], [at('m', 10, true), at('a', 1)], 400 * day)).toEqual({ hides: false, removes: [] });
    expect(dueOf([days], [at('m', 10, true)], 4 * day)).toEqual({ hides: false, removes: ['m'] });
    expect(dueOf([days], [at('m', 10, true)], 4 * day - 1)).toEqual({ hides: false, removes: [] });
    expect(dueOf([{ ...rule, isMarkerExpired: true }], [at('m', 10, true)], 0)).toEqual({ hides: false, removes: ['m'] });
    expect(dueOf([{ ...rule, isMarkerExpired: true }], [at('m', 10, true), at('a', 1)], 400 * day).removes).toEqual([]);
  });

  test('a version is noncurrent since its successor was made, not since it was made itself', () => {
    const versions = [at('c', 100), at('b', 50), at('a', 1)]; // b noncurrent since 100 h, a since 50 h
    const removes = (nowMs: number, kept = 0) => dueOf([{ ...rule, noncurrentDays: 2, noncurrentKept: kept }], versions, nowMs).removes;
    expect([removes(5 * day - 1), removes(5 * day), removes(7 * day - 1), removes(7 * day)]).toEqual([[], ['a'], ['a'], ['b', 'a']]);
    expect([removes(400 * day, 1), removes(400 * day, 2)]).toEqual([['a'], []]);
  });

  test('the newest version is never removed, unless it is a marker that stands alone', () => {
    const versions = fc.array(fc.record({ isMarker: fc.boolean(), gap: fc.nat(200) }), { minLength: 1, maxLength: 6 });
    const rules = fc.array(fc.record({ days: fc.option(fc.nat(5)), noncurrentDays: fc.option(fc.nat(5)), isMarkerExpired: fc.boolean(), noncurrentKept: fc.nat(2) }), { maxLength: 3 });
    fc.assert(
      fc.property(versions, rules, fc.nat(40), (gaps, partial, days) => {
        let hours = 0;
        const made = gaps.map(({ isMarker, gap }, i) => at(String(i), (hours += gap), isMarker)).reverse();
        const { removes, hides } = dueOf(
          partial.map((p) => ({ ...rule, ...p })),
          made,
          days * day,
        );
        const [newest] = made;
        if (newest !== undefined && removes.includes(newest.id)) expect([newest.isMarker, made.length]).toEqual([true, 1]);
        if (hides) expect(newest?.isMarker).toBe(false);
        expect(new Set(removes).size).toBe(removes.length);
      }),
    );
  });
});

describe('a bucket of a local region', () => {
  const Bucket = 'holdfast-test-swept';
  let region: EngineRegion;
  let running: RunningRegion | undefined;
  let client: S3Client;
  beforeAll(async () => {
    const engine = await install();
    region = await newRegion();
    running = await startRegion(engine, region);
    client = new S3Client({ region: region.region, endpoint: regionUrl(region), forcePathStyle: true, credentials, maxAttempts: 1 });
    await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  }, 120_000);
  afterAll(async () => {
    await discard(region, running);
  });

  const setRules = async (...Rules: LifecycleRule[]) => client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));
  const put = async (Key: string, hours: number | null = null) =>
    (await client.send(new PutObjectCommand({ Bucket, Key, Body: Key, ...(hours === null ? {} : { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: new Date(Date.now() + hours * hour) }) })))
      .VersionId ?? '';
  const left = async (Prefix = '') => {
    const { Versions = [], DeleteMarkers = [] } = await client.send(new ListObjectVersionsCommand({ Bucket, Prefix }));
    return [...Versions.map((v) => v.Key ?? ''), ...DeleteMarkers.map((m) => `${m.Key} (marker)`)].sort();
  };

  test('without rules nothing happens; with them, only what is due and not locked goes', async () => {
    await put('packs/free');
    await put('packs/locked', 24);
    const held = await put('packs/held');
    await client.send(new PutObjectLegalHoldCommand({ Bucket, Key: 'packs/held', VersionId: held, LegalHold: { Status: 'ON' } }));
    await put('points/other');
    const far = Date.now() + 400 * day;
    expect(await sweepBucket(client, Bucket, far)).toEqual({ hidden: [], removed: [], locked: [] });

    await setRules(
      { ID: 'off', Status: 'Disabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } },
      { ID: 'packs', Status: 'Enabled', Filter: { Prefix: 'packs/' }, Expiration: { Days: 2 }, NoncurrentVersionExpiration: { NoncurrentDays: 1 } },
    );
    expect(await sweepBucket(client, Bucket, Date.now() + day)).toEqual({ hidden: [], removed: [], locked: [] });
    // As on AWS a marker is put over locked versions too: they are there, and a plain read does not find them.
    expect((await sweepBucket(client, Bucket, far)).hidden).toEqual(['packs/free', 'packs/held', 'packs/locked']);
    const second = await sweepBucket(client, Bucket, far);
    expect([second.hidden, second.removed.map((v) => v.name), second.locked.map((v) => v.name)]).toEqual([[], ['packs/free'], ['packs/held', 'packs/locked']]);
    const third = await sweepBucket(client, Bucket, far);
    expect([third.removed.map((v) => v.name), third.locked.map((v) => v.name)]).toEqual([['packs/free'], ['packs/held', 'packs/locked']]); // its marker
    expect(await left()).toEqual(['packs/held', 'packs/held (marker)', 'packs/locked', 'packs/locked (marker)', 'points/other']);
  });

  test('goes on over more than one page', async () => {
    for (let i = 0; i < 1_020; i += 30) await Promise.all(Array.from({ length: 30 }, async (_unused, j) => put(`many/${String(i + j).padStart(4, '0')}`)));
    await put('many/0999');
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'many/1000' }));
    await setRules({ ID: 'many', Status: 'Enabled', Filter: { Prefix: 'many/' }, NoncurrentVersionExpiration: { NoncurrentDays: 1 } });
    expect((await sweepBucket(client, Bucket, Date.now() + 3 * day)).removed.map((v) => v.name)).toEqual(['many/0999', 'many/1000']);
  }, 60_000);

  test('refuses rules that it would not apply', async () => {
    await setRules({ ID: 'sized', Status: 'Enabled', Filter: { ObjectSizeGreaterThan: 5 }, Expiration: { Days: 1 } });
    await expect(sweepBucket(client, Bucket, 0)).rejects.toThrow(/sized/);
  });

  test('a rule with a tag is for what carries it', async () => {
    await put('tag/kept');
    await put('tag/gone');
    await client.send(new PutObjectTaggingCommand({ Bucket, Key: 'tag/gone', Tagging: { TagSet: [{ Key: 'holdfast-expired', Value: 'true' }] } }));
    await setRules(
      { ID: 'expired', Status: 'Enabled', Filter: { Tag: { Key: 'holdfast-expired', Value: 'true' } }, Expiration: { Days: 1 } },
      { ID: 'replaced', Status: 'Enabled', Filter: { Prefix: 'tag/' }, NoncurrentVersionExpiration: { NoncurrentDays: 1 } },
    );
    const far = Date.now() + 10 * day;
    expect((await sweepBucket(client, Bucket, far)).hidden).toEqual(['tag/gone']);
    expect((await sweepBucket(client, Bucket, far)).removed.map((v) => v.name)).toEqual(['tag/gone']);
    expect(await left('tag/')).toEqual(['tag/gone (marker)', 'tag/kept']);
  });
});

// Retention against a real store, and its lifecycle rules as the sweeper applies them: what is given up goes, what is locked does not; and what it would take
// to hide what is locked is seen, since it is why only one function may mark anything.
import { CreateBucketCommand, PutBucketLifecycleConfigurationCommand, PutObjectTaggingCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EngineRegion, regionUrl, type RunningRegion, startRegion } from '../../../local/engine/ministack.ts';
import { sweepBucket } from '../../../local/lifecycle-sweeper.ts';
import { manifestName } from '../../../src/core/vault/object-names.ts';
import { S3Site } from '../../../src/drivers/aws/s3-site.ts';
import { retain } from '../../../src/operations/retention.ts';
import { SiteSet } from '../../../src/vault/site-set.ts';
import { createVault } from '../../../src/vault/vault.ts';
import { bytesOf, inHours, shaOf } from '../../contract/vault-site.ts';
import { backUp, cheapWrap, randomFrom, readBack, shown } from '../../vault/small-vault.ts';
import { credentials, discard, install, newRegion } from '../engine/engine-fixture.ts';

const START_LIMIT_MS = 120_000;
const dayMs = 86_400_000;
const Bucket = 'holdfast-test-retention';
const expired = { Key: 'holdfast-expired', Value: 'true' } as const;
let region: EngineRegion;
let running: RunningRegion | undefined;
let client: S3Client;

beforeAll(async () => {
  const engine = await install();
  region = await newRegion();
  running = await startRegion(engine, region);
  client = new S3Client({ region: region.region, endpoint: regionUrl(region), forcePathStyle: true, credentials, maxAttempts: 1 });
  await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  // As infra/constructs/vault.ts has them; test/infra/vault.test.ts asks them of the template.
  const Rules = [
    { ID: 'expired', Status: 'Enabled', Filter: { Tag: expired }, Expiration: { Days: 1 }, NoncurrentVersionExpiration: { NoncurrentDays: 1 } },
    { ID: 'replaced', Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { ExpiredObjectDeleteMarker: true }, NoncurrentVersionExpiration: { NoncurrentDays: 1 } },
  ] as const;
  await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [...Rules] } }));
}, START_LIMIT_MS);
afterAll(async () => {
  client?.destroy();
  if (region !== undefined) await discard(region, running);
});

/** Two runs of the lifecycle: a marker over what is current, then what the marker hides. */
async function sweep(): Promise<void> {
  for (const days of [3, 6]) await sweepBucket(client, Bucket, Date.now() + days * dayMs);
}

test('what is given up goes, and what is locked stays, though somebody marked it', async () => {
  const site = new S3Site({ name: region.region, client, bucket: Bucket, prefix: 'single/' });
  const put = async (name: string, lockHours: number) =>
    site.put(name, bytesOf(name), { sha256: shaOf(bytesOf(name)), lock: lockHours === 0 ? null : { mode: 'COMPLIANCE', untilMs: inHours(lockHours) } });
  await put('packs/free', 0);
  await put('packs/locked', 1);
  await put('packs/kept', 0);
  await site.retire('packs/free', (await site.head('packs/free'))?.versionId ?? null);
  await expect(site.retire('packs/locked', null)).rejects.toMatchObject({ name: 'RefusedError' });
  await sweep();
  expect([(await site.versions('packs/free')).length, (await site.head('packs/locked'))?.bytes, (await site.head('packs/kept'))?.bytes]).toEqual([0, 12, 10]);
  // Past the port, with the right to put tags: S3 takes it on what is locked, and the rule then hides what it cannot remove.
  await client.send(new PutObjectTaggingCommand({ Bucket, Key: 'single/packs/locked', Tagging: { TagSet: [expired] } }));
  await sweep();
  expect([await site.head('packs/locked'), (await site.versions('packs/locked')).map(({ bytes }) => bytes)]).toEqual([null, [12]]);
  // As the scrub does, that finds it missing.
  expect(await put('packs/locked', 1)).toMatchObject({ kind: 'stored' });
  expect((await site.head('packs/locked'))?.bytes).toBe(12);
});

test('a vault: a point goes with its manifest, then with its packs; the newest restores', async () => {
  const random = randomFrom('retention in a bucket');
  const sites = new SiteSet([new S3Site({ name: region.region, client, bucket: Bucket, prefix: 'vault/', nowMs: () => Date.now() + 30 * dayMs })]);
  const vault = await createVault(sites, random);
  const key = await vault.newKey(cheapWrap, 0, random, null);
  const base = { sites, vault, key, random };
  const old = await backUp({ ...base, contents: { a: random(3000) }, createdAtMs: Date.now() - 100 * dayMs });
  const contents = { b: random(3000) };
  const newest = await backUp({ ...base, contents, createdAtMs: Date.now() - 99 * dayMs });
  const rules = { retentionDays: { hourly: 7, daily: 30, weekly: 90, monthly: 365, yearly: 2555 }, lockDaysMax: 2555, lockMode: null, isDryRun: false };
  const run = async () => retain(vault, rules, Date.now() + 30 * dayMs, () => undefined);
  const [packs] = (await vault.readManifest(old)).packs;
  expect(await run()).toMatchObject({ pointsGivenUp: 1, packsGivenUp: 0, silent: [], staying: 0, unread: 0 });
  // Marked, and not gone yet: its packs stay.
  expect(await run()).toMatchObject({ pointsGivenUp: 1, packsGivenUp: 0 });
  await sweep();
  expect((await vault.listPoints()).map(({ point }) => point)).toEqual([newest.point]);
  expect(await sites.sites[0]?.versions(manifestName(old))).toEqual([]);
  expect(await run()).toMatchObject({ pointsGivenUp: 0, packsGivenUp: 1 });
  await sweep();
  expect(await sites.sites[0]?.versions(`packs/${packs?.sha256.slice(0, 2)}/${packs?.sha256}`)).toEqual([]);
  expect(await run()).toMatchObject({ points: 1, pointsGivenUp: 0, packsGivenUp: 0 });
  expect(shown(await readBack(vault, newest, key))).toEqual(shown(contents));
});

// Whether the engine's store keeps locked versions against an administrator, as the demo says of it; and whether the observer that says so
// would notice if it did not: against GOVERNANCE, and against no lock at all, the same attacks must be seen to succeed.
import { CreateBucketCommand, PutBucketVersioningCommand, PutObjectCommand, PutObjectLockConfigurationCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { regionUrl, type EngineRegion, type RunningRegion, startRegion } from '../../../local/engine/ministack.ts';
import type { AttackRecord } from '../../observer/journal.ts';
import { attackVault } from '../../observer/vault-attacks.ts';
import { VaultBucket } from '../../observer/vault-bucket.ts';
import { credentials, discard, install, newRegion, restart } from '../engine/engine-fixture.ts';

let region: EngineRegion;
let running: RunningRegion;
let s3: S3Client;
const buckets: VaultBucket[] = [];

beforeAll(async () => {
  const engine = await install();
  region = await newRegion();
  running = await startRegion(engine, region);
  s3 = new S3Client({ region: region.region, endpoint: regionUrl(region), credentials, forcePathStyle: true });
});
afterAll(async () => {
  for (const bucket of buckets) bucket.close();
  s3?.destroy();
  if (region !== undefined) await discard(region, running);
});

async function vault(name: string, mode: 'COMPLIANCE' | 'GOVERNANCE' | null): Promise<VaultBucket> {
  await s3.send(new CreateBucketCommand({ Bucket: name, ...(mode === null ? {} : { ObjectLockEnabledForBucket: true }) }));
  if (mode === null) await s3.send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration: { Status: 'Enabled' } }));
  else {
    const ObjectLockConfiguration = { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: mode, Days: 1 } } } as const;
    await s3.send(new PutObjectLockConfigurationCommand({ Bucket: name, ObjectLockConfiguration }));
  }
  for (const key of ['holdfast-vault.json', `packs/ab/${'ab'.repeat(32)}`, 'points/orders.c/p-full-1']) await s3.send(new PutObjectCommand({ Bucket: name, Key: key, Body: `the bytes of ${key}` }));
  const bucket = new VaultBucket(region.region, regionUrl(region), name);
  buckets.push(bucket);
  return bucket;
}

const attack = (bucket: VaultBucket) => attackVault({ bucket, nowWallMs: () => Date.now(), isLeavingDamage: true });
const successes = (records: readonly AttackRecord[]) => records.filter(({ isRefused }) => !isRefused).map(({ object, attack: name }) => `${object.split('/')[0]}: ${name}`);

test('COMPLIANCE: every attack is refused, and the versions read as before, also after the region was killed and started again', async () => {
  const bucket = await vault('compliance', 'COMPLIANCE');
  const first = await attack(bucket);
  expect(first.length).toBe(18);
  expect(successes(first), JSON.stringify(first, null, 1)).toEqual([]);
  running = await restart(await install(), region, running);
  const second = await attack(bucket);
  expect(successes(second), JSON.stringify(second, null, 1)).toEqual([]);
});

test('GOVERNANCE: it yields to an administrator who bypasses it, and that is seen', async () => {
  const records = await attack(await vault('governance', 'GOVERNANCE'));
  expect(successes(records)).toContain('packs: delete the version, bypassing governance');
  expect(successes(records)).toContain('points: delete the version, bypassing governance');
  expect(successes(records)).not.toContain('packs: delete the version');
  expect(records.find(({ attack: name }) => name === 'delete the version, bypassing governance')?.answer).toBe('accepted; the version is gone');
});

test('no lock: nothing is counted as withstood but what any store with versions withstands, and not even that', async () => {
  const records = await attack(await vault('unlocked', null));
  expect(records.filter(({ isRefused }) => isRefused)).toEqual([]);
});

// A vault site in a bucket that is made for the test, with or without Object Lock, wherever the client leads.
import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, PutBucketVersioningCommand, type S3Client } from '@aws-sdk/client-s3';
import { usualLimits } from '../../src/drivers/aws/s3-calls.ts';
import { S3Site } from '../../src/drivers/aws/s3-site.ts';
import type { SiteUnderTest } from './vault-site.ts';

/** What is locked stays for its hours: the bucket is not removed, the server is the test's to throw away. */
export async function s3SiteInFreshBucket(client: S3Client, kind: 'locks' | 'versions' | 'plain', limits = usualLimits): Promise<SiteUnderTest> {
  const bucket = `holdfast-test-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket, ...(kind === 'locks' ? { ObjectLockEnabledForBucket: true } : {}) }));
  if (kind === 'versions') await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration: { Status: 'Enabled' } }));
  const prefixes = new Map<unknown, string>();
  const make = (prefix: string) => {
    const site = new S3Site({ name: 'us-east-1', client, bucket, prefix, limits });
    prefixes.set(site, prefix);
    return site;
  };
  return {
    fresh: async () => make(`${randomUUID()}/`),
    again: (site) => make(prefixes.get(site) ?? ''),
    keepsVersions: kind !== 'plain',
    knowsHashes: true,
    retires: 'by lifecycle',
    locks: kind === 'locks' ? 'enforced' : null,
    remove: async () => undefined,
  };
}

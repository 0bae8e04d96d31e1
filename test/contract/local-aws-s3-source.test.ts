// The objects of a prefix in a versioned bucket of a local region keep the contract of a source.
import { createHash, randomUUID } from 'node:crypto';
import { CreateBucketCommand, DeleteObjectCommand, GetObjectCommand, ListObjectsV2Command, PutBucketVersioningCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Engine, type EngineRegion, type RunningRegion, regionUrl, startRegion } from '../../local/engine/ministack.ts';
import { canonicalJson } from '../../src/core/vault/canonical-json.ts';
import { addDigests, ContentSum, emptyDigest } from '../../src/core/vault/content-digest.ts';
import { createS3 } from '../../src/drivers/aws/s3-client.ts';
import { type PrefixTarget, S3PrefixSource } from '../../src/drivers/aws/s3-prefix-source.ts';
import { credentials, discard, install, newRegion } from '../local/engine/engine-fixture.ts';
import { backupSourceContract, type ReadEntry, readAll } from './backup-source.ts';

let engine: Engine;
let region: EngineRegion;
let running: RunningRegion | undefined;
let client: S3Client;

beforeAll(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = credentials.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = credentials.secretAccessKey;
  engine = await install();
  region = await newRegion();
  running = await startRegion(engine, region);
  client = createS3(region.region, regionUrl(region));
}, 120_000);
afterAll(async () => {
  client.destroy();
  await discard(region, running);
});

async function bucket(): Promise<PrefixTarget> {
  const name = `holdfast-test-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket: name }));
  await client.send(new PutBucketVersioningCommand({ Bucket: name, VersioningConfiguration: { Status: 'Enabled' } }));
  return { client, bucket: name, prefix: 'docs/' };
}

const put = async (to: PrefixTarget, name: string, body: string) =>
  client.send(new PutObjectCommand({ Bucket: to.bucket, Key: `${to.prefix}${name}`, Body: body, ContentType: 'text/plain', Metadata: { made: 'by-test' } }));
const remove = async (from: PrefixTarget, name: string) => client.send(new DeleteObjectCommand({ Bucket: from.bucket, Key: `${from.prefix}${name}` }));

/** Names that fall into every piece, and some that are not ASCII. */
const nameOf = (i: number) => `${['0', 'Zoo', 'a', 'm/deep', 'z', '~', 'ä'][i % 7]}-${i}`;

async function clear(target: PrefixTarget): Promise<void> {
  const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: target.bucket, Prefix: target.prefix }));
  await Promise.all((Contents ?? []).map(async ({ Key }) => client.send(new DeleteObjectCommand({ Bucket: target.bucket, Key }))));
}

function digestOf(entries: readonly ReadEntry[]) {
  return entries
    .map(({ meta, content }) => {
      const line = Buffer.from(canonicalJson({ n: meta.n, sha256: createHash('sha256').update(content).digest('hex') }));
      const sum = new ContentSum();
      sum.addLine(createHash('sha256').update(line).digest(), line.length);
      return sum.toJSON();
    })
    .reduce(addDigests, emptyDigest);
}

// A clock that is far ahead of the store's: positions are then exact, and the margin does not bring back what was there before.
let aheadMs = 0;
backupSourceContract(
  'an S3 prefix',
  async () => {
    const here = await bucket();
    const source = new S3PrefixSource({ name: 'docs', from: here, nowMs: () => Date.now() + aheadMs });
    return {
      source,
      itself: here,
      target: bucket,
      fill: async (count) => {
        await clear(here);
        const body = (i: number) => (i === 3 ? 'x'.repeat(9 * 1024 * 1024) : `object ${i} of ${count}`);
        await Promise.all(Array.from({ length: count }, async (_, i) => put(here, nameOf(i), body(i))));
        // What was written by now is older than any position: the margin covers the clocks, and this test knows that there is one clock only.
        await new Promise((resolve) => setTimeout(resolve, 1_100));
        aheadMs = 60_000;
      },
      change: async () => {
        await put(here, nameOf(0), 'changed');
        await remove(here, nameOf(1));
        await put(here, 'added', 'added');
        await new Promise((resolve) => setTimeout(resolve, 1_100));
      },
    };
  },
  digestOf,
);

test('an object that is overwritten while it is read is the one that was listed, with its metadata', async () => {
  const here = await bucket();
  await put(here, 'a', 'first');
  const source = new S3PrefixSource({ name: 'docs', from: here, nowMs: () => Date.now() });
  const [piece] = await source.list(1);
  for await (const { meta, content } of source.read(piece ?? { id: '' })) {
    await put(here, 'a', 'second');
    const parts: Uint8Array[] = [];
    for await (const part of content ?? []) parts.push(part);
    expect(Buffer.concat(parts).toString()).toBe('first');
    expect(meta).toMatchObject({ n: 'a', s: 5, contentType: 'text/plain', metadata: { made: 'by-test' } });
  }
  const there = await bucket();
  await source.writeBack(there, source.read(piece ?? { id: '' }));
  const back = await client.send(new GetObjectCommand({ Bucket: there.bucket, Key: 'docs/a' }));
  expect([await back.Body?.transformToString(), back.ContentType, back.Metadata]).toEqual(['second', 'text/plain', { made: 'by-test' }]);
});

test('a removal is a change, and a range that is none of a piece is refused', async () => {
  const here = await bucket();
  await put(here, 'gone', 'x');
  const source = new S3PrefixSource({ name: 'docs', from: here, nowMs: () => Date.now() });
  const before = await source.position();
  await remove(here, 'gone');
  expect(await readAll(source.changes(before))).toEqual([{ meta: { n: 'gone', removed: true }, content: Buffer.alloc(0) }]);
  await expect(readAll(source.read({ id: 'abc' }))).rejects.toThrow(/no piece of a prefix/);
});

// A site in a locked bucket of a local region keeps the contract; a region that stops, dies or loses its bucket is told apart from an empty vault.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Engine, type EngineRegion, type RunningRegion, regionUrl, startRegion } from '../../local/engine/ministack.ts';
import { createS3 } from '../../src/drivers/aws/s3-client.ts';
import { usualLimits } from '../../src/drivers/aws/s3-calls.ts';
import { S3Site } from '../../src/drivers/aws/s3-site.ts';
import type { VaultSite } from '../../src/ports/vault-site.ts';
import { credentials, discard, install, newRegion } from '../local/engine/engine-fixture.ts';
import { s3SiteInFreshBucket } from './s3-sites.ts';
import { bytesOf, inHours, shaOf, type SiteUnderTest, vaultSiteContract } from './vault-site.ts';

let engine: Engine;
let region: EngineRegion;
let running: RunningRegion | undefined;
const client = () => createS3(region.region, regionUrl(region));

beforeAll(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = credentials.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = credentials.secretAccessKey;
  engine = await install();
  region = await newRegion();
  running = await startRegion(engine, region);
}, 120_000);
afterAll(async () => {
  await discard(region, running);
});

for (const kind of ['locks', 'versions', 'plain'] as const) vaultSiteContract(`S3 bucket of a local region (${kind})`, async () => s3SiteInFreshBucket(client(), kind));

const put = async (site: VaultSite, name: string, text: string) => site.put(name, bytesOf(text), { sha256: shaOf(bytesOf(text)), lock: { mode: 'COMPLIANCE', untilMs: inHours(1) } });

describe('a region that fails', () => {
  let under: SiteUnderTest;
  beforeAll(async () => {
    under = await s3SiteInFreshBucket(client(), 'locks', { ...usualLimits, callTimeoutMs: 1_500 });
  });

  test('a bucket that is not there is an error, never an empty vault', async () => {
    const site = new S3Site({ name: 'us-east-1', client: client(), bucket: 'holdfast-no-such-bucket' });
    const calls = [async () => put(site, 'x', 'x'), async () => site.get('x'), async () => site.head('x'), async () => site.versions('x'), async () => site.list('')[Symbol.asyncIterator]().next()];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ name: 'InvalidConfigError', message: expect.stringContaining('holdfast-no-such-bucket') });
  });

  test('a date in the past is an error that says so', async () => {
    const site = await under.fresh();
    const lock = { mode: 'COMPLIANCE', untilMs: Date.now() - 10_000 } as const;
    await expect(site.put('x', bytesOf('x'), { sha256: shaOf(bytesOf('x')), lock })).rejects.toMatchObject({
      name: 'InvalidArgument',
      message: expect.stringMatching(/put of x in us-east-1 .*future/),
    });
    expect(await site.get('x')).toBeNull();
  });

  test('a region that stops answering costs no more than the time limit, and what it carries out later is whole', async () => {
    const site = await under.fresh();
    await put(site, 'before', 'before');
    running?.signal('SIGSTOP');
    try {
      for (const call of [async () => put(site, 'during', 'during'), async () => site.get('before'), async () => site.list('')[Symbol.asyncIterator]().next()]) {
        const startedAt = performance.now();
        await expect(call()).rejects.toMatchObject({ name: 'TimeoutError', message: expect.stringContaining('us-east-1') });
        expect(performance.now() - startedAt).toBeLessThan(4_000);
      }
    } finally {
      running?.signal('SIGCONT');
    }
    const answer = await put(site, 'during', 'during');
    const { kind } = answer; // the one that nobody waited for may have arrived
    expect(['stored', 'exists']).toContain(kind);
    expect(new TextDecoder().decode((await site.get('during')) ?? new Uint8Array())).toBe('during');
    expect((await site.versions('during')).map((v) => v.lock?.mode)).toEqual(['COMPLIANCE']);
  }, 60_000);

  test('a region that is gone is refused at once', async () => {
    const site = await under.fresh();
    await put(site, 'kept', 'kept');
    running?.signal('SIGKILL');
    await running?.stopped;
    const startedAt = performance.now();
    await expect(put(site, 'x', 'x')).rejects.toThrow(/ECONNREFUSED|ECONNRESET|hang up/);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    running = await startRegion(engine, region);
    expect(new TextDecoder().decode((await site.get('kept')) ?? new Uint8Array())).toBe('kept');
    expect((await site.head('kept'))?.lock?.mode).toBe('COMPLIANCE');
  }, 60_000);
});

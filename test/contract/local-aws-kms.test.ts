// A data key wrapped by KMS keys of two local regions opens in either, and only with what it was bound to.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EngineRegion, type RunningRegion, regionUrl, startRegion } from '../../local/engine/ministack.ts';
import { createKms } from '../../src/drivers/aws/kms-client.ts';
import { KmsKeyWrap, type RegionalKey } from '../../src/drivers/aws/kms-key-wrap.ts';
import { credentials, deploy, discard, install, newRegion } from '../local/engine/engine-fixture.ts';

const keyId = 'alias/holdfast-test-vault';
const regions: { region: EngineRegion; running: RunningRegion; key: RegionalKey }[] = [];

beforeAll(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = credentials.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = credentials.secretAccessKey;
  const engine = await install();
  for (const [name, host] of [
    ['us-east-1', '127.0.0.11'],
    ['us-west-2', '127.0.0.12'],
  ] as const) {
    const region = await newRegion({ region: name, host });
    const running = await startRegion(engine, region);
    regions.push({ region, running, key: { region: name, keyId, client: createKms(name, regionUrl(region)) } });
    await deploy(region, 'keys', {
      Resources: {
        Key: { Type: 'AWS::KMS::Key', Properties: { KeyPolicy: { Version: '2012-10-17', Statement: [] } } },
        Alias: { Type: 'AWS::KMS::Alias', Properties: { AliasName: keyId, TargetKeyId: { Ref: 'Key' } } },
      },
    });
  }
}, 120_000);
afterAll(async () => {
  for (const { region, running } of regions) await discard(region, running);
});

const dead = (region: string): RegionalKey => ({ region, keyId, client: createKms(region, 'http://127.0.0.1:1') });
const keys = () => regions.map(({ key }) => key);

test('each region that answers gives a wrap that opens by itself, bound to its vault and key', async () => {
  const wrap = new KmsKeyWrap([...keys(), dead('eu-west-1')]);
  const dataKey = new Uint8Array(randomBytes(32));
  const wraps = await wrap.wrap('vault', 'key', dataKey);
  expect(wraps.map(({ kind, region, keyArn }) => [kind, region, String(keyArn).split(':').slice(0, 4).join(':')])).toEqual([
    ['aws-kms', 'us-east-1', 'arn:aws:kms:us-east-1'],
    ['aws-kms', 'us-west-2', 'arn:aws:kms:us-west-2'],
  ]);
  for (const one of JSON.parse(JSON.stringify(wraps))) {
    expect(await wrap.unwrap('vault', 'key', one)).toEqual(dataKey);
    for (const [vault, key] of [
      ['other', 'key'],
      ['vault', 'other'],
    ] as const)
      expect(await wrap.unwrap(vault, key, one)).toBeNull();
  }
  const [east, west] = wraps;
  expect(await wrap.unwrap('vault', 'key', { ...east, sealed: west?.['sealed'] })).toBeNull();
  const flipped = Buffer.from(String(east?.['sealed']), 'base64').map((byte, i) => (i === 90 ? byte ^ 1 : byte));
  expect(await wrap.unwrap('vault', 'key', { ...east, sealed: Buffer.from(flipped).toString('base64') })).toBeNull();
  // A region that does not answer is not a wrong key: it says so.
  await expect(new KmsKeyWrap([dead('us-east-1')]).unwrap('vault', 'key', { ...east })).rejects.toMatchObject({
    name: 'KeyUnavailableError',
    message: expect.stringMatching(/us-east-1: .*ECONNREFUSED/),
  });
});

test('fewer than a majority is an error, whatever answered', async () => {
  const [east] = keys();
  if (east === undefined) throw new Error('no region');
  await expect(new KmsKeyWrap([east, dead('us-west-2'), dead('eu-west-1')]).wrap('v', 'k', new Uint8Array(32))).rejects.toMatchObject({
    name: 'KeyUnavailableError',
    message: expect.stringMatching(/1 of 3 regions, 2 are needed.*us-west-2.*eu-west-1/),
  });
  expect(await new KmsKeyWrap([east]).wrap('v', 'k', new Uint8Array(32))).toHaveLength(1);
});

test('what is no wrap of these regions is none of its business', async () => {
  const wrap = new KmsKeyWrap(keys());
  for (const other of [{}, { kind: 'passphrase' }, { kind: 'aws-kms', region: 'us-east-1' }, { kind: 'aws-kms', region: 'ap-south-1', keyArn: 'arn:aws:kms:ap-south-1:1:key/x', sealed: '' }])
    expect(await wrap.unwrap('v', 'k', other)).toBeNull();
});

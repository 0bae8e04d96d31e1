// Why: "nobody else can open it" and "what was altered is refused" mean something here only if the engine's KMS authenticates what it encrypts.
import { DecryptCommand, DescribeKeyCommand, EncryptCommand, GenerateDataKeyCommand, GenerateDataKeyPairCommand, KMSClient, ScheduleKeyDeletionCommand } from '@aws-sdk/client-kms';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Engine, type EngineRegion, type RunningRegion, regionUrl, startRegion, takeSnapshot } from '../../../local/engine/ministack.ts';
import { credentials, deploy, discard, install, newRegion, restart } from './engine-fixture.ts';

let engine: Engine;
let region: EngineRegion;
let running: RunningRegion | undefined;
let client: KMSClient;
const KeyId = 'alias/holdfast-test-vault';
const EncryptionContext = { 'holdfast:vault': 'v', 'holdfast:key': 'k' };
const Plaintext = new TextEncoder().encode('a data key of thirty-two bytes..');

beforeAll(async () => {
  engine = await install();
  region = await newRegion({ snapshotSeconds: 600 });
  running = await startRegion(engine, region);
  client = new KMSClient({ region: region.region, endpoint: regionUrl(region), credentials, maxAttempts: 1 });
  const key = (description: string) => ({ Type: 'AWS::KMS::Key', Properties: { Description: description, EnableKeyRotation: true, KeyPolicy: { Version: '2012-10-17', Statement: [] } } });
  await deploy(region, 'keys', {
    Resources: {
      Key: key('vault'),
      Alias: { Type: 'AWS::KMS::Alias', Properties: { AliasName: KeyId, TargetKeyId: { Ref: 'Key' } } },
      Other: key('other'),
      OtherAlias: { Type: 'AWS::KMS::Alias', Properties: { AliasName: 'alias/other', TargetKeyId: { Ref: 'Other' } } },
    },
  });
  await takeSnapshot(region);
}, 120_000);

afterAll(async () => {
  await discard(region, running);
});

const decrypt = (CiphertextBlob: Uint8Array, options: Record<string, unknown> = {}) =>
  client.send(new DecryptCommand({ CiphertextBlob, EncryptionContext, ...options })).then(
    (answer) => new TextDecoder().decode(answer.Plaintext),
    (error: unknown) => (error instanceof Error ? error.name : 'unknown'),
  );
const encrypt = async () => (await client.send(new EncryptCommand({ KeyId, Plaintext, EncryptionContext }))).CiphertextBlob ?? new Uint8Array();

test('keys and aliases of a stack, and what they encrypted, survive a SIGKILL', async () => {
  const sealed = await encrypt();
  const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId }));
  if (running === undefined) throw new Error('not running');
  running = await restart(engine, region, running);
  expect((await client.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata?.Arn).toBe(KeyMetadata?.Arn);
  expect([await decrypt(sealed), await decrypt(sealed, { KeyId })]).toEqual(['a data key of thirty-two bytes..', 'a data key of thirty-two bytes..']);
}, 30_000);

test('a ciphertext with any bit flipped, shortened or lengthened is refused', async () => {
  const sealed = await encrypt();
  await fc.assert(
    fc.asyncProperty(fc.nat(sealed.length - 1), fc.nat(7), async (index, bit) => {
      const flipped = sealed.map((byte, i) => (i === index ? byte ^ (1 << bit) : byte));
      expect(await decrypt(flipped)).toBe('InvalidCiphertextException');
      expect(await decrypt(flipped, { KeyId })).toBe('InvalidCiphertextException');
    }),
    { numRuns: 60 },
  );
  for (const cut of [sealed.slice(0, -1), sealed.slice(0, 40), new Uint8Array([...sealed, 0]), new Uint8Array([1])])
    expect([cut.length, await decrypt(cut)]).toEqual([cut.length, 'InvalidCiphertextException']);
}, 30_000);

test('another context, none, or another key does not open it', async () => {
  const sealed = await encrypt();
  expect([
    await decrypt(sealed, { EncryptionContext: { ...EncryptionContext, 'holdfast:key': 'other' } }),
    await decrypt(sealed, { EncryptionContext: undefined }),
    await decrypt(sealed, { KeyId: 'alias/other' }),
  ]).toEqual(['InvalidCiphertextException', 'InvalidCiphertextException', 'IncorrectKeyException']);
});

test('data keys are sealed the same way, and key pairs are refused', async () => {
  const { CiphertextBlob = new Uint8Array(), Plaintext: plain } = await client.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', EncryptionContext }));
  const back = await client.send(new DecryptCommand({ CiphertextBlob, EncryptionContext }));
  expect(Buffer.from(back.Plaintext ?? []).equals(Buffer.from(plain ?? []))).toBe(true);
  expect(await decrypt(CiphertextBlob.map((byte, i) => (i === CiphertextBlob.length - 1 ? byte ^ 1 : byte)))).toBe('InvalidCiphertextException');
  await expect(client.send(new GenerateDataKeyPairCommand({ KeyId, KeyPairSpec: 'RSA_2048' }))).rejects.toMatchObject({ name: 'UnsupportedOperationException' });
});

test('a key that is to be deleted opens nothing', async () => {
  const sealed = (await client.send(new EncryptCommand({ KeyId: 'alias/other', Plaintext, EncryptionContext }))).CiphertextBlob ?? new Uint8Array();
  expect(await decrypt(sealed)).toBe('a data key of thirty-two bytes..');
  const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId: 'alias/other' }));
  await client.send(new ScheduleKeyDeletionCommand({ KeyId: KeyMetadata?.KeyId ?? '', PendingWindowInDays: 7 }));
  expect(await decrypt(sealed)).toBe('KMSInvalidStateException');
});

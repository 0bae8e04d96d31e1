// Why: nobody can take back what a vault's bucket, key or schedule was deployed with; so what protects the backups is asked of the templates, region by region.
import { beforeAll, describe, expect, it } from 'vitest';
import { config } from '../../holdfast.config.ts';
import { vaultBucketOf, vaultKeyAliasOf } from '../../src/client/connect-vault.ts';
import { toRuntimeConfig } from '../../src/config/runtime-config.ts';
import { parseArchiveRequest, parseBackupRequest } from '../../src/core/backup/backup-plan.ts';
import { targetPrefix } from '../../src/core/backup/restore-plan.ts';
import { parseTestRequest, testTargetPrefix } from '../../src/core/backup/restore-test.ts';
import { keysPrefix } from '../../src/core/vault/object-names.ts';
import { FUNCTIONS, type FunctionSpec } from '../../infra/constructs/permissions.ts';
import { resourcesOf, statementsOf, type Synthesised, synthesise, type Template, textOf } from './synthesised.ts';

let made: Synthesised;
beforeAll(async () => {
  // templates.test.ts runs the checks of the CDK and cdk-nag; here they would take as long once more.
  made = await synthesise({ isChecked: false });
}, 120_000);

const CANDIDATES = ['us-east-1', 'us-west-2'] as const;
const REGIONS = [...CANDIDATES, 'eu-west-1'] as const;
const runtime = toRuntimeConfig(config);

function templateOf(region: string): Template {
  const template = made.templates.get(`Holdfast-orders-${region}`);
  if (template === undefined) throw new Error(`no stack of ${region} was made`);
  return template;
}

const one = (template: Template, type: string) => {
  const found = resourcesOf(template, type);
  expect(found.length, type).toBe(1);
  return found[0] ?? ['', { Type: type, Properties: {} }];
};

describe.each(REGIONS)('the vault in %s', (region) => {
  it('keeps its logical ids, its names and itself', () => {
    const template = templateOf(region);
    const [bucketId, bucket] = one(template, 'AWS::S3::Bucket');
    const [keyId, key] = one(template, 'AWS::KMS::Key');
    const [, alias] = one(template, 'AWS::KMS::Alias');
    // A changed id would leave bucket and key behind, and begin with empty ones. Change none.
    expect([bucketId, keyId]).toEqual(['HoldfastVaultBucket7AF41B45', 'HoldfastVaultKey914A7DED']);
    for (const kept of [bucket, key]) expect(kept).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
    expect(textOf(bucket.Properties['BucketName'])).toBe(vaultBucketOf(runtime, '${AWS::AccountId}', region));
    expect(alias.Properties).toMatchObject({ AliasName: vaultKeyAliasOf(runtime), TargetKeyId: { 'Fn::GetAtt': [keyId, 'Arn'] } });
  });

  it('locks whatever is put, keeps versions, and shows nothing to the public', () => {
    const [, bucket] = one(templateOf(region), 'AWS::S3::Bucket');
    expect(bucket.Properties).toMatchObject({
      ObjectLockEnabled: true,
      ObjectLockConfiguration: { ObjectLockEnabled: 'Enabled', Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 1 } } },
      VersioningConfiguration: { Status: 'Enabled' },
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true },
      BucketEncryption: { ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }] },
    });
  });

  it('lets go only what was marked for it, and what something newer replaced', () => {
    const [, bucket] = one(templateOf(region), 'AWS::S3::Bucket');
    const rules = [Object(bucket.Properties['LifecycleConfiguration'])['Rules']].flat().map(Object);
    expect(rules.map((rule) => String(rule['Id'])).sort()).toEqual(['expired', 'replaced']);
    for (const rule of rules) {
      // A rule by age would remove packs that newer points still need.
      if (rule['ExpirationInDays'] !== undefined) expect(rule['TagFilters']).toEqual([{ Key: 'holdfast-expired', Value: 'true' }]);
      expect(rule).toMatchObject({ Status: 'Enabled', NoncurrentVersionExpiration: { NoncurrentDays: 1 } });
    }
  });

  it('denies removal to everybody, and locks beyond the longest class', () => {
    const [, policy] = one(templateOf(region), 'AWS::S3::BucketPolicy');
    const statements = statementsOf({ Resources: { Policy: policy }, Parameters: {}, Outputs: {} }).map(({ statement }) => statement);
    for (const statement of statements) expect(statement).toMatchObject({ Effect: 'Deny', Principal: { AWS: '*' } });
    const removal = statements.filter((statement) => [statement['Action']].flat().includes('s3:DeleteObjectVersion'));
    expect(removal).toHaveLength(1);
    expect(removal[0]).toMatchObject({ Action: ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:BypassGovernanceRetention'] });
    expect(removal[0]).not.toHaveProperty('Condition');
    const lock = statements.filter((statement) => JSON.stringify(statement['Condition'])?.includes('object-lock-remaining-retention-days'));
    expect(lock).toMatchObject([{ Action: ['s3:PutObject', 's3:PutObjectRetention'], Condition: { NumericGreaterThan: { 's3:object-lock-remaining-retention-days': '1' } } }]);
    // Every action that a function has on the bucket is refused without TLS.
    const used = statementsOf(templateOf(region))
      .filter(({ where, statement }) => statement['Effect'] === 'Allow' && !where.includes('KeyPolicy'))
      .flatMap(({ statement }) => [statement['Action']].flat().map(String))
      .filter((action) => action.startsWith('s3:'));
    const byTls = statements
      .filter((statement) => JSON.stringify(statement['Condition']) === '{"Bool":{"aws:SecureTransport":"false"}}')
      .flatMap((statement) => [statement['Action']].flat().map(String));
    if (region !== 'eu-west-1') expect([...new Set(used)].sort()).toEqual([...byTls].sort());
  });

  it('has a key that nobody can delete or disable, and that its owner can still administer', () => {
    const [, key] = one(templateOf(region), 'AWS::KMS::Key');
    expect(key.Properties).toMatchObject({ EnableKeyRotation: true, RotationPeriodInDays: 90 });
    expect(key.Properties).not.toHaveProperty('MultiRegion');
    const [allow, deny, ...more] = statementsOf({ Resources: { Key: key }, Parameters: {}, Outputs: {} }).map(({ statement }) => statement);
    expect(more).toEqual([]);
    expect(deny).toMatchObject({ Effect: 'Deny', Principal: { AWS: '*' }, Action: ['kms:ScheduleKeyDeletion', 'kms:DisableKey', 'kms:DeleteImportedKeyMaterial'] });
    expect(allow).toMatchObject({ Effect: 'Allow', Principal: { AWS: { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':iam::', { Ref: 'AWS::AccountId' }, ':root']] } } });
    const actions = [allow?.['Action']].flat().map(String);
    // Without these the key would be beyond everybody's reach for ever, or its deletion beyond recall.
    expect(actions).toEqual(expect.arrayContaining(['kms:PutKeyPolicy', 'kms:GetKeyPolicy', 'kms:CancelKeyDeletion', 'kms:EnableKey', 'kms:Encrypt', 'kms:Decrypt']));
    const harmless = ['kms:DeleteAlias', 'kms:CancelKeyDeletion'];
    for (const action of actions.filter((each) => !harmless.includes(each))) expect(action).not.toMatch(/Delet|Disable|Schedule|\*/);
  });
});

describe('functions of the vault', () => {
  const vaultFunctions = Object.entries<FunctionSpec>(FUNCTIONS).flatMap(([name, { vault }]) => (vault === undefined ? [] : [[name, { vault }] as const]));

  it.each(CANDIDATES)('reach the bucket and the key of every region, and know the account, in %s', (region) => {
    const template = templateOf(region);
    expect(vaultFunctions.length).toBeGreaterThan(6);
    for (const [name, spec] of vaultFunctions) {
      const keys: readonly string[] = spec.vault.keys;
      const [id] = resourcesOf(template, 'AWS::Lambda::Function').find(([, each]) => each.Properties['FunctionName'] === `holdfast-orders-${name}`) ?? ['none'];
      expect(Object(Object(template.Resources[id]?.Properties['Environment'])['Variables'])['HOLDFAST_ACCOUNT'], name).toEqual({ Ref: 'AWS::AccountId' });
      const role = [Object(template.Resources[id]?.Properties['Role'])['Fn::GetAtt']].flat()[0];
      const resources = statementsOf(template)
        .filter(({ where }) => where.startsWith(`${String(role)}.`))
        .flatMap(({ statement }) => [statement['Resource'] ?? []].flat().map(textOf));
      for (const each of REGIONS) {
        expect(resources, name).toContain(`arn:\${AWS::Partition}:s3:::${vaultBucketOf(runtime, '${AWS::AccountId}', each)}/*`);
        expect(resources.includes(`arn:\${AWS::Partition}:kms:${each}:\${AWS::AccountId}:key/*`), name).toBe(keys.length > 0);
      }
    }
  });

  it('write no object where they only read', () => {
    const writers = statementsOf(templateOf('us-east-1')).filter(({ statement }) => statement['Effect'] === 'Allow' && [statement['Action']].flat().includes('s3:PutObject'));
    expect(writers.map(({ where }) => String(/Holdfast(?:Backups|Checks)(\w+?)Role/.exec(where)?.[1])).sort()).toEqual([
      'ArchiveLog',
      'CommitPoint',
      'PlanBackup',
      'RecordRestoreTest',
      'RotateKeys',
      'Scrub',
      'WriteBackupPart',
    ]);
    const rotating = writers.filter(({ where }) => where.includes('RotateKeys')).flatMap(({ statement }) => [statement['Resource'] ?? []].flat().map(textOf));
    expect(rotating.length).toBe(REGIONS.length);
    for (const resource of rotating) expect(resource.endsWith(`/${keysPrefix}*`), resource).toBe(true);
  });

  it('mark nothing for removal but by the one that may, which can put, hold and delete nothing', () => {
    const allowed = statementsOf(templateOf('us-east-1')).filter(({ statement }) => statement['Effect'] === 'Allow');
    const actionsOf = (each: (typeof allowed)[number]) => [each.statement['Action']].flat().map(String);
    const marking = allowed.filter((each) => actionsOf(each).some((action) => action.includes('Tagging')));
    expect(marking.map(({ where }) => String(/HoldfastBackups(\w+?)Role/.exec(where)?.[1]))).toEqual(['KeepRetention']);
    const all = allowed.filter(({ where }) => where.includes('KeepRetention')).flatMap(actionsOf);
    expect(all.filter((action) => /^(s3|kms):/.test(action)).sort()).toEqual(
      [
        'GetBucketObjectLockConfiguration',
        'GetObject',
        'GetObjectLegalHold',
        'GetObjectRetention',
        'GetObjectVersion',
        'ListBucket',
        'ListBucketVersions',
        'PutObjectRetention',
        'PutObjectTagging',
        'PutObjectVersionTagging',
      ].map((name) => `s3:${name}`),
    );
  });

  it('make and fill no table but those that the core lets a restore name', () => {
    const targets = statementsOf(templateOf('us-east-1')).flatMap(({ where, statement }) =>
      where.includes('DropTarget')
        ? []
        : [statement['Resource'] ?? []]
            .flat()
            .map(textOf)
            .filter((resource) => resource.includes('-restored')),
    );
    expect(new Set(targets)).toEqual(new Set([`arn:\${AWS::Partition}:dynamodb:us-east-1:\${AWS::AccountId}:table/${targetPrefix('orders')}*`]));
  });

  it('remove no table but those that restore tests make, and only one of them may', () => {
    const removing = REGIONS.flatMap((region) =>
      statementsOf(templateOf(region))
        .filter(({ statement }) => statement['Effect'] === 'Allow' && [statement['Action']].flat().includes('dynamodb:DeleteTable'))
        .map(({ where, statement }) => [region, String(/HoldfastBackups(\w+?)Role/.exec(where)?.[1]), textOf(statement['Resource'])]),
    );
    expect(removing).toEqual(CANDIDATES.map((region) => [region, 'DropTarget', `arn:\${AWS::Partition}:dynamodb:${region}:\${AWS::AccountId}:table/${testTargetPrefix('orders')}*`]));
  });

  it.each(CANDIDATES)('are set going by schedules whose input their first step parses, in %s', (region) => {
    const schedules = Object.fromEntries(
      resourcesOf(templateOf(region), 'AWS::Scheduler::Schedule').map(([, schedule]) => [
        String(schedule.Properties['Name']).replace('holdfast-orders-', ''),
        { expression: schedule.Properties['ScheduleExpression'], zone: schedule.Properties['ScheduleExpressionTimezone'], input: String(Object(schedule.Properties['Target'])['Input']) },
      ]),
    );
    expect(schedules['full']).toMatchObject({ expression: 'cron(0 0 * * ? *)', zone: 'UTC' });
    expect(schedules['incremental']).toMatchObject({ expression: 'cron(0 1-23 * * ? *)', zone: 'UTC' });
    expect(schedules['log']).toMatchObject({ expression: 'rate(1 minute)' });
    for (const type of ['full', 'incremental']) expect(parseBackupRequest(JSON.parse(schedules[type]?.input ?? ''))).toEqual({ group: 'orders', type, by: 'schedule' });
    expect(schedules['restore-test']).toMatchObject({ expression: 'cron(30 10 * * ? *)', zone: 'UTC' });
    // As the machine hands it on.
    const input = { ...JSON.parse(schedules['restore-test']?.input ?? ''), execution: 'run-1', startedAtMs: 1 };
    expect(parseTestRequest(input)).toEqual({ group: 'orders', by: 'schedule', execution: 'run-1', startedAtMs: 1 });
    expect(schedules['scrub']).toMatchObject({ expression: 'rate(83 minutes)' });
    expect(schedules['compare-sites']).toMatchObject({ expression: 'rate(60 minutes)' });
    expect(schedules['check-schedules']).toMatchObject({ expression: 'rate(15 minutes)' });
    expect(parseArchiveRequest(JSON.parse(schedules['log']?.input ?? ''))).toEqual({ isForced: false });
  });

  it('a witness keeps a site and a key, and runs nothing of it', () => {
    const template = templateOf('eu-west-1');
    expect(resourcesOf(template, 'AWS::StepFunctions::StateMachine')).toEqual([]);
    expect(resourcesOf(template, 'AWS::Scheduler::Schedule')).toHaveLength(1);
  });
});

// Why: what a function may do in the vault, in every region of the group: names are equal everywhere but for the region, so no stack asks another.
import { Aws } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { RuntimeConfig } from '../../src/config/runtime-config.ts';
import type { TargetAction, TestTargetAction, VaultGrant } from './permissions.ts';

/** As in src/client/connect-vault.ts. */
export function vaultBucketName(config: RuntimeConfig, region: string): string {
  return `holdfast-${config.group}-vault-${Aws.ACCOUNT_ID}-${region}`;
}

export function vaultKeyAlias(config: RuntimeConfig): string {
  return `alias/holdfast-${config.group}-vault`;
}

/** As in src/core/vault/object-names.ts; test/infra/vault.test.ts compares. */
const KEYS = 'keys/';

const READ = ['s3:GetObject', 's3:GetObjectVersion'] as const;
const WRITE = ['s3:PutObject', 's3:PutObjectRetention'] as const;
const OBJECT_ACTIONS = {
  read: READ,
  write: [...READ, ...WRITE],
  'write-keys': READ,
  // Without the right to see locks and holds S3 leaves them out of its answers, and what is locked would look free.
  retire: [...READ, 's3:GetObjectRetention', 's3:GetObjectLegalHold', 's3:PutObjectRetention', 's3:PutObjectTagging', 's3:PutObjectVersionTagging'],
} as const satisfies Readonly<Record<VaultGrant['objects'], readonly string[]>>;

export function vaultStatements(config: RuntimeConfig, grant: VaultGrant): PolicyStatement[] {
  const regions = config.voters.map((voter) => voter.region);
  const buckets = regions.map((region) => `arn:${Aws.PARTITION}:s3:::${vaultBucketName(config, region)}`);
  // Who makes locks asks whether the bucket locks at all, so that it can say so in a sentence.
  const bucketActions = ['s3:ListBucket', 's3:ListBucketVersions', ...(grant.objects === 'read' ? [] : ['s3:GetBucketObjectLockConfiguration'])];
  return [
    new PolicyStatement({ actions: bucketActions, resources: buckets }),
    new PolicyStatement({ actions: [...OBJECT_ACTIONS[grant.objects]], resources: buckets.map((bucket) => `${bucket}/*`) }),
    ...(grant.objects === 'write-keys' ? [new PolicyStatement({ actions: [...WRITE], resources: buckets.map((bucket) => `${bucket}/${KEYS}*`) })] : []),
    ...(grant.keys.length === 0 ? [] : [keyStatement(config, regions, grant.keys)]),
  ];
}

/** A key's ARN is random; the condition names it by its alias. */
function keyStatement(config: RuntimeConfig, regions: readonly string[], keys: VaultGrant['keys']): PolicyStatement {
  return new PolicyStatement({
    actions: keys.map((action) => `kms:${action}`),
    resources: regions.map((region) => `arn:${Aws.PARTITION}:kms:${region}:${Aws.ACCOUNT_ID}:key/*`),
    conditions: { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': vaultKeyAlias(config) } },
  });
}

/** What names end in a star, as cdk-nag writes them, each with its reason. */
export function wildcardsOf(statements: readonly PolicyStatement[]): readonly { readonly rule: string; readonly reason: string }[] {
  const reasons = [
    [':s3:::', "A pack's name is its hash and a point's its time: objects of the vault cannot be named beforehand. The bucket is named."],
    [':kms:', 'The id of a key is random; the condition kms:ResourceAliases names exactly the key of the vault.'],
    [':dynamodb:', 'A person, or a restore test, names the table that a restore makes; the prefix keeps it away from every other table.'],
  ] as const;
  const resources = statements.flatMap((statement) => statement.resources).filter((resource) => resource.endsWith('*'));
  return resources.flatMap((resource) => {
    const reason = reasons.find(([part]) => resource.includes(part))?.[1];
    const text = resource.replaceAll(Aws.PARTITION, '<AWS::Partition>').replaceAll(Aws.ACCOUNT_ID, '<AWS::AccountId>');
    return reason === undefined ? [] : [{ rule: `AwsSolutions-IAM5[Resource::${text}]`, reason }];
  });
}

/** Tables that a restore makes and fills: named by a person, all with the prefix of the table that was backed up. */
export function targetStatements(config: RuntimeConfig, region: string, actions: readonly TargetAction[]): PolicyStatement[] {
  if (actions.length === 0) return [];
  return [
    new PolicyStatement({ actions: actions.map((action) => `dynamodb:${action}`), resources: [`arn:${Aws.PARTITION}:dynamodb:${region}:${Aws.ACCOUNT_ID}:table/${config.tables.data}-restored*`] }),
  ];
}

/** Tables that a restore test makes and drops again; a person's targets are not among them. */
export function testTargetStatements(config: RuntimeConfig, region: string, actions: readonly TestTargetAction[]): PolicyStatement[] {
  if (actions.length === 0) return [];
  return [
    new PolicyStatement({
      actions: actions.map((action) => `dynamodb:${action}`),
      resources: [`arn:${Aws.PARTITION}:dynamodb:${region}:${Aws.ACCOUNT_ID}:table/${config.tables.data}-restored-test-*`],
    }),
  ];
}

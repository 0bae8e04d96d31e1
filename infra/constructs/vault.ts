// Why: a site of the vault in each region of the group: a bucket whose objects nobody of ours can remove, and a key that wraps data keys. The
// bucket is kept when a stack goes; its logical id is pinned by a test.
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AccountRootPrincipal, AnyPrincipal, Effect, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectLockRetention } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { RuntimeConfig } from '../../src/config/runtime-config.ts';
import { onlyByTls } from './governor.ts';
import { acknowledge } from './nag-exceptions.ts';
import { vaultBucketName, vaultKeyAlias } from './vault-access.ts';

/** Objects that carry this tag go once their lock is over: the only way in which anything leaves the vault. */
const EXPIRED_TAG = 'holdfast-expired';

const KEY_ROTATION = Duration.days(90);

/** Whatever a function of ours may do with an object (vault-access.ts). */
const OBJECT_ACTIONS_USED = [
  's3:GetObject',
  's3:GetObjectVersion',
  's3:GetObjectRetention',
  's3:GetObjectLegalHold',
  's3:PutObject',
  's3:PutObjectRetention',
  's3:PutObjectTagging',
  's3:PutObjectVersionTagging',
];

export type VaultProps = { readonly config: RuntimeConfig; readonly region: string };

export class Vault extends Construct {
  constructor(scope: Construct, id: string, props: VaultProps) {
    super(scope, id);
    const { config, region } = props;
    if (config.vault === undefined) throw new Error(`group ${config.group} has no 'vault' in its configuration`);
    const { lockMode, retentionDays, lockDaysMax } = config.vault;
    // A floor: what is put without a date of its own (the vault's own file) is locked for as long as the shortest class, and nothing is ever unlocked.
    const floor = Duration.days(Math.min(...Object.values(retentionDays)));
    const bucket = new Bucket(this, 'Bucket', {
      bucketName: vaultBucketName(config, region),
      versioned: true,
      objectLockEnabled: true,
      objectLockDefaultRetention: lockMode === 'COMPLIANCE' ? ObjectLockRetention.compliance(floor) : ObjectLockRetention.governance(floor),
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      removalPolicy: RemovalPolicy.RETAIN,
      lifecycleRules: [
        { id: 'expired', tagFilters: { [EXPIRED_TAG]: 'true' }, expiration: Duration.days(1), noncurrentVersionExpiration: Duration.days(1) },
        { id: 'replaced', noncurrentVersionExpiration: Duration.days(1), expiredObjectDeleteMarker: true, abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
    });
    acknowledge(
      bucket,
      'AwsSolutions-S1',
      "Who read or wrote which object is in CloudTrail's data events, which the owner switches on for the account; access logs in a bucket beside would be one more thing to protect.",
    );
    acknowledge(bucket, 'AwsSolutions-S10', 'The policy denies each action that anyone uses without TLS, one by one; the rule looks for `s3:*`, and no policy of ours has a wildcard.');
    const objects = `${bucket.bucketArn}/*`;
    bucket.addToResourcePolicy(onlyByTls(objects, OBJECT_ACTIONS_USED));
    bucket.addToResourcePolicy(onlyByTls(bucket.bucketArn, ['s3:ListBucket', 's3:ListBucketVersions', 's3:GetBucketObjectLockConfiguration']));
    // Nobody, whoever gave him the right: only the lifecycle rules above remove anything, which no policy hinders. Whoever must (GOVERNANCE
    // allows it) changes this policy first: two steps and a trace. Not by the names of our roles: CloudFormation cuts them short.
    bucket.addToResourcePolicy(
      new PolicyStatement({ effect: Effect.DENY, principals: [new AnyPrincipal()], actions: ['s3:DeleteObject', 's3:DeleteObjectVersion', 's3:BypassGovernanceRetention'], resources: [objects] }),
    );
    // A lock that is too long is a bill that nobody can stop.
    bucket.addToResourcePolicy(
      new PolicyStatement({
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['s3:PutObject', 's3:PutObjectRetention'],
        resources: [objects],
        conditions: { NumericGreaterThan: { 's3:object-lock-remaining-retention-days': String(lockDaysMax) } },
      }),
    );
    new Key(this, 'Key', {
      alias: vaultKeyAlias(config),
      description: `Wraps the data keys of the vault of recovery group ${config.group}`,
      enableKeyRotation: true,
      rotationPeriod: KEY_ROTATION,
      removalPolicy: RemovalPolicy.RETAIN,
      policy: keyPolicy(),
    });
  }
}

/** The account administers the key and grants its use; nobody deletes or disables it without changing this policy first, which is two steps and a trace. */
function keyPolicy(): PolicyDocument {
  return new PolicyDocument({
    statements: [
      new PolicyStatement({
        principals: [new AccountRootPrincipal()],
        actions: [
          'kms:CancelKeyDeletion',
          'kms:CreateAlias',
          'kms:CreateGrant',
          'kms:Decrypt',
          'kms:DeleteAlias',
          'kms:DescribeKey',
          'kms:EnableKey',
          'kms:EnableKeyRotation',
          'kms:Encrypt',
          'kms:GenerateDataKey',
          'kms:GetKeyPolicy',
          'kms:GetKeyRotationStatus',
          'kms:ListAliases',
          'kms:ListGrants',
          'kms:ListKeyPolicies',
          'kms:ListKeyRotations',
          'kms:ListResourceTags',
          'kms:PutKeyPolicy',
          'kms:RevokeGrant',
          'kms:RotateKeyOnDemand',
          'kms:TagResource',
          'kms:UntagResource',
          'kms:UpdateAlias',
          'kms:UpdateKeyDescription',
        ],
        resources: ['*'],
      }),
      new PolicyStatement({ effect: Effect.DENY, principals: [new AnyPrincipal()], actions: ['kms:ScheduleKeyDeletion', 'kms:DisableKey', 'kms:DeleteImportedKeyMaterial'], resources: ['*'] }),
    ],
  });
}

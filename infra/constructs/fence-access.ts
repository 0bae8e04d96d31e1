// Why: a fence may stop what the owner named, in the region it was named for, and nothing else.
import { Aws } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { partitionOf } from '../../src/config/aws-regions.ts';
import type { FenceSettings } from '../../src/config/fences.ts';
import type { RuntimeConfig } from '../../src/config/runtime-config.ts';
import { acknowledge } from './nag-exceptions.ts';

export function fenceStatements(config: RuntimeConfig, region: string, fences: readonly FenceSettings[]): PolicyStatement[] {
  return fences.flatMap((fence) => statementsOf(config, region, fence));
}

function statementsOf(config: RuntimeConfig, here: string, fence: FenceSettings): PolicyStatement[] {
  const { region } = fence;
  const arn = (service: string, resource: string, where = region) => `arn:${partitionOf(region)}:${service}:${where}:${Aws.ACCOUNT_ID}:${resource}`;
  const allow = (actions: readonly string[], resources: readonly string[]) => new PolicyStatement({ actions: [...actions], resources: [...resources] });
  switch (fence.kind) {
    case 'table-access':
      return [
        allow(
          ['GetResourcePolicy', 'PutResourcePolicy', 'DeleteResourcePolicy'].map((name) => `dynamodb:${name}`),
          (fence.tables ?? [config.tables.data]).map((table) => arn('dynamodb', `table/${table}`)),
        ),
      ];
    case 'bucket-access':
      return [
        allow(
          ['GetBucketPolicy', 'PutBucketPolicy', 'DeleteBucketPolicy'].map((name) => `s3:${name}`),
          fence.buckets.map((bucket) => `arn:${partitionOf(region)}:s3:::${bucket}`),
        ),
      ];
    case 'ec2-stop':
      return [
        described('ec2:DescribeInstances'),
        allow(
          ['ec2:StopInstances', 'ec2:StartInstances'],
          fence.instances.map((id) => arn('ec2', `instance/${id}`)),
        ),
      ];
    case 'ebs-detach':
      return [described('ec2:DescribeVolumes'), allow(['ec2:DetachVolume', 'ec2:AttachVolume'], [...fence.volumes.map((id) => arn('ec2', `volume/${id}`)), arn('ec2', 'instance/*')])];
    case 'target-deregistration':
      return [described('elasticloadbalancing:DescribeTargetHealth'), allow(['elasticloadbalancing:DeregisterTargets', 'elasticloadbalancing:RegisterTargets'], [fence.targetGroup])];
    case 'kms-grant':
      return [allow(['kms:ListGrants', 'kms:RevokeGrant', 'kms:CreateGrant'], [fence.key.startsWith('arn:') ? fence.key : arn('kms', `key/${fence.key}`)])];
    case 'redfish-power':
    case 'ipmi-power':
      return [allow(['kms:Decrypt'], [arn('kms', `key/${fence.password.keyId}`, here)])];
  }
}

/** AWS knows no resource for it. */
function described(action: string): PolicyStatement {
  return new PolicyStatement({ actions: [action], resources: ['*'] });
}

export function acknowledgeFences(scope: Construct, fences: readonly FenceSettings[]): void {
  const kinds = new Set(fences.map(({ kind }) => kind));
  if (kinds.has('ec2-stop') || kinds.has('ebs-detach') || kinds.has('target-deregistration'))
    acknowledge(scope, 'AwsSolutions-IAM5[Resource::*]', 'Describing instances, volumes and target health has no resource in IAM; it reads only.');
  for (const region of new Set(fences.flatMap((fence) => (fence.kind === 'ebs-detach' ? [fence.region] : []))))
    acknowledge(
      scope,
      `AwsSolutions-IAM5[Resource::arn:${partitionOf(region)}:ec2:${region}:<AWS::AccountId>:instance/*]`,
      'A volume is detached from whatever instance has it; the volumes are named.',
    );
}

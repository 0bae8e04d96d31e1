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
    case 'security-group-quarantine':
      return [
        ...['DescribeInstances', 'DescribeNetworkInterfaces', 'DescribeSecurityGroups'].map((name) => described(`ec2:${name}`)),
        allow(['ec2:ModifyNetworkInterfaceAttribute'], [arn('ec2', 'network-interface/*'), arn('ec2', 'security-group/*')]),
      ];
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
  const describing = new Set<FenceSettings['kind']>(['ec2-stop', 'ebs-detach', 'security-group-quarantine', 'target-deregistration']);
  if (fences.some(({ kind }) => describing.has(kind)))
    acknowledge(scope, 'AwsSolutions-IAM5[Resource::*]', 'Describing instances, volumes, network interfaces, security groups and target health has no resource in IAM; it reads only.');
  const ofAny = (kind: FenceSettings['kind'], resource: string, because: string) => {
    for (const region of new Set(fences.filter((fence) => fence.kind === kind).map((fence) => fence.region)))
      acknowledge(scope, `AwsSolutions-IAM5[Resource::arn:${partitionOf(region)}:ec2:${region}:<AWS::AccountId>:${resource}/*]`, because);
  };
  ofAny('ebs-detach', 'instance', 'A volume is detached from whatever instance has it; the volumes are named.');
  ofAny('security-group-quarantine', 'network-interface', 'IAM knows no instance of a network interface: whatever is attached to the named instances when they are fenced is moved.');
  ofAny('security-group-quarantine', 'security-group', 'Undo puts back whatever groups an interface was in.');
}

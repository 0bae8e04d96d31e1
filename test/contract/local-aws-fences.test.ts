// The fences of AWS keep the contract against the local engine, each by its service's own API, with faults on the way. What the engine cannot show: that
// a denied principal is refused, that a stop or a detachment takes its time, that a target drains (docs/fences.md).
import { CreateVolumeCommand, DescribeInstancesCommand, DescribeVolumesCommand, RunInstancesCommand, StopInstancesCommand, AttachVolumeCommand, DetachVolumeCommand } from '@aws-sdk/client-ec2';
import { CreateTableCommand, GetResourcePolicyCommand, PutResourcePolicyCommand } from '@aws-sdk/client-dynamodb';
import { CreateTargetGroupCommand, DeregisterTargetsCommand, DescribeTargetHealthCommand, RegisterTargetsCommand } from '@aws-sdk/client-elastic-load-balancing-v2';
import { CreateGrantCommand, CreateKeyCommand, ListGrantsCommand, RevokeGrantCommand } from '@aws-sdk/client-kms';
import { CreateBucketCommand, GetBucketPolicyCommand, PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll } from 'vitest';
import { type EngineRegion, localAccountId, type RunningRegion, regionUrl, startRegion } from '../../local/engine/ministack.ts';
import { bucketAccessFence, tableAccessFence } from '../../src/drivers/aws/fences/access-fences.ts';
import { ebsDetachFence, ec2StopFence } from '../../src/drivers/aws/fences/ec2-fences.ts';
import { createEc2, createElb, createFenceDynamoDb, createFenceKms, createFenceS3 } from '../../src/drivers/aws/fences/fence-clients.ts';
import { grantFence } from '../../src/drivers/aws/fences/grant-fence.ts';
import { targetFence } from '../../src/drivers/aws/fences/target-fence.ts';
import { credentials, discard, install, newRegion } from '../local/engine/engine-fixture.ts';
import { faultGateway, type FaultGateway, type Seen } from './fault-gateway.ts';
import { fenceContract } from './fence.ts';

const region = 'us-east-1';
const role = `arn:aws:iam::${localAccountId}:role/orders`;
const otherStatement = { Sid: 'Owners', Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${localAccountId}:root` }, Action: '*', Resource: '*' };
const gateways: FaultGateway[] = [];
let engine: EngineRegion;
let running: RunningRegion | undefined;
let count = 0;

beforeAll(async () => {
  process.env['AWS_ACCESS_KEY_ID'] = credentials.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = credentials.secretAccessKey;
  const installed = await install();
  engine = await newRegion({ region });
  running = await startRegion(installed, engine);
}, 120_000);
afterAll(async () => {
  for (const gateway of gateways) await gateway.close();
  await discard(engine, running);
});

const url = () => regionUrl(engine);
const next = () => (count += 1);

/** @param changes what asks the service for a change, by action or by method */
async function gatewayTo(changes: RegExp, empty: string) {
  const asked = ({ method, path, headers, body }: Seen) => `${method} ${path} ${String(headers['x-amz-target'] ?? '')} ${body}`;
  const gateway = await faultGateway(
    new URL(url()),
    undefined,
    (seen) => changes.test(asked(seen)),
    () => ({ status: 200, contentType: empty.startsWith('<') ? 'text/xml' : 'application/x-amz-json-1.0', body: empty }),
  );
  gateways.push(gateway);
  return gateway;
}

async function newInstance() {
  const { Instances = [] } = await createEc2(region, url()).send(new RunInstancesCommand({ ImageId: 'ami-00000000', MinCount: 1, MaxCount: 1 }));
  return Instances[0]?.InstanceId ?? '';
}

const allFaults = ['unreachable', 'silent', 'answer-lost', 'ineffective'] as const;
/** What is done about silence is the same code for all of them. */
const faults = ['answer-lost', 'ineffective'] as const;

fenceContract('EC2 stop', allFaults, async () => {
  const client = createEc2(region, url());
  const ids = [await newInstance(), await newInstance()];
  const state = async () => {
    const { Reservations = [] } = await client.send(new DescribeInstancesCommand({ InstanceIds: ids }));
    return Reservations.flatMap(({ Instances = [] }) => Instances.map(({ InstanceId, State }) => `${InstanceId} ${State?.Name}`)).join();
  };
  const gateway = await gatewayTo(/Action=(Stop|Start)Instances/u, '<StopInstancesResponse/>');
  return {
    fence: ec2StopFence(createEc2(region, gateway.url.origin), ids),
    isStopped: async () => !/running|pending/u.test(await state()),
    state,
    // One of two: the other must come back, and it must not.
    stopBeforehand: async () => void (await client.send(new StopInstancesCommand({ InstanceIds: ids.slice(0, 1) }))),
    suffer: gateway.suffer,
  };
});

fenceContract('EBS detach', faults, async () => {
  const client = createEc2(region, url());
  const instance = await newInstance();
  const volumes: string[] = [];
  for (const Device of ['/dev/sdf', '/dev/sdg']) {
    const { VolumeId = '' } = await client.send(new CreateVolumeCommand({ AvailabilityZone: `${region}a`, Size: 1 }));
    await client.send(new AttachVolumeCommand({ VolumeId, InstanceId: instance, Device }));
    volumes.push(VolumeId);
  }
  const state = async () => {
    const { Volumes = [] } = await client.send(new DescribeVolumesCommand({ VolumeIds: volumes }));
    return Volumes.map(({ VolumeId, Attachments = [] }) => `${VolumeId} ${Attachments.map(({ InstanceId, Device }) => `${InstanceId} ${Device}`).join('+')}`).join();
  };
  const gateway = await gatewayTo(/Action=(Detach|Attach)Volume/u, '<DetachVolumeResponse/>');
  return {
    fence: ebsDetachFence(createEc2(region, gateway.url.origin), volumes),
    isStopped: async () => !(await state()).includes('/dev/'),
    state,
    stopBeforehand: async () => void (await client.send(new DetachVolumeCommand({ VolumeId: volumes[0] }))),
    suffer: gateway.suffer,
  };
});

fenceContract('load-balancer target deregistration', faults, async () => {
  const client = createElb(region, url());
  const { TargetGroups = [] } = await client.send(new CreateTargetGroupCommand({ Name: `orders-${next()}`, Protocol: 'HTTP', Port: 80, VpcId: 'vpc-1', TargetType: 'ip' }));
  const TargetGroupArn = TargetGroups[0]?.TargetGroupArn ?? '';
  const Targets = ['10.0.0.1', '10.0.0.2'].map((Id) => ({ Id, Port: 8080 }));
  await client.send(new RegisterTargetsCommand({ TargetGroupArn, Targets }));
  const state = async () => {
    const { TargetHealthDescriptions = [] } = await client.send(new DescribeTargetHealthCommand({ TargetGroupArn }));
    return TargetHealthDescriptions.map(({ Target }) => `${Target?.Id}:${Target?.Port}`)
      .toSorted((a, b) => a.localeCompare(b))
      .join();
  };
  const gateway = await gatewayTo(/Action=(Deregister|Register)Targets/u, '<DeregisterTargetsResponse><DeregisterTargetsResult/></DeregisterTargetsResponse>');
  return {
    fence: targetFence(createElb(region, gateway.url.origin), TargetGroupArn),
    isStopped: async () => (await state()) === '',
    state,
    stopBeforehand: async () => void (await client.send(new DeregisterTargetsCommand({ TargetGroupArn, Targets: Targets.slice(0, 1) }))),
    suffer: gateway.suffer,
  };
});

fenceContract('KMS grant revoked', faults, async () => {
  const client = createFenceKms(region, url());
  const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
  const KeyId = KeyMetadata?.KeyId ?? '';
  const constraints = { EncryptionContextSubset: { table: 'orders' } };
  await client.send(new CreateGrantCommand({ KeyId, GranteePrincipal: role, Operations: ['Decrypt', 'Encrypt'], Constraints: constraints }));
  await client.send(new CreateGrantCommand({ KeyId, GranteePrincipal: role, Operations: ['DescribeKey'], Name: 'look' }));
  await client.send(new CreateGrantCommand({ KeyId, GranteePrincipal: `${role}-other`, Operations: ['Decrypt'] }));
  const grants = async () => (await client.send(new ListGrantsCommand({ KeyId }))).Grants ?? [];
  const state = async () =>
    (await grants())
      .map(({ GranteePrincipal, Operations, Constraints, Name }) => JSON.stringify([GranteePrincipal, Operations?.toSorted((a, b) => a.localeCompare(b)), Constraints ?? null, Name ?? '']))
      .toSorted((a, b) => a.localeCompare(b))
      .join();
  const gateway = await gatewayTo(/TrentService\.(Revoke|Create)Grant/u, '{}');
  return {
    fence: grantFence(createFenceKms(region, gateway.url.origin), KeyId, [role]),
    isStopped: async () => (await grants()).every(({ GranteePrincipal }) => GranteePrincipal !== role),
    state,
    stopBeforehand: async () => {
      const one = (await grants()).find(({ Name }) => Name === 'look');
      await client.send(new RevokeGrantCommand({ KeyId, GrantId: one?.GrantId }));
    },
    suffer: gateway.suffer,
  };
});

const absent = () => '';

fenceContract('table access denied', faults, async () => {
  const client = createFenceDynamoDb(region, url());
  const arns: string[] = [];
  for (const TableName of [`orders-${next()}`, `lines-${next()}`]) {
    const key = { AttributeName: 'id' };
    await client.send(new CreateTableCommand({ TableName, BillingMode: 'PAY_PER_REQUEST', AttributeDefinitions: [{ ...key, AttributeType: 'S' }], KeySchema: [{ ...key, KeyType: 'HASH' }] }));
    arns.push(`arn:aws:dynamodb:${region}:${localAccountId}:table/${TableName}`);
  }
  // One with an owner's policy, one without any.
  await client.send(new PutResourcePolicyCommand({ ResourceArn: arns[0], Policy: JSON.stringify({ Version: '2012-10-17', Statement: [otherStatement] }) }));
  const policies = async () => Promise.all(arns.map(async (arn) => (await client.send(new GetResourcePolicyCommand({ ResourceArn: arn })).catch(() => undefined))?.Policy ?? ''));
  const gateway = await gatewayTo(/DynamoDB_20120810\.(Put|Delete)ResourcePolicy/u, '{}');
  return {
    fence: tableAccessFence(createFenceDynamoDb(region, gateway.url.origin), arns, [role]),
    isStopped: async () => (await policies()).every((policy) => policy.includes('"Effect":"Deny"') && policy.includes(role)),
    state: async () => (await policies()).join('\n'),
    stopBeforehand: async () => {
      const fence = tableAccessFence(client, arns.slice(0, 1), [role]);
      await fence.fence({ region, epoch: 4 }, AbortSignal.timeout(5000));
    },
    suffer: gateway.suffer,
  };
});

fenceContract('bucket access denied', faults, async () => {
  const client = createFenceS3(region, url());
  const buckets = [`orders-media-${next()}`, `orders-raw-${next()}`];
  for (const Bucket of buckets) await client.send(new CreateBucketCommand({ Bucket }));
  await client.send(new PutBucketPolicyCommand({ Bucket: buckets[0], Policy: JSON.stringify({ Version: '2012-10-17', Statement: [otherStatement] }) }));
  const policies = async () => Promise.all(buckets.map(async (Bucket) => client.send(new GetBucketPolicyCommand({ Bucket })).then(({ Policy = '' }) => Policy, absent)));
  const gateway = await gatewayTo(/^(PUT|DELETE) .*policy/u, '');
  return {
    fence: bucketAccessFence(createFenceS3(region, gateway.url.origin), buckets, 'aws', [role]),
    isStopped: async () => (await policies()).every((policy) => policy.includes('"Effect":"Deny"') && policy.includes(role)),
    state: async () => (await policies()).join('\n'),
    stopBeforehand: async () => {
      const fence = bucketAccessFence(client, buckets.slice(0, 1), 'aws', [role]);
      await fence.fence({ region, epoch: 4 }, AbortSignal.timeout(5000));
    },
    suffer: gateway.suffer,
  };
});

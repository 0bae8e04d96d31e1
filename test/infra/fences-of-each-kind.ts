// One fence of each kind, of one region: for what is made of them.
import { parseFences, type FenceSettings } from '../../src/config/fences.ts';

const role = 'arn:aws:iam::123456789012:role/orders';
const password = { keyId: `mrk-${'a'.repeat(32)}`, ciphertext: 'AQICAHh=' };

export function fencesOfEachKind(region: string): FenceSettings[] {
  const each = [
    { kind: 'table-access', principals: [role] },
    { kind: 'bucket-access', buckets: ['orders-media'], principals: [role] },
    { kind: 'ec2-stop', instances: ['i-0123456789abcdef0'] },
    { kind: 'target-deregistration', targetGroup: `arn:aws:elasticloadbalancing:${region}:123456789012:targetgroup/orders/0123456789abcdef` },
    { kind: 'ebs-detach', volumes: ['vol-0123456789abcdef0'] },
    { kind: 'security-group-quarantine', instances: ['i-0123456789abcdef0'], quarantineGroup: 'sg-0123456789abcdef0' },
    { kind: 'kms-grant', key: '01234567-89ab-cdef-0123-456789abcdef', grantees: [role] },
    { kind: 'redfish-power', system: 'https://10.0.0.5/redfish/v1/Systems/1', user: 'holdfast', password },
    { kind: 'ipmi-power', host: '10.0.0.6', user: 'holdfast', password },
  ];
  return parseFences(JSON.stringify(each.map((fence) => ({ ...fence, name: fence.kind, region }))));
}

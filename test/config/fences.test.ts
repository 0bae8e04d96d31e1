// Why: a fence that is set wrong is found out on the worst day; each mistake is refused here, by its field and what it may be.
import { describe, expect, it } from 'vitest';
import { parseFences } from '../../src/config/fences.ts';
import { defineConfig, type HoldfastConfigInput } from '../../src/config/holdfast-config.ts';
import { fenceKinds } from '../../src/core/fences/fence-plan.ts';

type FenceInput = NonNullable<HoldfastConfigInput['fences']>[number];

const common = { name: 'stop', region: 'us-east-1' };
const role = 'arn:aws:iam::123456789012:role/orders';
const password = { keyId: `mrk-${'a'.repeat(32)}`, ciphertext: 'AQICAHh=' };
const each: Readonly<Record<FenceInput['kind'], FenceInput>> = {
  'table-access': { ...common, kind: 'table-access', principals: [role] },
  'bucket-access': { ...common, kind: 'bucket-access', buckets: ['orders-media'], principals: [role] },
  'ec2-stop': { ...common, kind: 'ec2-stop', instances: ['i-0123456789abcdef0'] },
  'target-deregistration': { ...common, kind: 'target-deregistration', targetGroup: 'arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/orders/0123456789abcdef' },
  'ebs-detach': { ...common, kind: 'ebs-detach', volumes: ['vol-0123456789abcdef0'] },
  'security-group-quarantine': { ...common, kind: 'security-group-quarantine', instances: ['i-0123456789abcdef0'], quarantineGroup: 'sg-0123456789abcdef0' },
  'kms-grant': { ...common, kind: 'kms-grant', key: '01234567-89ab-cdef-0123-456789abcdef', grantees: [role] },
  'redfish-power': { ...common, kind: 'redfish-power', system: 'https://10.0.0.5/redfish/v1/Systems/1', user: 'holdfast', password },
  'ipmi-power': { ...common, kind: 'ipmi-power', host: '10.0.0.6', user: 'holdfast', password },
};

const group = (fences: readonly unknown[], change: object = {}) => ({
  group: 'orders',
  initialRegion: 'us-east-1',
  regions: [
    { region: 'us-east-1', role: 'candidate' },
    { region: 'us-west-2', role: 'candidate' },
    { region: 'eu-west-1', role: 'witness' },
  ],
  service: { name: 'api.orders.example' },
  table: { name: 'orders' },
  fences,
  ...change,
});

/** As a person's file, in which anything may stand. */
const define = (fences: readonly unknown[], change: object = {}) => defineConfig(JSON.parse(JSON.stringify(group(fences, change))));

describe('fences', () => {
  it.each(fenceKinds)('%s: the defaults are careful, and the function reads what the file says', (kind) => {
    const { fences } = define([each[kind]]);
    expect(fences).toMatchObject([{ kind, required: true, order: 1, timeoutMs: 30_000 }]);
    expect(parseFences(JSON.stringify(fences))).toEqual(fences);
  });

  it('none is the default', () => {
    expect(define([]).fences).toEqual([]);
    expect(parseFences(undefined)).toEqual([]);
  });

  it.each([
    ['fences[0].region', { ...each['ec2-stop'], region: 'eu-west-1' }, 'never becomes active'],
    ['fences[0].kind', { ...common, kind: 'sledgehammer' }, 'must be one of the kinds in docs/fences.md'],
    ['fences[0].name', { ...each['ec2-stop'], name: 'A' }, 'lower-case letters'],
    ['fences[0].name', { ...each['ec2-stop'], name: 'a#b' }, 'lower-case letters'],
    ['fences[0].timeoutMs', { ...each['ec2-stop'], timeoutMs: 999 }, 'at least 1000'],
    ['fences[0].timeoutMs', { ...each['ec2-stop'], timeoutMs: 600_001 }, 'at most 600000'],
    ['fences[0].order', { ...each['ec2-stop'], order: 0 }, 'at least 1'],
    ['fences[0].instances', { ...each['ec2-stop'], instances: [] }, 'is empty'],
    ['fences[0].instances[0]', { ...each['ec2-stop'], instances: ['orders'] }, 'must be EC2 instances'],
    ['fences[0].instances[0]', { ...each['security-group-quarantine'], instances: ['eni-0123456789abcdef0'] }, 'must be EC2 instances'],
    ['fences[0].quarantineGroup', { ...each['security-group-quarantine'], quarantineGroup: 'quarantine' }, 'must be the id of a security group without any rule'],
    ['fences[0].quarantineGroup', { ...each['security-group-quarantine'], quarantineGroup: undefined }, 'must be the id of a security group without any rule'],
    ['fences[0].principals[0]', { ...each['table-access'], principals: ['*'] }, 'ARNs'],
    ['fences[0].system', { ...each['redfish-power'], system: 'http://10.0.0.5/redfish/v1/Systems/1' }, 'must be the https URL'],
    ['fences[0].password', { ...each['redfish-power'], password: 'secret' }, 'never the password'],
    ['fences[0].cipherSuite', { ...each['ipmi-power'], cipherSuite: 0 }, 'must be 17'],
    ['fences[0].host', { ...each['ipmi-power'], host: '-I open' }, 'must be a host name'],
    ['fences[0]', { ...each['ec2-stop'], force: true }, 'force'],
  ])('%s is refused', (field, fence, because) => {
    const refusal = expect.objectContaining({ name: 'InvalidConfigError', message: expect.stringMatching(new RegExp(`${field.replaceAll(/[[\].]/gu, String.raw`\$&`)}: .*${because}`, 'u')) });
    expect(() => define([fence])).toThrow(refusal);
  });

  it('two of one name in one region, but not in two regions', () => {
    expect(() => define([each['ec2-stop'], each['ebs-detach']])).toThrow(/fences\[1\]\.name: 'stop' is another fence of us-east-1 already/u);
    expect(define([each['ec2-stop'], { ...each['ebs-detach'], region: 'us-west-2' }]).fences).toHaveLength(2);
  });

  it('all of one region must end within the life of a function; beside one another they do', () => {
    const two = [
      { ...each['ec2-stop'], name: 'a', timeoutMs: 400_000 },
      { ...each['ebs-detach'], name: 'b', timeoutMs: 400_000, order: 2 },
    ];
    expect(() => define(two)).toThrow(/fences: may take 800 s for one region/u);
    expect(define(two.map((fence) => ({ ...fence, order: 1 }))).fences).toHaveLength(2);
    expect(define([...two.slice(0, 1), { ...each['ebs-detach'], name: 'b', timeoutMs: 380_000, order: 2 }]).fences).toHaveLength(2);
  });

  it('more than an environment has room for', () => {
    const many = Array.from({ length: 20 }, (_, i) => ({ ...each['table-access'], name: `f${i}` }));
    expect(() => define(many)).toThrow(/fences: are \d+ characters as JSON; a function's environment has room for 2200/u);
  });

  it('of several accounts, only what is outside AWS', () => {
    const regions = ['us-east-1', 'us-west-2', 'eu-west-1'].map((region, i) => ({ region, role: i === 2 ? 'witness' : 'candidate', account: String(111_111_111_111 + i) }));
    expect(() => define([each['ec2-stop']], { regions })).toThrow(/fences\[0\]\.kind: 'ec2-stop' is not built for several accounts yet/u);
    expect(define([each['ipmi-power']], { regions }).fences).toHaveLength(1);
  });

  it('a damaged environment is named', () => {
    expect(() => parseFences('{')).toThrow(/HOLDFAST_FENCES is not JSON/u);
    expect(() => parseFences('[{}]')).toThrow(/HOLDFAST_FENCES is not valid/u);
  });
});

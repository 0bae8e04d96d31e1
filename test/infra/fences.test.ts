// Why: what fences need is made of what the owner named: a role that may stop that and nothing else, in the region that does not stop itself.
import { beforeAll, describe, expect, it } from 'vitest';
import { config } from '../../holdfast.config.ts';
import { parseFences } from '../../src/config/fences.ts';
import { fencesOfEachKind } from './fences-of-each-kind.ts';
import { resourcesOf, statementsOf, type Synthesised, synthesise, textOf } from './synthesised.ts';

const [east, west] = ['us-east-1', 'us-west-2'] as const;
let made: Synthesised;
beforeAll(async () => {
  made = await synthesise({ config: { ...config, fences: fencesOfEachKind(east) } });
}, 240_000);

const templateOf = (region: string) => {
  const [, template] = [...made.templates].find(([name]) => name.includes(region)) ?? [];
  if (template === undefined) throw new Error(`no stack of ${region}`);
  return template;
};
const environmentOf = (region: string) => {
  const found = resourcesOf(templateOf(region), 'AWS::Lambda::Function').find(([, { Properties }]) => Properties['FunctionName'] === 'holdfast-orders-fence');
  return Object(Object(found?.[1].Properties['Environment'])['Variables']);
};
const actionsIn = (region: string) =>
  statementsOf(templateOf(region))
    .filter(({ where }) => where.startsWith('FailoverFence') || where.includes('FailoverFence'))
    .flatMap(({ statement }) => [statement['Action']].flat().map((action) => `${String(action)} ${[statement['Resource']].flat().map(textOf).join()}`));

describe('the function that fences', () => {
  it('is told the fences of the other regions, within what Lambda takes as environment', () => {
    expect(parseFences(String(environmentOf(west)['HOLDFAST_FENCES'])).map(({ kind }) => kind)).toEqual(fencesOfEachKind(east).map(({ kind }) => kind));
    expect(environmentOf(east)['HOLDFAST_FENCES']).toBe('[]');
    expect(JSON.stringify(environmentOf(west)).length).toBeLessThan(4096);
  });

  it('may stop what is named, and nothing where it would stop itself', () => {
    const may = actionsIn(west);
    expect(may).toContain('ec2:StopInstances arn:aws:ec2:us-east-1:${AWS::AccountId}:instance/i-0123456789abcdef0');
    expect(may).toContain('ec2:ModifyNetworkInterfaceAttribute arn:aws:ec2:us-east-1:${AWS::AccountId}:network-interface/*,arn:aws:ec2:us-east-1:${AWS::AccountId}:security-group/*');
    expect(may).toContain('dynamodb:PutResourcePolicy arn:aws:dynamodb:us-east-1:${AWS::AccountId}:table/orders');
    expect(may).toContain('s3:PutBucketPolicy arn:aws:s3:::orders-media');
    expect(may).toContain(`kms:Decrypt arn:aws:kms:us-west-2:\${AWS::AccountId}:key/mrk-${'a'.repeat(32)}`);
    expect(may.filter((entry) => entry.endsWith(' *')).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      'ec2:DescribeInstances *',
      'ec2:DescribeNetworkInterfaces *',
      'ec2:DescribeSecurityGroups *',
      'ec2:DescribeVolumes *',
      'elasticloadbalancing:DescribeTargetHealth *',
    ]);
    expect(actionsIn(east).filter((entry) => /^(ec2|s3|kms|elastic)|Policy /u.test(entry))).toEqual([]);
  });
});

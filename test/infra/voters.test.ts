// Why: five voters, and a voter whose table was replaced, must be what the same configuration file says, with nothing else to do.
import { beforeAll, describe, expect, it } from 'vitest';
import { config as sample } from '../../holdfast.config.ts';
import { defineConfig, type HoldfastConfigInput } from '../../src/config/holdfast-config.ts';
import { resourcesOf, statementsOf, type Synthesised, synthesise, type Template, textOf } from './synthesised.ts';

const regions: HoldfastConfigInput['regions'] = [
  { region: 'us-east-1', role: 'candidate' },
  { region: 'us-west-2', role: 'candidate', registerIncarnation: 2 },
  { region: 'eu-west-1', role: 'witness' },
  { region: 'eu-central-1', role: 'candidate' },
  { region: 'ap-south-1', role: 'witness' },
];

let made: Synthesised;
beforeAll(async () => {
  made = await synthesise({ config: defineConfig({ ...sample, regions }) });
}, 180_000);

function templateOf(region: string): Template {
  const template = made.templates.get(`Holdfast-orders-${region}`);
  if (template === undefined) throw new Error(`no stack of ${region} was made, only ${[...made.templates.keys()].join(', ')}`);
  return template;
}

const nameOf = (region: string) => `holdfast-orders-register-${region === 'us-west-2' ? 2 : 1}`;
const registerOf = (region: string) => resourcesOf(templateOf(region), 'AWS::DynamoDB::Table').find(([, r]) => String(r.Properties['TableName']).includes('-register-'));

describe('five voters', () => {
  it.each(regions.map((r) => r.region))('%s: a stack with its register table, kept whatever happens, under the logical id that it always had', (region) => {
    const [id, table] = registerOf(region) ?? [];
    expect(table?.Properties).toMatchObject({ TableName: nameOf(region), DeletionProtectionEnabled: true });
    // A table of the next name is a replacement to CloudFormation: the old one must stay then, too.
    expect(table).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
    expect(id).toBe(registerOf('us-east-1')?.[0]);
    expect(resourcesOf(templateOf(region), 'Custom::HoldfastRows')[0]?.[1].Properties).toHaveProperty('RegisterTable');
  });

  it.each(regions.map((r) => r.region))('the governor of %s votes at all five tables, each by its own name', (region) => {
    const granted = statementsOf(templateOf(region))
      .filter(({ where, statement }) => where.includes('Tick') && [statement['Action']].flat().includes('dynamodb:UpdateItem'))
      .flatMap(({ statement }) => [statement['Resource']].flat().map(textOf));
    for (const { region: other } of regions)
      expect(
        granted.some((r) => r.includes(`:dynamodb:${other}:`) && r.endsWith(`:table/${nameOf(other)}`)),
        `${region} at ${other}`,
      ).toBe(true);
  });

  it('create-rows may read the other registers, and write its own only', () => {
    const statements = statementsOf(templateOf('eu-west-1')).filter(({ where }) => where.includes('CreateRows'));
    const may = (action: string) =>
      statements
        .filter(({ statement }) => [statement['Action']].flat().includes(`dynamodb:${action}`))
        .flatMap(({ statement }) => [statement['Resource']].flat().map(textOf))
        .filter((r) => r.includes('-register-'))
        .map((r) => String(/:dynamodb:([a-z0-9-]+):/.exec(r)?.[1]));
    expect(may('GetItem').toSorted((x, y) => x.localeCompare(y))).toEqual(['ap-south-1', 'eu-central-1', 'us-east-1', 'us-west-2']);
    expect(may('PutItem')).toEqual(['eu-west-1']);
  });
});

// Why: a register in one global table is made by one stack and used by three; each must reach its own replica, and nobody may make, lose or
// write a second one. (Unproven on AWS: no engine here makes such a table.)
import { beforeAll, describe, expect, it } from 'vitest';
import { strongSample, strongTable } from '../config/strong-sample.ts';
import { resourcesOf, statementsOf, type Synthesised, synthesise, type Template, textOf } from './synthesised.ts';

const regions = ['us-east-1', 'us-east-2', 'us-west-2'] as const;
const home = 'us-east-1';

let made: Synthesised;
beforeAll(async () => {
  made = await synthesise({ config: strongSample });
}, 180_000);

function templateOf(region: string): Template {
  const template = made.templates.get(`Holdfast-orders-${region}`);
  if (template === undefined) throw new Error(`no stack of ${region} was made, only ${[...made.templates.keys()].join(', ')}`);
  return template;
}

/** `region table` of each table on which a function may do something. */
function tablesOf(region: string, where: string, action: string): string[] {
  const found = statementsOf(templateOf(region))
    .filter((s) => s.where.includes(where) && [s.statement['Action']].flat().includes(`dynamodb:${action}`))
    .flatMap(({ statement }) => [statement['Resource']].flat().map(textOf))
    .filter((resource) => resource.includes('-register-'))
    .map((resource) => resource.replace(/^.*:dynamodb:([a-z0-9-]+):.*:table\//, '$1 '));
  return [...new Set(found)].toSorted();
}

describe('a register in one strongly consistent table', () => {
  it('is made by one stack alone, in all three regions, protected and kept, under the logical id that it always had', () => {
    expect([...made.templates].filter(([, template]) => resourcesOf(template, 'AWS::DynamoDB::GlobalTable').length > 0).map(([stack]) => stack)).toEqual([`Holdfast-orders-${home}`]);
    const tables = resourcesOf(templateOf(home), 'AWS::DynamoDB::GlobalTable');
    expect(tables.map(([id]) => id)).toEqual(['HoldfastTablesStrongRegisterD1327002']);
    expect(tables[0]?.[1]).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
    expect(tables[0]?.[1].Properties).toEqual({
      TableName: strongTable,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      MultiRegionConsistency: 'STRONG',
      // Whole replicas, and no witness: each region's governor reads its own.
      Replicas: ['us-west-2', 'us-east-2', 'us-east-1'].map((Region) => ({ Region, DeletionProtectionEnabled: true })),
    });
  });

  it('has its first row written after it is there; every stack says to create-rows that this is the kind of register', () => {
    for (const region of regions) {
      const [, rows] = resourcesOf(templateOf(region), 'Custom::HoldfastRows')[0] ?? [];
      expect(rows?.Properties).toMatchObject({ StrongRegister: strongTable });
      expect([rows?.DependsOn].flat().includes('HoldfastTablesStrongRegisterD1327002')).toBe(region === home);
    }
  });

  it.each(regions)("the governor of %s votes at its own replica alone; the regions' own tables keep what each saw, and only their region writes them", (region) => {
    const own = [`${region} holdfast-orders-register-1`, `${region} ${strongTable}`];
    expect(tablesOf(region, 'Tick', 'UpdateItem')).toEqual(own);
    expect(tablesOf(region, 'Tick', 'GetItem')).toEqual([...own, ...regions.filter((r) => r !== region).map((r) => `${r} holdfast-orders-register-1`)].toSorted());
  });

  it.each(['us-east-1', 'us-west-2'])('the steps of %s that only look may not write it', (region) => {
    expect(tablesOf(region, 'AwaitDns', 'GetItem')).toContain(`${region} ${strongTable}`);
    expect(tablesOf(region, 'AwaitDns', 'UpdateItem')).toEqual([]);
    expect(tablesOf(region, 'TakeLease', 'UpdateItem')).toContain(`${region} ${strongTable}`);
  });

  it('only at home may its first row be put', () => {
    for (const region of regions) expect(tablesOf(region, 'CreateRows', 'PutItem')).toEqual([`${region} holdfast-orders-register-1`, ...(region === home ? [`${region} ${strongTable}`] : [])]);
  });

  it('no statement anywhere asks for a transaction on it, which AWS refuses there', () => {
    for (const region of regions) for (const action of ['ConditionCheckItem', 'DeleteItem', 'Scan', 'Query']) expect(tablesOf(region, '', action)).toEqual([]);
  });
});

// Why: a hand-over reads the protected table's stream and writes markers into the table; the right to that is the tick's alone, on this region's own
// table, and for keys that no item of the owner has. Whoever starts a switch-over may change the register, and nothing else.
import { beforeAll, describe, expect, it } from 'vitest';
import { markerKey } from '../../src/core/failover/hand-over.ts';
import { MARKERS } from '../../infra/constructs/table-access.ts';
import { FUNCTIONS, SWITCH_STEPS } from '../../infra/constructs/permissions.ts';
import { statementsOf, type Synthesised, synthesise, type Template, textOf } from './synthesised.ts';

let made: Synthesised;
beforeAll(async () => {
  made = await synthesise({ isChecked: false });
}, 120_000);

function templateOf(region: string): Template {
  const template = made.templates.get(`Holdfast-orders-${region}`);
  if (template === undefined) throw new Error(`no stack of ${region} was made`);
  return template;
}

const actionsIn = (statement: Readonly<Record<string, unknown>>) => [statement['Action']].flat().map(String);
const resourcesIn = (statement: Readonly<Record<string, unknown>>) => [statement['Resource'] ?? []].flat().map(textOf);

describe.each(['us-east-1', 'us-west-2'])('a hand-over in %s', (region) => {
  it('puts and removes markers in the own table, under their own keys, and nobody but the tick does', () => {
    const found = statementsOf(templateOf(region)).filter(({ statement }) => JSON.stringify(statement).includes(MARKERS));
    expect(found.map(({ where }) => /Tick/.test(where))).toEqual([true]);
    for (const { statement } of found) {
      expect(actionsIn(statement)).toEqual(['dynamodb:PutItem', 'dynamodb:DeleteItem']);
      expect(resourcesIn(statement)).toEqual([`arn:\${AWS::Partition}:dynamodb:${region}:\${AWS::AccountId}:table/orders`]);
      expect(statement['Condition']).toEqual({ 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['holdfast-drain#*'] } });
    }
  });

  it("reads the own table's stream, and no other", () => {
    const found = statementsOf(templateOf(region)).filter(({ where, statement }) => /Tick/.test(where) && actionsIn(statement).some((action) => /^dynamodb:.*(Shard|Stream|Records)/.test(action)));
    expect(found.length).toBe(1);
    expect(found.flatMap(({ statement }) => actionsIn(statement))).toEqual(['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator']);
    expect(found.flatMap(({ statement }) => resourcesIn(statement))).toEqual([expect.stringMatching(/^\$\{OrdersTable\w+\.StreamArn\}$/)]);
  });

  it('starts the failover machine from StartRunbook and the tick, and from nothing else', () => {
    const starters = statementsOf(templateOf(region)).filter(({ statement }) => actionsIn(statement).includes('states:StartExecution') && resourcesIn(statement).some((r) => r.includes('Failover')));
    expect(starters.map(({ where }) => /(Tick|StartRunbook)/.exec(where)?.[1] ?? where).toSorted()).toEqual(['StartRunbook', 'Tick']);
  });
});

it('the right is for the keys that markers have', () => {
  expect(markerKey(7, 12).startsWith(MARKERS)).toBe(true);
});

it('a witness hands nothing over', () => {
  const text = JSON.stringify(templateOf('eu-west-1'));
  expect(text).not.toContain(MARKERS);
  expect(text).not.toContain('HOLDFAST_DATA_STREAM_ARN');
});

it('the steps write the register in Revoke, a report in ReportSwitch, and nothing else anywhere', () => {
  const writes = SWITCH_STEPS.flatMap((name) =>
    FUNCTIONS[name].tables.flatMap(({ table, may }) => may.filter((action) => !['GetItem', 'Query'].includes(action)).map((action) => `${name} ${table} ${action}`)),
  );
  expect(writes).toEqual(['revoke register UpdateItem', 'report-switch region UpdateItem']);
});

// The first rows are written when the tables are created, and never over a table that has a history (H3).
import { describe, expect, test } from 'vitest';
import { toRuntimeConfig } from '../../src/config/runtime-config.ts';
import { strongSample, strongTable } from '../config/strong-sample.ts';
import { errorAnswer, type Answer, type Asked } from '../contract/fake-dynamodb.ts';
import { coldStart, runtimeConfig } from './function-fixture.ts';

const load = () => import('../../lambdas/create-rows.ts');
const minuteMs = 60_000;
const tables = [runtimeConfig.voters[0]?.registerTable, runtimeConfig.tables.region, runtimeConfig.tables.fence];

async function run(
  requestType: 'Create' | 'Update' | 'Delete',
  options: {
    ageMs?: number;
    ageOf?: (table: string) => number;
    put?: (asked: Asked) => Answer;
    region?: string;
    respond?: Answer;
    others?: Answer;
    event?: object;
    environment?: Readonly<Record<string, string>>;
  } = {},
) {
  const answer = (asked: Asked): Answer => {
    if (asked.action === 'DescribeTable') return { body: { Table: { CreationDateTime: (Date.now() - (options.ageOf?.(String(asked.body['TableName'])) ?? options.ageMs ?? 1000)) / 1000 } } };
    if (asked.action === 'GetItem') return options.others ?? errorAnswer('ResourceNotFoundException');
    if (asked.action === 'PutItem') return options.put?.(asked) ?? {};
    return options.respond ?? {};
  };
  const { module, asked, url } = await coldStart(load, answer, { AWS_REGION: options.region ?? 'us-east-1', ...options.environment });
  await module.handler({ RequestType: requestType, ResponseURL: `${url}/respond`, StackId: 'stack', RequestId: 'request', LogicalResourceId: 'FirstRows', ...options.event });
  return { puts: asked.filter((a) => a.action === 'PutItem').map((a) => a.body), told: asked.find((a) => a.action === 'PUT /respond')?.body, asked };
}

describe('create-rows', () => {
  test('writes each row once, only where it is missing, and tells CloudFormation', async () => {
    const { puts, told } = await run('Create');
    expect(puts.map((p) => [p['TableName'], (p['Item'] as { pk: { S: string } }).pk.S])).toEqual([
      [tables[0], 'REGISTER#orders'],
      [tables[0], 'VANTAGE#orders'],
      [tables[1], 'LOOK'],
      [tables[1], 'TICK'],
      [tables[1], 'LEASE'],
      [tables[1], 'FAILOVER'],
      [tables[2], 'FENCE#0'],
      [tables[2], 'FENCE#1'],
    ]);
    expect(puts.every((p) => p['ConditionExpression'] === 'attribute_not_exists(pk)')).toBe(true);
    expect(told).toMatchObject({ Status: 'SUCCESS', StackId: 'stack', RequestId: 'request', LogicalResourceId: 'FirstRows', PhysicalResourceId: 'first-rows-orders' });
  });

  test('delivered twice, leaves the rows that stand and succeeds', async () => {
    const { told } = await run('Create', { put: () => errorAnswer('ConditionalCheckFailedException') });
    expect(told).toMatchObject({ Status: 'SUCCESS' });
  });

  test.each(['Update', 'Delete'] as const)('touches nothing on %s', async (requestType) => {
    const { puts, told, asked } = await run(requestType);
    expect(puts).toEqual([]);
    expect(asked.map((a) => a.action)).toEqual(['PUT /respond']);
    expect(told).toMatchObject({ Status: 'SUCCESS' });
  });

  test.each([
    [59 * minuteMs, 'SUCCESS'],
    [61 * minuteMs, 'FAILED'],
  ])('a table of %i ms: %s', async (ageMs, status) => {
    const { puts, told } = await run('Create', { ageMs });
    expect(told).toMatchObject({ Status: status });
    expect(puts.length > 0).toBe(status === 'SUCCESS');
  });

  test.each(tables)('one old table is enough to refuse all: %s', async (old) => {
    const { puts, told } = await run('Create', { ageOf: (table) => (table === old ? 90 * minuteMs : 1000) });
    expect(puts).toEqual([]);
    expect(told).toMatchObject({ Status: 'FAILED', Reason: expect.stringMatching(new RegExp(`RefusedError: Table ${old} in us-east-1 is 90 minutes old.*new incarnation`)) });
  });

  test('says what failed, and leaves no stack waiting', async () => {
    const { told } = await run('Create', { put: () => errorAnswer('AccessDeniedException') });
    expect(told).toMatchObject({ Status: 'FAILED', Reason: expect.stringContaining('AccessDenied') });
  });

  test('writes no lease, fence or runbook row in a witness', async () => {
    const { puts } = await run('Create', { region: 'eu-west-1' });
    expect(puts.map((p) => (p['Item'] as { pk: { S: string } }).pk.S)).toEqual(['REGISTER#orders', 'VANTAGE#orders', 'LOOK', 'TICK']);
  });

  const registerRow = (puts: readonly Readonly<Record<string, unknown>>[]) => puts.map((p) => p['Item'] as Record<string, { S?: string }>).find((item) => item['pk']?.S === 'REGISTER#orders');
  const another = (config: string): Answer => ({ body: { Item: { config: { S: config } } } });

  test.each([
    ['of the same founders', runtimeConfig.configId, runtimeConfig.configId],
    ['of other voters', 'a set that is in force', expect.stringMatching(/^joining:[0-9a-f]{32}$/)],
  ])('beside regions %s: founds, or waits to be brought in', async (_, theirs, config) => {
    const { puts, told } = await run('Create', { others: another(theirs) });
    expect(told).toMatchObject({ Status: 'SUCCESS' });
    expect(registerRow(puts)?.['config']?.S).toEqual(config);
    expect(puts).toHaveLength(8);
  });

  test('writes nothing where another region cannot be asked whether the group runs', async () => {
    const { puts, told } = await run('Create', { others: errorAnswer('AccessDeniedException') });
    expect(puts).toEqual([]);
    expect(told).toMatchObject({ Status: 'FAILED', Reason: expect.stringMatching(/RefusedError: \S+ could not be asked whether the group runs already/) });
  });

  test('gives a register table of the next name an empty row, beside region tables that are old, and no other row', async () => {
    const event = { ResourceProperties: { RegisterTable: 'holdfast-orders-register-2' }, OldResourceProperties: { RegisterTable: 'holdfast-orders-register-1' } };
    const { puts, told } = await run('Update', { event, ageOf: (table) => (table === tables[0] ? 1000 : 90 * minuteMs) });
    expect(told).toMatchObject({ Status: 'SUCCESS' });
    expect(puts.map((p) => [p['TableName'], (p['Item'] as { pk: { S: string } }).pk.S])).toEqual([
      [tables[0], 'REGISTER#orders'],
      [tables[0], 'VANTAGE#orders'],
    ]);
    expect(registerRow(puts)?.['config']?.S).toMatch(/^joining:[0-9a-f]{32}$/);
    expect(registerRow(puts)?.['acceptedValue']?.S).toBe('');
  });

  describe('with the register in one strongly consistent table', () => {
    const config = toRuntimeConfig(strongSample);
    const strong = strongTable;
    const environment = { HOLDFAST_CONFIG: JSON.stringify(config) };
    const registers = (puts: readonly Record<string, unknown>[]) =>
      puts.map((p) => [p['TableName'], (p['Item'] as { pk: { S: string } }).pk.S]).filter(([, pk]) => /REGISTER|VANTAGE/.test(String(pk)));

    test.each([
      ['us-east-1', [[strong, 'REGISTER#orders']]],
      ['us-east-2', []],
      ['us-west-2', []],
    ])('its home alone writes the one first row, and every region its own: %s', async (region, first) => {
      const { puts, told } = await run('Create', { region, environment });
      expect(told).toMatchObject({ Status: 'SUCCESS' });
      expect(registers(puts)).toEqual([...first, [tables[0], 'VANTAGE#orders']]);
      expect(puts.every((p) => p['ConditionExpression'] === 'attribute_not_exists(pk)')).toBe(true);
    });

    test('never over a table that has a history (H3)', async () => {
      const { puts, told } = await run('Create', { environment, ageOf: (table) => (table === strong ? 90 * minuteMs : 1000) });
      expect(puts).toEqual([]);
      expect(told).toMatchObject({ Status: 'FAILED', Reason: expect.stringContaining(`Table ${strong} in us-east-1 is 90 minutes old`) });
    });

    test("never beside a register in the regions' own tables", async () => {
      const { puts, told } = await run('Create', { environment, others: another(config.configId) });
      expect(puts).toEqual([]);
      expect(told).toMatchObject({ Status: 'FAILED', Reason: expect.stringMatching(/RefusedError: Group orders was founded with its register in the regions' own tables .*does not move/) });
    });

    test.each([
      ['into it', { StrongRegister: strong }, {}],
      ['out of it', {}, { StrongRegister: strong }],
    ])('an update that would move the register %s is refused, so that CloudFormation rolls back', async (_, now, before) => {
      for (const region of ['us-east-1', 'us-west-2']) {
        const { puts, told } = await run('Update', { region, environment, event: { ResourceProperties: now, OldResourceProperties: before } });
        expect(puts).toEqual([]);
        expect(told).toMatchObject({ Status: 'FAILED', Reason: expect.stringContaining('a register does not move') });
      }
    });

    test("a region's own register table of the next name gets no row of the register", async () => {
      const event = { ResourceProperties: { RegisterTable: 'r-2', StrongRegister: strong }, OldResourceProperties: { RegisterTable: 'r-1', StrongRegister: strong } };
      const { puts, told } = await run('Update', { environment, event });
      expect(told).toMatchObject({ Status: 'SUCCESS' });
      expect(puts).toHaveLength(1);
      expect(registers(puts)).toEqual([[tables[0], 'VANTAGE#orders']]);
    });
  });

  test('throws where CloudFormation does not take the answer', async () => {
    await expect(run('Update', { respond: { status: 403 } })).rejects.toThrow(/CloudFormation did not take the answer \(403\)/);
  });
});

// Why: what is deployed is the templates, so what must be true of a deployment is asked of them: who may do what, what is kept, what is named how.
import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { constructIdOf } from '../../infra/constructs/holdfast-function.ts';
import { BACKUP_STEPS, FAILOVER_STEPS, FUNCTIONS, RESTORE_STEPS, SWITCH_STEPS } from '../../infra/constructs/permissions.ts';
import { resourcesOf, statementsOf, type Synthesised, synthesise, type Template, textOf } from './synthesised.ts';

let made: Synthesised;
// The CDK's own checks and cdk-nag are on: a finding without an exception and its reason fails all that follows, as it fails `cdk synth`.
beforeAll(async () => {
  made = await synthesise();
}, 120_000);

const CANDIDATES = ['us-east-1', 'us-west-2'] as const;
const REGIONS = [...CANDIDATES, 'eu-west-1'] as const;

function templateOf(part: string): Template {
  const template = made.templates.get(`Holdfast-orders-${part}`);
  if (template === undefined) throw new Error(`no stack Holdfast-orders-${part} was made, only ${[...made.templates.keys()].join(', ')}`);
  return template;
}

/** Actions that only a restore's steps have, and only on the tables that restores make. Which actions there may be at all: recovery-path.test.ts. */
const RESTORING: Readonly<Record<string, RegExp>> = { 'dynamodb:CreateTable': /CreateTarget/, 'dynamodb:BatchWriteItem': /RestorePart/, 'dynamodb:DeleteTable': /DropTarget/ };
const TARGETS = /:table\/orders-restored\*$/;
/** Those of restore tests, which alone are dropped again. */
const TEST_TARGETS = /:table\/orders-restored-test-\*$/;
const isKeyPolicy = (where: string) => where.endsWith('.KeyPolicy');

/** Stars that stand where a name cannot be known: objects of the vault, its key (named by its alias), and the tables that restores make. */
function isKnownStar(resource: string, statement: Readonly<Record<string, unknown>>): boolean {
  if (/:s3:::holdfast-orders-vault-\$\{AWS::AccountId\}-[a-z0-9-]+\/(?:keys\/)?\*$/.test(resource) || /^\$\{HoldfastVaultBucket\w+\.Arn\}\/\*$/.test(resource)) return true;
  if (/:kms:[a-z0-9-]+:\$\{AWS::AccountId\}:key\/\*$/.test(resource))
    return JSON.stringify(statement['Condition']) === '{"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/holdfast-orders-vault"}}';
  return TARGETS.test(resource) || TEST_TARGETS.test(resource);
}

describe('policies', () => {
  it.each(REGIONS)('name each action and each resource in %s', (region) => {
    const statements = statementsOf(templateOf(region));
    expect(statements.length).toBeGreaterThan(10);
    for (const { where, statement } of statements) {
      for (const action of [statement['Action']].flat()) expect(String(action), where).toMatch(/^[a-z0-9]+:[A-Za-z]+$/);
      expect(statement, where).not.toHaveProperty('NotAction');
      expect(statement, where).not.toHaveProperty('NotResource');
      if (isKeyPolicy(where)) continue;
      for (const resource of [statement['Resource'] ?? []].flat().map(textOf)) expect(!resource.includes('*') || isKnownStar(resource, statement), `${where}: ${resource}`).toBe(true);
      if (statement['Effect'] === 'Allow') expect(textOf(statement['Principal']), where).not.toContain('*');
    }
    expect(JSON.stringify(templateOf(region))).not.toContain('ManagedPolicyArns');
  });

  it('a planted wildcard would be found', () => {
    const [first] = statementsOf({
      Resources: {
        Planted: {
          Type: 'AWS::IAM::Policy',
          Properties: { PolicyDocument: { Statement: [{ Action: 'dynamodb:*', Resource: { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':s3:::*']] } }] } },
        },
      },
      Parameters: {},
      Outputs: {},
    });
    expect(String(first?.statement['Action'])).not.toMatch(/^[a-z0-9]+:[A-Za-z]+$/);
    expect(textOf(first?.statement['Resource'])).toContain('*');
  });

  it.each(CANDIDATES)('let a restore make and drop its own tables only, in %s', (region) => {
    const allowing = statementsOf(templateOf(region)).filter(({ where, statement }) => statement['Effect'] === 'Allow' && !isKeyPolicy(where));
    const found = new Set<string>();
    for (const { where, statement } of allowing) {
      for (const action of [statement['Action']].flat().map(String)) {
        const owner = RESTORING[action];
        if (owner === undefined) continue;
        found.add(action);
        expect(where).toMatch(owner);
        for (const resource of [statement['Resource'] ?? []].flat()) expect(textOf(resource)).toMatch(action === 'dynamodb:DeleteTable' ? TEST_TARGETS : TARGETS);
      }
    }
    expect([...found].toSorted()).toEqual(Object.keys(RESTORING).toSorted());
  });

  it('a planted star elsewhere would be found', () => {
    const named = { Condition: { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': 'alias/holdfast-orders-vault' } } };
    expect(isKnownStar('arn:${AWS::Partition}:kms:us-east-1:${AWS::AccountId}:key/*', named)).toBe(true);
    for (const [resource, statement] of [
      ['arn:${AWS::Partition}:kms:us-east-1:${AWS::AccountId}:key/*', {}],
      ['arn:${AWS::Partition}:dynamodb:us-east-1:${AWS::AccountId}:table/orders*', {}],
      ['arn:${AWS::Partition}:s3:::holdfast-orders-*', {}],
      ['*', named],
    ] as const)
      expect(isKnownStar(resource, statement), resource).toBe(false);
  });

  it.each(REGIONS)('reach only tables of the group in %s', (region) => {
    const tables = statementsOf(templateOf(region))
      .flatMap(({ statement }) => [statement['Resource'] ?? []].flat().map(textOf))
      .filter((resource) => resource.includes(':dynamodb:'));
    expect(tables.length).toBeGreaterThan(5);
    for (const table of tables)
      expect(table).toMatch(
        /^arn:\$\{AWS::Partition\}:dynamodb:(us-east-1|us-west-2|eu-west-1):\$\{AWS::AccountId\}:table\/(holdfast-orders-(register-1|region|log|fence)|orders|orders-restored(-test-)?\*)$/,
      );
  });

  it.each(REGIONS)("let no function of %s write another region's tables but the register and the log", (region) => {
    for (const { where, statement } of statementsOf(templateOf(region))) {
      const writes = [statement['Action']].flat().some((action) => /Put|Update|Delete/.test(String(action)));
      const foreign = [statement['Resource'] ?? []]
        .flat()
        .map(textOf)
        .filter((resource) => resource.includes(':dynamodb:') && !resource.includes(`:${region}:`));
      if (writes) for (const table of foreign) expect(table, where).toMatch(/table\/holdfast-orders-(register-1|log)$/);
    }
  });
});

it('the live table is written by the log and by a restore in place only, and put by the log only', () => {
  const may = (action: string) =>
    Object.entries(FUNCTIONS)
      .filter(([, { tables }]) => tables.some((grant) => grant.table === 'data' && grant.may.some((each) => each === action)))
      .map(([name]) => name);
  expect(may('UpdateItem')).toEqual(['synchronise', 'apply-log', 'restore-in-place']);
  expect(may('DeleteItem')).toEqual(['synchronise', 'apply-log', 'restore-in-place']);
  expect(may('PutItem')).toEqual(['synchronise', 'apply-log']);
  expect(FUNCTIONS['restore-in-place']).not.toHaveProperty('targets');
});

describe('what holds data', () => {
  // A changed logical id would give CloudFormation an empty table, and an acceptor that forgot (H3). Change none.
  const PINNED = { HoldfastTablesRegister09B6630D: 'holdfast-orders-register-1', HoldfastTablesRegion74F28EAD: 'holdfast-orders-region', HoldfastTablesLogE4136492: 'holdfast-orders-log' };
  const PINNED_CANDIDATE = { ...PINNED, HoldfastTablesFenceE914AA5A: 'holdfast-orders-fence', OrdersTable1F8332C7: 'orders' };

  it.each(REGIONS)('keeps its logical ids in %s', (region) => {
    const names = Object.fromEntries(resourcesOf(templateOf(region), 'AWS::DynamoDB::Table').map(([id, table]) => [id, table.Properties['TableName']]));
    expect(names).toEqual(region === 'eu-west-1' ? PINNED : PINNED_CANDIDATE);
  });

  it.each(REGIONS)('is kept and protected in %s', (region) => {
    for (const [id, table] of resourcesOf(templateOf(region), 'AWS::DynamoDB::Table')) {
      expect(table, id).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain', Properties: { DeletionProtectionEnabled: true, BillingMode: 'PAY_PER_REQUEST' } });
    }
  });

  it('can be brought back to a second where that is sound, and only there', () => {
    const recoverable = resourcesOf(templateOf('us-east-1'), 'AWS::DynamoDB::Table').filter(([, table]) => JSON.stringify(table.Properties).includes('"PointInTimeRecoveryEnabled":true'));
    expect(recoverable.map(([, table]) => String(table.Properties['TableName'])).sort()).toEqual(['holdfast-orders-log', 'orders']);
  });

  it('streams the changes that are shipped and applied', () => {
    const view = (name: string) => resourcesOf(templateOf('us-west-2'), 'AWS::DynamoDB::Table').find(([, table]) => table.Properties['TableName'] === name)?.[1].Properties['StreamSpecification'];
    expect(view('orders')).toEqual({ StreamViewType: 'NEW_AND_OLD_IMAGES' });
    expect(view('holdfast-orders-log')).toEqual({ StreamViewType: 'NEW_IMAGE' });
  });

  it.each(REGIONS)('gets its first rows before anything that acts on them, in %s', (region) => {
    const template = templateOf(region);
    const [rows] = resourcesOf(template, 'Custom::HoldfastRows').map(([id]) => id);
    expect(rows).toBeDefined();
    const starters = [...resourcesOf(template, 'AWS::Scheduler::Schedule'), ...resourcesOf(template, 'AWS::Lambda::EventSourceMapping')];
    expect(starters.length).toBe(region === 'eu-west-1' ? 2 : 13);
    for (const [id, starter] of starters) expect([starter.DependsOn].flat(), id).toContain(rows);
  });
});

describe('one name all the way', () => {
  it.each(REGIONS)('from the file to the log group in %s', (region) => {
    const template = templateOf(region);
    const role = region === 'eu-west-1' ? 'witness' : 'candidate';
    const expected = Object.entries(FUNCTIONS)
      .filter(([, spec]) => spec.in.some((each) => each === role))
      .map(([name]) => name);
    const functions = resourcesOf(template, 'AWS::Lambda::Function').filter(([, made]) => String(made.Properties['FunctionName']).startsWith('holdfast-'));
    expect(functions.map(([, made]) => String(made.Properties['FunctionName']).replace('holdfast-orders-', '')).sort()).toEqual([...expected].sort());
    const groups = new Set(resourcesOf(template, 'AWS::Logs::LogGroup').map(([, group]) => group.Properties['LogGroupName']));
    for (const [id, each] of functions) {
      const name = String(each.Properties['FunctionName']).replace('holdfast-orders-', '');
      expect(existsSync(new URL(`../../lambdas/${name}.ts`, import.meta.url)), `lambdas/${name}.ts`).toBe(true);
      expect(made.paths.get(`Holdfast-orders-${region}`)?.get(id)).toMatch(new RegExp(`/${constructIdOf(name)}/Function/Resource$`));
      expect(groups.has(`/aws/lambda/holdfast-orders-${name}`)).toBe(true);
    }
  });

  it.each(CANDIDATES)('each step of each runbook is granted to its machine in %s', (region) => {
    const template = templateOf(region);
    const expected = {
      'holdfast-orders-failover': { steps: FAILOVER_STEPS, more: ['ApprovalTimeoutSeconds'], role: 'FailoverRole' },
      'holdfast-orders-switch-over': { steps: [...SWITCH_STEPS, 'notify'], more: [], role: 'SwitchOverRole' },
      'holdfast-orders-backup': { steps: [...BACKUP_STEPS, 'notify'], more: [], role: 'BackupsBackupRole' },
      'holdfast-orders-restore': { steps: [...BACKUP_STEPS, ...RESTORE_STEPS, 'notify'], more: [], role: 'BackupsRestoreRole' },
    };
    const machines = new Map(resourcesOf(template, 'AWS::StepFunctions::StateMachine').map(([, machine]) => [String(machine.Properties['StateMachineName']), machine]));
    expect([...machines.keys()].sort()).toEqual(Object.keys(expected).sort());
    for (const [name, { steps, more, role }] of Object.entries(expected)) {
      const substitutions = Object.entries(Object(machines.get(name)?.Properties['DefinitionSubstitutions']));
      expect(substitutions.map(([each]) => each).sort(), name).toEqual([...steps.map((step) => `${constructIdOf(step)}FunctionArn`), ...more].sort());
      const granted = statementsOf(template)
        .filter(({ where }) => where.includes(role))
        .flatMap(({ statement }) => [statement['Resource'] ?? []].flat().map(textOf));
      expect([...granted].sort(), name).toEqual(
        substitutions
          .filter(([each]) => each !== 'ApprovalTimeoutSeconds')
          .map(([, arn]) => textOf(arn))
          .sort(),
      );
    }
  });
});

describe('functions', () => {
  it.each(REGIONS)('run on Node 24, quietly, for a bounded time, with a role of their own, in %s', (region) => {
    const functions = resourcesOf(templateOf(region), 'AWS::Lambda::Function');
    for (const [id, each] of functions)
      expect(each.Properties, id).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'], LoggingConfig: { LogFormat: 'JSON', ApplicationLogLevel: 'WARN' }, Timeout: expect.any(Number) });
    expect(new Set(functions.map(([, each]) => textOf(each.Properties['Role']))).size).toBe(functions.length);
  });

  it('keep the concurrency that the design gives them', () => {
    const reserved = Object.fromEntries(
      resourcesOf(templateOf('us-east-1'), 'AWS::Lambda::Function').map(([, each]) => [each.Properties['FunctionName'], each.Properties['ReservedConcurrentExecutions']]),
    );
    expect(reserved).toMatchObject({ orders: 8, 'holdfast-orders-gate': 4, 'holdfast-orders-tick': 4, 'holdfast-orders-ship-log': 4 });
    for (const name of FAILOVER_STEPS) expect(reserved[`holdfast-orders-${name}`], name).toBe(2);
  });

  it('are bundles of hundreds of kilobytes, each one file', () => {
    expect(made.built.length).toBe(Object.keys(FUNCTIONS).length + 1);
    for (const { name, bytes } of made.built) {
      // Five clients, EC2's the largest of all; it starts beside a failover, which does not wait for it.
      expect(bytes, name).toBeLessThan(name === 'fence' ? 1_500_000 : 800_000);
      expect(bytes, name).toBeGreaterThan(name === 'maintenance' ? 100 : 100_000);
    }
  });

  it('are told the configuration, within what Lambda takes as environment', () => {
    for (const [id, each] of resourcesOf(templateOf('us-east-1'), 'AWS::Lambda::Function')) {
      const variables = Object(Object(each.Properties['Environment'])['Variables']);
      expect(JSON.parse(String(variables['HOLDFAST_CONFIG'])), id).toMatchObject({ group: 'orders', mode: 'automatic', isFenced: true });
      expect(JSON.stringify(variables).length, id).toBeLessThan(4096);
    }
  });

  it('the slots are taken one by one, two at a time, and given up when late', () => {
    const template = templateOf('eu-west-1');
    expect(resourcesOf(template, 'AWS::Lambda::EventSourceMapping')[0]?.[1].Properties).toMatchObject({ BatchSize: 1, ScalingConfig: { MaximumConcurrency: 2 } });
    expect(resourcesOf(template, 'AWS::SQS::Queue')[0]?.[1].Properties).toMatchObject({ QueueName: 'holdfast-orders-ticks', MessageRetentionPeriod: 180, VisibilityTimeout: 30 });
    expect(resourcesOf(template, 'AWS::Scheduler::Schedule')[0]?.[1].Properties).toMatchObject({ ScheduleExpression: 'rate(1 minute)', FlexibleTimeWindow: { Mode: 'OFF' } });
  });

  it('the change log skips nothing', () => {
    const streams = resourcesOf(templateOf('us-east-1'), 'AWS::Lambda::EventSourceMapping').filter(([, each]) => each.Properties['StartingPosition'] !== undefined);
    expect(streams.length).toBe(2);
    for (const [id, each] of streams) expect(each.Properties, id).toMatchObject({ StartingPosition: 'TRIM_HORIZON', BatchSize: 100, BisectBatchOnFunctionError: true, MaximumRetryAttempts: -1 });
  });

  it("the gate's path is random and in no template", () => {
    const [gate] = resourcesOf(templateOf('us-east-1'), 'AWS::Lambda::Function').filter(([, each]) => each.Properties['FunctionName'] === 'holdfast-orders-gate');
    expect(Object(Object(gate?.[1].Properties['Environment'])['Variables'])['HOLDFAST_GATE_TOKEN']).toEqual({ 'Fn::Select': [2, { 'Fn::Split': ['/', { Ref: 'AWS::StackId' }] }] });
  });
});

describe('stacks', () => {
  it("are the same in both candidates but for the region's name", () => {
    const neutral = (region: string) => JSON.stringify(templateOf(region)).replaceAll(/[0-9a-f]{64}\.zip/g, 'code.zip');
    const swap = (text: string) => text.replaceAll('us-east-1', '\u0000').replaceAll('us-west-2', 'us-east-1').replaceAll('\u0000', 'us-west-2');
    // The configuration lists both regions in one order, so it is compared apart from the rest.
    const withoutConfig = (text: string) => text.replaceAll(/"HOLDFAST_CONFIG":"(?:[^"\\]|\\.)*"/g, '');
    expect(new Set(withoutConfig(swap(neutral('us-east-1'))).split(/[{}[\],]/))).toEqual(new Set(withoutConfig(neutral('us-west-2')).split(/[{}[\],]/)));
  });

  it('tell what the records need', () => {
    for (const region of CANDIDATES) expect(Object.keys(templateOf(region).Outputs)).toEqual(['GateUrl', 'GateHost', 'GatePath', 'ServiceUrl', 'ServiceTarget']);
    expect(Object.keys(templateOf('eu-west-1').Outputs)).toEqual(['ServiceUrl', 'ServiceTarget']);
    const wanted = Object.keys(templateOf('records').Parameters);
    expect(wanted.sort()).toEqual(
      ['GateHostUsEast1', 'GateHostUsWest2', 'GatePathUsEast1', 'GatePathUsWest2', 'HostedZoneId', 'MaintenanceTarget', 'ServiceTargetUsEast1', 'ServiceTargetUsWest2'].sort(),
    );
  });

  it('the records are a weighted pair behind a failover pair', () => {
    const records = resourcesOf(templateOf('records'), 'AWS::Route53::RecordSet').map(([, record]) => record.Properties);
    const checks = resourcesOf(templateOf('records'), 'AWS::Route53::HealthCheck').map(([, check]) => check.Properties['HealthCheckConfig']);
    expect(records.filter((record) => record['Name'] === '_active.api.orders.example')).toEqual(
      CANDIDATES.map((region) => expect.objectContaining({ Type: 'CNAME', TTL: '15', Weight: 1, SetIdentifier: region, HealthCheckId: expect.anything() })),
    );
    expect(records.find((record) => record['Failover'] === 'PRIMARY')).toMatchObject({
      Name: 'api.orders.example',
      Type: 'CNAME',
      AliasTarget: { DNSName: '_active.api.orders.example', EvaluateTargetHealth: true },
    });
    const secondary = records.find((record) => record['Failover'] === 'SECONDARY');
    expect(secondary).toMatchObject({ Name: 'api.orders.example', Type: 'CNAME', TTL: '15', ResourceRecords: [{ Ref: 'MaintenanceTarget' }] });
    expect(secondary).not.toHaveProperty('HealthCheckId');
    expect(checks.length).toBe(2);
    for (const check of checks) {
      expect(check).toMatchObject({ Type: 'HTTPS', Port: 443, RequestInterval: 10, FailureThreshold: 1, EnableSNI: true });
      const regions = [Object(check)['Regions']].flat().map(String);
      expect(regions.length).toBeGreaterThanOrEqual(3);
      for (const candidate of CANDIDATES) expect(regions).not.toContain(candidate);
    }
  });
});

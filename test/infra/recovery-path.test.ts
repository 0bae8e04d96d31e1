// Why: a recovery that needs a control plane fails on the day that it is for. What the paths may call is a list with sources; this holds state
// machines, bundled code and roles against it, and shows that a planted call of each kind is found where it stands.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { config } from '../../holdfast.config.ts';
import { FUNCTIONS } from '../../infra/constructs/permissions.ts';
import { ALLOWED, EXCEPTIONS, PATH_OF } from '../../infra/recovery-path-actions.ts';
import { type BundleReading, readBundles } from './recovery-path/bundle-actions.ts';
import { isExceptedBundle, isExceptedRole, neverExcepted, objections } from './recovery-path/judge.ts';
import { readMachine } from './recovery-path/machine-actions.ts';
import { readPolicies } from './recovery-path/policy-actions.ts';
import { fencesOfEachKind } from './fences-of-each-kind.ts';
import { actionTables } from './recovery-path/action-tables.ts';
import { type Synthesised, synthesise, type Template } from './synthesised.ts';

const ROOT = join(import.meta.dirname, '../..');
const machines = readdirSync(join(ROOT, 'statemachines')).map((file) => file.replace('.asl.json', ''));
const machineText = (name: string) => readFileSync(join(ROOT, `statemachines/${name}.asl.json`), 'utf8');
const sourceText = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** One fence of each kind of AWS, and one with a password. */
const fenced = { ...config, fences: fencesOfEachKind('us-east-1') };

let made: Synthesised;
let withFences: Synthesised;
let bundles: BundleReading;
beforeAll(async () => {
  // templates.test.ts runs the checks of the CDK and cdk-nag.
  made = await synthesise({ isChecked: false });
  withFences = await synthesise({ isChecked: false, config: fenced });
  bundles = await readBundles();
}, 240_000);

const policiesOf = (stack: string, template: Template) => readPolicies(stack, template, config.group);
const allPolicies = () => [...made.templates, ...withFences.templates].map(([stack, template]) => policiesOf(stack, template));

describe('no control plane on a recovery path', () => {
  it.each(machines)('in the states of %s', (name) => {
    const reading = readMachine(name, machineText(name));
    expect(reading.actions.length).toBeGreaterThan(4);
    expect(objections(reading, neverExcepted)).toEqual([]);
  });

  it('in the code that the functions carry', () => {
    expect(bundles.carried.size).toBe(Object.keys(PATH_OF).length);
    expect(objections(bundles, isExceptedBundle)).toEqual([]);
  });

  it('in what their roles may do', () => {
    const readings = allPolicies();
    expect(readings.flatMap(({ actions }) => actions).length).toBeGreaterThan(200);
    for (const reading of readings) expect(objections(reading, isExceptedRole)).toEqual([]);
  });
});

describe('the list', () => {
  it('has no exception on the failover path', () => {
    for (const { actions, functions } of EXCEPTIONS) for (const name of functions) expect(PATH_OF[name], `${actions.join()} of ${name}`).not.toBe('failover');
  });

  it('judges every function that is deployed', () => {
    expect(Object.keys(PATH_OF).toSorted()).toEqual([...Object.keys(FUNCTIONS), 'orders'].toSorted());
  });

  it('names nothing twice on a path, and nothing that is not done there', () => {
    const done = new Set([...machines.map((name) => readMachine(name, machineText(name))), bundles, ...allPolicies()].flatMap(({ actions }) => actions.map(({ path, action }) => `${path} ${action}`)));
    // Clients use the service past any of the three places.
    done.add('failover execute-api:Invoke');
    const listed = ALLOWED.flatMap(({ actions, paths }) => paths.flatMap((path) => actions.map((action) => `${path} ${action}`)));
    expect(listed.filter((entry, index) => listed.indexOf(entry) !== index)).toEqual([]);
    expect(listed.filter((entry) => !done.has(entry))).toEqual([]);
  });

  it('has a source for everything, and no source but AWS', () => {
    for (const { source, because } of [...ALLOWED, ...EXCEPTIONS]) {
      expect(source.url).toMatch(/^https:\/\/docs\.aws\.amazon\.com\/.+\.html$/);
      expect(because.length).toBeGreaterThan(10);
    }
  });

  it('is what docs/no-control-plane.md shows', async () => {
    const page = join(ROOT, 'docs/no-control-plane.md');
    const [before, , after] = readFileSync(page, 'utf8').split(/(?<=<!-- actions: begin .*-->\n)([\s\S]*?)(?=<!-- actions: end -->)/);
    expect(after).toContain('<!-- actions: end -->');
    await expect(`${before}${actionTables()}${after}`).toMatchFileSnapshot(page);
  });

  it('excepts only roles that have the right', () => {
    const has = new Set(allPolicies().flatMap(({ actions }) => actions.map(({ who, action }) => `${who} ${action}`)));
    for (const { actions, functions } of EXCEPTIONS)
      for (const name of functions)
        expect(
          actions.some((action) => has.has(`${name} ${action}`)),
          `${actions.join()} of ${name}`,
        ).toBe(true);
  });
});

describe('a planted control-plane call is found', () => {
  const plantedIn = (text: string, state: object, name = 'MoveDns'): string => {
    const planted = text.replace('"States": {\n', `"States": {\n    "${name}": ${JSON.stringify(state)},\n`);
    expect(planted).not.toBe(text);
    return planted;
  };
  const objectionsTo = (state: object) => objections(readMachine('failover', plantedIn(machineText('failover'), state)), neverExcepted);
  const route53 = 'arn:aws:states:::aws-sdk:route53:changeResourceRecordSets';

  it('in a state', () => {
    const [first, ...more] = objectionsTo({ Type: 'Task', Resource: route53, End: true });
    expect(more).toEqual([]);
    expect(first).toMatch(/^statemachines\/failover\.asl\.json:7 state MoveDns: state MoveDns has route53:ChangeResourceRecordSets, which is not on the failover path's list\./);
  });

  it.each([
    [
      'within a branch',
      { Type: 'Parallel', Branches: [{ StartAt: 'Inner', States: { Inner: { Type: 'Task', Resource: `${route53}.waitForTaskToken` } } }] },
      /state Inner has route53:ChangeResourceRecordSets/,
    ],
    ['within a map', { Type: 'Map', ItemProcessor: { StartAt: 'Inner', States: { Inner: { Type: 'Task', Resource: route53 } } } }, /state Inner has route53:ChangeResourceRecordSets/],
    ['of what a map reads', { Type: 'Map', ItemReader: { Resource: 'arn:aws:states:::s3:listObjectsV2' } }, /state MoveDns has s3:ListObjectsV2/],
    ['behind .sync, which asks and stops', { Type: 'Task', Resource: 'arn:aws:states:::states:startExecution.sync:2' }, /states:DescribeExecution/],
    ['by any HTTP endpoint', { Type: 'Task', Resource: 'arn:aws:states:::http:invoke' }, /states:InvokeHTTPEndpoint/],
    ['whose resource is put in later', { Type: 'Task', Resource: '${Something}' }, /names no action that can be read/],
    [
      'that invokes a function of another path',
      { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', Arguments: { FunctionName: '${CreateTargetFunctionArn}' } },
      /invokes create-target, which is on the vault path/,
    ],
    [
      'that invokes what is only known when it runs',
      { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', Arguments: { FunctionName: '{% $taken.next %}' } },
      /which function it invokes cannot be read/,
    ],
  ])('in a state %s', (_, state, expected) => {
    const found = objectionsTo(state);
    expect(
      found.some((sentence) => expected.test(sentence) && sentence.startsWith('statemachines/failover.asl.json:7 state ')),
      found.join('\n'),
    ).toBe(true);
  });

  it('in a machine of no path', () => {
    expect(objections(readMachine('other', '{}'), neverExcepted)).toEqual([expect.stringContaining('PATH_OF_MACHINE')]);
  });

  it('in code, whatever it is called there', async () => {
    const update = "{ FunctionName: 'x', Timeout: 9 }";
    const after = (file: string, head: string, tail: string) => [file, `${head}\n${sourceText(file)}\n${tail}\n`] as const;
    const client = "from '@aws-sdk/client-lambda';";
    const planted = new Map([
      after('lambdas/take-lease.ts', `import { LambdaClient, UpdateFunctionConfigurationCommand } ${client}`, `await new LambdaClient().send(new UpdateFunctionConfigurationCommand(${update}));`),
      after(
        'lambdas/open-gate.ts',
        `import { LambdaClient, UpdateFunctionConfigurationCommand as Harmless } ${client}`,
        `const made = (Kind: typeof Harmless) => new Kind(${update}); await new LambdaClient().send(made(Harmless));`,
      ),
      after('lambdas/report.ts', `import { Lambda } ${client}`, `await new Lambda().updateFunctionConfiguration(${update});`),
      after(
        'lambdas/await-dns.ts',
        `import * as all ${client}`,
        "const name = ['Update', 'FunctionConfiguration', 'Command'].join(''); await new all.LambdaClient().send(new (Reflect.get(all, name))({}));",
      ),
      after('lambdas/notify.ts', '', `const all = await import('@aws-sdk/client-lambda'); await new all.LambdaClient().send(new all.UpdateFunctionConfigurationCommand(${update}));`),
      after('src/operations/validate-service.ts', `export { UpdateFunctionConfigurationCommand as Lookup } ${client}`, ''),
      after('lambdas/validate-service.ts', "import { Lookup } from '../src/operations/validate-service.ts';", `console.log(new Lookup(${update}));`),
      after('lambdas/ship-log.ts', '', "await fetch('https://route53.amazonaws.com/2013-04-01/hostedzone/Z/rrset', { method: 'POST' });"),
      after('lambdas/apply-log.ts', "import { SignatureV4 } from '@smithy/signature-v4';", 'console.log(SignatureV4);'),
      after('lambdas/abandon-attempt.ts', '', "const which = process.argv[2] ?? ''; await import(which);"),
      after('lambdas/await-approval.ts', "import { spawn } from 'node:child_process';", "spawn('aws', ['route53', 'change-resource-record-sets']);"),
      after('lambdas/synchronise.ts', "import { CreateTableCommand } from '@aws-sdk/client-dynamodb';", 'console.log(CreateTableCommand);'),
    ]);
    const names = ['take-lease', 'open-gate', 'report', 'await-dns', 'notify', 'validate-service', 'ship-log', 'apply-log', 'abandon-attempt', 'await-approval', 'synchronise'] as const;
    const found = objections(await readBundles(names, planted), isExceptedBundle);
    const lineOf = (file: string, part: string) => `${file}:${(planted.get(file) ?? '').split('\n').findIndex((line) => line.includes(part)) + 1} `;
    const has = (name: string) => `: ${name} has lambda:UpdateFunctionConfiguration, which is not on the failover path's list.`;
    const hasAll = (name: string) => `: ${name} has lambda:AddLayerVersionPermission, lambda:AddPermission, `;
    for (const [start, middle] of [
      [lineOf('lambdas/take-lease.ts', 'new UpdateFunctionConfigurationCommand'), has('take-lease')],
      [lineOf('lambdas/open-gate.ts', 'made(Harmless)'), has('open-gate')],
      [lineOf('lambdas/report.ts', 'import { Lambda }'), hasAll('report')],
      [lineOf('lambdas/await-dns.ts', 'import * as all'), hasAll('await-dns')],
      [lineOf('lambdas/notify.ts', 'await import('), hasAll('notify')],
      [lineOf('src/operations/validate-service.ts', 'as Lookup'), has('validate-service')],
      [lineOf('lambdas/ship-log.ts', 'await fetch('), "fetch reaches the network past the SDK's commands"],
      [lineOf('lambdas/apply-log.ts', 'import { SignatureV4 }'), '@smithy/signature-v4 is no client whose commands can be listed'],
      [lineOf('lambdas/abandon-attempt.ts', 'await import('), 'import of a computed name reaches the network'],
      [lineOf('lambdas/await-approval.ts', 'import { spawn }'), 'node:child_process reaches the network'],
      [lineOf('lambdas/synchronise.ts', 'console.log(CreateTableCommand)'), ": synchronise has dynamodb:CreateTable, which is not on the failover path's list."],
    ] as const)
      expect(
        found.some((sentence) => sentence.startsWith(start) && sentence.includes(middle)),
        `${start}${middle}\nfound:\n${found.filter((sentence) => sentence.includes(start.split(':')[0] ?? '')).join('\n')}`,
      ).toBe(true);
  }, 120_000);

  it('in a role, a permission, a managed policy, and a role of nobody', () => {
    const stack = 'Holdfast-orders-us-west-2';
    const original = made.templates.get(stack);
    if (original === undefined) throw new Error(`no ${stack}`);
    const statement = (action: string) => ({ Effect: 'Allow', Action: ['dynamodb:GetItem', action], Resource: '*' });
    const document = (action: string) => ({ PolicyName: 'planted', PolicyDocument: { Statement: [statement(action)] } });
    const plant = (id: string, properties: Record<string, unknown>, type = 'AWS::IAM::Role') =>
      objections(policiesOf(stack, { ...original, Resources: { ...original.Resources, [id]: { Type: type, Properties: { ...original.Resources[id]?.Properties, ...properties } } } }), isExceptedRole);
    const roleOf = (name: string) => {
      const made = Object.values(original.Resources).find(({ Properties }) => Properties['FunctionName'] === `holdfast-orders-${name}`);
      return String(/"Fn::GetAtt":\["(\w+)"/.exec(JSON.stringify(made?.Properties['Role']))?.[1]);
    };
    expect(plant(roleOf('take-lease'), { Policies: [document('lambda:UpdateFunctionConfiguration')] })).toEqual([
      expect.stringMatching(new RegExp(`^${stack} ${roleOf('take-lease')}\\..*: take-lease has lambda:UpdateFunctionConfiguration, which is not on the failover path's list`)),
    ]);
    // What another function may, by exception, this one may not.
    expect(plant(roleOf('tick'), { Policies: [document('dynamodb:DescribeTable')] })).toEqual([expect.stringContaining('tick has dynamodb:DescribeTable')]);
    expect(plant(roleOf('restore-part'), { Policies: [document('dynamodb:CreateTable')] })).toEqual([expect.stringContaining('restore-part has dynamodb:CreateTable')]);
    expect(plant(roleOf('gate'), { Policies: [document('lambda:*')] })).toEqual([expect.stringContaining('gate has lambda:*')]);
    expect(plant(roleOf('gate'), { ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'] })).toEqual([expect.stringContaining('managed policy')]);
    expect(plant('Stray', { Policies: [document('route53:ChangeResourceRecordSets')] })).toEqual([expect.stringContaining(`${stack} Stray.Policies.PolicyDocument: nobody knows on which path`)]);
    expect(plant('Added', { Roles: [{ Ref: roleOf('gate') }], PolicyDocument: { Statement: [statement('route53:ChangeResourceRecordSets')] } }, 'AWS::IAM::Policy')).toEqual([
      expect.stringContaining('gate has route53:ChangeResourceRecordSets'),
    ]);
  });
});

// Why: a demo without control planes proves something only if a call to one is really refused: from a function, from a state machine, from outside,
// after a restart; and only if what a failover needs is let through.
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient, GetItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { ListFunctionsCommand, InvokeCommand, LambdaClient, UpdateFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { ChangeResourceRecordSetsCommand, Route53Client } from '@aws-sdk/client-route-53';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ControlPlanes, controlPlanes } from '../../../local/control-planes.ts';
import { type Engine, type EngineRegion, localAccountId, refusedCallsFile, type RunningRegion, regionUrl, startRegion } from '../../../local/engine/ministack.ts';
import { credentials, deploy, discard, eventually, install, lambda, newRegion, request } from './engine-fixture.ts';

let engine: Engine;
let region: EngineRegion;
let running: RunningRegion;
let planes: ControlPlanes;

// Calls DynamoDB as the SDK does, with what its environment says of who it is.
const CALLS = `
const call = async ({ target, body }) => {
  const response = await fetch(process.env.AWS_ENDPOINT_URL, { method: 'POST', body: JSON.stringify(body), headers: {
    'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'DynamoDB_20120810.' + target, 'x-amz-security-token': process.env.AWS_SESSION_TOKEN,
    authorization: 'AWS4-HMAC-SHA256 Credential=' + process.env.AWS_ACCESS_KEY_ID + '/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0' } });
  return { status: response.status, text: await response.text() };
};
exports.handler = async (event) => event.target ? call(event) : { ok: true };`;

const task = (resource: string, given: object) => ({ Type: 'Task', Resource: resource, Arguments: given });
const machine = (name: string, states: object, startAt: string) => ({
  Type: 'AWS::StepFunctions::StateMachine',
  Properties: { StateMachineName: name, RoleArn: `arn:aws:iam::${localAccountId}:role/test`, DefinitionString: JSON.stringify({ QueryLanguage: 'JSONata', StartAt: startAt, States: states }) },
});
const tick = `arn:aws:lambda:us-east-1:${localAccountId}:function:holdfast-orders-tick`;

beforeAll(async () => {
  engine = await install();
  region = await newRegion();
  running = await startRegion(engine, region);
  planes = controlPlanes('orders', path.join(region.directory, 'control-planes.json'), [{ region: region.region, endpoint: regionUrl(region), recordFile: refusedCallsFile(region.directory) }]);
  await deploy(region, 'stack', {
    Resources: {
      Tick: lambda('holdfast-orders-tick', CALLS),
      Scrub: lambda('holdfast-orders-scrub', CALLS),
      Table: {
        Type: 'AWS::DynamoDB::Table',
        Properties: { TableName: 'rows', BillingMode: 'PAY_PER_REQUEST', KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }], AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }] },
      },
      Failover: machine(
        'holdfast-orders-failover',
        {
          Invoke: { ...task('arn:aws:states:::lambda:invoke', { FunctionName: tick, Payload: {} }), Next: 'Make' },
          Make: {
            ...task('arn:aws:states:::aws-sdk:dynamodb:createTable', { TableName: 'made', BillingMode: 'PAY_PER_REQUEST' }),
            Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Refused', Assign: { error: '{% $states.errorOutput.Error %}' } }],
            End: true,
          },
          Refused: { Type: 'Pass', Output: '{% $error %}', End: true },
        },
        'Invoke',
      ),
    },
  });
}, 180_000);

afterAll(async () => {
  await discard(region, running);
});

const settings = (sessionToken?: string) => ({
  region: region.region,
  endpoint: regionUrl(region),
  maxAttempts: 1,
  credentials: { ...credentials, ...(sessionToken === undefined ? {} : { sessionToken }) },
});

async function asFunction(name: string, target: string, body: object): Promise<{ status: number; text: string }> {
  const { Payload } = await new LambdaClient(settings('observer')).send(new InvokeCommand({ FunctionName: `holdfast-orders-${name}`, Payload: JSON.stringify({ target, body }) }));
  const answer: unknown = JSON.parse(Buffer.from(Payload ?? []).toString());
  if (typeof answer !== 'object' || answer === null || !('status' in answer) || !('text' in answer)) throw new Error(JSON.stringify(answer));
  return { status: Number(answer.status), text: String(answer.text) };
}

async function runFailover(name: string): Promise<unknown> {
  const machines = new SFNClient(settings('observer'));
  const { executionArn } = await machines.send(new StartExecutionCommand({ stateMachineArn: `arn:aws:states:us-east-1:${localAccountId}:stateMachine:holdfast-orders-failover`, name, input: '{}' }));
  return eventually('its end', async () => {
    const { status, output } = await machines.send(new DescribeExecutionCommand({ executionArn }));
    return status === 'RUNNING' ? undefined : JSON.parse(output ?? 'null');
  });
}

const get = { TableName: 'rows', Key: { pk: { S: 'a' } } };
const made = (TableName: string) => ({
  TableName,
  BillingMode: 'PAY_PER_REQUEST',
  KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
  AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
});

test('nothing is refused while nobody says so', async () => {
  await expect(asFunction('tick', 'CreateTable', made('made-before'))).resolves.toMatchObject({ status: 200 });
  await expect(new DynamoDBClient(settings()).send(new DescribeTableCommand({ TableName: 'rows' }))).resolves.toBeDefined();
  expect(await planes.state()).toMatchObject({ isRefusing: false, refused: [], silent: [] });
});

test('refuses and writes down what is not on the list, by who calls', async () => {
  planes.refuse();
  // The failover's own calls.
  await expect(asFunction('tick', 'GetItem', get)).resolves.toMatchObject({ status: 200 });
  await expect(asFunction('tick', 'CreateTable', made('made-now'))).resolves.toMatchObject({ status: 403, text: expect.stringContaining('AccessDenied') });
  await expect(asFunction('tick', 'Scan', { TableName: 'rows' })).resolves.toMatchObject({ status: 403 });
  // The vault's functions may scan; what is an exception of theirs is away as well.
  await expect(asFunction('scrub', 'Scan', { TableName: 'rows' })).resolves.toMatchObject({ status: 200 });
  await expect(asFunction('scrub', 'DescribeTable', { TableName: 'rows' })).resolves.toMatchObject({ status: 403 });
  // Whoever is unknown is judged as the failover is, in every protocol; the observer is outside of it.
  await expect(new DynamoDBClient(settings()).send(new GetItemCommand(get))).resolves.toBeDefined();
  const table = { KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }], AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }] } as const;
  for (const [name, call] of [
    [
      'AccessDeniedException',
      async () => new DynamoDBClient(settings()).send(new CreateTableCommand({ TableName: 'x', KeySchema: [...table.KeySchema], AttributeDefinitions: [...table.AttributeDefinitions] })),
    ],
    ['AccessDeniedException', async () => new LambdaClient(settings()).send(new UpdateFunctionConfigurationCommand({ FunctionName: 'holdfast-orders-tick', Timeout: 9 }))],
    ['AccessDeniedException', async () => new LambdaClient(settings()).send(new ListFunctionsCommand({}))],
    ['AccessDenied', async () => new S3Client({ ...settings(), forcePathStyle: true }).send(new CreateBucketCommand({ Bucket: 'made' }))],
    ['AccessDenied', async () => new Route53Client(settings()).send(new ChangeResourceRecordSetsCommand({ HostedZoneId: 'Z1', ChangeBatch: { Changes: [] } }))],
  ] as const)
    await expect(call()).rejects.toMatchObject({ name });
  await expect(new DynamoDBClient(settings('observer')).send(new ScanCommand({ TableName: 'rows' }))).resolves.toBeDefined();
  // Clients and health checkers.
  expect((await request(region, '0123abcd.execute-api.us-east-1.amazonaws.com', '/')).status).not.toBe(403);

  const { isRefusing, refused, allowed } = await planes.state();
  expect(isRefusing).toBe(true);
  expect(refused.map(({ caller, path: where, action }) => [caller, where, action])).toEqual([
    ['holdfast-orders-tick', 'failover', 'dynamodb:CreateTable'],
    ['holdfast-orders-tick', 'failover', 'dynamodb:Scan'],
    ['holdfast-orders-scrub', 'vault', 'dynamodb:DescribeTable'],
    ['', null, 'dynamodb:CreateTable'],
    ['', null, 'lambda:UpdateFunctionConfiguration'],
    ['', null, 'lambda:ListFunctions'],
    ['', null, 's3:CreateBucket'],
    ['', null, 'route53:ChangeResourceRecordSets'],
  ]);
  expect(allowed).toContainEqual({ region: 'us-east-1', caller: 'holdfast-orders-tick', action: 'dynamodb:GetItem', times: 1 });
  expect(allowed).toContainEqual(expect.objectContaining({ caller: '', action: 'execute-api:Invoke' }));
});

test('a state machine is judged where the engine dispatches for it, and may invoke', async () => {
  expect(await runFailover('fo-2-1')).toBe('Dynamodb.AccessDeniedException');
  const { refused, allowed } = await planes.state();
  expect(refused.at(-1)).toMatchObject({ caller: 'state Make of holdfast-orders-failover', path: 'failover', action: 'dynamodb:CreateTable', what: 'state Make of fo-2-1' });
  expect(allowed).toContainEqual(expect.objectContaining({ caller: 'state Invoke of holdfast-orders-failover', action: 'lambda:InvokeFunction' }));
});

test('a region that was killed refuses from its start on, and what was refused stays known', async () => {
  const before = (await planes.state()).refused.length;
  running.signal('SIGKILL');
  await running.stopped;
  expect(await planes.state()).toMatchObject({ silent: ['us-east-1'], refused: expect.objectContaining({ length: before }) });
  running = await startRegion(engine, region);
  await expect(new LambdaClient(settings()).send(new ListFunctionsCommand({}))).rejects.toMatchObject({ name: 'AccessDeniedException' });
  expect((await planes.state()).refused).toHaveLength(before + 1);
});

test('all is allowed again when somebody says so', async () => {
  planes.allow();
  await expect(new LambdaClient(settings()).send(new ListFunctionsCommand({}))).resolves.toBeDefined();
  expect((await planes.state()).isRefusing).toBe(false);
  planes.refuse();
  expect((await planes.state()).refused).toEqual([]);
  planes.allow();
});

// Why: the places where the emulator, as installed, differs from AWS in what Holdfast relies on. Each test fails without its correction.
import { CreateTableCommand, DescribeContinuousBackupsCommand, DescribeTableCommand, DescribeTimeToLiveCommand, PutItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetFunctionConcurrencyCommand, GetFunctionUrlConfigCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { ListHealthChecksCommand, Route53Client } from '@aws-sdk/client-route-53';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Engine, type EngineRegion, localAccountId, type RunningRegion, regionUrl, startRegion } from '../../../local/engine/ministack.ts';
import { credentials, deleteStack, deploy, discard, dynamo, eventually, install, lambda, newRegion, request, restart } from './engine-fixture.ts';

let engine: Engine;
let region: EngineRegion;
let running: RunningRegion;
let dynamoClient: DynamoDBClient;
let client: { region: string; endpoint: string; credentials: typeof credentials; maxAttempts: number };

beforeAll(async () => {
  engine = await install();
  region = await newRegion({ environment: { HOLDFAST_ENDPOINT_US_WEST_2: 'http://127.0.0.12:1' } });
  running = await startRegion(engine, region);
  dynamoClient = dynamo(region);
  client = { region: region.region, endpoint: regionUrl(region), credentials, maxAttempts: 1 };
}, 120_000);

afterAll(async () => {
  await discard(region, running);
});

const echo = `exports.handler = async (event) => ({ statusCode: 200, body: JSON.stringify({ path: event.rawPath, host: event.headers && event.headers.host, endpoint: process.env.HOLDFAST_ENDPOINT_US_WEST_2, own: process.env.AWS_ENDPOINT_URL }) });`;
const getAtt = (resource: string, attribute: string) => ({ 'Fn::GetAtt': [resource, attribute] });

const httpApi = (name: string, target: string) => ({
  Api: { Type: 'AWS::ApiGatewayV2::Api', Properties: { Name: name, ProtocolType: 'HTTP' } },
  Integration: { Type: 'AWS::ApiGatewayV2::Integration', Properties: { ApiId: { Ref: 'Api' }, IntegrationType: 'AWS_PROXY', IntegrationUri: getAtt(target, 'Arn'), PayloadFormatVersion: '2.0' } },
  Route: { Type: 'AWS::ApiGatewayV2::Route', Properties: { ApiId: { Ref: 'Api' }, RouteKey: '$default', Target: { 'Fn::Join': ['', ['integrations/', { Ref: 'Integration' }]] } } },
  Stage: { Type: 'AWS::ApiGatewayV2::Stage', Properties: { ApiId: { Ref: 'Api' }, StageName: '$default', AutoDeploy: true } },
});

describe('addresses', () => {
  test('an HTTP API is reached by its custom domain, by its own host name, and a function by that of its URL', async () => {
    const outputs = await deploy(region, 'addresses', {
      Resources: {
        Echo: lambda('echo', echo),
        ...httpApi('orders', 'Echo'),
        Domain: {
          Type: 'AWS::ApiGatewayV2::DomainName',
          Properties: {
            DomainName: 'api.orders.example',
            DomainNameConfigurations: [{ EndpointType: 'REGIONAL', CertificateArn: `arn:aws:acm:us-east-1:${localAccountId}:certificate/00000000-0000-0000-0000-000000000000` }],
          },
        },
        Mapping: { Type: 'AWS::ApiGatewayV2::ApiMapping', Properties: { ApiId: { Ref: 'Api' }, DomainName: { Ref: 'Domain' }, Stage: { Ref: 'Stage' } } },
        Url: { Type: 'AWS::Lambda::Url', Properties: { TargetFunctionArn: getAtt('Echo', 'Arn'), AuthType: 'NONE' } },
      },
      Outputs: {
        Target: { Value: getAtt('Domain', 'RegionalDomainName') },
        Api: { Value: { Ref: 'Api' } },
        Endpoint: { Value: getAtt('Api', 'ApiEndpoint') },
        Url: { Value: getAtt('Url', 'FunctionUrl') },
      },
    });
    expect(outputs['Target']).toMatch(/^d-[a-z0-9]{10}\.execute-api\.us-east-1\.amazonaws\.com$/);
    expect(outputs['Endpoint']).toBe(`https://${outputs['Api']}.execute-api.us-east-1.amazonaws.com`);

    const urlHost = new URL(outputs['Url'] ?? '').hostname;
    expect(urlHost).toMatch(/\.lambda-url\.us-east-1\.on\.aws$/);
    for (const host of ['api.orders.example', `api.orders.example:${region.port}`, `${outputs['Api']}.execute-api.us-east-1.amazonaws.com`, urlHost]) {
      const answer = await request(region, host, '/orders/1?x=y', 'PUT', '{"a":1}');
      expect([host, answer.status, JSON.parse(answer.body)]).toEqual([
        host,
        200,
        {
          path: '/orders/1',
          host: expect.stringContaining(host.split(':')[0] ?? ''),
          endpoint: 'http://127.0.0.12:1',
          own: regionUrl(region),
        },
      ]);
    }
    const config = await new LambdaClient(client).send(new GetFunctionUrlConfigCommand({ FunctionName: 'echo' }));
    expect(config.FunctionUrl).toBe(outputs['Url']);
  }, 20_000);

  test('every answer carries the Date by which the product checks clocks', async () => {
    let date: string | undefined;
    const sent = Date.now();
    const observed = dynamo(region);
    observed.middlewareStack.add(
      (next) => async (input) => {
        const result = await next(input);
        if (typeof result.response === 'object' && result.response !== null && 'headers' in result.response) date = Object(result.response.headers)['date'];
        return result;
      },
      { step: 'deserialize' },
    );
    await observed.send(
      new CreateTableCommand({
        TableName: 'dated',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      }),
    );
    const at = Date.parse(date ?? '');
    expect(at).toBeGreaterThan(sent - 1_001); // whole seconds, cut off
    expect(at).toBeLessThanOrEqual(Date.now());
  });
});

describe('Lambda', () => {
  const slow = `exports.handler = async () => { await new Promise((resolve) => setTimeout(resolve, 700)); return { statusCode: 200, body: 'done' }; };`;

  test('reserved concurrency holds for an HTTP API (503) and a function URL (429)', async () => {
    const outputs = await deploy(region, 'reserved', {
      Resources: {
        Slow: lambda('slow', slow, { ReservedConcurrentExecutions: 2 }),
        ...httpApi('slow', 'Slow'),
        Url: { Type: 'AWS::Lambda::Url', Properties: { TargetFunctionArn: getAtt('Slow', 'Arn'), AuthType: 'NONE' } },
      },
      Outputs: { Api: { Value: { Ref: 'Api' } }, Url: { Value: getAtt('Url', 'FunctionUrl') } },
    });
    const reserved = await new LambdaClient(client).send(new GetFunctionConcurrencyCommand({ FunctionName: 'slow' }));
    expect(reserved.ReservedConcurrentExecutions).toBe(2);
    for (const [host, refusal] of [
      [`${outputs['Api']}.execute-api.us-east-1.amazonaws.com`, 503],
      [new URL(outputs['Url'] ?? '').hostname, 429],
    ] as const) {
      const answers = await Promise.all(Array.from({ length: 5 }, () => request(region, host, '/')));
      expect([host, answers.map((answer) => answer.status).sort()]).toEqual([host, [200, 200, refusal, refusal, refusal].sort()]);
    }
  }, 20_000);

  test('a thrown error arrives by its name, and its process lives on', async () => {
    await deploy(region, 'thrower', {
      Resources: {
        Thrower: lambda(
          'thrower',
          `
      class StaleEpoch extends Error { name = 'StaleEpoch'; }
      let calls = 0;
      exports.handler = async (event) => { calls++; if (event.fail) throw new StaleEpoch('epoch 7 is over'); return { calls }; };`,
        ),
      },
    });
    const lambdas = new LambdaClient(client);
    const invoke = async (payload: unknown) => {
      const answer = await lambdas.send(new InvokeCommand({ FunctionName: 'thrower', Payload: JSON.stringify(payload) }));
      return [answer.FunctionError, JSON.parse(Buffer.from(answer.Payload ?? []).toString())];
    };
    expect(await invoke({ fail: true })).toEqual(['Unhandled', expect.objectContaining({ errorType: 'StaleEpoch', errorMessage: 'epoch 7 is over' })]);
    expect(await invoke({})).toEqual([undefined, { calls: 2 }]);
  }, 20_000);
});

describe('Step Functions', () => {
  async function runMachine(name: string, definition: unknown, input: unknown = {}): Promise<{ status: string | undefined; output: unknown; error: string | undefined; seconds: number }> {
    const outputs = await deploy(region, name, {
      Resources: {
        Machine: {
          Type: 'AWS::StepFunctions::StateMachine',
          Properties: { StateMachineName: name, RoleArn: `arn:aws:iam::${localAccountId}:role/test`, DefinitionString: JSON.stringify(definition) },
        },
      },
      Outputs: { Arn: { Value: { Ref: 'Machine' } } },
    });
    const machines = new SFNClient(client);
    const started = await machines.send(new StartExecutionCommand({ stateMachineArn: outputs['Arn'], name: 'run-1', input: JSON.stringify(input) }));
    return eventually(`the end of ${name}`, async () => {
      const execution = await machines.send(new DescribeExecutionCommand({ executionArn: started.executionArn }));
      if (execution.status === 'RUNNING') return undefined;
      const seconds = ((execution.stopDate?.getTime() ?? 0) - (execution.startDate?.getTime() ?? 0)) / 1000;
      return { status: execution.status, output: JSON.parse(execution.output ?? 'null'), error: execution.error, seconds };
    });
  }

  test('Catch matches the name of the error', async () => {
    const arn = `arn:aws:lambda:us-east-1:${localAccountId}:function:thrower`;
    const result = await runMachine('catcher', {
      QueryLanguage: 'JSONata',
      StartAt: 'Throw',
      States: {
        Throw: {
          Type: 'Task',
          Resource: 'arn:aws:states:::lambda:invoke',
          Arguments: { FunctionName: arn, Payload: { fail: true } },
          Catch: [
            { ErrorEquals: ['Other'], Next: 'Wrong' },
            { ErrorEquals: ['StaleEpoch'], Next: 'Right', Assign: { error: '{% $states.errorOutput.Error %}' } },
          ],
          Next: 'Wrong',
        },
        Right: { Type: 'Succeed', Output: { caught: '{% $error %}' } },
        Wrong: { Type: 'Fail' },
      },
    });
    expect(result).toMatchObject({ status: 'SUCCEEDED', output: { caught: 'StaleEpoch' } });
  }, 20_000);

  test('Assign sees the old values; Parallel has Arguments, Output and Assign, and branches of its own', async () => {
    const branch = (own: string) => ({
      StartAt: `First${own}`,
      States: {
        [`First${own}`]: { Type: 'Pass', Assign: { mine: own }, Next: `Pause${own}` },
        [`Pause${own}`]: { Type: 'Wait', Seconds: 1, Next: `Second${own}` },
        [`Second${own}`]: { Type: 'Pass', Output: { mine: '{% $mine %}', state: '{% $states.context.State.Name %}', argument: '{% $states.input.argument %}' }, End: true },
      },
    });
    const result = await runMachine('assigner', {
      QueryLanguage: 'JSONata',
      StartAt: 'Begin',
      States: {
        Begin: { Type: 'Pass', Assign: { a: 1, b: 2 }, Next: 'Swap' },
        Swap: { Type: 'Pass', Assign: { a: '{% $b %}', b: '{% $a %}' }, Next: 'Both' },
        Both: {
          Type: 'Parallel',
          Arguments: { argument: '{% $a %}' },
          Branches: [branch('A'), branch('B')],
          Assign: { count: '{% $count($states.result) %}' },
          Output: { branches: '{% $states.result %}' },
          Next: 'Done',
        },
        Done: { Type: 'Succeed', Output: { a: '{% $a %}', b: '{% $b %}', count: '{% $count %}', branches: '{% $states.input.branches %}' } },
      },
    });
    expect(result).toMatchObject({
      status: 'SUCCEEDED',
      output: {
        a: 2,
        b: 1,
        count: 2,
        branches: [
          { mine: 'A', state: 'SecondA', argument: 2 },
          { mine: 'B', state: 'SecondB', argument: 2 },
        ],
      },
    });
  }, 20_000);

  test('time limits: of the machine, and of a task as an expression; no delay at the start', async () => {
    const whole = await runMachine('limited', {
      QueryLanguage: 'JSONata',
      TimeoutSeconds: 1,
      StartAt: 'Wait',
      States: { Wait: { Type: 'Wait', Seconds: 2, Next: 'Late' }, Late: { Type: 'Succeed' } },
    });
    expect(whole).toMatchObject({ status: 'TIMED_OUT', error: 'States.Timeout' });
    const arn = `arn:aws:lambda:us-east-1:${localAccountId}:function:sleeper`;
    await deploy(region, 'sleeper', { Resources: { Sleeper: lambda('sleeper', `exports.handler = async () => { await new Promise((resolve) => setTimeout(resolve, 5000)); };`) } });
    const task = await runMachine(
      'tasklimit',
      {
        QueryLanguage: 'JSONata',
        StartAt: 'Task',
        States: { Task: { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', Arguments: { FunctionName: arn }, TimeoutSeconds: '{% $states.input.limit %}', End: true } },
      },
      { limit: 1 },
    );
    expect(task).toMatchObject({ status: 'FAILED', error: 'States.Timeout' });
    expect(task.seconds).toBeLessThan(3);
    const quick = await runMachine('quick', { StartAt: 'Done', States: { Done: { Type: 'Succeed' } } });
    expect(quick.seconds).toBeLessThan(0.14);
  }, 30_000);

  test('the same name and input while running answers with the running execution; another input, or one that ended, is refused', async () => {
    const outputs = await deploy(region, 'named', {
      Resources: {
        Machine: {
          Type: 'AWS::StepFunctions::StateMachine',
          Properties: {
            StateMachineName: 'named',
            RoleArn: `arn:aws:iam::${localAccountId}:role/test`,
            DefinitionString: JSON.stringify({ StartAt: 'Wait', States: { Wait: { Type: 'Wait', Seconds: 2, End: true } } }),
          },
        },
      },
      Outputs: { Arn: { Value: { Ref: 'Machine' } } },
    });
    const machines = new SFNClient(client);
    const start = (input: string) => machines.send(new StartExecutionCommand({ stateMachineArn: outputs['Arn'], name: 'fo-2-1', input }));
    const first = await start('{"epoch":2}');
    expect((await start('{"epoch":2}')).executionArn).toBe(first.executionArn);
    await expect(start('{"epoch":3}')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' });
    await eventually('the end', async () => ((await machines.send(new DescribeExecutionCommand({ executionArn: first.executionArn }))).status === 'SUCCEEDED' ? true : undefined));
    await expect(start('{"epoch":2}')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' });
  }, 20_000);
});

describe('CloudFormation', () => {
  const table = (properties: Record<string, unknown>) => ({
    Type: 'AWS::DynamoDB::Table',
    Properties: {
      TableName: 'kept',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      ...properties,
    },
  });

  test('a table has its time to live, point-in-time recovery, encryption and deletion protection', async () => {
    const properties = {
      TimeToLiveSpecification: { Enabled: true, AttributeName: 'until' },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      SSESpecification: { SSEEnabled: true },
      DeletionProtectionEnabled: true,
    };
    await deploy(region, 'kept', { Resources: { Kept: table(properties) } });
    const ttl = await dynamoClient.send(new DescribeTimeToLiveCommand({ TableName: 'kept' }));
    expect(ttl.TimeToLiveDescription).toEqual({ TimeToLiveStatus: 'ENABLED', AttributeName: 'until' });
    const backups = await dynamoClient.send(new DescribeContinuousBackupsCommand({ TableName: 'kept' }));
    expect(backups.ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus).toBe('ENABLED');
    expect(await deleteStack(region, 'kept')).toContain('DELETE_FAILED');
    const described = await dynamoClient.send(new DescribeTableCommand({ TableName: 'kept' }));
    expect(described.Table).toMatchObject({ DeletionProtectionEnabled: true, SSEDescription: { Status: 'ENABLED' } });
  }, 20_000);

  test('a health check is made, listed in full, and changed', async () => {
    const check = (threshold: number) => ({
      Resources: {
        Check: {
          Type: 'AWS::Route53::HealthCheck',
          Properties: {
            HealthCheckConfig: {
              Type: 'HTTPS',
              FullyQualifiedDomainName: 'gate.example',
              Port: 443,
              ResourcePath: '/gate/token',
              RequestInterval: 10,
              FailureThreshold: threshold,
              MeasureLatency: false,
              Regions: ['us-west-1', 'eu-west-1', 'sa-east-1'],
            },
          },
        },
      },
      Outputs: { Id: { Value: { Ref: 'Check' } } },
    });
    const outputs = await deploy(region, 'checks', check(1));
    await deploy(region, 'checks', check(2), 'UpdateStack');
    const listed = async () => (await new Route53Client({ ...client, region: 'us-east-1' }).send(new ListHealthChecksCommand({}))).HealthChecks ?? [];
    const expected = [
      expect.objectContaining({
        Id: outputs['Id'],
        HealthCheckConfig: {
          Type: 'HTTPS',
          FullyQualifiedDomainName: 'gate.example',
          Port: 443,
          ResourcePath: '/gate/token',
          RequestInterval: 10,
          FailureThreshold: 2,
          MeasureLatency: false,
          Regions: ['us-west-1', 'eu-west-1', 'sa-east-1'],
        },
      }),
    ];
    expect(await listed()).toEqual(expected);
  }, 20_000);

  test('a custom resource is called, answers by its ResponseURL, and the deploy answers when it is done', async () => {
    const provider = `
      exports.handler = async (event) => {
        const body = JSON.stringify({ Status: 'SUCCESS', PhysicalResourceId: 'rows', StackId: event.StackId, RequestId: event.RequestId, LogicalResourceId: event.LogicalResourceId, Data: { Answer: event.RequestType + ':' + event.ResourceProperties.Table } });
        const answer = await fetch(event.ResponseURL, { method: 'PUT', body });
        if (!answer.ok) throw new Error('refused');
      };`;
    const began = Date.now();
    const outputs = await deploy(region, 'custom', {
      Resources: { Provider: lambda('provider', provider), Rows: { Type: 'Custom::CreateRows', Properties: { ServiceToken: getAtt('Provider', 'Arn'), ServiceTimeout: 30, Table: 'orders' } } },
      Outputs: { Answer: { Value: getAtt('Rows', 'Answer') } },
    });
    expect(outputs['Answer']).toBe('Create:orders');
    expect(Date.now() - began).toBeLessThan(3_000);
  }, 40_000);
});

describe('event sources', () => {
  const recorder = (queueUrl: unknown) => ({ Environment: { Variables: { QUEUE_URL: queueUrl } } });
  const send = `
    const put = (body) => fetch(process.env.AWS_ENDPOINT_URL, { method: 'POST', headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.SendMessage', authorization: 'AWS4-HMAC-SHA256 Credential=${localAccountId}/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0' }, body: JSON.stringify({ QueueUrl: process.env.QUEUE_URL, MessageBody: JSON.stringify(body) }) });`;

  async function receive(queueUrl: string, until: (bodies: readonly Record<string, unknown>[]) => boolean, limitMs = 15_000): Promise<Record<string, unknown>[]> {
    const queues = new SQSClient(client);
    const bodies: Record<string, unknown>[] = [];
    return eventually(
      'messages',
      async () => {
        const answer = await queues.send(new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0, VisibilityTimeout: 300 }));
        for (const message of answer.Messages ?? []) bodies.push(JSON.parse(message.Body ?? '{}'));
        return until(bodies) ? bodies : undefined;
      },
      limitMs,
    );
  }

  test('a queue with delayed messages calls the function when they fall due, at most two at a time', async () => {
    const worker = `${send}
      exports.handler = async (event) => {
        const startedAtMs = Date.now();
        await new Promise((resolve) => setTimeout(resolve, 400));
        for (const record of event.Records) await put({ number: JSON.parse(record.body).number, startedAtMs, endedAtMs: Date.now() });
      };`;
    const outputs = await deploy(region, 'delayed', {
      Resources: {
        Out: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'delayed-out' } },
        Slots: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'slots', VisibilityTimeout: 60 } },
        Worker: lambda('slot-worker', worker, recorder({ Ref: 'Out' })),
        Mapping: {
          Type: 'AWS::Lambda::EventSourceMapping',
          Properties: { EventSourceArn: getAtt('Slots', 'Arn'), FunctionName: { Ref: 'Worker' }, BatchSize: 1, ScalingConfig: { MaximumConcurrency: 2 } },
        },
      },
      Outputs: { Slots: { Value: { Ref: 'Slots' } }, Out: { Value: { Ref: 'Out' } } },
    });
    const queues = new SQSClient(client);
    const sentAtMs = Date.now();
    const delays = [2, 2, 2, 2, 4, 150];
    for (const [number, seconds] of delays.entries()) await queues.send(new SendMessageCommand({ QueueUrl: outputs['Slots'], MessageBody: JSON.stringify({ number }), DelaySeconds: seconds }));
    const seen = await receive(outputs['Out'] ?? '', (bodies) => bodies.length === 5);
    const changes = seen
      .flatMap((call) => [
        { at: Number(call['startedAtMs']), by: 1 },
        { at: Number(call['endedAtMs']), by: -1 },
      ])
      .sort((a, b) => a.at - b.at || a.by - b.by);
    let together = 0;
    let most = 0;
    for (const change of changes) {
      together += change.by;
      most = Math.max(most, together);
    }
    expect(most).toBe(2);
    for (const call of seen) {
      const lateMs = Number(call['startedAtMs']) - sentAtMs - (delays[Number(call['number'])] ?? 0) * 1000;
      expect(lateMs).toBeGreaterThanOrEqual(0);
      expect(lateMs).toBeLessThan(2_500);
    }
  }, 30_000);

  test('a stream mapping retries from the first reported failure, gives up at its limit, delivers to others meanwhile, and goes on after a kill', async () => {
    const consumer = `${send}
      exports.handler = async (event) => {
        const keys = event.Records.map((record) => record.dynamodb.Keys.pk.S);
        await put({ keys });
        const bad = event.Records.find((record) => record.dynamodb.Keys.pk.S.startsWith('bad'));
        return { batchItemFailures: bad ? [{ itemIdentifier: bad.dynamodb.SequenceNumber }] : [] };
      };`;
    const blocker = `exports.handler = async () => { await new Promise((resolve) => setTimeout(resolve, 15_000)); };`;
    const streamed = (name: string) => ({
      Type: 'AWS::DynamoDB::Table',
      Properties: {
        TableName: name,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
        StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' },
      },
    });
    const mapping = (table: string, target: string, properties: Record<string, unknown>) => ({
      Type: 'AWS::Lambda::EventSourceMapping',
      Properties: { EventSourceArn: getAtt(table, 'StreamArn'), FunctionName: { Ref: target }, StartingPosition: 'TRIM_HORIZON', BatchSize: 10, ...properties },
    });
    const outputs = await deploy(region, 'streamed', {
      Resources: {
        Out: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'streamed-out' } },
        Dead: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'streamed-dead' } },
        Source: streamed('streamed'),
        Blocked: streamed('blocked'),
        Blocker: lambda('blocker', blocker),
        Consumer: lambda('consumer', consumer, recorder({ Ref: 'Out' })),
        BlockedMapping: mapping('Blocked', 'Blocker', {}),
        Mapping: mapping('Source', 'Consumer', {
          FunctionResponseTypes: ['ReportBatchItemFailures'],
          MaximumRetryAttempts: 1,
          DestinationConfig: { OnFailure: { Destination: getAtt('Dead', 'Arn') } },
        }),
      },
      Outputs: { Out: { Value: { Ref: 'Out' } }, Dead: { Value: { Ref: 'Dead' } } },
    });
    const put = (tableName: string, pk: string) => dynamoClient.send(new PutItemCommand({ TableName: tableName, Item: { pk: { S: pk } } }));
    await put('blocked', 'one'); // its handler takes 15 s
    for (const pk of ['good-1', 'good-2', 'bad', 'good-3']) await put('streamed', pk);
    const dead = await receive(outputs['Dead'] ?? '', (bodies) => bodies.length === 1);
    expect(dead[0]).toMatchObject({ requestContext: { condition: 'RetryAttemptsExhausted' }, DDBStreamBatchInfo: { batchSize: 2 } });
    const calls = await receive(outputs['Out'] ?? '', (bodies) => JSON.stringify(bodies.at(-1)) === '{"keys":["bad","good-3"]}' || bodies.length > 5);
    expect(calls.flatMap((call) => call['keys']).filter((key) => key === 'bad').length).toBeGreaterThanOrEqual(2);
    expect(calls.flatMap((call) => call['keys']).filter((key) => key === 'good-1')).toHaveLength(1);

    const { takeSnapshot } = await import('../../../local/engine/ministack.ts');
    await takeSnapshot(region);
    const written = Array.from({ length: 30 }, (_unused, index) => `later-${index}`);
    for (const pk of written) await put('streamed', pk);
    running = await restart(engine, region, running);
    dynamoClient = dynamo(region);
    const delivered = await receive(outputs['Out'] ?? '', (bodies) => new Set(bodies.flatMap((body) => body['keys']).filter((key) => String(key).startsWith('later'))).size === written.length);
    expect(new Set(delivered.flatMap((body) => body['keys']).filter((key) => String(key).startsWith('later')))).toEqual(new Set(written));
  }, 60_000);
});

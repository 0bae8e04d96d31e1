// Why: what Holdfast relies on of addresses, Lambda and CloudFormation: the places where the emulator as installed differs from AWS, and some where it must not begin to.
import { CreateTableCommand, DescribeContinuousBackupsCommand, DescribeTableCommand, DescribeTimeToLiveCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetFunctionConcurrencyCommand, GetFunctionUrlConfigCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { ListHealthChecksCommand, Route53Client } from '@aws-sdk/client-route-53';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Engine, type EngineRegion, localAccountId, type RunningRegion, regionUrl, startRegion } from '../../../local/engine/ministack.ts';
import { credentials, deleteStack, deploy, discard, dynamo, install, lambda, newRegion, request } from './engine-fixture.ts';

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
      expect([host, answers.map((answer) => answer.status).sort((a, b) => a - b)]).toEqual([host, [200, 200, refusal, refusal, refusal].sort((a, b) => a - b)]);
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
    // Without the answer it would take ServiceTimeout, 30 s; how fast the machine is, is no matter here.
    expect(Date.now() - began).toBeLessThan(15_000);
  }, 40_000);
});

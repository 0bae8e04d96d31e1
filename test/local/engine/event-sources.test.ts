// Why: ticks come from a queue with delays and the change log from a stream; both must call their functions as AWS does, also after a kill.
import { type DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Engine, type EngineRegion, localAccountId, type RunningRegion, regionUrl, startRegion, takeSnapshot } from '../../../local/engine/ministack.ts';
import { credentials, deploy, discard, dynamo, eventually, install, lambda, newRegion, restart } from './engine-fixture.ts';

let engine: Engine;
let region: EngineRegion;
let running: RunningRegion;
let dynamoClient: DynamoDBClient;
let client: { region: string; endpoint: string; credentials: typeof credentials; maxAttempts: number };

beforeAll(async () => {
  engine = await install();
  region = await newRegion();
  running = await startRegion(engine, region);
  dynamoClient = dynamo(region);
  client = { region: region.region, endpoint: regionUrl(region), credentials, maxAttempts: 1 };
}, 120_000);

afterAll(async () => {
  await discard(region, running);
});

const getAtt = (resource: string, attribute: string) => ({ 'Fn::GetAtt': [resource, attribute] });

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

    await takeSnapshot(region);
    const written = Array.from({ length: 30 }, (_unused, index) => `later-${index}`);
    for (const pk of written) await put('streamed', pk);
    running = await restart(engine, region, running);
    dynamoClient = dynamo(region);
    const delivered = await receive(outputs['Out'] ?? '', (bodies) => new Set(bodies.flatMap((body) => body['keys']).filter((key) => String(key).startsWith('later'))).size === written.length);
    expect(new Set(delivered.flatMap((body) => body['keys']).filter((key) => String(key).startsWith('later')))).toEqual(new Set(written));
  }, 60_000);
});

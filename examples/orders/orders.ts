// Why: the service that Holdfast protects in the demo, and what you would read to put it into your own. It differs from an ordinary
// service in three places, each marked with (1), (2), (3).
import { ConditionalCheckFailedException, DeleteItemCommand, DynamoDBClient, GetItemCommand, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import { readEnvironment } from '../../src/config/environment.ts';
import { type Closed, createFence } from '../../src/workload/fence.ts';
import { unfenced, withEpoch } from '../../src/workload/with-epoch.ts';

const { region, config } = readEnvironment();
const { data: TableName } = config.tables;

/** No attempt outlives this, nor the lease: what was not answered by then is unknown, and the client asks again. */
const WRITE_LIMIT_MS = 1000;
const RETRY_AFTER_SECONDS = 2;
const BODY_BYTES_MAX = 100_000;

// One attempt: this service's clients ask again by themselves.
const dynamoDb = new DynamoDBClient({ maxAttempts: 1, requestHandler: new NodeHttpHandler({ connectionTimeout: 300, requestTimeout: WRITE_LIMIT_MS, throwOnRequestTimeout: true }) });
const fence = createFence(dynamoDb, config, region);
// (2) Every write of this client goes under the fence's condition: the database itself refuses it once the epoch is over.
withEpoch(dynamoDb, config, { region, fence, attemptTimeoutMs: WRITE_LIMIT_MS });

export async function handler(event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> {
  const { method, path } = event.requestContext.http;
  if (path === config.service.livenessPath) return answer(200, { region });
  if (path === config.service.readinessPath) return ready();
  const id = /^\/orders\/([A-Za-z0-9_-]{1,64})$/.exec(path)?.[1];
  if (id === undefined) return answer(404, { error: 'it is /orders/{id}, the id 1 to 64 letters, digits, _ or -' });
  try {
    if (method === 'PUT') return await put(id, event);
    if (method === 'GET') return await get(id, event);
    if (method === 'DELETE') return await remove(id, event);
  } catch (error) {
    console.error(`${method} ${path} in ${region}: ${String(error)}`);
    return unavailable('the outcome is unknown');
  }
  return answer(405, { error: 'an order is written with PUT, read with GET and removed with DELETE' });
}

async function put(id: string, event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> {
  const body = (event.isBase64Encoded ? Buffer.from(event.body ?? '', 'base64').toString() : event.body) ?? '';
  if (body.length > BODY_BYTES_MAX || !isJsonObject(body)) return answer(400, { error: `the body must be a JSON object of at most ${BODY_BYTES_MAX} bytes` });

  // (1) May this region write at all, and until when?
  const permit = await fence.read();
  if (permit.kind === 'closed') return elsewhere(permit, event);

  await dynamoDb.send(new PutItemCommand({ TableName, Item: { [config.dataKey]: { S: id }, body: { S: body } } }));
  return answer(200, { id, region, epoch: permit.epoch });
}

async function remove(id: string, event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> {
  const permit = await fence.read();
  if (permit.kind === 'closed') return elsewhere(permit, event);
  const Key = { [config.dataKey]: { S: id } };
  const { Item } = await dynamoDb.send(new GetItemCommand({ TableName, Key, ConsistentRead: true }));
  if (Item === undefined) return answer(404, { error: `there is no order ${id}` });
  await dynamoDb.send(new DeleteItemCommand({ TableName, Key }));
  return answer(200, { id, region, epoch: permit.epoch });
}

async function get(id: string, event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> {
  const permit = await fence.read();
  if (permit.kind === 'closed') return elsewhere(permit, event);
  const { Item } = await dynamoDb.send(new GetItemCommand({ TableName, Key: { [config.dataKey]: { S: id } }, ConsistentRead: true }));
  if (Item === undefined) return answer(404, { error: `there is no order ${id}` });
  return answer(200, { id, region, epoch: permit.epoch, order: JSON.parse(Item['body']?.S ?? 'null') });
}

/** (3) Ready means that the table takes writes: this one can never succeed, and only a table that works says why. */
async function ready(): Promise<APIGatewayProxyStructuredResultV2> {
  const Key = { [config.dataKey]: { S: 'no#order' } };
  const write = {
    TableName,
    Key,
    UpdateExpression: 'SET body = :b',
    ConditionExpression: 'attribute_exists(#k)',
    ExpressionAttributeNames: { '#k': config.dataKey },
    ExpressionAttributeValues: { ':b': { S: '' } },
  };
  try {
    // Asked before this region is opened, too; it writes nothing.
    await dynamoDb.send(unfenced(new UpdateItemCommand(write)));
    return unavailable("the order 'no#order' exists, though no id may contain '#': remove it");
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return answer(200, { region });
    return unavailable(`the table takes no writes: ${String(error)}`);
  }
}

/** DNS takes its time to move: whoever still comes here is sent on to the region that serves. */
function elsewhere({ because, movedTo }: Closed, { rawPath, rawQueryString, requestContext }: APIGatewayProxyEventV2): APIGatewayProxyStructuredResultV2 {
  if (movedTo === null || new URL(movedTo).host === requestContext.domainName) return unavailable(because);
  const location = new URL(`${rawPath}${rawQueryString === '' ? '' : `?${rawQueryString}`}`, movedTo).href;
  const { statusCode, headers, body } = answer(307, { error: because, region, location });
  return { statusCode, headers: { ...headers, location }, body };
}

function unavailable(because: string): APIGatewayProxyStructuredResultV2 {
  const { statusCode, headers, body } = answer(503, { error: because, region });
  return { statusCode, headers: { ...headers, 'retry-after': String(RETRY_AFTER_SECONDS) }, body };
}

function answer(statusCode: number, body: object) {
  return { statusCode, headers: { 'content-type': 'application/json', 'cache-control': 'no-store' }, body: JSON.stringify(body) };
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

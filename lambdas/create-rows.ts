// Custom resource: writes the first rows when the tables are created, with `attribute_not_exists`, and never again. A later
// deployment over an emptied table would make an acceptor forget (H3), so a table that is not new is refused.
import { ConditionalCheckFailedException, DescribeTableCommand, PutItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoDbOf } from '../src/client/connect.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { RefusedError } from '../src/core/errors.ts';
import { firstRows, type FirstRow } from '../src/core/rows/first-rows.ts';
import { toAttributeValue } from '../src/drivers/aws/expressions.ts';

type ResourceEvent = {
  readonly RequestType: 'Create' | 'Update' | 'Delete';
  readonly ResponseURL: string;
  readonly StackId: string;
  readonly RequestId: string;
  readonly LogicalResourceId: string;
  readonly PhysicalResourceId?: string;
};

/** A table of this age was created by this deployment; an older one has a history that must not be begun again. */
const newTableAgeMsMax = 60 * 60 * 1000;

export async function handler(event: ResourceEvent): Promise<void> {
  let failure: string | undefined;
  try {
    if (event.RequestType === 'Create') await createRows();
  } catch (error) {
    failure = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
  await respond(event, failure);
}

async function createRows(): Promise<void> {
  const { config, region } = environment;
  const rows = firstRows(config, region, config.initialRegion);
  const names = [...new Set(rows.map((r) => tableOf(r)))];
  const created = await Promise.all(names.map(async (name) => ({ name, at: await createdAt(client, name) })));
  for (const { name, at } of created) {
    const ageMs = Date.now() - at.getTime();
    if (ageMs > newTableAgeMsMax)
      throw new RefusedError(
        `Table ${name} in ${region} is ${Math.round(ageMs / 60_000)} minutes old: its first rows are written only when it is created. Give this region's acceptor a new incarnation instead.`,
      );
  }
  await Promise.all(rows.map(async (row) => putFirst(row)));
}

async function createdAt(dynamoDb: DynamoDBClient, name: string): Promise<Date> {
  const { Table } = await dynamoDb.send(new DescribeTableCommand({ TableName: name }));
  return Table?.CreationDateTime ?? new Date(0);
}

function tableOf(row: FirstRow): string {
  const { config, region } = environment;
  if (row.key.table === 'register') return config.voters.find((v) => v.region === region)?.registerTable ?? '';
  return config.tables[row.key.table];
}

async function putFirst(first: FirstRow): Promise<void> {
  const { pk, sk } = first.key;
  const attributes = Object.fromEntries(Object.entries(first.row).map(([name, value]) => [name, toAttributeValue(value)]));
  const item = { pk: { S: pk }, ...(sk === undefined ? {} : { sk: { S: sk } }), ...attributes };
  try {
    await client.send(new PutItemCommand({ TableName: tableOf(first), Item: item, ConditionExpression: 'attribute_not_exists(pk)' }));
  } catch (error) {
    // The deployment delivers twice as well: the row that stands is the first one.
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
  }
}

async function respond(event: ResourceEvent, failure: string | undefined): Promise<void> {
  const { StackId, RequestId, LogicalResourceId } = event;
  const body = {
    Status: failure === undefined ? 'SUCCESS' : 'FAILED',
    Reason: failure ?? '',
    PhysicalResourceId: event.PhysicalResourceId ?? `first-rows-${environment.config.group}`,
    StackId,
    RequestId,
    LogicalResourceId,
  };
  const answer = await fetch(event.ResponseURL, { method: 'PUT', body: JSON.stringify(body), headers: { 'content-type': '' } });
  if (!answer.ok) throw new Error(`CloudFormation did not take the answer (${answer.status}): the stack waits until its time-out`);
}

const environment = readEnvironment();
const client = dynamoDbOf(environment.region, environment);

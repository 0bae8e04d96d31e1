// Custom resource: writes the first rows when the tables are created, with `attribute_not_exists`, and never again. A later
// deployment over an emptied table would make an acceptor forget (H3), so a table that is not new is refused. Where the group
// runs already, the acceptor's row is an empty one: it votes once `holdfast voters` has brought it in.
import { randomUUID } from 'node:crypto';
import { ConditionalCheckFailedException, DescribeTableCommand, PutItemCommand, ResourceNotFoundException, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoDbOf, rowStoreOf } from '../src/client/connect.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { RefusedError } from '../src/core/errors.ts';
import { registerKey } from '../src/core/register/acceptor-rows.ts';
import { firstRows, joiningRow, type FirstRow } from '../src/core/rows/first-rows.ts';
import { toAttributeValue } from '../src/drivers/aws/expressions.ts';

type ResourceEvent = {
  readonly RequestType: 'Create' | 'Update' | 'Delete';
  readonly ResponseURL: string;
  readonly StackId: string;
  readonly RequestId: string;
  readonly LogicalResourceId: string;
  readonly PhysicalResourceId?: string;
  readonly ResourceProperties?: Properties;
  readonly OldResourceProperties?: Properties;
};

type Properties = { readonly RegisterTable?: string; readonly StrongRegister?: string };

/** A table of this age was created by this deployment; an older one has a history that must not be begun again. */
const newTableAgeMsMax = 60 * 60 * 1000;

export async function handler(event: ResourceEvent): Promise<void> {
  let failure: string | undefined;
  try {
    refuseMove(event);
    if (event.RequestType === 'Create') await createRows(await everyRow());
    else if (isNewRegister(event)) await createRows(rowsOfNewRegister());
  } catch (error) {
    failure = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
  await respond(event, failure);
}

/** Where some regions had moved and others not, there would be two registers. CloudFormation rolls the stack back. */
function refuseMove({ RequestType, ResourceProperties, OldResourceProperties }: ResourceEvent): void {
  const [now, before] = [ResourceProperties?.StrongRegister, OldResourceProperties?.StrongRegister];
  if (RequestType !== 'Update' || now === before) return;
  throw new RefusedError(
    `Group ${environment.config.group} was founded with its register in ${before ?? "the regions' own tables"}, and a register does not move (now: ${now ?? "the regions' own tables"}): set 'register' in holdfast.config.ts back, or found another group.`,
  );
}

/** The acceptor's table was given its next name: the region has a new, empty voter, and all its other rows. */
function isNewRegister({ RequestType, ResourceProperties, OldResourceProperties }: ResourceEvent): boolean {
  const [now, before] = [ResourceProperties?.RegisterTable, OldResourceProperties?.RegisterTable];
  return RequestType === 'Update' && now !== undefined && before !== undefined && now !== before;
}

async function everyRow(): Promise<FirstRow[]> {
  const rows = everyFounderRow();
  const others = await otherRegisters();
  const { group, configId, strongRegister } = environment.config;
  if (strongRegister === undefined) return others.some(({ row }) => row !== undefined && row['config'] !== configId) ? newVoter(rows) : rows;
  const founded = others.filter(({ row }) => row !== undefined).map((o) => o.region);
  if (founded.length === 0) return rows;
  throw new RefusedError(
    `Group ${group} was founded with its register in the regions' own tables (${founded.join(', ')}), and a register does not move: set 'register' in holdfast.config.ts back, or found another group.`,
  );
}

function everyFounderRow(): FirstRow[] {
  const { config, region } = environment;
  const rows = firstRows(config, region, config.initialRegion);
  const { strongRegister: strong } = config;
  // One row for all three regions: the region whose stack makes the table writes it.
  return strong === undefined || strong.home === region ? rows : rows.filter((r) => !isRegisterRow(r));
}

function isRegisterRow({ key }: FirstRow): boolean {
  return key.table === 'register' && key.pk === registerKey(environment.config.group).pk;
}

/** The one strongly consistent table is none of these: it keeps its row. */
function rowsOfNewRegister(): FirstRow[] {
  const rows = everyFounderRow().filter((r) => r.key.table === 'register');
  return environment.config.strongRegister === undefined ? newVoter(rows) : rows.filter((r) => !isRegisterRow(r));
}

function newVoter(rows: readonly FirstRow[]): FirstRow[] {
  const { group } = environment.config;
  return rows.map((r) => (isRegisterRow(r) ? joiningRow(group, randomUUID().replaceAll('-', '')) : r));
}

/**
 * The acceptors' rows of the other regions. One that votes in a set which is not the one of this deployment: then there is a register
 * already, and a founder's row here would begin a second one. A region without table or row says nothing; one that cannot be asked stops
 * the deployment.
 */
async function otherRegisters() {
  const { config, region } = environment;
  return Promise.all(config.voters.filter((v) => v.region !== region).map(async (v) => ({ region: v.region, row: await readRegister(v.region) })));
}

async function readRegister(region: string) {
  const { config } = environment;
  try {
    return await rowStoreOf(config, region, dynamoDbOf(region, environment)).get(registerKey(config.group));
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    const because = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new RefusedError(`${region} could not be asked whether the group runs already (${because}): a first row here could begin a second register. Deploy again when it answers.`);
  }
}

async function createRows(rows: readonly FirstRow[]): Promise<void> {
  const { region } = environment;
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
  if (config.strongRegister !== undefined && isRegisterRow(row)) return config.strongRegister.table;
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

// The observer's own reading of the tables, through the SDK at each region's endpoint. Strongly consistent, with time-outs that end the
// call (the SDK's plain requestTimeout only logs), no retries of its own: a region that is gone must not hold the observer up.
import { DeleteTableCommand, DescribeTableCommand, DynamoDBClient, GetItemCommand, QueryCommand, ScanCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { Agent } from 'node:http';
import { z } from 'zod';
import { OUTSTANDING_MAX } from './bounded-http-client.ts';

const CONNECTION_TIMEOUT_MS = 500;
const REQUEST_TIMEOUT_MS = 900;
const SCAN_SEGMENTS = OUTSTANDING_MAX;
/** A page that fails is asked for again: a scan of a living region must not fail because one answer was slow. */
const PAGE_TRIES_MAX = 8;
/** A whole page of large rows takes a local region longer than a call may last. */
const PAGE_ROWS = 200;

const registerValue = z.looseObject({
  state: z.string(),
  holder: z.string().nullable(),
  epoch: z.number(),
  attempt: z.number().default(1),
  successor: z.string().nullish(),
  released: z.boolean().default(false),
});

const eligibility = z.looseObject({ regions: z.record(z.string(), z.looseObject({ reconciled: z.boolean() })).default({}) });

export interface RegisterRow {
  readonly ballot: string;
  readonly state: string;
  readonly holder: string | null;
  readonly epoch: number;
  readonly attempt: number;
  readonly successor: string | null;
  readonly released: boolean;
}

export type Item = Record<string, AttributeValue>;

export class RegionTables {
  readonly region: string;
  readonly #client: DynamoDBClient;

  constructor(region: string, endpoint: string) {
    this.region = region;
    this.#client = new DynamoDBClient({
      region,
      endpoint,
      maxAttempts: 1,
      credentials: {
        accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? '111111111111',
        secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? 'any',
        // By it the harness knows whom not to refuse; the local regions check no token.
        sessionToken: 'observer',
      },
      requestHandler: new NodeHttpHandler({
        connectionTimeout: CONNECTION_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        throwOnRequestTimeout: true,
        httpAgent: new Agent({ keepAlive: true, maxSockets: OUTSTANDING_MAX }),
      }),
    });
  }

  /** What this region's acceptor has accepted; null where it has accepted nothing. */
  async readRegister(tableName: string, group: string): Promise<RegisterRow | null> {
    const { Item: item } = await this.#client.send(new GetItemCommand({ TableName: tableName, Key: { pk: { S: `REGISTER#${group}` } }, ConsistentRead: true }));
    return readRegisterItem(item);
  }

  /** Whether `region` may take over by what this region's acceptor has accepted; null where it says nothing of it. */
  async readReconciled(tableName: string, group: string, region: string): Promise<boolean | null> {
    const { Item: item } = await this.#client.send(new GetItemCommand({ TableName: tableName, Key: { pk: { S: `REGISTER#${group}` } }, ConsistentRead: true }));
    const text = item?.['acceptedValue']?.S;
    return text === undefined || text === '' ? null : (eligibility.parse(JSON.parse(text)).regions[region]?.reconciled ?? null);
  }

  /** Every item of the table, with the name of its partition key. */
  async scan(tableName: string): Promise<{ keyName: string; items: Item[] }> {
    const { Table: table } = await this.#patiently(() => this.#client.send(new DescribeTableCommand({ TableName: tableName })));
    const keyName = table?.KeySchema?.find((key) => key.KeyType === 'HASH')?.AttributeName;
    if (keyName === undefined) throw new Error(`table ${tableName} in ${this.region} names no partition key`);
    const segments = Array.from({ length: SCAN_SEGMENTS }, (_, segment) => this.#scanSegment(tableName, segment));
    return { keyName, items: (await Promise.all(segments)).flat() };
  }

  /** As an administrator: for tables that a restore made. */
  async drop(tableName: string): Promise<void> {
    await this.#patiently(() => this.#client.send(new DeleteTableCommand({ TableName: tableName })));
  }

  /** The product's divergence report for writes that `origin` accepted: rows of the region table. */
  readDivergence(regionTableName: string, origin: string): Promise<Item[]> {
    return this.readRows(regionTableName, 'DIVERGENCE', origin);
  }

  /** Rows about `origin` of one kind in the region table. */
  async readRows(regionTableName: string, kind: string, origin: string): Promise<Item[]> {
    const items: Item[] = [];
    let from: Item | undefined;
    do {
      const page = await this.#patiently(() =>
        this.#client.send(
          new QueryCommand({
            TableName: regionTableName,
            KeyConditionExpression: 'pk = :pk AND begins_with(sk, :origin)',
            ExpressionAttributeValues: { ':pk': { S: kind }, ':origin': { S: `${origin}#` } },
            ConsistentRead: true,
            Limit: PAGE_ROWS,
            ...(from === undefined ? {} : { ExclusiveStartKey: from }),
          }),
        ),
      );
      items.push(...(page.Items ?? []));
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
    return items;
  }

  close(): void {
    this.#client.destroy();
  }

  async #scanSegment(tableName: string, segment: number): Promise<Item[]> {
    const items: Item[] = [];
    let from: Item | undefined;
    do {
      const page = await this.#patiently(() =>
        this.#client.send(
          new ScanCommand({
            TableName: tableName,
            Segment: segment,
            TotalSegments: SCAN_SEGMENTS,
            ConsistentRead: true,
            ...(from === undefined ? {} : { ExclusiveStartKey: from }),
          }),
        ),
      );
      items.push(...(page.Items ?? []));
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
    return items;
  }

  async #patiently<T>(call: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await call();
      } catch (error) {
        if (tries >= PAGE_TRIES_MAX) throw new Error(`${this.region} did not answer a read of its tables ${tries} times: ${String(error)}`, { cause: error });
      }
    }
  }
}

export function readRegisterItem(item: Item | undefined): RegisterRow | null {
  const ballot = item?.['acceptedBallot']?.S;
  const text = item?.['acceptedValue']?.S;
  if (ballot === undefined || text === undefined || ballot === '' || text === '') return null;
  const value = registerValue.parse(JSON.parse(text));
  return { ballot, state: value.state, holder: value.holder, epoch: value.epoch, attempt: value.attempt, successor: value.successor ?? null, released: value.released };
}

/** This run's writes among items of the orders table: id → the item as text. */
export function storedWrites(run: string, keyName: string, items: readonly Item[]): Map<string, string> {
  const stored = new Map<string, string>();
  for (const item of items) {
    const id = findWriteId(run, item[keyName]?.S);
    if (id !== null) stored.set(id, JSON.stringify(item));
  }
  return stored;
}

/** This run's writes in the divergence report: id → the lost region's version as the report keeps it (empty where it keeps none). */
export function divergentWrites(run: string, items: readonly Item[]): Map<string, string> {
  const listed = new Map<string, string>();
  for (const item of items) {
    const id = findWriteId(run, JSON.stringify(item['itemKey'] ?? null));
    if (id !== null) listed.set(id, `${listed.get(id) ?? ''}${item['theirs'] === undefined ? '' : unescapeJson(JSON.stringify(item['theirs']))}`);
  }
  return listed;
}

/** JSON within JSON within an attribute has its quotes escaped; the observer's texts have neither quotes nor backslashes. */
function unescapeJson(text: string): string {
  return text.replaceAll('\\', '');
}

function findWriteId(run: string, text: string | undefined): string | null {
  const start = text?.indexOf(`${run}-`) ?? -1;
  if (text === undefined || start < 0) return null;
  const digits = /^\d+/.exec(text.slice(start + run.length + 1))?.[0];
  return digits === undefined ? null : `${run}-${digits}`;
}

// Tables of one region as backups read them and restores fill them. A client of its own: unlike the protocol's calls, a page of a scan may take
// its time, and a call that was throttled is sent again.
import {
  BatchWriteItemCommand,
  CreateTableCommand,
  DeleteTableCommand,
  DescribeTableCommand,
  DynamoDBClient,
  ResourceInUseException,
  ResourceNotFoundException,
  ScanCommand,
  type AttributeValue,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { setTimeout } from 'node:timers/promises';
import { RefusedError, StepNotReadyError } from '../../core/errors.ts';
import type { Image } from '../../core/log/change-record.ts';
import type { TableState, TableStore } from '../../ports/table-store.ts';
import { toImage, toItem } from './item-image.ts';

const bulkTimeoutMs = 20_000;
const bulkAttempts = 6;
/** Of DynamoDB. */
const batchItemsMax = 25;
const batchesAtOnce = 4;
const unprocessedTriesMax = 12;
const unprocessedWaitMs = 50;
const unprocessedWaitMsMax = 5000;

export function createBulkDynamoDb(region: string, endpoint: string | undefined): DynamoDBClient {
  return new DynamoDBClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    maxAttempts: bulkAttempts,
    requestHandler: new NodeHttpHandler({ connectionTimeout: 2000, requestTimeout: bulkTimeoutMs, throwOnRequestTimeout: true }),
  });
}

export class DynamoDbTableStore implements TableStore {
  readonly region: string;
  readonly #client: DynamoDBClient;
  readonly #wait: (ms: number) => Promise<void>;

  constructor(region: string, client: DynamoDBClient, wait: (ms: number) => Promise<void> = async (ms) => setTimeout(ms)) {
    this.region = region;
    this.#client = client;
    this.#wait = wait;
  }

  async describe(table: string): Promise<TableState | null> {
    try {
      const { Table } = await this.#client.send(new DescribeTableCommand({ TableName: table }), limit());
      const [hash, ...more] = Table?.KeySchema ?? [];
      const keyName = hash?.AttributeName;
      const isText = Table?.AttributeDefinitions?.some((a) => a.AttributeName === keyName && a.AttributeType === 'S');
      if (keyName === undefined || more.length > 0 || isText !== true)
        throw new RefusedError(`Table ${table} in ${this.region} has another key than one partition key of type String: Holdfast does not back it up or restore into it. Nothing was changed.`);
      return { isReady: Table?.TableStatus === 'ACTIVE', keyName, bytes: Table?.TableSizeBytes ?? 0 };
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return null;
      throw error;
    }
  }

  async create(table: string, keyName: string): Promise<void> {
    try {
      await this.#client.send(
        new CreateTableCommand({
          TableName: table,
          KeySchema: [{ AttributeName: keyName, KeyType: 'HASH' }],
          AttributeDefinitions: [{ AttributeName: keyName, AttributeType: 'S' }],
          BillingMode: 'PAY_PER_REQUEST',
        }),
        limit(),
      );
    } catch (error) {
      if (!(error instanceof ResourceInUseException)) throw error;
    }
  }

  async drop(table: string): Promise<void> {
    try {
      await this.#client.send(new DeleteTableCommand({ TableName: table }), limit());
    } catch (error) {
      // In use: it is being made, or goes already; whoever waits for it to be gone asks again.
      if (!(error instanceof ResourceNotFoundException) && !(error instanceof ResourceInUseException)) throw error;
    }
  }

  async isEmpty(table: string): Promise<boolean> {
    const { Items } = await this.#client.send(new ScanCommand({ TableName: table, Limit: 1, ConsistentRead: true }), limit());
    return (Items ?? []).length === 0;
  }

  async *scan(table: string, segment: number, segments: number): AsyncIterable<readonly Image[]> {
    let from: Record<string, AttributeValue> | undefined;
    do {
      const page = await this.#client.send(
        new ScanCommand({ TableName: table, Segment: segment, TotalSegments: segments, ConsistentRead: true, ...(from === undefined ? {} : { ExclusiveStartKey: from }) }),
        limit(),
      );
      yield (page.Items ?? []).map(toImage);
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
  }

  async write(table: string, images: readonly Image[]): Promise<void> {
    const batches = Array.from({ length: Math.ceil(images.length / batchItemsMax) }, (_, i) => images.slice(i * batchItemsMax, (i + 1) * batchItemsMax));
    for (let i = 0; i < batches.length; i += batchesAtOnce) await Promise.all(batches.slice(i, i + batchesAtOnce).map(async (batch) => this.#writeBatch(table, batch)));
  }

  /** What DynamoDB leaves undone of a batch is sent again, each time a little later. */
  async #writeBatch(table: string, images: readonly Image[]): Promise<void> {
    let left: WriteRequest[] = images.map((image) => ({ PutRequest: { Item: toItem(image) } }));
    for (let round = 0; round < unprocessedTriesMax; round += 1) {
      const { UnprocessedItems } = await this.#client.send(new BatchWriteItemCommand({ RequestItems: { [table]: left } }), limit());
      left = UnprocessedItems?.[table] ?? [];
      if (left.length === 0) return;
      await this.#wait(Math.min(unprocessedWaitMsMax, unprocessedWaitMs * 2 ** round));
    }
    throw new StepNotReadyError(
      `Table ${table} in ${this.region} took ${images.length - left.length} of ${images.length} items and throttled the rest ${unprocessedTriesMax} times. The step may be repeated: writing again changes nothing.`,
    );
  }
}

/** The request's time limit ends with the answer's first byte; this one ends it whole, retries included. */
function limit(): { readonly abortSignal: AbortSignal } {
  return { abortSignal: AbortSignal.timeout(bulkTimeoutMs * bulkAttempts) };
}

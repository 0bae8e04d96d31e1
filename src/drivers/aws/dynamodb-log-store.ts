// Change logs in one region's log table: a segment is one item, the chain's head another; both are written together.
import { GetItemCommand, QueryCommand, TransactionCanceledException, TransactWriteItemsCommand, type AttributeValue, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { MalformedError } from '../../core/errors.ts';
import { emptyHead, headAfter, type LogHead, type Segment } from '../../core/log/segment.ts';
import { parseChangeRecords } from '../../core/log/parse-log.ts';
import type { LogStore } from '../../ports/log-store.ts';

/** How long a segment is kept: a stream keeps 24 h, so a region that was away for longer is compared in full anyway. */
const keptSeconds = 7 * 24 * 3600;

export class DynamoDbLogStore implements LogStore {
  readonly region: string;
  readonly #client: DynamoDBClient;
  readonly #table: string;

  constructor(region: string, client: DynamoDBClient, table: string) {
    this.region = region;
    this.#client = client;
    this.#table = table;
  }

  async head(origin: string): Promise<LogHead> {
    const { Item } = await this.#client.send(new GetItemCommand({ TableName: this.#table, Key: { pk: { S: `HEAD#${origin}` }, sk: { N: '0' } }, ConsistentRead: true }));
    if (Item === undefined) return emptyHead;
    return { sequence: Number(text(Item, 'sequence', 'N')), hash: text(Item, 'hash', 'S') };
  }

  async append(head: LogHead, segment: Segment): Promise<'done' | 'refused'> {
    const after = headAfter(segment);
    const isFirst = head.sequence === 0;
    try {
      await this.#client.send(
        new TransactWriteItemsCommand({
          TransactItems: [
            { Put: { TableName: this.#table, Item: itemOf(segment), ConditionExpression: 'attribute_not_exists(pk)' } },
            {
              Put: {
                TableName: this.#table,
                Item: { pk: { S: `HEAD#${segment.origin}` }, sk: { N: '0' }, sequence: { N: String(after.sequence) }, hash: { S: after.hash } },
                ConditionExpression: isFirst ? 'attribute_not_exists(pk)' : '#sequence = :sequence AND #hash = :hash',
                ...(isFirst
                  ? {}
                  : { ExpressionAttributeNames: { '#sequence': 'sequence', '#hash': 'hash' }, ExpressionAttributeValues: { ':sequence': { N: String(head.sequence) }, ':hash': { S: head.hash } } }),
              },
            },
          ],
        }),
      );
      return 'done';
    } catch (error) {
      const reasons = error instanceof TransactionCanceledException ? (error.CancellationReasons ?? []) : [];
      if (reasons.some((r) => r.Code === 'ConditionalCheckFailed')) return 'refused';
      throw error;
    }
  }

  async read(origin: string, after: number, limit: number): Promise<Segment[]> {
    return this.#query(origin, '#sk > :sk', after, limit, true);
  }

  async readBack(origin: string, before: number, limit: number): Promise<Segment[]> {
    return this.#query(origin, '#sk < :sk', before, limit, false);
  }

  async #query(origin: string, condition: string, sk: number, limit: number, isForward: boolean): Promise<Segment[]> {
    const { Items } = await this.#client.send(
      new QueryCommand({
        TableName: this.#table,
        KeyConditionExpression: `pk = :pk AND ${condition}`,
        ExpressionAttributeNames: { '#sk': 'sk' },
        ExpressionAttributeValues: { ':pk': { S: `LOG#${origin}` }, ':sk': { N: String(sk) } },
        ScanIndexForward: isForward,
        Limit: limit,
        ConsistentRead: true,
      }),
    );
    return (Items ?? []).map((item) => segmentOf(origin, item));
  }
}

function itemOf(segment: Segment): Record<string, AttributeValue> {
  const times = segment.records.map((r) => r.atMs);
  return {
    pk: { S: `LOG#${segment.origin}` },
    sk: { N: String(segment.sequence) },
    records: { S: JSON.stringify(segment.records) },
    previousHash: { S: segment.previousHash },
    hash: { S: segment.hash },
    count: { N: String(segment.records.length) },
    firstAtMs: { N: String(Math.min(...times)) },
    lastAtMs: { N: String(Math.max(...times)) },
    expiresAt: { N: String(Math.floor(Math.max(...times) / 1000) + keptSeconds) },
  };
}

function segmentOf(origin: string, item: Record<string, AttributeValue>): Segment {
  return { origin, sequence: Number(text(item, 'sk', 'N')), records: parseChangeRecords(text(item, 'records', 'S')), previousHash: text(item, 'previousHash', 'S'), hash: text(item, 'hash', 'S') };
}

function text(item: Record<string, AttributeValue>, name: string, type: 'S' | 'N'): string {
  const value = item[name]?.[type];
  if (value === undefined) throw new MalformedError(`A change log item has no '${name}': it was altered. Nothing of it was applied; compare it with the same log in another region.`);
  return value;
}

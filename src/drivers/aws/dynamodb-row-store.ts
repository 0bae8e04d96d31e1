// Rows of one region in its DynamoDB tables. One conditional UpdateItem a change, strongly consistent GetItem a read.
import {
  ConditionalCheckFailedException,
  GetItemCommand,
  ReplicatedWriteConflictException,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  type AttributeValue,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { WriteConflictError } from '../../core/errors.ts';
import type { Row, RowChange, RowCheck, RowKey, TableName } from '../../core/rows/row.ts';
import type { ChangeAnswer, RowStore } from '../../ports/row-store.ts';
import { checkExpression, toRow, updateExpression } from './expressions.ts';

export class DynamoDbRowStore implements RowStore {
  readonly region: string;
  readonly #client: DynamoDBClient;
  readonly #reads: DynamoDBClient;
  readonly #tables: Readonly<Record<TableName, string>>;

  /** @param reads the client of reads, where they have one of their own */
  constructor(region: string, client: DynamoDBClient, tables: Readonly<Record<TableName, string>>, reads = client) {
    this.region = region;
    this.#client = client;
    this.#reads = reads;
    this.#tables = tables;
  }

  async get(key: RowKey): Promise<Row | undefined> {
    const answer = await this.#reads.send(new GetItemCommand({ TableName: this.#tables[key.table], Key: keyOf(key), ConsistentRead: true }));
    return toRow(answer.Item);
  }

  async change(change: RowChange): Promise<ChangeAnswer> {
    try {
      const answer = await this.#client.send(
        new UpdateItemCommand({
          TableName: this.#tables[change.key.table],
          Key: keyOf(change.key),
          ...updateExpression('pk', change.set, change.when, change.mayCreate),
          ReturnValues: 'ALL_NEW',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        }),
      );
      return { kind: 'done', row: toRow(answer.Attributes) ?? {} };
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return { kind: 'refused', row: toRow(error.Item) };
      if (error instanceof ReplicatedWriteConflictException)
        throw new WriteConflictError(`${change.key.pk} was being changed in another region when ${this.region} wrote it: nothing was written. It is read and tried again.`);
      throw error;
    }
  }

  async changeTogether(changes: readonly RowChange[], checks: readonly RowCheck[]): Promise<'done' | 'refused'> {
    try {
      await this.#client.send(
        new TransactWriteItemsCommand({
          TransactItems: [
            ...changes.map((c) => ({ Update: { TableName: this.#tables[c.key.table], Key: keyOf(c.key), ...updateExpression('pk', c.set, c.when, c.mayCreate) } })),
            ...checks.map((c) => ({ ConditionCheck: { TableName: this.#tables[c.key.table], Key: keyOf(c.key), ...checkExpression(c.when) } })),
          ],
        }),
      );
      return 'done';
    } catch (error) {
      // Only a failed condition is an answer; a conflict or a throttle leaves the outcome open and is thrown.
      const reasons = error instanceof TransactionCanceledException ? (error.CancellationReasons ?? []) : [];
      if (reasons.some((r) => r.Code === 'ConditionalCheckFailed')) return 'refused';
      throw error;
    }
  }
}

function keyOf(key: RowKey): Record<string, AttributeValue> {
  return { pk: { S: key.pk }, ...(key.sk === undefined ? {} : { sk: { S: key.sk } }) };
}

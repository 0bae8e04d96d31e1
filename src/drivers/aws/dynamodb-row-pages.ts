// Pages of the region table's rows, by a query.
import { QueryCommand, type AttributeValue, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Row } from '../../core/rows/row.ts';
import type { RowPages } from '../../ports/row-pages.ts';
import { toRow } from './expressions.ts';

export class DynamoDbRowPages implements RowPages {
  readonly #client: DynamoDBClient;
  readonly #table: string;

  constructor(client: DynamoDBClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  async page(pk: string, prefix: string, after: string | null, limit: number) {
    const byPrefix = prefix === '' ? {} : { ':prefix': { S: prefix } };
    const start: Record<string, AttributeValue> = after === null ? {} : { pk: { S: pk }, sk: { S: after } };
    const { Items = [], LastEvaluatedKey } = await this.#client.send(
      new QueryCommand({
        TableName: this.#table,
        KeyConditionExpression: prefix === '' ? 'pk = :pk' : 'pk = :pk AND begins_with(sk, :prefix)',
        ExpressionAttributeValues: { ':pk': { S: pk }, ...byPrefix },
        Limit: limit,
        ConsistentRead: true,
        ...(after === null ? {} : { ExclusiveStartKey: start }),
      }),
    );
    return { rows: Items.map((item): Row => toRow(item) ?? {}), next: LastEvaluatedKey?.['sk']?.S ?? null };
  }
}

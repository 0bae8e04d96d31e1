// Lists rows of the region table: the divergence report and the reports of failovers, which people read and the protocol does not.
import { QueryCommand, type AttributeValue, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { toRow } from '../drivers/aws/expressions.ts';
import type { Row } from '../core/rows/row.ts';
import type { RowList } from './connection.ts';

export class DynamoDbRowList implements RowList {
  readonly #client: DynamoDBClient;
  readonly #table: string;

  constructor(client: DynamoDBClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  async list(pk: string, limit: number, order: 'oldest-first' | 'newest-first'): Promise<readonly Row[]> {
    const rows: Row[] = [];
    let from: Record<string, AttributeValue> | undefined;
    do {
      const page = await this.#client.send(
        new QueryCommand({
          TableName: this.#table,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': { S: pk } },
          ScanIndexForward: order === 'oldest-first',
          Limit: limit - rows.length,
          ConsistentRead: true,
          ...(from === undefined ? {} : { ExclusiveStartKey: from }),
        }),
      );
      for (const item of page.Items ?? []) rows.push(toRow(item) ?? {});
      from = page.LastEvaluatedKey;
    } while (from !== undefined && rows.length < limit);
    return rows;
  }
}

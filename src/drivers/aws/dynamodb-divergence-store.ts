// The divergence report as rows of the region table; written once each, never altered.
import { PutItemCommand, ConditionalCheckFailedException, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Divergence, DivergenceStore } from '../../ports/divergence-store.ts';

export class DynamoDbDivergenceStore implements DivergenceStore {
  readonly #client: DynamoDBClient;
  readonly #table: string;

  constructor(client: DynamoDBClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  async add(divergences: readonly Divergence[]): Promise<void> {
    await Promise.all(divergences.map(async (d) => this.#addOne(d)));
  }

  async #addOne({ origin, record, ours, foundAtMs }: Divergence): Promise<void> {
    const item = {
      pk: { S: 'DIVERGENCE' },
      sk: { S: `${origin}#${record.epoch}#${record.sequenceNumber}` },
      itemKey: { S: record.key },
      ...(record.image === null ? {} : { theirs: { S: JSON.stringify(record.image) } }),
      ...(ours === null ? {} : { ours: { S: JSON.stringify(ours) } }),
      theirsAtMs: { N: String(record.atMs) },
      foundAtMs: { N: String(foundAtMs) },
    };
    try {
      await this.#client.send(new PutItemCommand({ TableName: this.#table, Item: item, ConditionExpression: 'attribute_not_exists(pk)' }));
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }
}

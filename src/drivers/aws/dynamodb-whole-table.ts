// All of a protected table, read consistently beside the service that uses it. Its client is the one of backups: a page may take its time.
import { BatchGetItemCommand, ScanCommand, type AttributeValue, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { setTimeout } from 'node:timers/promises';
import { MalformedError, StepNotReadyError } from '../../core/errors.ts';
import type { Image } from '../../core/log/change-record.ts';
import type { KeyedImage, WholeTable } from '../../ports/whole-table.ts';
import { toImage } from './item-image.ts';

const callTimeoutMs = 20_000;
const unprocessedTriesMax = 12;
const unprocessedWaitMs = 50;
const unprocessedWaitMsMax = 5000;

export class DynamoDbWholeTable implements WholeTable {
  /** Of DynamoDB. */
  readonly keysMax = 100;
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #keyName: string;
  readonly #wait: (ms: number) => Promise<void>;

  constructor(client: DynamoDBClient, table: string, keyName: string, wait: (ms: number) => Promise<void> = async (ms) => setTimeout(ms)) {
    this.#client = client;
    this.#table = table;
    this.#keyName = keyName;
    this.#wait = wait;
  }

  async *pages(): AsyncIterable<readonly KeyedImage[]> {
    let from: Record<string, AttributeValue> | undefined;
    do {
      const page = await this.#client.send(new ScanCommand({ TableName: this.#table, ConsistentRead: true, ...(from === undefined ? {} : { ExclusiveStartKey: from }) }), limit());
      yield (page.Items ?? []).map((item) => this.#keyed(item));
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
  }

  async getMany(keys: readonly string[]): Promise<ReadonlyMap<string, Image>> {
    const found = new Map<string, Image>();
    let left: Record<string, AttributeValue>[] = keys.map((key) => ({ [this.#keyName]: { S: key } }));
    for (let round = 0; left.length > 0; round += 1) {
      if (round === unprocessedTriesMax)
        throw new StepNotReadyError(`${this.#table} did not give ${left.length} of ${keys.length} items in ${round} rounds: it is throttled. Nothing was changed; ask again.`);
      if (round > 0) await this.#wait(Math.min(unprocessedWaitMsMax, unprocessedWaitMs * 2 ** round));
      const answer = await this.#client.send(new BatchGetItemCommand({ RequestItems: { [this.#table]: { Keys: left, ConsistentRead: true } } }), limit());
      for (const item of answer.Responses?.[this.#table] ?? []) {
        const { key, image } = this.#keyed(item);
        found.set(key, image);
      }
      left = answer.UnprocessedKeys?.[this.#table]?.Keys ?? [];
    }
    return found;
  }

  #keyed(item: Record<string, AttributeValue>): KeyedImage {
    const key = item[this.#keyName]?.S;
    if (key === undefined) throw new MalformedError(`An item of ${this.#table} has no text key '${this.#keyName}': is it the configured partition key? Nothing was changed.`);
    return { key, image: toImage(item) };
  }
}

function limit(): { readonly abortSignal: AbortSignal } {
  return { abortSignal: AbortSignal.timeout(callTimeoutMs) };
}

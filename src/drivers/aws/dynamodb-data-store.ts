// The protected table of this region, written by the log's apply: one transaction a batch, under the fence rows' condition.
import { GetItemCommand, TransactionCanceledException, TransactWriteItemsCommand, type CancellationReason, type DynamoDBClient, type TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { RowMissingError } from '../../core/errors.ts';
import { isLeftBy, marks, type ChangeRecord, type Image } from '../../core/log/change-record.ts';
import { servedNoneAfter } from '../../core/lease/lease-rows.ts';
import { shardOf } from '../../core/lease/fence-shard.ts';
import type { RowCheck } from '../../core/rows/row.ts';
import type { ApplyAnswer, DataStore } from '../../ports/data-store.ts';
import { checkExpression } from './expressions.ts';
import { toImage, toItem } from './item-image.ts';

export type DataTables = { readonly data: string; readonly dataKey: string; readonly fence: string; readonly region: string; readonly fenceShards: number };

/** Actions a transaction may have (DynamoDB). */
const actionsMax = 100;
/** The lease row's, and of the caller's: the runbook's step, where the newest epoch began, and how far the log was dealt with. */
const checksReserved = 4;

export class DynamoDbDataStore implements DataStore {
  readonly batchMax: number;
  readonly #client: DynamoDBClient;
  readonly #tables: DataTables;

  constructor(client: DynamoDBClient, tables: DataTables) {
    this.#client = client;
    this.#tables = tables;
    this.batchMax = actionsMax - tables.fenceShards - checksReserved;
  }

  async get(key: string): Promise<Image | null> {
    const { Item } = await this.#client.send(new GetItemCommand({ TableName: this.#tables.data, Key: { [this.#tables.dataKey]: { S: key } }, ConsistentRead: true }));
    return Item === undefined ? null : toImage(Item);
  }

  async stands(origin: string, record: ChangeRecord): Promise<boolean> {
    return isLeftBy(await this.get(record.key), origin, record);
  }

  async apply(origin: string, epoch: number, records: readonly ChangeRecord[], checks: readonly RowCheck[]): Promise<ApplyAnswer> {
    const first = await this.#write(epoch, records, checks, (record) => this.#firstAction(origin, epoch, record));
    if (first.kind !== 'done') return first;
    const removed = records.filter((r) => r.image === null && !first.stale.has(r.sequenceNumber));
    if (removed.length > 0) {
      const second = await this.#write(epoch, removed, checks, (record) => this.#removal(record));
      if (second.kind !== 'done') return second;
    }
    return { kind: 'done', applied: records.length - first.stale.size, stale: first.stale.size };
  }

  /** Writes all that is not stale; a transaction that is refused for a stale record is sent again without it. */
  async #write(epoch: number, records: readonly ChangeRecord[], checks: readonly RowCheck[], action: (record: ChangeRecord) => TransactWriteItem) {
    const stale = new Set<string>();
    for (;;) {
      const left = records.filter((r) => !stale.has(r.sequenceNumber));
      if (left.length === 0) return { kind: 'done', stale } as const;
      const guards = [...this.#fenceChecks(epoch, left), this.#rowCheck(servedNoneAfter(epoch)), ...checks.map((c) => this.#rowCheck(c))];
      try {
        await this.#client.send(new TransactWriteItemsCommand({ TransactItems: [...guards, ...left.map(action)] }));
        return { kind: 'done', stale } as const;
      } catch (error) {
        const failed = failedActions(error);
        if (failed.length === 0) throw error;
        const fences = guards.length - checks.length;
        if (failed.some((index) => index < fences && isRowMissing(error, index)))
          throw new RowMissingError(
            `A fence row of ${this.#tables.fence} or the lease row of ${this.#tables.region} is missing: the table was emptied or restored. Nothing was applied; never create it by hand.`,
          );
        if (failed.some((index) => index < fences)) return { kind: 'fenced' } as const;
        if (failed.some((index) => index < guards.length)) return { kind: 'superseded' } as const;
        for (const index of failed) stale.add(left[index - guards.length]?.sequenceNumber ?? '');
      }
    }
  }

  #fenceChecks(epoch: number, records: readonly ChangeRecord[]): TransactWriteItem[] {
    const shards = new Set(records.map((r) => shardOf(r.key, this.#tables.fenceShards)));
    return [...shards].map((k) => ({
      ConditionCheck: {
        TableName: this.#tables.fence,
        Key: { pk: { S: `FENCE#${k}` } },
        ConditionExpression: 'epoch <= :epoch OR untilAtMs = :never',
        ExpressionAttributeValues: { ':epoch': { N: String(epoch) }, ':never': { N: '0' } },
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      },
    }));
  }

  #rowCheck(check: RowCheck): TransactWriteItem {
    const { key } = check;
    return {
      ConditionCheck: {
        TableName: this.#tables.region,
        Key: { pk: { S: key.pk }, ...(key.sk === undefined ? {} : { sk: { S: key.sk } }) },
        ...checkExpression(check.when),
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      },
    };
  }

  #firstAction(origin: string, epoch: number, record: ChangeRecord): TransactWriteItem {
    const sequence = { S: record.sequenceNumber };
    const older = `attribute_not_exists(${marks.epoch}) OR ${marks.epoch} < :epoch OR (${marks.epoch} = :epoch AND ${marks.sequence}`;
    const values = { ':epoch': { N: String(epoch) }, ':sequence': sequence };
    if (record.image !== null) {
      const item = { ...toItem(record.image), [marks.epoch]: { N: String(epoch) }, [marks.origin]: { S: origin }, [marks.sequence]: sequence };
      return { Put: { TableName: this.#tables.data, Item: item, ConditionExpression: `${older} < :sequence)`, ExpressionAttributeValues: values } };
    }
    // The mark makes this region's own stream show the removal as an echo. Repeating it after a crash must succeed: <=.
    return {
      Update: {
        TableName: this.#tables.data,
        Key: { [this.#tables.dataKey]: { S: record.key } },
        UpdateExpression: `SET ${marks.removing} = :origin, ${marks.origin} = :origin, ${marks.epoch} = :epoch, ${marks.sequence} = :sequence`,
        ConditionExpression: `attribute_exists(#key) AND (${older} <= :sequence))`,
        ExpressionAttributeNames: { '#key': this.#tables.dataKey },
        ExpressionAttributeValues: { ...values, ':origin': { S: origin } },
      },
    };
  }

  #removal(record: ChangeRecord): TransactWriteItem {
    return {
      Delete: {
        TableName: this.#tables.data,
        Key: { [this.#tables.dataKey]: { S: record.key } },
        ConditionExpression: `attribute_exists(${marks.removing}) AND ${marks.sequence} = :sequence`,
        ExpressionAttributeValues: { ':sequence': { S: record.sequenceNumber } },
      },
    };
  }
}

export function isRowMissing(error: unknown, index: number): boolean {
  return error instanceof TransactionCanceledException && error.CancellationReasons?.[index]?.Item === undefined;
}

/** Which actions of a cancelled transaction failed their condition; none where it was cancelled for another reason. */
export function failedActions(error: unknown): number[] {
  const reasons: CancellationReason[] = error instanceof TransactionCanceledException ? (error.CancellationReasons ?? []) : [];
  const isOpen = reasons.some((r) => r.Code !== undefined && r.Code !== 'None' && r.Code !== 'ConditionalCheckFailed');
  return isOpen ? [] : reasons.flatMap((r, index) => (r.Code === 'ConditionalCheckFailed' ? [index] : []));
}

// The live table under a restore in place: conditional updates and removals, in transactions with the service's own condition on the fence rows.
import { GetItemCommand, TransactionCanceledException, TransactWriteItemsCommand, type AttributeValue, type DynamoDBClient, type TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { setTimeout } from 'node:timers/promises';
import { RowMissingError } from '../../core/errors.ts';
import { shardOf } from '../../core/lease/fence-shard.ts';
import { marks, type Image } from '../../core/log/change-record.ts';
import type { RowCheck } from '../../core/rows/row.ts';
import type { LiveAnswer, LiveChange, LiveTable } from '../../ports/live-table.ts';
import { failedActions, isRowMissing } from './dynamodb-data-store.ts';
import { checkExpression } from './expressions.ts';
import { toImage, toItem } from './item-image.ts';

/** `region`: only for whoever gives checks. */
export type LiveTables = { readonly data: string; readonly dataKey: string; readonly fence: string; readonly fenceShards: number; readonly region?: string };

type Limits = { readonly abortSignal: AbortSignal; readonly checks: readonly TransactWriteItem[] };

/** Small, so that the service rarely meets a transaction that is under way. */
const changesMax = 25;
/** Codes that say that nothing was written because others were at it: the service's writes check the same fence rows. */
const busyCodes = ['None', 'ConditionalCheckFailed', 'TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded'];
const changeTimeoutMsMax = 60_000;
const busyTriesMax = 10;
const busyWaitMs = 20;
const busyWaitMsMax = 1000;

export class DynamoDbLiveTable implements LiveTable {
  readonly batchMax = changesMax;
  readonly #region: string;
  readonly #client: DynamoDBClient;
  readonly #tables: LiveTables;
  readonly #wait: (ms: number) => Promise<void>;

  constructor(region: string, client: DynamoDBClient, tables: LiveTables, wait: (ms: number) => Promise<void> = async (ms) => setTimeout(ms)) {
    this.#region = region;
    this.#client = client;
    this.#tables = tables;
    this.#wait = wait;
  }

  async get(key: string): Promise<Image | null> {
    const { Item } = await this.#client.send(new GetItemCommand({ TableName: this.#tables.data, Key: { [this.#tables.dataKey]: { S: key } }, ConsistentRead: true }));
    return Item === undefined ? null : toImage(Item);
  }

  async change(epoch: number, changes: readonly LiveChange[], timeoutMs: number, checks: readonly RowCheck[] = []): Promise<LiveAnswer> {
    const limit = { abortSignal: AbortSignal.timeout(Math.min(timeoutMs, changeTimeoutMsMax)), checks: checks.map((check) => this.#rowCheck(check)) };
    const first = await this.#write(epoch, changes, (change) => this.#update(epoch, change), limit);
    if (first === 'fenced' || first === 'superseded') return { kind: first };
    const removals = changes.filter((c) => c.wanted === null && !first.includes(c.key));
    const second = await this.#write(epoch, removals, (change) => this.#removal(epoch, change), limit);
    return second === 'fenced' || second === 'superseded' ? { kind: second } : { kind: 'done', refused: [...first, ...second] };
  }

  /** Writes all that still is as it was seen, and gives the keys of the rest. */
  async #write(epoch: number, changes: readonly LiveChange[], action: (change: LiveChange) => TransactWriteItem, { checks, ...limit }: Limits): Promise<string[] | 'fenced' | 'superseded'> {
    const refused: string[] = [];
    for (let busy = 0; ; ) {
      const left = changes.filter((c) => !refused.includes(c.key));
      if (left.length === 0) return refused;
      const fences = this.#fenceChecks(epoch, left);
      const guards = [...fences, ...checks];
      try {
        await this.#client.send(new TransactWriteItemsCommand({ TransactItems: [...guards, ...left.map(action)] }), limit);
        return refused;
      } catch (error) {
        if (isBusy(error) && (busy += 1) < busyTriesMax) {
          await this.#wait(Math.min(busyWaitMsMax, busyWaitMs * 2 ** busy));
          continue;
        }
        const failed = failedActions(error);
        if (failed.length === 0) throw error;
        if (failed.some((index) => index < fences.length && isRowMissing(error, index)))
          throw new RowMissingError(`A fence row of ${this.#tables.fence} is missing: the table was emptied or restored. Nothing of this batch was written; never create it by hand.`);
        if (failed.some((index) => index < fences.length)) return 'fenced';
        if (failed.some((index) => index < guards.length)) return 'superseded';
        for (const index of failed) refused.push(left[index - guards.length]?.key ?? '');
      }
    }
  }

  #rowCheck({ key, when }: RowCheck): TransactWriteItem {
    const Key = { pk: { S: key.pk }, ...(key.sk === undefined ? {} : { sk: { S: key.sk } }) };
    return { ConditionCheck: { TableName: this.#tables.region, Key, ...checkExpression(when) } };
  }

  #fenceChecks(epoch: number, changes: readonly LiveChange[]): TransactWriteItem[] {
    const shards = new Set(changes.map((c) => shardOf(c.key, this.#tables.fenceShards)));
    return [...shards].map((k) => ({
      ConditionCheck: {
        TableName: this.#tables.fence,
        Key: { pk: { S: `FENCE#${k}` } },
        ConditionExpression: 'epoch = :epoch AND untilAtMs > closedThroughMs',
        ExpressionAttributeValues: { ':epoch': { N: String(epoch) } },
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      },
    }));
  }

  /** What is wanted, or the stamp before a removal: what the change log will say of its epoch. */
  #update(epoch: number, { key, seen, wanted }: LiveChange): TransactWriteItem {
    const parts = new ExpressionParts();
    const { dataKey } = this.#tables;
    const condition = seen === null ? `attribute_not_exists(${parts.name(dataKey)})` : parts.equal(toItem(seen));
    const stamp = { [marks.epoch]: { N: String(epoch) }, [marks.origin]: { S: this.#region } };
    const set = Object.entries({ ...(wanted === null ? {} : toItem(wanted)), ...stamp }).filter(([name]) => name !== dataKey);
    const gone = wanted === null ? [] : Object.keys(seen ?? {}).filter((name) => !(name in wanted) && name !== dataKey);
    return {
      Update: {
        TableName: this.#tables.data,
        Key: { [dataKey]: { S: key } },
        UpdateExpression: `SET ${set.map(([name, value]) => `${parts.name(name)} = ${parts.value(value)}`).join(', ')} REMOVE ${[...gone, marks.sequence, marks.removing].map((name) => parts.name(name)).join(', ')}`,
        ConditionExpression: condition,
        ...parts.attributes(),
      },
    };
  }

  #removal(epoch: number, { key, seen }: LiveChange): TransactWriteItem {
    const parts = new ExpressionParts();
    const condition = parts.equal({ ...toItem(seen ?? {}), [marks.epoch]: { N: String(epoch) }, [marks.origin]: { S: this.#region } });
    return { Delete: { TableName: this.#tables.data, Key: { [this.#tables.dataKey]: { S: key } }, ConditionExpression: condition, ...parts.attributes() } };
  }
}

/** Names and values of one expression. */
class ExpressionParts {
  readonly #names = new Map<string, string>();
  readonly #values: Record<string, AttributeValue> = {};

  name(name: string): string {
    const placeholder = this.#names.get(name) ?? `#${this.#names.size}`;
    this.#names.set(name, placeholder);
    return placeholder;
  }

  value(value: AttributeValue): string {
    const placeholder = `:${Object.keys(this.#values).length}`;
    this.#values[placeholder] = value;
    return placeholder;
  }

  equal(item: Readonly<Record<string, AttributeValue>>): string {
    return Object.entries(item)
      .map(([name, value]) => `${this.name(name)} = ${this.value(value)}`)
      .join(' AND ');
  }

  attributes() {
    return {
      ExpressionAttributeNames: Object.fromEntries([...this.#names].map(([name, placeholder]) => [placeholder, name])),
      ...(Object.keys(this.#values).length === 0 ? {} : { ExpressionAttributeValues: this.#values }),
    };
  }
}

function isBusy(error: unknown): boolean {
  const codes = error instanceof TransactionCanceledException ? (error.CancellationReasons ?? []).map((r) => r.Code ?? 'None') : [];
  return codes.every((code) => busyCodes.includes(code)) && codes.some((code) => code !== 'None' && code !== 'ConditionalCheckFailed');
}

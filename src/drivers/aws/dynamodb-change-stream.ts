// The data table's stream as a hand-over looks at it: which shards are open, what comes after their ends, and markers of its own in the table. Its
// clients are the protocol's: no retries, about a second a call; who asks asks again.
import { DeleteItemCommand, PutItemCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DescribeStreamCommand, DynamoDBStreamsClient, GetRecordsCommand, GetShardIteratorCommand, type _Record, type Shard } from '@aws-sdk/client-dynamodb-streams';
import { MalformedError, NoQuorumError } from '../../core/errors.ts';
import { marks } from '../../core/log/change-record.ts';
import type { ChangeStream, ShardEnd, ShardPage } from '../../ports/change-stream.ts';
import { protocolSettings } from './dynamodb-client.ts';

/** 100 shards a page, closed ones of the last 24 h among them. */
const shardPagesMax = 20;
/** Listing and asking for all iterators; each call in it has its own limit. */
const endsTimeoutMs = 4000;

export type DataStream = { readonly streamArn: string; readonly table: string; readonly dataKey: string };

export function createStreams(region: string, endpoint?: string): DynamoDBStreamsClient {
  return new DynamoDBStreamsClient(protocolSettings(region, endpoint));
}

export class DynamoDbChangeStream implements ChangeStream {
  readonly #region: string;
  readonly #streams: DynamoDBStreamsClient;
  readonly #client: DynamoDBClient;
  readonly #data: DataStream;

  constructor(region: string, streams: DynamoDBStreamsClient, client: DynamoDBClient, data: DataStream) {
    this.#region = region;
    this.#streams = streams;
    this.#client = client;
    this.#data = data;
  }

  async ends(): Promise<readonly ShardEnd[]> {
    const limit = { abortSignal: AbortSignal.timeout(endsTimeoutMs) };
    const open = (await this.#shards(limit)).filter((shard) => shard.SequenceNumberRange?.EndingSequenceNumber === undefined);
    return Promise.all(
      open.map(async ({ ShardId: shard }) => {
        const { ShardIterator } = await this.#streams.send(new GetShardIteratorCommand({ StreamArn: this.#data.streamArn, ShardId: shard, ShardIteratorType: 'LATEST' }), limit);
        if (shard === undefined || ShardIterator === undefined) throw malformed(this.#data.streamArn, 'named a shard without a name or an iterator');
        return { shard, iterator: ShardIterator };
      }),
    );
  }

  async #shards(limit: { readonly abortSignal: AbortSignal }): Promise<Shard[]> {
    const shards: Shard[] = [];
    let after: string | undefined;
    for (let page = 0; page < shardPagesMax; page += 1) {
      const command = new DescribeStreamCommand({ StreamArn: this.#data.streamArn, ...(after === undefined ? {} : { ExclusiveStartShardId: after }) });
      const { StreamDescription: stream } = await this.#streams.send(command, limit);
      shards.push(...(stream?.Shards ?? []));
      after = stream?.LastEvaluatedShardId;
      if (after === undefined) return shards;
    }
    throw new NoQuorumError(`The stream ${this.#data.streamArn} has more than ${shardPagesMax} pages of shards: whether its log is at its end cannot be told. It is tried again.`);
  }

  async read(iterator: string): Promise<ShardPage> {
    const { Records: records = [], NextShardIterator: next } = await this.#streams.send(new GetRecordsCommand({ ShardIterator: iterator }));
    return { records: records.map((record) => this.#entry(record)), next: next ?? null };
  }

  #entry(record: _Record): { readonly key: string; readonly isRemoval: boolean } {
    const key = record.dynamodb?.Keys?.[this.#data.dataKey]?.S;
    if (key === undefined) throw malformed(this.#data.streamArn, `has a record without a text key '${this.#data.dataKey}'`);
    return { key, isRemoval: record.eventName === 'REMOVE' };
  }

  async mark(key: string, epoch: number): Promise<void> {
    const { table: TableName, dataKey } = this.#data;
    const own = { [dataKey]: { S: key }, [marks.epoch]: { N: String(epoch) }, [marks.origin]: { S: this.#region } };
    await this.#client.send(new PutItemCommand({ TableName, Item: own }));
    await this.#client.send(new DeleteItemCommand({ TableName, Key: { [dataKey]: { S: key } } }));
  }
}

function malformed(stream: string, what: string): MalformedError {
  return new MalformedError(`The stream ${stream} ${what}: 'dataKey' in holdfast.config.ts must name the partition key of the protected table.`);
}

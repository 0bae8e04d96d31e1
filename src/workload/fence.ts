// For the service's own writes: which epoch this region may write in, until when, and the condition that makes DynamoDB
// refuse a write of an old epoch in the write itself (H10: a condition on the item alone would not stop an insert).
import { GetItemCommand, type AttributeValue, type DynamoDBClient, type TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { FenceClosedError, HoldfastError } from '../core/errors.ts';
import { isActingAt, leaseKey, parseLeaseRow, type LeaseRow } from '../core/lease/lease-rows.ts';
import { parseShipping, shippingKey } from '../core/lease/shipping-row.ts';
import { shardOf } from '../core/lease/fence-shard.ts';
import { marks } from '../core/log/change-record.ts';
import { movedToReader } from './moved-to.ts';
import type { Row, RowKey } from '../core/rows/row.ts';
import { LagBrake } from './lag-brake.ts';

export type FenceSettings = {
  readonly tables: { readonly region: string; readonly fence: string };
  /** False: every write is permitted, wherever it arrives; it is stamped only, so that the change log knows its epoch. */
  readonly isFenced: boolean;
  readonly fenceShards: number;
  readonly timing: { readonly gateCacheMs: number /** σ; 500 unless given. */; readonly clockSkewMs?: number };
  /** Writes are refused while changes of this region may have been in no other one for longer. */
  readonly lagBrake?: { readonly maxLagMs: number } | undefined;
};

/** The right to write in one epoch. `remainingMs` must still be positive when a request is signed, and bounds its time-out. */
export type Permit = {
  readonly kind: 'open';
  readonly epoch: number;
  readonly remainingMs: () => number;
  /** Go into the write's transaction; `key` is the partition key written. None where writes are not fenced. */
  readonly checks: (key: string) => TransactWriteItem[];
  /** Goes into each item written: the change log needs to know its epoch and origin. */
  readonly stamp: Readonly<Record<string, AttributeValue>>;
};

/** `movedTo`: the URL of the service in the region that serves instead; null where that is not known. */
export type Closed = { readonly kind: 'closed'; readonly because: string; readonly movedTo: string | null };

export type Fence = {
  readonly read: () => Promise<Permit | Closed>;
  /** After a refusal by the fence row: the next `read` asks the region's table again. */
  readonly forget: () => void;
  /** Judges writes, never reads; there where the owner chose one. */
  readonly brake?: LagBrake;
};

const clockSkewMsDefault = 500;

/** A table that hangs must not hang the service: without the row nothing is written. */
const readTimeoutMs = 1000;

type LeaseRead = { readonly row: LeaseRow; readonly askedAtMs: number; readonly permit: Permit };

/** Reads the region's lease row at most once each `gateCacheMs`; the clock is compared at every call. */
export function createFence(client: Pick<DynamoDBClient, 'send'>, settings: FenceSettings, region: string, nowMs: () => number = Date.now): Fence {
  const brake = brakeOf(settings, region, nowMs);
  const readRow = async ({ pk, sk = '#' }: RowKey): Promise<Row | undefined> => {
    const { Item } = await client.send(new GetItemCommand({ TableName: settings.tables.region, Key: { pk: { S: pk }, sk: { S: sk } }, ConsistentRead: true }), {
      abortSignal: AbortSignal.timeout(readTimeoutMs),
    });
    return Item === undefined ? undefined : Object.fromEntries(Object.entries(Item).flatMap(([name, { N }]) => (N === undefined ? [] : [[name, Number(N)]])));
  };
  const seeShipping = async (of: LagBrake): Promise<void> => {
    try {
      const shipping = parseShipping(await readRow(shippingKey));
      if (shipping !== undefined) of.saw(shipping);
    } catch {
      // What was seen last grows older, and the lag with it: that alone refuses writes, and no read.
    }
  };
  let cached: LeaseRead | undefined;
  /** Not asynchronous: each attempt of each write comes by here. */
  const fresh = (): LeaseRead | undefined => {
    const ageMs = cached === undefined ? Number.POSITIVE_INFINITY : nowMs() - cached.askedAtMs;
    return ageMs >= 0 && ageMs <= settings.timing.gateCacheMs ? cached : undefined;
  };
  const leaseRow = async (): Promise<LeaseRead> => {
    const askedAtMs = nowMs();
    const [leaseRead] = await Promise.all([readRow(leaseKey), brake === undefined ? undefined : seeShipping(brake)]);
    const row = parseLeaseRow(leaseRead);
    const read = { row, askedAtMs, permit: permitOf(row, settings, region, nowMs) };
    cached = read;
    return read;
  };
  const movedTo = movedToReader(client, settings, nowMs);
  return {
    ...(brake === undefined ? {} : { brake }),
    forget: () => {
      cached = undefined;
    },
    read: async () => {
      if (!settings.isFenced)
        return unfencedPermit(
          fresh()?.row ??
            (await leaseRow().then(
              ({ row }) => row,
              () => undefined,
            )),
          region,
        );
      const { row, permit } = fresh() ?? (await leaseRow());
      if (!isActingAt(row, nowMs())) return { kind: 'closed', because: `${region} does not hold the lease (its epoch ${row.epoch} is over or not open)`, movedTo: await movedTo() };
      return permit;
    },
  };
}

/** For a write: no permit means that it is surely not sent. @throws FenceClosedError, also where the lease row cannot be read; LagExceededError; RowMissingError and MalformedError as they are */
export async function permitToWrite(fence: Fence): Promise<Permit> {
  const permit = await readOr(fence);
  if (permit.kind === 'closed') throw new FenceClosedError(`The write was not sent: ${permit.because}. Ask the service's own name again.`);
  fence.brake?.admit();
  return permit;
}

function brakeOf({ lagBrake, isFenced, timing }: FenceSettings, region: string, nowMs: () => number): LagBrake | undefined {
  return lagBrake === undefined || !isFenced ? undefined : new LagBrake({ region, maxLagMs: lagBrake.maxLagMs, clockSkewMs: timing.clockSkewMs ?? clockSkewMsDefault, nowMs });
}

async function readOr(fence: Fence): ReturnType<Fence['read']> {
  try {
    return await fence.read();
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    const unreadable = new FenceClosedError(`The write was not sent: the lease row cannot be read (${String(error)}). Retry in a moment.`);
    unreadable.cause = error;
    throw unreadable;
  }
}

function permitOf(row: LeaseRow, settings: FenceSettings, region: string, nowMs: () => number): Permit {
  return {
    kind: 'open',
    epoch: row.epoch,
    remainingMs: () => row.untilAtMs - nowMs(),
    checks: (key) => [
      {
        ConditionCheck: {
          TableName: settings.tables.fence,
          Key: { pk: { S: `FENCE#${shardOf(key, settings.fenceShards)}` } },
          ConditionExpression: 'epoch = :epoch AND untilAtMs > closedThroughMs',
          ExpressionAttributeValues: { ':epoch': { N: String(row.epoch) } },
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        },
      },
    ],
    stamp: { [marks.epoch]: { N: String(row.epoch) }, [marks.origin]: { S: region } },
  };
}

/** Holdfast must not be the outage of a service that does not fence its writes: not even an unreadable lease row stops it. */
function unfencedPermit(row: LeaseRow | undefined, region: string): Permit {
  const epoch = row?.epoch ?? 0;
  return { kind: 'open', epoch, remainingMs: () => Number.POSITIVE_INFINITY, checks: () => [], stamp: { [marks.epoch]: { N: String(epoch) }, [marks.origin]: { S: region } } };
}

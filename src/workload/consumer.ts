// Consumers of queues and streams act only while their region holds the lease: they stop when it ends, resume when it is back, and what they
// emit carries the epoch. What they write is fenced by `withEpoch`; nothing else is stopped by this but their own code.
import { FenceClosedError } from '../core/errors.ts';
import { marks } from '../core/log/change-record.ts';
import { systemClock, type WorkloadClock } from './clock.ts';
import type { Fence, Permit } from './fence.ts';

/** The right to work on, as long as `signal` is not aborted. */
export type Holding = {
  readonly epoch: number;
  /** Aborted when the lease ends, is lost or changes its epoch; look at it between steps, and give it to what takes long. */
  readonly signal: AbortSignal;
  /** For each message that is sent on (SQS and SNS alike): who receives it can tell an old epoch. */
  readonly messageAttributes: Readonly<Record<string, { readonly DataType: 'String' | 'Number'; readonly StringValue: string }>>;
};

export type ConsumerOptions = { readonly fence: Fence; readonly region: string; readonly clock?: WorkloadClock };

/** A record of an SQS queue, or of a DynamoDB or Kinesis stream, as Lambda delivers it; as far as it is looked at here. */
export type ConsumedRecord = {
  readonly messageId?: string;
  readonly attributes?: { readonly MessageGroupId?: string | undefined };
  readonly dynamodb?: { readonly SequenceNumber?: string | undefined } | undefined;
  readonly kinesis?: { readonly sequenceNumber?: string | undefined };
};

export type BatchResponse = { readonly batchItemFailures: { itemIdentifier: string }[] };

/** How often a holder looks whether it still is one, in milliseconds. */
const lookMs = 1000;

/**
 * A Lambda handler that works a batch off, record by record. What it does not get to, since the lease ended, is handed back; so is what fails, and
 * in a stream or a message group all that follows it. The event source must be set to `ReportBatchItemFailures`: else it takes all for done.
 */
export function consumer<R extends ConsumedRecord>(
  handle: (record: R, holding: Holding) => Promise<void>,
  options: ConsumerOptions,
): (event: { readonly Records: readonly R[] }) => Promise<BatchResponse> {
  return async ({ Records: records }) => {
    const failed: R[] = [];
    for (const [index, record] of records.entries()) {
      const permit = await readOrClosed(options.fence);
      if (permit === undefined) return handedBack([...failed, ...records.slice(index)]);
      if (isOrdered(record) && failed.some((earlier) => isSameOrder(earlier, record))) {
        failed.push(record);
        continue;
      }
      const isDone = await holding(permit, options, async (held) => handle(record, held)).then(
        () => true,
        () => false,
      );
      if (!isDone) failed.push(record);
    }
    return handedBack(failed);
  };
}

/**
 * For a process that lives: runs `work` whenever this region holds the lease, and again in the next epoch, until `stop`. `work` should end soon after
 * its signal is aborted: it is waited for, so that two epochs never run side by side.
 */
export async function runWhileOpen(work: (holding: Holding) => Promise<void>, options: ConsumerOptions & { readonly stop: AbortSignal }): Promise<void> {
  const { stop, fence, clock = systemClock } = options;
  while (!stop.aborted) {
    const permit = await readOrClosed(fence);
    if (permit === undefined) await new Promise<void>((resolve) => clock.after(lookMs, resolve));
    else
      await holding(permit, options, work).catch((error: unknown) => {
        if (!(error instanceof FenceClosedError)) throw error;
      });
  }
}

async function readOrClosed(fence: Fence): Promise<Permit | undefined> {
  // A lease row that cannot be read permits nothing.
  const permit = await fence.read().catch(() => undefined);
  return permit?.kind === 'open' && permit.remainingMs() > 0 ? permit : undefined;
}

/** @throws FenceClosedError where `work` ended well, but only after the lease did: what it did may not count. */
async function holding(permit: Permit, { fence, region, clock = systemClock, ...more }: ConsumerOptions & { readonly stop?: AbortSignal }, work: (holding: Holding) => Promise<void>): Promise<void> {
  const ended = new AbortController();
  const over = () => ended.abort(new FenceClosedError(`Epoch ${permit.epoch} is over in ${region}: stop, and begin nothing new.`));
  let [cancelDeadline, cancelLook] = [() => {}, () => {}];
  const look = async (): Promise<void> => {
    const now = await readOrClosed(fence);
    if (ended.signal.aborted) return;
    if (now === undefined || now.epoch !== permit.epoch) over();
    else arm(now);
  };
  const arm = (now: Permit): void => {
    cancelDeadline();
    // By its own timer: a look that hangs must not lengthen the lease.
    if (Number.isFinite(now.remainingMs())) cancelDeadline = clock.after(now.remainingMs(), over);
    cancelLook = clock.after(lookMs, () => void look());
  };
  arm(permit);
  const signal = more.stop === undefined ? ended.signal : AbortSignal.any([ended.signal, more.stop]);
  try {
    await work({
      epoch: permit.epoch,
      signal,
      messageAttributes: { [marks.epoch]: { DataType: 'Number', StringValue: String(permit.epoch) }, [marks.origin]: { DataType: 'String', StringValue: region } },
    });
    ended.signal.throwIfAborted();
  } finally {
    cancelDeadline();
    cancelLook();
    // A look under way arms nothing any more.
    ended.abort();
  }
}

function handedBack(records: readonly ConsumedRecord[]): BatchResponse {
  return { batchItemFailures: records.map((record) => ({ itemIdentifier: record.messageId ?? record.dynamodb?.SequenceNumber ?? record.kinesis?.sequenceNumber ?? '' })) };
}

function isOrdered(record: ConsumedRecord): boolean {
  return record.messageId === undefined || record.attributes?.MessageGroupId !== undefined;
}

/** A stream's records are all of one order; a queue's by their group. */
function isSameOrder(a: ConsumedRecord, b: ConsumedRecord): boolean {
  return a.attributes?.MessageGroupId === b.attributes?.MessageGroupId;
}

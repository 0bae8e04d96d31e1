// A cancelled transaction in the words of the caller's own command: which of its reasons are the fence's, which the caller's. A cancelled
// transaction wrote nothing, so every error made here says "surely not written".
import {
  ConditionalCheckFailedException,
  ItemCollectionSizeLimitExceededException,
  ProvisionedThroughputExceededException,
  ThrottlingException,
  TransactionCanceledException,
  TransactionConflictException,
  type AttributeValue,
  type CancellationReason,
} from '@aws-sdk/client-dynamodb';
import { FenceClosedError, RowMissingError, StaleEpochError } from '../core/errors.ts';
import { closedForGood } from '../core/lease/lease-rows.ts';

export type Sent = {
  readonly region: string;
  readonly epoch: number;
  /** The caller's actions come first, the fence's checks behind them. */
  readonly ownActions: number;
  /** The caller's command wrote one item, and expects that command's errors. */
  readonly isSingle: boolean;
};

type Metadata = TransactionCanceledException['$metadata'];

/** Whatever is no cancellation comes back as it is. */
export function translated(error: unknown, sent: Sent): unknown {
  if (!(error instanceof TransactionCanceledException)) return error;
  const reasons = error.CancellationReasons ?? [];
  const own = reasons.slice(0, sent.ownActions);
  const ofFence = reasons.slice(sent.ownActions);
  const refused = ofFence.find((reason) => reason.Code === 'ConditionalCheckFailed');
  if (refused !== undefined) return refusedByFence(refused.Item, sent);
  const isOwn = own.some((reason) => isReason(reason));
  const busy = ofFence.find((reason) => isReason(reason));
  // The caller never asked for the fence's rows: what only they were too busy for, the SDK tries again.
  if (!isOwn && busy !== undefined) return Object.assign(plainError(busy, error.$metadata) ?? error, { $retryable: {} });
  if (sent.isSingle) return own.map((reason) => plainError(reason, error.$metadata)).find((plain) => plain !== undefined) ?? error;
  return new TransactionCanceledException({ message: messageOf(own), $metadata: error.$metadata, CancellationReasons: own });
}

function refusedByFence(row: Readonly<Record<string, AttributeValue>> | undefined, { region, epoch }: Sent): Error {
  if (row === undefined) return new RowMissingError(`A fence row of ${region} is missing: the table was emptied or restored. The write was not carried out; never create the row by hand.`);
  const is = Number(row['epoch']?.N);
  const isForGood = is !== epoch || Number(row['closedThroughMs']?.N) >= closedForGood;
  if (isForGood)
    return new StaleEpochError(`The write was refused in ${region}, surely not carried out: epoch ${epoch} is over (the fence is at epoch ${is}). Ask the service's own name again.`, epoch);
  return new FenceClosedError(`The write was refused in ${region}, surely not carried out: the fence of epoch ${epoch} is closed since its deadline. A renewal may open it again: retry in a moment.`);
}

function isReason({ Code }: CancellationReason): boolean {
  return Code !== undefined && Code !== 'None';
}

/** What the one-item command throws for it. */
function plainError(reason: CancellationReason, $metadata: Metadata): Error | undefined {
  const message = reason.Message ?? reason.Code ?? '';
  if (!isReason(reason)) return undefined;
  if (reason.Code === 'ConditionalCheckFailed')
    return new ConditionalCheckFailedException({ message: 'The conditional request failed', $metadata, ...(reason.Item === undefined ? {} : { Item: reason.Item }) });
  if (reason.Code === 'TransactionConflict') return new TransactionConflictException({ message, $metadata });
  if (reason.Code === 'ProvisionedThroughputExceeded') return new ProvisionedThroughputExceededException({ message, $metadata });
  if (reason.Code === 'ThrottlingError') return new ThrottlingException({ message, $metadata });
  if (reason.Code === 'ItemCollectionSizeLimitExceeded') return new ItemCollectionSizeLimitExceededException({ message, $metadata });
  return undefined;
}

function messageOf(reasons: readonly CancellationReason[]): string {
  return `Transaction cancelled, please refer cancellation reasons for specific reasons [${reasons.map(({ Code }) => Code ?? 'None').join(', ')}]`;
}

// The change log judges a removal by the epoch that the removed item carries, so what is to be removed is stamped first, under the same
// conditions. What cannot be stamped (no such item, the caller's condition does not hold) is left to the removal itself to judge.
import { TransactionCanceledException, type TransactWriteItem } from '@aws-sdk/client-dynamodb';

export async function stampFirst(stamps: readonly TransactWriteItem[], send: (stamps: readonly TransactWriteItem[]) => Promise<unknown>): Promise<void> {
  // Each round that fails leaves at least one out.
  for (let left = stamps; left.length > 0; ) {
    try {
      await send(left);
      return;
    } catch (error) {
      const reasons = error instanceof TransactionCanceledException ? (error.CancellationReasons ?? []) : [];
      const stampable = left.filter((_, index) => reasons[index]?.Code !== 'ConditionalCheckFailed');
      if (stampable.length === left.length) throw error;
      left = stampable;
    }
  }
}

// Which DynamoDB requests a sick table refuses, and how AWS words the refusal. Pure. Writes only, and only those that name the table:
// the fence, lease and register tables of the same region stay well, which is what makes the fault hard (DESIGN, H4).
// Sources: docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html (wording, status 400, retryable) and
// docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html (cancellation reasons, in the order of the items).
import { z } from 'zod';

/** As DynamoDB's JSON protocol sends it. */
export type Refusal = { readonly status: 400; readonly type: string; readonly body: string };

const Tabled = z.object({ TableName: z.string() });
const Single = Tabled;
const Batch = z.object({ RequestItems: z.record(z.string(), z.unknown()) });
const Transaction = z.object({
  TransactItems: z.array(z.object({ Put: Tabled.optional(), Update: Tabled.optional(), Delete: Tabled.optional(), ConditionCheck: Tabled.optional() })),
});

const THROTTLED = 'The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.';
const NAMESPACE = 'com.amazonaws.dynamodb.v20120810';

export const WRITE_OPERATIONS = ['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem', 'TransactWriteItems'] as const;
export type WriteOperation = (typeof WRITE_OPERATIONS)[number];

/** `DynamoDB_20120810.PutItem` → `PutItem`, or null for what is no write. */
export function writeOperationOf(target: string | undefined): WriteOperation | null {
  return WRITE_OPERATIONS.find((operation) => target === `DynamoDB_20120810.${operation}`) ?? null;
}

/** A table is named by name or by ARN. */
function isTable(named: string, table: string): boolean {
  return named === table || named.endsWith(`:table/${table}`);
}

function refuse(type: string, body: object): Refusal {
  return { status: 400, type, body: JSON.stringify({ __type: `${NAMESPACE}#${type}`, ...body }) };
}

const throughputExceeded = (): Refusal => refuse('ProvisionedThroughputExceededException', { message: THROTTLED });

/** Null where the request may pass: it does not write to `table`, or cannot be read (then DynamoDB itself says what is wrong with it). */
export function throttle(operation: WriteOperation, body: string, table: string): Refusal | null {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return null;
  }
  if (operation === 'TransactWriteItems') {
    const transaction = Transaction.safeParse(json);
    if (!transaction.success) return null;
    const isThrottled = transaction.data.TransactItems.map((item) => {
      const action = item.Put ?? item.Update ?? item.Delete ?? item.ConditionCheck;
      return action !== undefined && isTable(action.TableName, table);
    });
    if (!isThrottled.includes(true)) return null;
    const reasons = isThrottled.map((throttled) => (throttled ? { Code: 'ProvisionedThroughputExceeded', Message: THROTTLED } : { Code: 'None' }));
    return refuse('TransactionCanceledException', {
      Message: `Transaction cancelled, please refer cancellation reasons for specific reasons [${reasons.map((reason) => reason.Code).join(', ')}]`,
      CancellationReasons: reasons,
    });
  }
  if (operation === 'BatchWriteItem') {
    // AWS would write the other tables' items and hand these back as unprocessed; a batch that names the sick table is refused whole here.
    const batch = Batch.safeParse(json);
    return batch.success && Object.keys(batch.data.RequestItems).some((named) => isTable(named, table)) ? throughputExceeded() : null;
  }
  const single = Single.safeParse(json);
  return single.success && isTable(single.data.TableName, table) ? throughputExceeded() : null;
}

// What a command of the service becomes under the fence: the actions of one transaction, stamped with this epoch, and the keys whose fence
// rows must judge it. What a transaction cannot do is refused here, before anything is sent. Pure.
import type { AttributeValue, DeleteItemCommandInput, PutItemCommandInput, TransactWriteItem, UpdateItemCommandInput } from '@aws-sdk/client-dynamodb';
import { RefusedError } from '../core/errors.ts';
import { foreignMarks, stampedUpdate } from './stamped-update.ts';

export type TableKeys = { readonly partitionKey: string; readonly sortKey?: string };

export type WriteRules = {
  /** The tables that may be written through the fence, by name. */
  readonly tables: Readonly<Record<string, TableKeys>>;
  /** Holdfast's own: never written by the service. */
  readonly ownTables: readonly string[];
};

export type Stamp = Readonly<Record<string, AttributeValue>>;

/** Actions that a transaction may have (DynamoDB). */
export const actionsMax = 100;

type SingleWrite = Pick<PutItemCommandInput & UpdateItemCommandInput & DeleteItemCommandInput, 'ReturnValues' | 'ReturnItemCollectionMetrics' | 'Expected' | 'ConditionalOperator'> & {
  readonly AttributeUpdates?: unknown;
};

/** Refuses what the one-item commands can ask for and a transaction cannot give. */
export function refuseUnsupported(input: SingleWrite): void {
  if (input.ReturnValues !== undefined && input.ReturnValues !== 'NONE')
    throw new RefusedError(`ReturnValues '${input.ReturnValues}' cannot be had from a fenced write: a transaction returns no items. Read the item with ConsistentRead, or mark the command unfenced.`);
  if (input.ReturnItemCollectionMetrics !== undefined && input.ReturnItemCollectionMetrics !== 'NONE')
    throw new RefusedError('ReturnItemCollectionMetrics is not passed on by a fenced write. Leave it out.');
  if (input.Expected !== undefined || input.ConditionalOperator !== undefined || input.AttributeUpdates !== undefined)
    throw new RefusedError('Expected, ConditionalOperator and AttributeUpdates are not known to transactions. Use ConditionExpression and UpdateExpression.');
}

export function putAction(input: PutItemCommandInput): TransactWriteItem {
  refuseUnsupported(input);
  return { Put: { TableName: input.TableName, Item: input.Item, ...conditionOf(input) } };
}

export function updateAction(input: UpdateItemCommandInput): TransactWriteItem {
  refuseUnsupported(input);
  return { Update: { TableName: input.TableName, Key: input.Key, UpdateExpression: input.UpdateExpression, ...conditionOf(input) } };
}

export function deleteAction(input: DeleteItemCommandInput): TransactWriteItem {
  refuseUnsupported(input);
  return { Delete: { TableName: input.TableName, Key: input.Key, ...conditionOf(input) } };
}

function conditionOf(input: PutItemCommandInput | UpdateItemCommandInput | DeleteItemCommandInput) {
  const { ConditionExpression, ExpressionAttributeNames, ExpressionAttributeValues, ReturnValuesOnConditionCheckFailure } = input;
  return { ConditionExpression, ExpressionAttributeNames, ExpressionAttributeValues, ReturnValuesOnConditionCheckFailure };
}

/**
 * The partition keys written, as text: their fence rows judge the write.
 * @throws RefusedError, before anything is sent: unknown table, Holdfast's own table, ARN, item named twice, no key.
 */
export function fencedKeys(actions: readonly TransactWriteItem[], rules: WriteRules): readonly string[] {
  const seen = new Set<string>();
  const keys: string[] = [];
  for (const action of actions) {
    const { table, key, isWrite } = targetOf(action, rules);
    if (actions.length > 1) {
      const item = `${table} ${JSON.stringify(Object.entries(key).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`;
      if (seen.has(item)) throw new RefusedError(`An item of ${table} is named twice in one transaction; DynamoDB takes one action an item. Put them into one.`);
      seen.add(item);
    }
    if (isWrite) keys.push(partitionOf(table, key, rules));
  }
  return keys;
}

/** Stamps the items that are to be removed: the log judges a removal by the epoch that the removed item carries. */
export function stampsBefore(actions: readonly TransactWriteItem[], stamp: Stamp): TransactWriteItem[] {
  return actions.flatMap(({ Delete: removal }): TransactWriteItem[] => {
    if (removal === undefined) return [];
    const name = Object.keys(removal.Key ?? {})[0] ?? '';
    const own = removal.ConditionExpression;
    const bare = { TableName: removal.TableName, Key: removal.Key, UpdateExpression: undefined };
    const exists = `attribute_exists(#holdfastKey)${own === undefined ? '' : ` AND (${own})`}`;
    const names = { ...removal.ExpressionAttributeNames, '#holdfastKey': name };
    return [{ Update: stampedUpdate({ ...bare, ConditionExpression: exists, ExpressionAttributeNames: names, ExpressionAttributeValues: removal.ExpressionAttributeValues }, stamp) }];
  });
}

export function stampedAction(action: TransactWriteItem, stamp: Stamp): TransactWriteItem {
  if (action.Put !== undefined) {
    const item: Record<string, AttributeValue> = { ...action.Put.Item, ...stamp };
    for (const name of foreignMarks) if (name in item) delete item[name];
    return { Put: { ...action.Put, Item: item } };
  }
  return action.Update === undefined ? action : { Update: stampedUpdate(action.Update, stamp) };
}

function targetOf(action: TransactWriteItem, rules: WriteRules) {
  const kinds = [action.Put, action.Update, action.Delete, action.ConditionCheck].filter((kind) => kind !== undefined);
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) throw new RefusedError('An entry of TransactItems has not exactly one of Put, Update, Delete and ConditionCheck. Give it one.');
  const table = kind.TableName ?? '';
  if (table.startsWith('arn:'))
    throw new RefusedError(`${table} is an ARN: a transaction with the fence's rows reaches only tables of this account and region. Give the table's name, or mark the command unfenced.`);
  if (rules.ownTables.includes(table)) throw new RefusedError(`${table} is Holdfast's own table: the service does not touch it. The fence's condition is added by itself.`);
  const isWrite = action.ConditionCheck === undefined;
  const known = rules.tables[table];
  if (known === undefined && isWrite) throw new RefusedError(`The keys of table '${table}' are not known, so it cannot be fenced. Name it in 'tables', or mark the command unfenced.`);
  const key = action.Put === undefined ? ('Key' in kind ? (kind.Key ?? {}) : {}) : keyOf(action.Put.Item ?? {}, known);
  return { table, key, isWrite };
}

function keyOf(item: Readonly<Record<string, AttributeValue>>, keys: TableKeys | undefined): Record<string, AttributeValue> {
  const key: Record<string, AttributeValue> = {};
  for (const name of [keys?.partitionKey, keys?.sortKey]) {
    const value = name === undefined ? undefined : item[name];
    if (name !== undefined && value !== undefined) key[name] = value;
  }
  return key;
}

function partitionOf(table: string, key: Readonly<Record<string, AttributeValue>>, rules: WriteRules): string {
  const name = rules.tables[table]?.partitionKey ?? '';
  const value = key[name];
  const text = value?.S ?? value?.N ?? (value?.B === undefined ? undefined : Buffer.from(value.B).toString('base64'));
  if (text === undefined) throw new RefusedError(`A write to ${table} has no key '${name}' (text, number or bytes). Give it, or correct 'tables'.`);
  return text;
}

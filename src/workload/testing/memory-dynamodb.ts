// DynamoDB's data plane in memory, as the request handler of an ordinary SDK client: a team's own handler runs on it without a network. One
// request at a time, strongly consistent. It does what docs/workload.md lists, and refuses the rest by name.
import { RefusedError } from '../../core/errors.ts';
import { placeholdersOf } from './expression-tokens.ts';
import { isTrue, updated } from './expressions.ts';
import { compared, isRecord, itemOf, type Item, type Value } from './item-values.ts';
import type { TableKeys } from '../fenced-write.ts';

type Body = Readonly<Record<string, unknown>>;
type Outcome = { readonly ok: Body } | { readonly error: string; readonly message: string; readonly more?: Body };
type Change = { readonly table: string; readonly key: string; readonly item: Item | undefined };
type Judged =
  | { readonly kind: 'done'; readonly change: Change | undefined; readonly before: Item | undefined; readonly after: Item | undefined }
  | { readonly kind: 'refused'; readonly before: Item | undefined };

export class MemoryDynamoDb {
  readonly #keys: Readonly<Record<string, TableKeys>>;
  readonly #items = new Map<string, Map<string, Item>>();
  /** Tokens of transactions that were carried out: repeated, they change nothing. */
  readonly #done = new Set<string>();

  constructor(keys: Readonly<Record<string, TableKeys>>) {
    this.#keys = keys;
  }

  items(table: string): readonly Item[] {
    return [...this.#table(table).values()];
  }

  get(table: string, key: Item): Item | undefined {
    return this.#table(table).get(this.#nameOf(table, key));
  }

  put(table: string, item: Item): void {
    this.#table(table).set(this.#nameOf(table, item), item);
  }

  /** One request, carried out whole. @param action as in the header `x-amz-target`, without its prefix. */
  answer(action: string, body: Body): Outcome {
    try {
      if (action === 'GetItem') return { ok: present({ Item: this.get(text(body, 'TableName'), itemOf(body['Key'])) }) };
      if (action === 'Query' || action === 'Scan') return { ok: this.#listed(body) };
      if (action === 'TransactWriteItems') return this.#transaction(body);
      const kind = /^(Put|Update|Delete)Item$/.exec(action)?.[1];
      if (kind === undefined) throw new RefusedError(`The DynamoDB in memory does not know ${action}.`);
      return this.#single(kind, body);
    } catch (error) {
      if (error instanceof RefusedError) return { error: 'ValidationException', message: error.message };
      throw error;
    }
  }

  #single(kind: string, body: Body): Outcome {
    const judged = this.#judged(kind, body);
    if (judged.kind === 'refused') return { error: 'ConditionalCheckFailedException', message: 'The conditional request failed', more: present({ Item: whereAsked(body, judged.before) }) };
    this.#carryOut(judged.change);
    const wanted = body['ReturnValues'] ?? 'NONE';
    if (wanted !== 'NONE' && wanted !== 'ALL_OLD' && wanted !== 'ALL_NEW') throw new RefusedError(`The DynamoDB in memory does not know ReturnValues ${JSON.stringify(wanted)}.`);
    return { ok: present({ Attributes: wanted === 'ALL_OLD' ? judged.before : wanted === 'ALL_NEW' ? judged.after : undefined }) };
  }

  #transaction(body: Body): Outcome {
    const token = body['ClientRequestToken'];
    if (typeof token === 'string' && this.#done.has(token)) return { ok: {} };
    const list = body['TransactItems'];
    if (!Array.isArray(list) || list.length === 0 || list.length > 100) throw new RefusedError('TransactItems must have 1 to 100 entries.');
    const entries: readonly unknown[] = list;
    const actions = entries.flatMap((entry) => (isRecord(entry) ? Object.entries(entry) : [])).map(([kind, of]) => ({ kind, of: isRecord(of) ? of : {} }));
    const judged = actions.map(({ kind, of }) => ({ of, result: this.#judged(kind, of) }));
    const named = judged.flatMap(({ of, result }) => (result.kind === 'done' && result.change !== undefined ? [`${result.change.table} ${result.change.key}`] : [this.#targetOf(of)]));
    if (new Set(named).size < named.length) throw new RefusedError('Transaction request cannot include multiple operations on one item');
    if (judged.some(({ result }) => result.kind === 'refused')) {
      const reasons = judged.map(({ of, result }) =>
        result.kind === 'done' ? { Code: 'None' } : present({ Code: 'ConditionalCheckFailed', Message: 'The conditional request failed', Item: whereAsked(of, result.before) }),
      );
      return { error: 'TransactionCanceledException', message: `Transaction cancelled [${reasons.map((reason) => String(reason['Code'])).join(', ')}]`, more: { CancellationReasons: reasons } };
    }
    for (const { result } of judged) if (result.kind === 'done') this.#carryOut(result.change);
    if (typeof token === 'string') this.#done.add(token);
    return { ok: {} };
  }

  #judged(kind: string, of: Body): Judged {
    const table = text(of, 'TableName');
    const put = kind === 'Put' ? itemOf(of['Item']) : undefined;
    const key = this.#nameOf(table, put ?? itemOf(of['Key']));
    const before = this.#table(table).get(key);
    const placeholders = placeholdersOf(of['ExpressionAttributeNames'], of['ExpressionAttributeValues']);
    const condition = of['ConditionExpression'];
    if (typeof condition === 'string' && !isTrue(condition, before, placeholders)) return { kind: 'refused', before };
    if (kind === 'ConditionCheck') return { kind: 'done', change: undefined, before, after: before };
    const after = kind === 'Delete' ? undefined : (put ?? updated(typeof of['UpdateExpression'] === 'string' ? of['UpdateExpression'] : '', before ?? itemOf(of['Key']), placeholders));
    return { kind: 'done', change: { table, key, item: after }, before, after };
  }

  #carryOut(change: Change | undefined): void {
    if (change === undefined) return;
    const { table, key, item } = change;
    if (item === undefined) this.#table(table).delete(key);
    else this.#table(table).set(key, item);
  }

  #listed(body: Body): Body {
    const table = text(body, 'TableName');
    for (const name of ['IndexName', 'Limit', 'ExclusiveStartKey', 'Select', 'ProjectionExpression', 'KeyConditions'])
      if (body[name] !== undefined) throw new RefusedError(`The DynamoDB in memory does not know ${name} of Query and Scan.`);
    const placeholders = placeholdersOf(body['ExpressionAttributeNames'], body['ExpressionAttributeValues']);
    const conditions = [body['KeyConditionExpression'], body['FilterExpression']].filter((condition) => typeof condition === 'string');
    const sortKey = this.#keys[table]?.sortKey;
    const found = this.items(table).filter((item) => conditions.every((condition) => isTrue(condition, item, placeholders)));
    const sorted = sortKey === undefined ? found : found.toSorted((a, b) => (compared(a[sortKey], b[sortKey]) ?? 0) * (body['ScanIndexForward'] === false ? -1 : 1));
    return { Items: sorted, Count: sorted.length, ScannedCount: sorted.length };
  }

  #targetOf(of: Body): string {
    const table = text(of, 'TableName');
    return `${table} ${this.#nameOf(table, itemOf(of['Item'] ?? of['Key']))}`;
  }

  #nameOf(table: string, item: Item): string {
    const keys = this.#keys[table];
    const names = [keys?.partitionKey ?? '', ...(keys?.sortKey === undefined ? [] : [keys.sortKey])];
    return JSON.stringify(
      names.map((name): Value => {
        const value = item[name];
        if (value === undefined) throw new RefusedError(`One of the required keys was not given a value: '${name}' of ${table}`);
        return value;
      }),
    );
  }

  #table(name: string): Map<string, Item> {
    if (this.#keys[name] === undefined) throw new RefusedError(`There is no table '${name}' in memory. Name it, with its keys, in 'tables'.`);
    const table = this.#items.get(name) ?? new Map<string, Item>();
    this.#items.set(name, table);
    return table;
  }
}

function text(body: Body, name: string): string {
  const value = body[name];
  if (typeof value !== 'string') throw new RefusedError(`${name} is missing.`);
  return value;
}

function whereAsked(of: Body, item: Item | undefined): Item | undefined {
  return of['ReturnValuesOnConditionCheckFailure'] === 'ALL_OLD' ? item : undefined;
}

function present(body: Body): Body {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

// The document client is not among our packages, so what it does is done here as its source says (aws-sdk-js-v3, lib/lib-dynamodb: PutCommand,
// DynamoDBDocumentClientCommand): it shares the client's middleware stack, and marshals the command's own input just before the serializer.
import { DynamoDBClient, PutItemCommand, type AttributeValue, type PutItemCommandInput } from '@aws-sdk/client-dynamodb';
import { beforeEach, expect, test } from 'vitest';
import { WorkloadLab } from '../../src/workload/testing/workload-lab.ts';
import { unfenced, withEpoch } from '../../src/workload/with-epoch.ts';

type Plain = string | number;
const marshalled = (item: Readonly<Record<string, Plain>>): Record<string, AttributeValue> =>
  Object.fromEntries(Object.entries(item).map(([name, value]) => [name, typeof value === 'number' ? { N: String(value) } : { S: value }]));

type DocumentInput = {
  readonly TableName: string;
  readonly Item: Readonly<Record<string, Plain>>;
  readonly ConditionExpression?: string;
  readonly ExpressionAttributeValues?: Readonly<Record<string, Plain>>;
};
type Next = (args: object) => Promise<unknown>;
type DocumentStack = { addRelativeTo(middleware: (next: Next) => Next, options: { name: string; relation: string; toMiddleware: string; override: boolean }): void };

class DocumentPut {
  readonly clientCommand: PutItemCommand;
  readonly middlewareStack: PutItemCommand['middlewareStack'];
  readonly #input: DocumentInput;

  constructor(input: DocumentInput) {
    this.#input = input;
    this.clientCommand = new PutItemCommand(input as unknown as PutItemCommandInput);
    this.middlewareStack = this.clientCommand.middlewareStack;
  }

  async sendBy(client: DynamoDBClient): Promise<unknown> {
    const { Item, ExpressionAttributeValues: values, ...rest } = this.#input;
    const input = { ...rest, Item: marshalled(Item), ...(values === undefined ? {} : { ExpressionAttributeValues: marshalled(values) }) };
    const own = this.middlewareStack as unknown as DocumentStack;
    own.addRelativeTo((next) => async (args) => next({ ...args, input }), { name: 'DocumentMarshall', relation: 'before', toMiddleware: 'serializerMiddleware', override: true });
    own.addRelativeTo((next) => async (args) => next(args), { name: 'DocumentUnmarshall', relation: 'before', toMiddleware: 'deserializerMiddleware', override: true });
    const stack = client.middlewareStack.concat(this.middlewareStack as unknown as DynamoDBClient['middlewareStack']);
    return this.clientCommand.resolveMiddleware(stack, client.config, {})(this.clientCommand);
  }
}

let lab: WorkloadLab;
let client: DynamoDBClient;
const put = (more: Partial<DocumentInput> = {}) => new DocumentPut({ TableName: 'orders', Item: { id: 'a', n: 1 }, ...more });

beforeEach(() => {
  lab = new WorkloadLab({ tables: { orders: { partitionKey: 'id' } } });
  client = withEpoch(new DynamoDBClient(lab.client), lab.settings, { region: lab.region, clock: lab.clock });
  lab.open(3);
});

test("a document client's put is fenced like any other: its items are DynamoDB's by then", async () => {
  await put().sendBy(client);
  expect(lab.tables.get('orders', { id: { S: 'a' } })).toEqual({ id: { S: 'a' }, n: { N: '1' }, holdfastEpoch: { N: '3' }, holdfastOrigin: { S: lab.region } });
  const condition = { ConditionExpression: 'n = :n', ExpressionAttributeValues: { ':n': 2 } };
  await expect(put(condition).sendBy(client)).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
  lab.handOver();
  await expect(put().sendBy(client)).rejects.toMatchObject({ name: 'StaleEpochError' });
});

test('it is sent as it is where it is marked unfenced', async () => {
  lab.handOver();
  await unfenced(put()).sendBy(client);
  expect(lab.tables.get('orders', { id: { S: 'a' } })).toEqual({ id: { S: 'a' }, n: { N: '1' } });
});

// The kept order of a client's middleware is the SDK's own, and a change of the stack is seen by the very next write.
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { beforeEach, expect, test } from 'vitest';
import { WorkloadLab } from '../../src/workload/testing/workload-lab.ts';
import { withEpoch } from '../../src/workload/with-epoch.ts';

let lab: WorkloadLab;
let client: DynamoDBClient;
let seen: string[];

/** Notes that it was passed, by a command of this name. */
const noting =
  (name: string) =>
  <Args, Answer>(next: (args: Args) => Promise<Answer>, context: { readonly commandName?: string }) =>
  async (args: Args): Promise<Answer> => {
    if (context.commandName === 'TransactWriteItemsCommand') seen.push(name);
    return next(args);
  };
const put = async () => {
  seen = [];
  await client.send(new PutItemCommand({ TableName: 'orders', Item: { id: { S: 'a' } } }));
  return seen;
};

beforeEach(() => {
  lab = new WorkloadLab({ tables: { orders: { partitionKey: 'id' } } });
  client = withEpoch(new DynamoDBClient(lab.client), lab.settings, { region: lab.region, clock: lab.clock });
  lab.open(3);
});

test('what a team adds to its client goes around the fenced write too, in the order of the SDK', async () => {
  client.middlewareStack.add(noting('deserialize'), { step: 'deserialize' });
  client.middlewareStack.add(noting('build'), { step: 'build', name: 'build' });
  client.middlewareStack.add(noting('initialize-low'), { step: 'initialize', priority: 'low' });
  client.middlewareStack.add(noting('initialize'), { step: 'initialize' });
  client.middlewareStack.addRelativeTo(noting('before-signing'), { relation: 'before', toMiddleware: 'httpSigningMiddleware' });
  client.middlewareStack.addRelativeTo(noting('after-build'), { relation: 'after', toMiddleware: 'build' });
  const order = ['initialize', 'initialize-low', 'build', 'after-build', 'before-signing', 'deserialize'];
  expect(await put()).toEqual(order);
  expect(await put()).toEqual(order);
});

test('what is added, changed or removed after a write holds for the next one', async () => {
  expect(await put()).toEqual([]);
  client.middlewareStack.add(noting('late'), { step: 'build', name: 'late' });
  expect(await put()).toEqual(['late']);
  client.middlewareStack.add(noting('instead'), { step: 'build', name: 'late', override: true });
  expect(await put()).toEqual(['instead']);
  client.middlewareStack.remove('late');
  expect(await put()).toEqual([]);
});

// What is of the document client alone; what it writes is in test/contract/fenced-documents.ts.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { beforeEach, expect, test } from 'vitest';
import { WorkloadLab } from '../../src/workload/testing/workload-lab.ts';
import { withEpoch } from '../../src/workload/with-epoch.ts';

let lab: WorkloadLab;

beforeEach(() => {
  lab = new WorkloadLab({ tables: { orders: { partitionKey: 'id' } } });
  lab.open(3);
});

test('a client whose middleware a document client would leave behind is refused', async () => {
  const old = new DynamoDBClient(lab.client);
  // As clients were before their serializer was part of the client's own stack.
  for (const name of ['serializerMiddleware', 'deserializerMiddleware']) old.middlewareStack.remove(name);
  const warnings: unknown[] = [];
  old.config.logger = { ...console, warn: (text: unknown) => warnings.push(text) };
  const documents = DynamoDBDocumentClient.from(old);
  expect(documents.middlewareStack).not.toBe(old.middlewareStack);
  expect(warnings).toEqual([expect.stringContaining('incompatible version')]);
  expect(() => withEpoch(old, lab.settings, { region: lab.region })).toThrow('cannot fence this version');
});

test('one command sent twice is two fenced writes, with the options of its client', async () => {
  const documents = DynamoDBDocumentClient.from(withEpoch(new DynamoDBClient(lab.client), lab.settings, { region: lab.region, clock: lab.clock }), {
    marshallOptions: { removeUndefinedValues: true },
  });
  const put = new PutCommand({ TableName: 'orders', Item: { id: 'a', none: undefined } });
  await documents.send(put);
  lab.open(4);
  await expect(documents.send(put)).rejects.toMatchObject({ name: 'StaleEpochError' });
  await documents.send(put);
  expect(lab.tables.items('orders')).toEqual([{ id: { S: 'a' }, holdfastEpoch: { N: '4' }, holdfastOrigin: { S: lab.region } }]);
  expect(put.input).toEqual({ TableName: 'orders', Item: { id: 'a', none: undefined } });
});

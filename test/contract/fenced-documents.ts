// What a service may rely on that writes through the document client (@aws-sdk/lib-dynamodb), wherever it is made from the fenced client: kept by
// the lab and by DynamoDB alike.
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { BatchWriteCommand, DeleteCommand, DynamoDBDocument, DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand, TransactWriteCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { beforeEach, describe, expect, test } from 'vitest';
import { closeFenceOfEpoch } from '../../src/core/lease/lease-rows.ts';
import { unfenced, withEpoch } from '../../src/workload/with-epoch.ts';
import { openNextEpoch, shardsOf, type FencedTables } from './fenced-tables.ts';

type Make = (client: DynamoDBClient, fence: <C extends DynamoDBClient>(client: C) => C) => DynamoDBDocumentClient;

const ways: Readonly<Record<string, Make>> = {
  'made from the fenced client': (client, fence) => DynamoDBDocumentClient.from(fence(client)),
  'fenced itself': (client, fence) => fence(DynamoDBDocumentClient.from(client)),
  'made before its client is fenced': (client, fence) => {
    const documents = DynamoDBDocumentClient.from(client);
    fence(client);
    return documents;
  },
  'the one with methods': (client, fence) => DynamoDBDocument.from(fence(client), { marshallOptions: { removeUndefinedValues: true } }),
};

export function fencedDocumentsContract(name: string, subject: () => FencedTables): void {
  describe.each(Object.entries(ways))(`documents through the fence: ${name}, %s`, (way, made) => {
    let documents: DynamoDBDocumentClient;
    let plain: DynamoDBClient;
    let TableName: string;
    let epoch: number;
    const key = (id: string) => ({ [subject().settings.dataKey]: id });
    const ofTest = (id: string) => `${way}-${id}-${epoch}`;
    const stamp = () => ({ holdfastEpoch: { N: String(epoch) }, holdfastOrigin: { S: subject().region } });
    const stored = async (id: string) => (await plain.send(new GetItemCommand({ TableName, Key: { [subject().settings.dataKey]: { S: id } }, ConsistentRead: true }))).Item;
    const inTable = (id: string, more: object) => ({ [subject().settings.dataKey]: { S: id }, ...more });
    const close = async () => Promise.all(shardsOf(subject()).map(async (k) => subject().change(closeFenceOfEpoch(k, epoch))));

    beforeEach(async () => {
      const { settings, region } = subject();
      TableName = settings.tables.data;
      ({ epoch } = await openNextEpoch(subject()));
      plain = subject().client();
      documents = made(subject().client(), (client) => withEpoch(client, settings, { region, attemptTimeoutMs: 10_000 }));
    });

    test('a put is stored as DynamoDB has it, stamped; its own condition fails as without a fence', async () => {
      const id = ofTest('put');
      await documents.send(new PutCommand({ TableName, Item: { ...key(id), n: 1, deep: { list: ['a', 2, true, null] }, tags: new Set(['x']) } }));
      expect(await stored(id)).toEqual(inTable(id, { n: { N: '1' }, deep: { M: { list: { L: [{ S: 'a' }, { N: '2' }, { BOOL: true }, { NULL: true }] } } }, tags: { SS: ['x'] }, ...stamp() }));
      const again = new PutCommand({ TableName, Item: key(id), ConditionExpression: 'n = :n', ExpressionAttributeValues: { ':n': 2 } });
      await expect(documents.send(again)).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
      expect(await documents.send(new GetCommand({ TableName, Key: key(id), ConsistentRead: true }))).toMatchObject({ Item: { n: 1, holdfastEpoch: epoch } });
      const query = { TableName, ConsistentRead: true, KeyConditionExpression: '#k = :k', ExpressionAttributeNames: { '#k': subject().settings.dataKey }, ExpressionAttributeValues: { ':k': id } };
      expect((await documents.send(new QueryCommand(query))).Items).toMatchObject([{ n: 1 }]);
    });

    test('an update keeps its expression and values', async () => {
      const id = ofTest('update');
      await plain.send(new PutItemCommand({ TableName, Item: inTable(id, { n: { N: '1' }, holdfastOrigin: { S: 'us-west-2' }, holdfastSequence: { S: '7' } }) }));
      const update = (expected: number) =>
        new UpdateCommand({
          TableName,
          Key: key(id),
          UpdateExpression: 'SET n = n + :one, m = :m',
          ConditionExpression: 'n = :expected',
          ExpressionAttributeValues: { ':one': 1, ':m': { a: 'b' }, ':expected': expected },
        });
      await expect(documents.send(update(5))).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
      await documents.send(update(1));
      expect(await stored(id)).toEqual(inTable(id, { n: { N: '2' }, m: { M: { a: { S: 'b' } } }, ...stamp() }));
    });

    test('a removal is done under its own condition', async () => {
      const id = ofTest('delete');
      await plain.send(new PutItemCommand({ TableName, Item: inTable(id, { n: { N: '1' } }) }));
      const remove = (n: number) => new DeleteCommand({ TableName, Key: key(id), ConditionExpression: 'n = :n', ExpressionAttributeValues: { ':n': n } });
      await expect(documents.send(remove(2))).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
      await documents.send(remove(1));
      expect(await stored(id)).toBeUndefined();
    });

    test('a transaction puts, updates, removes and checks; its reasons are by its own order', async () => {
      const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((id) => ofTest(`transact-${id}`));
      if (a === undefined || b === undefined || c === undefined || d === undefined) return;
      for (const id of [b, c, d]) await plain.send(new PutItemCommand({ TableName, Item: inTable(id, { n: { N: '1' } }) }));
      const transaction = (n: number) =>
        new TransactWriteCommand({
          TransactItems: [
            { Put: { TableName, Item: { ...key(a), list: [1] } } },
            { Update: { TableName, Key: key(b), UpdateExpression: 'SET n = :two', ExpressionAttributeValues: { ':two': 2 } } },
            { Delete: { TableName, Key: key(c) } },
            { ConditionCheck: { TableName, Key: key(d), ConditionExpression: 'n = :n', ExpressionAttributeValues: { ':n': n } } },
          ],
        });
      await expect(documents.send(transaction(2))).rejects.toMatchObject({
        name: 'TransactionCanceledException',
        CancellationReasons: [{ Code: 'None' }, { Code: 'None' }, { Code: 'None' }, { Code: 'ConditionalCheckFailed' }],
      });
      await documents.send(transaction(1));
      expect(await stored(a)).toEqual(inTable(a, { list: { L: [{ N: '1' }] }, ...stamp() }));
      expect(await stored(b)).toEqual(inTable(b, { n: { N: '2' }, ...stamp() }));
      expect(await stored(c)).toBeUndefined();
      expect(await stored(d)).toEqual(inTable(d, { n: { N: '1' } }));
    });

    test('nothing is written once the epoch is over; what cannot be fenced is refused; what is marked goes as it is', async () => {
      const id = ofTest('closed');
      await documents.send(new PutCommand({ TableName, Item: { ...key(id), n: 1 } }));
      await close();
      await expect(documents.send(new PutCommand({ TableName, Item: { ...key(id), n: 2 } }))).rejects.toMatchObject({ name: 'StaleEpochError' });
      expect(await stored(id)).toMatchObject({ n: { N: '1' } });
      const batch = new BatchWriteCommand({ RequestItems: { [TableName]: [{ PutRequest: { Item: key(id) } }] } });
      await expect(documents.send(batch)).rejects.toMatchObject({ name: 'RefusedError' });
      await expect(documents.send(new UpdateCommand({ TableName, Key: key(id), ReturnValues: 'ALL_NEW' }))).rejects.toMatchObject({ name: 'RefusedError' });
      await documents.send(unfenced(new PutCommand({ TableName, Item: { ...key(id), n: 3 } })));
      expect(await stored(id)).toEqual(inTable(id, { n: { N: '3' } }));
    });
  });
}

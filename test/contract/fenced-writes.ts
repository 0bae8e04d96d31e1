// What a service's fenced client may rely on, kept by the tables in memory (the lab) and by DynamoDB alike: so a team's tests in memory say
// something about the real thing.
import { DeleteItemCommand, GetItemCommand, PutItemCommand, ScanCommand, TransactWriteItemsCommand, UpdateItemCommand, type AttributeValue, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { beforeEach, describe, expect, test } from 'vitest';
import { shardOf } from '../../src/core/lease/fence-shard.ts';
import { closeFenceAtDeadline, closeFenceOfEpoch, openFence } from '../../src/core/lease/lease-rows.ts';
import { withEpoch } from '../../src/workload/with-epoch.ts';
import { openNextEpoch, shardsOf, type FencedTables } from './fenced-tables.ts';

export function fencedWritesContract(name: string, subject: () => FencedTables): void {
  describe(`fenced writes: ${name}`, () => {
    let client: DynamoDBClient;
    let plain: DynamoDBClient;
    let TableName: string;
    let untilAtMs: number;
    let epoch: number;
    const key = (id: string) => ({ [subject().settings.dataKey]: { S: id } });
    const shards = () => shardsOf(subject());
    const stamp = () => ({ holdfastEpoch: { N: String(epoch) }, holdfastOrigin: { S: subject().region } });
    const stored = async (id: string) => (await plain.send(new GetItemCommand({ TableName, Key: key(id), ConsistentRead: true }))).Item;
    const put = async (id: string, more: Record<string, AttributeValue> = {}) => client.send(new PutItemCommand({ TableName, Item: { ...key(id), ...more } }));

    beforeEach(async () => {
      const { settings, region } = subject();
      TableName = settings.tables.data;
      ({ epoch, untilAtMs } = await openNextEpoch(subject()));
      plain = subject().client();
      client = withEpoch(subject().client(), settings, { region, attemptTimeoutMs: 10_000 });
    });

    test('a put is in the table with its stamp; its own condition fails as without a fence, with the item where asked', async () => {
      const id = `put-${epoch}`;
      await put(id, { n: { N: '1' } });
      expect(await stored(id)).toEqual({ ...key(id), n: { N: '1' }, ...stamp() });
      const again = new PutItemCommand({
        TableName,
        Item: key(id),
        ConditionExpression: 'attribute_not_exists(#k)',
        ExpressionAttributeNames: { '#k': subject().settings.dataKey },
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      });
      await expect(client.send(again)).rejects.toMatchObject({ name: 'ConditionalCheckFailedException', Item: { n: { N: '1' } } });
    });

    test('an update keeps its expression, and takes the marks of another region away', async () => {
      const id = `update-${epoch}`;
      await plain.send(new PutItemCommand({ TableName, Item: { ...key(id), n: { N: '1' }, old: { S: 'x' }, holdfastOrigin: { S: 'us-west-2' }, holdfastSequence: { S: '7' } } }));
      await client.send(
        new UpdateItemCommand({
          TableName,
          Key: key(id),
          UpdateExpression: 'remove #old set n = n + :one add hits :one',
          ConditionExpression: 'n = :one',
          ExpressionAttributeNames: { '#old': 'old' },
          ExpressionAttributeValues: { ':one': { N: '1' } },
        }),
      );
      expect(await stored(id)).toEqual({ ...key(id), n: { N: '2' }, hits: { N: '1' }, ...stamp() });
    });

    test('a removal is done, or refused by its condition, or nothing', async () => {
      const id = `delete-${epoch}`;
      await plain.send(new PutItemCommand({ TableName, Item: { ...key(id), n: { N: '1' } } }));
      const remove = async (n: string) => client.send(new DeleteItemCommand({ TableName, Key: key(id), ConditionExpression: 'n = :n', ExpressionAttributeValues: { ':n': { N: n } } }));
      await expect(remove('2')).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
      await remove('1');
      expect(await stored(id)).toBeUndefined();
      await client.send(new DeleteItemCommand({ TableName, Key: key(id) }));
    });

    test("a transaction's reasons are by the caller's own order", async () => {
      const id = `transact-${epoch}`;
      const items = [{ Put: { TableName, Item: key(id) } }, { ConditionCheck: { TableName, Key: key(`${id}-b`), ConditionExpression: 'attribute_exists(n)' } }];
      await expect(client.send(new TransactWriteItemsCommand({ TransactItems: items }))).rejects.toMatchObject({
        name: 'TransactionCanceledException',
        CancellationReasons: [{ Code: 'None' }, { Code: 'ConditionalCheckFailed' }],
      });
      expect(await stored(id)).toBeUndefined();
    });

    test('a row closed for good refuses, whatever the lease row said a moment ago, and writes nothing', async () => {
      const id = `closed-${epoch}`;
      await put(id);
      await subject().change(closeFenceOfEpoch(shardOf(id, subject().settings.fenceShards), epoch));
      await expect(put(id, { late: { S: 'yes' } })).rejects.toMatchObject({ name: 'StaleEpochError' });
      expect(await stored(id)).toEqual({ ...key(id), ...stamp() });
    });

    test('a row closed at its deadline refuses for the time being', async () => {
      const id = `deadline-${epoch}`;
      await put(id);
      const k = shardOf(id, subject().settings.fenceShards);
      await subject().change(closeFenceAtDeadline(k, { epoch, untilAtMs, closedThroughMs: 0 }));
      await expect(put(id)).rejects.toMatchObject({ name: 'FenceClosedError', retryable: true });
      await subject().change(openFence(k, epoch, untilAtMs + 1));
      await put(id);
    });

    test('what races with the close is in before it is confirmed, or never', async () => {
      const id = `race-${epoch}`;
      await put(id);
      const outcomes = Array.from({ length: 30 }, async (_, n) =>
        put(`${id}-${n}`).then(
          () => 'done',
          (error: unknown) => (error instanceof Error ? error.name : ''),
        ),
      );
      await Promise.all(shards().map(async (k) => subject().change(closeFenceOfEpoch(k, epoch))));
      const found = async () =>
        ((await plain.send(new ScanCommand({ TableName, ConsistentRead: true }))).Items ?? [])
          .map(
            (item) =>
              Object.values(item)
                .map((value) => value.S ?? '')
                .find((text) => text.startsWith(`${id}-`)) ?? '',
          )
          .filter((text) => text !== '');
      const atClose = await found();
      const ended = await Promise.all(outcomes);
      expect((await found()).toSorted()).toEqual(atClose.toSorted());
      expect(ended.filter((outcome) => outcome === 'done').length).toBe(atClose.length);
      expect(ended.filter((outcome) => !['done', 'StaleEpochError', 'FenceClosedError'].includes(outcome))).toEqual([]);
    });

    test.each([
      ['n = :one', true],
      ['n <> :one', false],
      ['n < :two AND NOT n < :one', true],
      ['(n = :two OR n = :one) AND s = :s', true],
      ['n = :two OR n = :one AND s = :one', false],
      ['n BETWEEN :one AND :two', true],
      ['n IN (:two, :one)', true],
      ['attribute_exists(m.a) AND attribute_not_exists(m.b)', true],
      ['m.a = :s', true],
      ['l[1] = :two', true],
      ['begins_with(s, :s)', true],
      ['contains(l, :two)', true],
      ['contains(s, :s)', true],
      ['size(l) = :two', true],
      ['size(s) > :two', false],
      ['s < :two', false],
      ['attribute_type(n, :n)', true],
      ['zz = :one', false],
      ['zz < :one', false],
      ['big > n', true],
    ])('a condition is judged as in DynamoDB: %s is %s', async (condition, isSo) => {
      const id = `condition-${epoch}`;
      const item = { n: { N: '1' }, big: { N: '10' }, s: { S: 'tx' }, m: { M: { a: { S: 'tx' } } }, l: { L: [{ N: '1' }, { N: '2' }] } };
      await plain.send(new PutItemCommand({ TableName, Item: { ...key(id), ...item } }));
      const all = { ':one': { N: '1.0' }, ':two': { N: '2' }, ':s': { S: 'tx' }, ':n': { S: 'N' } };
      const values = Object.fromEntries(Object.entries(all).filter(([placeholder]) => new RegExp(`${placeholder}\\b`).test(condition)));
      const judged = plain.send(new PutItemCommand({ TableName, Item: key(id), ConditionExpression: condition, ...(Object.keys(values).length === 0 ? {} : { ExpressionAttributeValues: values }) }));
      if (isSo) await judged;
      else await expect(judged).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' });
    });

    test('an update changes what DynamoDB would change', async () => {
      const id = `expression-${epoch}`;
      await plain.send(new PutItemCommand({ TableName, Item: { ...key(id), n: { N: '1' }, m: { M: { a: { S: 'x' } } }, l: { L: [{ N: '1' }] }, tags: { SS: ['a', 'b'] }, gone: { S: 'x' } } }));
      await plain.send(
        new UpdateItemCommand({
          TableName,
          Key: key(id),
          UpdateExpression: 'SET n = n - :one, zz = if_not_exists(zz, :s), m.b = :s, l = list_append(l, :l), zz2 = n REMOVE gone, m.a ADD hits :one, tags :add DELETE tags2 :del',
          ExpressionAttributeValues: { ':one': { N: '1' }, ':s': { S: 's' }, ':l': { L: [{ N: '2' }] }, ':add': { SS: ['c'] }, ':del': { SS: ['q'] } },
        }),
      );
      const { tags, ...rest } = (await stored(id)) ?? {};
      expect(rest).toEqual({ ...key(id), n: { N: '0' }, zz: { S: 's' }, m: { M: { b: { S: 's' } } }, l: { L: [{ N: '1' }, { N: '2' }] }, zz2: { N: '1' }, hits: { N: '1' } });
      expect(tags?.SS?.toSorted()).toEqual(['a', 'b', 'c']);
    });
  });
}

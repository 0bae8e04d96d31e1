// What the fence costs a service on the client's side: CPU of a put through a client with `withEpoch`, less that of the same put through a client
// without, and less that of the transaction which it becomes, sent by hand. Nothing leaves the process: the request handler answers at once.
// `node scripts/bootstrap.mjs test/bench/workload-cost.ts [--writes 100] [--rounds 300]`; prints a record, a line of JSON last.
import { DynamoDBClient, PutItemCommand, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { createFence } from '../../src/workload/fence.ts';
import { withEpoch, type EpochSettings } from '../../src/workload/with-epoch.ts';

const { values } = parseArgs({ options: { writes: { type: 'string', default: '100' }, rounds: { type: 'string', default: '300' } } });
const [writes, rounds] = [Number(values.writes), Number(values.rounds)];
const region = 'us-east-1';
const settings: EpochSettings = { tables: { region: 'r', fence: 'f', data: 'orders' }, dataKey: 'id', isFenced: true, fenceShards: 8, timing: { gateCacheMs: 1000 } };

/** Answers everything at once; the lease row is open for an hour. */
const requestHandler = {
  metadata: { handlerProtocol: 'memory' },
  handle: async (request: { readonly headers: Readonly<Record<string, string>> }) => {
    const isRead = request.headers['x-amz-target']?.endsWith('GetItem') === true;
    const row = { epoch: { N: '3' }, openEpoch: { N: '3' }, closedEpoch: { N: '0' }, untilAtMs: { N: String(Date.now() + 3_600_000) } };
    return { response: { statusCode: 200, headers: { 'content-type': 'application/x-amz-json-1.0' }, body: Buffer.from(isRead ? JSON.stringify({ Item: row }) : '{}') } };
  },
};
const newClient = () => new DynamoDBClient({ region, credentials: { accessKeyId: 'a', secretAccessKey: 'b' }, requestHandler });

const plain = newClient();
const fenced = withEpoch(newClient(), settings, { region });
const permit = await createFence(plain, settings, region).read();
if (permit.kind !== 'open') throw new Error('the lease row of this bench is open');
const itemOf = (n: number) => ({ id: { S: `order-${n}` }, body: { S: '{"item":"tea","count":3,"note":"as last time"}' } });

const ways = {
  'plain put': async (n: number) => plain.send(new PutItemCommand({ TableName: 'orders', Item: itemOf(n) })),
  'the transaction by hand': async (n: number) =>
    plain.send(new TransactWriteItemsCommand({ TransactItems: [{ Put: { TableName: 'orders', Item: { ...itemOf(n), ...permit.stamp } } }, ...permit.checks(`order-${n}`)] })),
  'a put through withEpoch': async (n: number) => fenced.send(new PutItemCommand({ TableName: 'orders', Item: itemOf(n) })),
};

async function cpuMicrosecondsOf(write: (n: number) => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  for (let n = 0; n < writes; n += 1) await write(n);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / writes;
}

const at = (all: readonly number[], share: number) => all.toSorted((a, b) => a - b)[Math.floor((all.length - 1) * share)] ?? Number.NaN;
const measured = new Map<string, number[]>(Object.keys(ways).map((name) => [name, []]));
const warmUpRounds = 30;
const order = Object.entries(ways);
for (let round = -warmUpRounds; round < rounds; round += 1) {
  // In turns, and each way as often first: a busy moment of the machine, or a collection of garbage, meets all three alike.
  order.push(...order.splice(0, 1));
  for (const [name, write] of order) {
    const microseconds = await cpuMicrosecondsOf(write);
    if (round >= 0) measured.get(name)?.push(microseconds);
  }
}
const shown = (all: readonly number[]) => ({ median: Math.round(at(all, 0.5)), quartiles: [Math.round(at(all, 0.25)), Math.round(at(all, 0.75))], least: Math.round(at(all, 0)) });
for (const [name, all] of measured) process.stdout.write(`${name}: ${JSON.stringify(shown(all))} µs of CPU a write\n`);
const [base = [], byHand = [], through = []] = [...measured.values()];
// Within a round, not of the medians: what the machine does to a round, it does to both.
const above = (other: readonly number[]) => shown(through.map((microseconds, round) => microseconds - (other[round] ?? Number.NaN)));
const cpu = cpus();
const record = {
  what: 'µs of CPU that withEpoch adds to a put',
  abovePlainPut: above(base),
  aboveTransactionByHand: above(byHand),
  writes,
  rounds,
  at: new Date().toISOString(),
  node: process.version,
  machine: `${cpu[0]?.model ?? '?'}, ${cpu.length} processors, load ${loadavg()[0]?.toFixed(1) ?? '?'}`,
};
process.stdout.write(`${JSON.stringify(record)}\n`);

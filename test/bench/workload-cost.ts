// What the fence costs a service on the client's side: CPU of a put through withEpoch, less the CPU of the transaction that it becomes, sent by
// hand, less also what the plain put costs. Nothing leaves the process: the request handler answers at once. `node scripts/bootstrap.mjs
// test/bench/workload-cost.ts [--writes 300] [--rounds 40]`
import { DynamoDBClient, PutItemCommand, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { parseArgs } from 'node:util';
import { createFence } from '../../src/workload/fence.ts';
import { withEpoch, type EpochSettings } from '../../src/workload/with-epoch.ts';

const { values } = parseArgs({ options: { writes: { type: 'string', default: '300' }, rounds: { type: 'string', default: '40' } } });
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

const sorted = (all: readonly number[]) => all.toSorted((a, b) => a - b);
const median = (all: readonly number[]) => sorted(all)[Math.floor(all.length / 2)] ?? Number.NaN;
/** Other processes only ever add to it: the least of the rounds is nearest to the truth on a busy machine. */
const least = (all: readonly number[]) => sorted(all)[0] ?? Number.NaN;
const measured = new Map<string, number[]>(Object.keys(ways).map((name) => [name, []]));
// The first rounds warm up; then in turns, so that a busy moment of the machine meets all three.
const warmUpRounds = 10;
for (let round = 1 - warmUpRounds; round <= rounds; round += 1) {
  for (const [name, write] of Object.entries(ways)) {
    const microseconds = await cpuMicrosecondsOf(write);
    if (round > 0) measured.get(name)?.push(microseconds);
  }
}
for (const [name, all] of measured) process.stdout.write(`${name}: ${least(all).toFixed(0)} µs of CPU a write at least, median ${median(all).toFixed(0)}\n`);
const [base = [], byHand = [], through = []] = [...measured.values()];
process.stdout.write(
  `withEpoch above the transaction by hand: ${(least(through) - least(byHand)).toFixed(0)} µs (medians: ${(median(through) - median(byHand)).toFixed(0)}); above the plain put: ${(least(through) - least(base)).toFixed(0)} µs\n`,
);

// Histories of a region around its writers: leases come and go, fence rows close one by one, requests are held, lost and answered late. What
// must hold is judged from the rows and the items alone, not from what the requests say of themselves.
import { DeleteItemCommand, DynamoDBClient, PutItemCommand, TransactWriteItemsCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import fc from 'fast-check';
import { shardOf } from '../../src/core/lease/fence-shard.ts';
import { closeFenceOfEpoch, fenceKey, isFenceOpen, parseFenceRow } from '../../src/core/lease/lease-rows.ts';
import type { Item } from '../../src/workload/testing/item-values.ts';
import type { Fate, LabRequest } from '../../src/workload/testing/lab-network.ts';
import { WorkloadLab } from '../../src/workload/testing/workload-lab.ts';
import type { withEpoch } from '../../src/workload/with-epoch.ts';
import { around } from '../core/property.ts';

const [table, region, fenceShards] = ['orders', 'us-east-1', 3];
const ids = ['a', 'b', 'c', 'g', 'k'];

export type Step =
  | { readonly do: 'write'; readonly how: 'put' | 'put-new' | 'update' | 'delete' | 'transact'; readonly id: string }
  | { readonly do: 'advance'; readonly byMs: number }
  | { readonly do: 'close-one'; readonly shard: number }
  | { readonly do: 'renew' | 'close-at-deadline' | 'hand-over' | 'see-new-holder' | 'take' | 'open' | 'let-through' | 'wait' };

const fates: readonly Fate[] = [
  'deliver',
  'hold',
  'lose-answer',
  'lose-request',
  { error: 'InternalServerError', status: 500, isCarriedOut: true },
  { error: 'InternalServerError', status: 500 },
  { error: 'ThrottlingException', status: 400 },
];

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      how: fc.constantFrom('put' as const, 'put-new' as const, 'update' as const, 'delete' as const, 'transact' as const),
      id: fc.constantFrom(...ids),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('advance' as const), byMs: around(1, 400, 1000, 17_600, 18_000) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('close-one' as const), shard: fc.nat(fenceShards - 1) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('renew' as const, 'close-at-deadline' as const, 'hand-over' as const, 'see-new-holder' as const, 'take' as const, 'open' as const, 'let-through' as const, 'wait' as const),
    }),
  },
);

export const histories = fc.record({ steps: fc.array(step, { minLength: 2, maxLength: 14 }), fates: fc.array(fc.constantFrom(...fates, 'deliver' as const, 'hold' as const), { maxLength: 10 }) });
export type History = typeof histories extends fc.Arbitrary<infer H> ? H : never;

const turn = async () => new Promise<void>((resolve) => setImmediate(resolve));
const nameOf = (error: unknown) => (error instanceof Error ? error.name : String(error));
/** Three times, after some turns of the event loop: the SDK's own waits would be real time. */
const retryStrategy = {
  mode: 'soon',
  acquireInitialRetryToken: async () => tokenOf(0),
  refreshRetryTokenForRetry: async (token: { getRetryCount: () => number }, { errorType }: { errorType: string }) => {
    if (errorType === 'CLIENT_ERROR' || token.getRetryCount() >= 2) throw new Error('no more');
    for (let turns = 0; turns < 3; turns += 1) await turn();
    return tokenOf(token.getRetryCount() + 1);
  },
  recordSuccess: () => undefined,
};
const tokenOf = (count: number) => ({ getRetryCount: () => count, getRetryDelay: () => 0 });

/** A transaction writes an item of every fence row. */
function commandOf(how: string, id: string, tag: number) {
  const key = { id: { S: id } };
  const item = { ...key, tag: { N: String(tag) } };
  if (how === 'put') return new PutItemCommand({ TableName: table, Item: item });
  if (how === 'put-new') return new PutItemCommand({ TableName: table, Item: item, ConditionExpression: 'attribute_not_exists(id)' });
  if (how === 'update') return new UpdateItemCommand({ TableName: table, Key: key, UpdateExpression: 'SET tag = :t', ExpressionAttributeValues: { ':t': item.tag } });
  if (how === 'transact') return new TransactWriteItemsCommand({ TransactItems: ids.map((each) => ({ Put: { TableName: table, Item: { id: { S: each }, tag: item.tag } } })) });
  return new DeleteItemCommand({ TableName: table, Key: key });
}

class Run {
  readonly lab = new WorkloadLab({ tables: { [table]: { partitionKey: 'id' } }, region, fenceShards });
  readonly wrong: string[] = [];
  readonly #client: DynamoDBClient;
  readonly #deadlines = new Map<number, number>();
  readonly #fates: Fate[];
  readonly #outcomes: Promise<void>[] = [];
  readonly #carriedOut = new Set<number>();
  readonly #unconditional = new Set<number>();
  #held: LabRequest[] = [];
  #writes = 0;

  constructor(history: History, fence: typeof withEpoch) {
    this.#fates = [...history.fates];
    this.#client = fence(new DynamoDBClient({ ...this.lab.client, retryStrategy }), this.lab.settings, { region, clock: this.lab.clock });
    // Written by the region that was active before.
    for (const id of ids.slice(0, 2)) this.lab.tables.put(table, { id: { S: id }, tag: { N: '0' }, holdfastEpoch: { N: '1' }, holdfastOrigin: { S: 'us-west-2' } });
    this.lab.network.fate = (request) => this.#sent(request);
    const answer = this.lab.tables.answer.bind(this.lab.tables);
    this.lab.tables.answer = (action, body) => {
      const before = this.#items();
      const outcome = answer(action, body);
      this.#judgeChange(before);
      return outcome;
    };
  }

  async play(steps: readonly Step[]): Promise<void> {
    for (const each of [{ do: 'take' } as const, { do: 'open' } as const, ...steps]) {
      this.#step(each);
      this.#noteDeadline();
      for (let turns = 0; turns < 4; turns += 1) await turn();
    }
    await this.#end();
  }

  #step(each: Step): void {
    const { lab } = this;
    const { epoch } = lab.lease();
    if (each.do === 'write') this.#write(each.how, each.id);
    else if (each.do === 'advance') this.#advance(each.byMs);
    else if (each.do === 'close-one') lab.change(closeFenceOfEpoch(each.shard, epoch));
    else if (each.do === 'renew') lab.renew();
    else if (each.do === 'close-at-deadline') lab.closeAtDeadline();
    else if (each.do === 'hand-over') lab.handOver();
    else if (each.do === 'see-new-holder') lab.seeNewHolder(epoch + 1);
    else if (each.do === 'take') lab.take(epoch + 2);
    else if (each.do === 'open') lab.open(epoch);
    else if (each.do === 'let-through') this.#letThrough();
  }

  #write(how: string, id: string): void {
    this.#writes += 1;
    const tag = this.#writes;
    const command = commandOf(how, id, tag);
    if (how !== 'put-new') this.#unconditional.add(tag);
    const sent = Reflect.apply(this.#client.send.bind(this.#client), undefined, [command]) as Promise<unknown>;
    this.#outcomes.push(
      sent.then(
        () => this.#conclude(tag, how, 'done'),
        (error: unknown) => this.#conclude(tag, how, nameOf(error)),
      ),
    );
  }

  readonly #refused = new Set<number>();

  #conclude(tag: number, how: string, outcome: string): void {
    if (how === 'delete') return;
    if (outcome === 'done' && !this.#carriedOut.has(tag)) this.wrong.push(`write ${tag} is said to be done and is not`);
    if (outcome === 'FenceClosedError' || outcome === 'StaleEpochError') this.#refused.add(tag);
  }

  #sent(request: LabRequest): Fate {
    const text = JSON.stringify(request.body);
    if (!request.action.endsWith('Items') && !/^(Put|Update|Delete)/.test(request.action)) return 'deliver';
    const epoch = Number(/"(?:holdfastEpoch|:holdfastEpoch|:epoch)":\{"N":"(\d+)"/.exec(text)?.[1]);
    const deadlineMs = this.#deadlines.get(epoch) ?? 0;
    if (this.lab.clock.nowMs() >= deadlineMs) this.wrong.push(`sent in epoch ${epoch} at its deadline or ${this.lab.clock.nowMs() - deadlineMs} ms after it`);
    const fate = this.#fates.shift() ?? 'deliver';
    if (fate === 'hold') this.#held.push(request);
    return fate;
  }

  #advance(byMs: number): void {
    this.#noteDeadline();
    this.lab.clock.advance(byMs);
    const { aborted } = this.lab.network;
    const latestMs = Math.max(0, ...this.#deadlines.values());
    if (this.lab.clock.nowMs() >= latestMs) for (const held of this.#held) if (!aborted.includes(held)) this.wrong.push('a request is still waited for after the lease');
  }

  #letThrough(): void {
    this.#held = [];
    this.lab.network.letThrough();
  }

  #items(): ReadonlyMap<string, Item> {
    return new Map(this.lab.tables.items(table).map((item) => [String(item['id']?.['S']), item]));
  }

  #judgeChange(before: ReadonlyMap<string, Item>): void {
    const after = this.#items();
    for (const id of ids) {
      const [old, now] = [before.get(id), after.get(id)];
      if (JSON.stringify(old) === JSON.stringify(now)) continue;
      const fence = parseFenceRow(this.lab.row(fenceKey(shardOf(id, fenceShards))));
      const stamped = Number((now ?? old)?.['holdfastEpoch']?.['N']);
      if (!isFenceOpen(fence)) this.wrong.push(`'${id}' changed behind a closed fence row`);
      if (stamped !== fence.epoch) this.wrong.push(`'${id}' changed by epoch ${stamped} under a fence row of epoch ${fence.epoch}`);
      const tag = Number(now?.['tag']?.['N']);
      if (now !== undefined && Number(old?.['tag']?.['N']) !== tag) {
        this.#carriedOut.add(tag);
        if (old !== undefined && !this.#unconditional.has(tag)) this.wrong.push(`'${id}' was there, and was written over by a put on condition that it is not`);
      }
    }
  }

  #noteDeadline(): void {
    const { epoch, untilAtMs } = this.lab.lease();
    this.#deadlines.set(epoch, Math.max(untilAtMs, this.#deadlines.get(epoch) ?? 0));
  }

  async #end(): Promise<void> {
    let isOver = false;
    const all = Promise.all(this.#outcomes).then(() => (isOver = true));
    for (let rounds = 0; rounds < 200 && !isOver; rounds += 1) {
      this.#advance(1000);
      for (let turns = 0; turns < 4; turns += 1) await turn();
    }
    if (!isOver) this.wrong.push('a write never ends');
    else await all;
    // What was given up long ago arrives all the same.
    this.#letThrough();
    for (let turns = 0; turns < 4; turns += 1) await turn();
    for (const tag of this.#refused) if (this.#carriedOut.has(tag)) this.wrong.push(`write ${tag} is said to be surely not written, and it is written`);
  }
}

/** @returns what was wrong, in words */
export async function playHistory(history: History, fence: typeof withEpoch): Promise<readonly string[]> {
  const run = new Run(history, fence);
  await run.play(history.steps);
  return run.wrong;
}

// Consumers stop with the lease, resume with it, and hand back what they did not get to.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { beforeEach, describe, expect, test } from 'vitest';
import { consumer, runWhileOpen, type Holding } from '../../src/workload/consumer.ts';
import { createFence, type Fence } from '../../src/workload/fence.ts';
import { WorkloadLab } from '../../src/workload/testing/workload-lab.ts';

let lab: WorkloadLab;
let fence: Fence;
let options: { fence: Fence; region: string; clock: WorkloadLab['clock'] };

beforeEach(() => {
  lab = new WorkloadLab({ tables: { orders: { partitionKey: 'id' } } });
  fence = createFence(new DynamoDBClient(lab.client), lab.settings, lab.region, lab.clock.nowMs);
  options = { fence, region: lab.region, clock: lab.clock };
});

const messages = (...ids: string[]) => ({ Records: ids.map((messageId) => ({ messageId })) });
const failed = (...ids: string[]) => ({ batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })) });

describe('a batch', () => {
  test('is worked off while the region is open, with the epoch for what is emitted', async () => {
    lab.open(3);
    const seen: unknown[] = [];
    const handle = consumer(async (record: { messageId: string }, { epoch, messageAttributes }) => void seen.push([record.messageId, epoch, messageAttributes]), options);
    expect(await handle(messages('a', 'b'))).toEqual(failed());
    const attributes = { holdfastEpoch: { DataType: 'Number', StringValue: '3' }, holdfastOrigin: { DataType: 'String', StringValue: lab.region } };
    expect(seen).toEqual([
      ['a', 3, attributes],
      ['b', 3, attributes],
    ]);
  });

  test('is handed back whole by a closed region, and by one whose lease row cannot be read', async () => {
    let handled = 0;
    const handle = consumer(async () => void (handled += 1), options);
    expect(await handle(messages('a', 'b'))).toEqual(failed('a', 'b'));
    lab.open(3);
    lab.network.fate = () => ({ error: 'AccessDeniedException', status: 400 });
    fence.forget();
    expect(await handle(messages('a'))).toEqual(failed('a'));
    expect(handled).toBe(0);
  });

  test.each([
    ['ends', () => {}, 18_000],
    ['is handed over', () => lab.handOver(), 2500],
    ['gives way to the next epoch here', () => (lab.handOver(), lab.open(5)), 2500],
  ])('is handed back from the record on in which the lease %s', async (what, meanwhile, ms) => {
    lab.open(3);
    const aborted: boolean[] = [];
    const handle = consumer(async (record: { messageId: string }, { signal }) => {
      if (record.messageId !== 'b') return;
      meanwhile();
      for (let passed = 0; passed < ms; passed += 500) {
        lab.clock.advance(500);
        await lab.settle();
      }
      aborted.push(signal.aborted);
    }, options);
    expect(await handle(messages('a', 'b', 'c'))).toEqual(what.startsWith('gives way') ? failed('b') : failed('b', 'c'));
    expect(aborted).toEqual([true]);
  });

  test('goes on past a failure in a queue, and not past it in a stream or a message group', async () => {
    lab.open(3);
    const handled: string[] = [];
    const handle = consumer(async (record: { messageId?: string; dynamodb?: { SequenceNumber: string }; attributes?: { MessageGroupId: string } }) => {
      const id = record.messageId ?? record.dynamodb?.SequenceNumber ?? '';
      handled.push(id);
      if (id.startsWith('bad')) throw new Error('no');
    }, options);
    expect(await handle(messages('bad', 'good'))).toEqual(failed('bad'));
    expect(await handle({ Records: ['1', 'bad2', '3'].map((SequenceNumber) => ({ dynamodb: { SequenceNumber } })) })).toEqual(failed('bad2', '3'));
    const grouped = [
      { messageId: 'bad3', attributes: { MessageGroupId: 'x' } },
      { messageId: 'x2', attributes: { MessageGroupId: 'x' } },
      { messageId: 'y1', attributes: { MessageGroupId: 'y' } },
    ];
    expect(await handle({ Records: grouped })).toEqual(failed('bad3', 'x2'));
    expect(handled).toEqual(['bad', 'good', '1', 'bad2', 'bad3', 'y1']);
  });
});

describe('a process', () => {
  test('works through renewals, stops with the lease, waits, and resumes in the next epoch, until it is stopped', async () => {
    const stop = new AbortController();
    const said: string[] = [];
    const work = async ({ epoch, signal }: Holding): Promise<void> => {
      said.push(`begins ${epoch}`);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      said.push(`ends ${epoch}`);
    };
    const ended = runWhileOpen(work, { ...options, stop: stop.signal });
    const pass = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 500) {
        lab.clock.advance(500);
        await lab.settle();
      }
    };
    await pass(3000);
    expect(said).toEqual([]);
    lab.open(3);
    await pass(10_000);
    lab.renew();
    await pass(17_000);
    expect(said).toEqual(['begins 3']);
    await pass(1000);
    expect(said).toEqual(['begins 3', 'ends 3']);
    await pass(5000);
    lab.open(5);
    await pass(2000);
    expect(said).toEqual(['begins 3', 'ends 3', 'begins 5']);
    stop.abort();
    await pass(1000);
    await ended;
    expect(said.at(-1)).toBe('ends 5');
  });

  test('ends exactly at the deadline also where the lease row can no longer be read', async () => {
    lab.open(3);
    const stop = new AbortController();
    let heldMs = 0;
    const begunAtMs = lab.clock.nowMs();
    const ended = runWhileOpen(
      async ({ signal }) =>
        new Promise<void>((resolve) =>
          signal.addEventListener('abort', () => {
            heldMs = lab.clock.nowMs() - begunAtMs;
            resolve();
          }),
        ),
      { ...options, stop: stop.signal },
    );
    await lab.settle();
    // The next look never comes back.
    lab.network.fate = () => 'lose-request';
    for (let ms = 0; ms < 18_000; ms += 500) {
      lab.clock.advance(500);
      await lab.settle();
    }
    expect(heldMs).toBe(18_000);
    stop.abort();
    void ended;
  });
});

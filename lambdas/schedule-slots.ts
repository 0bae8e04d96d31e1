// Each minute: a slot for every tick of a little over the next two minutes, on the queue. Two fires can be 119 s apart (H6), so
// most slots are sent twice; the tick claims each once.
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { readEnvironment, requireSetting } from '../src/config/environment.ts';
import { slotsAhead } from '../src/core/clock/slot.ts';

/** Entries that one SendMessageBatch takes. */
const batchMax = 10;

export async function handler(): Promise<void> {
  const { tickMs } = environment.config.timing;
  const now = Date.now();
  const slots = slotsAhead(now, tickMs);
  const batches = Array.from({ length: Math.ceil(slots.length / batchMax) }, (_, i) => slots.slice(i * batchMax, (i + 1) * batchMax));
  const answers = await Promise.all(
    batches.map(async (batch) =>
      sqs.send(
        new SendMessageBatchCommand({
          QueueUrl: queueUrl,
          Entries: batch.map((slot) => ({ Id: String(slot), MessageBody: JSON.stringify({ slot }), DelaySeconds: Math.max(0, Math.round((slot * tickMs - now) / 1000)) })),
        }),
      ),
    ),
  );
  const failed = answers.flatMap((a) => a.Failed ?? []);
  if (failed.length > 0) throw new Error(`${failed.length} of ${slots.length} slots were not put on the queue (${failed[0]?.Message}); the next minute puts them again, and the gate ticks meanwhile`);
}

const environment = readEnvironment();
const queueUrl = requireSetting(environment, 'queueUrl');
const sqs = new SQSClient({ region: environment.region });

// The gate: what Route 53 checks. 200 only while this region holds the lease and has opened; everything else, a row that
// cannot be read included, is 503. It is also the second clock: it asks for a tick when the last one is too long ago.
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { dynamoDbOf, rowStoreOf } from '../src/client/connect.ts';
import { readEnvironment, requireSetting } from '../src/config/environment.ts';
import { isActingAt, leaseKey, parseLeaseRow } from '../src/core/lease/lease-rows.ts';
import { slotOf } from '../src/core/clock/slot.ts';

type Answer = { readonly statusCode: number; readonly headers: Readonly<Record<string, string>>; readonly body: string };

export async function handler(event: { readonly rawPath?: string }): Promise<Answer> {
  if (event.rawPath !== `/gate/${token}`) return answer(404, { error: 'not found' });
  try {
    let seen = await readRows();
    const isTickDue = Date.now() - seen.claimedAtMs > ticksOverdue * environment.config.timing.tickMs;
    if (isTickDue) {
      await askForTick();
      // Asking took its time: a row that grew too old meanwhile is read again (C2).
      seen = await readRows();
    }
    const { lease } = seen;
    return isActingAt(lease, Date.now()) ? answer(200, { region: environment.region, epoch: lease.epoch }) : answer(503, { region: environment.region, error: 'not active' });
  } catch (error) {
    console.error(String(error));
    return answer(503, { region: environment.region, error: 'the lease row cannot be read' });
  }
}

/** So many ticks without one, and the gate asks. */
const ticksOverdue = 1.5;
/** The health check must not wait for the second duty. */
const askTimeoutMs = 500;

let cached: { readonly lease: ReturnType<typeof parseLeaseRow>; readonly claimedAtMs: number; readonly askedAtMs: number } | undefined;
let askedSlot = 0;

/** The *row* is cached, never the verdict (C9); its age counts from when it was asked for. */
async function readRows() {
  const askedAtMs = Date.now();
  const ageMs = cached === undefined ? Number.POSITIVE_INFINITY : askedAtMs - cached.askedAtMs;
  if (cached !== undefined && ageMs >= 0 && ageMs <= environment.config.timing.gateCacheMs) return cached;
  const [lease, tick] = await Promise.all([own.get(leaseKey), own.get({ table: 'region', pk: 'TICK', sk: '#' })]);
  // A row that was long under way is as old as its question: the successor waits for the cache's age only (C2).
  if (Date.now() - askedAtMs > environment.config.timing.gateCacheMs) throw new Error('the lease row took longer to read than it may be used');
  cached = { lease: parseLeaseRow(lease), claimedAtMs: Number(tick?.['claimedAtMs'] ?? 0), askedAtMs };
  return cached;
}

async function askForTick(): Promise<void> {
  const slot = slotOf(Date.now(), environment.config.timing.tickMs);
  if (slot === askedSlot) return;
  askedSlot = slot;
  try {
    await lambda.send(new InvokeCommand({ FunctionName: tickFunctionName, InvocationType: 'Event', Payload: JSON.stringify({ slot }) }));
  } catch (error) {
    // The answer does not depend on it; the next slot asks again.
    console.error(`no tick could be asked for: ${String(error)}`);
  }
}

function answer(statusCode: number, body: object): Answer {
  return { statusCode, headers: { 'content-type': 'application/json', 'cache-control': 'no-store' }, body: JSON.stringify(body) };
}

const environment = readEnvironment();
const token = requireSetting(environment, 'gateToken');
const tickFunctionName = requireSetting(environment, 'tickFunctionName');
const own = rowStoreOf(environment.config, environment.region, dynamoDbOf(environment.region, environment));
const lambda = new LambdaClient({
  region: environment.region,
  maxAttempts: 1,
  requestHandler: new NodeHttpHandler({ connectionTimeout: askTimeoutMs, requestTimeout: askTimeoutMs, throwOnRequestTimeout: true }),
});

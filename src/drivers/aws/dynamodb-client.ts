// DynamoDB clients for the protocol: no retries of the SDK's own (a retry would be a second proposal), about one second a
// call that really aborts, and the `Date` header kept for the clock check.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { ClockSample, ClockSamples } from '../../ports/environment.ts';

/** Longest a protocol call may take: a hanging region must cost no more than this, and nobody waits for the last answer. */
export const callTimeoutMs = 1000;
const connectTimeoutMs = 500;
/** Of reads that a person waits for, in their thousands: one in so many is slow, and no reason to give up the others. */
const patientTimeoutMs = 3000;
const patientAttempts = 4;

export function createDynamoDb(region: string, endpoint: string | undefined): DynamoDBClient {
  return new DynamoDBClient(protocolSettings(region, endpoint));
}

/** For reads only: what was not answered in time is sent again, and of a conditional write that would hide what became of it. */
export function createPatientDynamoDb(region: string, endpoint: string | undefined): DynamoDBClient {
  return new DynamoDBClient(settings(region, endpoint, patientTimeoutMs, patientAttempts));
}

/** Of every client of the protocol. */
export function protocolSettings(region: string, endpoint: string | undefined) {
  return settings(region, endpoint, callTimeoutMs, 1);
}

function settings(region: string, endpoint: string | undefined, timeoutMs: number, maxAttempts: number) {
  // `requestTimeout` alone only logs; `throwOnRequestTimeout` makes it throw (LOCAL-AWS trap 6; the same on AWS).
  const requestHandler = new LimitedHttpHandler(timeoutMs, { connectionTimeout: connectTimeoutMs, requestTimeout: timeoutMs, throwOnRequestTimeout: true });
  return { region, ...(endpoint === undefined ? {} : { endpoint }), maxAttempts, requestHandler };
}

/** `requestTimeout` ends with the answer's first byte; a server that stops in the middle of its answer would hang the call for ever. */
class LimitedHttpHandler extends NodeHttpHandler {
  readonly #limitMs: number;

  constructor(limitMs: number, options: ConstructorParameters<typeof NodeHttpHandler>[0]) {
    super(options);
    this.#limitMs = limitMs;
  }

  override async handle(...[request, options]: Parameters<NodeHttpHandler['handle']>): ReturnType<NodeHttpHandler['handle']> {
    const limit = AbortSignal.timeout(this.#limitMs);
    try {
      return await super.handle(request, { ...options, abortSignal: limit });
    } catch (error) {
      // The SDK says 'Request aborted', of whom and why it does not.
      if (!limit.aborted) throw error;
      throw Object.assign(new Error(`${request.hostname} did not answer within ${this.#limitMs} ms`), { name: 'TimeoutError' });
    }
  }
}

const samplesKept = 16;
/** Older samples say nothing about the clock now: a frozen invocation must not go by them. */
const sampleAgeMsMax = 30_000;

/** Notes, for each answer of this client, what the server's clock said and what ours said around it. */
export class DateHeaderSamples implements ClockSamples {
  readonly #samples: ClockSample[] = [];

  watch(client: DynamoDBClient): void {
    client.middlewareStack.add(
      (next) => async (args) => {
        const sentAtMs = Date.now();
        const result = await next(args);
        const date = headerOf(result.response, 'date');
        if (date !== undefined) this.#note({ dateMs: Date.parse(date), sentAtMs, receivedAtMs: Date.now() });
        return result;
      },
      { step: 'deserialize', priority: 'low', name: 'holdfastDateHeader' },
    );
  }

  #note(sample: ClockSample): void {
    if (!Number.isFinite(sample.dateMs)) return;
    this.#samples.push(sample);
    if (this.#samples.length > samplesKept) this.#samples.shift();
  }

  recent(): readonly ClockSample[] {
    const now = Date.now();
    return this.#samples.filter((s) => now - s.receivedAtMs <= sampleAgeMsMax);
  }
}

function headerOf(response: unknown, name: string): string | undefined {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined;
  const { headers } = response;
  if (typeof headers !== 'object' || headers === null) return undefined;
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return typeof found === 'string' ? found : undefined;
}

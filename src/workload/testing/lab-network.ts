// The way between the handler's client and the tables in memory: what the SDK takes as its request handler. A test delays requests on the way
// there, loses them, or loses their answers; a request held back can be let through later, also after its client gave up.
import { isRecord } from './item-values.ts';
import type { MemoryDynamoDb } from './memory-dynamodb.ts';

export type LabRequest = { readonly action: string; readonly body: Readonly<Record<string, unknown>> };
/** What happens to a request: `lose-request`: it never arrives. `lose-answer`: it is carried out, nobody hears of it. `hold`: it waits for `letThrough`. */
export type Fate = 'deliver' | 'lose-request' | 'lose-answer' | 'hold' | Failure;
/** An error instead of an answer; `isCarriedOut`: the request was carried out all the same, as DynamoDB may do under a 500. */
export type Failure = { readonly error: string; readonly status: number; readonly isCarriedOut?: boolean; readonly more?: Readonly<Record<string, unknown>> };

type Signed = { readonly headers: Readonly<Record<string, string>>; readonly body?: unknown };
type Response = { readonly response: { readonly statusCode: number; readonly headers: Record<string, string>; readonly body: Uint8Array } };

export class LabNetwork {
  readonly metadata = { handlerProtocol: 'memory' };
  /** Every request that was sent, in order. */
  readonly sent: LabRequest[] = [];
  /** Those of them that the client gave up. */
  readonly aborted: LabRequest[] = [];
  /** Decides over each request before it leaves. */
  fate: (request: LabRequest) => Fate = () => 'deliver';
  readonly #tables: MemoryDynamoDb;
  #held: (() => void)[] = [];

  constructor(tables: MemoryDynamoDb) {
    this.#tables = tables;
  }

  async handle(signed: Signed, options?: { readonly abortSignal?: unknown }): Promise<Response> {
    const request = requestOf(signed);
    this.sent.push(request);
    const fate = this.fate(request);
    const { abortSignal } = options ?? {};
    const aborted = new Promise<never>((_, reject) => {
      const abort = () => {
        this.aborted.push(request);
        reject(Object.assign(new Error('Request aborted'), { name: 'AbortError' }));
      };
      if (abortSignal instanceof AbortSignal && abortSignal.aborted) abort();
      else if (abortSignal instanceof AbortSignal) abortSignal.addEventListener('abort', abort, { once: true });
    });
    return Promise.race([aborted, this.#carried(request, fate)]);
  }

  /** Requests that were held arrive now, in the order in which they were sent. */
  letThrough(): void {
    const held = this.#held;
    this.#held = [];
    for (const arrive of held) arrive();
  }

  async #carried(request: LabRequest, fate: Fate): Promise<Response> {
    if (typeof fate === 'object' && fate.isCarriedOut === true) this.#tables.answer(request.action, request.body);
    if (typeof fate === 'object') return response(fate.status, { __type: fate.error, message: fate.error, ...fate.more });
    if (fate === 'hold') await new Promise<void>((resolve) => this.#held.push(resolve));
    if (fate === 'lose-request') return new Promise<never>(() => {});
    const outcome = this.#tables.answer(request.action, request.body);
    if (fate === 'lose-answer') return new Promise<never>(() => {});
    return 'ok' in outcome ? response(200, outcome.ok) : response(400, { __type: `com.amazonaws.dynamodb.v20120810#${outcome.error}`, message: outcome.message, ...outcome.more });
  }
}

function requestOf({ headers, body }: Signed): LabRequest {
  const text = typeof body === 'string' ? body : body instanceof Uint8Array ? new TextDecoder().decode(body) : '{}';
  const parsed: unknown = JSON.parse(text);
  return { action: (headers['x-amz-target'] ?? '').split('.')[1] ?? '', body: isRecord(parsed) ? parsed : {} };
}

function response(statusCode: number, body: unknown): Response {
  return { response: { statusCode, headers: { 'content-type': 'application/x-amz-json-1.0' }, body: Buffer.from(JSON.stringify(body)) } };
}

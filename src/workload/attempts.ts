// Each attempt of a write is admitted by itself, inside the SDK's retries and just before it is signed; it is aborted when the lease ends;
// and what is not known to have failed is called unknown, never refused.
import { ConditionalCheckFailedException, DynamoDBServiceException, TransactionCanceledException, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { FenceClosedError, RefusedError, StaleEpochError, WriteUnknownError } from '../core/errors.ts';
import { translated, type Sent } from './cancellation.ts';
import { permitToWrite, type Fence } from './fence.ts';
import { inKeptOrder } from './kept-order.ts';
import type { WorkloadClock } from './clock.ts';

/** A client's middleware and configuration: what DynamoDBClient and the document client share. */
export type ClientParts = { readonly middlewareStack: DynamoDBClient['middlewareStack']; readonly config: DynamoDBClient['config'] };
type Handler = DynamoDBClient['config']['requestHandler'];
type Options = { readonly abortSignal?: AbortSignal };

type Next<Args, Answer> = (args: Args) => Promise<Answer>;

/** The part of a command that is needed to send it. */
type Sendable<Output> = {
  resolveMiddleware(stack: ClientParts['middlewareStack'], config: ClientParts['config'], options: Options): (args: never) => Promise<{ readonly output: Output }>;
};

export type AttemptRules = {
  readonly fence: Fence;
  readonly clock: WorkloadClock;
  /** No attempt takes longer, however long the lease still is. */
  readonly attemptTimeoutMs: number;
  /** The caller's, if it gave one. */
  readonly abortSignal: AbortSignal | undefined;
};

/** Of an attempt that has not begun. */
const none = new AbortController();

export class Attempts {
  readonly #rules: AttemptRules;
  readonly #sent: Sent;
  #unanswered = 0;
  #remainingMs: () => number = () => 0;
  #abort = none;

  constructor(rules: AttemptRules, sent: Sent) {
    this.#rules = rules;
    this.#sent = sent;
  }

  /** Sends it with the SDK's own retries. @throws what the caller may conclude from: see `conclusion`. */
  async send<Output>(client: ClientParts, command: Sendable<Output>): Promise<Output> {
    const attempt =
      <Args, Answer>(next: Next<Args, Answer>): Next<Args, Answer> =>
      (args) =>
        this.#attempt(next, args);
    const stack = inKeptOrder(client.middlewareStack, command.constructor, attempt);
    const { abortSignal } = this.#rules;
    const options = abortSignal === undefined ? {} : { abortSignal };
    ofOptions.set(options, this);
    const handler = resolved(command, [stack, guardedConfig(client.config), options]);
    const { fence, clock } = this.#rules;
    const beganAtMs = fence.brake === undefined ? 0 : clock.nowMs();
    try {
      const { output } = await call(handler, command);
      fence.brake?.wrote(beganAtMs);
      return output;
    } catch (error) {
      throw this.#conclusion(error);
    }
  }

  async #attempt<Args, Answer>(next: Next<Args, Answer>, args: Args): Promise<Answer> {
    await this.#admit();
    const limitMs = Math.min(this.#remainingMs(), this.#rules.attemptTimeoutMs);
    if (limitMs <= 0) throw this.#over();
    const before = this.#unanswered;
    const abort = new AbortController();
    this.#abort = abort;
    try {
      return await this.#limited(next(args), limitMs, abort);
    } catch (error) {
      if (isAnswer(error)) this.#unanswered = before;
      const plain = translated(error, this.#sent);
      if (plain instanceof StaleEpochError || plain instanceof FenceClosedError) this.#rules.fence.forget();
      throw plain;
    }
  }

  /** The lease may be over, or another epoch's by now: then this write, of its own epoch, is not sent again. */
  async #admit(): Promise<void> {
    const { region, epoch } = this.#sent;
    const permit = await permitToWrite(this.#rules.fence);
    if (permit.epoch !== epoch) throw new StaleEpochError(`The write was not sent: it belongs to epoch ${epoch}, and ${region} is in epoch ${permit.epoch} now. Begin the request anew.`, epoch);
    this.#remainingMs = permit.remainingMs;
  }

  #over(): FenceClosedError {
    return new FenceClosedError(`The write was not sent: the lease of epoch ${this.#sent.epoch} in ${this.#sent.region} is over. Ask the service's own name again.`);
  }

  async #limited<Answer>(answer: Promise<Answer>, limitMs: number, abort: AbortController): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => {
      const cancel = this.#rules.clock.after(limitMs, () => {
        // 'TimeoutError' is what the SDK tries again, if the lease still allows: the transaction's token makes that harmless.
        reject(Object.assign(new Error(`no answer within ${limitMs} ms`), { name: 'TimeoutError' }));
        abort.abort();
      });
      answer.finally(cancel).then(resolve, reject);
    });
  }

  /** The last look at the clock, after signing; from here on the request may be carried out. @returns what aborts it */
  leaves(): AbortSignal {
    if (this.#remainingMs() <= 0) throw this.#over();
    this.#unanswered += 1;
    const { abortSignal } = this.#rules;
    const { signal } = this.#abort;
    return abortSignal === undefined ? signal : AbortSignal.any([abortSignal, signal]);
  }

  #conclusion(error: unknown): unknown {
    if (this.#unanswered === 0) return error;
    // The caller's own condition was judged later than the lost attempt, and the transaction's token would have said had that one been carried out.
    if (isOwnCondition(error)) return error;
    const { region, epoch } = this.#sent;
    const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const unknown = new WriteUnknownError(
      `The outcome of a write in ${region}, epoch ${epoch}, is unknown (${this.#unanswered} attempt(s) without an answer; at last: ${why}). It was not refused: it may be carried out here, now or until the fence of epoch ${epoch} is closed for good, and never after. Read the item before saying that it is not there; what lands after a hand-over is in the divergence report.`,
      { epoch, attemptsUnknown: this.#unanswered },
    );
    unknown.cause = error;
    return unknown;
  }
}

/** Whose attempts a request belongs to: the SDK hands the options of a command to its request handler as they are. */
const ofOptions = new WeakMap<object, Attempts>();
const guarded = new WeakMap<object, ClientParts['config']>();

/** A client's configuration with the last look at the clock before its own request handler. */
function guardedConfig(config: ClientParts['config']): ClientParts['config'] {
  const known = guarded.get(config);
  if (known !== undefined) return known;
  const handle: Handler['handle'] = async (request, options) => {
    const attempts = options === undefined ? undefined : ofOptions.get(options);
    // Without them nothing would bound the attempt.
    if (attempts === undefined)
      throw new RefusedError("This version of the SDK does not hand a command's options to the request handler; the write was not sent. Use the version that package.json names.");
    return config.requestHandler.handle(request, { ...options, abortSignal: attempts.leaves() });
  };
  const requestHandler: Handler = Object.create(config.requestHandler, { handle: { value: handle } });
  const made = { ...config, requestHandler };
  guarded.set(config, made);
  return made;
}

/** DynamoDB itself says that this attempt was not carried out. A server's own error (5xx) and a transaction in progress say nothing. */
function isAnswer(error: unknown): boolean {
  if (!(error instanceof DynamoDBServiceException) || error.name === 'TransactionInProgressException') return false;
  const status = error.$metadata.httpStatusCode ?? 0;
  return status >= 400 && status < 500;
}

function isOwnCondition(error: unknown): boolean {
  if (error instanceof TransactionCanceledException) return (error.CancellationReasons ?? []).some(({ Code }) => Code === 'ConditionalCheckFailed');
  return error instanceof ConditionalCheckFailedException;
}

/** With the part of a stack that it needs: see `inKeptOrder`. */
function resolved<Output>(command: Sendable<Output>, args: readonly unknown[]): ReturnType<Sendable<Output>['resolveMiddleware']> {
  return Reflect.apply(Reflect.get(command, 'resolveMiddleware'), command, args);
}

async function call<Output>(handler: (args: never) => Promise<Output>, command: unknown): Promise<Output> {
  return Reflect.apply(handler, undefined, [command]);
}

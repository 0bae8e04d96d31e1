// One call of S3 with a time limit that grows with its bytes and really aborts, and a few repetitions where repeating is safe.
import { setTimeout as delay } from 'node:timers/promises';

export type S3Limits = {
  /** For an answer without a body. */
  readonly callTimeoutMs: number;
  /** A body may take as much longer as it would at this rate. */
  readonly bytesPerSecondMin: number;
  readonly attemptsMax: number;
  /** Before the second attempt; four times as much before each further one. */
  readonly retryDelayMs: number;
};

/** A pack of 16 MiB that nobody answers for costs 21 s, one that is refused at once 1 s. */
export const usualLimits: S3Limits = { callTimeoutMs: 5_000, bytesPerSecondMin: 1024 * 1024, attemptsMax: 3, retryDelayMs: 200 };

export type S3Call = {
  /** For messages: `put of packs/… in us-east-1`. */
  readonly what: string;
  readonly bodyBytes: number;
  /** Whether carrying it out twice is the same as once. */
  readonly isRepeatable: boolean;
};

export type Deadline = { readonly signal: AbortSignal /** The answer turned out to have so many bytes, which are still to come. */; readonly extend: (bytes: number) => void };

/** At most twice one attempt's limit in all: what took its whole time once is not tried again. */
export async function callS3<T>(limits: S3Limits, call: S3Call, act: (deadline: Deadline) => Promise<T>): Promise<T> {
  const startedAtMs = performance.now();
  const limitMs = limits.callTimeoutMs + (call.bodyBytes / limits.bytesPerSecondMin) * 1000;
  for (let attempt = 1, delayMs = limits.retryDelayMs; ; attempt++, delayMs *= 4) {
    try {
      return await attemptOnce(limits, call, limitMs, act);
    } catch (error) {
      const isSpent = performance.now() - startedAtMs + delayMs > limitMs;
      if (!call.isRepeatable || attempt >= limits.attemptsMax || isSpent || !isPassing(error)) throw error;
    }
    await delay(delayMs);
  }
}

async function attemptOnce<T>(limits: S3Limits, call: S3Call, limitMs: number, act: (deadline: Deadline) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let totalMs = limitMs;
  let timer = setTimeout(() => controller.abort(), totalMs);
  const extend = (bytes: number) => {
    clearTimeout(timer);
    totalMs = limits.callTimeoutMs + (bytes / limits.bytesPerSecondMin) * 1000;
    timer = setTimeout(() => controller.abort(), totalMs);
  };
  try {
    return await act({ signal: controller.signal, extend });
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    const late = new Error(`${call.what} was not answered within ${Math.round(totalMs)} ms: whether it was carried out is unknown`, { cause: error });
    late.name = 'TimeoutError';
    throw late;
  } finally {
    clearTimeout(timer);
  }
}

export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error) || typeof error.$metadata !== 'object' || error.$metadata === null || !('httpStatusCode' in error.$metadata)) return undefined;
  const { httpStatusCode } = error.$metadata;
  return typeof httpStatusCode === 'number' ? httpStatusCode : undefined;
}

export function isNamed(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}

/** Whether the same call may succeed a moment later: no answer, or one that says so. */
function isPassing(error: unknown): boolean {
  const status = statusOf(error);
  // 409: another write of the same name was under way (conditional writes); AWS says to try again.
  if (isNamed(error, 'SlowDown', 'RequestTimeout', 'ConditionalRequestConflict', 'ThrottlingException')) return true;
  if (status !== undefined) return status >= 500 && status !== 501;
  return error instanceof Error && ('code' in error || error.name === 'TimeoutError');
}

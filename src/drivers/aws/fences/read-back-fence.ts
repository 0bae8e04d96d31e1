// What every fence of AWS does: asks for the change, then reads until it is seen, for a call that AWS accepted is not yet carried out.
import { setTimeout } from 'node:timers/promises';
import type { FenceOutcome } from '../../../core/fences/fence-plan.ts';
import { RefusedError } from '../../../core/errors.ts';
import type { UndoPermit } from '../../../core/fences/undo-permit.ts';
import type { Fence, FenceTarget } from '../../../ports/fence.ts';

/** Things of one kind, each by a text that says all that bringing it back needs. */
export interface Stoppable {
  /** Asked before each look of a fence, never of an undo. @throws RefusedError where stopping would hold nothing back; anything else: not known */
  requireHold?(signal: AbortSignal): Promise<void>;
  /** What can act now: of nothing else it is said that it is stopped. */
  acting(signal: AbortSignal): Promise<readonly string[]>;
  /** May be asked again for the same. */
  stop(acting: readonly string[], signal: AbortSignal): Promise<void>;
  /** Asked once for the same; what acts already is not in `stopped`. */
  restore(stopped: readonly string[], signal: AbortSignal): Promise<void>;
}

const pollMs = 1000;
const shownMax = 3;

export class ReadBackFence implements Fence {
  readonly #thing: Stoppable;

  constructor(thing: Stoppable) {
    this.#thing = thing;
  }

  async remember(_target: FenceTarget, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    return JSON.stringify(await this.#thing.acting(signal));
  }

  async fence(_target: FenceTarget, signal: AbortSignal): Promise<FenceOutcome> {
    return untilSeen(signal, async () => {
      await this.#thing.requireHold?.(signal);
      const acting = await this.#thing.acting(signal);
      if (acting.length === 0) return { isDone: true, shown: 'nothing of it can act', act: async () => undefined };
      return { isDone: false, shown: `${shown(acting)} can still act`, act: async () => this.#thing.stop(acting, signal) };
    });
  }

  async undo(_permit: UndoPermit, memo: string, signal: AbortSignal): Promise<FenceOutcome> {
    const before = parseMemo(memo);
    if (before === undefined) return { kind: 'failed', because: `what it remembered is damaged (${memo.slice(0, 100)}): undo it by hand` };
    const asked = new Set<string>();
    return untilSeen(signal, async () => {
      const acting = new Set(before.length === 0 ? [] : await this.#thing.acting(signal));
      const missing = before.filter((one) => !acting.has(one));
      if (missing.length === 0) return { isDone: true, shown: before.length === 0 ? 'nothing of it could act before the fence' : 'what could act before can act again', act: async () => undefined };
      const open = missing.filter((one) => !asked.has(one));
      const act = async () => {
        if (open.length === 0) return;
        await this.#thing.restore(open, signal);
        for (const one of open) asked.add(one);
      };
      return { isDone: false, shown: `${shown(missing)} cannot act yet`, act };
    });
  }
}

type Step = { readonly isDone: boolean; readonly shown: string; readonly act: () => Promise<void> };

/** Looks and acts until it is done or its time is over. What is refused ends it, unless something was accepted before: that may still be carried out. */
async function untilSeen(signal: AbortSignal, look: () => Promise<Step>): Promise<FenceOutcome> {
  let said = 'its time was over before it was begun';
  let isAccepted = false;
  while (!signal.aborted) {
    try {
      const step = await look();
      if (step.isDone) return { kind: 'confirmed', because: step.shown };
      said = step.shown;
      await step.act();
      if (isAccepted) await setTimeout(pollMs, undefined, { signal });
      isAccepted = true;
    } catch (error) {
      if (signal.aborted) break;
      const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      if (isRefusal(error)) return { kind: isAccepted ? 'unknown' : 'failed', because: why };
      said = why;
      await setTimeout(pollMs, undefined, { signal }).catch(() => undefined);
    }
  }
  return { kind: 'unknown', because: `its time is over: ${said}` };
}

/** AWS understood it and said no, or the driver did. Being asked too often is no answer. */
function isRefusal(error: unknown): boolean {
  if (error instanceof RefusedError) return true;
  if (!(error instanceof Error) || !('$metadata' in error)) return false;
  const { $metadata: metadata } = error;
  const status = typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata ? metadata.httpStatusCode : undefined;
  return typeof status === 'number' && status >= 400 && status < 500 && status !== 408 && status !== 429 && !/Throttl|RequestLimitExceeded|SlowDown|Conflict/u.test(error.name);
}

function parseMemo(memo: string): readonly string[] | undefined {
  try {
    const raw: unknown = JSON.parse(memo);
    return Array.isArray(raw) && raw.every((one) => typeof one === 'string') ? raw : undefined;
  } catch {
    return undefined;
  }
}

function shown(all: readonly string[]): string {
  return `${all.slice(0, shownMax).join(', ')}${all.length > shownMax ? `, … (${all.length})` : ''}`;
}

// Any fence, with what happens to real ones: no answer, a lost answer, a refusal, silence for ever.
import type { FenceOutcome } from '../../core/fences/fence-plan.ts';
import type { UndoPermit } from '../../core/fences/undo-permit.ts';
import type { Fence, FenceTarget } from '../../ports/fence.ts';

/** `deaf`: never answers, and does not hear the abort; it breaks the contract, and whoever calls it must go on all the same. */
export type FenceFault = 'unreachable' | 'answer-lost' | 'refused' | 'silent' | 'deaf' | 'throws';
type Call = 'remember' | 'fence' | 'undo';

export class FaultyFence implements Fence {
  readonly #inner: Fence;
  readonly #faultOf: (call: Call) => FenceFault | undefined;

  constructor(inner: Fence, faultOf: (call: Call) => FenceFault | undefined) {
    this.#inner = inner;
    this.#faultOf = faultOf;
  }

  async remember(target: FenceTarget, signal: AbortSignal): Promise<string> {
    const fault = this.#faultOf('remember');
    if (fault === undefined) return this.#inner.remember(target, signal);
    const { because } = await this.#suffer(fault, signal, async () => this.#inner.remember(target, signal));
    throw new Error(because);
  }

  async fence(target: FenceTarget, signal: AbortSignal): Promise<FenceOutcome> {
    const fault = this.#faultOf('fence');
    return fault === undefined ? this.#inner.fence(target, signal) : this.#suffer(fault, signal, async () => this.#inner.fence(target, signal));
  }

  async undo(permit: UndoPermit, memo: string, signal: AbortSignal): Promise<FenceOutcome> {
    const fault = this.#faultOf('undo');
    return fault === undefined ? this.#inner.undo(permit, memo, signal) : this.#suffer(fault, signal, async () => this.#inner.undo(permit, memo, signal));
  }

  async #suffer(fault: FenceFault, signal: AbortSignal, call: () => Promise<unknown>): Promise<FenceOutcome> {
    if (fault === 'throws') throw new Error('a driver that throws');
    if (fault === 'deaf') return new Promise(() => undefined);
    if (fault === 'answer-lost') await call();
    if (fault === 'silent' && !signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    return { kind: fault === 'refused' ? 'failed' : 'unknown', because: fault };
  }
}

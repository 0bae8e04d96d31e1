// Wraps any row store and does to its calls what a network does: loses a request, loses an answer, holds either back, or
// delivers a request once more later. What happens is the caller's to say, call by call, so that a test needs no chance and no clock.
import { WriteConflictError } from '../../core/errors.ts';
import type { Row, RowChange, RowCheck, RowKey } from '../../core/rows/row.ts';
import type { ChangeAnswer, RowStore } from '../../ports/row-store.ts';

export type RowCall = { readonly region: string; readonly method: 'get' | 'change' | 'changeTogether'; readonly keys: readonly RowKey[]; readonly changes: readonly RowChange[] };

export type RowFault =
  /** The call throws; it never arrives. */
  | { readonly kind: 'lose-request' }
  /** It arrives while another region changes the same item, and is rejected. */
  | { readonly kind: 'conflict' }
  /** It is carried out; the call throws. */
  | { readonly kind: 'lose-answer' }
  /** It arrives only when `until` is resolved; never, where that never is. */
  | { readonly kind: 'hold-request'; readonly until: Promise<void> }
  /** It is carried out at once; the answer comes only when `until` is resolved. */
  | { readonly kind: 'hold-answer'; readonly until: Promise<void> }
  /** The caller is told at once that it failed; it arrives when `until` is resolved, long after the caller has gone. */
  | { readonly kind: 'late'; readonly until: Promise<void> }
  /** It is carried out and answered; and arrives a second time when `until` is resolved. */
  | { readonly kind: 'repeat'; readonly until: Promise<void> };

export class FaultyRowStore implements RowStore {
  readonly region: string;
  /** Every call, in the order in which it was made. */
  readonly calls: RowCall[] = [];
  readonly #inner: RowStore;
  readonly #faultOf: (call: RowCall) => RowFault | undefined;
  readonly #late: Promise<unknown>[] = [];

  /** @param faultOf asked once a call, before it is sent; undefined lets it through. */
  constructor(inner: RowStore, faultOf: (call: RowCall) => RowFault | undefined) {
    this.region = inner.region;
    this.#inner = inner;
    this.#faultOf = faultOf;
  }

  async get(key: RowKey): Promise<Row | undefined> {
    return this.#send({ region: this.region, method: 'get', keys: [key], changes: [] }, async () => this.#inner.get(key));
  }

  async change(change: RowChange): Promise<ChangeAnswer> {
    return this.#send({ region: this.region, method: 'change', keys: [change.key], changes: [change] }, async () => this.#inner.change(change));
  }

  async changeTogether(changes: readonly RowChange[], checks: readonly RowCheck[]): Promise<'done' | 'refused'> {
    const keys = [...changes, ...checks].map((c) => c.key);
    return this.#send({ region: this.region, method: 'changeTogether', keys, changes }, async () => this.#inner.changeTogether(changes, checks));
  }

  /** Settles when everything that was to arrive late has arrived. */
  async delivered(): Promise<void> {
    await Promise.allSettled(this.#late);
  }

  async #send<T>(call: RowCall, act: () => Promise<T>): Promise<T> {
    this.calls.push(call);
    const fault = this.#faultOf(call);
    switch (fault?.kind) {
      case undefined:
        return act();
      case 'lose-request':
        throw this.#lost(call);
      case 'conflict':
        throw new WriteConflictError(`${call.keys[0]?.pk ?? 'nothing'} was being changed in another region when ${this.region} wrote it: nothing was written`);
      case 'lose-answer':
        await act();
        throw this.#lost(call);
      case 'hold-request':
        await fault.until;
        return act();
      case 'hold-answer': {
        const answer = await act();
        await fault.until;
        return answer;
      }
      case 'late':
        this.#late.push(fault.until.then(act));
        throw this.#lost(call);
      case 'repeat': {
        const answer = await act();
        this.#late.push(fault.until.then(act));
        return answer;
      }
    }
  }

  /** As the SDK says it: the name is what callers may match, the outcome is unknown. */
  #lost(call: RowCall): Error {
    const error = new Error(`${call.method} of ${call.keys[0]?.pk ?? 'nothing'} in ${this.region} was not answered in time: whether it was carried out is unknown`);
    error.name = 'TimeoutError';
    return error;
  }
}

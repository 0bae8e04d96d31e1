// Wraps any site and does to it what networks, disks and power cuts do: calls that fail before or after they were carried
// out, that wait, that arrive late; objects that are gone or damaged. Which and when is the caller's to say: no chance, no clock.
import type { ObjectLock, ObjectPart, ObjectState, PutAnswer, StoredObject, VaultSite } from '../../ports/vault-site.ts';

export type SiteMethod = 'put' | 'replace' | 'get' | 'head' | 'list' | 'versions' | 'extendLock' | 'setHold' | 'retire';
/** `number` counts the calls of this site from 1; `name` is the prefix where it is a list. */
export type SiteCall = { readonly site: string; readonly method: SiteMethod; readonly name: string; readonly number: number };

export type SiteFault =
  /** The call throws; it never arrives. */
  | { readonly kind: 'lose-request' }
  /** It is carried out; the call throws. A list throws after its first page: the first object. */
  | { readonly kind: 'lose-answer' }
  /** It arrives only when `until` is resolved; never, where that never is. */
  | { readonly kind: 'hold-request'; readonly until: Promise<void> }
  /** It is carried out at once; the answer comes only when `until` is resolved. */
  | { readonly kind: 'hold-answer'; readonly until: Promise<void> }
  /** The caller is told at once that it failed; it is carried out when `until` is resolved. */
  | { readonly kind: 'late'; readonly until: Promise<void> };

type PutOptions = { readonly sha256: string; readonly lock: ObjectLock | null };

export class FaultySite implements VaultSite {
  readonly name: string;
  /** Every call, in the order in which it was made. */
  readonly calls: SiteCall[] = [];
  readonly #inner: VaultSite;
  readonly #faultOf: (call: SiteCall) => SiteFault | undefined;
  readonly #lost = new Set<string>();
  readonly #damage = new Map<string, (bytes: Uint8Array) => Uint8Array>();
  readonly #late: Promise<unknown>[] = [];

  /** @param faultOf asked once a call, before it is sent; undefined lets it through. */
  constructor(inner: VaultSite, faultOf: (call: SiteCall) => SiteFault | undefined = () => undefined) {
    this.name = inner.name;
    this.#inner = inner;
    this.#faultOf = faultOf;
  }

  /** The site has this object no more, until it is written again. */
  lose(name: string): void {
    this.#lost.add(name);
  }

  /** Reading gives `change(bytes)`, of the same length or another, until it is replaced. `head` goes on saying the old SHA-256, as S3 would. */
  damage(name: string, change: (bytes: Uint8Array) => Uint8Array): void {
    this.#damage.set(name, change);
  }

  /** Settles when everything that was to arrive late has arrived. */
  async delivered(): Promise<void> {
    await Promise.allSettled(this.#late);
  }

  async put(name: string, bytes: Uint8Array, options: PutOptions): Promise<PutAnswer> {
    return this.#send('put', name, async () => {
      if (!this.#lost.has(name)) return this.#inner.put(name, bytes, options);
      const answer = await this.#inner.replace(name, bytes, options);
      this.#forget(name);
      return { kind: 'stored', ...answer };
    });
  }

  async replace(name: string, bytes: Uint8Array, options: PutOptions): Promise<{ readonly versionId: string | null }> {
    return this.#send('replace', name, async () => {
      const answer = await this.#inner.replace(name, bytes, options);
      this.#forget(name);
      return answer;
    });
  }

  async get(name: string, part?: ObjectPart, versionId?: string): Promise<Uint8Array | null> {
    return this.#send('get', name, async () => {
      if (this.#lost.has(name)) return null;
      const change = this.#damage.get(name);
      if (change === undefined) return this.#inner.get(name, part, versionId);
      const whole = await this.#inner.get(name, undefined, versionId);
      if (whole === null) return null;
      const damaged = change(whole);
      return part === undefined ? damaged : damaged.slice(part.offset, part.offset + part.bytes);
    });
  }

  async head(name: string): Promise<ObjectState | null> {
    return this.#send('head', name, async () => (this.#lost.has(name) ? null : this.#inner.head(name)));
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    const call = this.#note('list', prefix);
    const fault = this.#faultOf(call);
    if (fault?.kind === 'lose-request' || fault?.kind === 'late') throw lost(call);
    if (fault?.kind === 'hold-request' || fault?.kind === 'hold-answer') await fault.until;
    for await (const object of this.#inner.list(prefix)) {
      if (!this.#lost.has(object.name)) yield object;
      if (fault?.kind === 'lose-answer') throw lost(call);
    }
    if (fault?.kind === 'lose-answer') throw lost(call);
  }

  async versions(name: string): Promise<readonly ObjectState[]> {
    return this.#send('versions', name, async () => (this.#lost.has(name) ? [] : this.#inner.versions(name)));
  }

  async extendLock(name: string, versionId: string | null, lock: ObjectLock): Promise<void> {
    return this.#send('extendLock', name, async () => this.#inner.extendLock(name, versionId, lock));
  }

  async setHold(name: string, versionId: string | null, isHeld: boolean): Promise<void> {
    return this.#send('setHold', name, async () => this.#inner.setHold(name, versionId, isHeld));
  }

  async retire(name: string, versionId: string | null): Promise<void> {
    return this.#send('retire', name, async () => {
      await this.#inner.retire(name, versionId);
      if ((await this.#inner.head(name)) === null) this.#forget(name);
    });
  }

  #forget(name: string): void {
    this.#lost.delete(name);
    this.#damage.delete(name);
  }

  #note(method: SiteMethod, name: string): SiteCall {
    const call = { site: this.name, method, name, number: this.calls.length + 1 };
    this.calls.push(call);
    return call;
  }

  async #send<T>(method: SiteMethod, name: string, act: () => Promise<T>): Promise<T> {
    const call = this.#note(method, name);
    const fault = this.#faultOf(call);
    switch (fault?.kind) {
      case undefined:
        return act();
      case 'lose-request':
        throw lost(call);
      case 'lose-answer':
        await act();
        throw lost(call);
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
        throw lost(call);
    }
  }
}

/**
 * A process that dies at its n-th call of any site: that call, before or after it was carried out, and every later one throws.
 * One for all the sites of a run: `sites.map((site) => new FaultySite(site, crash.faultOf))`. With `Infinity` it counts.
 */
export class CrashPoint {
  calls = 0;
  readonly #atCall: number;
  readonly #when: 'before' | 'after';

  constructor(atCall: number, when: 'before' | 'after') {
    this.#atCall = atCall;
    this.#when = when;
  }

  get hasCrashed(): boolean {
    return this.calls >= this.#atCall;
  }

  readonly faultOf = (_call: SiteCall): SiteFault | undefined => {
    this.calls += 1;
    if (this.calls < this.#atCall) return undefined;
    return { kind: this.calls === this.#atCall && this.#when === 'after' ? 'lose-answer' : 'lose-request' };
  };
}

/** As the SDK says it: whether it was carried out is unknown. */
function lost(call: SiteCall): Error {
  const error = new Error(`${call.method} of ${call.name} in ${call.site} was not answered in time: whether it was carried out is unknown`);
  error.name = 'TimeoutError';
  return error;
}

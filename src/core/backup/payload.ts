// Strict reading of what a state machine, or a person, hands to a step of a backup or a restore: a payload that is not whole is
// refused by the name of its field, before anything is asked or changed.
import { MalformedError } from '../errors.ts';
import { retentionClasses, type ContentDigest, type Cut, type LogPositions, type RetentionClass } from '../vault/recovery-point.ts';

export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (v: unknown): v is Fields => typeof v === 'object' && v !== null && !Array.isArray(v);
export const isText = (v: unknown): v is string => typeof v === 'string' && v !== '';
export const isCount = (v: unknown): v is number => typeof v === 'number' && Number.isSafeInteger(v) && v >= 0;
export const isDigest = (v: unknown): v is ContentDigest => isFields(v) && isCount(v['items']) && isCount(v['bytes']) && typeof v['sum'] === 'string' && /^[0-9a-f]{64}$/.test(v['sum']);
export const isPositions = (v: unknown): v is LogPositions => isFields(v) && Object.values(v).every(isCount);
export const isClass = (v: unknown): v is RetentionClass => retentionClasses.some((c) => c === v);
export const isCut = (v: unknown): v is Cut => isFields(v) && isCount(v['epoch']) && isText(v['region']) && isCount(v['openedAtMs']) && isPositions(v['positions']);
export const isPointLink = (v: unknown): v is { readonly point: string; readonly sha256: string } => isFields(v) && isText(v['point']) && isText(v['sha256']);
export const orNull =
  <T>(is: (v: unknown) => v is T) =>
  (v: unknown): v is T | null =>
    v === null || is(v);
export const listOf =
  <T>(is: (v: unknown) => v is T) =>
  (v: unknown): v is readonly T[] =>
    Array.isArray(v) && v.every(is);

/** Reads the fields of one payload. */
export class PayloadReader {
  readonly #what: string;
  readonly #fields: Fields;

  /** @throws MalformedError when it is no object. */
  constructor(what: string, raw: unknown) {
    if (!isFields(raw)) throw new MalformedError(`The input of ${what} is no object: it is given by the state machine, or by 'holdfast'. Nothing was done.`);
    this.#what = what;
    this.#fields = raw;
  }

  /** @throws MalformedError naming the field. */
  take<T>(name: string, is: (v: unknown) => v is T, whatItMayBe: string): T {
    const value = this.#fields[name];
    if (!is(value)) throw this.wrong(name, whatItMayBe);
    return value;
  }

  /** The field, or null where it is absent or null. */
  takeOrNull<T>(name: string, is: (v: unknown) => v is T, whatItMayBe: string): T | null {
    return this.#fields[name] === undefined ? null : this.take(name, orNull(is), whatItMayBe);
  }

  text(name: string): string {
    return this.take(name, isText, 'text');
  }

  count(name: string): number {
    return this.take(name, isCount, 'a whole number from 0');
  }

  /** A person's typing error must not become a wish for everything. @throws MalformedError */
  only(...names: readonly string[]): this {
    const unknown = Object.keys(this.#fields).find((name) => !names.includes(name));
    if (unknown !== undefined) throw new MalformedError(`The input of ${this.#what} has a field '${unknown}' that is not known; it may have ${names.join(', ')}. Nothing was done.`);
    return this;
  }

  wrong(name: string, whatItMayBe: string): MalformedError {
    return new MalformedError(`The input of ${this.#what} has no '${name}' that can be used; it must be ${whatItMayBe}. Nothing was done.`);
  }
}

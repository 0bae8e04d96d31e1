// Which acceptors vote. The sets form one chain, each made from the one before it by one acceptor more or less, so that
// majorities of neighbours always meet; an id is a hash over the chain, so that none ever comes back.
import { MalformedError } from '../errors.ts';

export type Acceptor = {
  readonly region: string;
  readonly table: string;
  /** The mark of the empty row that was admitted; founders have none. Another row under the same name was not admitted (H3). */
  readonly joined?: string;
};

export type Configuration = {
  readonly id: string;
  /** Its place in the chain; the founders' set says nothing, or 0. */
  readonly number?: number;
  readonly acceptors: readonly Acceptor[];
  /** The ids of the sets before it, the newest first. */
  readonly before?: readonly string[];
};

export type VoterChange = { readonly kind: 'add'; readonly acceptor: Acceptor } | { readonly kind: 'remove'; readonly region: string };

/** A region that was away through more changes than this must come back as a new voter. */
const ancestorsKept = 8;
const joiningPrefix = 'joining:';

export function numberOf(configuration: Configuration): number {
  return configuration.number ?? 0;
}

/** ⌊n/2⌋ + 1 */
export function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/** @param id 32 hex digits, never used before. */
export function joiningMark(id: string): string {
  return `${joiningPrefix}${id}`;
}

export function isJoiningMark(config: unknown): boolean {
  return typeof config === 'string' && config.startsWith(joiningPrefix);
}

/** The set after one change. The caller has checked that the change makes sense. */
export function nextConfiguration(from: Configuration, change: VoterChange, digest: (text: string) => string): Configuration {
  const acceptors = change.kind === 'add' ? [...from.acceptors, change.acceptor] : from.acceptors.filter((a) => a.region !== change.region);
  const number = numberOf(from) + 1;
  const lines = acceptors.map((a) => `${a.region}=${a.table}=${a.joined ?? ''}`).toSorted();
  return { id: digest([from.id, String(number), ...lines].join('\n')), number, acceptors, before: [from.id, ...(from.before ?? [])].slice(0, ancestorsKept) };
}

/** Whether majorities of the two always meet because they differ by one acceptor. */
export function isOneApart(a: Configuration, b: Configuration): boolean {
  const names = (c: Configuration) => c.acceptors.map((x) => `${x.region}=${x.table}=${x.joined ?? ''}`);
  const only = (x: Configuration, y: Configuration) => names(x).filter((n) => !names(y).includes(n)).length;
  return only(a, b) + only(b, a) === 1;
}

/** A row of this set may move on to `to`: it is an earlier one of the same chain. */
export function mayMove(fromId: string, to: Configuration): boolean {
  return to.before?.includes(fromId) === true;
}

export function isConfiguration(v: unknown): v is Configuration {
  if (!isObject(v) || typeof v['id'] !== 'string' || !Array.isArray(v['acceptors'])) return false;
  const { number, before } = v;
  const isNumbered = number === undefined || (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0);
  const isChained = before === undefined || (Array.isArray(before) && before.every((id) => typeof id === 'string'));
  return (
    isNumbered &&
    isChained &&
    v['acceptors'].every((a) => isObject(a) && typeof a['region'] === 'string' && typeof a['table'] === 'string' && (a['joined'] === undefined || typeof a['joined'] === 'string'))
  );
}

/** @throws MalformedError */
export function parseConfiguration(region: string, json: string): Configuration {
  let raw: unknown;
  try {
    raw = JSON.parse(json);
  } catch {
    raw = undefined;
  }
  if (!isConfiguration(raw)) throw new MalformedError(`The voter set in the acceptor's row in ${region} is damaged: compare it with the other regions' and call a person; never edit it.`);
  return raw;
}

function isObject(v: unknown): v is Readonly<Record<string, unknown>> {
  return typeof v === 'object' && v !== null && !Array.isArray(v);
}

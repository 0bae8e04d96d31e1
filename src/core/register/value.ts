// The value of the register: who may act, by which epoch, and what is under way. It is the only truth about the group,
// so reading it is strict, and fields that this version does not know are kept.
import { MalformedError } from '../errors.ts';
import { isBegun, type Begun } from '../failover/begun.ts';
import { isConfiguration, type Configuration } from './configuration.ts';

export type GroupState = 'normal' | 'degraded' | 'failing-over' | 'recovery' | 'failed';
const states = ['normal', 'degraded', 'failing-over', 'recovery', 'failed'] as const;

export type Transition = {
  readonly from: GroupState;
  readonly to: GroupState;
  readonly on: string;
  readonly because: string;
  readonly epoch: number;
  readonly attempt: number;
  /** The region, or the person, that made it. */
  readonly by: string;
  /** By the clock of whoever made it; for people, never compared. */
  readonly atMs: number;
};

export type Paused = { readonly by: string; readonly reason: string; readonly atMs: number };

export type RegisterValue = {
  readonly version: 1;
  readonly minReaderVersion: number;
  readonly group: string;
  /** The voters under which it was proposed. */
  readonly config: Configuration;
  /** The voters from the next value on, once their acceptors have moved. */
  readonly nextConfig?: Configuration;
  readonly state: GroupState;
  readonly holder: string;
  readonly epoch: number;
  readonly renewal: string;
  readonly renewable: boolean;
  readonly released: boolean;
  readonly attempt: number;
  /** Attempts made since the group was last well; an epoch starts its attempts at 1, this goes on. */
  readonly attemptsSpent: number;
  readonly successor: string | null;
  /** This attempt is a planned switch-over (docs/switch-over.md): the successor waits for `released`, and after it nothing was left behind. */
  readonly planned?: true;
  readonly because: string;
  /** SHA-256 of what the last transition was decided from. */
  readonly evidence: string;
  readonly paused: Paused | null;
  readonly regions: Readonly<Record<string, { readonly reconciled: boolean }>>;
  /** Where the newest epoch began; missing until one was opened in a group of more than two candidates. */
  readonly begun?: Begun;
  /** The newest last. */
  readonly transitions: readonly Transition[];
  readonly auditHead: string;
};

/** The version of values that this code reads and writes. */
export const readerVersion = 1;
/** Every renewal writes the whole value to every region: few are kept, the audit chain's head stands for the rest. */
export const transitionsKept = 4;

/** @throws MalformedError naming the field. */
export function parseRegisterValue(json: string): RegisterValue {
  let raw: unknown;
  try {
    raw = JSON.parse(json);
  } catch {
    throw malformed('is not JSON', json);
  }
  const asked = isObject(raw) ? raw['minReaderVersion'] : undefined;
  if (typeof asked === 'number' && isCount(asked) && asked > readerVersion) {
    throw new MalformedError(`The register value asks for reader version ${asked}, this is ${readerVersion}: deploy the newer version of Holdfast in this region.`);
  }
  if (!isRegisterValue(raw)) throw malformed(`field '${firstWrong(raw)}' is missing or of the wrong type`, json);
  return raw;
}

function malformed(what: string, json: string): MalformedError {
  return new MalformedError(`The register value ${what} (it begins ${JSON.stringify(json.slice(0, 60))}): do not edit the register table; look at the other regions' rows and call a person.`);
}

type Check = (value: unknown) => boolean;
const isString: Check = (v) => typeof v === 'string';
const isCount: Check = (v) => typeof v === 'number' && Number.isSafeInteger(v) && v >= 0;
const isBoolean: Check = (v) => typeof v === 'boolean';
const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v);

const fields: Readonly<Record<keyof RegisterValue, Check>> = {
  version: (v) => v === 1,
  minReaderVersion: isCount,
  group: isString,
  config: isConfiguration,
  nextConfig: (v) => v === undefined || isConfiguration(v),
  state: (v) => states.some((s) => s === v),
  holder: isString,
  epoch: isCount,
  renewal: isString,
  renewable: isBoolean,
  released: isBoolean,
  attempt: isCount,
  attemptsSpent: isCount,
  successor: (v) => v === null || isString(v),
  planned: (v) => v === undefined || v === true,
  because: isString,
  evidence: isString,
  paused: (v) => v === null || (isObject(v) && isString(v['by']) && isString(v['reason']) && isCount(v['atMs'])),
  regions: (v) => isObject(v) && Object.values(v).every((r) => isObject(r) && isBoolean(r['reconciled'])),
  begun: (v) => v === undefined || isBegun(v),
  transitions: (v) =>
    Array.isArray(v) &&
    v.every(
      (t) =>
        isObject(t) &&
        isString(t['from']) &&
        isString(t['to']) &&
        isString(t['on']) &&
        isString(t['because']) &&
        isCount(t['epoch']) &&
        isCount(t['attempt']) &&
        isString(t['by']) &&
        isCount(t['atMs']),
    ),
  auditHead: isString,
};

/** Made once: every look reads a value of each acceptor. */
const checks = Object.entries(fields);

function firstWrong(raw: unknown): string {
  if (!isObject(raw)) return '(the whole)';
  for (const [name, check] of checks) if (!check(raw[name])) return name;
  return '';
}

function isRegisterValue(raw: unknown): raw is RegisterValue {
  return isObject(raw) && firstWrong(raw) === '';
}

export function serializeRegisterValue(value: RegisterValue): string {
  return JSON.stringify(value);
}

/** Field by field, whatever their order: what "exactly the value that it reads" means. */
export function isSameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((v, i) => isSameValue(v, b[i]));
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((n) => n in b && isSameValue(a[n], b[n]));
}

/** The epoch that the failover under way is reaching for: it names the execution together with the attempt. */
export function reservedEpoch(value: Pick<RegisterValue, 'epoch' | 'successor'>): number {
  return value.successor === null ? value.epoch : value.epoch + 1;
}

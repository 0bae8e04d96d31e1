// The one statement by which a resource policy denies the service's principals. Everything else in the policy is the owner's, and stays as it is.

const fenceSid = 'HoldfastFence';

export type Denied = { readonly principals: readonly string[]; readonly action: string; readonly resources: readonly string[] };
type Policy = { readonly others: readonly unknown[]; readonly head: Record<string, unknown>; readonly fence: unknown };

/** @param text the policy as it stands; null: there is none. @throws where it is no policy: it is not touched */
function read(text: string | null): Policy {
  if (text === null) return { others: [], head: { Version: '2012-10-17' }, fence: undefined };
  const raw: unknown = JSON.parse(text);
  if (typeof raw !== 'object' || raw === null) throw new Error(`the policy that stands there is none: ${text.slice(0, 100)}`);
  const { Statement: listed, ...head }: { Statement?: unknown } & Record<string, unknown> = { ...raw };
  const all: unknown[] = Array.isArray(listed) ? listed : listed === undefined ? [] : [listed];
  const isOurs = (one: unknown) => typeof one === 'object' && one !== null && 'Sid' in one && one.Sid === fenceSid;
  return { others: all.filter((one) => !isOurs(one)), head, fence: all.find(isOurs) };
}

function statementOf({ principals, action, resources }: Denied) {
  return { Sid: fenceSid, Effect: 'Deny', Principal: { AWS: [...principals] }, Action: action, Resource: [...resources] };
}

/** Exactly our statement stands there: another one of its name denies something else, and is replaced. AWS writes a list of one as text. */
export function isDenied(text: string | null, denied: Denied): boolean {
  const { fence } = read(text);
  return fence !== undefined && normal(fence) === normal(statementOf(denied));
}

function normal(value: unknown): string {
  if (Array.isArray(value))
    return `${value
      .map(normal)
      .toSorted((a, b) => (a < b ? -1 : 1))
      .join()}`;
  if (typeof value !== 'object' || value === null) return `[${JSON.stringify(value)}]`;
  return Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, one]) => `${name}:${normal(one)}`)
    .join();
}

export function withDeny(text: string | null, denied: Denied): string {
  const { head, others } = read(text);
  return JSON.stringify({ ...head, Statement: [...others, statementOf(denied)] });
}

/** Null: nothing is left of it. */
export function withoutDeny(text: string | null): string | null {
  const { head, others } = read(text);
  return others.length === 0 ? null : JSON.stringify({ ...head, Statement: others });
}

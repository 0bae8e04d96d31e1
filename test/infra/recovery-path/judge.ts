// Why: one sentence for a person who is stopped: what, where, and what to do.
import { ALLOWED, type AllowedActions, CARRIED_BY_THE_SDK, EXCEPTIONS, PATH_OF, type DeclaredException, type RecoveryPath } from '../../../infra/recovery-path-actions.ts';
import type { FoundAction, Reading } from './action.ts';

const PLACES_SHOWN = 3;
const ACTIONS_SHOWN = 4;

export type Lists = { readonly allowed: readonly AllowedActions[]; readonly exceptions: readonly DeclaredException[]; readonly carried: readonly string[] };
export const LISTS: Lists = { allowed: ALLOWED, exceptions: EXCEPTIONS, carried: CARRIED_BY_THE_SDK.map(({ action }) => action) };

/** A sentence for each thing that no list allows; none where all is well. */
export function objections(reading: Reading, isExcepted: (action: FoundAction) => boolean, lists: Lists = LISTS): string[] {
  const refused = reading.actions.filter((found) => !isAllowed(found, lists.allowed) && !isExcepted(found));
  // A package that is taken whole brings a hundred commands from one place: one sentence.
  const together = Map.groupBy(refused, ({ path, who, places }) => [path, who, ...places].join('\n'));
  return [
    ...[...together.values()].flatMap((same) => {
      const [first] = same;
      if (first === undefined) return [];
      const { path, who, places } = first;
      const actions = same.map(({ action }) => action).toSorted();
      return `${shown(places, PLACES_SHOWN)}: ${who} has ${shown(actions, ACTIONS_SHOWN)}, which is not on the ${path} path's list. ${advice(path)}`;
    }),
    ...reading.unreadable.map(({ where, because }) => `${where}: ${because}.`),
  ];
}

/** Roles: only those that an exception names. */
export function isExceptedRole({ action, who }: FoundAction, { exceptions }: Lists = LISTS): boolean {
  const owner = who.replace('schedule of ', '');
  return exceptions.some((exception) => exception.actions.includes(action) && exception.functions.some((name) => name === owner));
}

/** Bundles: a driver's class comes whole, so a function carries methods that it does not use; its role keeps it from them. Never so on the failover path. */
export function isExceptedBundle({ action, path }: FoundAction, { exceptions, carried }: Lists = LISTS): boolean {
  const isOfPath = (names: DeclaredException['functions']) => names.some((name) => PATH_OF[name] === path);
  return carried.includes(action) || (path !== 'failover' && exceptions.some(({ actions, functions }) => actions.includes(action) && isOfPath(functions)));
}

function shown(all: readonly string[], most: number): string {
  return `${all.slice(0, most).join(', ')}${all.length > most ? ` and ${all.length - most} more` : ''}`;
}

export const neverExcepted = (): boolean => false;

function isAllowed({ action, path }: FoundAction, allowed: readonly AllowedActions[]): boolean {
  return allowed.some((entry) => entry.paths.includes(path) && entry.actions.includes(action));
}

function advice(path: RecoveryPath): string {
  return path === 'failover'
    ? 'A failover calls no control plane: take the call out, or, if AWS documents it as a data-plane action, add it with its source to infra/recovery-path-actions.ts (docs/no-control-plane.md).'
    : 'Take the call out, add it with its source to infra/recovery-path-actions.ts if it is a data-plane action, or declare it there as an exception with its reason (docs/no-control-plane.md).';
}

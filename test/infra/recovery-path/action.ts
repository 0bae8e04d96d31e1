// Why: what the three readers (state machines, bundles, policies) have in common: something on a path does something, at a place that a person can open.
import type { RecoveryPath } from '../../../infra/recovery-path-actions.ts';

export type FoundAction = {
  readonly path: RecoveryPath;
  /** Who: the function, where it is one, else the role or the machine. */
  readonly who: string;
  readonly action: string;
  /** `file:line what`, the first one first in a message. */
  readonly places: readonly string[];
};

/** What no list can allow: it cannot be read as an action at all. */
export type Unreadable = { readonly where: string; readonly because: string };

export type Reading = { readonly actions: readonly FoundAction[]; readonly unreadable: readonly Unreadable[] };

// Which fences stop a lost region, in what order, and what their outcomes amount to. Nothing here holds a failover up: a fence that did not
// hold is said, and a person is called.
import type { RegisterValue } from '../register/value.ts';
import { SupersededError } from '../errors.ts';

export const fenceKinds = ['table-access', 'bucket-access', 'ec2-stop', 'target-deregistration', 'ebs-detach', 'security-group-quarantine', 'kms-grant', 'redfish-power', 'ipmi-power'] as const;
export type FenceKind = (typeof fenceKinds)[number];

/** What is told of each fence, whatever stops it. */
export type FencePolicy = {
  /** Unique in its region. */
  readonly name: string;
  readonly kind: FenceKind;
  /** Whom it stops. */
  readonly region: string;
  /** Not confirmed: a person is called. */
  readonly required: boolean;
  /** Lower ones first; the same number at once. */
  readonly order: number;
  readonly timeoutMs: number;
};

/**
 * - `confirmed`: read back after the change, the region cannot act through it any more.
 * - `failed`: it surely did not hold.
 * - `unknown`: it may hold, or may yet.
 */
export type FenceOutcome = { readonly kind: 'confirmed' | 'failed' | 'unknown'; readonly because: string };

/** Stages of those that stop one region: what is in one is begun together, the next when all of it has ended. */
export function planFences<P extends FencePolicy>(all: readonly P[], region: string): readonly (readonly P[])[] {
  const mine = all.filter((fence) => fence.region === region);
  const orders = [...new Set(mine.map(({ order }) => order))].toSorted((a, b) => a - b);
  return orders.map((order) => mine.filter((fence) => fence.order === order));
}

/** The longest that fencing may take, all regions beside one another. */
export function fencesLimitMs(all: readonly Pick<FencePolicy, 'region' | 'order' | 'timeoutMs'>[]): number {
  const longest = new Map<string, Map<number, number>>();
  for (const { region, order, timeoutMs } of all) {
    const stages = longest.get(region) ?? new Map<number, number>();
    longest.set(region, stages.set(order, Math.max(timeoutMs, stages.get(order) ?? 0)));
  }
  return Math.max(0, ...[...longest.values()].map((stages) => [...stages.values()].reduce((sum, ms) => sum + ms, 0)));
}

/**
 * Whom the register wants stopped in this epoch: who is not reconciled. Not the holder, and nobody who may yet become it: a region that is not
 * reconciled is nobody's successor, and it becomes reconciled by a person's sign-off only. A planned hand-over leaves the old holder reconciled.
 */
export function regionsToFence(value: RegisterValue, epoch: number): string[] {
  return Object.keys(value.regions).filter((region) => whyNotFenced(value, region, epoch) === undefined);
}

/** Asked of a chosen value right before each fence. Undefined: it may. */
export function whyNotFenced(value: RegisterValue, region: string, epoch: number): string | undefined {
  if (value.epoch !== epoch) return `epoch is ${value.epoch} now, and the fence was asked for epoch ${epoch}`;
  if (value.holder === region) return `${region} holds the lease of epoch ${value.epoch}`;
  const known = value.regions[region];
  if (known === undefined) return `${region} is no candidate of ${value.group}`;
  return known.reconciled ? `${region} is reconciled: nothing was left behind there, or a person signed it off` : undefined;
}

/** @throws SupersededError where the register does not want the region stopped. */
export function requireFenceable(value: RegisterValue, region: string, epoch: number): void {
  const because = whyNotFenced(value, region, epoch);
  if (because !== undefined) throw new SupersededError(`${region} is not fenced: ${because}. Nothing was changed.`);
}

export type Judged = { readonly kind: 'held' | 'not-held'; readonly because: string };

/** By the required ones. One without an outcome did not hold. */
export function judgeFences(plan: readonly Pick<FencePolicy, 'name' | 'required'>[], outcomes: ReadonlyMap<string, FenceOutcome>): Judged {
  const required = plan.filter((fence) => fence.required);
  const open = required.flatMap(({ name }) => {
    const outcome = outcomes.get(name);
    return outcome?.kind === 'confirmed' ? [] : [`${name} ${outcome === undefined ? 'was not run' : `${outcome.kind}: ${outcome.because}`}`];
  });
  if (open.length > 0) return { kind: 'not-held', because: open.join('; ') };
  return { kind: 'held', because: required.length === 0 ? 'no fence is required' : `${required.length} required confirmed` };
}

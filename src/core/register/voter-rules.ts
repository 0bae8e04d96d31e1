// What a person may ask of the voters: checked before anything changes, so that no change leaves a group that cannot decide.
import { majority, numberOf, type Acceptor, type Configuration, type VoterChange } from './configuration.ts';
import type { RegisterValue } from './value.ts';

export const votersLeast = 3;
const candidatesLeast = 2;

/** What a look at every acceptor found; `answering` of the set in force. */
export type VotersSeen = { readonly answering: readonly string[]; readonly candidates: readonly string[] };

/**
 * Why a change must not be made, in words that a person can act on; undefined when it may.
 * @param isReplacing the same region joins again at once, under a new table: fewer voters for a moment are meant.
 */
export function refusalOfVoterChange(value: RegisterValue, from: Configuration, change: VoterChange, seen: VotersSeen, isReplacing: boolean): string | undefined {
  const regions = from.acceptors.map((a) => a.region);
  const region = change.kind === 'add' ? change.acceptor.region : change.region;
  if (change.kind === 'add' && regions.includes(region)) return `${region} votes already, with another table (${listed(from.acceptors)}): 'holdfast voters replace'`;
  const after = change.kind === 'add' ? [...regions, region] : regions.filter((r) => r !== region);
  const able = after.filter((r) => seen.answering.includes(r) || (change.kind === 'add' && r === region));
  if (able.length < majority(after.length)) {
    return `of ${after.length} voters then, only ${able.join(', ') || 'none'} would answer, and ${majority(after.length)} are needed: bring the silent ones back first`;
  }
  if (change.kind === 'add' || isReplacing) return undefined;
  if (after.length < votersLeast) return `${after.length} voters would be left, and a majority that survives a lost region needs ${votersLeast}: add another one first, or 'holdfast voters replace'`;
  if (after.filter((r) => seen.candidates.includes(r)).length < candidatesLeast) return `fewer than ${candidatesLeast} candidates would be left: there would be nowhere to fail over to`;
  if (value.holder === region && !value.released) return `${region} holds the lease (epoch ${value.epoch}): 'holdfast failover' first`;
  return value.successor === region ? `a failover to ${region} is under way: wait for it` : undefined;
}

function listed(acceptors: readonly Acceptor[]): string {
  return acceptors.map((a) => `${a.region} (${a.table})`).join(', ');
}

/** A region that leaves is no target any more: whatever was said of its writes goes with it. */
export function withoutRegion(value: RegisterValue, region: string): RegisterValue {
  const { [region]: _left, ...regions } = value.regions;
  return { ...value, regions };
}

/** In words: `voter set 3: 5 voters, 3 are a majority`. */
export function describeSet(configuration: Configuration): string {
  const { length } = configuration.acceptors;
  return `voter set ${numberOf(configuration)}: ${length} voters, ${majority(length)} are a majority${length % 2 === 0 ? ' (an even number: the last one adds no safety)' : ''}`;
}

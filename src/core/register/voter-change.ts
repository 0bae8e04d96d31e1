// A change of the voters as a change of the register's value: what may be proposed, and what a value says of its own voters.
import { isOneApart, nextConfiguration, numberOf, type Configuration, type VoterChange } from './configuration.ts';
import type { RegisterValue } from './value.ts';

type Proposed = { readonly kind: 'set'; readonly value: RegisterValue } | { readonly kind: 'refuse'; readonly because: string };

/** The set that a value leads to: the next one, once it is decided. */
export function decidedConfiguration(value: RegisterValue): Configuration {
  return value.nextConfig ?? value.config;
}

export function changeVoter(current: RegisterValue, change: VoterChange, digest: (text: string) => string): Proposed {
  const from = decidedConfiguration(current);
  return { kind: 'set', value: { ...current, nextConfig: nextConfiguration(from, change, digest) } };
}

/**
 * What may be proposed under a set of voters: the value says under which, and a next set is made from exactly this one,
 * only while no other waits. Two steps at once would let majorities miss each other.
 */
export function underConfiguration(current: RegisterValue, proposed: RegisterValue, under: Configuration): Proposed {
  const next = proposed.nextConfig;
  const isNew = next !== undefined && next.id !== current.nextConfig?.id;
  if (isNew) {
    const waiting = current.nextConfig !== undefined && current.nextConfig.id !== under.id ? current.nextConfig : undefined;
    if (waiting !== undefined) return { kind: 'refuse', because: `the voter set decided before (number ${numberOf(waiting)}) is not in force yet: another change would be one too many` };
    if (next.before?.[0] !== under.id || numberOf(next) !== numberOf(under) + 1 || !isOneApart(under, next))
      return { kind: 'refuse', because: `the next voter set must be made from the one in force (number ${numberOf(under)}), by one acceptor more or less` };
  }
  return { kind: 'set', value: restate(proposed, under) };
}

/** The same value as what is said under `under`: a next set that is this one is not next any more. */
export function restate(value: RegisterValue, under: Configuration): RegisterValue {
  const { nextConfig, ...rest } = value;
  const config = value.config.id === under.id ? value.config : under;
  return { ...rest, config, ...(nextConfig === undefined || nextConfig.id === under.id ? {} : { nextConfig }) };
}

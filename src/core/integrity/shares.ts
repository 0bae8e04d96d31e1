// The scrub's round: all objects of a vault in equal shares, so that each step does the same work whatever happened, and a round is done in a set time.
import { evidencePrefix, keysPrefix, packsPrefix, pointsPrefix, vaultFileName } from '../vault/object-names.ts';

/** Prefixes that together are every object of a vault. Packs are named by their hash, so each of the 256 shares of them is as large as the others. */
export const shares: readonly string[] = [vaultFileName, keysPrefix, pointsPrefix, evidencePrefix, ...Array.from({ length: 256 }, (_, i) => `${packsPrefix}${i.toString(16).padStart(2, '0')}/`)];

/** The share that comes after `share`; a round begins again after the last one. */
export function nextShare(share: number): number {
  return (share + 1) % shares.length;
}

/** How far apart steps may be for a round within `periodMs`. */
export function stepIntervalMs(periodMs: number): number {
  return Math.floor(periodMs / shares.length);
}

export type Health = 'healthy' | 'degraded' | 'critical';

/** 0 violations that stand are healthy, 1 to 4 degraded, 5 and more critical. */
export function healthOf(violations: number): Health {
  if (violations === 0) return 'healthy';
  return violations < 5 ? 'degraded' : 'critical';
}

// Whether the sites have the same of one name, by what they say without reading it. Pure.
import type { Difference } from './integrity-rows.ts';

/** null: the site has no such object. Its SHA-256 only where the site knows it. */
export type SiteSays = { readonly site: string; readonly has: { readonly bytes: number; readonly sha256: string | null } | null };

/** @param sites those that answered; of fewer than two nothing can be said */
export function differenceOf(name: string, sites: readonly SiteSays[]): Difference | null {
  if (sites.length < 2) return null;
  const missing = sites.filter(({ has }) => has === null).map(({ site }) => site);
  const lengths = odd(sites, ({ bytes }) => String(bytes));
  const hashes = odd(sites, ({ sha256 }) => sha256);
  const reasons = [
    ...(missing.length === 0 ? [] : [`not in ${missing.join(', ')}`]),
    ...(lengths.length === 0 ? [] : [`of other length in ${lengths.join(', ')}`]),
    ...(hashes.length === 0 ? [] : [`of other SHA-256 in ${hashes.join(', ')}`]),
  ];
  return reasons.length === 0 ? null : { name, because: reasons.join('; '), sites: [...new Set([...missing, ...lengths, ...hashes])].sort() };
}

/** Sites that say something else than most of those that say anything; all of them where none is the most. */
function odd(sites: readonly SiteSays[], of: (has: NonNullable<SiteSays['has']>) => string | null): string[] {
  const said = sites.flatMap(({ site, has }) => {
    const value = has === null ? null : of(has);
    return value === null ? [] : [{ site, value }];
  });
  const groups = [...Map.groupBy(said, ({ value }) => value).values()].toSorted((a, b) => b.length - a.length);
  const [most = [], second = []] = groups;
  if (groups.length < 2) return [];
  return (most.length === second.length ? groups : groups.slice(1)).flat().map(({ site }) => site);
}

// A point that is locked needs all its packs for as long: those that it takes over from earlier points may be locked for a shorter time, and are locked longer.
import { packName } from '../core/vault/object-names.ts';
import type { PackRow } from '../core/vault/recovery-point.ts';
import { TooFewSitesError } from '../core/vault/vault-errors.ts';
import type { ObjectLock, VaultSite } from '../ports/vault-site.ts';
import type { SiteSet } from '../vault/site-set.ts';

const atOnceMax = 8;

/** @throws TooFewSitesError where fewer than a majority of the sites keep a pack for so long */
export async function keepLonger(sites: SiteSet, packs: readonly PackRow[], lock: ObjectLock): Promise<void> {
  const rest = [...packs];
  const work = async () => {
    for (let pack = rest.pop(); pack !== undefined; pack = rest.pop()) {
      const name = packName(pack.sha256);
      const kept = await Promise.allSettled(sites.sites.map((site) => keepOne(site, name, lock)));
      if (kept.filter(({ status }) => status === 'fulfilled').length >= sites.majority) continue;
      const because = kept.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
      throw new TooFewSitesError(
        `${name}, which this point needs from an earlier one, is not locked for as long in a majority of the sites (${because.join('; ')}). The point was not committed; run the backup again`,
      );
    }
  };
  await Promise.all(Array.from({ length: atOnceMax }, work));
}

async function keepOne(site: VaultSite, name: string, lock: ObjectLock): Promise<void> {
  const state = await site.head(name);
  if (state === null) throw new Error(`${site.name} has it not`);
  const isStronger = state.lock?.mode === 'COMPLIANCE' && lock.mode === 'GOVERNANCE';
  if (state.lock === null || state.lock.untilMs < lock.untilMs) await site.extendLock(name, state.versionId, isStronger ? { ...lock, mode: 'COMPLIANCE' } : lock);
}

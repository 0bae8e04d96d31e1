// `holdfast vault compare`: whether the sites of a vault list the same.
import { InvalidConfigError } from '../core/errors.ts';
import { sha256 } from '../vault/chunk-crypto.ts';
import { compareSites } from '../operations/compare-sites.ts';
import type { VaultExitStatus, VaultValues, VaultWorld } from './vault-world.ts';
import { openSites } from './vault-open.ts';
import { sizeOf } from './vault-progress.ts';

export async function compareVault(values: VaultValues, world: VaultWorld): Promise<VaultExitStatus> {
  const { sites } = await openSites(values.vault ?? [], world.environment, false);
  if (sites.length < 2) throw new InvalidConfigError('compare needs two sites or more: name each of them by --vault');
  const comparison = await compareSites(sites, sha256);
  const { differences, count, silent, sites: compared } = comparison;
  if (values.json === true) world.out(`${JSON.stringify(comparison)}\n`);
  else {
    for (const { site, digest } of compared) world.out(`${site}  ${digest.items} objects, ${sizeOf(digest.bytes)}, digest ${digest.sum.slice(0, 16)}\n`);
    for (const { name, because } of differences) world.out(`${name}: ${because}\n`);
    if (count > differences.length) world.out(`… ${count} in all\n`);
    world.out(count === 0 ? 'The sites list the same.\n' : "'holdfast vault scrub' reads each object and brings what is missing or wrong from a site that has it whole.\n");
  }
  for (const { site, because } of silent) world.err(`holdfast: ${site} did not answer: ${because}\n`);
  return count === 0 && silent.length === 0 ? 0 : 1;
}

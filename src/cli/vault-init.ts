// `holdfast vault init`: makes the sites a vault that opens with the passphrase given now.
import { randomBytes } from 'node:crypto';
import { createVault } from '../vault/vault.ts';
import type { VaultExitStatus, VaultValues, VaultWorld } from './vault-world.ts';
import { makeKeyFile, openSites, readPassphrase } from './vault-open.ts';

export async function initVault(values: VaultValues, world: VaultWorld): Promise<VaultExitStatus> {
  const keyFile = values['new-key-file'];
  const wrap = keyFile === undefined ? readPassphrase(values['passphrase-file'], world.environment) : makeKeyFile(keyFile);
  const vault = await createVault(await openSites(values.vault ?? [], world.environment, true), randomBytes);
  const key = await vault.newKey(wrap, world.nowMs(), randomBytes, null);
  if (values.json === true) world.out(`${JSON.stringify({ vault: vault.id, key: key.keyId, sites: vault.sites.sites.map((site) => site.name), keyFile: keyFile ?? null })}\n`);
  else
    world.out(
      `Made vault ${vault.id} in ${vault.sites.sites.map((site) => site.name).join(', ')}. ${keyFile === undefined ? 'Without the passphrase' : `Without ${keyFile}`} nobody can read it, you included: keep a copy elsewhere.\n`,
    );
  return 0;
}

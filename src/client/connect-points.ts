// Connects a person's program to the group's vault, for reading.
import type { RuntimeConfig } from '../config/runtime-config.ts';
import type { PointsPorts } from '../operations/backup-facts.ts';
import { SiteSet } from '../vault/site-set.ts';
import { backupSettingsOf, connectKeyWrap, connectSites } from './connect-vault.ts';

/** @throws InvalidConfigError where the configuration has no vault */
export async function connectPoints(config: RuntimeConfig, endpoints: Readonly<Record<string, string>>, account: () => Promise<string>): Promise<PointsPorts> {
  const settings = backupSettingsOf(config);
  // Nearest for a program anywhere: the configuration's order.
  const region = config.voters[0]?.region ?? '';
  const where = { region, config, endpoints };
  return { settings, sites: new SiteSet(connectSites({ ...where, account: await account() })), wrap: connectKeyWrap(where) };
}

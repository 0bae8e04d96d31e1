// Connects the checks of a vault to AWS: its sites, this region's rows and the other candidates', the topic that people subscribe to.
import { requireSetting, type Environment } from '../config/environment.ts';
import { InvalidConfigError } from '../core/errors.ts';
import { candidatesOf } from '../core/policy.ts';
import { SnsNotifier } from '../drivers/aws/sns-notifier.ts';
import { sha256Bytes, systemClock } from '../drivers/aws/system-environment.ts';
import { sourceNameOf } from '../operations/backup-ports.ts';
import type { IntegrityPorts } from '../operations/integrity-ports.ts';
import { SiteSet } from '../vault/site-set.ts';
import { dynamoDbOf, rowStoreOf } from './connect.ts';
import { connectKeyWrap, connectSites } from './connect-vault.ts';

/** @throws InvalidConfigError where the configuration has no vault, or the stack did not say what it must. */
export function connectIntegrity(environment: Environment): IntegrityPorts {
  const { region, config } = environment;
  const { vault } = config;
  if (vault === undefined) throw new InvalidConfigError(`The configuration of group ${config.group} has no 'vault': there is nothing to check. Add it to holdfast.config.ts and deploy`);
  const { scrubDays, schedules, overdueAfterMinutes } = vault;
  return {
    me: region,
    settings: { group: config.group, source: sourceNameOf(config.tables.data), scrubDays, schedules, overdueAfterMinutes },
    own: rowStoreOf(config, region, dynamoDbOf(region, environment)),
    others: candidatesOf(config)
      .filter((other) => other !== region)
      .map((other) => rowStoreOf(config, other, dynamoDbOf(other, environment))),
    sites: new SiteSet(connectSites(environment)),
    wrap: connectKeyWrap(environment),
    clock: systemClock,
    sha256: sha256Bytes,
    notifier: new SnsNotifier(region, requireSetting(environment, 'topicArn')),
  };
}

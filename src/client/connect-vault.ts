// Connects backups and restores to AWS: the vault's buckets and keys in every region of the group, and this region's tables.
import type { Environment } from '../config/environment.ts';
import type { RuntimeConfig } from '../config/runtime-config.ts';
import { parseArchiveRow, parseCutRow, archiveKey } from '../core/backup/backup-rows.ts';
import { InvalidConfigError } from '../core/errors.ts';
import { candidatesOf } from '../core/policy.ts';
import { createBulkDynamoDb, DynamoDbTableStore } from '../drivers/aws/dynamodb-backup-table.ts';
import { DynamoDbLiveTable } from '../drivers/aws/dynamodb-live-table.ts';
import { DynamoDbLogStore } from '../drivers/aws/dynamodb-log-store.ts';
import { createKms } from '../drivers/aws/kms-client.ts';
import { KmsKeyWrap } from '../drivers/aws/kms-key-wrap.ts';
import { createS3 } from '../drivers/aws/s3-client.ts';
import { S3Site } from '../drivers/aws/s3-site.ts';
import { sha256, sha256Bytes, systemClock, systemRandom } from '../drivers/aws/system-environment.ts';
import { sourceNameOf, type BackupPorts, type BackupSettings } from '../operations/backup-ports.ts';
import type { RetentionPorts } from '../operations/keep-retention.ts';
import { SubjectKeys } from '../operations/subject-keys.ts';
import type { InPlacePorts } from '../operations/restore-in-place.ts';
import { SiteSet } from '../vault/site-set.ts';
import { dynamoDbOf, rowStoreOf } from './connect.ts';
import { DynamoDbRowList } from './dynamodb-row-list.ts';

/** Cuts that are read of a region: the newest; older ones stand in the vault's points. */
const cutsMax = 100;

/** @throws InvalidConfigError where the configuration has no vault. */
export function backupSettingsOf(config: RuntimeConfig): BackupSettings {
  const { vault } = config;
  if (vault === undefined) throw new InvalidConfigError(`The configuration of group ${config.group} has no 'vault': add it to holdfast.config.ts and deploy, then there are backups`);
  const { lockMode, retentionDays, lockDaysMax, packBytes, partsMode, subject } = vault;
  return {
    group: config.group,
    source: sourceNameOf(config.tables.data),
    table: config.tables.data,
    keyName: config.dataKey,
    origins: candidatesOf(config),
    lockMode,
    retentionDays,
    lockDaysMax,
    packBytes,
    partsMode,
    ...(subject === undefined ? {} : { subjectAttribute: subject.attribute }),
  };
}

export function vaultBucketOf(config: RuntimeConfig, account: string, region: string): string {
  return `holdfast-${config.group}-vault-${account}-${region}`;
}

export function vaultKeyAliasOf(config: RuntimeConfig): string {
  return `alias/holdfast-${config.group}-vault`;
}

/** The region whose site and key are asked first, and how the others are reached. */
type Where = Pick<Environment, 'region' | 'config' | 'endpoints'>;

/** The group's sites, the own region's first: it is nearest. */
export function connectSites(environment: Where & { readonly account?: string }): S3Site[] {
  const { config, region } = environment;
  const { account } = environment;
  if (account === undefined) throw new InvalidConfigError('HOLDFAST_ACCOUNT is not set; the stack sets it for its functions, so deploy again');
  const regions = [region, ...config.voters.map((v) => v.region).filter((r) => r !== region)];
  return regions.map((name) => new S3Site({ name, client: createS3(name, environment.endpoints[name]), bucket: vaultBucketOf(config, account, name) }));
}

/** Keys of every region: what was wrapped opens with any of them that answers. */
export function connectKeyWrap(environment: Where): KmsKeyWrap {
  const { config, region } = environment;
  const regions = [region, ...config.voters.map((v) => v.region).filter((r) => r !== region)];
  return new KmsKeyWrap(regions.map((name) => ({ region: name, client: createKms(name, environment.endpoints[name]), keyId: vaultKeyAliasOf(config) })));
}

/** What a step needs that fills or reads a target, and has nothing to do with the vault. */
export function connectTargets(environment: Environment) {
  const { region, config } = environment;
  return {
    me: region,
    settings: backupSettingsOf(config),
    own: rowStoreOf(config, region, dynamoDbOf(region, environment)),
    log: new DynamoDbLogStore(region, dynamoDbOf(region, environment), config.tables.log),
    tables: new DynamoDbTableStore(region, createBulkDynamoDb(region, undefined)),
    clock: systemClock,
    digest: sha256,
    sha256: sha256Bytes,
  };
}

/** Rows of tests that are looked through for what was left. */
const testRowsMax = 500;

/** What drops a restore test's target: no vault either. */
export function connectDrops(environment: Environment) {
  const { region, config } = environment;
  const list = new DynamoDbRowList(dynamoDbOf(region, environment), config.tables.region);
  return { ...connectTargets(environment), testRows: async () => list.list('RESTORE_TEST', testRowsMax, 'newest-first') };
}

/** What keeps its evidence: no keys. */
export function connectEvidence(environment: Environment) {
  return { ...connectTargets(environment), sites: new SiteSet(connectSites(environment)) };
}

/** What retention needs: the sites, and whether this region is open. No key. */
export function connectRetention(environment: Environment): RetentionPorts {
  const { region, config } = environment;
  return {
    me: region,
    settings: backupSettingsOf(config),
    own: rowStoreOf(config, region, dynamoDbOf(region, environment)),
    sites: new SiteSet(connectSites(environment)),
    clock: systemClock,
    log: (line) => process.stdout.write(`${JSON.stringify(line)}\n`),
  };
}

export function connectBackup(environment: Environment): BackupPorts {
  const { region, config } = environment;
  const sites = connectSites(environment);
  const lists = config.voters.filter((v) => v.role === 'candidate').map((v) => ({ region: v.region, client: dynamoDbOf(v.region, environment) }));
  const targets = connectTargets(environment);
  return {
    ...targets,
    sites: new SiteSet(sites),
    otherSites: new SiteSet(sites.filter((site) => site.name !== region)),
    wrap: connectKeyWrap(environment),
    cuts: async () => {
      const rows = await eachThatAnswers(region, lists, async ({ client }) => new DynamoDbRowList(client, config.tables.region).list('CUT', cutsMax, 'newest-first'));
      return rows.flat().map(parseCutRow);
    },
    quiet: async () => {
      const key = archiveKey(targets.settings.source);
      const rows = await eachThatAnswers(region, lists, async (from) => rowStoreOf(config, from.region, from.client).get(key));
      return rows.flatMap((row) => parseArchiveRow(row) ?? []);
    },
    random: systemRandom,
    ...(targets.settings.subjectAttribute === undefined ? {} : { subjects: connectSubjects(environment) }),
  };
}

/** Persons' keys lie in every region, also where nothing is served. */
function connectSubjects(environment: Environment): SubjectKeys {
  const { config } = environment;
  return new SubjectKeys(
    config.voters.map((v) => rowStoreOf(config, v.region, dynamoDbOf(v.region, environment))),
    systemRandom,
  );
}

/** With the live table, for the one function that may write it. */
export function connectInPlace(environment: Environment): BackupPorts & InPlacePorts {
  const { region, config } = environment;
  const { data, fence } = config.tables;
  const live = new DynamoDbLiveTable(region, dynamoDbOf(region, environment), { data, fence, dataKey: config.dataKey, fenceShards: config.fenceShards });
  return { ...connectBackup(environment), live };
}

/** What every region says that answers. A lost region holds nothing up; the own one must answer. */
async function eachThatAnswers<R extends { readonly region: string }, T>(own: string, regions: readonly R[], ask: (region: R) => Promise<T>): Promise<T[]> {
  const answers = await Promise.all(
    regions.map(async (region) => {
      try {
        return [await ask(region)];
      } catch (error) {
        if (region.region === own) throw error;
        return [];
      }
    }),
  );
  return answers.flat();
}

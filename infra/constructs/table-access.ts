// Why: a policy names its tables one by one, in this region and in the others, without asking any other stack: names are equal
// everywhere, so an ARN needs only the region.
import { Aws } from 'aws-cdk-lib';
import { AccountPrincipal, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { RuntimeConfig } from '../../src/config/runtime-config.ts';
import { partitionOf } from '../../src/config/aws-regions.ts';
import { FUNCTIONS, type SubjectGrant, type TableGrant, type TableKind } from './permissions.ts';

/** As in src/core/backup/subject-rows.ts; test/infra/subjects.test.ts compares. */
const SUBJECTS = 'SUBJECT#';

/** Of the markers that a hand-over puts into the data table, as in src/core/failover/hand-over.ts; test/infra/switch-over.test.ts compares. */
export const MARKERS = 'holdfast-drain#';

/** One statement a grant; none where no region has such a table. */
export function tableStatements(config: RuntimeConfig, region: string, grants: readonly TableGrant[]): PolicyStatement[] {
  return grants
    .flatMap((grant) => placesOf(config, region, grant))
    .map((grant) => ({ grant, resources: [...regionsWith(config, region, grant).map((where) => tableArn(config, where, grant.table)), ...strongArn(config, region, grant)] }))
    .filter(({ resources }) => resources.length > 0)
    .map(({ grant, resources }) => new PolicyStatement({ actions: grant.may.map((action) => `dynamodb:${action}`), resources }));
}

/** The keys of persons, which lie in every region; none where the configuration seals nothing by person. */
export function subjectStatements(config: RuntimeConfig, grant: SubjectGrant | undefined): PolicyStatement[] {
  if (grant === undefined || config.vault?.subject === undefined) return [];
  return [
    new PolicyStatement({
      actions: ['dynamodb:GetItem', ...(grant === 'seal' ? ['dynamodb:UpdateItem'] : [])],
      resources: config.voters.map(({ region }) => tableArn(config, region, 'region')),
      conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [`${SUBJECTS}*`] } },
    }),
  ];
}

/** What a hand-over needs of the own data table, beyond reading items: its stream, and markers under keys of their own. */
export function drainStatements(config: RuntimeConfig, region: string, streamArn: string): PolicyStatement[] {
  return [
    new PolicyStatement({ actions: ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'], resources: [streamArn] }),
    new PolicyStatement({
      actions: ['dynamodb:PutItem', 'dynamodb:DeleteItem'],
      resources: [tableArn(config, region, 'data')],
      conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [`${MARKERS}*`] } },
    }),
  ];
}

export function tableName(config: RuntimeConfig, region: string, kind: TableKind): string {
  if (kind !== 'register') return config.tables[kind];
  const voter = config.voters.find((candidate) => candidate.region === region);
  if (voter === undefined) throw new Error(`${region} is no region of group ${config.group}; use one of ${config.voters.map((each) => each.region).join(', ')}`);
  return voter.registerTable.slice(voter.registerTable.lastIndexOf('/') + 1);
}

/**
 * Who of other accounts may use this table, and how: what the functions of those regions are granted on it, and nothing else; their own roles
 * say which of them. Undefined where the group lies in one account.
 */
export function resourcePolicy(config: RuntimeConfig, region: string, kind: TableKind): PolicyDocument | undefined {
  const own = config.voters.find((voter) => voter.region === region)?.account;
  const others = [...new Set(config.voters.flatMap(({ account }) => (account === undefined || account === own ? [] : [account])))].toSorted();
  const granted: readonly TableGrant[] = Object.values(FUNCTIONS).flatMap((each) => each.tables);
  const actions = [...new Set(granted.filter(({ table, where }) => table === kind && where !== 'own').flatMap(({ may }) => may))].toSorted();
  if (others.length === 0 || actions.length === 0) return undefined;
  return new PolicyDocument({
    statements: [
      new PolicyStatement({
        sid: 'OtherAccountsOfTheGroup',
        principals: others.map((account) => new AccountPrincipal(account)),
        actions: actions.map((action) => `dynamodb:${action}`),
        resources: [tableArn(config, region, kind)],
      }),
    ],
  });
}

function tableArn(config: RuntimeConfig, region: string, kind: TableKind): string {
  const account = config.voters.find((voter) => voter.region === region)?.account;
  const owner = account === undefined ? `${Aws.PARTITION}:dynamodb:${region}:${Aws.ACCOUNT_ID}` : `${partitionOf(region)}:dynamodb:${region}:${account}`;
  return `arn:${owner}:table/${tableName(config, region, kind)}`;
}

function regionsWith(config: RuntimeConfig, region: string, grant: TableGrant): string[] {
  return config.voters
    .filter((voter) => voter.role === 'candidate' || !['fence', 'data'].includes(grant.table))
    .map((voter) => voter.region)
    .filter((name) => grant.where === 'all' || (grant.where === 'own') === (name === region));
}

/** With the register in one global table, the regions' own register tables keep only what each says that it saw: nobody writes another's. */
function placesOf(config: RuntimeConfig, region: string, grant: TableGrant): TableGrant[] {
  if (config.strongRegister === undefined || grant.table !== 'register' || grant.where !== 'all') return [grant];
  return [
    { ...grant, where: 'own' },
    { ...grant, where: 'others', may: grant.may.filter((action) => action === 'GetItem') },
  ];
}

/** This region's replica of the one table; its first row is its home's to write. */
function strongArn({ strongRegister: strong }: RuntimeConfig, region: string, grant: TableGrant): string[] {
  if (strong === undefined || grant.table !== 'register' || grant.where !== 'own') return [];
  return grant.may.includes('PutItem') && strong.home !== region ? [] : [`arn:${Aws.PARTITION}:dynamodb:${region}:${Aws.ACCOUNT_ID}:table/${strong.table}`];
}

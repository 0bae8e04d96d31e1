// Connects a person's program to AWS: the deployed stacks' own tables and state machines, under the caller's IAM rights.
import { DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { partitionOf } from '../config/aws-regions.ts';
import { tablesOf, type RuntimeConfig } from '../config/runtime-config.ts';
import { InvalidConfigError } from '../core/errors.ts';
import { createBulkDynamoDb } from '../drivers/aws/dynamodb-backup-table.ts';
import { createPatientDynamoDb, DateHeaderSamples } from '../drivers/aws/dynamodb-client.ts';
import { DynamoDbLiveTable } from '../drivers/aws/dynamodb-live-table.ts';
import { DynamoDbLogStore } from '../drivers/aws/dynamodb-log-store.ts';
import { DynamoDbRowPages } from '../drivers/aws/dynamodb-row-pages.ts';
import { DynamoDbWholeTable } from '../drivers/aws/dynamodb-whole-table.ts';
import { sha256, systemChance, systemClock } from '../drivers/aws/system-environment.ts';
import { acceptorReach, dynamoDbOf, replicaOf, rowStoreOf } from './connect.ts';
import type { Connection, DivergenceSettings, RegionConnection } from './connection.ts';
import { DynamoDbRowList } from './dynamodb-row-list.ts';
import { LambdaFenceFunction } from './lambda-fence-function.ts';
import { SfnApprovalAnswers } from './sfn-approval-answers.ts';
import { type AccountId, SfnRunbookRuns } from './sfn-runbook-runs.ts';

/** @param endpoints of regions that are not on AWS, as `readEndpoints` gives them; empty on AWS. */
export function connectToStacks(config: RuntimeConfig, endpoints: Readonly<Record<string, string>>, divergence: DivergenceSettings = { rule: 'ask' }): Connection {
  const { dataKey, fenceShards } = config;
  const accounts: (() => Promise<AccountId>)[] = [];
  const regions = config.voters.map(({ region, role, account: named }): RegionConnection => {
    const client = dynamoDbOf(region, { endpoints });
    const account = once(async () => (named === undefined ? accountOf(client, config.tables.region) : { partition: partitionOf(region), account: named }));
    accounts.push(account);
    const tables = tablesOf(config, region);
    const clockSamples = new DateHeaderSamples();
    clockSamples.watch(client);
    const patient = createPatientDynamoDb(region, endpoints[region]);
    clockSamples.watch(patient);
    return {
      region,
      role,
      rows: rowStoreOf(config, region, client),
      replica: replicaOf(config, region, client),
      list: new DynamoDbRowList(client, tables.region),
      log: new DynamoDbLogStore(region, client, tables.log),
      approvals: new SfnApprovalAnswers(region, endpoints[region]),
      fences: new LambdaFenceFunction(region, endpoints[region], config.group),
      runs: new SfnRunbookRuns(region, endpoints[region], config.group, account),
      clockSamples,
      report: { rows: rowStoreOf(config, region, client, patient), pages: new DynamoDbRowPages(patient, tables.region), log: new DynamoDbLogStore(region, patient, tables.log) },
      live: new DynamoDbLiveTable(region, client, { data: tables.data, dataKey, fence: tables.fence, fenceShards, region: tables.region }),
      table: new DynamoDbWholeTable(createBulkDynamoDb(region, endpoints[region]), tables.data, dataKey),
    };
  });
  const openVault = async () => {
    // Only here: whoever asks for the status needs no client of S3 or KMS.
    const { connectPoints } = await import('./connect-points.ts');
    return connectPoints(config, endpoints, async () => (await Promise.any(accounts.map(async (account) => account()))).account);
  };
  const reach = acceptorReach(
    config,
    regions.map((r) => r.rows),
    (region) => dynamoDbOf(region, { endpoints }),
  );
  return { config, regions, reach, divergence, clock: systemClock, chance: systemChance, digest: sha256, openVault };
}

/** A table's ARN says whose it is: nobody needs a right on STS to be told. */
async function accountOf(client: DynamoDBClient, table: string): Promise<AccountId> {
  const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
  const [, partition, , , account] = (Table?.TableArn ?? '').split(':');
  if (partition === undefined || account === undefined || account === '') throw new InvalidConfigError(`The ARN of table ${table} names no account: '${Table?.TableArn ?? ''}'. Is this AWS?`);
  return { partition, account };
}

/** Asked once, and again where it failed. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let answer: Promise<T> | undefined;
  return async () => {
    answer ??= ask().catch((error: unknown) => {
      answer = undefined;
      throw error;
    });
    return answer;
  };
}

// Connects a person's program to AWS: the deployed stacks' own tables and state machines, under the caller's IAM rights.
import type { RuntimeConfig } from '../config/runtime-config.ts';
import { DateHeaderSamples } from '../drivers/aws/dynamodb-client.ts';
import { DynamoDbLogStore } from '../drivers/aws/dynamodb-log-store.ts';
import { sha256, systemChance, systemClock } from '../drivers/aws/system-environment.ts';
import { dynamoDbOf, rowStoreOf } from './connect.ts';
import type { Connection, RegionConnection } from './connection.ts';
import { DynamoDbRowList } from './dynamodb-row-list.ts';
import { SfnApprovalAnswers } from './sfn-approval-answers.ts';

/** @param endpoints of regions that are not on AWS, as `readEndpoints` gives them; empty on AWS. */
export function connectToStacks(config: RuntimeConfig, endpoints: Readonly<Record<string, string>>): Connection {
  const regions = config.voters.map(({ region, role }): RegionConnection => {
    const client = dynamoDbOf(region, { endpoints });
    const clockSamples = new DateHeaderSamples();
    clockSamples.watch(client);
    return {
      region,
      role,
      rows: rowStoreOf(config, region, client),
      list: new DynamoDbRowList(client, config.tables.region),
      log: new DynamoDbLogStore(region, client, config.tables.log),
      approvals: new SfnApprovalAnswers(region, endpoints[region]),
      clockSamples,
    };
  });
  return { config, regions, clock: systemClock, chance: systemChance, digest: sha256 };
}

// What a person's program needs of each region, and how it is connected to AWS: the deployed stacks' own tables, under the
// caller's IAM rights. Tests give the same shape over memory.
import { DateHeaderSamples } from '../drivers/aws/dynamodb-client.ts';
import { DynamoDbLogStore } from '../drivers/aws/dynamodb-log-store.ts';
import { sha256, systemChance, systemClock } from '../drivers/aws/system-environment.ts';
import type { RuntimeConfig } from '../config/runtime-config.ts';
import type { Role } from '../core/policy.ts';
import type { Row } from '../core/rows/row.ts';
import type { Chance, Clock, ClockSamples, Digest } from '../ports/environment.ts';
import type { LogStore } from '../ports/log-store.ts';
import type { RowStore } from '../ports/row-store.ts';
import { dynamoDbOf, rowStoreOf } from './connect.ts';
import { DynamoDbRowList } from './dynamodb-row-list.ts';
import { SfnApprovalAnswers } from './sfn-approval-answers.ts';

/** Rows of the region table that share a partition key. Contract: at most `limit`, in the order of their sort key or against it; ends within about 1 s a page. */
export interface RowList {
  list(pk: string, limit: number, order: 'oldest-first' | 'newest-first'): Promise<readonly Row[]>;
}

/** Contract: 'answered' once the waiting execution has the answer; 'over' when nobody waits under this token any more. */
export interface ApprovalAnswers {
  approve(taskToken: string, output: string): Promise<'answered' | 'over'>;
  deny(taskToken: string, cause: string): Promise<'answered' | 'over'>;
}

export type RegionConnection = {
  readonly region: string;
  readonly role: Role;
  readonly rows: RowStore;
  readonly list: RowList;
  readonly log: LogStore;
  readonly approvals: ApprovalAnswers;
  /** What this region's answers said of its clock: its deadlines are in its own time, not in the caller's. */
  readonly clockSamples: ClockSamples;
};

export type Connection = {
  readonly config: RuntimeConfig;
  /** One a voter, in the configuration's order. */
  readonly regions: readonly RegionConnection[];
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly chance: Chance;
  readonly digest: Digest;
};

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

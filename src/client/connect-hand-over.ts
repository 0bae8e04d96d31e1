// What a tick needs beyond a governor to hand this region over. Apart from `connectGovernor`, so that no other function carries the client of the
// streams, or has a right to them.
import type { Environment } from '../config/environment.ts';
import { createStreams, DynamoDbChangeStream } from '../drivers/aws/dynamodb-change-stream.ts';
import { DynamoDbLogStore } from '../drivers/aws/dynamodb-log-store.ts';
import type { HandOverPorts } from '../operations/governor.ts';
import { dynamoDbOf, rowStoreOf } from './connect.ts';

/** Undefined where the stack names no stream: in a witness. */
export function connectHandOver(environment: Environment): HandOverPorts | undefined {
  const { region, config, dataStreamArn } = environment;
  if (dataStreamArn === undefined) return undefined;
  const client = dynamoDbOf(region, environment);
  const others = new Map(config.voters.filter((v) => v.region !== region).map((v) => [v.region, rowStoreOf(config, v.region, dynamoDbOf(v.region, environment))]));
  return {
    stream: new DynamoDbChangeStream(region, createStreams(region), client, { streamArn: dataStreamArn, table: config.tables.data, dataKey: config.dataKey }),
    log: new DynamoDbLogStore(region, client, config.tables.log),
    rowsOf: (name) => others.get(name) ?? rowStoreOf(config, name, dynamoDbOf(name, environment)),
  };
}

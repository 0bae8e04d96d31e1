// Connects the operations to AWS: which table of which region, which endpoint, which clock. Lambdas and CLI start here.
import { createDynamoDb, DateHeaderSamples } from '../drivers/aws/dynamodb-client.ts';
import { DynamoDbDataStore } from '../drivers/aws/dynamodb-data-store.ts';
import { DynamoDbLogStore } from '../drivers/aws/dynamodb-log-store.ts';
import { DynamoDbRowStore } from '../drivers/aws/dynamodb-row-store.ts';
import { HttpServiceProbe } from '../drivers/aws/http-service-probe.ts';
import { SfnRunbookStarter } from '../drivers/aws/sfn-runbook-starter.ts';
import { SnsNotifier } from '../drivers/aws/sns-notifier.ts';
import { sha256, systemChance, systemClock } from '../drivers/aws/system-environment.ts';
import type { Environment } from '../config/environment.ts';
import { InvalidConfigError } from '../core/errors.ts';
import { tablesOf, type RuntimeConfig } from '../config/runtime-config.ts';
import type { Acceptor } from '../core/register/configuration.ts';
import type { LogApplier } from '../operations/apply-log.ts';
import { DivergenceList } from '../operations/divergence-list.ts';
import type { Governor } from '../operations/governor.ts';
import { strongRegister } from '../operations/strong-register.ts';
import type { RowStore } from '../ports/row-store.ts';

/** The SDK finds its own region's endpoint by itself; another region's is given where it is overridden. */
export function dynamoDbOf(region: string, environment: Pick<Environment, 'endpoints'> & { readonly region?: string }) {
  return createDynamoDb(region, region === environment.region ? undefined : environment.endpoints[region]);
}

/** @param reads the client of reads, where they have one of their own */
export function rowStoreOf(config: RuntimeConfig, region: string, client: ReturnType<typeof createDynamoDb>, reads = client): DynamoDbRowStore {
  const voter = config.voters.find((v) => v.region === region);
  if (voter === undefined) throw new InvalidConfigError(`'${region}' is not a region of group ${config.group}: it may be ${config.voters.map((v) => v.region).join(', ')}`);
  const tables = tablesOf(config, region);
  return new DynamoDbRowStore(region, client, { register: voter.registerTable, region: tables.region, fence: tables.fence }, reads);
}

/** This region's way to the one table of the register, where the group has such a one. */
export function replicaOf(config: RuntimeConfig, region: string, client: ReturnType<typeof createDynamoDb>): DynamoDbRowStore | undefined {
  const { strongRegister: strong, tables } = config;
  return strong === undefined ? undefined : new DynamoDbRowStore(region, client, { register: strong.table, region: tables.region, fence: tables.fence });
}

/** @param deployed the stores of the voters that the configuration lists, in its order */
export function acceptorReach(config: RuntimeConfig, deployed: readonly RowStore[], clientOf: (region: string) => ReturnType<typeof createDynamoDb>): (acceptor: Acceptor) => RowStore {
  const others = new Map<string, RowStore>();
  return ({ region, table }) => {
    const index = config.voters.findIndex((v) => v.region === region && v.registerTable === table);
    const name = `${region}/${table}`;
    const tables = tablesOf(config, region);
    const store = deployed[index] ?? others.get(name) ?? new DynamoDbRowStore(region, clientOf(region), { register: table, region: tables.region, fence: tables.fence });
    if (index < 0) others.set(name, store);
    return store;
  };
}

export function connectGovernor(environment: Environment): Governor {
  const { region, config } = environment;
  const samples = new DateHeaderSamples();
  const client = dynamoDbOf(region, environment);
  samples.watch(client);
  const own = rowStoreOf(config, region, client);
  const replica = replicaOf(config, region, client);
  const voters: RowStore[] = config.voters.map((v) => (v.region === region ? own : rowStoreOf(config, v.region, dynamoDbOf(v.region, environment))));
  return {
    me: region,
    policy: config,
    own,
    voters,
    reach: acceptorReach(config, voters, (r) => dynamoDbOf(r, environment)),
    register: replica === undefined ? undefined : strongRegister({ group: config.group, region, replicas: [replica], chance: systemChance }),
    clock: systemClock,
    chance: systemChance,
    digest: sha256,
    clockSamples: samples,
    probe: new HttpServiceProbe({ endpoints: environment.endpoints, ...config.service, timeoutMs: config.policy.probeTimeoutMs }),
    runbook: environment.stateMachineArn === undefined ? { start: async () => 'exists' } : new SfnRunbookStarter(region, environment.stateMachineArn),
    notifier: environment.topicArn === undefined ? { notify: async () => undefined } : new SnsNotifier(region, environment.topicArn),
    serviceUrl: environment.serviceUrl ?? null,
  };
}

export function logStoreOf(environment: Environment, region: string): DynamoDbLogStore {
  return new DynamoDbLogStore(region, dynamoDbOf(region, environment), tablesOf(environment.config, region).log);
}

/** The logs that the other regions keep. */
export function otherLogsOf(environment: Environment): DynamoDbLogStore[] {
  return environment.config.voters.filter((v) => v.region !== environment.region).map((v) => logStoreOf(environment, v.region));
}

export function connectApplier(environment: Environment): LogApplier {
  const { region, config } = environment;
  const client = dynamoDbOf(region, environment);
  const own = rowStoreOf(config, region, client);
  return {
    own,
    log: new DynamoDbLogStore(region, client, config.tables.log),
    data: new DynamoDbDataStore(client, { data: config.tables.data, dataKey: config.dataKey, fence: config.tables.fence, region: config.tables.region, fenceShards: config.fenceShards }),
    divergence: new DivergenceList(own, sha256),
    clock: systemClock,
    digest: sha256,
  };
}

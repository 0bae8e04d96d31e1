// Three separate local regions with nothing in them but a register table: one engine process each, which is stopped, continued,
// killed, and started again with the state that it had acknowledged.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ConditionalCheckFailedException, CreateTableCommand, DynamoDBClient, PutItemCommand, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { endLeftover, installEngine, localAccountId, regionUrl, startRegion, takeSnapshot, type Engine, type EngineRegion, type RunningRegion } from '../../local/engine/ministack.ts';
import { freePort, REGION_ADDRESSES } from '../../local/ports.ts';
import { registerKey } from '../../src/core/register/acceptor-rows.ts';
import { genesisBallot } from '../../src/core/register/ballot.ts';
import { genesisValue } from '../../src/core/register/genesis.ts';
import { serializeRegisterValue } from '../../src/core/register/value.ts';

export const regionNames = ['us-east-1', 'us-west-2', 'eu-west-1'] as const;
export type RegionName = (typeof regionNames)[number];
export const configId = 'torture';
export const registerTable = 'register';

/** Of the engine's log since the last snapshot: a longer one makes a restart slower, a shorter one costs processor time. */
const snapshotSeconds = 10;
const rowTriesMax = 200;
const rowRetryMs = 250;
/** The restart of an engine that a busy machine did not let become ready in time is tried again. */
const startTriesMax = 3;

const voters = regionNames.map((region) => ({ region, role: 'candidate', registerTable }) as const);
const credentials = { accessKeyId: localAccountId, secretAccessKey: 'local' };

export class Regions {
  readonly endpoints: Readonly<Record<string, string>>;
  readonly #engine: Engine;
  readonly #regions: ReadonlyMap<RegionName, EngineRegion>;
  readonly #running = new Map<RegionName, RunningRegion>();
  readonly #clients: ReadonlyMap<RegionName, DynamoDBClient>;

  private constructor(engine: Engine, regions: ReadonlyMap<RegionName, EngineRegion>) {
    this.#engine = engine;
    this.#regions = regions;
    this.endpoints = Object.fromEntries([...regions].map(([name, region]) => [name, regionUrl(region)]));
    this.#clients = new Map([...regions].map(([name, region]) => [name, administrator(region)]));
  }

  /** @param directory for state and logs; what an earlier run left there is ended and removed. */
  static async start(directory: string, engineDirectory: string, log: (line: string) => void): Promise<Regions> {
    const engine = await installEngine({ directory: engineDirectory, log });
    for (const name of regionNames) await endLeftover(join(directory, name));
    rmSync(directory, { recursive: true, force: true });
    const hosts = REGION_ADDRESSES.slice(0, regionNames.length);
    const port = await freePort(hosts, Math.random);
    const specifications = regionNames.map((region, i): [RegionName, EngineRegion] => [
      region,
      { region, host: hosts[i] ?? '', port, directory: join(directory, region), environment: {}, snapshotSeconds },
    ]);
    const regions = new Regions(engine, new Map(specifications));
    try {
      await Promise.all(regionNames.map((name) => regions.#create(name)));
      return regions;
    } catch (error) {
      await regions.close();
      throw error;
    }
  }

  async #create(name: RegionName): Promise<void> {
    await this.restart(name);
    const client = this.#client(name);
    await client.send(
      new CreateTableCommand({
        TableName: registerTable,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      }),
    );
    await waitUntilTableExists({ client, maxWaitTime: 10, minDelay: 1, maxDelay: 1 }, { TableName: registerTable });
    // A kill costs no item, but a table that is in no snapshot.
    await takeSnapshot(this.#specification(name));
  }

  /** Writes the acceptors' first rows of a register, as the product does when a table is created; waits for regions that are down. */
  async createRegister(group: string): Promise<void> {
    const acceptedValue = serializeRegisterValue(genesisValue({ group, voters, configId }, regionNames[0]));
    const row = { pk: registerKey(group).pk, config: configId, promised: genesisBallot, acceptedBallot: genesisBallot, acceptedValue };
    const Item = Object.fromEntries(Object.entries(row).map(([attribute, text]) => [attribute, { S: text }]));
    await Promise.all(
      regionNames.map(async (name) => {
        const put = () => this.#client(name).send(new PutItemCommand({ TableName: registerTable, Item, ConditionExpression: 'attribute_not_exists(pk)' }));
        for (let attempt = 1; ; attempt += 1) {
          try {
            await put();
            return;
          } catch (error) {
            if (error instanceof ConditionalCheckFailedException) return; // an earlier try was carried out after all
            if (attempt === rowTriesMax) throw error;
            await delay(rowRetryMs);
          }
        }
      }),
    );
  }

  stop(name: RegionName): void {
    this.#running.get(name)?.signal('SIGSTOP');
  }

  continue(name: RegionName): void {
    this.#running.get(name)?.signal('SIGCONT');
  }

  /** Returns when nothing of it is left. */
  async kill(name: RegionName): Promise<void> {
    const running = this.#running.get(name);
    this.#running.delete(name);
    running?.signal('SIGKILL');
    await running?.stopped;
  }

  /** Returns when it answers. */
  async restart(name: RegionName): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        this.#running.set(name, await startRegion(this.#engine, this.#specification(name)));
        return;
      } catch (error) {
        if (attempt === startTriesMax) throw error;
      }
    }
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) client.destroy();
    await Promise.all(regionNames.map((name) => this.kill(name)));
  }

  #specification(name: RegionName): EngineRegion {
    const region = this.#regions.get(name);
    if (region === undefined) throw new Error(`There is no region ${name}.`);
    return region;
  }

  #client(name: RegionName): DynamoDBClient {
    const client = this.#clients.get(name);
    if (client === undefined) throw new Error(`There is no region ${name}.`);
    return client;
  }
}

function administrator(region: EngineRegion): DynamoDBClient {
  return new DynamoDBClient({
    region: region.region,
    endpoint: regionUrl(region),
    credentials,
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ connectionTimeout: 1000, requestTimeout: 5000, throwOnRequestTimeout: true }),
  });
}

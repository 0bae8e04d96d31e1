// What stands between the regions and around them: the links, each region's way to its own tables, and what a region's functions are told of it.
import { startDynamoDbProxy, type DynamoDbProxy } from './proxy/dynamodb-proxy.ts';
import type { Target } from './proxy/link.ts';
import { startNetwork, type Network } from './proxy/network.ts';

export type Surroundings = {
  readonly network: Network;
  readonly tables: ReadonlyMap<string, DynamoDbProxy>;
  /** The variables for a region's engine, and so for its functions. */
  environmentOf(region: string): Readonly<Record<string, string>>;
  close(): Promise<void>;
};

export const urlOf = ({ host, port }: Target): string => `http://${host}:${port}`;

/** As src/config/environment.ts reads it. */
const variableOf = (region: string): string => `HOLDFAST_ENDPOINT_${region.toUpperCase().replaceAll('-', '_')}`;

export async function startSurroundings(host: string, addresses: ReadonlyMap<string, Target>): Promise<Surroundings> {
  const network = await startNetwork(host, addresses);
  const tables = new Map<string, DynamoDbProxy>();
  for (const [region, target] of addresses) tables.set(region, await startDynamoDbProxy(host, target));
  return {
    network,
    tables,
    environmentOf(region) {
      const endpoints = [...addresses.keys()].filter((name) => name !== region).map((name) => [variableOf(name), urlOf(network.link(region, name))]);
      const own = tables.get(region);
      if (own === undefined) throw new Error(`there is no region ${region}`);
      // A region's calls to itself, also those to its host names, pass the proxy that can make its table sick; what is no DynamoDB write
      // is not touched by it.
      return { ...Object.fromEntries(endpoints), [variableOf(region)]: urlOf(own), AWS_ENDPOINT_URL_DYNAMODB: urlOf(own) };
    },
    async close() {
      await Promise.all([network.close(), ...[...tables.values()].map((proxy) => proxy.close())]);
    },
  };
}

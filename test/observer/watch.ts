// The instruments of one run, wired to the regions that regions.json names, started and stopped together.
import { BoundedHttpClient, REQUEST_TIMEOUT_MS } from './bounded-http-client.ts';
import type { Clock } from './clock.ts';
import { CpuAccount } from './cpu-account.ts';
import { CachingResolver } from './dns-client.ts';
import { GateSampler, gateTarget, type GateTarget } from './gate-sampler.ts';
import { RegisterReader } from './register-reader.ts';
import { type RegionsFile, readRegionsFile, regionEntry, registerTableName } from './regions-file.ts';
import { Reviser } from './reviser.ts';
import { RegionTables } from './tables.ts';
import { VaultBucket } from './vault-bucket.ts';
import { Writer } from './writer.ts';

const WRITES_PER_SECOND = 30;
const CHANGES_PER_SECOND = 10;
const CHANGES_OUTSTANDING_MAX = 2;

/** Half of the gate's reserved concurrency: the sampler must not push out the health checks that it measures. */
const GATE_OUTSTANDING_MAX = 2;

export interface Watch {
  readonly file: RegionsFile;
  readonly resolver: CachingResolver;
  readonly writer: Writer;
  readonly reviser: Reviser;
  /** Empty where the regions have no vault. */
  readonly buckets: readonly VaultBucket[];
  readonly sampler: GateSampler;
  readonly reader: RegisterReader;
  readonly cpu: CpuAccount;
  tablesOf(region: string): RegionTables;
  /** After a restart: what regions.json says now. */
  reread(): void;
  stop(): Promise<void>;
}

/** @param rates of a run with more customers than these two */
export function startWatch(clock: Clock, regionsPath: string, rates = { writesPerSecond: WRITES_PER_SECOND, changesPerSecond: CHANGES_PER_SECOND }): Watch {
  const file = readRegionsFile(regionsPath);
  const tables = new Map(Object.entries(file.regions).map(([name, { endpoint }]) => [name, new RegionTables(name, endpoint)]));
  const tablesOf = (region: string) => {
    const found = tables.get(region);
    if (found === undefined) throw new Error(`regions.json has no region ${region}: it names ${[...tables.keys()].join(', ')}`);
    return found;
  };
  const gateClient = new BoundedHttpClient(clock, REQUEST_TIMEOUT_MS, GATE_OUTSTANDING_MAX);
  const serviceClient = new BoundedHttpClient(clock);
  const resolver = new CachingResolver(clock, file.dns, file.service.name);
  const writer = new Writer({ clock, resolver, client: serviceClient, service: file.service, writesPerSecond: rates.writesPerSecond });
  const revisingClient = new BoundedHttpClient(clock, REQUEST_TIMEOUT_MS, CHANGES_OUTSTANDING_MAX);
  const reviser = new Reviser({ resolver, client: revisingClient, service: file.service, changesPerSecond: rates.changesPerSecond });
  const buckets = Object.entries(file.vaultBuckets ?? {}).map(([region, name]) => new VaultBucket(region, regionEntry(file, region).endpoint, name));
  const sampler = new GateSampler(clock, gateClient, gateTargets(file));
  const reader = new RegisterReader(
    clock,
    [...tables].map(([region, own]) => ({ region, read: () => own.readRegister(registerTableName(file, region), file.group) })),
  );
  let lastFile = file;
  const cpu = new CpuAccount(clock, () => {
    try {
      lastFile = readRegionsFile(regionsPath);
    } catch {
      // keep the last true one
    }
    return new Map(Object.entries(lastFile.regions).map(([name, { pids }]) => [name, pids]));
  });
  reader.start();
  sampler.start();
  writer.start();
  reviser.start();
  cpu.start();
  return {
    file,
    resolver,
    writer,
    reviser,
    buckets,
    sampler,
    reader,
    cpu,
    tablesOf,
    reread: () => {
      try {
        sampler.retarget(gateTargets(readRegionsFile(regionsPath)));
      } catch {
        // while a region starts, its entry may be incomplete: its gate is then asked where it was
      }
    },
    stop: async () => {
      reader.stop();
      cpu.stop();
      await Promise.all([writer.stop(), reviser.stop(), sampler.stop()]);
      gateClient.close();
      serviceClient.close();
      revisingClient.close();
      for (const bucket of buckets) bucket.close();
      for (const own of tables.values()) own.close();
    },
  };
}

function gateTargets(file: RegionsFile): GateTarget[] {
  return Object.keys(file.regions).flatMap((name) => {
    const { role, gateUrl, endpoint } = regionEntry(file, name);
    if (role !== 'candidate') return [];
    if (gateUrl === undefined || gateUrl === null) throw new Error(`regions.json gives no gateUrl for candidate ${name}: its gate cannot be watched`);
    return [gateTarget(name, gateUrl, endpoint)];
  });
}

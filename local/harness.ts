// Three AWS regions on this machine: an engine a region, the network between them, DNS, health checks, and one file that tells outsiders all
// they need. Whatever is started here ends with it, in reverse order, however it ends.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { localFunctionUrl, regionOfAwsName } from './aws-names.ts';
import { controlPlanes } from './control-planes.ts';
import { startControlServer } from './control-server.ts';
import { startRoute53 } from './dns/route53.ts';
import { fetchZone } from './dns/zone.ts';
import { endLeftover, failOnce, refusedCallsFile, type Engine } from './engine/ministack.ts';
import { faults } from './faults.ts';
import { endLeftovers } from './leftovers.ts';
import { takeLock } from './lock.ts';
import { freePort, REGION_ADDRESSES } from './ports.ts';
import type { Progress } from './progress.ts';
import type { Target } from './proxy/link.ts';
import { endpointsDriver, ministackDriver, type RegionDriver } from './region-driver.ts';
import { regionsFileWriter, type RegionsFile } from './regions-file.ts';
import { startSurroundings, urlOf } from './surroundings.ts';
import { createUndo, type Undo } from './undo.ts';

type Endpoints = Readonly<Record<string, string>>;

/** What is deployed and named, from the configuration of the group. */
export type Plan = {
  readonly group: string;
  readonly regions: readonly { readonly region: string; readonly role: 'candidate' | 'witness'; readonly registerTable: string }[];
  readonly serviceName: string;
  readonly tables: { readonly data: string; readonly region: string; readonly fence: string; readonly log: string };
  /** By region; empty where the group has no vault. */
  readonly vaultBuckets: Readonly<Record<string, string>>;
};

/** What the deployment found out that no configuration knows. */
export type Deployed = {
  /** As AWS names them (`https://….lambda-url.REGION.on.aws/gate/…`), by region. */
  readonly gateUrls: Readonly<Record<string, string>>;
  /** Where the hosted zone is. */
  readonly zoneRegion: string;
};

export type HarnessOptions = {
  readonly plan: Plan;
  /** `.holdfast/local`: wiped at the start. The lock lies beside it. */
  readonly directory: string;
  readonly engine: { readonly kind: 'ministack'; readonly engine: Engine } | { readonly kind: 'endpoints'; readonly endpoints: Endpoints };
  readonly deploy: (endpoints: Endpoints, waitFor: (what: string) => void) => Promise<Deployed>;
  readonly progress: Progress;
  /** In [0, 1): ports, phases of health checkers, weighted answers. */
  readonly random: () => number;
  /** Aborted while it starts, all that was begun is ended and the start is rejected. */
  readonly signal?: AbortSignal;
};

export type Harness = {
  readonly regionsFile: string;
  readonly endpoints: Endpoints;
  readonly dns: { readonly host: string; readonly port: number };
  readonly service: { readonly name: string; readonly port: number };
  readonly controlUrl: string;
  close(): Promise<void>;
};

/** The list of other programs that run for this harness. */
export const childrenFile = (directory: string): string => `${directory}.children.json`;

const CONTROL_PLANES = 'control-planes.json';
const LOOPBACK = '127.0.0.1';
const REFRESH_MS = 1_000;
const START_SCRIPT = fileURLToPath(new URL('start-region.ts', import.meta.url));

/** Returns when the regions are deployed and answer DNS. */
export async function startHarness(options: HarnessOptions): Promise<Harness> {
  const undo = createUndo();
  try {
    return await untilAborted(start(options, undo), options.signal);
  } catch (error) {
    await undo.all();
    throw error;
  }
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  // Whichever loses may still fail later, as it must when its regions are ended.
  work.catch(() => undefined);
  return Promise.race([work, aborted]);
}

async function start(options: HarnessOptions, undo: Undo): Promise<Harness> {
  const { plan, progress, random } = options;
  const begun = <T extends { close(): Promise<void> }>(thing: T): T => {
    undo.push(() => thing.close());
    return thing;
  };
  await clearGround(options, undo);
  const addresses = await placeRegions(plan, random);
  const names = [...addresses.keys()];
  const endpoints = Object.fromEntries([...addresses].map(([region, target]) => [region, urlOf(target)]));

  const surroundings = begun(await startSurroundings(LOOPBACK, addresses));
  const route53 = begun(
    await startRoute53({
      host: LOOPBACK,
      targetOf(hostName) {
        const target = addresses.get(regionOfAwsName(hostName) ?? '');
        return target === undefined ? null : { address: target.host, port: target.port };
      },
      random,
      onHealthChange: (hostName, healthy, because) => progress.note(`health check of ${regionOfAwsName(hostName) ?? hostName}: ${healthy ? 'healthy' : 'unhealthy'} (${because})`),
    }),
  );

  // Named before it can exist: the driver tells of a region's end, and the file is written from the driver.
  let refresh = (): void => undefined;
  const driver = begun(
    await makeDriver(options, addresses, {
      environmentOf: (region) => ({ ...surroundings.environmentOf(region), HOLDFAST_DNS_SERVERS: `${route53.host}:${route53.port}` }),
      onEnd(region) {
        progress.note(`${region}: all of its processes have ended`);
        refresh();
      },
    }),
  );
  const planes = controlPlanes(
    plan.group,
    join(options.directory, CONTROL_PLANES),
    names.map((region) => ({ region, endpoint: endpoints[region] ?? '', recordFile: refusedCallsFile(join(options.directory, region)) })),
  );
  const broken = faults(surroundings.network, surroundings.tables, planes, (region, step) =>
    failOnce(join(options.directory, region), `holdfast-${plan.group}-${step.replaceAll(/(?!^)([A-Z])/g, '-$1').toLowerCase()}`),
  );
  const control = begun(
    await startControlServer(LOOPBACK, {
      state: async () => ({ ...broken.state(), health: route53.health(), controlPlanes: await planes.state() }),
      async act(request) {
        if (request.kind === 'start') await driver.start(request.region);
        else broken.apply(request);
        progress.note(request.kind === 'start' ? `${request.region}: started again` : `fault: ${JSON.stringify(request)}`);
        refresh();
      },
    }),
  );

  const regionsFile = join(options.directory, 'regions.json');
  const writer = regionsFileWriter(regionsFile);
  const dns = { host: route53.host, port: route53.port };
  const service = { name: plan.serviceName, port: addresses.get(names[0] ?? '')?.port ?? 0 };
  let deployed: Deployed | null = null;
  refresh = () => writer.write(describe({ plan, regionsFile, dns, service, endpoints, driver, deployed, controlUrl: control.url }));

  if (options.engine.kind === 'ministack') {
    await progress.step(`Starting ${names.join(', ')}`, async () => {
      await Promise.all(names.map((region) => driver.start(region)));
    });
  }
  refresh();
  const timer = setInterval(() => refresh(), REFRESH_MS);
  undo.push(() => {
    clearInterval(timer);
    refresh = () => undefined;
    writer.remove();
  });

  const outcome = await progress.step('Deploying the stacks', (waitFor) => options.deploy(endpoints, waitFor));
  deployed = outcome;
  await progress.step('Reading the hosted zone, writing the state of each region down', async () => {
    const persisted = names.map((region) => driver.persist(region));
    route53.load(await fetchZone(endpoints[outcome.zoneRegion] ?? '', plan.serviceName));
    await Promise.all(persisted);
  });
  refresh();
  return { regionsFile, endpoints, dns, service, controlUrl: control.url, close: () => undo.all() };
}

/** Takes the lock, ends what a killed harness left, and wipes its state. */
async function clearGround(options: HarnessOptions, undo: Undo): Promise<void> {
  const lock = takeLock(`${options.directory}.lock`);
  undo.push(() => lock.release());
  for (const { what } of await endLeftovers(childrenFile(options.directory))) {
    options.progress.note(`${what} was still running from an earlier start that was killed; it is ended`);
  }
  mkdirSync(options.directory, { recursive: true });
  for (const entry of readdirSync(options.directory, { withFileTypes: true })) {
    if (entry.isDirectory() && (await endLeftover(join(options.directory, entry.name)))) {
      options.progress.note(`${entry.name} was still running from an earlier start that was killed; it is ended`);
    }
  }
  rmSync(options.directory, { recursive: true, force: true });
  mkdirSync(options.directory, { recursive: true });
  // Functions are unpacked below this folder. On AWS nothing above them says what a .js file is; here this checkout would say: a module.
  writeFileSync(join(options.directory, 'package.json'), '{}\n');
}

/** An address for each region, and one port that is free on all of them. */
async function placeRegions(plan: Plan, random: () => number): Promise<ReadonlyMap<string, Target>> {
  const hosts = REGION_ADDRESSES.slice(0, plan.regions.length);
  if (hosts.length < plan.regions.length) throw new Error(`the harness has addresses for ${hosts.length} regions; the configuration has ${plan.regions.length}`);
  const port = await freePort(hosts, random);
  return new Map(
    hosts.flatMap((host, index) => {
      const region = plan.regions[index]?.region;
      return region === undefined ? [] : [[region, { host, port }]];
    }),
  );
}

type DriverNeeds = { readonly environmentOf: (region: string) => Readonly<Record<string, string>>; readonly onEnd: (region: string) => void };

async function makeDriver(options: HarnessOptions, addresses: ReadonlyMap<string, Target>, needs: DriverNeeds): Promise<RegionDriver> {
  return options.engine.kind === 'endpoints'
    ? endpointsDriver(options.engine.endpoints, addresses)
    : ministackDriver({ engine: options.engine.engine, directory: options.directory, addresses, controlPlanesFile: join(options.directory, CONTROL_PLANES), ...needs });
}

type Known = {
  readonly plan: Plan;
  readonly regionsFile: string;
  readonly dns: RegionsFile['dns'];
  readonly service: RegionsFile['service'];
  readonly endpoints: Endpoints;
  readonly driver: RegionDriver;
  readonly deployed: Deployed | null;
  readonly controlUrl: string;
};

function describe({ plan, regionsFile, dns, service, endpoints, driver, deployed, controlUrl }: Known): RegionsFile {
  const regions = plan.regions.map(({ region, role }) => {
    const endpoint = endpoints[region] ?? '';
    const gateUrl = deployed?.gateUrls[region];
    return [
      region,
      {
        role,
        endpoint,
        gateUrl: gateUrl === undefined ? null : localFunctionUrl(gateUrl, endpoint),
        pids: driver.pids(region),
        start: [process.execPath, START_SCRIPT, region, regionsFile],
      },
    ] as const;
  });
  return {
    dns,
    service,
    tableName: plan.tables.data,
    regions: Object.fromEntries(regions),
    group: plan.group,
    registerTables: Object.fromEntries(plan.regions.map(({ region, registerTable }) => [region, registerTable])),
    regionTable: plan.tables.region,
    logTable: plan.tables.log,
    fenceTable: plan.tables.fence,
    vaultBuckets: plan.vaultBuckets,
    deployed: deployed !== null,
    control: { url: controlUrl },
    harness: { pid: process.pid },
  };
}

// The engine behind the regions is one driver of the harness: either ministack processes that the harness starts and may lose, or three
// endpoints that somebody else started. Both serve each region at an address of its own, on the same port.
import { join } from 'node:path';
import { endLeftover, runningProcess, startRegion, takeSnapshot, type Engine, type EngineRegion, type RunningRegion } from './engine/ministack.ts';
import { groupPids } from './engine/process-group.ts';
import { startLink, type Link, type Target } from './proxy/link.ts';

export type RegionDriver = {
  /** Returns when the region answers. Throws if it is running already, or cannot be started by this driver. */
  start(region: string): Promise<void>;
  pids(region: string): readonly number[];
  /** Writes the state down, so that what was deployed survives a SIGKILL. */
  persist(region: string): Promise<void>;
  close(): Promise<void>;
};

export class RegionStartError extends Error {
  override readonly name = 'RegionStartError';
}

/** A killed region is given so long to be quite gone before it counts as running still. */
const END_WITHIN_MS = 1_500;
const LOOK_MS = 100;

export type MinistackOptions = {
  readonly engine: Engine;
  readonly directory: string;
  readonly addresses: ReadonlyMap<string, Target>;
  readonly environmentOf: (region: string) => Readonly<Record<string, string>>;
  readonly onEnd: (region: string) => void;
  readonly controlPlanesFile: string;
};

export function ministackDriver(options: MinistackOptions): RegionDriver {
  const running = new Map<string, RunningRegion>();
  const starting = new Map<string, Promise<void>>();
  let isClosed = false;

  function specification(region: string): EngineRegion {
    const address = options.addresses.get(region);
    if (address === undefined) throw new RegionStartError(`there is no region ${region}; there are ${[...options.addresses.keys()].join(', ')}`);
    return { region, ...address, directory: join(options.directory, region), environment: options.environmentOf(region), controlPlanesFile: options.controlPlanesFile };
  }

  async function startOnce(region: string): Promise<void> {
    const wanted = specification(region);
    const current = running.get(region);
    if (current !== undefined) {
      await Promise.race([current.stopped, new Promise((resolve) => setTimeout(resolve, END_WITHIN_MS).unref())]);
      if (running.has(region)) throw new RegionStartError(`${region} is running already, in process ${current.pid}; it can be started again once that has ended`);
    }
    await endLeftover(wanted.directory);
    const started = await startRegion(options.engine, wanted);
    running.set(region, started);
    void started.stopped.then(() => {
      running.delete(region);
      if (!isClosed) options.onEnd(region);
    });
    if (isClosed) started.signal('SIGKILL');
  }

  return {
    async start(region) {
      if (isClosed) throw new RegionStartError('the harness is ending; start it again first');
      // Two who ask at the same time wait for the same start.
      const underWay = starting.get(region) ?? startOnce(region).finally(() => starting.delete(region));
      starting.set(region, underWay);
      await underWay;
    },
    pids(region) {
      const current = running.get(region);
      if (current !== undefined) return current.pids();
      // While it starts: its processes are there before it answers, and whoever kills by this list must find them.
      const leader = starting.has(region) ? runningProcess(specification(region).directory) : undefined;
      return leader === undefined ? [] : groupPids(leader.pid);
    },
    async persist(region) {
      await takeSnapshot(specification(region));
    },
    async close() {
      isClosed = true;
      // One that is still starting is not waited for until it answers: it ends as soon as it has written itself down.
      while (starting.size > 0) {
        for (const region of starting.keys()) await endLeftover(specification(region).directory);
        await Promise.race([Promise.allSettled(starting.values()), new Promise((resolve) => setTimeout(resolve, LOOK_MS))]);
      }
      const last = [...running.values()];
      // SIGKILL: nothing of a playground's state is needed after it, and a stopped region would never see a milder signal.
      for (const region of last) region.signal('SIGKILL');
      await Promise.all(last.map((region) => region.stopped));
    },
  };
}

/** Endpoints that somebody else started: each is reached through the region's own address, so that DNS alone decides as on AWS. */
export async function endpointsDriver(endpoints: Readonly<Record<string, string>>, addresses: ReadonlyMap<string, Target>): Promise<RegionDriver> {
  const fronts: Link[] = [];
  const missing = [...addresses.keys()].find((region) => endpoints[region] === undefined);
  if (missing !== undefined) throw new RegionStartError(`the endpoints file names no endpoint for ${missing}; it must name ${[...addresses.keys()].join(', ')}`);
  for (const [region, { host, port }] of addresses) {
    const url = new URL(endpoints[region] ?? '');
    fronts.push(await startLink(host, { host: url.hostname, port: Number(url.port || 80) }, port));
  }
  return {
    start: (region) => Promise.reject(new RegionStartError(`${region} was started by somebody else, who alone can start it again`)),
    pids: () => [],
    persist: () => Promise.resolve(),
    async close() {
      await Promise.all(fronts.map((front) => front.close()));
    },
  };
}

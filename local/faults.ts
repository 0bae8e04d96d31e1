// What can be broken and healed on request: the language of the control server, and what each word does to the proxies.
import { z } from 'zod';
import type { ControlPlanes } from './control-planes.ts';
import { CUT, HEALED, type LinkState } from './proxy/link.ts';
import type { DynamoDbProxy } from './proxy/dynamodb-proxy.ts';
import type { Network } from './proxy/network.ts';

const pair = { from: z.string(), to: z.string() };

export const controlRequest = z.discriminatedUnion('kind', [
  /** Start a region that has ended; answered when it is ready. */
  z.strictObject({ kind: z.literal('start'), region: z.string() }),
  /** The region reaches clients and itself, but no other region, and none reaches it. */
  z.strictObject({ kind: z.literal('isolate'), region: z.string() }),
  /** Nothing passes between the two on connections that `from` makes to `to`. */
  z.strictObject({ kind: z.literal('cut'), ...pair }),
  /** Requests of `from` to `to` are lost, or they are carried out and their answers are lost. */
  z.strictObject({ kind: z.literal('one-way'), ...pair, lost: z.enum(['requests', 'answers']) }),
  z.strictObject({ kind: z.literal('delay'), ...pair, delayMs: z.number().int().min(0).max(60_000) }),
  /** Every write of the region's functions that names the table is refused as throttled. */
  z.strictObject({ kind: z.literal('throttle'), region: z.string(), table: z.string().min(3) }),
  /** The next call of this step's function by a state machine of the region fails, once: `TakeLease`, `Revoke`, … */
  z.strictObject({ kind: z.literal('fail-once'), region: z.string(), step: z.string().regex(/^[A-Z][A-Za-z]+$/) }),
  /** Every link and table is well again. */
  z.strictObject({ kind: z.literal('heal') }),
  /** Every control plane of every region is away until it is allowed again; see control-planes.ts. */
  z.strictObject({ kind: z.literal('refuse-control-planes') }),
  z.strictObject({ kind: z.literal('allow-control-planes') }),
]);
export type ControlRequest = z.output<typeof controlRequest>;
export type FaultRequest = Exclude<ControlRequest, { kind: 'start' }>;

export class UnknownRegionError extends Error {
  override readonly name = 'UnknownRegionError';
}

export type Faults = { apply(fault: FaultRequest): void; state(): object };

export function faults(network: Network, tables: ReadonlyMap<string, DynamoDbProxy>, planes: Pick<ControlPlanes, 'refuse' | 'allow'>, failStep: (region: string, step: string) => void): Faults {
  const known = (region: string): string => {
    if (!tables.has(region)) throw new UnknownRegionError(`there is no region ${region}; there are ${[...tables.keys()].join(', ')}`);
    return region;
  };
  const setLink = (from: string, to: string, next: (state: LinkState) => LinkState): void => {
    const link = network.link(known(from), known(to));
    link.set(next(link.state()));
  };
  return {
    apply(fault) {
      switch (fault.kind) {
        case 'isolate':
          network.isolate(known(fault.region));
          break;
        case 'cut':
          setLink(fault.from, fault.to, () => CUT);
          break;
        case 'one-way':
          setLink(fault.from, fault.to, () => ({ ...HEALED, requestsLost: fault.lost === 'requests', answersLost: fault.lost === 'answers' }));
          break;
        case 'delay':
          setLink(fault.from, fault.to, (state) => ({ ...state, delayMs: fault.delayMs }));
          break;
        case 'throttle':
          tables.get(known(fault.region))?.setThrottled(fault.table);
          break;
        case 'fail-once':
          failStep(known(fault.region), fault.step);
          break;
        case 'refuse-control-planes':
          planes.refuse();
          break;
        case 'allow-control-planes':
          planes.allow();
          break;
        case 'heal':
          network.heal();
          for (const proxy of tables.values()) proxy.setThrottled(null);
          break;
      }
    },
    state() {
      const regions = [...tables.keys()];
      const links = regions.flatMap((from) => regions.filter((to) => to !== from).map((to) => ({ from, to, ...network.link(from, to).state() })));
      const throttled = [...tables].map(([region, proxy]) => ({ region, table: proxy.throttled(), refusals: proxy.refusals() }));
      return { links, throttled };
    },
  };
}

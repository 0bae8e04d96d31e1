// Route 53 as the regions see it: a resolver that answers from the zone, and the health checks that decide what it answers. Both live here,
// outside of every region, as the real one does.
import { networkProbe, systemClock, type ProbeTarget } from './probe.ts';
import { startProber, type RunningProber } from './prober.ts';
import { startResolver } from './resolver.ts';
import type { HealthStatus } from './route53-answer.ts';
import { EMPTY_ZONE, type Zone } from './zone.ts';

export type Route53Options = {
  readonly host: string;
  /** Where a host name of AWS is reached locally, or null. */
  readonly targetOf: (hostName: string) => ProbeTarget | null;
  /** In [0, 1). */
  readonly random: () => number;
  readonly onHealthChange: (hostName: string, healthy: boolean, because: string) => void;
};

export type Route53 = {
  readonly host: string;
  readonly port: number;
  health(): HealthStatus;
  /** Answers from this zone from now on; its checks begin anew, healthy as new checks are. */
  load(zone: Zone): void;
  close(): Promise<void>;
};

export async function startRoute53(options: Route53Options): Promise<Route53> {
  const { targetOf, random } = options;
  let zone = EMPTY_ZONE;
  let prober: RunningProber | null = null;
  const health = (): HealthStatus => prober?.health() ?? {};
  const resolver = await startResolver({
    host: options.host,
    view: () => ({ zone, health: health(), addressOf: (name) => targetOf(name)?.address ?? null, random }),
  });
  return {
    host: resolver.host,
    port: resolver.port,
    health,
    load(next) {
      prober?.stop();
      zone = next;
      const hostOf = (id: string): string => next.healthChecks.find((check) => check.id === id)?.host ?? id;
      prober = startProber({
        checks: next.healthChecks,
        probe: networkProbe((check) => targetOf(check.host)),
        clock: systemClock,
        random,
        onChange: ({ checkId, healthy, because }) => options.onHealthChange(hostOf(checkId), healthy, because),
      });
    },
    async close() {
      prober?.stop();
      await resolver.close();
    },
  };
}

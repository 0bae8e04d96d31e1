// The port to a service's own endpoints, as a client would call them.
import type { Level, ProbeResult } from '../core/health/vantage.ts';

/** Contract: always answers within the time limit; whatever goes wrong is an outcome with its reason, never an exception. */
export interface ServiceProbe {
  probe(region: string, serviceUrl: string, level: Level): Promise<ProbeResult>;
}

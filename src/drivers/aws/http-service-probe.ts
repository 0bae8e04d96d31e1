// Probes a service's own endpoints, as a client would. Where a region's endpoint is overridden, the request goes there with
// its Host header kept.
import http from 'node:http';
import https from 'node:https';
import type { Level, ProbeResult } from '../../core/health/vantage.ts';
import type { ServiceProbe } from '../../ports/service-probe.ts';

export type ProbeSettings = {
  readonly endpoints: Readonly<Record<string, string>>;
  readonly livenessPath: string;
  readonly readinessPath: string;
  readonly timeoutMs: number;
};

export class HttpServiceProbe implements ServiceProbe {
  readonly #settings: ProbeSettings;

  constructor(settings: ProbeSettings) {
    this.#settings = settings;
  }

  async probe(region: string, serviceUrl: string, level: Level): Promise<ProbeResult> {
    const { endpoints, livenessPath, readinessPath, timeoutMs } = this.#settings;
    const url = new URL(level === 'liveness' ? livenessPath : readinessPath, serviceUrl);
    const startedAt = performance.now();
    const answer = (outcome: ProbeResult['outcome'], because: string): ProbeResult => ({ outcome, latencyMs: Math.round(performance.now() - startedAt), because });
    try {
      const status = await requestStatus(url, endpoints[region], timeoutMs);
      return status >= 200 && status < 300 ? answer('ok', '') : answer('failed', `${url.pathname} of ${region} answered ${status}`);
    } catch (error) {
      return answer('failed', `${url.pathname} of ${region}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

async function requestStatus(url: URL, endpoint: string | undefined, timeoutMs: number): Promise<number> {
  const target = endpoint === undefined ? url : new URL(url.pathname, endpoint);
  const { request } = target.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    // A connection of its own each time: a probe over an old connection would say nothing about new clients.
    const call = request(target, { headers: { host: url.host }, agent: false, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    call.on('error', reject);
    call.end();
  });
}

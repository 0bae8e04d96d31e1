// One request of one health checker: a new connection each time, as Route 53's checkers make. What would be HTTPS on AWS is sent by plain
// HTTP to the region's own address here, with the Host header kept: the emulator speaks no TLS.
import { request } from 'node:http';
import { connect } from 'node:net';
import type { Clock, Probe, ProbeOutcome } from './prober.ts';
import type { HealthCheck } from './zone.ts';

export type ProbeTarget = { readonly address: string; readonly port: number };

/** dns-failover-determining-health-of-endpoints.html: connected within four seconds, status within two seconds after that; TCP within ten. */
export const ROUTE53_LIMITS = { connectMs: 4_000, statusMs: 2_000, tcpConnectMs: 10_000 } as const;

type Limits = { readonly connectMs: number; readonly statusMs: number; readonly tcpConnectMs: number };

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

function probeTcp(target: ProbeTarget, limits: Limits): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host: target.address, port: target.port });
    const finish = (outcome: ProbeOutcome): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => finish({ ok: false, because: `no connection within ${limits.tcpConnectMs} ms` }), limits.tcpConnectMs);
    socket.once('connect', () => finish({ ok: true, because: 'connected' }));
    socket.once('error', (error) => finish({ ok: false, because: error.message }));
  });
}

function probeHttp(check: HealthCheck, target: ProbeTarget, limits: Limits): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const outgoing = request({
      host: target.address,
      port: target.port,
      path: check.path.startsWith('/') ? check.path : `/${check.path}`,
      agent: false,
      headers: { host: check.host, connection: 'close', 'user-agent': 'Amazon-Route53-Health-Check-Service (imitated locally)' },
    });
    let timer = setTimeout(() => finish({ ok: false, because: `no connection within ${limits.connectMs} ms` }), limits.connectMs);
    let isFinished = false;
    function finish(outcome: ProbeOutcome): void {
      if (isFinished) return;
      isFinished = true;
      clearTimeout(timer);
      resolve(outcome);
      outgoing.destroy();
    }
    outgoing.once('socket', (socket) => {
      socket.once('connect', () => {
        if (isFinished) return;
        clearTimeout(timer);
        timer = setTimeout(() => finish({ ok: false, because: `no status within ${limits.statusMs} ms` }), limits.statusMs);
      });
    });
    outgoing.once('response', (response) => {
      const status = response.statusCode ?? 0;
      response.resume();
      finish({ ok: status >= 200 && status < 400, because: `status ${status}` });
    });
    outgoing.on('error', (error) => finish({ ok: false, because: error.message }));
    outgoing.end();
  });
}

/** @param targetOf where a check's host is reached locally; null where nothing local has that name. */
export function networkProbe(targetOf: (check: HealthCheck) => ProbeTarget | null, limits: Limits = ROUTE53_LIMITS): Probe {
  return (check) => {
    const target = targetOf(check);
    if (target === null) return Promise.resolve({ ok: false, because: `nothing local is called ${check.host}` });
    return check.protocol === 'tcp' ? probeTcp(target, limits) : probeHttp(check, target, limits);
  };
}

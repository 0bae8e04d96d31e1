// AwaitDns: the answer names this region. Traffic moves by itself (health checks follow the gate); this only watches it.
import { StepNotReadyError } from '../core/errors.ts';
import type { RunbookInput } from '../core/failover/runbook.ts';
import type { DnsLookup } from '../ports/dns-lookup.ts';
import { beginStep, requireHeld } from './current-lease.ts';
import type { Governor } from './governor.ts';

export async function awaitDnsStep(governor: Governor, input: RunbookInput, dns: DnsLookup, serviceName: string, serviceTarget: string): Promise<{ readonly answeredAtMs: number }> {
  await beginStep(governor, input, 'AwaitDns');
  await requireHeld(governor, input);
  const target = await dns.targetOf(serviceName);
  if (target?.toLowerCase() !== serviceTarget.toLowerCase()) {
    throw new StepNotReadyError(`${serviceName} still answers ${target ?? 'nothing'}, not ${serviceTarget}: the health check of the gate (up to its interval) and the TTL are waited for.`);
  }
  return { answeredAtMs: Math.round(governor.clock.nowMs()) };
}

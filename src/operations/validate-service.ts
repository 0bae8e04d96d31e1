// ValidateService: the service answers in its new region, by its own endpoints.
import { ValidationFailedError } from '../core/errors.ts';
import type { RunbookInput } from '../core/failover/runbook.ts';
import { beginStep, requireHeld } from './current-lease.ts';
import type { Governor } from './governor.ts';

export type Validation = { readonly probes: number; readonly failed: number; readonly latencyMsMax: number; readonly validatedAtMs: number };

const rounds = 5;

/** @throws ValidationFailedError with what failed. */
export async function validateServiceStep(governor: Governor, input: RunbookInput): Promise<Validation> {
  await beginStep(governor, input, 'ValidateService');
  await requireHeld(governor, input);
  const { serviceUrl, me, probe } = governor;
  if (serviceUrl === null) throw new ValidationFailedError(`${me} has no service endpoint configured: HOLDFAST_SERVICE_URL.`);
  const results = [];
  for (let round = 0; round < rounds; round += 1) {
    results.push(...(await Promise.all([probe.probe(me, serviceUrl, 'liveness'), probe.probe(me, serviceUrl, 'readiness')])));
  }
  const failed = results.filter((r) => r.outcome === 'failed');
  if (failed.length > 0) throw new ValidationFailedError(`${failed.length} of ${results.length} probes of the service in ${me} failed: ${failed[0]?.because}. Look at the service's own log.`);
  return { probes: results.length, failed: 0, latencyMsMax: Math.max(...results.map((r) => r.latencyMs)), validatedAtMs: Math.round(governor.clock.nowMs()) };
}

// Applies the other candidates' logs to this region's table, continuously: each new segment wakes it.
import { connectApplier } from '../src/client/connect.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { candidatesOf } from '../src/core/policy.ts';
import { applyLog } from '../src/operations/apply-log.ts';

/** Pages that one call deals with; the next segment, or the runbook, goes on from there. */
const pagesMax = 20;

export async function handler(): Promise<void> {
  const origins = candidatesOf(environment.config).filter((region) => region !== environment.region);
  const results = await Promise.all(origins.map(async (origin) => applyLog(applier, origin, pagesMax, [])));
  if (results.some((r) => r.divergent > 0)) console.warn(JSON.stringify({ results }));
}

const environment = readEnvironment();
const applier = connectApplier(environment);

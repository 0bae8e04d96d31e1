// Starts the failover's runbook in the region that the register names, as often as anybody asks.
import { executionName } from '../core/failover/runbook.ts';
import { reservedEpoch } from '../core/register/value.ts';
import type { Sighting } from '../core/register/sighting.ts';
import type { Governor } from './governor.ts';

/** Every tick of the target asks for the execution again while the register says so: the CAS may have been the last act of whoever made it (H7). */
export async function ensureRunbook(governor: Governor, sighting: Sighting): Promise<void> {
  if (sighting.kind !== 'chosen') return;
  const { value } = sighting;
  const target = value.successor ?? value.holder;
  if ((value.state !== 'failing-over' && value.state !== 'failed') || target !== governor.me || value.paused !== null) return;
  const epoch = reservedEpoch(value);
  await governor.runbook.start(executionName(epoch, value.attempt), { group: value.group, epoch, attempt: value.attempt, target });
}

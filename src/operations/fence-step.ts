// Fence: what the runbook starts and does not wait for. A person is called where a required fence did not hold, and it is run again.
import { StepNotReadyError, SupersededError } from '../core/errors.ts';
import type { RunbookInput } from '../core/failover/runbook.ts';
import type { Notifier } from '../ports/notifier.ts';
import { tell } from './governor.ts';
import { runFences, type FencedRegion, type FencePorts } from './run-fences.ts';

export type FenceStepPorts = FencePorts & { readonly me: string; readonly group: string; readonly notifier: Notifier };

/**
 * Run by the region that took the lease. @throws StepNotReadyError where a required fence is not confirmed: Lambda starts a queued call again, twice,
 * and whatever is confirmed by then stays as it is
 */
export async function fenceStep(ports: FenceStepPorts, input: RunbookInput): Promise<FencedRegion[]> {
  if (input.target !== ports.me || input.group !== ports.group)
    throw new SupersededError(`Fence of group ${input.group} for ${input.target} was started in ${ports.me} (group ${ports.group}): nothing was done.`);
  const fenced = await runFences(ports, input.epoch);
  const open = fenced.filter(({ judged }) => judged.kind === 'not-held');
  for (const { region, judged } of open) {
    await tell(ports, {
      severity: 'critical',
      subject: `${ports.group}: ${region} is NOT FENCED (epoch ${input.epoch})`,
      text: `${judged.because}. ${region} may still act through it; its writes are refused by the fence rows all the same. 'holdfast fences' shows each outcome, docs/fences.md says what to do.`,
    });
  }
  if (open.length > 0) throw new StepNotReadyError(`Not fenced: ${open.map(({ region, judged }) => `${region} (${judged.because})`).join('; ')}. What is confirmed stays; the rest is tried again.`);
  return fenced;
}

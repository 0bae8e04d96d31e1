// AbandonAttempt: gives an attempt up before the gate was opened, so that the next one begins now and not after the limit.
import { NoQuorumError } from '../core/errors.ts';
import { bestTarget } from '../core/failover/decide.ts';
import { rollBack } from '../core/failover/register-changes.ts';
import type { RunbookInput } from '../core/failover/runbook.ts';
import { beginStep, lookForStep } from './current-lease.ts';
import { makerOf, registerOf, type Governor } from './governor.ts';
import { readVerdicts } from './watch.ts';

export type Abandoned = { readonly outcome: 'rolled-back' | 'superseded' | 'needs-operator'; readonly because: string };

export async function abandonAttemptStep(governor: Governor, input: RunbookInput, because: string): Promise<Abandoned> {
  await beginStep(governor, input, 'AbandonAttempt');
  const [sighting, verdicts] = await Promise.all([lookForStep(governor), readVerdicts(governor)]);
  const others = verdicts.filter((v) => v.region !== governor.me);
  const maker = makerOf(governor, `${governor.me} gave up epoch ${input.epoch}, attempt ${input.attempt}: ${because}`, { because, verdicts });
  const outcome = await registerOf(governor).change(sighting, (current) => {
    const isHandedOver = current.planned === true && current.successor === governor.me;
    if (isHandedOver && !current.released) return { kind: 'refuse', because: `${current.holder} has not released epoch ${current.epoch}: it goes on itself, in the next epoch` };
    // Nobody better: this region tries again itself, in the next attempt.
    // Who handed over is as well as before, and reconciled: it is the best that there is.
    const better = bestTarget({ verdicts: others }, isHandedOver ? { ...current, holder: governor.me } : current);
    if (better === undefined && current.holder !== governor.me && current.regions[governor.me]?.reconciled !== true)
      return { kind: 'refuse', because: `${governor.me} is not reconciled, and nobody else may take over now: whoever may first takes the next attempt` };
    const successor = better ?? governor.me;
    return rollBack(current, governor.me, input.epoch, input.attempt, successor, governor.policy.policy.attemptsMax, maker);
  });
  if (outcome.kind === 'unknown') throw new NoQuorumError(`The attempt was not given up for certain: ${outcome.because}. It is looked at again.`);
  if (outcome.kind === 'refused') return { outcome: 'superseded', because: outcome.because };
  return { outcome: outcome.value.state === 'failed' ? 'needs-operator' : 'rolled-back', because };
}

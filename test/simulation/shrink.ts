// A shorter history that breaks the same invariant: faults are left out one by one for as long as it still breaks.
import type { Plan } from './faults.ts';
import { runHistory, type HistoryOptions, type HistoryResult } from './history.ts';

const triesMax = 60;

export async function shrink(options: HistoryOptions, found: HistoryResult): Promise<HistoryResult> {
  let best = found;
  let tries = 0;
  for (let isShorter = true; isShorter && tries < triesMax; ) {
    isShorter = false;
    for (const plan of shorterPlans(best.plan)) {
      tries += 1;
      const result = await runHistory({ ...options, plan });
      if (result.violation?.invariant === found.violation?.invariant) {
        best = result;
        isShorter = true;
        break;
      }
    }
  }
  return best;
}

function shorterPlans(plan: Plan): Plan[] {
  const without = plan.faults.map((_, i) => ({ ...plan, faults: plan.faults.filter((__, j) => j !== i) }));
  const kept = plan.lostForGood === null ? without : [{ ...plan, lostForGood: null }, ...without];
  // The calm may begin earlier once a late fault is left out.
  return kept.map((p) => ({ ...p, calmFromMs: Math.max(40_000, ...p.faults.map((f) => f.atMs + f.forMs)) }));
}

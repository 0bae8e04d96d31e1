// What every region needs fails, and comes back: nobody is better off elsewhere, so nobody may be told to follow the holder (H9).
import { expect, test } from 'vitest';
import { runHistory } from './history.ts';
import { sharedDependencyIsBackPlan as plan } from './plans.ts';

const histories = 100;

/** Earlier in the other region than in the holder's. By more than a tick it is a region that is well while the holder is not. */
test.each([0, 4500])('%j ms earlier elsewhere: the holder keeps the lease', { timeout: 120_000 }, async (earlierMs) => {
  const faults = plan.faults.map((fault) => (fault.kind === 'sick' && fault.region === 1 ? { ...fault, forMs: 60_000 - earlierMs } : fault));
  const broken = [];
  for (let seed = 1; seed <= histories; seed += 1) {
    const { violation } = await runHistory({ seed, plan: { ...plan, faults } });
    if (violation !== undefined) broken.push({ seed, violation });
  }
  expect(broken).toEqual([]);
});

// Planted bugs in the register over one strongly consistent table. (The page of mutants.ts is of the register over tables.)
import { calm, type Plan } from './faults.ts';
import type { Mutant } from './mutant.ts';

const file = 'operations/strong-register.ts';
const register = 'strong';
const chain = 'the chosen values are a chain';
const fits = 'answers fit what was chosen';

/** Most writes are lost on their way between the regions, for longer than a lease. */
const lossyPlan: Plan = {
  regions: 3,
  fenceShards: 1,
  skewFactor: 1,
  lostForGood: null,
  calmFromMs: 240_000,
  faults: [
    { kind: 'rough', atMs: 60_000, forMs: 180_000, weather: { ...calm, lost: 0.6 } },
    ...[80_000, 110_000, 140_000].map((atMs) => ({ kind: 'operator', atMs, forMs: 10_000, action: 'failover' }) as const),
  ],
};

export const strongMutants: readonly Mutant[] = [
  {
    name: 'a write that nothing holds to what was read',
    hole: 'the ballot that was read must still stand',
    register,
    foundBy: [chain, 'epochs only rise', 'one value a ballot'],
    edits: [{ file, from: "      { attribute: 'acceptedBallot', is: '=', value: from.acceptedBallot },\n", to: '' }],
  },
  {
    name: 'a lost answer counts as chosen',
    hole: 'an unknown outcome extends nothing',
    register,
    plan: lossyPlan,
    foundBy: [chain, fits, 'epochs only rise', 'who acts was chosen', 'one region acts', 'only a chosen value closes for good'],
    edits: [{ file, from: "if (standing === ballot) return 'chosen';", to: "if (standing === ballot || isUnsure) return 'chosen';" }],
  },
  {
    name: 'a refusal is answered with what was proposed',
    hole: 'C8',
    register,
    foundBy: [fits],
    edits: [
      { file, from: "{ kind: 'refused', current: row.value, because: asked.because }", to: "{ kind: 'refused', current: { ...row.value, epoch: row.value.epoch + 1 }, because: asked.because }" },
    ],
  },
];

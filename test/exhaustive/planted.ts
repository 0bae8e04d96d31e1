// Which planted bug is found in which scenario, by which invariant. The bugs are the simulation's (test/simulation/mutants.ts), and a few
// that only an exhaustive look at one moment needs.
import { plant, type Mutant } from '../simulation/mutant.ts';
import { mutants } from '../simulation/mutants.ts';
import { explore, type Explored, type Scenario } from './scenario.ts';
import { scenarios, tight } from './scenarios.ts';

export type Planted = {
  readonly bug: string;
  readonly scenario: string;
  readonly invariants: readonly string[];
  readonly bounds?: Scenario['bounds'];
  /** More than 50,000 states: not in `npm test`. */
  readonly isSlow?: boolean;
};

const own: readonly Mutant[] = [
  {
    name: 'take-over without the exact value',
    hole: 'a CAS on exactly the value that was read',
    foundBy: [],
    edits: [
      {
        file: 'core/failover/register-changes.ts',
        from: "if (!isSameValue(current, seen)) return refuse('the register changed meanwhile');\n  if (current.successor !== me)",
        to: 'void isSameValue;\n  void seen;\n  if (current.successor !== me)',
      },
    ],
  },
  {
    name: 'a closed lease row is extended',
    hole: 'C1',
    foundBy: [],
    edits: [
      {
        file: 'core/lease/lease-rows.ts',
        from: "      { attribute: 'closedEpoch', is: '<', value: epoch },\n      { attribute: 'untilAtMs', is: '<', value: untilAtMs },",
        to: "      { attribute: 'untilAtMs', is: '<', value: untilAtMs },",
      },
      { file: 'core/lease/lease-rows.ts', from: 'row.openEpoch === row.epoch && row.closedEpoch < row.epoch', to: 'row.openEpoch === row.epoch && (row.closedEpoch < row.epoch || row.untilAtMs > 0)' },
      { file: 'core/lease/lease-rows.ts', from: 'set: { closedEpoch: epoch }', to: 'set: { closedEpoch: epoch, untilAtMs: 0 }' },
    ],
  },
];

export const planted: readonly Planted[] = [
  { bug: 'two invocations share a ballot', scenario: 'renewal beside renewal', invariants: ['one value a ballot'] },
  { bug: 'a closed lease row is extended', scenario: 'renewal, revocation, release', invariants: ['released means closed'] },
  { bug: 'release without the wait', scenario: 'release and take-over', invariants: ['one region acts'] },
  { bug: 'a hand-over closes the fence at its deadline only', scenario: 'renewal, revocation, release', invariants: ['released means closed'] },
  {
    bug: 'a newer holder closes the fence at its deadline only',
    scenario: 'a renewal thaws in a region that was lost',
    invariants: ['closed for good stays closed'],
    isSlow: true,
    bounds: { ...tight, units: 3 },
  },
  { bug: 'lease row before the fence rows', scenario: 'TakeLease beside TakeLease and AbandonAttempt', invariants: ['fence rows before the lease row'] },
  { bug: 'a failed compare is answered without settling', scenario: 'three compare-and-sets', invariants: ['answers fit what was chosen'] },
  { bug: 'a renewal opens the fence', scenario: 'OpenGate, renewal and closer', invariants: ['only OpenGate opens a fence'] },
  { bug: 'a returning region closes whatever epoch it finds', scenario: 'the old holder takes again beside its own closer', invariants: ['only a chosen value closes for good'] },
  { bug: 'renewal ignores revocation', scenario: 'renewal, revocation, release', invariants: ['the chosen values follow each other'] },
  { bug: 'take-over without the exact value', scenario: 'TakeLease beside TakeLease and AbandonAttempt', invariants: ['a runbook takes its own epoch'] },
  { bug: 'lease counted from the answer', scenario: 'renewal, revocation, take-over by the clock', invariants: ['one region acts'], isSlow: true },
  { bug: 'a renewal of unknown outcome extends', scenario: 'a renewal of unknown outcome', invariants: ['one region acts'], isSlow: true },
  { bug: 'no challenger clock at all', scenario: 'renewal, revocation, take-over by the clock', invariants: ['one region acts'] },
  { bug: 'renewal trusts the monotonic clock alone', scenario: 'renewal, revocation, take-over by the clock', invariants: ['one region acts'], isSlow: true },
  { bug: 'renewals of an epoch share one id', scenario: 'renewal, revocation, take-over by the clock', invariants: ['one region acts'], isSlow: true },
  { bug: 'challenger counts from the question', scenario: 'a look that freezes', invariants: ['one region acts'] },
];

export async function explorePlanted({ bug, scenario, bounds }: Planted): Promise<Explored> {
  const mutant = [...own, ...mutants].find((m) => m.name === bug);
  const found = scenarios.find((s) => s.name === scenario);
  if (mutant === undefined || found === undefined) throw new Error(`There is no bug '${bug}' or no scenario '${scenario}': change planted.ts along with what was renamed.`);
  const { product, remove } = await plant(mutant);
  try {
    return await explore(found, { product, ...(bounds === undefined ? {} : { bounds }) });
  } finally {
    await remove();
  }
}

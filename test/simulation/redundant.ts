// Sentences that may be left out alone and nothing breaks here, because another one closes the same hole; left out together they are
// planted bugs. Two lines of defence are no reason to remove one.
import { runHistory } from './history.ts';
import type { Edit } from '../planted-source.ts';
import { plant, type Mutant } from './mutant.ts';
import { leaseMutants } from './mutants-lease.ts';
import { reconcileMutants } from './mutants-reconcile.ts';
import { runbookMutants } from './mutants-runbook.ts';

type Redundant = { readonly name: string; readonly edits: readonly Edit[]; readonly plan?: Mutant['plan']; readonly because: string };

const all = [...leaseMutants, ...runbookMutants, ...reconcileMutants];

/** Of the bug that is found, the sentences from the `from`th on. */
function part(name: string, from: number, to?: number) {
  const mutant = all.find((m) => m.name === name);
  if (mutant === undefined) throw new Error(`There is no planted bug '${name}': change redundant.ts along with it.`);
  return { edits: mutant.edits.slice(from, to), ...(mutant.plan === undefined ? {} : { plan: mutant.plan }) };
}

const revoked = 'renewal ignores revocation, and the take-over what it finds';
const unknown = 'a take-over of unknown outcome opens';
const clocks = 'neither side gives anything for clocks';
const halfTaken = 'a TakeLease that died half-way is never repeated';

const unwritten = "'ours' writes nothing, and nothing is compared";

export const redundant: readonly Redundant[] = [
  {
    name: 'a take-over that does not look at the value that it finds',
    ...part(revoked, 2),
    because: `a runbook starts only from a chosen revocation, and what is revoked is not renewed; found as '${revoked}', and alone by the exhaustive exploration ([exhaustive.md](exhaustive.md))`,
  },
  { name: 'a take-over of unknown outcome is trusted', ...part(unknown, 0, 1), because: `every later step asks whether one ballot at a majority shows the epoch as held; found as '${unknown}'` },
  { name: 'a step believes what a minority shows', ...part(unknown, 1), because: `TakeLease goes on only from an outcome that is known; found as '${unknown}'` },
  { name: 'a holder acts until begin + D', ...part(clocks, 0, 1), because: `ε is given twice and 2ε is 4000 ms, where 1508.4 ms are needed; found as '${clocks}'` },
  { name: 'a challenger waits for D', ...part(clocks, 1), because: `the same; found as '${clocks}'` },
  { name: 'a tick does not repeat a half-done TakeLease', ...part(halfTaken, 0, 1), because: `the step is retried, and repeats it; found as '${halfTaken}'` },
  { name: 'TakeLease does not repeat a half-done one', ...part(halfTaken, 1), because: `the next tick repeats it; found as '${halfTaken}'` },
  {
    name: 'Synchronise does not carry its step',
    edits: [{ file: 'operations/synchronise.ts', from: "[stillAt(input, 'Synchronise')]", to: '[]' }],
    because: "the log is applied under the fence and the epoch that was opened last, as it is all the time without any step; found as 'late changes are applied over what was written since'",
  },
  {
    name: "a sign-off does not ask for the end of the returned region's log",
    edits: [{ file: 'core/divergence/sign-off.ts', from: 'return dealtWith >= end ? []', to: 'return dealtWith >= 0 || written > 0 ? []' }],
    because: 'the comparison finds what only one table has; found alone by the tests of the operation',
  },
  { name: "'ours' writes nothing", ...part(unwritten, 1), because: `the comparison finds that the other region keeps its own; found as '${unwritten}', and alone by the tests of the operation` },
];

/** @returns how many histories from `fromSeed` on broke something. */
export async function countBroken({ name, edits, plan }: Redundant, fromSeed: number, histories: number): Promise<number> {
  const { product, remove } = await plant({ name, hole: '', foundBy: [], edits });
  let broken = 0;
  try {
    for (let seed = fromSeed; seed < fromSeed + histories; seed += 1) {
      const { violation, label } = await runHistory({ seed, product, ...(plan === undefined ? {} : { plan }) });
      if (violation !== undefined && label === 'within the bound') broken += 1;
    }
  } finally {
    await remove();
  }
  return broken;
}

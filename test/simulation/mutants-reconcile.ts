// Planted bugs in the reconciliation of a region that returned: what a decision writes, and what a sign-off asks.
import type { Edit } from '../planted-source.ts';
import type { Mutant } from './mutant.ts';
import { backSoonPlan, streamBehindPlan, streamInPartsPlan, streamLostPlan } from './plans.ts';

const equal = 'a reconciled region has what the active one has';
const late = 'nothing comes after a sign-off';
const newer = 'a decision writes over nothing newer';

/** Its findings are dropped. */
const comparesNothing: Edit = { file: 'operations/sign-off.ts', from: 'missing.push(...compared.missing);', to: 'void compared.missing;' };

export const reconcileMutants: readonly Mutant[] = [
  { name: 'a sign-off believes the logs and compares nothing', hole: 'what stands in one table only is found', foundBy: [equal], edits: [comparesNothing], plan: streamLostPlan },
  {
    name: "'ours' writes nothing, and nothing is compared",
    hole: 'a decision is new history, whichever side won',
    foundBy: [equal],
    plan: backSoonPlan,
    edits: [
      comparesNothing,
      {
        file: 'operations/resolve-divergence.ts',
        from: 'const isRemovalOfNothing = wrote === null && line === null;',
        to: 'if (contentLine(wrote) === line) return true;\n  const isRemovalOfNothing = wrote === null && line === null;',
      },
    ],
  },
  {
    name: 'a decision is written whatever stands there by now',
    hole: 'the item still is what was decided upon',
    foundBy: [newer],
    edits: [{ file: 'operations/resolve-divergence.ts', from: 'if (!expected.includes(line)) return false;', to: 'void expected;' }],
  },
  {
    name: 'an undo is written over what the service wrote since',
    hole: 'only what the decision itself wrote is undone',
    foundBy: [newer],
    edits: [
      {
        file: 'operations/resolve-divergence.ts',
        from: '{ ...asked, rule: undoRule, before: last.wrote, wrote: last.before }',
        to: '{ ...asked, rule: undoRule, before: (await viewDivergentKey(home, key)).ours, wrote: last.before }',
      },
    ],
  },
  {
    name: 'a sign-off asks for no decisions, and compares nothing',
    hole: 'nothing divergent is signed off undecided',
    foundBy: [equal],
    plan: backSoonPlan,
    edits: [
      comparesNothing,
      { file: 'operations/sign-off.ts', from: 'missing.push(...keys.missing);', to: 'void keys.missing;' },
      { file: 'operations/sign-off.ts', from: 'if (compared.missing.length === 0) missing.push(...(await countKeys(ports)).missing);', to: 'void compared.missing;' },
    ],
  },
  {
    name: 'a sign-off does not ask whether the stream is drained',
    hole: 'nothing is listed after its region was signed off',
    foundBy: [late],
    plan: streamBehindPlan,
    edits: [{ file: 'core/divergence/sign-off.ts', from: 'if (lease.epoch === 0 || (drained', to: 'if (lease.epoch >= 0 || (drained' }],
  },
  {
    name: 'a later late write of a decided key asks nobody again',
    hole: 'a decision is about the last late write',
    foundBy: ['a decision is about the last late write'],
    plan: streamInPartsPlan,
    edits: [{ file: 'core/divergence/divergence-rows.ts', from: "key.state === 'decided' && key.decided === key.newest", to: "key.state === 'decided' && key.decided <= key.newest" }],
  },
];

// Planted bugs in the change log: what is shipped, what is applied, and what is listed as divergent.
import type { Mutant } from './mutant.ts';
import { leftBehindPlan } from './plans.ts';

const oldWrite = 'no write of an old epoch';

export const logMutants: readonly Mutant[] = [
  {
    name: 'an echo is shipped as a write of its own',
    hole: 'echoes are dropped by origin and epoch',
    foundBy: ['an echo is applied nowhere'],
    edits: [
      { file: 'core/log/change-record.ts', from: 'if (isApplied || isAppliedRemoval) return undefined;', to: 'if (isAppliedRemoval || last === undefined) return undefined;\n  void isApplied;' },
    ],
  },
  {
    name: 'late changes are applied over what was written since',
    hole: 'no write of an old epoch enters the surviving history',
    foundBy: [oldWrite],
    edits: [
      {
        file: 'drivers/memory/memory-data-store.ts',
        from: "if (fences.some((f) => f.epoch > epoch && f.untilAtMs !== 0) || !served.when.every((c) => holds(c, lease))) return { kind: 'fenced' };",
        to: 'void [fences, served, lease, holds];',
      },
    ],
  },
  {
    name: 'a batch is applied whatever is there already',
    hole: 'what is newer stays',
    foundBy: [oldWrite, 'nothing acknowledged is lost in silence', 'an echo is applied nowhere'],
    edits: [
      {
        file: 'drivers/memory/memory-data-store.ts',
        from: 'const fresh = records.filter((r) => this.#isFresh(r, epoch));',
        to: 'const fresh = records.filter((r) => this.#isFresh(r, epoch) || epoch > 0);',
      },
    ],
  },
  {
    name: 'a third region is not compared with where the newest epoch began',
    hole: 'no write of an old epoch enters the surviving history',
    foundBy: [oldWrite],
    plan: leftBehindPlan,
    edits: [{ file: 'operations/compare-begun.ts', from: 'begun.by === governor.me ? [] :', to: "begun.by !== '' ? [] :" }],
  },
  {
    name: 'the register is not told where an epoch begins',
    hole: 'no write of an old epoch enters the surviving history',
    foundBy: [oldWrite],
    plan: leftBehindPlan,
    edits: [{ file: 'core/failover/register-changes.ts', from: "return { kind: 'set', value: { ...current, begun } };", to: "void begun;\n  return { kind: 'set', value: current };" }],
  },
];

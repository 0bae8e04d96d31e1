// Planted bugs in what stands before the data: the gate, and the service's own writes. Their code reads the system's clock, so that the
// simulation plays them by its own rules (service.ts); the bug is in the rule.
import type { Mutant } from './mutant.ts';
import { sharedDependencyPlan } from './plans.ts';
import { soundGate } from './service.ts';

const oldWrite = ['no write of an old epoch'];

export const gateMutants: readonly Mutant[] = [
  {
    name: 'gate caches its verdict',
    hole: 'C9',
    foundBy: ['one region acts'],
    edits: [],
    gate: { ...soundGate, mayReuse: (ageMs) => ageMs <= 20_000, verdict: (_isActing, _row, _nowMs, verdictWhenRead) => verdictWhenRead },
  },
  {
    name: 'gate never re-reads an open row',
    hole: 'C9',
    foundBy: ['one region acts'],
    edits: [],
    gate: { mayReuse: (ageMs, cacheMs, row) => ageMs <= cacheMs || row.openEpoch > 0, verdict: (isActing, row, nowMs) => isActing({ ...row, untilAtMs: Number.MAX_SAFE_INTEGER }, nowMs) },
  },
  {
    name: 'a gate that is open answers by readiness',
    hole: 'H9',
    plan: sharedDependencyPlan,
    foundBy: ['a calm day stays calm'],
    edits: [],
    gate: { ...soundGate, verdict: (isActing, row, nowMs, _verdictWhenRead, isReady) => isActing(row, nowMs) && isReady },
  },
  {
    name: 'a write is judged by the item that it replaces',
    hole: 'H10',
    foundBy: oldWrite,
    edits: [],
    write: { isFenced: false, item: (epoch) => [{ attribute: 'holdfastEpoch', is: '<=', value: epoch }] },
  },
  {
    name: 'a write is judged by the deadline that its writer knew',
    hole: 'H11 (of the log that is shipped while a release waits: mutants-switch.ts)',
    foundBy: oldWrite,
    edits: [],
    write: { isFenced: false, item: () => [] },
  },
];
